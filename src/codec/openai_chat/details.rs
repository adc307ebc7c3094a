//! `reasoning_details`: the list in which OpenRouter, and autogw towards its Chat clients, carry what a
//! model must get back with its thoughts.
//!
//! An entry with a sealed token is one thought of autogw's; everything else is the host's own and is kept
//! as one list, as it came.

use serde_json::{Map, Value, json};

use crate::chat::part::Reasoning;
use crate::chat::signature::SEAL;
use crate::chat::{Opaque, OpaqueKind};

/// The fields that may hold a token.
const SLOTS: [&str; 2] = ["signature", "data"];

/// What `details` hold: thoughts of autogw's, then the host's own entries.
pub(super) fn split(details: Vec<Value>) -> (Vec<Reasoning>, Vec<Value>) {
    let (mut sealed, mut own) = (Vec::new(), Vec::new());
    for entry in details {
        match token(&entry) {
            Some(token) => {
                let opaque = Opaque::open(token, OpaqueKind::Details);
                let text = entry["text"].as_str().unwrap_or_default().to_owned();
                sealed.push(Reasoning { text, opaque });
            }
            None => own.push(entry),
        }
    }
    (sealed, own)
}

/// The sealed token of an entry.
fn token(entry: &Value) -> Option<&str> {
    let mut slots = SLOTS.iter().filter_map(|slot| entry.get(slot)?.as_str());
    slots.find(|slot| slot.starts_with(SEAL))
}

/// Whether the entries hold more than what may be read: then they must come back as they are.
pub(super) fn is_opaque(entries: &[Value]) -> bool {
    let holds = |entry: &Value, key: &str| entry.get(key).is_some_and(|value| !value.is_null());
    entries
        .iter()
        .any(|entry| SLOTS.iter().any(|slot| holds(entry, slot)))
}

/// What may be read of the host's own entries.
pub(super) fn text(entries: &[Value]) -> String {
    entries.iter().filter_map(readable).collect()
}

/// What may be read of an entry.
pub(super) fn readable(entry: &Value) -> Option<&str> {
    ["text", "summary"]
        .iter()
        .find_map(|key| entry.get(key)?.as_str())
}

/// The entry for a thought with its token, for a client of autogw.
pub(super) fn sealed(text: &str, opaque: &Opaque, index: usize) -> Value {
    if text.is_empty() {
        return json!({"type": "reasoning.encrypted", "data": opaque.seal(), "index": index});
    }
    json!({"type": "reasoning.text", "text": text, "signature": opaque.seal(), "index": index})
}

/// Joins an entry of a stream to those before it: entries of one type and index are pieces of one.
pub(super) fn join(entries: &mut Vec<Value>, piece: Map<String, Value>) {
    let place = |entry: &Value, key: &str| entry.get(key).cloned().unwrap_or_default();
    let (kind, index) = (
        piece.get("type").cloned().unwrap_or_default(),
        piece.get("index").cloned().unwrap_or_default(),
    );
    let last = entries
        .last_mut()
        .filter(|last| place(last, "type") == kind && place(last, "index") == index)
        .filter(|last| last["type"] != "reasoning.encrypted")
        .and_then(Value::as_object_mut);
    match last {
        Some(last) => piece
            .into_iter()
            .for_each(|(key, value)| append(last, key, value)),
        None => entries.push(piece.into()),
    }
}

fn append(entry: &mut Map<String, Value>, key: String, value: Value) {
    match (entry.get_mut(&key), value) {
        (_, Value::Null) => {}
        (Some(Value::String(known)), Value::String(more))
            if matches!(key.as_str(), "text" | "summary" | "data") =>
        {
            known.push_str(&more);
        }
        (_, value) => {
            entry.insert(key, value);
        }
    }
}
