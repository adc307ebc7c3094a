//! Requests of the dialect, read and written.

mod decode;
mod encode;
mod items;
mod parts;
#[cfg(test)]
mod tests;
mod thought;
mod tools;
mod write_items;
mod write_parts;
mod write_tools;

use serde_json::Value;

use crate::chat::extra::is_blank;
use crate::chat::{Dialect, Request};

pub use decode::decode_request;
pub use encode::encode_request;
pub(super) use thought::join as join_texts;

/// Fields that make an answer depend on what the provider keeps.
const STATEFUL: [&str; 4] = [
    "previous_response_id",
    "conversation",
    "prompt",
    "background",
];

/// The fields of the request that ask for what only a provider of this dialect keeps; empty for a request
/// of another dialect.
pub fn stateful_fields(request: &Request) -> impl Iterator<Item = &'static str> {
    let says = |value: &Value| !is_blank(value) && *value != Value::Bool(false);
    let is_own = request.dialect == Dialect::OpenAiResponses;
    let fields = STATEFUL.into_iter().filter(move |_| is_own);
    fields.filter(move |key| request.extra.get(key).is_some_and(says))
}
