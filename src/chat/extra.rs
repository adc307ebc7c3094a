//! What a translation cannot carry over: leftovers, and the report of what became of them.

use std::borrow::Cow;
use std::fmt;

use serde_json::{Map, Value};

use crate::json::fields::Fields;

/// The fields of a node that its decoder did not know, in their order. They are of use only to the
/// dialect that they came in.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Extra(Option<Box<Map<String, Value>>>);

impl Extra {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// The value of one of them.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.0.as_ref()?.get(key)
    }

    /// Adds a field: for what a decoder knows but has no neutral word for.
    pub fn set(&mut self, key: &str, value: Value) {
        let map = self.0.get_or_insert_default();
        map.insert(key.to_owned(), value);
    }

    /// Writes them into `map`, where they came from; what is there already stays.
    pub fn merge_into(&self, map: &mut Map<String, Value>) {
        for (key, value) in self.0.iter().flat_map(|extra| extra.iter()) {
            if !map.contains_key(key) {
                map.insert(key.clone(), value.clone());
            }
        }
    }
}

impl From<Map<String, Value>> for Extra {
    fn from(map: Map<String, Value>) -> Self {
        Self((!map.is_empty()).then(|| Box::new(map)))
    }
}

/// Most paths that are told apart: no API has so many fields, and a hostile body may.
const MAX_PATHS: usize = 256;

/// Paths of the fields that a decoder left over; those that hold nothing are not worth a word.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Leftovers {
    losses: Vec<String>,
    notes: Vec<String>,
}

impl Leftovers {
    /// Takes what is left of `fields`, noting its paths.
    pub fn collect(&mut self, fields: Fields) -> Extra {
        if fields.is_empty() {
            return Extra::default();
        }
        let path = fields.path().to_owned();
        let rest = fields.into_rest();
        for (key, value) in &rest {
            if !is_blank(value) {
                self.note(if path.is_empty() {
                    key.clone()
                } else {
                    format!("{path}.{key}")
                });
            }
        }
        rest.into()
    }

    /// Notes a path that is left over as a whole.
    pub fn note(&mut self, path: String) {
        add(&mut self.losses, path);
    }

    /// Notes a path that is left over and carries no meaning for the answer.
    pub fn note_idle(&mut self, path: String) {
        add(&mut self.notes, path);
    }

    /// The paths that carry a meaning, each once.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.losses.iter().map(String::as_str)
    }

    /// The paths that carry none.
    pub fn notes(&self) -> impl Iterator<Item = &str> {
        self.notes.iter().map(String::as_str)
    }
}

/// Adds a path unless it is there, or there are more than anybody reads: then that is said.
fn add(paths: &mut Vec<String>, path: String) {
    match paths.len() {
        MAX_PATHS => paths.push("…".to_owned()),
        0..MAX_PATHS if !paths.contains(&path) => paths.push(path),
        _ => {}
    }
}

/// Whether a value says nothing.
pub fn is_blank(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

/// How much a loss matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// It carries no meaning for the answer: logged and counted, never refused.
    Note,
    /// It does: named in `x-autogw-dropped`, and refused under `router.fidelity: "strict"`.
    Loss,
}

/// A field that did not come over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loss {
    /// Its path in the request it came in; places in lists are written `[]`.
    pub field: Cow<'static, str>,
    /// How much it matters.
    pub level: Level,
}

/// A field that came over with another value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adjustment {
    /// Its path in the request it came in.
    pub field: Cow<'static, str>,
    /// What it became.
    pub value: String,
}

/// What became of whatever did not fit the other dialect: the one object that feeds headers, log,
/// metrics and strict mode.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    losses: Vec<Loss>,
    adjustments: Vec<Adjustment>,
}

impl Report {
    /// A field was dropped, and the answer may be another for it.
    pub fn drop(&mut self, field: impl Into<Cow<'static, str>>) {
        self.lose(field.into(), Level::Loss);
    }

    /// A field was dropped that carries no meaning for the answer.
    pub fn note(&mut self, field: impl Into<Cow<'static, str>>) {
        self.lose(field.into(), Level::Note);
    }

    /// A field came over as `value`.
    pub fn adjust(&mut self, field: impl Into<Cow<'static, str>>, value: impl fmt::Display) {
        let field = field.into();
        if self.adjustments.iter().all(|known| known.field != field) {
            let value = value.to_string();
            self.adjustments.push(Adjustment { field, value });
        }
    }

    fn lose(&mut self, field: Cow<'static, str>, level: Level) {
        match self.losses.iter_mut().find(|known| known.field == field) {
            Some(known) => known.level = known.level.max(level),
            None => self.losses.push(Loss { field, level }),
        }
    }

    /// Everything that was dropped, each once.
    pub fn losses(&self) -> &[Loss] {
        &self.losses
    }

    /// What was dropped and matters.
    pub fn dropped(&self) -> impl Iterator<Item = &str> {
        let real = self.losses.iter().filter(|loss| loss.level == Level::Loss);
        real.map(|loss| &*loss.field)
    }

    /// What came over with another value.
    pub fn adjustments(&self) -> &[Adjustment] {
        &self.adjustments
    }

    /// Whether everything came over as it was.
    pub fn is_empty(&self) -> bool {
        self.losses.is_empty() && self.adjustments.is_empty()
    }

    /// Adds what another report holds.
    pub fn merge(&mut self, other: Report) {
        for loss in other.losses {
            self.lose(loss.field, loss.level);
        }
        for adjustment in other.adjustments {
            self.adjust(adjustment.field, adjustment.value);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn leftovers_are_named_once_and_only_if_they_say_something() {
        let mut leftovers = Leftovers::default();
        for place in [json!({"a": 1, "n": null, "e": []}), json!({"a": 2})] {
            let fields = Fields::of(place, "messages[]").expect("an object");
            leftovers.collect(fields);
        }
        assert_eq!(leftovers.iter().collect::<Vec<_>>(), ["messages[].a"]);
    }

    #[test]
    fn what_carries_no_meaning_is_kept_apart() {
        let mut leftovers = Leftovers::default();
        leftovers.note("a".to_owned());
        leftovers.note_idle("b".to_owned());
        assert_eq!(leftovers.iter().collect::<Vec<_>>(), ["a"]);
        assert_eq!(leftovers.notes().collect::<Vec<_>>(), ["b"]);
    }

    #[test]
    fn extras_go_back_where_they_came_from_but_never_over_a_field() {
        let map = json!({"a": 1, "b": 2});
        let extra = Extra::from(map.as_object().expect("an object").clone());
        let mut target = Map::new();
        target.insert("b".to_owned(), json!(3));
        extra.merge_into(&mut target);
        assert_eq!(Value::Object(target), json!({"b": 3, "a": 1}));
    }

    #[test]
    fn a_field_is_reported_once_at_its_worst() {
        let mut report = Report::default();
        report.note("user");
        report.drop("seed");
        report.drop("user");
        assert_eq!(report.dropped().collect::<Vec<_>>(), ["user", "seed"]);
        assert_eq!(report.losses().len(), 2);
    }
}
