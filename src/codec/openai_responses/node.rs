//! Nodes: what is kept of an object of this dialect when it is read, and goes before everything when it
//! is written again.

use serde_json::{Map, Value};

use crate::chat::{Extra, Leftovers};
use crate::json::fields::Fields;

/// Marks how a message's content was spelled: [`AS_TEXT`], [`BARE`] or [`AS_ITEM`]; a list if absent.
pub(super) const CONTENT: &str = "content";

/// Marks how the input or a tool's output was spelled: [`AS_TEXT`], else as a list.
pub(super) const INPUT: &str = "input";

/// The same for the output of a tool.
pub(super) const OUTPUT: &str = "output";

/// Keeps what the list of tools held besides tools; at a tool in a group, it keeps the group.
pub(super) const TOOLS: &str = "tools";

/// Keeps the object of a group at the first tool in it.
pub(super) const GROUP: &str = "namespace";

/// One string in place of a list.
pub(super) const AS_TEXT: &str = "text";

/// A list of texts of the model that do not say that they have no annotations.
pub(super) const BARE: &str = "bare";

/// No message at all, but an item that only this dialect has.
pub(super) const AS_ITEM: &str = "item";

/// What is kept of an object without a word: spelling, and what only says how the wire is held.
#[derive(Debug, Default)]
pub(super) struct Kept(Vec<(&'static str, Value)>);

impl Kept {
    /// Keeps a field as it is, if it is there.
    pub(super) fn keep(&mut self, fields: &mut Fields, key: &'static str) {
        if let Some(value) = fields.take(key) {
            self.0.push((key, value));
        }
    }

    /// Keeps a value under `key`.
    pub(super) fn mark(&mut self, key: &'static str, value: impl Into<Value>) {
        self.0.push((key, value.into()));
    }

    /// What is left of the object, with what was kept.
    pub(super) fn with(self, fields: Fields, leftovers: &mut Leftovers) -> Extra {
        let mut extra = leftovers.collect(fields);
        for (key, value) in self.0 {
            extra.set(key, value);
        }
        extra
    }
}

/// Whether `extra` holds the mark.
pub(super) fn is_marked(extra: &Extra, key: &str, mark: &str) -> bool {
    extra.get(key).and_then(Value::as_str) == Some(mark)
}

/// An object that is being written.
#[derive(Debug, Default)]
pub(super) struct Node(Map<String, Value>);

impl Node {
    /// An object that begins with what was kept of it; `extra` is `None` for one of another dialect.
    pub(super) fn new(extra: Option<&Extra>, marks: &[&str]) -> Self {
        let mut map = Map::new();
        if let Some(extra) = extra {
            extra.merge_into(&mut map);
        }
        for mark in marks {
            map.shift_remove(*mark);
        }
        Self(map)
    }

    /// An object of this type.
    pub(super) fn typed(kind: &str) -> Self {
        Self::default().with("type", kind)
    }

    /// With a field, unless it was kept.
    #[must_use]
    pub(super) fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.put(key, value);
        self
    }

    /// With a field that is costly to write, unless it was kept.
    #[must_use]
    pub(super) fn with_lazy(mut self, key: &str, value: impl FnOnce() -> String) -> Self {
        if !self.0.contains_key(key) {
            self.put(key, value());
        }
        self
    }

    /// With a field that may not be there.
    #[must_use]
    pub(super) fn maybe(mut self, key: &str, value: Option<impl Into<Value>>) -> Self {
        if let Some(value) = value {
            self.put(key, value);
        }
        self
    }

    /// Without a field.
    #[must_use]
    pub(super) fn without(mut self, key: &str) -> Self {
        self.0.shift_remove(key);
        self
    }

    /// Writes a field, unless it was kept.
    pub(super) fn put(&mut self, key: &str, value: impl Into<Value>) {
        if !self.0.contains_key(key) {
            self.0.insert(key.to_owned(), value.into());
        }
    }

    /// The object.
    pub(super) fn into_map(self) -> Map<String, Value> {
        self.0
    }
}

impl From<Node> for Value {
    fn from(node: Node) -> Self {
        Value::Object(node.0)
    }
}
