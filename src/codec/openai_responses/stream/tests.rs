//! Streams: cuts, pairs, and that what is written can be read.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::super::response::{decode_response, encode_response};
use super::super::testing::{blocks, decode, exchange, fixtures, json as fixture, origin};
use super::{Decoder, Encoder};
use crate::chat::part::{Citation, Foreign, Image, Source, ToolKind};
use crate::chat::{
    Content, Delta, Dialect, ErrorBody, Finish, FinishReason, Opaque, OpaqueKind, Part, Report,
    Response, StreamEvent, Usage,
};
use crate::codec::stream::{StreamDecoder, StreamEncoder};
use crate::sse::Event;

fn tell(delta: Delta) -> StreamEvent {
    StreamEvent::Delta { choice: 0, delta }
}

fn text(text: &str) -> StreamEvent {
    tell(Delta::Text(text.to_owned()))
}

fn end(signature: Option<Opaque>) -> StreamEvent {
    tell(Delta::PartEnd { signature })
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

fn call(number: u32, name: &str) -> StreamEvent {
    tell(Delta::ToolCall {
        call: number,
        id: format!("call_{number}"),
        name: name.to_owned(),
        namespace: None,
        kind: ToolKind::Function,
    })
}

fn arguments(call: u32, fragment: &str) -> StreamEvent {
    let fragment = fragment.to_owned();
    tell(Delta::ToolArguments { call, fragment })
}

fn call_end(call: u32) -> StreamEvent {
    tell(Delta::ToolEnd {
        call,
        signature: None,
    })
}

/// What the encoder writes for `events`, as its events.
fn encode(events: impl IntoIterator<Item = StreamEvent>) -> Vec<Value> {
    let mut encoder = Encoder::new(exchange());
    let mut out = Vec::new();
    for event in events {
        encoder.encode(event, &mut out);
    }
    encoder.end(&mut out);
    check(&out)
}

/// The events of a stream, after a look at what holds for every one of them.
fn check(out: &[u8]) -> Vec<Value> {
    let mut seen = Vec::new();
    for block in blocks(&[out]) {
        let event = Event::parse(&block);
        let Some(data) = event.data else { continue };
        let data: Value = serde_json::from_slice(&data).expect("JSON");
        let name = event
            .name
            .map(|name| String::from_utf8_lossy(name).into_owned());
        assert_eq!(data["type"].as_str(), name.as_deref());
        assert_eq!(data["sequence_number"], seen.len(), "{data}");
        seen.push(data);
    }
    let done: Vec<&Value> = seen
        .iter()
        .filter(|event| event["type"] == "response.output_item.done")
        .map(|event| &event["item"])
        .collect();
    let added = seen
        .iter()
        .filter(|event| event["type"] == "response.output_item.added");
    let ids: Vec<&Value> = added.map(|event| &event["item"]["id"]).collect();
    if let Some(last) = seen
        .last()
        .filter(|last| last["response"]["output"].is_array() && last["response"]["error"].is_null())
    {
        let output: Vec<&Value> = last["response"]["output"]
            .as_array()
            .expect("a list")
            .iter()
            .collect();
        assert_eq!(output, done, "the last event has the items that were done");
        let done_ids: Vec<&Value> = done.iter().map(|item| &item["id"]).collect();
        assert_eq!(ids, done_ids, "an item keeps its id");
        let unique: BTreeSet<String> = ids.iter().map(|id| id.to_string()).collect();
        assert_eq!(unique.len(), ids.len(), "ids are not used twice");
    }
    seen
}

fn kinds(events: &[Value]) -> Vec<&str> {
    let kinds = events.iter().map(|event| event["type"].as_str());
    kinds
        .map(|kind| kind.expect("a type").trim_start_matches("response."))
        .collect()
}

#[test]
fn a_stream_says_what_its_document_says() {
    let mut pairs = 0;
    for (name, stream) in fixtures("stream") {
        let (events, is_complete) = decode(&[stream.as_bytes()]);
        let Ok(events) = events else { continue };
        if !is_complete {
            continue;
        }
        let document = decode_response(fixture("response", &name), &origin()).expect("an answer");
        assert_eq!(Response::fold(events), document, "{name}");
        pairs += 1;
    }
    assert!(pairs > 20, "{pairs}");
}

#[test]
fn a_stream_may_be_cut_anywhere() {
    for (name, stream) in fixtures("stream") {
        let whole = decode(&[stream.as_bytes()]);
        let events = blocks(&[stream.as_bytes()]);
        for at in 1..stream.len() {
            let (head, tail) = stream.as_bytes().split_at(at);
            assert_eq!(blocks(&[head, tail]), events, "{name} at {at}");
        }
        let bytes: Vec<&[u8]> = stream.as_bytes().chunks(1).collect();
        assert_eq!(decode(&bytes), whole, "{name}");
    }
}

#[test]
fn what_is_cut_off_is_never_complete() {
    for (name, stream) in fixtures("stream") {
        let all = blocks(&[stream.as_bytes()]);
        for count in 0..all.len() {
            let head = all[..count].concat();
            assert!(!decode(&[&head]).1, "{name} after {count}");
        }
    }
    let (events, is_complete) = decode(&[fixture_stream("truncated").as_bytes()]);
    assert!(events.is_ok() && !is_complete);
}

fn fixture_stream(name: &str) -> String {
    let all = fixtures("stream");
    let found = all.into_iter().find(|(known, _)| known == name);
    found.expect("the fixture is there").1
}

#[test]
fn failures_are_told_in_three_shapes() {
    let cases = [
        ("error_event", None, "rate_limit_exceeded"),
        ("error_event_bare", None, "server_error"),
        (
            "error_event_nested",
            Some("insufficient_quota"),
            "insufficient_quota",
        ),
    ];
    for (name, kind, code) in cases {
        let error = decode(&[fixture_stream(name).as_bytes()])
            .0
            .expect_err(name);
        assert_eq!(error.kind.as_deref(), kind, "{name}");
        assert_eq!(error.code.as_deref(), Some(code), "{name}");
        assert!(!error.message.is_empty(), "{name}");
    }
}

/// Events of a stream without those that `leave_out` names.
fn thinned(name: &str, leave_out: &[&str]) -> Vec<u8> {
    let stream = fixture_stream(name);
    let kept = blocks(&[stream.as_bytes()]).into_iter().filter(|block| {
        let name = Event::parse(block).name.unwrap_or_default().to_vec();
        let name = String::from_utf8(name).expect("text");
        !leave_out.iter().any(|out| name.contains(out))
    });
    kept.collect::<Vec<_>>().concat()
}

#[test]
fn an_upstream_that_leaves_out_events_is_understood() {
    let cases: [&[&str]; 6] = [
        &["delta"],
        &["content_part.added"],
        &["content_part", "text.done", "arguments.done", "input.done"],
        &["output_item.added", "content_part.added"],
        &["delta", "added", "annotation"],
        &[
            "delta",
            "part",
            "text",
            "arguments",
            "input",
            "output_item",
            "in_progress",
        ],
    ];
    for name in [
        "plain_text",
        "one_tool",
        "parallel_tools",
        "freeform_tool",
        "reasoning",
        "citations",
        "logprobs",
        "refusal",
    ] {
        let document = decode_response(fixture("response", name), &origin()).expect("an answer");
        for leave_out in cases {
            let stream = thinned(name, leave_out);
            let (events, is_complete) = decode(&[&stream]);
            assert!(is_complete, "{name} without {leave_out:?}");
            let told = Response::fold(events.expect("no error"));
            assert_eq!(
                told.choices[0].parts.len(),
                document.choices[0].parts.len(),
                "{name} without {leave_out:?}"
            );
            assert_eq!(told, document, "{name} without {leave_out:?}");
        }
    }
}

#[test]
fn unknown_events_and_noise_say_nothing() {
    let mut stream = b": hello\n\ndata: [DONE]\n\nevent: response.new\ndata: {\"type\":\"response.new\",\"output_index\":null}\n\ndata: {oops\n\ndata: 5\n\nevent: response.output_item.added\ndata: {}\n\n".to_vec();
    let plain = fixture_stream("plain_text");
    stream.extend_from_slice(plain.as_bytes());
    let told = Response::fold(decode(&[&stream]).0.expect("no error"));
    let document = decode_response(fixture("response", "plain_text"), &origin()).expect("fine");
    assert_eq!(told.choices[0].parts, document.choices[0].parts);
}

#[test]
fn too_many_open_items_are_an_error() {
    let mut decoder = Decoder::new(origin());
    let mut out = Vec::new();
    let mut failed = false;
    for index in 0..5_000 {
        let data = format!(
            r#"{{"type":"response.output_item.added","output_index":{index},"item":{{"type":"message"}}}}"#
        );
        let block = format!("data: {data}\n\n");
        failed |= decoder
            .decode(&Event::parse(block.as_bytes()), &mut out)
            .is_err();
    }
    assert!(failed);
}

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
    let request = super::super::decode_request(super::super::testing::map(body)).expect("fine");
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
fn an_upstreams_own_id_is_kept() {
    for (id, kept) in [("resp_abc", true), ("chatcmpl-1", false)] {
        let start = StreamEvent::Start {
            id: Some(id.to_owned()),
            model: None,
            created: None,
        };
        let events = encode([start, text("x")]);
        assert_eq!(events[0]["response"]["id"] == id, kept);
    }
}

#[test]
fn hostile_streams_never_panic() {
    let odd = [
        json!(null),
        json!(5),
        json!([]),
        json!({}),
        json!("x"),
        json!(u64::MAX),
    ];
    let mut tried = 0;
    for (_, stream) in fixtures("stream") {
        for block in blocks(&[stream.as_bytes()]) {
            let event = Event::parse(&block);
            let data: Value = serde_json::from_slice(&event.data.expect("data")).expect("JSON");
            let keys: Vec<String> = data
                .as_object()
                .expect("an object")
                .keys()
                .cloned()
                .collect();
            for (key, odd) in keys
                .iter()
                .flat_map(|key| odd.iter().map(move |odd| (key, odd)))
            {
                let mut broken = data.clone();
                broken[key] = odd.clone();
                let whole = format!("data: {broken}\n\n{stream}");
                let (events, _) = decode(&[whole.as_bytes()]);
                if let Ok(events) = events {
                    let mut encoder = Encoder::new(exchange());
                    let mut out = Vec::new();
                    for event in events.into_iter().take(50) {
                        encoder.encode(event, &mut out);
                    }
                    encoder.end(&mut out);
                }
                tried += 1;
            }
        }
    }
    assert!(tried > 1_000, "{tried}");
}
