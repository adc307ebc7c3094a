//! Complete answers: one chunk that holds everything.

mod decode;
mod encode;

pub use decode::decode_response;
pub use encode::encode_response;
