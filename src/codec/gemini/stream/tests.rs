//! Streams both ways, against the recorded shapes.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::{Decoder, Encoder};
use crate::chat::part::{Citation, Content, Text};
use crate::chat::{ErrorBody, FinishReason, Opaque, Report, Response, StreamEvent, Usage};
use crate::codec::gemini::fixtures::{all, broken, object, origin};
use crate::codec::gemini::signature::{self, Slot};
use crate::codec::gemini::{decode_response, encode_response};
use crate::codec::stream::{StreamDecoder as _, StreamEncoder as _};
use crate::codec::target::Exchange;
use crate::sse::{Event, Splitter};

/// What a stream comes to: its events, and whether it was complete.
pub(super) type Told = Result<(Vec<StreamEvent>, bool), ErrorBody>;

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

pub(super) fn told(stream: &str) -> Told {
    told_in([stream.as_bytes()])
}

pub(super) fn folded(stream: &str) -> Response {
    let (events, is_complete) = told(stream).expect("no failure");
    assert!(is_complete, "{stream}");
    Response::fold(events)
}

pub(super) fn exchange() -> Exchange {
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

pub(super) fn streamed(response: &Response) -> (String, Report) {
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
