//! Requests: `generateContent` to the neutral form and back.

mod calls;
mod config;
mod contents;
mod decode;
mod encode;
mod message;
mod offer;
mod schemas;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_conversation;
#[cfg(test)]
mod tests_settings;
mod thinking;
mod thoughts;
mod tools;
mod turns;

pub use decode::decode_request;
pub use encode::encode_request;

use crate::chat::{Dialect, Request};

/// See [`bound_fields`].
const BOUND: [&str; 2] = ["cachedContent", "generationConfig.responseModalities"];

/// The fields of the request that no other dialect can answer to: a prompt that is kept by Google, and
/// answers that are no text. Empty for a request of another dialect.
pub fn bound_fields(request: &Request) -> impl Iterator<Item = &'static str> {
    let is_own = request.dialect == Dialect::Gemini;
    let left = |field: &&str| request.leftovers.iter().any(|path| path == *field);
    BOUND.into_iter().filter(move |_| is_own).filter(left)
}
