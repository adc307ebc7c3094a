//! Complete answers, read and written.

mod decode;
mod encode;

pub use decode::decode_response;
pub use encode::{encode_response, message_id, tokens_of, tool_id, unsaid};
