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
mod spelling;
pub mod stream;
pub mod stream_decoder;
pub mod stream_encoder;
pub mod strip;
pub mod unroll;
mod web_search;

pub use decode_request::decode_request;
pub use decode_response::decode_response;
pub use encode_request::encode_request;
pub use encode_response::encode_response;
pub use stream_decoder::Decoder;
pub use stream_encoder::Encoder;

use crate::chat::Usage;
use crate::json::scan;

/// Reads the value of a `usage` field as both of OpenAI's dialects write it; `None` if it is null or
/// holds no counts.
pub fn usage(json: &[u8]) -> Option<Usage> {
    let (mut usage, mut is_counted) = (Usage::default(), false);
    for member in scan::members(json) {
        let member = member.ok()?;
        let value = &json[member.value..member.end];
        let count = match &json[member.key..member.key_end] {
            b"prompt_tokens" | b"input_tokens" => &mut usage.input,
            b"completion_tokens" | b"output_tokens" => &mut usage.output,
            b"prompt_tokens_details" | b"input_tokens_details" => {
                usage.cached = count(value, b"cached_tokens");
                usage.cache_write = count(value, b"cache_write_tokens");
                continue;
            }
            b"completion_tokens_details" | b"output_tokens_details" => {
                usage.reasoning = count(value, b"reasoning_tokens");
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

/// A count, if it is a whole number.
pub(super) fn number(value: &[u8]) -> Option<u64> {
    std::str::from_utf8(value).ok()?.parse().ok()
}

/// The count called `name` in an object, or 0.
pub(super) fn count(object: &[u8], name: &[u8]) -> u64 {
    let mut members = scan::members(object).flatten();
    let found = members.find(|member| &object[member.key..member.key_end] == name);
    found
        .and_then(|member| number(&object[member.value..member.end]))
        .unwrap_or(0)
}

#[cfg(test)]
mod translated;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_read_under_both_names() {
        let counts = usage(
            br#"{"prompt_tokens":3,"completion_tokens":5,"prompt_tokens_details":{"cached_tokens":2},
                "completion_tokens_details":{"reasoning_tokens":1}}"#,
        );
        assert_eq!(
            counts,
            Some(Usage {
                input: 3,
                output: 5,
                cached: 2,
                cache_write: 0,
                reasoning: 1
            })
        );
        let counts = usage(br#"{"input_tokens":7,"total_tokens":7}"#);
        assert_eq!(
            counts,
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
            assert_eq!(usage(json.as_bytes()), None, "{json}");
        }
    }
}
