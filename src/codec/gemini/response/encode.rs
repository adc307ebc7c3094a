//! A complete answer, written.

use serde_json::{Map, Value, json};

use crate::chat::{Choice, Delta, Report, Response, StreamEvent};
use crate::codec::gemini::stream::answer::{Answer, Piece};
use crate::codec::gemini::stream::response_id;
use crate::codec::gemini::stream::usage;
use crate::codec::target::Exchange;

/// Writes the answer of `generateContent`.
pub fn encode_response(response: &Response, exchange: &Exchange, report: &mut Report) -> Value {
    let Response {
        id,
        model: _,
        created: _,
        choices,
        usage,
    } = response;
    let candidates = choices.iter().enumerate();
    let candidates: Vec<_> = candidates
        .map(|(index, choice)| candidate(index, choice, report))
        .collect();
    let mut body = Map::new();
    body.insert("candidates".to_owned(), candidates.into());
    if let Some(counts) = usage {
        body.insert("usageMetadata".to_owned(), usage::write(counts));
    }
    body.insert("modelVersion".to_owned(), exchange.model.as_str().into());
    let id = response_id(id.as_deref(), exchange);
    body.insert("responseId".to_owned(), id.into());
    body.into()
}

fn candidate(index: usize, choice: &Choice, report: &mut Report) -> Value {
    let mut answer = Answer::default();
    let mut parts: Vec<Map<String, Value>> = Vec::new();
    for delta in deltas(choice) {
        answer.take(delta, report, &mut |piece| add(&mut parts, piece));
    }
    answer.finish(choice.finish.clone(), &mut |piece| add(&mut parts, piece));
    let mut fields = Map::new();
    fields.insert(
        "content".to_owned(),
        json!({ "parts": parts, "role": "model" }),
    );
    fields.extend(answer.into_fields());
    fields.insert("index".to_owned(), index.into());
    fields.into()
}

/// The choice as a stream would tell it.
fn deltas(choice: &Choice) -> impl Iterator<Item = Delta> {
    let response = Response {
        choices: vec![choice.clone()],
        ..Response::default()
    };
    let events = response.into_events().into_iter();
    events.filter_map(|event| match event {
        StreamEvent::Delta { delta, .. } => Some(delta),
        _ => None,
    })
}

/// Adds a piece; more of a text joins the text that it belongs to.
fn add(parts: &mut Vec<Map<String, Value>>, piece: Piece<'_>) {
    let (text, is_thought, signature, is_more) = match piece {
        Piece::Part(part) => return parts.push(part),
        Piece::Text {
            text,
            is_thought,
            signature,
            is_more,
        } => (text, is_thought, signature, is_more),
    };
    let belongs = |last: &&mut Map<String, Value>| {
        last.contains_key("text")
            && last.contains_key("thought") == is_thought
            && !last.contains_key("thoughtSignature")
    };
    let last = parts.last_mut().filter(|last| is_more && belongs(last));
    let part = if let Some(last) = last {
        if let Some(Value::String(known)) = last.get_mut("text") {
            known.push_str(text);
        }
        last
    } else {
        let mut part = Map::new();
        part.insert("text".to_owned(), text.into());
        if is_thought {
            part.insert("thought".to_owned(), true.into());
        }
        parts.push(part);
        parts.last_mut().expect("just pushed")
    };
    if let Some(signature) = signature {
        part.insert("thoughtSignature".to_owned(), signature.into());
    }
}
