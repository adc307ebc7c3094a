//! OpenAI Chat Completions and the endpoints that share its manners (completions, embeddings, images, audio).

pub mod error;
pub mod request;
pub mod response;
pub mod stream;
pub mod strip;
pub mod unroll;

use serde::Deserialize;

/// Token counts as an answer reports them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Tokens read, cached ones included.
    pub input: u64,
    /// Tokens written, reasoning included.
    pub output: u64,
    /// Of the input: read from the upstream's cache.
    pub cached: u64,
    /// Of the output: reasoning.
    pub reasoning: u64,
}

impl Usage {
    /// Reads the value of a `usage` field; `None` if it is null or holds no counts.
    pub fn read(json: &[u8]) -> Option<Self> {
        let wire: WireUsage = serde_json::from_slice(json).ok()?;
        let input = wire.prompt_tokens.or(wire.input_tokens);
        let output = wire.completion_tokens.or(wire.output_tokens);
        if input.is_none() && output.is_none() {
            return None;
        }
        Some(Self {
            input: input.unwrap_or(0),
            output: output.unwrap_or(0),
            cached: wire
                .prompt_tokens_details
                .and_then(|details| details.cached_tokens)
                .unwrap_or(0),
            reasoning: wire
                .completion_tokens_details
                .and_then(|details| details.reasoning_tokens)
                .unwrap_or(0),
        })
    }
}

#[derive(Deserialize)]
struct WireUsage {
    prompt_tokens: Option<u64>,
    input_tokens: Option<u64>,
    completion_tokens: Option<u64>,
    output_tokens: Option<u64>,
    prompt_tokens_details: Option<InputDetails>,
    completion_tokens_details: Option<OutputDetails>,
}

#[derive(Deserialize)]
struct InputDetails {
    cached_tokens: Option<u64>,
}

#[derive(Deserialize)]
struct OutputDetails {
    reasoning_tokens: Option<u64>,
}
