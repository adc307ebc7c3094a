//! Values as TOML writes them.

use serde_json::{Map, Value};

use super::super::{EditError, odd};

/// Refuses what TOML cannot say.
pub(super) fn sayable(at: &[String], value: &Value) -> Result<(), EditError> {
    match value {
        Value::Null => Err(odd(at, "TOML has no null")),
        Value::Number(number) if number.is_u64() && !number.is_i64() => {
            Err(odd(at, "TOML has no numbers that large"))
        }
        Value::Array(items) => items.iter().try_for_each(|item| sayable(at, item)),
        Value::Object(entries) => entries.values().try_for_each(|value| sayable(at, value)),
        _ => Ok(()),
    }
}

/// A value on one line.
pub(super) fn inline(value: &Value) -> String {
    match value {
        Value::String(text) => basic(text),
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(inline).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(entries) if entries.is_empty() => "{}".to_owned(),
        Value::Object(entries) => {
            let entries = entries.iter().map(|(key, value)| pair(&[key], value));
            format!("{{ {} }}", entries.collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}

/// A text in the kind of quotes that another had, if it can stand in those.
pub(super) fn like(old: &str, value: &Value) -> String {
    let literal = old.starts_with('\'') && !old.starts_with("'''");
    match value {
        Value::String(text) if literal && !text.contains(|c: char| c == '\'' || c.is_control()) => {
            format!("'{text}'")
        }
        _ => inline(value),
    }
}

/// `a.b = value`.
pub(super) fn pair<S: AsRef<str>>(keys: &[S], value: &Value) -> String {
    format!("{} = {}", dotted(keys), inline(value))
}

/// Keys with dots between them, each in quotes if it needs them.
pub(super) fn dotted<S: AsRef<str>>(keys: &[S]) -> String {
    let keys = keys.iter().map(|key| {
        let key = key.as_ref();
        let bare = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if !key.is_empty() && key.bytes().all(bare) {
            key.to_owned()
        } else {
            basic(key)
        }
    });
    keys.collect::<Vec<_>>().join(".")
}

fn basic(text: &str) -> String {
    // JSON's escapes are TOML's too, but for one that JSON need not write.
    Value::from(text).to_string().replace('\u{7f}', "\\u007F")
}

/// Whether a value is written as sections of their own.
pub(super) fn has_sections(value: &Value) -> bool {
    match value {
        Value::Object(_) => true,
        Value::Array(items) => !items.is_empty() && items.iter().all(Value::is_object),
        _ => false,
    }
}

/// The sections that a value makes, each with its lines.
pub(super) fn sections(path: &mut Vec<String>, value: &Value, out: &mut Vec<Vec<String>>) {
    match value {
        Value::Object(entries) => table(path, entries, out),
        Value::Array(items) => {
            for item in items.iter().filter_map(Value::as_object) {
                let mut lines = vec![format!("[[{}]]", dotted(path))];
                lines.extend(own_lines(item));
                out.push(lines);
                below(path, item, out);
            }
        }
        _ => {}
    }
}

fn table(path: &mut Vec<String>, entries: &Map<String, Value>, out: &mut Vec<Vec<String>>) {
    let mut lines = vec![format!("[{}]", dotted(path))];
    lines.extend(own_lines(entries));
    if lines.len() > 1 || entries.is_empty() {
        out.push(lines);
    }
    below(path, entries, out);
}

fn own_lines(entries: &Map<String, Value>) -> impl Iterator<Item = String> {
    let own = entries.iter().filter(|(_, value)| !has_sections(value));
    own.map(|(key, value)| pair(&[key], value))
}

fn below(path: &mut Vec<String>, entries: &Map<String, Value>, out: &mut Vec<Vec<String>>) {
    for (key, value) in entries.iter().filter(|(_, value)| has_sections(value)) {
        path.push(key.clone());
        sections(path, value, out);
        path.pop();
    }
}
