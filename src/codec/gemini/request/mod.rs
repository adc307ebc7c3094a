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
