//! Streams: Gemini's chunks to neutral events and back. A complete answer is one long chunk.

pub(super) mod answer;
mod candidate;
mod citations;
mod decode;
mod encode;
pub(super) mod fail;
mod finish;
pub(super) mod logprobs;
mod offsets;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_client;
pub(super) mod usage;

pub use decode::Decoder;
pub use encode::Encoder;
pub(super) use encode::response_id;
