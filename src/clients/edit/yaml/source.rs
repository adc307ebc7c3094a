//! A YAML text as a tree with places, from the parser's events.

use saphyr_parser::{Event, Marker, Parser, ScalarStyle};
use serde_json::{Number, Value};

use super::super::node::{Entry, Node, What};
use super::super::{EditError, odd, unreadable};
use super::print::is_trap;

/// Deepest nesting: the tree is walked recursively.
const MAX_DEPTH: usize = 128;

/// The one document in a text; `None` if there is nothing in it.
pub(super) fn parse(text: &str) -> Result<Option<Node>, EditError> {
    let mut bytes: Vec<usize> = text.char_indices().map(|(byte, _)| byte).collect();
    bytes.push(text.len());
    let byte = |marker: &Marker| bytes[marker.index().min(bytes.len() - 1)];
    let mut builder = Builder {
        text,
        open: Vec::new(),
        root: None,
    };
    let mut parser = Parser::new_from_str(text);
    while let Some(event) = parser.next_event() {
        let (event, span) =
            event.map_err(|error| unreadable(text, byte(error.marker()), error.info()))?;
        builder.feed(event, byte(&span.start), byte(&span.end))?;
    }
    let nothing =
        |root: &Node| root.span.is_empty() && matches!(root.what, What::Leaf(Value::Null));
    Ok(builder.root.filter(|root| !nothing(root)))
}

/// A collection whose end has not been seen.
struct Open {
    node: Node,
    /// The key whose value is to come.
    key: Option<(String, std::ops::Range<usize>)>,
    flow: bool,
}

struct Builder<'a> {
    text: &'a str,
    open: Vec<Open>,
    root: Option<Node>,
}

impl Builder<'_> {
    fn feed(&mut self, event: Event<'_>, start: usize, end: usize) -> Result<(), EditError> {
        match event {
            Event::DocumentStart(_) if self.root.is_some() => {
                Err(odd(&[], "it is several documents"))
            }
            Event::Scalar(text, style, anchor, tag) => {
                let (value, mut fixed) = scalar(&text, style);
                if anchor > 0 || tag.is_some() {
                    fixed = Some("it has an anchor or a tag");
                }
                let written = self.text.get(start..end).unwrap_or_default();
                let span = start..start + written.trim_end().len();
                let what = What::Leaf(value);
                self.add(Node { span, what, fixed }, Some(&text))
            }
            Event::Alias(_) => {
                let what = What::Leaf(Value::Null);
                let fixed = Some("it is an alias");
                self.add(
                    Node {
                        span: start..end,
                        what,
                        fixed,
                    },
                    None,
                )
            }
            Event::SequenceStart(anchor, tag) => {
                self.start(start, What::List(Vec::new()), anchor > 0 || tag.is_some())
            }
            Event::MappingStart(anchor, tag) => {
                self.start(start, What::Object(Vec::new()), anchor > 0 || tag.is_some())
            }
            // The end of brackets is said to include what follows them on the line.
            Event::SequenceEnd | Event::MappingEnd => self.end((start + 1).min(end)),
            _ => Ok(()),
        }
    }

    fn start(&mut self, at: usize, what: What, marked: bool) -> Result<(), EditError> {
        if self.open.len() == MAX_DEPTH {
            return Err(unreadable(self.text, at, "nested too deeply"));
        }
        let flow = self.text[at..].starts_with(['[', '{']);
        let fixed = marked.then_some("it has an anchor or a tag");
        let node = Node {
            span: at..at,
            what,
            fixed,
        };
        self.open.push(Open {
            node,
            key: None,
            flow,
        });
        Ok(())
    }

    fn end(&mut self, at: usize) -> Result<(), EditError> {
        let Some(Open { mut node, flow, .. }) = self.open.pop() else {
            return Ok(());
        };
        let children = node.children();
        node.span.end = match children.last() {
            _ if flow => at,
            Some(last) => last.end,
            None => at,
        };
        if flow && !children.is_empty() && node.fixed.is_none() {
            node.fixed = Some("it is written in brackets or braces");
        }
        self.add(node, None)
    }

    /// Puts a finished node where it belongs. `text` is its plain text, if it can be a key.
    fn add(&mut self, node: Node, text: Option<&str>) -> Result<(), EditError> {
        let Some(open) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        match &mut open.node.what {
            What::List(items) => items.push(node),
            What::Object(entries) => {
                let Some((key, key_span)) = open.key.take() else {
                    let at = node.span.start;
                    let missing = || unreadable(self.text, at, "a key must be plain text");
                    open.key = Some((text.ok_or_else(missing)?.to_owned(), node.span));
                    return Ok(());
                };
                if key == "<<" {
                    open.node.fixed = Some("it has a merge key");
                }
                // An empty value is wherever the parser noticed; it belongs to its key.
                let mut value = node;
                if value.span.is_empty() {
                    value.span = key_span.end..key_span.end;
                }
                entries.push(Entry {
                    key,
                    key_span,
                    value,
                });
            }
            What::Leaf(_) => {}
        }
        Ok(())
    }
}

/// The value of a scalar by the core schema, and why it is better left alone, if it is.
fn scalar(text: &str, style: ScalarStyle) -> (Value, Option<&'static str>) {
    const DIFFERS: &str = "readers of YAML 1.1 and 1.2 take its value for different things";
    if matches!(style, ScalarStyle::Literal | ScalarStyle::Folded) {
        return (Value::from(text), Some("it is a text over several lines"));
    }
    if style != ScalarStyle::Plain {
        return (Value::from(text), None);
    }
    let value = match text {
        "" | "~" | "null" | "Null" | "NULL" => return (Value::Null, None),
        "true" | "True" | "TRUE" => return (Value::Bool(true), None),
        "false" | "False" | "FALSE" => return (Value::Bool(false), None),
        _ => text,
    };
    if let Ok(number) = serde_json::from_str::<Number>(value) {
        return (Value::Number(number), None);
    }
    if let Some(number) = number(value) {
        return (Value::Number(number), Some(DIFFERS));
    }
    (Value::from(value), is_trap(value).then_some(DIFFERS))
}

/// A number in one of the spellings that JSON does not have.
fn number(text: &str) -> Option<Number> {
    if let Some(digits) = text.strip_prefix("0x") {
        return u64::from_str_radix(digits, 16).ok().map(Number::from);
    }
    if let Some(digits) = text.strip_prefix("0o") {
        return u64::from_str_radix(digits, 8).ok().map(Number::from);
    }
    let like_one = text.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c));
    if !like_one || !text.bytes().any(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Number::from_f64(text.parse().ok()?)
}
