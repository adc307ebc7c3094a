//! Complete answers, read and written.

mod decode;
mod encode;

#[cfg(test)]
mod tests;

pub use decode::decode_response;
pub use encode::{encode_response, message_id, tokens_of, tool_id, unsaid};
