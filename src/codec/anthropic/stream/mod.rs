//! Streams: an upstream's, read; a client's, written.

mod decode;
mod encode;
mod queue;
pub mod trouble;
mod write;

#[cfg(test)]
mod tests;
#[cfg(test)]
pub(in crate::codec::anthropic) use tests::check;

pub use decode::Decoder;
pub use encode::Encoder;
