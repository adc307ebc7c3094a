//! Streams that break: an upstream reports an error, or falls silent, wherever it may be in its answer.
//!
//! The client is told of it in its own dialect, and nothing follows; no stream that broke ever ends as
//! one that is complete.

use autogw::chat::Dialect;
use autogw::proxy::relay::Broken;

use crate::corpus::{Kind, cases, others};
use crate::crossing::carry;
use crate::grammar::{self, End};

/// The beginnings of a stream: before its content, within a text, within a call's arguments.
fn beginnings(upstream: Dialect) -> [Vec<&'static str>; 3] {
    let (start, text, call) = match upstream {
        Dialect::OpenAiChat => (
            &[
                r#"data: {"id":"a","choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}"#,
            ][..],
            &[r#"data: {"id":"a","choices":[{"index":0,"delta":{"content":"Half a"}}]}"#][..],
            &[
                r#"data: {"id":"a","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"c","type":"function","function":{"name":"f","arguments":"{\"q\":"}}]}}]}"#,
            ][..],
        ),
        Dialect::OpenAiResponses => (
            &[
                "event: response.created\ndata: {\"type\":\"response.created\",\"sequence_number\":0,\"response\":{\"id\":\"resp_1\",\"object\":\"response\",\"created_at\":1,\"model\":\"m\",\"status\":\"in_progress\",\"output\":[]}}",
            ][..],
            &[
                "event: response.output_item.added\ndata: {\"type\":\"response.output_item.added\",\"sequence_number\":1,\"output_index\":0,\"item\":{\"type\":\"message\",\"id\":\"msg_1\",\"status\":\"in_progress\",\"role\":\"assistant\",\"content\":[]}}",
                "event: response.content_part.added\ndata: {\"type\":\"response.content_part.added\",\"sequence_number\":2,\"item_id\":\"msg_1\",\"output_index\":0,\"content_index\":0,\"part\":{\"type\":\"output_text\",\"text\":\"\",\"annotations\":[]}}",
                "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"sequence_number\":3,\"item_id\":\"msg_1\",\"output_index\":0,\"content_index\":0,\"delta\":\"Half a\",\"logprobs\":[]}",
            ][..],
            &[
                "event: response.output_item.added\ndata: {\"type\":\"response.output_item.added\",\"sequence_number\":4,\"output_index\":1,\"item\":{\"type\":\"function_call\",\"id\":\"fc_1\",\"call_id\":\"c\",\"name\":\"f\",\"arguments\":\"\",\"status\":\"in_progress\"}}",
                "event: response.function_call_arguments.delta\ndata: {\"type\":\"response.function_call_arguments.delta\",\"sequence_number\":5,\"item_id\":\"fc_1\",\"output_index\":1,\"delta\":\"{\\\"q\\\":\"}",
            ][..],
        ),
        Dialect::Anthropic => (
            &[
                "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\",\"content\":[],\"model\":\"m\",\"stop_reason\":null,\"stop_sequence\":null,\"usage\":{\"input_tokens\":3,\"output_tokens\":1}}}",
            ][..],
            &[
                "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}",
                "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"Half a\"}}",
            ][..],
            &[
                "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}",
                "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":1,\"content_block\":{\"type\":\"tool_use\",\"id\":\"toolu_1\",\"name\":\"f\",\"input\":{}}}",
                "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":1,\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"{\\\"q\\\":\"}}",
            ][..],
        ),
        Dialect::Gemini => (
            &[
                r#"data: {"candidates":[{"content":{"role":"model","parts":[{"text":""}]},"index":0}],"modelVersion":"m","responseId":"r"}"#,
            ][..],
            &[
                r#"data: {"candidates":[{"content":{"role":"model","parts":[{"text":"Half a"}]},"index":0}],"modelVersion":"m","responseId":"r"}"#,
            ][..],
            &[
                r#"data: {"candidates":[{"content":{"role":"model","parts":[{"functionCall":{"name":"f","args":{"q":1}}}]},"index":0}],"modelVersion":"m","responseId":"r"}"#,
            ][..],
        ),
    };
    [
        start.to_vec(),
        [start, text].concat(),
        [start, text, call].concat(),
    ]
}

/// What a provider of the dialect says when it breaks off.
fn errors(upstream: Dialect) -> &'static [&'static str] {
    match upstream {
        Dialect::OpenAiChat => &[
            r#"data: {"error":{"message":"broke","type":"server_error","param":null,"code":null}}"#,
            r#"data: {"error":"broke"}"#,
            r#"data: {"code":"x","error":"broke"}"#,
            r#"data: {"object":"error","message":"broke","type":"invalid_request_error","param":null,"code":3051}"#,
            r#"data: {"id":"a","provider":"P","error":{"code":502,"message":"broke"},"choices":[{"index":0,"delta":{"content":""},"finish_reason":"error"}]}"#,
            "event: error\ndata: {\"message\":\"broke\"}",
            r#"data: {"id":"a","choices":[{"index":0,"delta":{},"finish_reason":"error"}]}"#,
            r#"data: {"id":"a","choices":[{"index":0,"delta":{},"finish_reason":"insufficient_system_resource"}]}"#,
            r#"data: {"id":"a","choices":[{"index":0,"delta":{},"finish_reason":"abort"}]}"#,
        ],
        Dialect::OpenAiResponses => &[
            "event: error\ndata: {\"type\":\"error\",\"sequence_number\":9,\"code\":\"server_error\",\"message\":\"broke\",\"param\":null}",
            "event: error\ndata: {\"type\":\"error\",\"sequence_number\":9,\"error\":{\"type\":\"server_error\",\"code\":\"x\",\"message\":\"broke\",\"param\":null}}",
            "event: response.failed\ndata: {\"type\":\"response.failed\",\"sequence_number\":9,\"response\":{\"id\":\"resp_1\",\"object\":\"response\",\"status\":\"failed\",\"error\":{\"code\":\"server_error\",\"message\":\"broke\"},\"output\":[]}}",
        ],
        Dialect::Anthropic => &[
            "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"broke\"}}",
            "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"api_error\",\"message\":\"broke\"},\"request_id\":\"req_9\"}",
            "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"rate_limit_error\",\"message\":\"broke\"}}",
            "data: {\"type\":\"error\",\"error\":{\"type\":\"timeout_error\",\"message\":\"broke\"}}",
        ],
        Dialect::Gemini => &[
            r#"data: {"error":{"code":503,"message":"broke","status":"UNAVAILABLE"}}"#,
            r#"data: [{"error":{"code":429,"message":"broke","status":"RESOURCE_EXHAUSTED"}}]"#,
            "{\n  \"error\": {\n    \"code\": 500,\n    \"message\": \"broke\",\n    \"status\": \"INTERNAL\"\n  }\n}",
            r#"data: {"candidates":[{"content":{"role":"model","parts":[]},"finishReason":"MALFORMED_FUNCTION_CALL","finishMessage":"broke","index":0}],"modelVersion":"m","responseId":"r"}"#,
            r#"data: {"candidates":[{"finishReason":"UNEXPECTED_TOOL_CALL","finishMessage":"broke","index":0}],"modelVersion":"m","responseId":"r"}"#,
            r#"data: {"candidates":[{"finishReason":"TOO_MANY_TOOL_CALLS","finishMessage":"broke","index":0}],"modelVersion":"m","responseId":"r"}"#,
        ],
    }
}

/// How a stream of the dialect goes on if it does not know when to stop.
fn aftermath(upstream: Dialect) -> &'static str {
    match upstream {
        Dialect::OpenAiChat => {
            "data: {\"id\":\"a\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n"
        }
        Dialect::OpenAiResponses => {
            "event: response.completed\ndata: {\"type\":\"response.completed\",\"sequence_number\":10,\"response\":{\"id\":\"resp_1\",\"status\":\"completed\",\"output\":[]}}\n\n"
        }
        Dialect::Anthropic => "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
        Dialect::Gemini => "data: {\"candidates\":[{\"finishReason\":\"STOP\",\"index\":0}]}\n\n",
    }
}

/// The words by which a client would take a stream for complete.
fn last_words(client: Dialect) -> &'static [&'static str] {
    match client {
        Dialect::OpenAiChat => &["[DONE]"],
        Dialect::OpenAiResponses => &["response.completed", "response.incomplete"],
        Dialect::Anthropic => &["message_stop", "message_delta"],
        Dialect::Gemini => &["finishReason"],
    }
}

fn check(name: &str, client: Dialect, text: &str) {
    let end = grammar::of_stream(client, text);
    assert_eq!(end, Ok(End::Failed), "{name}:\n{text}");
    for word in last_words(client) {
        assert!(!text.contains(word), "{name} says {word}:\n{text}");
    }
}

#[test]
fn an_error_ends_the_stream_wherever_it_comes() {
    for upstream in Dialect::ALL {
        for (place, beginning) in beginnings(upstream).iter().enumerate() {
            for error in errors(upstream) {
                for client in others(upstream) {
                    let stream = format!(
                        "{}\n\n{error}\n\n{}",
                        beginning.join("\n\n"),
                        aftermath(upstream)
                    );
                    let name = format!("{upstream} for {client}, {place}: {error}");
                    let heard = carry(upstream, client, [stream.as_bytes()]);
                    assert!(
                        matches!(heard.end, Err(Broken::Error(_))),
                        "{name}: {:?}",
                        heard.end
                    );
                    check(&name, client, &heard.text);
                    let has_words =
                        heard.text.contains("broke") || error.contains("finish_reason\":\"");
                    assert!(has_words, "{name}:\n{}", heard.text);
                }
            }
        }
    }
}

#[test]
fn a_stream_that_ends_between_events_is_not_complete() {
    for upstream in Dialect::ALL {
        for case in cases(upstream, Kind::Stream) {
            let text = case.text.replace("\r\n", "\n");
            for client in others(upstream) {
                if carry(upstream, client, [text.as_bytes()]).end.is_err() {
                    continue;
                }
                for (end, _) in text.match_indices("\n\n").take(60) {
                    let begun = &text[..end + 2];
                    let heard = carry(upstream, client, [begun.as_bytes()]);
                    let name = format!("{upstream} {} for {client}, {end}", case.name);
                    if heard.end.is_err() {
                        check(&name, client, &heard.text);
                    } else {
                        let end = grammar::of_stream(client, &heard.text);
                        assert_eq!(end, Ok(End::Finished), "{name}");
                        assert!(is_finished(upstream, begun), "{name} is taken for complete");
                    }
                }
            }
        }
    }
}

/// Whether the upstream has said how its answer ended.
fn is_finished(upstream: Dialect, begun: &str) -> bool {
    let words: &[&str] = match upstream {
        Dialect::OpenAiChat => &["[DONE]", "\"finish_reason\":\"", "\"finish_reason\": \""],
        Dialect::OpenAiResponses => &["response.completed", "response.incomplete"],
        Dialect::Anthropic => &["message_stop"],
        Dialect::Gemini => &["finishReason", "blockReason"],
    };
    words.iter().any(|word| begun.contains(word))
}
