//! The grammar of what clients are told, strict: what a dialect's own service would never send is a fault.
//!
//! It shares no code with the encoders, so that it cannot share their mistakes.

mod anthropic;
mod gemini;
mod openai_chat;
mod openai_responses;

use autogw::chat::Dialect;
use serde_json::Value;

/// What is wrong, for whoever reads the failed test.
pub(crate) type Fault = String;

/// How a grammatical stream ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// With its dialect's last word.
    Finished,
    /// With an error, and nothing after it.
    Failed,
}

impl End {
    /// Whether the answer is complete.
    pub(crate) fn is_finished(self) -> bool {
        self == End::Finished
    }
}

/// One event, as it was written.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Written {
    /// Its name.
    pub name: Option<String>,
    /// Its data.
    pub json: Option<Value>,
    /// The data as text: for what is no JSON.
    pub raw: String,
}

/// The events of a stream, each in the one form that every client reads.
pub(crate) fn events(stream: &str) -> Result<Vec<Written>, Fault> {
    let Some(body) = stream.strip_suffix("\n\n") else {
        return match stream {
            "" => Ok(Vec::new()),
            _ => Err("the stream does not end with a blank line".to_owned()),
        };
    };
    let blocks = body.split("\n\n").filter(|block| *block != ": ping");
    blocks.map(event).collect()
}

fn event(block: &str) -> Result<Written, Fault> {
    let (name, data) = match block.split_once('\n') {
        None => (None, block),
        Some((name, data)) => (name.strip_prefix("event: ").map(str::to_owned), data),
    };
    let Some(raw) = data
        .strip_prefix("data: ")
        .filter(|raw| !raw.contains('\n'))
    else {
        return Err(format!("no event is written like this: {block:?}"));
    };
    if name.is_none() && block.contains('\n') {
        return Err(format!("the first line is no name: {block:?}"));
    }
    Ok(Written {
        name,
        json: serde_json::from_str(raw).ok(),
        raw: raw.to_owned(),
    })
}

/// Checks a whole stream, and says how it ended.
pub(crate) fn of_stream(dialect: Dialect, stream: &str) -> Result<End, Fault> {
    let events = events(stream)?;
    match dialect {
        Dialect::OpenAiChat => openai_chat::stream(&events),
        Dialect::OpenAiResponses => openai_responses::stream(&events),
        Dialect::Anthropic => anthropic::stream(&events),
        Dialect::Gemini => gemini::stream(&events),
    }
}

/// Checks a complete answer.
pub(crate) fn of_document(dialect: Dialect, body: &Value) -> Result<(), Fault> {
    match dialect {
        Dialect::OpenAiChat => openai_chat::document(body),
        Dialect::OpenAiResponses => openai_responses::document(body),
        Dialect::Anthropic => anthropic::document(body),
        Dialect::Gemini => gemini::document(body),
    }
}

/// A fault unless `holds`.
fn must(holds: bool, fault: impl FnOnce() -> String) -> Result<(), Fault> {
    if holds { Ok(()) } else { Err(fault()) }
}

/// The text at `pointer`.
fn text<'v>(value: &'v Value, pointer: &str) -> Result<&'v str, Fault> {
    at(value, pointer)?
        .as_str()
        .ok_or_else(|| format!("{pointer} is no text in {value}"))
}

/// The count at `pointer`.
fn count(value: &Value, pointer: &str) -> Result<u64, Fault> {
    at(value, pointer)?
        .as_u64()
        .ok_or_else(|| format!("{pointer} is no count in {value}"))
}

/// The list at `pointer`.
fn list<'v>(value: &'v Value, pointer: &str) -> Result<&'v [Value], Fault> {
    let list = at(value, pointer)?.as_array();
    list.map(Vec::as_slice)
        .ok_or_else(|| format!("{pointer} is no list in {value}"))
}

/// Whatever is at `pointer`, null included.
fn at<'v>(value: &'v Value, pointer: &str) -> Result<&'v Value, Fault> {
    let found = value.pointer(pointer);
    found.ok_or_else(|| format!("no {pointer} in {value}"))
}

/// Whether `value` has no members but these.
fn only(value: &Value, known: &[&str]) -> Result<(), Fault> {
    let map = value
        .as_object()
        .ok_or_else(|| format!("no object: {value}"))?;
    match map.keys().find(|key| !known.contains(&key.as_str())) {
        Some(key) => Err(format!("`{key}` is unheard of in {value}")),
        None => Ok(()),
    }
}

#[test]
fn events_are_written_in_one_form() {
    assert_eq!(events("").map(|events| events.len()), Ok(0));
    assert_eq!(
        events("event: a\ndata: {}\n\n: ping\n\ndata: x\n\n").map(|events| events.len()),
        Ok(2)
    );
    for wrong in [
        "data: {}",
        "data:{}\n\n",
        "data: {}\ndata: {}\n\n",
        "id: 1\ndata: {}\n\n",
        "event: a\n\n",
    ] {
        assert!(events(wrong).is_err(), "{wrong:?}");
    }
}
