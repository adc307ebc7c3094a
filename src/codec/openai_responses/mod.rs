//! OpenAI Responses: a conversation is a list of items, and so is an answer.
//!
//! One item is one neutral message, so that a request of this dialect is written again as it came;
//! encoders of other dialects join neighbours. How a thing was spelled, where two spellings mean the same,
//! is kept beside what is left over.

mod annotation;
pub mod error;
mod node;
pub mod observe;
pub mod request;
pub mod response;
pub mod stream;
#[cfg(test)]
mod testing;

pub use request::{decode_request, encode_request, stateful_fields};
pub use response::{decode_response, echo, encode_response};
pub use stream::{Decoder, Encoder};
