//! Google Gemini `generateContent`: candidates and parts.

pub mod error;
pub mod observe;

use bytes::Bytes;

pub use observe::usage;

/// A whole answer told as a stream of one event: line breaks between its tokens would end the event's data.
pub fn unroll(answer: &[u8]) -> Bytes {
    let mut event = Vec::with_capacity(answer.len() + 16);
    event.extend_from_slice(b"data: ");
    let lines = answer.split(|byte| matches!(byte, b'\r' | b'\n'));
    lines.for_each(|line| event.extend_from_slice(line));
    event.extend_from_slice(b"\n\n");
    event.into()
}
