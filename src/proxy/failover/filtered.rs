//! Answers that hold nothing, because a filter took it out: documents, and streams that begin with their end.
//! A translated stream is told its end only when it is over, and is not known by it.

use std::collections::VecDeque;

use bytes::Bytes;
use serde_json::Value;

use crate::chat::Dialect;
use crate::proxy::receive::GoodBody;

/// Reasons for which Gemini ends a candidate that its filters took.
const BLOCKED: [&str; 5] = [
    "SAFETY",
    "PROHIBITED_CONTENT",
    "BLOCKLIST",
    "SPII",
    "IMAGE_SAFETY",
];

/// Whether all that the answer says is that a filter has taken the rest. `dialect` is the client's.
pub(super) fn is_emptied(dialect: Dialect, body: &GoodBody) -> bool {
    match body {
        GoodBody::Whole(answer, _) => {
            names_a_reason(answer)
                && serde_json::from_slice(answer).is_ok_and(|answer| is_filtered(dialect, &answer))
        }
        GoodBody::Carried(carried) => is_filtered(dialect, &carried.body),
        GoodBody::Stream(opened) => ends_at_once(dialect, &opened.ready),
        GoodBody::Raw(_) => false,
    }
}

/// Most answers hold none of these words, and are not read for them.
fn names_a_reason(bytes: &[u8]) -> bool {
    let words: [&[u8]; 4] = [
        b"content_filter",
        b"refusal",
        b"blockReason",
        b"finishReason",
    ];
    let mut words = words.iter();
    words.any(|word| memchr::memmem::find(bytes, word).is_some())
}

fn is_filtered(dialect: Dialect, answer: &Value) -> bool {
    match dialect {
        Dialect::OpenAiChat => all(&answer["choices"], |choice| {
            choice["finish_reason"] == "content_filter" && says_nothing(&choice["message"])
        }),
        Dialect::OpenAiResponses => {
            answer["incomplete_details"]["reason"] == "content_filter"
                && !list(&answer["output"]).iter().any(says_something)
        }
        Dialect::Anthropic => {
            answer["stop_reason"] == "refusal" && list(&answer["content"]).iter().all(is_blank_text)
        }
        Dialect::Gemini => {
            let is_empty = |candidate: &Value| {
                let reason = candidate["finishReason"].as_str().unwrap_or_default();
                BLOCKED.contains(&reason) && has_no_parts(candidate)
            };
            let candidates = &answer["candidates"];
            all(candidates, is_empty)
                || (list(candidates).is_empty()
                    && answer["promptFeedback"]["blockReason"].is_string())
        }
    }
}

/// Whether the first events of a stream hold its end, with a filter's reason, and nothing else.
fn ends_at_once(dialect: Dialect, ready: &VecDeque<Bytes>) -> bool {
    if !ready.iter().any(|events| names_a_reason(events)) {
        return false;
    }
    // What is kept here is the beginning of a stream: whole events, each with its data on one line.
    let lines = ready
        .iter()
        .flat_map(|events| events.split(|b| *b == b'\n'));
    let data = lines.filter_map(|line| line.strip_prefix(b"data:"));
    let events: Vec<Value> = data
        .filter_map(|data| serde_json::from_slice(data).ok())
        .collect();
    events.iter().any(|event| is_filtered_end(dialect, event))
        && !events.iter().any(|event| holds_content(dialect, event))
}

fn is_filtered_end(dialect: Dialect, event: &Value) -> bool {
    match dialect {
        Dialect::OpenAiChat => all(&event["choices"], |choice| {
            choice["finish_reason"] == "content_filter"
        }),
        Dialect::OpenAiResponses => {
            event["type"] == "response.incomplete" && is_filtered(dialect, &event["response"])
        }
        Dialect::Anthropic => event["delta"]["stop_reason"] == "refusal",
        Dialect::Gemini => is_filtered(dialect, event),
    }
}

fn holds_content(dialect: Dialect, event: &Value) -> bool {
    match dialect {
        Dialect::OpenAiChat => {
            let mut choices = list(&event["choices"]).iter();
            choices.any(|choice| !says_nothing(&choice["delta"]))
        }
        // Its last event repeats the whole.
        Dialect::OpenAiResponses => false,
        Dialect::Anthropic => {
            event["type"] == "content_block_delta"
                || (event["type"] == "content_block_start"
                    && !is_blank_text(&event["content_block"]))
        }
        Dialect::Gemini => {
            let mut candidates = list(&event["candidates"]).iter();
            candidates.any(|candidate| !has_no_parts(candidate))
        }
    }
}

fn has_no_parts(candidate: &Value) -> bool {
    let mut parts = list(&candidate["content"]["parts"]).iter();
    parts.all(|part| part["text"] == "")
}

fn is_blank_text(block: &Value) -> bool {
    block["type"] == "text" && is_blank(&block["text"])
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
            let body = GoodBody::Whole(Bytes::from_static(answer.as_bytes()), None);
            assert_eq!(is_emptied(dialect, &body), expected, "{answer}");
        }
    }

    #[test]
    fn so_is_a_stream_that_ends_before_it_has_begun() {
        for (dialect, events, expected) in [
            (
                Dialect::OpenAiChat,
                vec![
                    r#"{"choices":[{"delta":{"role":"assistant","content":""}}]}"#,
                    r#"{"choices":[{"delta":{},"finish_reason":"content_filter"}]}"#,
                ],
                true,
            ),
            (
                Dialect::OpenAiChat,
                vec![
                    r#"{"choices":[{"delta":{"content":"half"}}]}"#,
                    r#"{"choices":[{"delta":{},"finish_reason":"content_filter"}]}"#,
                ],
                false,
            ),
            (
                Dialect::OpenAiChat,
                vec![r#"{"choices":[{"delta":{"content":"content_filter"}}]}"#],
                false,
            ),
            (
                Dialect::OpenAiResponses,
                vec![
                    r#"{"type":"response.created","response":{}}"#,
                    r#"{"type":"response.incomplete","response":{"incomplete_details":{"reason":"content_filter"},"output":[]}}"#,
                ],
                true,
            ),
            (
                Dialect::OpenAiResponses,
                vec![
                    r#"{"type":"response.incomplete","response":{"incomplete_details":{"reason":"content_filter"},"output":[{"type":"function_call"}]}}"#,
                ],
                false,
            ),
            (
                Dialect::Anthropic,
                vec![
                    r#"{"type":"message_start","message":{"content":[],"stop_reason":null}}"#,
                    r#"{"type":"message_delta","delta":{"stop_reason":"refusal"}}"#,
                ],
                true,
            ),
            (
                Dialect::Anthropic,
                vec![
                    r#"{"type":"content_block_start","content_block":{"type":"tool_use"}}"#,
                    r#"{"type":"message_delta","delta":{"stop_reason":"refusal"}}"#,
                ],
                false,
            ),
            (
                Dialect::Gemini,
                vec![r#"{"promptFeedback":{"blockReason":"SAFETY"}}"#],
                true,
            ),
            (
                Dialect::Gemini,
                vec![
                    r#"{"candidates":[{"content":{"parts":[{"text":""}]},"finishReason":"SAFETY"}]}"#,
                ],
                true,
            ),
            (
                Dialect::Gemini,
                vec![
                    r#"{"candidates":[{"content":{"parts":[{"text":"a"}]}}]}"#,
                    r#"{"candidates":[{"finishReason":"SAFETY"}]}"#,
                ],
                false,
            ),
        ] {
            let ready = events.iter().map(|data| format!("data: {data}\n\n").into());
            assert_eq!(
                ends_at_once(dialect, &ready.collect()),
                expected,
                "{events:?}"
            );
        }
    }
}
