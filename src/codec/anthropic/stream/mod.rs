//! Streams: an upstream's, read; a client's, written.

mod decode;
mod encode;
mod queue;
pub mod trouble;
mod write;

#[cfg(test)]
mod tests;

pub use decode::Decoder;
pub use encode::Encoder;
