//! OpenAI Chat Completions and the endpoints that share its manners (completions, embeddings, images, audio).

mod annotations;
mod cache;
pub mod counts;
pub mod decode_request;
pub mod decode_response;
mod details;
pub mod encode_request;
pub mod encode_response;
pub mod error;
mod finish;
pub mod odd;
pub mod request;
pub mod response;
mod spelling;
pub mod stream;
pub mod stream_decoder;
pub mod stream_encoder;
pub mod strip;
pub mod unroll;
mod web_search;

use crate::json::scan;

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
        let (mut usage, mut is_counted) = (Self::default(), false);
        for member in scan::members(json) {
            let member = member.ok()?;
            let value = &json[member.value..member.end];
            let count = match &json[member.key..member.key_end] {
                b"prompt_tokens" | b"input_tokens" => &mut usage.input,
                b"completion_tokens" | b"output_tokens" => &mut usage.output,
                b"prompt_tokens_details" => {
                    usage.cached = detail(value, b"cached_tokens");
                    continue;
                }
                b"completion_tokens_details" => {
                    usage.reasoning = detail(value, b"reasoning_tokens");
                    continue;
                }
                _ => continue,
            };
            if let Some(number) = number(value) {
                *count = number;
                is_counted = true;
            }
        }
        is_counted.then_some(usage)
    }
}

fn number(value: &[u8]) -> Option<u64> {
    std::str::from_utf8(value).ok()?.parse().ok()
}

/// The count called `name` in an object of details, or 0.
fn detail(details: &[u8], name: &[u8]) -> u64 {
    let mut members = scan::members(details).flatten();
    let found = members.find(|member| &details[member.key..member.key_end] == name);
    found
        .and_then(|member| number(&details[member.value..member.end]))
        .unwrap_or(0)
}

#[cfg(test)]
mod translated;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_read_under_both_names() {
        let usage = Usage::read(
            br#"{"prompt_tokens":3,"completion_tokens":5,"prompt_tokens_details":{"cached_tokens":2},
                "completion_tokens_details":{"reasoning_tokens":1}}"#,
        );
        assert_eq!(
            usage,
            Some(Usage {
                input: 3,
                output: 5,
                cached: 2,
                reasoning: 1
            })
        );
        let usage = Usage::read(br#"{"input_tokens":7,"total_tokens":7}"#);
        assert_eq!(
            usage,
            Some(Usage {
                input: 7,
                ..Usage::default()
            })
        );
    }

    #[test]
    fn what_counts_nothing_is_no_usage() {
        for json in [
            "null",
            "{}",
            "[]",
            r#"{"prompt_tokens":null}"#,
            r#"{"prompt_tokens":1.5}"#,
            "{",
        ] {
            assert_eq!(Usage::read(json.as_bytes()), None, "{json}");
        }
    }
}
