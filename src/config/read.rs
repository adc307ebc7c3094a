//! Reading typed values out of the tree, reporting every fault and never stopping at the first.
//!
//! An [`Object`] is a take-cursor: what a section did not take is unknown, and the keys it did ask for
//! are the ones to suggest instead. As it notes the schema of each key it is asked for, running a
//! section over an empty object yields the section's JSON schema: a key cannot be read and undocumented.

use serde_json::{Map, json};

use super::mask;
use super::nearest::nearest;
use super::node::{Entry, Node, Span, Value, child};
use super::report::{Place, Report};
use crate::provider::{Redactor, Secret};

/// A node together with its path.
#[derive(Debug, Clone)]
pub(super) struct At<'a> {
    pub(super) node: &'a Node,
    pub(super) path: String,
}

impl<'a> At<'a> {
    pub(super) fn place(&self) -> Place {
        Place::new(self.path.clone(), self.node.span.clone())
    }

    /// Reports that something else belongs here. Silent about a node that was already reported.
    pub(super) fn expected(&self, what: &str, report: &mut Report) {
        if !matches!(self.node.value, Value::Broken) {
            let found = self.node.value.kind();
            report.error(&self.place(), format!("expected {what}, found {found}"));
        }
    }

    /// Notes that `secret` is written out here, unless it came out of a variable or hides nothing: local
    /// servers are given keys such as `ollama`.
    pub(super) fn note_secret(&self, secret: &Secret, report: &mut Report) {
        let is_written = matches!(&self.node.value, Value::Text(text) if !text.expanded);
        if is_written && Redactor::new([secret]).suspects(secret.expose()) {
            report.inline_secret(&self.place());
        }
    }

    /// Its text in back-ticks without user name, password and query of an address, or a neutral word when it
    /// came out of a variable.
    pub(super) fn quoted(&self) -> String {
        match &self.node.value {
            Value::Text(text) if text.expanded => "the value".to_owned(),
            Value::Text(text) => format!("`{}`", mask::credentials(&text.text)),
            Value::Number(text) => format!("`{text}`"),
            _ => "this".to_owned(),
        }
    }

    /// The items of a list; `what` says what is expected when it is none.
    pub(super) fn items(&self, what: &str, report: &mut Report) -> Option<Vec<At<'a>>> {
        let Value::List(items) = &self.node.value else {
            self.expected(what, report);
            return None;
        };
        let path = &self.path;
        let at = |(index, node)| At {
            node,
            path: format!("{path}[{index}]"),
        };
        Some(items.iter().enumerate().map(at).collect())
    }

    /// The entries of an object with free keys.
    pub(super) fn entries(&self, what: &str, report: &mut Report) -> Option<Vec<Item<'a>>> {
        let Value::Object(entries) = &self.node.value else {
            self.expected(what, report);
            return None;
        };
        let item = |entry: &'a Entry| {
            let path = child(&self.path, &entry.key);
            Item {
                key: &entry.key,
                key_place: Place::new(path.clone(), entry.key_span.clone()),
                value: At {
                    node: &entry.value,
                    path,
                },
            }
        };
        Some(entries.iter().map(item).collect())
    }
}

/// An entry of an object with free keys.
pub(super) struct Item<'a> {
    pub(super) key: &'a str,
    pub(super) key_place: Place,
    pub(super) value: At<'a>,
}

/// A type that can be read from a value.
pub(super) trait Read: Sized {
    /// The value, or `None` after reporting why not.
    fn read(at: &At<'_>, report: &mut Report) -> Option<Self>;

    /// Its JSON schema.
    fn schema() -> serde_json::Value;
}

/// An object with a fixed set of keys.
pub(super) trait Section: Sized {
    /// What it is called in "expected …", with its article.
    const WHAT: &'static str = "an object";

    /// Takes every key it knows. `None` after reporting when nothing can be made of it.
    fn fields(object: &mut Object<'_>, report: &mut Report) -> Option<Self>;
}

impl<T: Section> Read for T {
    fn read(at: &At<'_>, report: &mut Report) -> Option<Self> {
        let Value::Object(entries) = &at.node.value else {
            at.expected(T::WHAT, report);
            return None;
        };
        let mut object = Object::new(at.path.clone(), at.node.span.clone(), entries);
        let section = T::fields(&mut object, report);
        object.finish(report);
        section
    }

    fn schema() -> serde_json::Value {
        let mut object = Object::new(String::new(), 0..0, &[]);
        // Faults of the empty object are of no interest: only the keys it was asked for are.
        let _ = T::fields(&mut object, &mut Report::default());
        object.schema()
    }
}

/// What became of a key whose absence would be a fault of its own.
#[derive(Debug)]
pub(super) enum Written<T> {
    Absent,
    /// There, and already reported.
    Faulty,
    Given(T),
}

/// A take-cursor over the entries of an object.
pub(super) struct Object<'a> {
    path: String,
    span: Span,
    entries: &'a [Entry],
    known: Vec<Known>,
    is_open: bool,
}

struct Known {
    key: &'static str,
    schema: serde_json::Value,
    is_required: bool,
}

impl<'a> Object<'a> {
    fn new(path: String, span: Span, entries: &'a [Entry]) -> Self {
        Self {
            path,
            span,
            entries,
            known: Vec::new(),
            is_open: false,
        }
    }

    /// The object itself: its path and the first place in its text.
    pub(super) fn place(&self) -> Place {
        Place::new(self.path.clone(), self.span.clone())
    }

    /// The path that `key` has or would have.
    pub(super) fn path_of(&self, key: &str) -> String {
        child(&self.path, key)
    }

    /// Unknown keys only warn from here on.
    pub(super) fn allow_unknown(&mut self) {
        self.is_open = true;
    }

    /// The value of `key`; absent and null are both `None`.
    pub(super) fn take<T: Read>(&mut self, key: &'static str, report: &mut Report) -> Option<T> {
        let at = self.given(key, T::schema())?;
        T::read(&at, report)
    }

    /// As `take`, telling a faulty value from none.
    pub(super) fn written<T: Read>(
        &mut self,
        key: &'static str,
        report: &mut Report,
    ) -> Written<T> {
        match self.given(key, T::schema()) {
            None => Written::Absent,
            Some(at) => T::read(&at, report).map_or(Written::Faulty, Written::Given),
        }
    }

    /// As `take`, together with its place.
    pub(super) fn take_at<T: Read>(
        &mut self,
        key: &'static str,
        report: &mut Report,
    ) -> Option<(T, Place)> {
        let at = self.given(key, T::schema())?;
        Some((T::read(&at, report)?, at.place()))
    }

    /// As `take`; an absent or null key is an error.
    pub(super) fn required<T: Read>(
        &mut self,
        key: &'static str,
        report: &mut Report,
    ) -> Option<T> {
        let at = self.given(key, T::schema());
        self.known.last_mut()?.is_required = true;
        let Some(at) = at else {
            report.error(&self.place(), format!("`{key}` is missing"));
            return None;
        };
        T::read(&at, report)
    }

    /// The node at `key` unless it is absent or null.
    pub(super) fn given(&mut self, key: &'static str, schema: serde_json::Value) -> Option<At<'a>> {
        self.find(key, schema)
            .filter(|at| !matches!(at.node.value, Value::Null))
    }

    /// The node at `key`, be it null.
    pub(super) fn find(&mut self, key: &'static str, schema: serde_json::Value) -> Option<At<'a>> {
        self.known.push(Known {
            key,
            schema,
            is_required: false,
        });
        let entry = self.entries.iter().find(|entry| entry.key == key)?;
        Some(At {
            node: &entry.value,
            path: self.path_of(key),
        })
    }

    /// Reports what nobody took.
    fn finish(self, report: &mut Report) {
        for entry in self.entries {
            if !self.known.iter().any(|known| known.key == entry.key) {
                self.unknown(entry, report);
            }
        }
    }

    fn unknown(&self, entry: &Entry, report: &mut Report) {
        // A misspelt `api_key` still holds a key.
        mask::hide_strings(&entry.value, report);
        let place = Place::new(self.path_of(&entry.key), entry.key_span.clone());
        let message = format!("unknown key `{}`", entry.key);
        let fault = if self.is_open {
            report.warning(&place, message)
        } else {
            report.error(&place, message)
        };
        let keys = || self.known.iter().map(|known| known.key);
        if let Some(near) = nearest(&entry.key, keys()) {
            fault.hint(format!("did you mean `{near}`?"));
        } else if !self.is_open {
            let all: Vec<&str> = keys().collect();
            fault.hint(format!("known keys here: {}", all.join(", ")));
        }
    }

    fn schema(self) -> serde_json::Value {
        let required: Vec<&str> = self
            .known
            .iter()
            .filter(|k| k.is_required)
            .map(|k| k.key)
            .collect();
        let properties: Map<String, serde_json::Value> = self
            .known
            .into_iter()
            .map(|known| (known.key.to_owned(), known.schema))
            .collect();
        let mut schema = json!({ "type": "object", "properties": properties });
        if !required.is_empty() {
            schema["required"] = json!(required);
        }
        if !self.is_open {
            schema["additionalProperties"] = json!(false);
        }
        schema
    }
}
