//! YAML 1.2, core schema, into the tree.
//!
//! Built on the parser's events rather than on a ready-made document, so that duplicate keys are kept
//! for the one check all formats share, and an alias bomb ends at a limit. Keys are always text.

use std::collections::BTreeMap;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError, Tag};

use super::format::SyntaxFault;
use super::node::{Entry, Node, Span, Value};

/// Most nodes of a document, aliases counted each time: far above any real file, far below a bomb.
const MAX_NODES: usize = 100_000;

/// Deepest nesting: the tree is walked recursively.
const MAX_DEPTH: usize = 128;

/// Parses the one document in `text` into a tree.
pub(super) fn parse(text: &str) -> Result<Node, Vec<SyntaxFault>> {
    let places = Places::of(text);
    let mut builder = Builder::default();
    let mut parser = Parser::new_from_str(text);
    while let Some(event) = parser.next_event() {
        let (event, span) = event.map_err(|error| syntax(&places, &error))?;
        let span = places.span(span.start, span.end);
        builder
            .feed(event, span.clone())
            .map_err(|message| SyntaxFault::alone(message, span))?;
    }
    Ok(builder.finish(text.len()))
}

fn syntax(places: &Places, error: &ScanError) -> Vec<SyntaxFault> {
    let at = places.byte(*error.marker());
    SyntaxFault::alone(error.info(), at..at)
}

/// Byte offsets by character index: the parser counts characters.
struct Places(Vec<usize>);

impl Places {
    fn of(text: &str) -> Self {
        let ends = std::iter::once(text.len());
        Self(
            text.char_indices()
                .map(|(byte, _)| byte)
                .chain(ends)
                .collect(),
        )
    }

    fn byte(&self, marker: Marker) -> usize {
        let last = self.0.len() - 1;
        self.0[marker.index().min(last)]
    }

    fn span(&self, start: Marker, end: Marker) -> Span {
        self.byte(start)..self.byte(end)
    }
}

/// A collection whose end has not been seen.
struct Open {
    span: Span,
    anchor: usize,
    content: Content,
}

enum Content {
    List(Vec<Node>),
    Object {
        entries: Vec<Entry>,
        key: Option<(String, Span)>,
    },
}

#[derive(Default)]
struct Builder {
    open: Vec<Open>,
    anchors: BTreeMap<usize, Node>,
    root: Option<Node>,
    nodes: usize,
}

impl Builder {
    fn feed(&mut self, event: Event<'_>, span: Span) -> Result<(), &'static str> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let value = scalar(&text, style, tag.as_deref());
                self.add(Node { value, span }, anchor, Some(&text))
            }
            Event::Alias(anchor) => {
                let node = self.anchors.get(&anchor).cloned();
                self.add(node.ok_or("this alias refers to itself")?, 0, None)
            }
            Event::SequenceStart(anchor, _) => self.start(span, anchor, Content::List(Vec::new())),
            Event::MappingStart(anchor, _) => {
                let content = Content::Object {
                    entries: Vec::new(),
                    key: None,
                };
                self.start(span, anchor, content)
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(&span),
            Event::DocumentStart(_) if self.root.is_some() => {
                Err("a second document: a configuration is one document")
            }
            _ => Ok(()),
        }
    }

    fn start(&mut self, span: Span, anchor: usize, content: Content) -> Result<(), &'static str> {
        if self.open.len() == MAX_DEPTH {
            return Err("nested too deeply");
        }
        self.open.push(Open {
            span,
            anchor,
            content,
        });
        Ok(())
    }

    fn end(&mut self, span: &Span) -> Result<(), &'static str> {
        let Some(open) = self.open.pop() else {
            return Ok(());
        };
        let value = match open.content {
            Content::List(items) => Value::List(items),
            Content::Object { entries, .. } => Value::Object(entries),
        };
        let span = open.span.start..span.end.max(open.span.end);
        self.add(Node { value, span }, open.anchor, None)
    }

    /// Puts a finished node where it belongs. `text` is its plain text, if it can be a key.
    fn add(&mut self, node: Node, anchor: usize, text: Option<&str>) -> Result<(), &'static str> {
        self.nodes += if text.is_some() { 1 } else { size(&node) };
        if self.nodes > MAX_NODES {
            return Err("too many values (are aliases nested?)");
        }
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
        match self.open.last_mut().map(|open| &mut open.content) {
            None => self.root = Some(node),
            Some(Content::List(items)) => items.push(node),
            Some(Content::Object { entries, key }) => match key.take() {
                Some((key, key_span)) => entries.push(Entry {
                    key,
                    key_span,
                    value: node,
                }),
                None => {
                    *key = Some((
                        text.ok_or("a key must be plain text")?.to_owned(),
                        node.span,
                    ));
                }
            },
        }
        Ok(())
    }

    /// The document; an empty one is an empty object.
    fn finish(self, end: usize) -> Node {
        match self.root {
            Some(root) if !matches!(root.value, Value::Null) => root,
            _ => Node {
                value: Value::Object(Vec::new()),
                span: end..end,
            },
        }
    }
}

fn size(node: &Node) -> usize {
    1 + match &node.value {
        Value::List(items) => items.iter().map(size).sum(),
        Value::Object(entries) => entries.iter().map(|entry| size(&entry.value)).sum(),
        _ => 0,
    }
}

/// The value of a scalar by the core schema: only plain ones can be anything but text.
fn scalar(text: &str, style: ScalarStyle, tag: Option<&Tag>) -> Value {
    let is_text = tag.is_some_and(|tag| tag.is_yaml_core_schema() && tag.suffix == "str");
    if style != ScalarStyle::Plain || is_text {
        return Value::literal(text);
    }
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        _ => number(text).map_or_else(|| Value::literal(text), Value::Number),
    }
}

/// The JSON spelling of a YAML number, if `text` is one that JSON can hold.
fn number(text: &str) -> Option<String> {
    if let Some(digits) = text.strip_prefix("0x") {
        return Some(u64::from_str_radix(digits, 16).ok()?.to_string());
    }
    if let Some(digits) = text.strip_prefix("0o") {
        return Some(u64::from_str_radix(digits, 8).ok()?.to_string());
    }
    let starts_like_one = text.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c));
    if !starts_like_one || !text.bytes().any(|byte| byte.is_ascii_digit()) {
        return None;
    }
    if serde_json::from_str::<serde_json::Number>(text).is_ok() {
        return Some(text.to_owned());
    }
    let value: f64 = text.parse().ok()?;
    serde_json::Number::from_f64(value).map(|number| number.to_string())
}
