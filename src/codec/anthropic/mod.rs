//! Anthropic Messages: requests, answers and streams, read and written.

pub mod arguments;
pub mod cache;
pub mod citation;
pub mod error;
pub mod finish;
mod object;
pub mod observe;
pub mod request;
pub mod response;
pub mod stream;
pub mod thought;
pub mod usage;

pub use observe::usage;
pub use request::{decode_request, encode_request};
pub use response::{decode_response, encode_response};
pub use stream::{Decoder, Encoder};

/// The event that Anthropic itself keeps silent streams alive with.
pub const PING: &[u8] = b"event: ping\ndata: {\"type\": \"ping\"}\n\n";

#[cfg(test)]
mod tests;
