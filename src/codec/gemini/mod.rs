//! Gemini `generateContent`, read and written: requests, answers, streams, the counting of tokens.
//!
//! Its JSON is that of protocol buffers: keys in two spellings, whole numbers as text, names of constants
//! in any case. All of it is read, one spelling is written ([`wire`]).

pub mod count;
pub mod error;
#[cfg(test)]
mod fixtures;
pub mod observe;
pub mod parts;
pub mod request;
pub mod response;
pub mod signature;
pub mod stream;
pub mod wire;

use bytes::Bytes;

pub use observe::usage;
pub use request::{decode_request, encode_request};
pub use response::{decode_response, encode_response};
pub use stream::{Decoder, Encoder};

/// A whole answer told as a stream of one event: line breaks between its tokens would end the event's data.
pub fn unroll(answer: &[u8]) -> Bytes {
    let mut event = Vec::with_capacity(answer.len() + 16);
    event.extend_from_slice(b"data: ");
    let lines = answer.split(|byte| matches!(byte, b'\r' | b'\n'));
    lines.for_each(|line| event.extend_from_slice(line));
    event.extend_from_slice(b"\n\n");
    event.into()
}
