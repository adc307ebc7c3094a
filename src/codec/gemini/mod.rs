//! Gemini `generateContent`, read and written: requests, answers, streams, the counting of tokens.
//!
//! Its JSON is that of protocol buffers: keys in two spellings, whole numbers as text, names of constants
//! in any case. All of it is read, one spelling is written ([`wire`]).

pub mod count;
#[cfg(test)]
mod fixtures;
pub mod parts;
pub mod request;
pub mod response;
pub mod signature;
pub mod stream;
pub mod wire;

pub use request::{decode_request, encode_request};
pub use response::{decode_response, encode_response};
pub use stream::{Decoder, Encoder};
