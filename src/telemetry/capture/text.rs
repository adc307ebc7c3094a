//! The text of an answer, out of the bytes that the client was sent.
//!
//! Of a stream it is the words in its deltas, whichever dialect it is in, as far as whole events are here; an
//! error is shown as it stands. A document is shown as it is. This is done when somebody looks, never on
//! the path of a request.

use std::fmt::Write as _;

use serde_json::{Deserializer, Value};

/// Fields that hold words wherever they stand within a delta.
const WORDS: [&str; 10] = [
    "content",
    "text",
    "reasoning_content",
    "reasoning",
    "refusal",
    "thinking",
    "partial_json",
    "arguments",
    "name",
    "transcript",
];

/// Deepest nesting of a delta that is looked into.
const DEEPEST: usize = 8;

/// The text of an answer that may be a stream, under way or whole.
pub(super) fn of_answer(answer: &str) -> String {
    let start = answer.trim_start_matches('\u{feff}');
    if ["data:", "event:", "id:", ":"]
        .iter()
        .any(|field| start.starts_with(field))
    {
        return told(events(start));
    }
    // What Gemini's clients get who asked for no events.
    let elements = elements(start);
    if elements
        .iter()
        .any(|element| element.get("candidates").is_some())
    {
        return told(elements);
    }
    answer.to_owned()
}

/// The data of each whole event.
fn events(stream: &str) -> Vec<Value> {
    let whole = stream.rfind(['\n', '\r']).map_or("", |end| &stream[..end]);
    let data = whole
        .lines()
        .filter_map(|line| line.strip_prefix("data:"))
        .filter_map(|data| serde_json::from_str(data).ok());
    data.collect()
}

/// The elements of an array that may not be whole.
fn elements(array: &str) -> Vec<Value> {
    let mut elements = Vec::new();
    let Some(mut rest) = array.strip_prefix('[') else {
        return elements;
    };
    loop {
        rest = rest.trim_start_matches(|c: char| c == ',' || c.is_whitespace());
        let mut reader = Deserializer::from_str(rest).into_iter::<Value>();
        match reader.next() {
            Some(Ok(element)) => elements.push(element),
            _ => return elements,
        }
        rest = rest.get(reader.byte_offset()..).unwrap_or_default();
    }
}

fn told(events: Vec<Value>) -> String {
    let mut out = String::new();
    for event in events {
        if event.get("error").is_some_and(|error| !error.is_null()) || event["type"] == "error" {
            _ = write!(out, "\n{event}");
        } else if let Some(delta) = delta(&event) {
            words(delta, 0, &mut out);
        }
    }
    out
}

/// What is new in an event; events that repeat the whole have none.
fn delta(event: &Value) -> Option<&Value> {
    if let Some(kind) = event["type"].as_str() {
        return match kind {
            // Anthropic's beginnings of blocks carry the names of tools.
            "content_block_start" => event.get("content_block"),
            _ => event.get("delta"),
        };
    }
    event.get("choices").or_else(|| event.get("candidates"))
}

/// Adds every word of `delta`, in its order.
fn words(delta: &Value, depth: usize, out: &mut String) {
    match delta {
        // Responses: the delta is the word.
        Value::String(text) if depth == 0 => out.push_str(text),
        Value::Array(items) if depth < DEEPEST => {
            for item in items {
                words(item, depth + 1, out);
            }
        }
        Value::Object(fields) if depth < DEEPEST => {
            for (key, value) in fields {
                match value {
                    Value::String(text) if WORDS.contains(&key.as_str()) => out.push_str(text),
                    Value::Object(_) if key == "args" => out.push_str(&value.to_string()),
                    Value::Array(_) | Value::Object(_) => words(value, depth + 1, out),
                    _ => {}
                }
            }
        }
        _ => {}
    }
}
