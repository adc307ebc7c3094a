//! Clients' streams, written.

use serde_json::{Value, json};

use super::super::Encoder;
use super::{arguments, call, call_end, check, encode, end, finish, kinds, tell, text};
use crate::chat::part::{Citation, Foreign, Image, Source, ToolKind};
use crate::chat::{
    Content, Delta, Dialect, ErrorBody, FinishReason, Opaque, OpaqueKind, Part, Report, Response,
    StreamEvent, Usage,
};
use crate::codec::call_id;
use crate::codec::openai_responses::decode_request;
use crate::codec::openai_responses::response::encode_response;
use crate::codec::openai_responses::testing::{decode, exchange, fixtures, map};
use crate::codec::stream::StreamEncoder;

/// The parts without what this dialect cannot hold: whose words a seal was, and empty texts.
fn essence(response: &Response) -> Vec<Part> {
    let parts = response.choices.first().map(|choice| choice.parts.clone());
    let mut parts = parts.unwrap_or_default();
    parts.retain(|part| !matches!(&part.content, Content::Text(text) if text.text.is_empty()));
    for part in &mut parts {
        match &mut part.content {
            Content::Reasoning(thought) => {
                // What comes back to us is a token of ours in our own slot.
                if let Some(opaque) = &mut thought.opaque
                    && opaque.payload.starts_with("agw1.")
                {
                    let opened = Opaque::open(&opaque.payload, OpaqueKind::Encrypted);
                    *opaque = opened.unwrap_or_else(|| opaque.clone());
                }
            }
            Content::ToolCall(call) if call.arguments.is_empty() => {
                call.arguments = "{}".to_owned();
            }
            _ => {}
        }
    }
    parts
}

#[test]
fn what_is_written_can_be_read_again() {
    for (name, stream) in fixtures("stream") {
        let (Ok(events), true) = decode(&[stream.as_bytes()]) else {
            continue;
        };
        let first = Response::fold(events.clone());
        let mut encoder = Encoder::new(exchange());
        let mut out = Vec::new();
        for event in events {
            encoder.encode(event, &mut out);
        }
        encoder.end(&mut out);
        let written = check(&out);
        let (again, is_complete) = decode(&[&out]);
        assert!(is_complete, "{name}");
        let again = Response::fold(again.expect("no error"));
        assert_eq!(essence(&again), essence(&first), "{name}");
        assert_eq!(again.choices[0].finish, first.choices[0].finish, "{name}");
        if first.usage.is_some() {
            assert_eq!(again.usage, first.usage, "{name}");
        }
        let whole = encode_response(&first, &exchange(), &mut Report::default());
        let mut last = written.last().expect("an end")["response"].clone();
        if first.usage.is_none() {
            last["usage"] = whole["usage"].clone();
        }
        assert_eq!(
            whole, last,
            "{name}: an answer is what its stream ends with"
        );
    }
}

#[test]
fn the_events_come_in_the_order_of_the_reference() {
    let signature = Opaque::unsealed(OpaqueKind::Signature, "sig");
    let events = encode([
        StreamEvent::Start {
            id: None,
            model: None,
            created: None,
        },
        tell(Delta::Reasoning("Hm".to_owned())),
        end(Some(signature)),
        text("Let me"),
        text(" see."),
        end(None),
        call(0, "f"),
        arguments(0, "{\"q\""),
        arguments(0, ":1}"),
        call_end(0),
        end(Some(Opaque::unsealed(OpaqueKind::Redacted, "data"))),
        StreamEvent::Usage(Usage {
            input: 3,
            output: 5,
            ..Usage::default()
        }),
        finish(FinishReason::ToolCalls),
    ]);
    let expected = [
        "created",
        "in_progress",
        "output_item.added",
        "reasoning_summary_part.added",
        "reasoning_summary_text.delta",
        "reasoning_summary_text.done",
        "reasoning_summary_part.done",
        "output_item.done",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "output_item.added",
        "function_call_arguments.delta",
        "function_call_arguments.delta",
        "function_call_arguments.done",
        "output_item.done",
        "output_item.added",
        "output_item.done",
        "completed",
    ];
    assert_eq!(kinds(&events), expected);
    assert_eq!(events[0]["response"]["status"], "in_progress");
    assert_eq!(events[0]["response"]["usage"], Value::Null);
    assert_eq!(events[2]["item"]["summary"], json!([]));
    assert_eq!(events[10]["logprobs"], json!([]));
    assert_eq!(events[18]["name"], "f");
    assert_eq!(events[18]["arguments"], "{\"q\":1}");
    assert_eq!(events[22]["response"]["usage"]["total_tokens"], 8);
    let indexes: Vec<_> = events
        .iter()
        .filter_map(|e| e["output_index"].as_u64())
        .collect();
    assert!(
        indexes.is_sorted() && indexes.last() == Some(&3),
        "{indexes:?}"
    );
}

#[test]
fn calls_that_interleave_are_told_one_after_the_other() {
    let events = encode([
        call(0, "f"),
        call(1, "g"),
        arguments(1, "{\"x\""),
        arguments(0, "{\"q\":1}"),
        arguments(1, ":2}"),
        call_end(1),
        call(2, "h"),
        call_end(0),
        call_end(2),
        finish(FinishReason::ToolCalls),
    ]);
    let output = &events.last().expect("an end")["response"]["output"];
    let calls: Vec<_> = output
        .as_array()
        .expect("items")
        .iter()
        .map(|item| (item["name"].as_str(), item["arguments"].as_str()))
        .collect();
    assert_eq!(
        calls,
        [
            (Some("f"), Some("{\"q\":1}")),
            (Some("g"), Some("{\"x\":2}")),
            (Some("h"), Some("{}")),
        ]
    );
}

#[test]
fn a_call_whose_arguments_are_whole_makes_way_for_the_next() {
    let mut encoder = Encoder::new(exchange());
    let mut out = Vec::new();
    for event in [
        call(0, "f"),
        arguments(0, "{}"),
        call(1, "g"),
        arguments(1, "{\"a\""),
    ] {
        encoder.encode(event, &mut out);
    }
    let text = String::from_utf8(out).expect("text");
    assert!(text.contains(r#""delta":"{\"a\"""#), "{text}");
}

#[test]
fn a_signature_of_a_call_follows_it_and_finds_its_way_back() {
    let signature = Opaque {
        provider: Some("google".to_owned()),
        ..Opaque::unsealed(OpaqueKind::Thought, "sig")
    };
    let events = encode([
        call(0, "f"),
        tell(Delta::ToolEnd {
            call: 0,
            signature: Some(signature.clone()),
        }),
        call(1, "g"),
        call_end(1),
        finish(FinishReason::ToolCalls),
    ]);
    let output = events.last().expect("an end")["response"]["output"].clone();
    let body = json!({"input": output});
    let request = decode_request(map(body)).expect("fine");
    let signatures: Vec<_> = request
        .messages
        .iter()
        .map(|message| match &message.parts[0].content {
            Content::ToolCall(call) => call.signature.clone(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(signatures, [Some(signature), None]);
}

#[test]
fn free_form_calls_have_events_of_their_own() {
    let events = encode([
        tell(Delta::ToolCall {
            call: 0,
            id: String::new(),
            name: "apply_patch".to_owned(),
            namespace: Some("group".to_owned()),
            kind: ToolKind::Freeform,
        }),
        arguments(0, "*** Begin"),
        call_end(0),
        finish(FinishReason::ToolCalls),
    ]);
    let kinds = kinds(&events);
    assert!(kinds.contains(&"custom_tool_call_input.delta"), "{kinds:?}");
    assert!(kinds.contains(&"custom_tool_call_input.done"), "{kinds:?}");
    let item = &events.last().expect("an end")["response"]["output"][0];
    assert_eq!(item["type"], "custom_tool_call");
    assert_eq!(item["input"], "*** Begin");
    assert_eq!(item["namespace"], "group");
    assert!(
        item["call_id"]
            .as_str()
            .is_some_and(|id| id.starts_with("call_"))
    );
}

#[test]
fn citations_are_told_when_their_place_is_known() {
    let web = |start, end| {
        tell(Delta::Citation(Citation::Web {
            url: "https://example.com".to_owned(),
            title: Some("T".to_owned()),
            start,
            end,
            cited: None,
            extra: crate::chat::Extra::default(),
        }))
    };
    let foreign = tell(Delta::Citation(Citation::Foreign {
        dialect: Dialect::Anthropic,
        value: json!({"type": "page_location"}),
    }));
    let events = encode([
        text("Kö"),
        web(None, None),
        text("ln"),
        web(Some(1), Some(2)),
        foreign,
        end(None),
        finish(FinishReason::End),
    ]);
    let annotations: Vec<_> = events
        .iter()
        .filter(|event| event["type"] == "response.output_text.annotation.added")
        .map(|event| {
            (
                event["annotation_index"].as_u64(),
                event["annotation"]["start_index"].as_u64(),
                event["annotation"]["end_index"].as_u64(),
            )
        })
        .collect();
    assert_eq!(
        annotations,
        [(Some(0), Some(0), Some(4)), (Some(1), Some(1), Some(2))]
    );
}

#[test]
fn pictures_and_blocks_of_other_dialects() {
    let image = Part::new(Content::Image(Image {
        source: Source::Data {
            mime: "image/png".to_owned(),
            data: "AAAA".to_owned(),
        },
        detail: None,
    }));
    let foreign = Part::new(Content::Foreign(Foreign {
        dialect: Dialect::Anthropic,
        kind: "server_tool_use".to_owned(),
        value: json!({}),
    }));
    let mut encoder = Encoder::new(exchange());
    let mut out = Vec::new();
    for part in [image, foreign] {
        encoder.encode(tell(Delta::Whole(Box::new(part))), &mut out);
    }
    encoder.end(&mut out);
    let events = check(&out);
    let output = &events.last().expect("an end")["response"]["output"];
    assert_eq!(output[0]["type"], "image_generation_call");
    assert_eq!(output[0]["result"], "AAAA");
    let report = encoder.report();
    assert_eq!(report.dropped().collect::<Vec<_>>(), ["server_tool_use"]);
}

#[test]
fn an_answer_that_is_cut_off_is_never_completed() {
    for (reason, why) in [
        (FinishReason::Length, "max_output_tokens"),
        (FinishReason::ContextFull, "max_output_tokens"),
        (FinishReason::Filtered, "content_filter"),
    ] {
        let events = encode([text("x"), finish(reason)]);
        let last = events.last().expect("an end");
        assert_eq!(last["type"], "response.incomplete");
        assert_eq!(last["response"]["incomplete_details"]["reason"], why);
        assert_eq!(last["response"]["output"][0]["status"], "incomplete");
    }
}

#[test]
fn a_failure_is_told_once_and_nothing_after_it() {
    let error = ErrorBody {
        message: "too fast".to_owned(),
        kind: Some("rate_limit_error".to_owned()),
        ..ErrorBody::default()
    };
    for begins in [false, true] {
        let mut encoder = Encoder::new(exchange());
        let mut out = Vec::new();
        if begins {
            encoder.encode(text("Hel"), &mut out);
        }
        encoder.fail(&error, "req-1", &mut out);
        let length = out.len();
        encoder.encode(text("lo"), &mut out);
        encoder.end(&mut out);
        encoder.fail(&error, "req-1", &mut out);
        assert_eq!(out.len(), length);
        let events = check(&out);
        let last = events.last().expect("the error");
        let body = if begins {
            assert_eq!(last["type"], "response.failed");
            assert_eq!(last["response"]["status"], "failed");
            &last["response"]["error"]
        } else {
            assert_eq!(last["type"], "error");
            assert_eq!(last["param"], Value::Null);
            last
        };
        assert_eq!(body["code"], "rate_limit_exceeded");
        assert_eq!(body["message"], "too fast");
        assert_eq!(body["request_id"], "req-1");
        let read = decode(&[&out]).0.expect_err("an error");
        assert_eq!(read.message, "too fast");
    }
}

#[test]
fn a_ping_is_a_comment() {
    let mut encoder = Encoder::new(exchange());
    let mut out = Vec::new();
    encoder.encode(StreamEvent::Ping, &mut out);
    assert_eq!(out, b": ping\n\n");
}

#[test]
fn the_id_is_never_the_upstreams() {
    let made = call_id::made(exchange().seed, 0, "resp_");
    for id in ["resp_abc", "chatcmpl-1", "resp_a\r\nx: y", "resp_\u{2028}"] {
        let start = StreamEvent::Start {
            id: Some(id.to_owned()),
            model: None,
            created: None,
        };
        let events = encode([start, text("x")]);
        for event in events.iter().filter(|event| event["response"].is_object()) {
            assert_eq!(event["response"]["id"], made, "{id:?}");
        }
        assert_eq!(events[0]["response"]["id"], made);
    }
}

/// What the encoders of these tests hold.
const ROOM: usize = 1 << 16;

#[test]
fn an_answer_too_long_to_hold_fails() {
    type Said = fn(String) -> StreamEvent;
    let all: [Said; 4] = [
        |said| text(&said),
        |said| tell(Delta::Reasoning(said)),
        |said| arguments(1, &said),
        |said| tell(Delta::Logprobs(json!([said]))),
    ];
    for say in all {
        let mut encoder = Encoder::with_room(exchange(), ROOM);
        let mut out = Vec::new();
        encoder.encode(call(0, "f"), &mut out);
        encoder.encode(call(1, "g"), &mut out);
        let piece = "x".repeat(ROOM / 8);
        for _ in 0..7 {
            encoder.encode(say(piece.clone()), &mut out);
            out.clear();
        }
        assert!(encoder.overflow().is_none(), "there is room");
        for _ in 0..2 {
            encoder.encode(say(piece.clone()), &mut out);
        }
        let error = encoder.overflow().expect("it is full");
        out.clear();
        encoder.encode(say(piece.clone()), &mut out);
        assert!(out.is_empty(), "no more is taken");
        encoder.fail(&error, "req-1", &mut out);
        let seen = String::from_utf8(out).expect("UTF-8");
        assert!(seen.starts_with("event: response.failed"), "{seen:.80}");
        assert!(seen.len() < 10_000, "it is not told once more");
    }
}

#[test]
fn many_small_items_are_held_as_what_they_take() {
    let mut encoder = Encoder::with_room(exchange(), ROOM);
    let (mut out, mut count) = (Vec::new(), 0);
    while encoder.overflow().is_none() {
        encoder.encode(tell(Delta::Reasoning("x".to_owned())), &mut out);
        encoder.encode(end(None), &mut out);
        out.clear();
        count += 1;
    }
    assert!(count < ROOM / 100, "{count}");
}
