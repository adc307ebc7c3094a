//! Streams both ways, against the recorded shapes.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::{Decoder, Encoder};
use crate::chat::part::{Citation, Content, Foreign, Reasoning, Text, ToolCall, ToolKind};
use crate::chat::{
    Choice, Delta, Dialect, ErrorBody, Finish, FinishReason, Opaque, OpaqueKind, Part, Report,
    Response, StreamEvent, Usage,
};
use crate::codec::gemini::fixtures::{all, broken, object, origin};
use crate::codec::gemini::signature::{self, Slot};
use crate::codec::gemini::{decode_request, decode_response, encode_response};
use crate::codec::stream::{StreamDecoder as _, StreamEncoder as _};
use crate::codec::target::Exchange;
use crate::sse::{Event, Splitter};

/// What a stream comes to: its events, and whether it was complete.
type Told = Result<(Vec<StreamEvent>, bool), ErrorBody>;

fn told_in<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> Told {
    let (mut splitter, mut block) = (Splitter::default(), Vec::new());
    let (mut decoder, mut events) = (Decoder::new(origin()), Vec::new());
    for chunk in chunks {
        let mut at = 0;
        while let Some(end) = splitter.next(chunk, at) {
            block.extend_from_slice(&chunk[at..end]);
            decoder.decode(&Event::parse(&block), &mut events)?;
            block.clear();
            at = end;
        }
        block.extend_from_slice(&chunk[at..]);
    }
    let is_complete = decoder.end(&mut events);
    Ok((events, is_complete))
}

fn told(stream: &str) -> Told {
    told_in([stream.as_bytes()])
}

fn folded(stream: &str) -> Response {
    let (events, is_complete) = told(stream).expect("no failure");
    assert!(is_complete, "{stream}");
    Response::fold(events)
}

fn exchange() -> Exchange {
    Exchange {
        model: "served".into(),
        created: 1,
        seed: 7,
        include_usage: false,
        estimated_input: 0,
        echo: Map::new(),
        legacy_functions: false,
    }
}

fn streamed(response: &Response) -> (String, Report) {
    let mut encoder = Encoder::new(Arc::new(exchange()));
    let mut out = Vec::new();
    for event in response.clone().into_events() {
        encoder.encode(event, &mut out);
    }
    encoder.end(&mut out);
    let text = String::from_utf8(out).expect("UTF-8");
    (text, encoder.report())
}

/// The responses of all fixtures that are none of an error.
fn responses() -> Vec<(String, Response)> {
    let fixtures = all("response").into_iter();
    let responses = fixtures.filter_map(|(name, text)| {
        let body = Value::Object(object(&text));
        Some((name, decode_response(body, &origin()).ok()?))
    });
    let responses: Vec<_> = responses.collect();
    assert!(responses.len() > 20);
    responses
}

#[test]
fn a_stream_and_its_complete_answer_say_the_same() {
    let streams = all("stream");
    for (name, text) in all("response") {
        let body = Value::Object(object(&text));
        let (_, stream) = streams
            .iter()
            .find(|(known, _)| *known == name)
            .expect("a pair");
        match decode_response(body, &origin()) {
            Ok(response) => assert_eq!(folded(stream), response, "{name}"),
            Err(error) => assert_eq!(told(stream).err(), Some(error), "{name}"),
        }
    }
}

#[test]
fn a_stream_may_be_cut_anywhere() {
    for (name, stream) in all("stream") {
        let whole = told(&stream);
        for cut in 0..=stream.len() {
            let (head, tail) = stream.as_bytes().split_at(cut);
            assert_eq!(told_in([head, tail]), whole, "{name} at {cut}");
        }
        assert_eq!(told_in(stream.as_bytes().chunks(1)), whole, "{name}");
    }
}

#[test]
fn a_stream_that_stops_early_is_not_complete() {
    let (_, stream) = all("stream")
        .into_iter()
        .find(|(name, _)| name == "truncated")
        .expect("there");
    let (events, is_complete) = told(&stream).expect("no failure");
    assert!(!is_complete);
    assert!(
        !events
            .iter()
            .any(|event| matches!(event, StreamEvent::Finish { .. }))
    );
    assert!(!told("").expect("no failure").1);
    assert!(!told("data: {\"candidates\":[]}\n\n").expect("no failure").1);
}

#[test]
fn failures_are_told_as_failures() {
    let table = [
        ("error_event", "503"),
        ("invalid_args_tool", "malformed_function_call"),
    ];
    for (name, code) in table {
        let streams = all("stream");
        let (_, stream) = streams
            .iter()
            .find(|(known, _)| known == name)
            .expect("there");
        let error = told(stream).expect_err("a failure");
        assert_eq!(error.code.as_deref(), Some(code));
        assert!(!error.message.is_empty());
    }
    let empty = decode_response(json!({"usageMetadata": {}}), &origin());
    assert!(empty.is_err());
}

#[test]
fn counts_and_ends_are_read() {
    let find = |name: &str| {
        let found = responses().into_iter().find(|(known, _)| known == name);
        found.expect("there").1
    };
    let thinking = find("thinking_tool_loop");
    assert_eq!(thinking.choices[0].finish.reason, FinishReason::ToolCalls);
    assert_eq!(
        thinking.usage,
        Some(Usage {
            input: 60,
            output: 55,
            reasoning: 40,
            ..Usage::default()
        })
    );
    assert_eq!(
        find("cache_usage").usage.map(|usage| usage.cached),
        Some(900)
    );
    assert_eq!(find("citations").usage.map(|usage| usage.input), Some(108));
    assert_eq!(find("no_usage").usage, None);
    let refused = &find("refusal").choices[0].finish;
    assert_eq!(refused.reason, FinishReason::Filtered);
    assert_eq!(refused.native.as_deref(), Some("PROHIBITED_CONTENT"));
    assert!(refused.explanation.is_some());
    let two = find("two_choices");
    assert_eq!(two.choices[1].finish.reason, FinishReason::Length);
    assert_eq!(two.id.as_deref(), Some("mAkAaeSWGq-5vdIP"));
    assert_eq!(two.model.as_deref(), Some("gemini-3-pro"));
}

#[test]
fn places_of_citations_are_characters() {
    let found = responses()
        .into_iter()
        .find(|(name, _)| name == "citations");
    let response = found.expect("there").1;
    let Content::Text(text) = &response.choices[0].parts[0].content else {
        panic!("no text");
    };
    let cited: Vec<_> = text
        .citations
        .iter()
        .map(|citation| match citation {
            Citation::Web {
                start, end, cited, ..
            } => {
                let place =
                    |at: &Option<u64>| usize::try_from(at.expect("a place")).expect("small");
                let (start, end) = (place(start), place(end));
                let words: String = text.text.chars().skip(start).take(end - start).collect();
                assert_eq!(Some(&words), cited.as_ref());
                words
            }
            Citation::Foreign { .. } => panic!("not of the web"),
        })
        .collect();
    let expected = [
        "Über Paris 😀 scheint die Sonne.",
        "Morgen regnet es.",
        "Morgen regnet es.",
    ];
    assert_eq!(cited, expected);
}

/// What a client's dialect cannot hold, or holds in another way, is made equal.
fn comparable(mut response: Response) -> Response {
    response.id = None;
    response.model = None;
    for choice in &mut response.choices {
        choice.finish.native = None;
        choice.parts.retain(
            |part| !matches!(&part.content, Content::Text(text) if text == &Text::default()),
        );
        for part in &mut choice.parts {
            part.extra = crate::chat::Extra::default();
            match &mut part.content {
                Content::Text(text) => {
                    unseal(&mut text.signature);
                    text.citations
                        .retain(|citation| matches!(citation, Citation::Web { .. }));
                    for citation in &mut text.citations {
                        if let Citation::Web { cited, .. } = citation {
                            *cited = None;
                        }
                    }
                }
                Content::ToolCall(call) => unseal(&mut call.signature),
                Content::Reasoning(reasoning) => unseal(&mut reasoning.opaque),
                _ => {}
            }
        }
    }
    response
}

/// The token that a client's slot holds, for one that an upstream's was taken for.
fn unseal(token: &mut Option<Opaque>) {
    if let Some(known) = token
        && let Slot::Token(sealed) = signature::read(&known.payload)
        && sealed.provider.is_some()
    {
        *known = sealed;
    }
}

#[test]
fn what_is_streamed_to_a_client_is_what_came() {
    for (name, response) in responses() {
        let (stream, _) = streamed(&response);
        let back = folded(&stream);
        assert_eq!(comparable(back), comparable(response), "{name}");
    }
}

#[test]
fn a_complete_answer_is_what_came() {
    for (name, response) in responses() {
        let mut report = Report::default();
        let body = encode_response(&response, &exchange(), &mut report);
        let back =
            decode_response(body, &origin()).unwrap_or_else(|error| panic!("{name}: {error:?}"));
        assert_eq!(comparable(back), comparable(response), "{name}");
    }
}

#[test]
fn a_clients_stream_is_nothing_but_data_lines() {
    for (name, response) in responses() {
        let (stream, _) = streamed(&response);
        let mut chunks = Vec::new();
        for line in stream.split("\n\n").filter(|block| !block.is_empty()) {
            let json = line.strip_prefix("data: ").expect("a data line");
            assert!(!json.contains('\n'));
            chunks.push(serde_json::from_str::<Value>(json).expect("JSON"));
        }
        assert!(stream.ends_with("\n\n"));
        let last = chunks.last().expect("chunks");
        let has_counts = last.get("usageMetadata").is_some();
        assert_eq!(has_counts, response.usage.is_some(), "{name}");
        for index in 0..response.choices.len() {
            let of_choice = chunks
                .iter()
                .filter(|chunk| chunk["candidates"][0]["index"] == index);
            let ends: Vec<bool> = of_choice
                .map(|chunk| chunk["candidates"][0].get("finishReason").is_some())
                .collect();
            assert_eq!(ends.iter().filter(|end| **end).count(), 1, "{name}");
            assert_eq!(ends.last(), Some(&true), "{name}");
        }
        for chunk in &chunks {
            assert_eq!(chunk["modelVersion"], "served");
            assert_eq!(chunk["responseId"], "mAkAaeSWGq-5vdIP");
            assert_eq!(chunk["candidates"][0]["content"]["role"], "model");
        }
    }
}

#[test]
fn the_array_holds_the_same_chunks() {
    for (name, response) in responses() {
        let mut encoder = Encoder::array(Arc::new(exchange()));
        let mut out = Vec::new();
        for event in response.clone().into_events() {
            encoder.encode(event, &mut out);
        }
        encoder.end(&mut out);
        let array: Vec<Value> = serde_json::from_slice(&out).expect("a JSON array");
        let (stream, _) = streamed(&response);
        let chunks = stream
            .split("\n\n")
            .filter_map(|block| block.strip_prefix("data: "));
        let chunks: Vec<Value> = chunks
            .map(|chunk| serde_json::from_str(chunk).expect("JSON"))
            .collect();
        assert_eq!(array, chunks, "{name}");
    }
    let mut encoder = Encoder::array(Arc::new(exchange()));
    let mut out = Vec::new();
    encoder.fail(&ErrorBody::default(), "r", &mut out);
    let array: Vec<Value> = serde_json::from_slice(&out).expect("a JSON array");
    assert_eq!(array[0]["error"]["status"], "INTERNAL");
}

fn delta(delta: Delta) -> StreamEvent {
    StreamEvent::Delta { choice: 0, delta }
}

fn begin(call: u32, name: &str, kind: ToolKind) -> StreamEvent {
    delta(Delta::ToolCall {
        call,
        id: format!("id{call}"),
        name: name.into(),
        namespace: None,
        kind,
    })
}

fn argue(call: u32, fragment: &str) -> StreamEvent {
    delta(Delta::ToolArguments {
        call,
        fragment: fragment.into(),
    })
}

fn end(call: u32) -> StreamEvent {
    delta(Delta::ToolEnd {
        call,
        signature: None,
    })
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

fn written(events: Vec<StreamEvent>) -> String {
    let mut encoder = Encoder::new(Arc::new(exchange()));
    let mut out = Vec::new();
    for event in events {
        encoder.encode(event, &mut out);
    }
    encoder.end(&mut out);
    String::from_utf8(out).expect("UTF-8")
}

#[test]
fn interleaved_calls_come_whole_and_in_order() {
    let stream = written(vec![
        begin(0, "f", ToolKind::Function),
        begin(1, "g", ToolKind::Function),
        argue(0, "{\"a\":"),
        argue(1, "{}"),
        end(1),
        argue(0, "1}"),
        begin(2, "h", ToolKind::Freeform),
        argue(2, "text"),
        finish(FinishReason::ToolCalls),
    ]);
    let response = folded(&stream);
    let calls: Vec<_> = response.choices[0]
        .parts
        .iter()
        .map(|part| match &part.content {
            Content::ToolCall(call) => (call.name.as_str(), call.arguments.as_str()),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(
        calls,
        [
            ("f", r#"{"a":1}"#),
            ("g", "{}"),
            ("h", r#"{"input":"text"}"#)
        ]
    );
    assert_eq!(response.choices[0].finish.reason, FinishReason::ToolCalls);
}

#[test]
fn arguments_that_are_no_object_end_the_answer_as_malformed() {
    for arguments in ["{\"a\":", "[1]", "\"x\"", "nonsense"] {
        let stream = written(vec![
            begin(0, "f", ToolKind::Function),
            argue(0, arguments),
            end(0),
            finish(FinishReason::ToolCalls),
        ]);
        assert!(!stream.contains("functionCall\":{"), "{arguments}");
        let error = told(&stream).expect_err("a failure");
        assert_eq!(error.code.as_deref(), Some("malformed_function_call"));
    }
    for arguments in ["", "  ", "null", "{}"] {
        let call = begin(0, "f", ToolKind::Function);
        let stream = written(vec![call, argue(0, arguments), end(0)]);
        assert!(stream.contains(r#""args":{}"#), "{stream}");
    }
}

#[test]
fn whatever_comes_a_stream_is_well_formed() {
    let empty = written(Vec::new());
    assert_eq!(folded(&empty).choices[0].parts, []);
    assert!(empty.contains(r#""finishReason":"STOP""#));
    let twice = written(vec![
        delta(Delta::Text("a".into())),
        finish(FinishReason::Length),
        finish(FinishReason::End),
        delta(Delta::Text("late".into())),
    ]);
    assert_eq!(folded(&twice).choices[0].parts, [Part::text("a")]);
    assert_eq!(
        folded(&twice).choices[0].finish.reason,
        FinishReason::Length
    );
    let stray = written(vec![
        argue(9, "x"),
        end(9),
        delta(Delta::PartEnd { signature: None }),
    ]);
    assert_eq!(stray.matches("data: ").count(), 1);
}

/// An answer of Claude, to a client of Gemini: thoughts, one of them unreadable, then a call.
fn of_claude() -> Response {
    let claude = |kind, payload: &str| Opaque {
        provider: Some("claude".into()),
        model: Some("opus".into()),
        ..Opaque::unsealed(kind, payload)
    };
    let thought = |text: &str, token: Opaque| {
        Part::new(Content::Reasoning(Reasoning {
            text: text.into(),
            opaque: Some(token),
        }))
    };
    let parts = vec![
        thought("Let me see.", claude(OpaqueKind::Signature, "sig==")),
        thought("", claude(OpaqueKind::Redacted, "redacted")),
        Part::text("I look."),
        Part::new(Content::ToolCall(ToolCall {
            id: "toolu_1".into(),
            name: "f".into(),
            arguments: r#"{"a":1}"#.into(),
            ..ToolCall::default()
        })),
    ];
    Response {
        choices: vec![Choice {
            parts,
            finish: Finish {
                reason: FinishReason::ToolCalls,
                ..Finish::default()
            },
        }],
        ..Response::default()
    }
}

/// Each chunk as a content of its own, as Google's SDK keeps a streamed answer.
fn history(stream: &str, keeps_thoughts: bool) -> Value {
    let chunks = stream
        .split("\n\n")
        .filter_map(|block| block.strip_prefix("data: "));
    let contents = chunks.map(|chunk| {
        let chunk: Value = serde_json::from_str(chunk).expect("JSON");
        let mut content = chunk["candidates"][0]["content"].clone();
        let parts = content["parts"].as_array_mut().expect("parts");
        parts.retain(|part| keeps_thoughts || part.get("thought").is_none());
        content
    });
    json!({ "contents": contents.collect::<Vec<_>>() })
}

#[test]
fn tokens_of_claude_survive_a_client_of_gemini() {
    let answer = of_claude();
    let (stream, report) = streamed(&answer);
    assert_eq!(report, Report::default());
    let Value::Object(body) = history(&stream, true) else {
        panic!("no object");
    };
    let request = decode_request(body).expect("a request");
    let parts: Vec<_> = request
        .messages
        .iter()
        .flat_map(|message| &message.parts)
        .collect();
    let tokens: Vec<_> = parts
        .iter()
        .filter_map(|part| match &part.content {
            Content::Reasoning(reasoning) => {
                let token = reasoning.opaque.as_ref().expect("signed");
                Some((reasoning.text.as_str(), token.kind, token.payload.as_str()))
            }
            _ => None,
        })
        .collect();
    let expected = [
        ("Let me see.", OpaqueKind::Signature, "sig=="),
        ("", OpaqueKind::Redacted, "redacted"),
    ];
    assert_eq!(tokens, expected);
    assert!(matches!(parts[0].content, Content::Reasoning(_)));
    assert!(matches!(parts[1].content, Content::Reasoning(_)));
    assert!(
        matches!(&parts[parts.len() - 2].content, Content::ToolCall(call) if call.signature.is_none())
    );
}

#[test]
fn a_token_survives_a_client_that_leaves_out_thoughts() {
    let mut answer = of_claude();
    answer.choices[0].parts.remove(1);
    let (stream, _) = streamed(&answer);
    let Value::Object(body) = history(&stream, false) else {
        panic!("no object");
    };
    let request = decode_request(body).expect("a request");
    let token = request
        .messages
        .iter()
        .flat_map(|message| &message.parts)
        .find_map(|part| match &part.content {
            Content::Reasoning(reasoning) => Some(reasoning),
            _ => None,
        });
    let token = token.expect("a thought");
    assert_eq!(token.text, "Let me see.");
    assert_eq!(
        token.opaque.as_ref().map(|token| token.payload.as_str()),
        Some("sig==")
    );
}

#[test]
fn what_a_client_cannot_be_told_is_reported() {
    let foreign = Content::Foreign(Foreign {
        dialect: Dialect::Anthropic,
        kind: "server_tool_use".into(),
        value: json!({}),
    });
    let citation = Citation::Foreign {
        dialect: Dialect::Anthropic,
        value: json!({}),
    };
    let text = Text {
        text: "a".into(),
        citations: vec![citation],
        ..Text::default()
    };
    let response = Response {
        choices: vec![Choice {
            parts: vec![Part::new(foreign), Part::new(Content::Text(text))],
            finish: Finish::default(),
        }],
        ..Response::default()
    };
    let (_, report) = streamed(&response);
    let dropped: Vec<_> = report.dropped().collect();
    assert_eq!(dropped, ["content[].server_tool_use", "citations"]);
}

#[test]
fn a_broken_stream_ends_with_an_error() {
    let mut encoder = Encoder::new(Arc::new(exchange()));
    let mut out = Vec::new();
    encoder.encode(delta(Delta::Text("Hel".into())), &mut out);
    let error = ErrorBody {
        message: "upstream stream truncated".into(),
        kind: Some("server_error".into()),
        code: Some("upstream_truncated".into()),
        param: None,
    };
    encoder.fail(&error, "req-1", &mut out);
    encoder.end(&mut out);
    encoder.encode(delta(Delta::Text("lo".into())), &mut out);
    let text = String::from_utf8(out).expect("UTF-8");
    let last = text.trim_end().rsplit("data: ").next().expect("a chunk");
    let last: Value = serde_json::from_str(last).expect("JSON");
    assert_eq!(last["error"]["code"], 503);
    assert_eq!(last["error"]["details"][0]["requestId"], "req-1");
    assert!(told(&text).is_err());
}

#[test]
fn a_long_text_costs_no_more_than_its_length() {
    let mut encoder = Encoder::new(Arc::new(exchange()));
    let mut out = Vec::new();
    for _ in 0..1_000 {
        encoder.encode(delta(Delta::Text("word ".into())), &mut out);
    }
    assert!(out.len() < 1_000 * 200, "{}", out.len());
}

#[test]
fn no_stream_breaks_the_decoder() {
    let mut told_well = 0;
    for (_, text) in all("response") {
        for document in broken(&Value::Object(object(&text))) {
            let event = format!("data: {document}\n\n");
            let in_stream = told(&event);
            told_well += usize::from(in_stream.is_ok());
            if let Ok(response) = decode_response(document, &origin()) {
                let (stream, _) = streamed(&response);
                assert!(
                    told(&stream).is_ok() || stream.contains("MALFORMED"),
                    "{stream}"
                );
            }
        }
    }
    assert!(told_well > 500, "{told_well}");
    for (_, stream) in all("stream") {
        for cut in 0..stream.len() {
            let text = String::from_utf8_lossy(&stream.as_bytes()[..cut]).into_owned();
            let _ = told(&format!("{text}\n\n"));
        }
    }
}
