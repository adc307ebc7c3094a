//! An object that is being read, with what has to be kept of it as it came.

use serde_json::{Map, Value};

use crate::chat::{Extra, Leftovers};
use crate::json::fields::{BadField, Fields};

/// Stands in the extras of a node whose content was a list, where a text alone would say the same.
pub(super) const LIST: &str = "content";

/// A take-cursor with the values that are to be written back as they came, because the neutral form
/// holds their meaning but not their spelling. Those are not leftovers: nothing is lost of them.
#[derive(Debug, Default)]
pub(super) struct Node {
    /// The cursor.
    pub(super) fields: Fields,
    raw: Map<String, Value>,
}

impl Node {
    /// A node over a cursor.
    pub(super) fn new(fields: Fields) -> Self {
        Self {
            fields,
            raw: Map::new(),
        }
    }

    /// Keeps a value as it came.
    pub(super) fn keep(&mut self, key: &str, value: Value) {
        self.raw.insert(key.to_owned(), value);
    }

    /// Takes a list of strings; an empty one is kept for its own dialect.
    pub(super) fn texts(&mut self, key: &str) -> Result<Vec<String>, BadField> {
        let list = self.fields.list(key)?;
        if list.as_ref().is_some_and(Vec::is_empty) {
            self.keep(key, Value::Array(Vec::new()));
        }
        let text = |item| match item {
            Value::String(text) => Ok(text),
            _ => Err(BadField::new(
                format!("{}[]", self.fields.path_of(key)),
                "a string",
            )),
        };
        list.unwrap_or_default().into_iter().map(text).collect()
    }

    /// What nobody took, noted, and what was kept.
    pub(super) fn finish(self, leftovers: &mut Leftovers) -> Extra {
        let mut extra = leftovers.collect(self.fields);
        for (key, value) in self.raw {
            extra.set(&key, value);
        }
        extra
    }
}

/// The extras as they are for something that is kept whole: its block is written from them alone.
pub(super) fn whole(map: Map<String, Value>) -> Extra {
    map.into()
}

/// Paths of what an object says beyond `known`, for something that is kept as it came.
pub(super) fn others(value: &Value, known: &[&str], path: &str) -> Vec<String> {
    let keys = value.as_object().into_iter().flatten().map(|(key, _)| key);
    keys.filter(|key| !known.contains(&key.as_str()))
        .map(|key| format!("{path}.{key}"))
        .collect()
}
