//! Anthropic Messages: requests, answers and streams, read and written.

pub mod arguments;
pub mod cache;
pub mod citation;
pub mod finish;
mod object;
pub mod request;
pub mod response;
pub mod stream;
pub mod thought;
pub mod usage;

pub use request::{decode_request, encode_request};
pub use response::{decode_response, encode_response};
pub use stream::{Decoder, Encoder};

#[cfg(test)]
mod tests;
