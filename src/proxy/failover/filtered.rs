//! Whole answers that hold nothing, because a filter took it out.

use serde_json::Value;

use crate::chat::Dialect;

/// Reasons for which Gemini ends a candidate that its filters took.
const BLOCKED: [&str; 5] = [
    "SAFETY",
    "PROHIBITED_CONTENT",
    "BLOCKLIST",
    "SPII",
    "IMAGE_SAFETY",
];

/// Whether all that the answer says is that a filter has taken the rest.
pub(super) fn is_filtered(dialect: Dialect, answer: &[u8]) -> bool {
    // Most answers hold none of these words, and are not read for them.
    let words: [&[u8]; 4] = [
        b"content_filter",
        b"refusal",
        b"blockReason",
        b"finishReason",
    ];
    let mut words = words.iter();
    if !words.any(|word| memchr::memmem::find(answer, word).is_some()) {
        return false;
    }
    let Ok(answer) = serde_json::from_slice::<Value>(answer) else {
        return false;
    };
    match dialect {
        Dialect::OpenAiChat => all(&answer["choices"], |choice| {
            choice["finish_reason"] == "content_filter" && says_nothing(&choice["message"])
        }),
        Dialect::OpenAiResponses => {
            answer["incomplete_details"]["reason"] == "content_filter"
                && !list(&answer["output"]).iter().any(says_something)
        }
        Dialect::Anthropic => {
            answer["stop_reason"] == "refusal" && list(&answer["content"]).is_empty()
        }
        Dialect::Gemini => {
            let is_empty = |candidate: &Value| {
                let reason = candidate["finishReason"].as_str().unwrap_or_default();
                BLOCKED.contains(&reason) && list(&candidate["content"]["parts"]).is_empty()
            };
            let candidates = &answer["candidates"];
            all(candidates, is_empty)
                || (list(candidates).is_empty()
                    && answer["promptFeedback"]["blockReason"].is_string())
        }
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn all(value: &Value, is: impl Fn(&Value) -> bool) -> bool {
    !list(value).is_empty() && list(value).iter().all(is)
}

fn is_blank(value: &Value) -> bool {
    value.as_str().is_none_or(str::is_empty)
}

fn says_nothing(message: &Value) -> bool {
    is_blank(&message["content"]) && list(&message["tool_calls"]).is_empty()
}

fn says_something(item: &Value) -> bool {
    item["type"] != "reasoning"
        && (item["type"] != "message"
            || list(&item["content"])
                .iter()
                .any(|part| !is_blank(&part["text"])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_filter_emptied_is_known_in_every_dialect() {
        for (dialect, answer, expected) in [
            (
                Dialect::OpenAiChat,
                r#"{"choices":[{"finish_reason":"content_filter","message":{"content":""}}]}"#,
                true,
            ),
            (
                Dialect::OpenAiChat,
                r#"{"choices":[{"finish_reason":"content_filter","message":{"content":"half"}}]}"#,
                false,
            ),
            (
                Dialect::OpenAiChat,
                r#"{"choices":[{"finish_reason":"stop","message":{"content":"content_filter"}}]}"#,
                false,
            ),
            (
                Dialect::OpenAiChat,
                r#"{"choices":[],"x":"content_filter"}"#,
                false,
            ),
            (
                Dialect::OpenAiResponses,
                r#"{"incomplete_details":{"reason":"content_filter"},"output":[{"type":"reasoning"}]}"#,
                true,
            ),
            (
                Dialect::OpenAiResponses,
                r#"{"incomplete_details":{"reason":"content_filter"},"output":[{"type":"function_call"}]}"#,
                false,
            ),
            (
                Dialect::Anthropic,
                r#"{"stop_reason":"refusal","content":[]}"#,
                true,
            ),
            (
                Dialect::Anthropic,
                r#"{"stop_reason":"refusal","content":[{"type":"text","text":"a"}]}"#,
                false,
            ),
            (
                Dialect::Gemini,
                r#"{"promptFeedback":{"blockReason":"SAFETY"}}"#,
                true,
            ),
            (
                Dialect::Gemini,
                r#"{"candidates":[{"finishReason":"SAFETY"}]}"#,
                true,
            ),
            (
                Dialect::Gemini,
                r#"{"candidates":[{"finishReason":"STOP","content":{"parts":[{"text":"a"}]}}]}"#,
                false,
            ),
            (Dialect::Gemini, "blockReason", false),
        ] {
            assert_eq!(
                is_filtered(dialect, answer.as_bytes()),
                expected,
                "{answer}"
            );
        }
    }
}
