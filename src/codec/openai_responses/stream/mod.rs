//! Streams of the dialect, read and written.

mod call;
mod decode;
mod encode;
mod glance;
mod item;
mod message;
mod write;

pub use decode::Decoder;
pub use encode::Encoder;
