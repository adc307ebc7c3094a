//! What a client of Gemini is told, whatever the upstream was.

use std::sync::Arc;

use serde_json::{Value, json};

use super::Encoder;
use super::tests::{exchange, folded, streamed, told};
use crate::chat::part::{Citation, Content, Foreign, Reasoning, Text, ToolCall, ToolKind};
use crate::chat::{
    Choice, Delta, Dialect, ErrorBody, Finish, FinishReason, Opaque, OpaqueKind, Part, Report,
    Response, StreamEvent,
};
use crate::codec::gemini::decode_request;
use crate::codec::stream::StreamEncoder as _;

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
        matches!(&parts[parts.len() - 1].content, Content::ToolCall(call) if call.signature.is_none())
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
