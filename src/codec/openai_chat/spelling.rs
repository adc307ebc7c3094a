//! How the client spelled what has several spellings, kept beside its node: a request that stays in the
//! dialect leaves as it came (law L1), and other dialects never see it.

use serde_json::{Map, Value};

use crate::chat::Extra;

/// The name it is kept under; no API has a field of this name.
const SPELLED: &str = "\u{0}spelled";

/// The name of the request's own parts on a message whose content was a list.
pub(super) const LIST: &str = "list";

/// What a node's canonical fields were instead: canonical name → the client's fields, or a word.
#[derive(Debug, Clone, Default)]
pub(super) struct Spelling(Map<String, Value>);

impl Spelling {
    /// Notes that `canonical` was spelled as `value` says.
    pub(super) fn note(&mut self, canonical: &str, value: impl Into<Value>) {
        self.0.insert(canonical.to_owned(), value.into());
    }

    /// Notes that the client wrote `key: value` where `canonical` would be written.
    pub(super) fn note_field(&mut self, canonical: &str, key: &str, value: Value) {
        let fields = self.0.entry(canonical).or_insert_with(|| Map::new().into());
        if let Some(fields) = fields.as_object_mut() {
            fields.insert(key.to_owned(), value);
        }
    }

    /// Keeps it with the node's leftovers.
    pub(super) fn keep(self, extra: &mut Extra) {
        if !self.0.is_empty() {
            extra.set(SPELLED, self.0.into());
        }
    }
}

/// What a node's leftovers say of its spelling.
pub(super) fn of<'a>(extra: &'a Extra, canonical: &str) -> Option<&'a Value> {
    extra.get(SPELLED)?.get(canonical)
}

/// Whether the node was spelled with `word` in place of `canonical`.
pub(super) fn is(extra: &Extra, canonical: &str, word: &str) -> bool {
    of(extra, canonical).and_then(Value::as_str) == Some(word)
}

/// Writes the leftovers of a node back into it.
pub(super) fn restore(extra: &Extra, map: &mut Map<String, Value>) {
    extra.merge_into(map);
    map.shift_remove(SPELLED);
}

/// Writes what was left over of the object at `key` of a node back into it.
pub(super) fn restore_inner(extra: &Extra, key: &str, map: &mut Map<String, Value>) {
    let left = of(extra, "inner").and_then(Value::as_object);
    if let (Some(left), Some(Value::Object(inner))) = (left, map.get_mut(key)) {
        inner.extend(left.clone());
    }
}
