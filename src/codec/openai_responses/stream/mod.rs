//! Streams of the dialect, read and written.

mod call;
mod decode;
mod encode;
mod glance;
mod item;
mod message;
#[cfg(test)]
mod tests;
mod write;

pub use decode::Decoder;
pub use encode::Encoder;
