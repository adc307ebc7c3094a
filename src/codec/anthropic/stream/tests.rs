//! Streams as clients get them.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{Decoder, Encoder, trouble};
use crate::chat::part::{Citation, Foreign, Image, Source, ToolKind};
use crate::chat::{
    Content, Delta, Dialect, ErrorBody, Extra, Finish, FinishReason, Opaque, OpaqueKind, Part,
    Report, StreamEvent, Usage,
};
use crate::codec::anthropic::tests::{exchange, origin, told};
use crate::codec::stream::{StreamDecoder as _, StreamEncoder as _};
use crate::sse::Event;

/// The events of a stream, each with its data.
fn events(stream: &str) -> Vec<Value> {
    let blocks = stream.split_terminator("\n\n");
    let events = blocks.map(|block| {
        let (name, data) = block.split_once('\n').expect("two lines");
        let data: Value = serde_json::from_str(&data["data: ".len()..]).expect("JSON");
        assert_eq!(
            name,
            format!("event: {}", data["type"].as_str().expect("a type"))
        );
        data
    });
    events.collect()
}

/// Checks the grammar: one block after the other, numbered from 0, deltas within, and one end.
pub(in crate::codec::anthropic) fn check(stream: &str) {
    let events = events(stream);
    let (mut index, mut is_open, mut stage) = (0, false, 0);
    for event in &events {
        match event["type"].as_str().expect("a type") {
            "ping" => {}
            "message_start" => {
                assert_eq!(stage, 0);
                stage = 1;
            }
            "content_block_start" => {
                assert!(
                    !is_open && stage == 1 && event["index"] == index,
                    "{stream}"
                );
                is_open = true;
            }
            "content_block_delta" => {
                assert!(is_open && event["index"] == index, "{stream}");
            }
            "content_block_stop" => {
                assert!(is_open && event["index"] == index, "{stream}");
                (index, is_open) = (index + 1, false);
            }
            "message_delta" => {
                assert!(!is_open && stage == 1, "{stream}");
                assert!(event["delta"]["stop_reason"].is_string());
                stage = 2;
            }
            "message_stop" => {
                assert_eq!(stage, 2);
                stage = 3;
            }
            other => panic!("{other}"),
        }
    }
    assert_eq!(stage, 3, "{stream}");
}

/// A stream in short.
fn sketch(stream: &str) -> Vec<String> {
    let short = |event: &Value| {
        let at = &event["index"];
        let delta = &event["delta"];
        let piece = ["text", "thinking", "partial_json", "signature", "citation"]
            .iter()
            .find_map(|key| delta.get(key));
        match event["type"].as_str().unwrap_or_default() {
            "content_block_start" => {
                format!(
                    "{at} {}",
                    event["content_block"]["type"].as_str().unwrap_or_default()
                )
            }
            "content_block_delta" => {
                format!("{at} + {}", piece.map(Value::to_string).unwrap_or_default())
            }
            "content_block_stop" => format!("{at} ."),
            "message_delta" => delta["stop_reason"].as_str().unwrap_or_default().to_owned(),
            other => other.to_owned(),
        }
    };
    events(stream).iter().map(short).collect()
}

fn start() -> StreamEvent {
    StreamEvent::Start {
        id: Some("chatcmpl-1".to_owned()),
        model: Some("gpt".to_owned()),
        created: Some(1),
    }
}

fn delta(delta: Delta) -> StreamEvent {
    StreamEvent::Delta { choice: 0, delta }
}

fn text(text: &str) -> StreamEvent {
    delta(Delta::Text(text.to_owned()))
}

fn call(call: u32, id: &str) -> StreamEvent {
    delta(Delta::ToolCall {
        call,
        id: id.to_owned(),
        name: "f".to_owned(),
        namespace: None,
        kind: ToolKind::Function,
    })
}

fn arguments(call: u32, fragment: &str) -> StreamEvent {
    let fragment = fragment.to_owned();
    delta(Delta::ToolArguments { call, fragment })
}

fn finish(reason: FinishReason) -> StreamEvent {
    StreamEvent::Finish {
        choice: 0,
        finish: Finish {
            reason,
            ..Finish::default()
        },
    }
}

#[test]
fn interleaved_calls_are_told_one_after_the_other() {
    let (stream, report) = told([
        start(),
        delta(Delta::Reasoning("Hm".to_owned())),
        text("Let me"),
        call(0, "a"),
        call(1, "b"),
        arguments(1, "{\"x\""),
        arguments(0, "{\"q\":1}"),
        arguments(1, ":2}"),
        finish(FinishReason::ToolCalls),
        StreamEvent::Usage(Usage {
            input: 30,
            output: 5,
            cached: 10,
            cache_write: 4,
            reasoning: 2,
        }),
    ]);
    check(&stream);
    let sealed = Opaque::unsealed(OpaqueKind::Plain, "").seal();
    let expected = [
        "message_start".to_owned(),
        "0 thinking".to_owned(),
        "0 + \"Hm\"".to_owned(),
        format!("0 + \"{sealed}\""),
        "0 .".to_owned(),
        "1 text".to_owned(),
        "1 + \"Let me\"".to_owned(),
        "1 .".to_owned(),
        "2 tool_use".to_owned(),
        "2 + \"{\\\"q\\\":1}\"".to_owned(),
        "2 .".to_owned(),
        "3 tool_use".to_owned(),
        "3 + \"{\\\"x\\\":2}\"".to_owned(),
        "3 .".to_owned(),
        "tool_use".to_owned(),
        "message_stop".to_owned(),
    ];
    assert_eq!(sketch(&stream), expected);
    assert_eq!(report, Report::default());
    let events = events(&stream);
    let usage = &events[events.len() - 2]["usage"];
    let expected = json!({"input_tokens": 16, "cache_creation_input_tokens": 4, "cache_read_input_tokens": 10,
        "output_tokens": 5, "output_tokens_details": {"thinking_tokens": 2}});
    assert_eq!(usage, &expected);
    let message = &events[0]["message"];
    assert_eq!(message["usage"]["input_tokens"], 99, "the estimate");
    assert!(
        message["id"]
            .as_str()
            .is_some_and(|id| id.starts_with("msg_"))
    );
    assert_eq!(message["model"], "claude-sonnet-4-5");
}

#[test]
fn a_call_is_closed_early_once_it_is_whole_and_another_speaks() {
    let mut encoder = Encoder::new(Arc::new(exchange()));
    let mut out = Vec::new();
    for event in [
        start(),
        call(0, "a"),
        call(1, "b"),
        arguments(0, "{}"),
        arguments(1, "{"),
    ] {
        encoder.encode(event, &mut out);
    }
    let stream = String::from_utf8(out).expect("text");
    let expected = [
        "message_start",
        "0 tool_use",
        "0 + \"{}\"",
        "0 .",
        "1 tool_use",
        "1 + \"{\"",
    ];
    assert_eq!(sketch(&stream), expected);
}

#[test]
fn text_between_the_pieces_of_a_call_waits_for_it() {
    let (stream, _) = told([
        start(),
        call(0, "a"),
        arguments(0, "{\"q\":"),
        text("late"),
        arguments(0, "1}"),
        finish(FinishReason::ToolCalls),
    ]);
    check(&stream);
    let expected = [
        "0 tool_use",
        "0 + \"{\\\"q\\\":\"",
        "0 + \"1}\"",
        "0 .",
        "1 text",
        "1 + \"late\"",
        "1 .",
    ];
    assert_eq!(sketch(&stream)[1..8], expected);
}

#[test]
fn ids_conform_and_empty_ones_are_made() {
    let (stream, _) = told([
        start(),
        call(0, "functions.f:0"),
        call(1, ""),
        finish(FinishReason::End),
    ]);
    let ids: Vec<String> = events(&stream)
        .iter()
        .filter_map(|event| event["content_block"]["id"].as_str().map(str::to_owned))
        .collect();
    assert!(ids[0].starts_with("functionsf0_"), "{ids:?}");
    assert!(
        ids[1].starts_with("toolu_") && ids[1].len() == 30,
        "{ids:?}"
    );
    assert_eq!(
        sketch(&stream)
            .iter()
            .filter(|line| *line == "tool_use")
            .count(),
        1
    );
}

#[test]
fn reasons_to_stop_are_told_in_the_dialects_words() {
    use FinishReason as Why;
    let table = [
        (Why::End, None, "end_turn", json!(null)),
        (
            Why::StopSequence,
            Some("END"),
            "stop_sequence",
            json!("END"),
        ),
        (Why::StopSequence, None, "end_turn", json!(null)),
        (Why::ToolCalls, None, "end_turn", json!(null)),
        (Why::Length, None, "max_tokens", json!(null)),
        (
            Why::ContextFull,
            None,
            "model_context_window_exceeded",
            json!(null),
        ),
        (Why::Filtered, None, "refusal", json!(null)),
        (Why::Paused, None, "pause_turn", json!(null)),
    ];
    for (reason, sequence, word, written) in table {
        let finish = Finish {
            reason,
            stop_sequence: sequence.map(str::to_owned),
            ..Finish::default()
        };
        let (stream, _) = told([start(), StreamEvent::Finish { choice: 0, finish }]);
        let events = events(&stream);
        let delta = &events[1]["delta"];
        assert_eq!(delta["stop_reason"], word, "{reason:?}");
        assert_eq!(delta["stop_sequence"], written, "{reason:?}");
        assert_eq!(delta["stop_details"].is_object(), word == "refusal");
    }
}

#[test]
fn a_refusal_is_text_that_ends_as_one() {
    let (stream, _) = told([
        start(),
        delta(Delta::Refusal("I cannot.".to_owned())),
        finish(FinishReason::End),
    ]);
    let expected = [
        "0 text",
        "0 + \"I cannot.\"",
        "0 .",
        "refusal",
        "message_stop",
    ];
    assert_eq!(sketch(&stream)[1..], expected);
}

#[test]
fn what_cannot_be_said_is_reported() {
    let image = Image {
        source: Source::Text(String::new()),
        detail: None,
    };
    let foreign = Foreign {
        dialect: Dialect::Gemini,
        kind: "executableCode".to_owned(),
        value: json!({}),
    };
    let citation = Citation::Foreign {
        dialect: Dialect::OpenAiResponses,
        value: json!({}),
    };
    let table = [
        (
            Delta::Whole(Box::new(Part::new(Content::Image(image)))),
            "image",
        ),
        (
            Delta::Whole(Box::new(Part::new(Content::Foreign(foreign)))),
            "hosted_tool",
        ),
        (Delta::Logprobs(json!([])), "logprobs"),
        (Delta::Citation(citation), "citations"),
    ];
    for (piece, name) in table {
        let (stream, report) = told([
            start(),
            text("a"),
            delta(piece),
            text("b"),
            finish(FinishReason::End),
        ]);
        check(&stream);
        assert_eq!(report.dropped().collect::<Vec<_>>(), [name]);
    }
    let (_, report) = told([
        start(),
        StreamEvent::Delta {
            choice: 1,
            delta: Delta::Text("b".to_owned()),
        },
    ]);
    assert_eq!(report.dropped().collect::<Vec<_>>(), ["choices"]);
}

#[test]
fn citations_of_the_web_are_told_with_their_text() {
    let citation = Citation::Web {
        url: "https://example.com".to_owned(),
        title: Some("E".to_owned()),
        start: Some(1),
        end: Some(2),
        cited: None,
        extra: Extra::default(),
    };
    let (stream, report) = told([
        start(),
        text("It is."),
        delta(Delta::Citation(citation)),
        finish(FinishReason::End),
    ]);
    check(&stream);
    let expected = json!({"type": "web_search_result_location", "url": "https://example.com", "title": "E",
        "cited_text": "", "encrypted_index": ""});
    assert_eq!(events(&stream)[3]["delta"]["citation"], expected);
    assert_eq!(report, Report::default());
}

#[test]
fn a_free_form_call_becomes_an_object() {
    let (stream, _) = told([
        start(),
        delta(Delta::ToolCall {
            call: 0,
            id: "a".to_owned(),
            name: "patch".to_owned(),
            namespace: None,
            kind: ToolKind::Freeform,
        }),
        arguments(0, "*** Begin"),
        arguments(0, " \"Patch\""),
        finish(FinishReason::ToolCalls),
    ]);
    check(&stream);
    let input = events(&stream)[2]["delta"]["partial_json"].clone();
    let input: Value = serde_json::from_str(input.as_str().expect("text")).expect("JSON");
    assert_eq!(input, json!({"input": "*** Begin \"Patch\""}));
}

#[test]
fn nobody_counted_is_estimated_and_not_nothing() {
    let (stream, _) = told([start(), text("twelve bytes"), finish(FinishReason::End)]);
    let events = events(&stream);
    let usage = &events[events.len() - 2]["usage"];
    assert_eq!(usage["input_tokens"], 99);
    assert!(usage["output_tokens"].as_u64() > Some(0));
}

#[test]
fn an_answer_begins_with_its_counts_where_they_are_known() {
    let usage = Usage {
        input: 30,
        cached: 10,
        ..Usage::default()
    };
    let (stream, _) = told([
        start(),
        StreamEvent::Usage(usage),
        text("a"),
        finish(FinishReason::End),
    ]);
    let message = &events(&stream)[0]["message"];
    assert_eq!(message["usage"]["input_tokens"], 20);
    assert_eq!(message["usage"]["cache_read_input_tokens"], 10);
}

#[test]
fn a_sign_of_life_is_a_ping() {
    let mut encoder = Encoder::new(Arc::new(exchange()));
    let mut out = Vec::new();
    encoder.encode(StreamEvent::Ping, &mut out);
    assert_eq!(out, b"event: ping\ndata: {\"type\":\"ping\"}\n\n");
}

#[test]
fn a_broken_stream_ends_with_an_error_and_nothing_else() {
    let mut encoder = Encoder::new(Arc::new(exchange()));
    let mut out = Vec::new();
    encoder.encode(start(), &mut out);
    encoder.encode(text("a"), &mut out);
    out.clear();
    let error = ErrorBody {
        message: "too much".to_owned(),
        kind: Some("service_unavailable_error".to_owned()),
        ..ErrorBody::default()
    };
    encoder.fail(&error, "req-1", &mut out);
    encoder.encode(text("b"), &mut out);
    encoder.end(&mut out);
    let expected = json!({"type": "error", "error": {"type": "overloaded_error", "message": "too much"},
        "request_id": "req-1"});
    assert_eq!(events(&String::from_utf8(out).expect("text")), [expected]);
}

#[test]
fn errors_are_named_as_clients_know_them() {
    let table = [
        (Some("rate_limit_exceeded"), None, "rate_limit_error"),
        (Some("RESOURCE_EXHAUSTED"), None, "rate_limit_error"),
        (Some("UNAVAILABLE"), None, "overloaded_error"),
        (None, Some("server_is_overloaded"), "overloaded_error"),
        (
            Some("invalid_request_error"),
            Some("context_length_exceeded"),
            "invalid_request_error",
        ),
        (Some("insufficient_quota"), None, "billing_error"),
        (Some("authentication_error"), None, "api_error"),
        (Some("server_error"), None, "api_error"),
        (Some("server_error"), Some("timeout"), "timeout_error"),
        (None, None, "api_error"),
    ];
    for (kind, code, expected) in table {
        let error = ErrorBody {
            kind: kind.map(str::to_owned),
            code: code.map(str::to_owned),
            ..ErrorBody::default()
        };
        assert_eq!(trouble::kind(&error), expected, "{kind:?} {code:?}");
    }
}

#[test]
fn counts_of_a_stream_are_the_last_ones() {
    let mut decoder = Decoder::new(origin());
    let mut out = Vec::new();
    for data in [
        r#"{"type":"message_start","message":{"usage":{"input_tokens":3,"cache_read_input_tokens":10,"output_tokens":1}}}"#,
        r#"{"type":"message_delta","delta":{"stop_reason":null},"usage":{"output_tokens":7}}"#,
        r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":9}}"#,
    ] {
        let block = format!("data: {data}\n\n");
        decoder
            .decode(&Event::parse(block.as_bytes()), &mut out)
            .expect("no error");
    }
    let counts: Vec<(u64, u64)> = out
        .iter()
        .filter_map(|event| match event {
            StreamEvent::Usage(usage) => Some((usage.input, usage.output)),
            _ => None,
        })
        .collect();
    assert_eq!(counts, [(13, 1), (13, 7), (13, 9)]);
    let finishes = out
        .iter()
        .filter(|event| matches!(event, StreamEvent::Finish { .. }));
    assert_eq!(finishes.count(), 1);
    assert!(!decoder.end(&mut out));
}

#[test]
fn blocks_of_a_kind_nobody_knows_are_kept_whole() {
    let mut decoder = Decoder::new(origin());
    let mut out = Vec::new();
    for data in [
        r#"{"type":"content_block_start","index":0,"content_block":{"type":"compaction","content":null}}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"compaction_delta","content":"So "}}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"compaction_delta","content":"far."}}"#,
        r#"{"type":"content_block_stop","index":0}"#,
        r#"{"type":"brand_new_event"}"#,
    ] {
        let block = format!("data: {data}\n\n");
        decoder
            .decode(&Event::parse(block.as_bytes()), &mut out)
            .expect("no error");
    }
    let [
        StreamEvent::Delta {
            delta: Delta::Whole(part),
            ..
        },
    ] = out.as_slice()
    else {
        panic!("{out:?}");
    };
    let Content::Foreign(foreign) = &part.content else {
        panic!("{part:?}");
    };
    assert_eq!(
        foreign.value,
        json!({"type": "compaction", "content": "So far."})
    );
}
