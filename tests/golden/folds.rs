//! L3 and L4: a stream says what its document says, and what a client is told is what was meant.

use autogw::chat::Report;
use autogw::chat::part::{Content, ToolCall, ToolKind};
use autogw::chat::{Dialect, FinishReason, Response};
use autogw::codec::dispatch::{decode_response, encode_response};
use serde_json::{Value, json};

use crate::corpus::{Kind, cases};
use crate::crossing::{events, exchange, origin, told, understood};
use crate::grammar;

#[test]
fn a_stream_folds_to_its_document() {
    for dialect in Dialect::ALL {
        let streams = cases(dialect, Kind::Stream);
        let mut pairs = 0;
        for case in cases(dialect, Kind::Response) {
            let Some(stream) = streams.iter().find(|stream| stream.name == case.name) else {
                continue;
            };
            let Ok(document) = decode_response(dialect, case.json(), &origin(dialect)) else {
                continue;
            };
            let (events, end) = events(dialect, stream.text.as_bytes());
            assert_eq!(end, Ok(true), "{dialect} {}", case.name);
            assert_eq!(
                tidy(Response::fold(events)),
                tidy(document),
                "{dialect} {}",
                case.name
            );
            pairs += 1;
        }
        assert!(pairs > 10, "{dialect} has but {pairs} pairs");
    }
}

/// How what is carried as JSON is spelled is the upstream's affair.
fn tidy(mut response: Response) -> Response {
    let parts = response
        .choices
        .iter_mut()
        .flat_map(|choice| &mut choice.parts);
    for part in parts {
        match &mut part.content {
            Content::ToolCall(call) => respell(&mut call.arguments),
            Content::Reasoning(reasoning) => {
                let opaque = reasoning.opaque.iter_mut();
                opaque.for_each(|opaque| respell(&mut opaque.payload));
            }
            _ => {}
        }
    }
    response
}

fn respell(text: &mut String) {
    if let Ok(mut json) = serde_json::from_str::<Value>(text) {
        json.sort_all_objects();
        *text = json.to_string();
    }
}

/// What every dialect can say of an answer.
#[derive(Debug, PartialEq)]
struct Gist {
    choices: Vec<Said>,
    usage: Option<(u64, u64, u64, u64)>,
}

#[derive(Debug, PartialEq)]
struct Said {
    text: String,
    thought: String,
    calls: Vec<(String, Value)>,
    finish: &'static str,
}

fn gist(client: Dialect, response: &Response) -> Gist {
    let has_many = matches!(client, Dialect::OpenAiChat | Dialect::Gemini);
    let choices = response
        .choices
        .iter()
        .take(if has_many { usize::MAX } else { 1 });
    Gist {
        choices: choices.map(|choice| said(client, choice)).collect(),
        usage: response.usage.map(|usage| {
            let reasoning = if client == Dialect::Anthropic {
                0
            } else {
                usage.reasoning
            };
            (usage.input, usage.cached, usage.output, reasoning)
        }),
    }
}

fn said(client: Dialect, choice: &autogw::chat::Choice) -> Said {
    let (mut text, mut thought, mut calls) = (String::new(), String::new(), Vec::new());
    let is_filtered = choice.finish.reason == FinishReason::Filtered;
    let mut refusal = choice.finish.explanation.clone().filter(|_| is_filtered);
    for part in &choice.parts {
        match &part.content {
            Content::Text(part) => text.push_str(&part.text),
            Content::Refusal(words) => refusal = Some(words.clone()),
            Content::Reasoning(reasoning) => thought.push_str(&reasoning.text),
            Content::ToolCall(call) => {
                calls.push((call.name.clone(), arguments(call)));
            }
            _ => {}
        }
    }
    text.extend(refusal);
    // Between texts that are not neighbours a dialect may need a blank line.
    text.retain(|c| c != '\n');
    thought.retain(|c| c != '\n');
    Said {
        text,
        thought,
        calls,
        finish: finish(client, choice.finish.reason),
    }
}

/// A call without arguments has none, however that is spelled; free text may come as a function's.
fn arguments(call: &ToolCall) -> Value {
    match serde_json::from_str(&call.arguments) {
        _ if call.kind == ToolKind::Freeform => json!({"input": call.arguments}),
        _ if call.arguments.is_empty() => json!({}),
        Ok(arguments) => arguments,
        Err(_) => "not an object".into(),
    }
}

/// Why an answer ended, as finely as `client` can say it.
fn finish(client: Dialect, reason: FinishReason) -> &'static str {
    let is_anthropic = client == Dialect::Anthropic;
    match reason {
        FinishReason::StopSequence if is_anthropic => "stop sequence",
        FinishReason::ContextFull if is_anthropic => "context full",
        FinishReason::Paused if is_anthropic => "paused",
        FinishReason::End | FinishReason::StopSequence | FinishReason::Paused => "end",
        FinishReason::ToolCalls => "calls",
        FinishReason::Length | FinishReason::ContextFull => "length",
        FinishReason::Filtered => "filtered",
    }
}

#[test]
fn clients_understand_what_was_meant() {
    let mut faults = Vec::new();
    for upstream in Dialect::ALL {
        for case in cases(upstream, Kind::Response) {
            let Ok(response) = decode_response(upstream, case.json(), &origin(upstream)) else {
                continue;
            };
            for client in Dialect::ALL {
                let name = format!("{upstream} {} for {client}", case.name);
                let mut meant = gist(client, &response);
                let (stream, _) = told(client, response.clone().into_events(), exchange());
                if let Err(fault) = grammar::of_stream(client, &stream) {
                    faults.push(format!("{name}: {fault}"));
                }
                if client == Dialect::Gemini && case.name == "invalid_args_tool" {
                    // It says so itself: MALFORMED_FUNCTION_CALL.
                    continue;
                }
                let streamed = understood(client, &stream);
                let body = encode_response(client, &response, &exchange(), &mut Report::default());
                let whole = decode_response(client, body, &origin(client)).expect(&name);
                let (mut streamed, mut whole) = (gist(client, &streamed), gist(client, &whole));
                if meant.usage.is_none() {
                    (streamed.usage, whole.usage) = (None, None);
                }
                // Some can say a refusal only by how an answer ends, and some not at all.
                let is_refusal = case.name == "refusal";
                // Where arguments are an object, the model's slip is carried as text within one.
                let is_invalid = case.name == "invalid_args_tool";
                for gist in [&mut meant, &mut streamed, &mut whole] {
                    for said in &mut gist.choices {
                        if is_refusal || is_invalid {
                            said.finish = "";
                        }
                        if is_invalid {
                            said.calls.clear();
                        }
                    }
                }
                if streamed != meant {
                    faults.push(format!(
                        "{name}, streamed:\n    {streamed:?}\nnot {meant:?}"
                    ));
                }
                if whole != meant {
                    faults.push(format!("{name}, whole:\n    {whole:?}\nnot {meant:?}"));
                }
            }
        }
    }
    assert!(
        faults.is_empty(),
        "{}:\n{}",
        faults.len(),
        faults.join("\n")
    );
}
