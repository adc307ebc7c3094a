//! Plain values: booleans, bounded numbers, text, paths, addresses, names out of a fixed set.
//!
//! What came out of a variable is always a string, so numbers and booleans are also read from strings
//! that a variable had a part in.

use serde_json::json;
use url::Url;

use super::nearest::nearest;
use super::node::Value;
use super::read::{At, Read};
use super::report::Report;
use crate::provider::Secret;

impl Read for bool {
    fn read(at: &At<'_>, report: &mut Report) -> Option<Self> {
        match &at.node.value {
            Value::Bool(value) => return Some(*value),
            Value::Text(text) if text.expanded => match text.text.trim() {
                "true" => return Some(true),
                "false" => return Some(false),
                _ => {}
            },
            _ => {}
        }
        at.expected("true or false", report);
        None
    }

    fn schema() -> serde_json::Value {
        json!({ "type": "boolean" })
    }
}

/// Text that is not empty.
impl Read for String {
    fn read(at: &At<'_>, report: &mut Report) -> Option<Self> {
        let Value::Text(text) = &at.node.value else {
            at.expected("a string", report);
            return None;
        };
        if text.text.trim().is_empty() {
            report.error(&at.place(), "must not be empty");
            return None;
        }
        Some(text.text.clone())
    }

    fn schema() -> serde_json::Value {
        json!({ "type": "string", "minLength": 1 })
    }
}

/// A key: printable ASCII without spaces, as it has to fit into a header. Never shown.
impl Read for Secret {
    fn read(at: &At<'_>, report: &mut Report) -> Option<Self> {
        let Value::Text(text) = &at.node.value else {
            at.expected("a key (a string)", report);
            return None;
        };
        let key = text.text.trim();
        if key.is_empty() {
            report.error(&at.place(), "the key is empty");
            return None;
        }
        if !fits_a_header(key) {
            report
                .error(
                    &at.place(),
                    "the key has characters that no header can carry",
                )
                .hint("keys are printable ASCII without spaces or line breaks");
            return None;
        }
        let secret = Secret::new(key);
        at.note_secret(&secret, report);
        Some(secret)
    }

    fn schema() -> serde_json::Value {
        json!({ "type": "string", "minLength": 1 })
    }
}

/// Whether `key` can be sent: printable ASCII without spaces.
pub(super) fn fits_a_header(key: &str) -> bool {
    key.bytes().all(|byte| byte.is_ascii_graphic())
}

/// A list of things; faulty items are reported and left out.
impl<T: Read> Read for Vec<T> {
    fn read(at: &At<'_>, report: &mut Report) -> Option<Self> {
        let items = at.items("a list", report)?;
        Some(
            items
                .iter()
                .filter_map(|item| T::read(item, report))
                .collect(),
        )
    }

    fn schema() -> serde_json::Value {
        json!({ "type": "array", "items": T::schema() })
    }
}

/// One thing, or a list of them.
#[derive(Debug)]
pub(super) struct OneOrMany<T>(pub(super) Vec<T>);

impl<T: Read> Read for OneOrMany<T> {
    fn read(at: &At<'_>, report: &mut Report) -> Option<Self> {
        if matches!(at.node.value, Value::List(_)) {
            return Vec::read(at, report).map(Self);
        }
        T::read(at, report).map(|one| Self(vec![one]))
    }

    fn schema() -> serde_json::Value {
        json!({ "anyOf": [T::schema(), Vec::<T>::schema()] })
    }
}

/// A part that can be switched off with `false` or `"off"`.
#[derive(Debug)]
pub(super) enum Switch<T> {
    Off,
    On(T),
}

impl<T: Read> Read for Switch<T> {
    fn read(at: &At<'_>, report: &mut Report) -> Option<Self> {
        match &at.node.value {
            Value::Bool(false) => Some(Switch::Off),
            Value::Text(text) if text.text == "off" => Some(Switch::Off),
            _ => T::read(at, report).map(Switch::On),
        }
    }

    fn schema() -> serde_json::Value {
        json!({ "anyOf": [T::schema(), { "enum": [false, "off"] }] })
    }
}

/// A whole number from `MIN` to `MAX`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Whole<const MIN: u32, const MAX: u32>(pub(super) u32);

impl<const MIN: u32, const MAX: u32> Read for Whole<MIN, MAX> {
    fn read(at: &At<'_>, report: &mut Report) -> Option<Self> {
        let number = number(at, "a whole number", report)?;
        let whole = number.parse().ok().filter(|n| (MIN..=MAX).contains(n));
        if whole.is_none() {
            let message = format!("{} is not a whole number from {MIN} to {MAX}", at.quoted());
            report.error(&at.place(), message);
        }
        whole.map(Self)
    }

    fn schema() -> serde_json::Value {
        json!({ "type": "integer", "minimum": MIN, "maximum": MAX })
    }
}

/// A share: 0 to 1.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ratio(pub(super) f64);

impl Read for Ratio {
    fn read(at: &At<'_>, report: &mut Report) -> Option<Self> {
        fraction(at, 0.0, 1.0, report).map(Self)
    }

    fn schema() -> serde_json::Value {
        json!({ "type": "number", "minimum": 0, "maximum": 1 })
    }
}

/// A growth: 1 to 1000.
#[derive(Debug, Clone, Copy)]
pub(super) struct Factor(pub(super) f64);

impl Read for Factor {
    fn read(at: &At<'_>, report: &mut Report) -> Option<Self> {
        fraction(at, 1.0, 1000.0, report).map(Self)
    }

    fn schema() -> serde_json::Value {
        json!({ "type": "number", "minimum": 1, "maximum": 1000 })
    }
}

/// A weight, price or pace: 0 to a billion.
#[derive(Debug, Clone, Copy)]
pub(super) struct Amount(pub(super) f64);

impl Read for Amount {
    fn read(at: &At<'_>, report: &mut Report) -> Option<Self> {
        fraction(at, 0.0, 1e9, report).map(Self)
    }

    fn schema() -> serde_json::Value {
        json!({ "type": "number", "minimum": 0, "maximum": 1e9 })
    }
}

fn fraction(at: &At<'_>, min: f64, max: f64, report: &mut Report) -> Option<f64> {
    let text = number(at, "a number", report)?;
    let value = text.parse().ok().filter(|n| (min..=max).contains(n));
    if value.is_none() {
        let message = format!("{} is not a number from {min} to {max}", at.quoted());
        report.error(&at.place(), message);
    }
    value
}

/// The text of a number, be it written as one or put there by a variable.
pub(super) fn number<'a>(at: &At<'a>, what: &str, report: &mut Report) -> Option<&'a str> {
    match &at.node.value {
        Value::Number(text) => Some(text),
        Value::Text(text) if text.expanded => Some(text.text.trim()),
        _ => {
            at.expected(what, report);
            None
        }
    }
}

/// A type whose values have names in the configuration.
pub(super) trait Named: Copy + 'static {
    /// Every name, in the order in which they are listed.
    const NAMES: &'static [(&'static str, Self)];
}

/// A value given by its name.
#[derive(Debug, Clone, Copy)]
pub(super) struct OneOf<T>(pub(super) T);

impl<T: Named> Read for OneOf<T> {
    fn read(at: &At<'_>, report: &mut Report) -> Option<Self> {
        let names = || T::NAMES.iter().map(|(name, _)| *name);
        let list = names().collect::<Vec<_>>().join(", ");
        let Value::Text(text) = &at.node.value else {
            at.expected(&format!("one of {list}"), report);
            return None;
        };
        let found = T::NAMES.iter().find(|(name, _)| *name == text.text);
        if found.is_none() {
            let message = format!("{} is not one of {list}", at.quoted());
            let fault = report.error(&at.place(), message);
            if let Some(near) = nearest(&text.text, names()) {
                fault.hint(format!("did you mean `{near}`?"));
            }
        }
        found.map(|(_, value)| Self(*value))
    }

    fn schema() -> serde_json::Value {
        let names: Vec<&str> = T::NAMES.iter().map(|(name, _)| *name).collect();
        json!({ "enum": names })
    }
}

/// An absolute address with one of these schemes; text and place are the caller's to judge further.
pub(super) fn address(at: &At<'_>, schemes: &[&str], report: &mut Report) -> Option<Url> {
    let text = String::read(at, report)?;
    let url = Url::parse(text.trim())
        .ok()
        .filter(|url| schemes.contains(&url.scheme()) && url.has_host());
    if url.is_none() {
        let list = schemes.join("://… or ");
        report.error(
            &at.place(),
            format!("{} is not an address such as {list}://…", at.quoted()),
        );
    }
    url
}
