//! JSON, with comments and trailing commas: text is spliced at the places the parser names.
//!
//! A new entry looks like the one before it: on its own line with the same indentation, or on the same
//! line, and with a comma behind it if that one has one.

use std::ops::Range;

use jsonc_parser::ast;
use jsonc_parser::common::Ranged;
use jsonc_parser::{CollectOptions, CommentCollectionStrategy};
use serde_json::Value;

use super::change::Language;
use super::lines::spliced;
use super::node::{Entry, Node, What};
use super::{EditError, line_end, odd, unreadable};
use crate::config::JSON_WITH_COMMENTS;

mod layout;

use layout::{Layout, before_line_end, blank_before, blank_end, skip_trivia};

/// JSON.
pub(super) struct Json;

impl Language for Json {
    fn read(text: &str) -> Result<Option<Value>, EditError> {
        Ok(parse(text)?.map(|root| root.value()))
    }

    fn put(text: &str, at: &[String], value: &Value) -> Result<String, EditError> {
        let Some(root) = parse(text)? else {
            return Ok(first(text, value));
        };
        let layout = Layout::of(text, &root);
        let path = root.path(at)?;
        if let Some(node) = path.get(at.len()) {
            let shown = layout.value_in_place(node, value);
            return Ok(spliced(text, node.span.clone(), &shown));
        }
        let (Some(key), Some(above)) = (at.last(), path.get(at.len().wrapping_sub(1))) else {
            return Err(odd(at, "nothing is found above it"));
        };
        let name = Value::from(key.as_str()).to_string();
        Ok(layout.insert(&above.children(), above, Some(&name), value))
    }

    fn push(text: &str, at: &[String], value: &Value) -> Result<String, EditError> {
        let root = some(text, at)?;
        let list = root.at(at)?;
        Ok(Layout::of(text, &root).insert(&list.children(), list, None, value))
    }

    fn swap(text: &str, at: &[String], index: usize, value: &Value) -> Result<String, EditError> {
        let root = some(text, at)?;
        let item = root.at(at)?.items().get(index);
        let item = item.ok_or_else(|| odd(at, "the item is not found"))?;
        let shown = Layout::of(text, &root).value_in_place(item, value);
        Ok(spliced(text, item.span.clone(), &shown))
    }

    fn cut(text: &str, at: &[String]) -> Result<String, EditError> {
        let root = some(text, at)?;
        let Some((key, above)) = at.split_last() else {
            return Ok(without_root(text, &root.span));
        };
        let above = root.at(above)?;
        root.at(at)?;
        let index = above.entries().iter().position(|entry| entry.key == *key);
        let index = index.ok_or_else(|| odd(at, "the key is not found"))?;
        Ok(without(text, above, &above.children(), index))
    }

    fn cut_item(text: &str, at: &[String], index: usize) -> Result<String, EditError> {
        let root = some(text, at)?;
        let list = root.at(at)?;
        Ok(without(text, list, &list.children(), index))
    }

    fn bare(text: &str, at: &[String]) -> Result<bool, EditError> {
        let root = some(text, at)?;
        let node = root.at(at)?;
        Ok(node.gaps().into_iter().all(|gap| {
            let between = &text[gap];
            !between.contains("//") && !between.contains("/*")
        }))
    }
}

/// The parser itself bounds the depth.
fn parse(text: &str) -> Result<Option<Node>, EditError> {
    let collect = CollectOptions {
        comments: CommentCollectionStrategy::Off,
        tokens: false,
    };
    let parsed = jsonc_parser::parse_to_ast(text, &collect, &JSON_WITH_COMMENTS)
        .map_err(|error| unreadable(text, error.range().start, error.kind().to_string()))?;
    parsed.value.map(|value| node(text, &value)).transpose()
}

fn some(text: &str, at: &[String]) -> Result<Node, EditError> {
    parse(text)?.ok_or_else(|| odd(at, "the file is empty"))
}

fn node(text: &str, value: &ast::Value<'_>) -> Result<Node, EditError> {
    let range = value.range();
    let what = match value {
        ast::Value::NullKeyword(_) => What::Leaf(Value::Null),
        ast::Value::BooleanLit(lit) => What::Leaf(Value::Bool(lit.value)),
        ast::Value::NumberLit(lit) => What::Leaf(
            serde_json::from_str(lit.value)
                .map_err(|_| unreadable(text, range.start, "this number cannot be kept"))?,
        ),
        ast::Value::StringLit(lit) => What::Leaf(Value::from(lit.value.as_ref())),
        ast::Value::Array(array) => {
            let items = array.elements.iter().map(|item| node(text, item));
            What::List(items.collect::<Result<_, _>>()?)
        }
        ast::Value::Object(object) => {
            let entries = object
                .properties
                .iter()
                .map(|property| entry(text, property));
            What::Object(entries.collect::<Result<_, _>>()?)
        }
    };
    Ok(Node {
        span: range.start..range.end,
        what,
        fixed: None,
    })
}

fn entry(text: &str, property: &ast::ObjectProp<'_>) -> Result<Entry, EditError> {
    let name = property.name.range();
    Ok(Entry {
        key: property.name.as_str().to_owned(),
        key_span: name.start..name.end,
        value: node(text, &property.value)?,
    })
}

/// The first value of a file without any: behind the blanks and comments, so that they are all there is
/// again when it goes.
fn first(text: &str, value: &Value) -> String {
    let end = line_end(text);
    let shown = layout::pretty(value, "", "  ", end);
    format!("{text}{shown}{end}")
}

/// The text without its only value.
fn without_root(text: &str, span: &Range<usize>) -> String {
    let rest = &text[span.end..];
    let rest = rest
        .strip_prefix("\r\n")
        .or(rest.strip_prefix('\n'))
        .unwrap_or(rest);
    format!("{}{rest}", &text[..span.start])
}

/// The text without one of the children of a node.
fn without(text: &str, node: &Node, children: &[Range<usize>], index: usize) -> String {
    let Some(child) = children.get(index) else {
        return text.to_owned();
    };
    let comma = comma_after(text, child.end);
    let last = index + 1 == children.len();
    let inside = node.span.start + 1..node.span.end - 1;
    let start = blank_before(text, child.start);
    let end = comma.map_or(child.end, |comma| comma + 1);
    if children.len() == 1 && start == inside.start && text[end..inside.end].trim().is_empty() {
        return spliced(text, inside, "");
    }
    let gap = index
        .checked_sub(1)
        .map_or(inside.start, |before| children[before].end);
    let gone = if text[gap..start].contains("//") {
        before_line_end(text, start..end)
    } else {
        start..end
    };
    let mut out = spliced(text, gone, "");
    if last && comma.is_none() && index > 0 {
        // The comma of the one before would now be a trailing one.
        if let Some(comma) = comma_after(text, children[index - 1].end) {
            out.remove(comma);
        }
    } else if start == child.start && !last {
        let rest = blank_end(&out, start);
        out.replace_range(start..rest, "");
    }
    out
}

/// Where the comma behind a value is, if one is there.
fn comma_after(text: &str, end: usize) -> Option<usize> {
    let at = skip_trivia(text, end);
    text[at..].starts_with(',').then_some(at)
}
