//! Streams: liberal in what is read, strict in what is written.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{exchange, fixtures, read_stream};
use crate::chat::part::{Citation, Content, ToolKind};
use crate::chat::{
    Delta, Dialect, ErrorBody, Finish, FinishReason, Opaque, OpaqueKind, Response, StreamEvent,
    Usage,
};
use crate::codec::openai_chat::stream_encoder::Encoder;
use crate::codec::stream::StreamEncoder;
use crate::codec::target::Exchange;

fn stream(chunks: &[Value]) -> String {
    let chunks: Vec<String> = chunks.iter().map(Value::to_string).collect();
    let events = chunks.iter().flat_map(|chunk| ["data: ", chunk, "\n\n"]);
    events.collect()
}

fn delta(delta: Value) -> Value {
    let mut chunk = json!({"id": "x", "choices": [{"index": 0}]});
    chunk["choices"][0]["delta"] = delta;
    chunk
}

/// Names, ids and arguments of the calls of a stream.
fn calls(chunks: &[Value]) -> Vec<(String, String, String)> {
    let text = stream(chunks) + "data: [DONE]\n\n";
    let (told, end) = read_stream(&[text.as_bytes()]);
    assert_eq!(end, Ok(true));
    let mut response = Response::fold(told);
    let parts = response.choices.swap_remove(0).parts.into_iter();
    parts
        .filter_map(|part| match part.content {
            Content::ToolCall(call) => Some((call.name, call.id, call.arguments)),
            _ => None,
        })
        .collect()
}

fn piece(piece: Value) -> Value {
    let mut calls = json!({ "tool_calls": [] });
    calls["tool_calls"] = Value::Array(vec![piece]);
    delta(calls)
}

#[test]
fn pieces_of_calls_find_their_call_however_they_are_labelled() {
    let f = |id: &str, args: &str| ("f".to_owned(), id.to_owned(), args.to_owned());
    let g = |id: &str, args: &str| ("g".to_owned(), id.to_owned(), args.to_owned());
    let table = [
        (
            "an id with every piece, and no name",
            vec![
                piece(json!({"index": 0, "id": "a", "function": {"name": "f", "arguments": ""}})),
                piece(json!({"index": 0, "id": "b", "function": {"arguments": "{"}})),
                piece(json!({"index": 0, "id": "c", "function": {"arguments": "}"}})),
            ],
            vec![f("a", "{}")],
        ),
        (
            "one index for two calls",
            vec![
                piece(json!({"index": 0, "id": "a", "function": {"name": "f", "arguments": "{}"}})),
                piece(json!({"index": 0, "id": "b", "function": {"name": "g", "arguments": "{}"}})),
            ],
            vec![f("a", "{}"), g("b", "{}")],
        ),
        (
            "no index, names only",
            vec![
                piece(json!({"function": {"name": "f", "arguments": "{"}})),
                piece(json!({"function": {"arguments": "}"}})),
                piece(json!({"function": {"name": "g", "arguments": "{}"}})),
            ],
            vec![f("", "{}"), g("", "{}")],
        ),
        (
            "a name in two halves, and repeated with the arguments",
            vec![
                piece(json!({"index": 3, "id": "a", "function": {"name": "f"}})),
                piece(json!({"index": 3, "id": "a", "function": {"name": "f", "arguments": "{"}})),
                piece(json!({"index": 3, "id": "a", "function": {"name": "f", "arguments": "}"}})),
            ],
            vec![f("a", "{}")],
        ),
        (
            "fragments that interleave",
            vec![
                piece(json!({"index": 0, "id": "a", "function": {"name": "f", "arguments": "{"}})),
                piece(json!({"index": 1, "id": "b", "function": {"name": "g", "arguments": "{"}})),
                piece(json!({"index": 0, "function": {"arguments": "}"}})),
                piece(json!({"index": 1, "function": {"arguments": "}"}})),
            ],
            vec![f("a", "{}"), g("b", "{}")],
        ),
        (
            "a null index",
            vec![
                piece(
                    json!({"index": null, "id": "a", "function": {"name": "f", "arguments": "{"}}),
                ),
                piece(
                    json!({"index": null, "id": null, "function": {"name": null, "arguments": "}"}}),
                ),
            ],
            vec![f("a", "{}")],
        ),
    ];
    for (what, chunks, expected) in table {
        assert_eq!(calls(&chunks), expected, "{what}");
    }
}

#[test]
fn text_behind_calls_waits_until_they_are_complete() {
    let chunks = [
        piece(json!({"index": 0, "id": "a", "function": {"name": "f", "arguments": "{"}})),
        delta(json!({"content": "late"})),
        piece(json!({"index": 0, "function": {"arguments": "}"}})),
    ];
    assert_eq!(calls(&chunks)[0].2, "{}");
    let text = stream(&chunks) + "data: [DONE]\n\n";
    let (told, _) = read_stream(&[text.as_bytes()]);
    let kinds: Vec<_> = told
        .iter()
        .filter_map(|event| match event {
            StreamEvent::Delta { delta, .. } => Some(match delta {
                Delta::ToolEnd { .. } => "end",
                Delta::Text(_) => "text",
                _ => return None,
            }),
            _ => None,
        })
        .collect();
    assert_eq!(kinds, ["end", "text"]);
}

#[test]
fn a_stream_without_its_end_is_not_complete() {
    let said = delta(json!({"content": "a"}));
    let finished = json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]});
    let other = json!({"choices": [{"index": 1, "delta": {"content": "b"}}]});
    let empty = json!({"choices": [{"index": 0, "delta": {}, "finish_reason": ""}]});
    let table = [
        (vec![], "", false),
        (vec![said.clone()], "", false),
        (vec![said.clone(), empty], "", false),
        (vec![said.clone()], "data: [DONE]\n\n", true),
        (vec![said.clone(), finished.clone()], "", true),
        (vec![said.clone(), other, finished], "", false),
    ];
    for (chunks, end, is_complete) in table {
        let text = stream(&chunks) + end;
        let (told, complete) = read_stream(&[text.as_bytes()]);
        assert_eq!(complete, Ok(is_complete), "{text}");
        let ends = told
            .iter()
            .filter(|event| matches!(event, StreamEvent::Finish { .. }));
        assert_eq!(ends.count() > 0, is_complete, "{text}");
    }
    for (name, text) in fixtures("stream") {
        let (_, end) = read_stream(&[text.as_bytes()]);
        match name.as_str() {
            "truncated" => assert_eq!(end, Ok(false)),
            "error_event" => assert_eq!(
                end.expect_err("an error").message,
                "The server had an error."
            ),
            _ => assert_eq!(end, Ok(true), "{name}"),
        }
    }
}

#[test]
fn failures_inside_a_stream_are_errors() {
    for text in [
        "data: {\"error\":{\"message\":\"m\"}}\n\n",
        "data: {\"error\":\"m\",\"choices\":[]}\n\n",
        "event: error\ndata: {\"message\":\"m\"}\n\n",
        "data: {error: {message: \"m\"}}\n\n",
        "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"error\"}],\"error\":{\"message\":\"m\",\"code\":502}}\n\n",
    ] {
        let (_, end) = read_stream(&[text.as_bytes()]);
        assert_eq!(end.expect_err("an error").message, "m", "{text}");
    }
    let (_, end) = read_stream(&[
        b"data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"insufficient_system_resource\"}]}\n\n",
    ]);
    assert!(end.is_err());
}

fn write(events: Vec<StreamEvent>, exchange: Exchange) -> Vec<Value> {
    let mut encoder = Encoder::new(Arc::new(exchange));
    let mut out = Vec::new();
    for event in events {
        encoder.encode(event, &mut out);
    }
    encoder.end(&mut out);
    chunks(&out)
}

fn chunks(out: &[u8]) -> Vec<Value> {
    let text = std::str::from_utf8(out).expect("UTF-8");
    text.split_terminator("\n\n")
        .filter_map(|event| event.strip_prefix("data: "))
        .filter(|data| *data != "[DONE]")
        .map(|data| serde_json::from_str(data).expect("JSON"))
        .collect()
}

fn tell(deltas: Vec<Delta>, reason: FinishReason) -> Vec<StreamEvent> {
    let start = StreamEvent::Start {
        id: Some("msg_1".to_owned()),
        model: None,
        created: None,
    };
    let deltas = deltas
        .into_iter()
        .map(|delta| StreamEvent::Delta { choice: 0, delta });
    let finish = StreamEvent::Finish {
        choice: 0,
        finish: Finish {
            reason,
            native: Some("end_turn".to_owned()),
            ..Finish::default()
        },
    };
    [start].into_iter().chain(deltas).chain([finish]).collect()
}

fn deltas(chunks: &[Value]) -> Vec<Value> {
    let deltas = chunks
        .iter()
        .map(|chunk| chunk["choices"][0]["delta"].clone());
    deltas
        .filter(|delta| delta.get("role").is_none() && *delta != json!({}))
        .collect()
}

fn call(call: u32, name: &str) -> Delta {
    Delta::ToolCall {
        call,
        id: format!("toolu_{call}"),
        name: name.to_owned(),
        namespace: None,
        kind: ToolKind::Function,
    }
}

#[test]
fn the_usage_chunk_is_for_who_asked() {
    let usage = Usage {
        input: 3,
        output: 2,
        ..Usage::default()
    };
    for include_usage in [true, false] {
        let mut events = tell(vec![Delta::Text("a".to_owned())], FinishReason::End);
        events.push(StreamEvent::Usage(usage));
        let exchange = Exchange {
            include_usage,
            ..exchange()
        };
        let chunks = write(events, exchange);
        let counted = chunks.iter().filter(|chunk| chunk["usage"].is_object());
        assert_eq!(counted.count(), usize::from(include_usage));
        assert_eq!(chunks[0].get("usage").is_some(), include_usage);
        let last = chunks.last().expect("a chunk");
        if include_usage {
            assert_eq!(
                (&last["choices"], &last["usage"]["total_tokens"]),
                (&json!([]), &json!(5))
            );
        } else {
            assert_eq!(last["choices"][0]["finish_reason"], "stop");
            assert_eq!(last["choices"][0]["native_finish_reason"], "end_turn");
        }
    }
}

#[test]
fn a_call_without_arguments_has_an_empty_object() {
    let end = Delta::ToolEnd {
        call: 0,
        signature: None,
    };
    for told in [vec![call(0, "f"), end], vec![call(0, "f")]] {
        let chunks = write(tell(told, FinishReason::ToolCalls), exchange());
        let deltas = deltas(&chunks);
        assert_eq!(deltas[0]["tool_calls"][0]["id"], "toolu_0");
        assert_eq!(deltas[0]["tool_calls"][0]["function"]["arguments"], "");
        assert_eq!(
            deltas[1]["tool_calls"],
            json!([{"index": 0, "function": {"arguments": "{}"}}])
        );
        assert_eq!(deltas.len(), 2);
    }
}

#[test]
fn texts_around_a_call_are_set_apart_and_others_are_not() {
    let text = |text: &str| Delta::Text(text.to_owned());
    let end = || Delta::PartEnd { signature: None };
    let chunks = write(
        tell(
            vec![text("a"), end(), text("b"), call(0, "f"), text("c")],
            FinishReason::End,
        ),
        exchange(),
    );
    let said: String = deltas(&chunks)
        .iter()
        .filter_map(|delta| delta["content"].as_str())
        .collect();
    assert_eq!(said, "ab\n\nc");
}

#[test]
fn places_of_citations_are_those_of_the_whole_text() {
    let web = Citation::Web {
        url: "https://e.org".to_owned(),
        title: None,
        start: None,
        end: None,
        cited: None,
        extra: crate::chat::Extra::default(),
    };
    let foreign = Citation::Foreign {
        dialect: Dialect::Anthropic,
        value: json!({"type": "page_location"}),
    };
    let told = vec![
        Delta::Text("äb".to_owned()),
        Delta::PartEnd { signature: None },
        Delta::Text("cde".to_owned()),
        Delta::Citation(web),
        Delta::Citation(foreign),
    ];
    let mut encoder = Encoder::new(Arc::new(exchange()));
    let mut out = Vec::new();
    for event in tell(told, FinishReason::End) {
        encoder.encode(event, &mut out);
    }
    let deltas = deltas(&chunks(&out));
    let place = &deltas[2]["annotations"][0]["url_citation"];
    assert_eq!(
        (&place["start_index"], &place["end_index"]),
        (&json!(2), &json!(5))
    );
    let report = encoder.report();
    assert_eq!(
        report.dropped().collect::<Vec<_>>(),
        ["choices[].message.annotations.page_location"]
    );
}

#[test]
fn a_token_is_sealed_beside_its_thought() {
    let token = Opaque {
        provider: Some("claude".to_owned()),
        ..Opaque::unsealed(OpaqueKind::Signature, "sig")
    };
    let told = vec![
        Delta::Reasoning("Hm".to_owned()),
        Delta::Reasoning(".".to_owned()),
        Delta::PartEnd {
            signature: Some(token.clone()),
        },
        Delta::PartEnd {
            signature: Some(token.clone()),
        },
        Delta::Text("Hi".to_owned()),
    ];
    let deltas = deltas(&write(tell(told, FinishReason::End), exchange()));
    assert_eq!(deltas[0], json!({"reasoning_content": "Hm"}));
    assert_eq!(
        deltas[2]["reasoning_details"],
        json!([{"type": "reasoning.text", "text": "Hm.", "signature": token.seal(), "index": 0}])
    );
    assert_eq!(
        deltas[3]["reasoning_details"],
        json!([{"type": "reasoning.encrypted", "data": token.seal(), "index": 1}])
    );
}

#[test]
fn a_client_of_legacy_functions_is_answered_in_its_words() {
    let told = vec![
        call(0, "f"),
        Delta::ToolArguments {
            call: 0,
            fragment: "{}".to_owned(),
        },
    ];
    let exchange = Exchange {
        legacy_functions: true,
        ..exchange()
    };
    let chunks = write(tell(told, FinishReason::ToolCalls), exchange);
    let deltas = deltas(&chunks);
    assert_eq!(
        deltas[0],
        json!({"function_call": {"name": "f", "arguments": ""}})
    );
    assert_eq!(deltas[1], json!({"function_call": {"arguments": "{}"}}));
    let finished = chunks
        .iter()
        .any(|chunk| chunk["choices"][0]["finish_reason"] == "function_call");
    assert!(finished);
}

#[test]
fn a_broken_stream_ends_with_an_error_and_nothing_else() {
    let mut encoder = Encoder::new(Arc::new(exchange()));
    let mut out = Vec::new();
    let delta = Delta::Text("a".to_owned());
    encoder.encode(StreamEvent::Delta { choice: 0, delta }, &mut out);
    let error = ErrorBody {
        message: "broken".to_owned(),
        ..ErrorBody::default()
    };
    encoder.fail(&error, "req_1", &mut out);
    encoder.end(&mut out);
    encoder.encode(StreamEvent::Ping, &mut out);
    let last = chunks(&out).pop().expect("a chunk");
    assert_eq!(
        last,
        json!({"error": {"message": "broken", "type": "server_error", "param": null, "code": null, "request_id": "req_1"}})
    );
    assert!(!String::from_utf8_lossy(&out).contains("[DONE]"));
}

#[test]
fn an_answer_of_nothing_is_still_one() {
    let chunks = write(Vec::new(), exchange());
    assert_eq!(chunks[0]["choices"][0]["delta"]["role"], "assistant");
    assert_eq!(chunks[1]["choices"][0]["finish_reason"], "stop");
}
