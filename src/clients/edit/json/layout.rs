//! How the values of a JSON file are laid out, so that a new one looks like its neighbours.

use std::ops::Range;

use serde_json::Value;

use super::{Node, What, comma_after, line_end};

/// The habits of a file.
pub(super) struct Layout<'a> {
    text: &'a str,
    /// What one level of nesting is indented by.
    unit: String,
    end: &'static str,
}

impl<'a> Layout<'a> {
    pub(super) fn of(text: &'a str, root: &Node) -> Self {
        Self {
            text,
            unit: unit(text, root).unwrap_or_else(|| "  ".to_owned()),
            end: line_end(text),
        }
    }

    /// A value as it is to be written in the place of another.
    pub(super) fn value_in_place(&self, node: &Node, value: &Value) -> String {
        let start = node.span.start;
        match own_line(self.text, line_first(self.text, start)) {
            Some(indent) if !self.is_inline(node) => pretty(value, indent, &self.unit, self.end),
            _ => inline(value),
        }
    }

    /// Whether a list or object with something in it is all on one line.
    fn is_inline(&self, node: &Node) -> bool {
        !node.children().is_empty() && !self.text[node.span.clone()].contains('\n')
    }

    /// The text with one more child in a node, as the last.
    pub(super) fn insert(
        &self,
        children: &[Range<usize>],
        node: &Node,
        name: Option<&str>,
        value: &Value,
    ) -> String {
        let text = self.text;
        let Some(last) = children.last() else {
            return self.insert_first(node, name, value);
        };
        let comma = comma_after(text, last.end);
        let Some(indent) = own_line(text, last.start) else {
            let entry = named(name, &inline(value));
            return match comma {
                Some(comma) => {
                    format!("{} {entry},{}", &text[..=comma], &text[comma + 1..])
                }
                None => format!("{}, {entry}{}", &text[..last.end], &text[last.end..]),
            };
        };
        let entry = named(name, &pretty(value, indent, &self.unit, self.end));
        let tail = line_tail(text, comma.map_or(last.end, |comma| comma + 1));
        let (before, after) = (&text[last.end..tail], &text[tail..]);
        let (between, behind) = if comma.is_some() {
            ("", ",")
        } else {
            (",", "")
        };
        let (head, end) = (&text[..last.end], self.end);
        format!("{head}{between}{before}{end}{indent}{entry}{behind}{after}")
    }

    fn insert_first(&self, node: &Node, name: Option<&str>, value: &Value) -> String {
        let text = self.text;
        let inside = node.span.start + 1..node.span.end - 1;
        let first = line_first(text, node.span.start);
        let Some(indent) = own_line(text, first) else {
            let entry = named(name, &inline(value));
            let at = inside.start;
            return format!("{}{entry}{}", &text[..at], &text[at..]);
        };
        let deeper = format!("{indent}{}", self.unit);
        let entry = named(name, &pretty(value, &deeper, &self.unit, self.end));
        let end = self.end;
        // Behind a comment in the otherwise empty object, if there is one.
        let at = match text[inside.clone()].trim_end() {
            "" => inside.start,
            comment => inside.start + comment.len(),
        };
        let rest = &text[at..];
        let closing = if text[at..inside.end].contains('\n') {
            String::new()
        } else {
            format!("{end}{indent}")
        };
        format!("{}{end}{deeper}{entry}{closing}{rest}", &text[..at])
    }
}

fn named(name: Option<&str>, value: &str) -> String {
    name.map_or_else(|| value.to_owned(), |name| format!("{name}: {value}"))
}

/// What the first child that has a line of its own is indented by, more than what holds it.
fn unit(text: &str, node: &Node) -> Option<String> {
    let outer = own_line(text, line_first(text, node.span.start))?;
    let inner = node
        .children()
        .first()
        .and_then(|child| own_line(text, child.start))
        .and_then(|inner| inner.strip_prefix(outer))
        .filter(|inner| !inner.is_empty());
    if let Some(inner) = inner {
        return Some(inner.to_owned());
    }
    match &node.what {
        What::Leaf(_) => None,
        What::List(items) => items.iter().find_map(|item| unit(text, item)),
        What::Object(entries) => entries.iter().find_map(|entry| unit(text, &entry.value)),
    }
}

/// Where the first thing on the line of a byte is.
fn line_first(text: &str, byte: usize) -> usize {
    let start = text[..byte].rfind('\n').map_or(0, |newline| newline + 1);
    let blank = text[start..byte].bytes().take_while(|byte| is_blank(*byte));
    start + blank.count()
}

/// The indentation before a byte, if nothing else is before it on its line.
fn own_line(text: &str, byte: usize) -> Option<&str> {
    let start = text[..byte].rfind('\n').map_or(0, |newline| newline + 1);
    let indent = &text[start..byte];
    indent.bytes().all(is_blank).then_some(indent)
}

fn is_blank(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}

/// Where the blanks and line ends before a byte begin.
pub(super) fn blank_before(text: &str, byte: usize) -> usize {
    text[..byte].trim_end_matches([' ', '\t', '\r', '\n']).len()
}

/// Where the blanks behind a byte end, on its line.
pub(super) fn blank_end(text: &str, byte: usize) -> usize {
    byte + text[byte..]
        .bytes()
        .take_while(|byte| is_blank(*byte))
        .count()
}

/// Where blanks, line ends and comments behind a byte end.
pub(super) fn skip_trivia(text: &str, mut at: usize) -> usize {
    loop {
        let rest = &text[at..];
        let trimmed = rest.trim_start_matches([' ', '\t', '\r', '\n']);
        at += rest.len() - trimmed.len();
        match comment(trimmed) {
            Some(length) => at += length,
            None => return at,
        }
    }
}

/// Where the comments that follow on the same line end.
fn line_tail(text: &str, at: usize) -> usize {
    let (mut end, mut here) = (at, at);
    loop {
        here = blank_end(text, here);
        match comment(&text[here..]) {
            Some(length) => here += length,
            None => return end,
        }
        end = here;
    }
}

/// How long the comment is that a text begins with; the line end is no part of it.
fn comment(text: &str) -> Option<usize> {
    if text.starts_with("//") {
        let line = text.split('\n').next().unwrap_or(text);
        return Some(line.trim_end_matches('\r').len());
    }
    let inner = text.strip_prefix("/*")?;
    Some(2 + inner.find("*/").map_or(inner.len(), |end| end + 2))
}

/// A place that may go without the comment before it swallowing what is behind it.
pub(super) fn before_line_end(text: &str, gone: Range<usize>) -> Range<usize> {
    let behind = &text[blank_end(text, gone.end)..];
    let ends_line = behind.starts_with('\n') || behind.starts_with("\r\n");
    if ends_line {
        return gone;
    }
    let newline = text[gone.clone()]
        .find('\n')
        .map_or(0, |newline| newline + 1);
    gone.start + newline..gone.end
}

/// A value over several lines, the first without its indentation.
pub(super) fn pretty(value: &Value, indent: &str, unit: &str, end: &str) -> String {
    let deeper = format!("{indent}{unit}");
    let Some((open, lines, close)) = parts(value, |part| pretty(part, &deeper, unit, end)) else {
        return value.to_string();
    };
    let between = format!(",{end}{deeper}");
    format!(
        "{open}{end}{deeper}{}{end}{indent}{close}",
        lines.join(&between)
    )
}

/// A value on one line.
fn inline(value: &Value) -> String {
    let Some((open, parts, close)) = parts(value, inline) else {
        return value.to_string();
    };
    format!("{open}{}{close}", parts.join(", "))
}

/// The items or fields of a value as `written`, between its brackets; `None` where there are none.
fn parts(value: &Value, written: impl Fn(&Value) -> String) -> Option<(char, Vec<String>, char)> {
    match value {
        Value::Array(items) if !items.is_empty() => {
            Some(('[', items.iter().map(written).collect(), ']'))
        }
        Value::Object(fields) if !fields.is_empty() => {
            let field = |(key, value): (&String, &Value)| {
                format!("{}: {}", Value::from(key.as_str()), written(value))
            };
            Some(('{', fields.iter().map(field).collect(), '}'))
        }
        _ => None,
    }
}
