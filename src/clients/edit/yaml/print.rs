//! Values as YAML in block style.

use std::fmt::Write as _;

use serde_json::Value;

/// What YAML 1.1 reads as something other than a text.
const WORDS: [&str; 11] = [
    "y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf",
];

/// Whether readers might not agree that a plain scalar is a text.
pub(super) fn is_trap(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let number = |byte: u8| byte.is_ascii_digit() || b"+-.:_,etzx ".contains(&byte);
    let digits = lower.bytes().any(|byte| byte.is_ascii_digit());
    WORDS.contains(&lower.trim_start_matches(['.', '-', '+']))
        || (digits && lower.bytes().all(number))
}

/// Whether a value is written on the line of its key.
pub(super) fn is_short(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.is_empty(),
        Value::Object(entries) => entries.is_empty(),
        _ => true,
    }
}

/// A value that is short.
pub(super) fn short(value: &Value) -> String {
    match value {
        Value::String(text) if is_safe(text) => text.clone(),
        Value::String(text) => double(text),
        Value::Number(number) => {
            let shown = number.to_string();
            match shown.split_once('e') {
                // Without a point, or a sign, YAML 1.1 would read a text.
                Some((digits, power)) => {
                    let point = if digits.contains('.') { "" } else { ".0" };
                    let sign = if power.starts_with(['+', '-']) {
                        ""
                    } else {
                        "+"
                    };
                    format!("{digits}{point}e{sign}{power}")
                }
                None => shown,
            }
        }
        other => other.to_string(),
    }
}

/// A short value in the quotes that another had, if it can stand in those.
pub(super) fn like(old: &str, value: &Value) -> String {
    match value {
        Value::String(text) if old.starts_with('"') => double(text),
        Value::String(text)
            if old.starts_with('\'') && !text.contains(|c: char| c == '\'' || is_hidden(c)) =>
        {
            format!("'{text}'")
        }
        _ => short(value),
    }
}

/// `key:` with its value, as lines that begin with an indentation.
pub(super) fn entry(key: &str, value: &Value, indent: &str, end: &str) -> String {
    let key = short(&Value::from(key));
    if is_short(value) {
        return format!("{indent}{key}: {}{end}", short(value));
    }
    format!(
        "{indent}{key}:{end}{}",
        block(value, &format!("{indent}  "), end)
    )
}

/// A list or an object as lines.
pub(super) fn block(value: &Value, indent: &str, end: &str) -> String {
    match value {
        Value::Array(items) if !items.is_empty() => {
            items.iter().map(|value| item(value, indent, end)).collect()
        }
        Value::Object(entries) if !entries.is_empty() => entries
            .iter()
            .map(|(key, value)| entry(key, value, indent, end))
            .collect(),
        other => format!("{indent}{}{end}", short(other)),
    }
}

/// A dash with an item behind it.
pub(super) fn item(value: &Value, indent: &str, end: &str) -> String {
    if is_short(value) {
        return format!("{indent}- {}{end}", short(value));
    }
    let inner = block(value, &format!("{indent}  "), end);
    let rest = inner.get(indent.len() + 2..).unwrap_or_default();
    format!("{indent}- {rest}")
}

/// Whether a text can stand without quotes wherever it may be.
fn is_safe(text: &str) -> bool {
    let free = |byte: u8| byte.is_ascii_alphanumeric() || b"_-./@+=:".contains(&byte);
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/' || c == '_')
        && text.bytes().all(free)
        && !text.ends_with(':')
        && !is_trap(text)
}

/// Whether a letter cannot be in a YAML text as it is, or would not be seen.
fn is_hidden(letter: char) -> bool {
    letter.is_control()
        || matches!(
            letter,
            '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}'
        )
}

fn double(text: &str) -> String {
    let mut out = String::new();
    // JSON's escapes are YAML's too; some that JSON need not write are added.
    for letter in Value::from(text).to_string().chars() {
        if is_hidden(letter) {
            let _ = write!(out, "\\u{:04X}", u32::from(letter));
        } else {
            out.push(letter);
        }
    }
    out
}
