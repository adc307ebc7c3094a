//! What the generating endpoints have in common on the wire: bodies, stream switches, usage.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::refusal::Refusal;

/// `stream_options`
#[derive(Deserialize)]
pub(super) struct StreamOptions {
    include_usage: Option<bool>,
}

/// How an answer is delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Delivery {
    /// As one document.
    Whole,
    /// As a stream.
    Stream,
    /// As a stream whose last chunk carries the usage.
    StreamWithUsage,
}

impl Delivery {
    /// What `stream` and `stream_options` ask for; options without a stream are wrong.
    pub(super) fn of(
        stream: Option<bool>,
        options: Option<&StreamOptions>,
    ) -> Result<Self, Refusal> {
        match (stream == Some(true), options) {
            (false, None) => Ok(Self::Whole),
            (false, Some(_)) => Err(Refusal::invalid_field(
                "stream_options",
                "`stream_options` is only allowed together with `stream: true`.",
            )),
            (true, Some(options)) if options.include_usage == Some(true) => {
                Ok(Self::StreamWithUsage)
            }
            (true, _) => Ok(Self::Stream),
        }
    }
}

/// The request in `body`, or a 400 that says where it is wrong.
pub(super) fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    serde_json::from_slice(body)
        .map_err(|error| Refusal::invalid(format!("The body is not a valid request: {error}")))
}

/// `usage` of a generated text.
pub(super) fn usage(prompt: usize, completion: usize) -> Value {
    json!({
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0},
    })
}

/// `limit` of a request as a number of tokens; `usize::MAX` without one. Zero is wrong.
pub(super) fn limit(param: &'static str, limit: Option<u32>) -> Result<usize, Refusal> {
    match limit {
        Some(0) => Err(Refusal::invalid_field(
            param,
            format!("`{param}` must be at least 1."),
        )),
        Some(limit) => Ok(usize::try_from(limit).unwrap_or(usize::MAX)),
        None => Ok(usize::MAX),
    }
}
