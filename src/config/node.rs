//! One tree for every format: values with their places in the text.
//!
//! JSON, YAML and TOML each become a [`Node`]; everything above reads only this tree, so a fault has
//! a line, a column and a path whatever the file was written in.

use std::fmt::Write as _;
use std::ops::Range;

/// Byte offsets into the text of the file.
pub(super) type Span = Range<usize>;

/// A value and where it is written.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) value: Value,
    pub(super) span: Span,
}

/// What is written there.
#[derive(Debug, Clone)]
pub(super) enum Value {
    Null,
    Bool(bool),
    /// A number as JSON spells it, so that none loses digits on its way into `extra_body`.
    Number(String),
    Text(Text),
    List(Vec<Node>),
    Object(Vec<Entry>),
    /// Unusable, and already reported: readers pass over it in silence.
    Broken,
}

/// A string, and whether any of it came out of a variable.
#[derive(Debug, Clone)]
pub(super) struct Text {
    pub(super) text: String,
    pub(super) expanded: bool,
}

/// One key of an object.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) key_span: Span,
    pub(super) value: Node,
}

impl Value {
    /// A string that was written out.
    pub(super) fn literal(text: impl Into<String>) -> Self {
        Value::Text(Text {
            text: text.into(),
            expanded: false,
        })
    }

    /// What a person calls it, with its article.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Value::Null => "null",
            Value::Bool(_) => "a boolean",
            Value::Number(_) => "a number",
            Value::Text(_) => "a string",
            Value::List(_) => "a list",
            Value::Object(_) => "an object",
            Value::Broken => "an unusable value",
        }
    }
}

impl Node {
    /// Calls `visit` with this node and every node below it, with their paths.
    pub(super) fn walk(&self, path: &str, visit: &mut impl FnMut(&Node, &str)) {
        visit(self, path);
        match &self.value {
            Value::List(items) => {
                for (index, item) in items.iter().enumerate() {
                    item.walk(&format!("{path}[{index}]"), visit);
                }
            }
            Value::Object(entries) => {
                for entry in entries {
                    entry.value.walk(&child(path, &entry.key), visit);
                }
            }
            _ => {}
        }
    }

    /// Its JSON text, numbers as they were spelled.
    pub(super) fn to_json(&self) -> String {
        let mut out = String::new();
        self.write_json(&mut out);
        out
    }

    fn write_json(&self, out: &mut String) {
        match &self.value {
            Value::Null | Value::Broken => out.push_str("null"),
            Value::Bool(value) => _ = write!(out, "{value}"),
            Value::Number(text) => out.push_str(text),
            Value::Text(text) => out.push_str(&json_string(&text.text)),
            Value::List(items) => write_joined(out, '[', ']', items, |out, item| {
                item.write_json(out);
            }),
            Value::Object(entries) => write_joined(out, '{', '}', entries, |out, entry| {
                out.push_str(&json_string(&entry.key));
                out.push(':');
                entry.value.write_json(out);
            }),
        }
    }
}

/// The path of `key` under `path`: dotted where it reads well, quoted where it must be.
pub(super) fn child(path: &str, key: &str) -> String {
    let is_plain = !key.is_empty()
        && key
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    match (path.is_empty(), is_plain) {
        (true, true) => key.to_owned(),
        (false, true) => format!("{path}.{key}"),
        (_, false) => format!("{path}[{}]", json_string(key)),
    }
}

fn json_string(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn write_joined<T>(
    out: &mut String,
    open: char,
    close: char,
    items: &[T],
    mut write: impl FnMut(&mut String, &T),
) {
    out.push(open);
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        write(out, item);
    }
    out.push(close);
}
