//! YAML in block style: lines are added and taken away at the places the parser names.
//!
//! What is in brackets, has anchors or tags, or is read differently by YAML 1.1 and 1.2 is left alone; and
//! what comes out is read again before it is believed.

use std::ops::Range;

use serde_json::{Map, Value};

use super::change::Language;
use super::lines::{self, spliced};
use super::node::{Entry, Node, What};
use super::{EditError, line_end, odd};

mod print;
mod source;

/// YAML.
pub(super) struct Yaml;

impl Language for Yaml {
    fn read(text: &str) -> Result<Option<Value>, EditError> {
        Ok(source::parse(text)?.map(|root| root.value()))
    }

    fn put(text: &str, at: &[String], value: &Value) -> Result<String, EditError> {
        lines::whole(text, |text| put(text, at, value))
    }

    fn push(text: &str, at: &[String], value: &Value) -> Result<String, EditError> {
        lines::whole(text, |text| {
            let root = some(text, at)?;
            let list = open(&root, at)?;
            let Some(index) = list.items().len().checked_sub(1) else {
                return fill(text, &root, at, &Value::Array(vec![value.clone()]));
            };
            let extent = item(text, at, list, index)?;
            let indent = lines::indent(text, extent.start);
            let shown = print::item(value, indent, line_end(text));
            Ok(spliced(text, extent.end..extent.end, &shown))
        })
    }

    fn swap(text: &str, at: &[String], index: usize, value: &Value) -> Result<String, EditError> {
        lines::whole(text, |text| {
            let root = some(text, at)?;
            let list = open(&root, at)?;
            let extent = item(text, at, list, index)?;
            list.items()[index].changeable(at)?;
            let indent = lines::indent(text, extent.start);
            let shown = print::item(value, indent, line_end(text));
            Ok(spliced(text, extent, &shown))
        })
    }

    fn cut(text: &str, at: &[String]) -> Result<String, EditError> {
        lines::whole(text, |text| cut(text, at))
    }

    fn cut_item(text: &str, at: &[String], index: usize) -> Result<String, EditError> {
        lines::whole(text, |text| {
            let root = some(text, at)?;
            let list = open(&root, at)?;
            let extent = item(text, at, list, index)?;
            list.items()[index].changeable(at)?;
            if list.items().len() > 1 {
                return Ok(spliced(text, extent, ""));
            }
            emptied(text, &root, at, extent, "[]")
        })
    }

    fn bare(text: &str, at: &[String]) -> Result<bool, EditError> {
        let root = some(text, at)?;
        let node = root.at(at)?;
        let Some(first) = node
            .children()
            .first()
            .map(|first| lines::start(text, first.start))
        else {
            return Ok(true);
        };
        // At the top comments stay when the rest goes.
        let Some(entry) = entry(&root, at)? else {
            return Ok(true);
        };
        Ok(!text[entry.key_span.end.min(first)..first].contains('#'))
    }
}

fn some(text: &str, at: &[String]) -> Result<Node, EditError> {
    source::parse(text)?.ok_or_else(|| odd(at, "the file is empty"))
}

/// The node at a place, if it and all above it are written in a way that can be changed.
fn open<'a>(root: &'a Node, at: &[String]) -> Result<&'a Node, EditError> {
    let found = root.at(at)?;
    for (depth, node) in root.path(at)?.iter().enumerate() {
        if let Some(why) = node.fixed {
            return Err(odd(&at[..depth], why));
        }
    }
    Ok(found)
}

/// The key and value at a place; `None` for the top.
fn entry<'a>(root: &'a Node, at: &[String]) -> Result<Option<&'a Entry>, EditError> {
    let Some((key, above)) = at.split_last() else {
        return Ok(None);
    };
    let entries = open(root, above)?.entries();
    let found = entries.iter().find(|entry| entry.key == *key);
    found
        .map(Some)
        .ok_or_else(|| odd(at, "the key is not found"))
}

/// The lines of a key and its value.
fn extent(text: &str, at: &[String], entry: &Entry) -> Result<Range<usize>, EditError> {
    let start = lines::start(text, entry.key_span.start);
    if !text[start..entry.key_span.start].trim().is_empty() {
        return Err(odd(at, "its key is not at the start of a line"));
    }
    let colon = colon(text, at, entry)?;
    Ok(start..lines::end(text, entry.value.span.end.max(colon)))
}

/// Where what follows the colon behind a key begins.
fn colon(text: &str, at: &[String], entry: &Entry) -> Result<usize, EditError> {
    let rest = &text[entry.key_span.end..];
    let blank = rest.len() - rest.trim_start_matches([' ', '\t']).len();
    if !rest[blank..].starts_with(':') {
        return Err(odd(at, "no colon follows its key"));
    }
    Ok(entry.key_span.end + blank + 1)
}

/// The lines of an item, from its dash on.
fn item(text: &str, at: &[String], list: &Node, index: usize) -> Result<Range<usize>, EditError> {
    let items = list.items();
    let node = items
        .get(index)
        .ok_or_else(|| odd(at, "the item is not found"))?;
    // What stands before it must be its own dash, and not that of a list around it.
    let start = lines::start(text, node.span.start);
    let before = text[start..node.span.start].trim_start_matches(' ');
    let own = before
        .strip_prefix('-')
        .is_some_and(|rest| rest.trim().is_empty());
    if !own {
        return Err(odd(at, "an item is not on the line of its dash"));
    }
    Ok(start..lines::end(text, node.span.end))
}

fn put(text: &str, at: &[String], value: &Value) -> Result<String, EditError> {
    let Some(root) = source::parse(text)? else {
        return Ok(format!("{text}{}", print::block(value, "", line_end(text))));
    };
    let path = root.path(at)?;
    if path.len() == at.len() + 1 {
        let node = open(&root, at)?;
        node.changeable(at)?;
        return match (&node.what, value) {
            (What::Object(old), Value::Object(new)) if !old.is_empty() && !new.is_empty() => {
                merge(text, at, node, new)
            }
            _ => fill(text, &root, at, value),
        };
    }
    let Some((key, above)) = at.split_last() else {
        return Err(odd(at, "nothing is found above it"));
    };
    let object = open(&root, above)?;
    let Some(last) = object.entries().last() else {
        let inner = Map::from_iter([(key.clone(), value.clone())]);
        return fill(text, &root, above, &Value::Object(inner));
    };
    let extent = extent(text, at, last)?;
    let indent = lines::indent(text, extent.start);
    let shown = print::entry(key, value, indent, line_end(text));
    Ok(spliced(text, extent.end..extent.end, &shown))
}

/// Makes one object into another key by key, so that what is the same in both stays.
fn merge(
    text: &str,
    at: &[String],
    old: &Node,
    new: &Map<String, Value>,
) -> Result<String, EditError> {
    let mut text = text.to_owned();
    let old = old.value();
    let below = |key: &String| [at, std::slice::from_ref(key)].concat();
    for (key, value) in new
        .iter()
        .filter(|(key, value)| old.get(*key) != Some(value))
    {
        text = put(&text, &below(key), value)?;
    }
    let gone = old.as_object().into_iter().flat_map(Map::keys);
    for key in gone.filter(|key| !new.contains_key(*key)) {
        text = cut(&text, &below(key))?;
    }
    Ok(text)
}

/// Puts a value in the place of another.
fn fill(text: &str, root: &Node, at: &[String], value: &Value) -> Result<String, EditError> {
    let end = line_end(text);
    let Some(entry) = entry(root, at)? else {
        let whole = lines::start(text, root.span.start)..lines::end(text, root.span.end);
        if text[whole.start..root.span.start].trim().is_empty() {
            return Ok(spliced(text, whole, &print::block(value, "", end)));
        }
        return Err(odd(at, "it is not at the start of a line"));
    };
    let extent = extent(text, at, entry)?;
    let colon = colon(text, at, entry)?;
    let span = entry.value.span.clone();
    let old = &text[span.clone()];
    let one_line =
        !old.contains('\n') && span.start >= colon && !text[colon..span.start].contains('\n');
    if one_line && !span.is_empty() && print::is_short(value) && !value.is_null() {
        return Ok(spliced(text, span.clone(), &print::like(old, value)));
    }
    // First the key without its value, then with the new one.
    let same_line = !span.is_empty() && !text[colon..span.start.max(colon)].contains('\n');
    let gone = match span.is_empty() {
        true => colon..colon,
        false if same_line => colon..span.end,
        false => lines::end(text, colon)..extent.end,
    };
    let without = spliced(text, gone, "");
    if value.is_null() {
        return Ok(without);
    }
    if print::is_short(value) {
        return Ok(spliced(
            &without,
            colon..colon,
            &format!(" {}", print::short(value)),
        ));
    }
    let indent = lines::indent(text, extent.start);
    let shown = print::block(value, &format!("{indent}  "), end);
    let behind = lines::end(&without, colon);
    Ok(spliced(&without, behind..behind, &shown))
}

fn cut(text: &str, at: &[String]) -> Result<String, EditError> {
    let root = some(text, at)?;
    open(&root, at)?.changeable(at)?;
    let Some(entry) = entry(&root, at)? else {
        let whole = lines::start(text, root.span.start)..lines::end(text, root.span.end);
        return Ok(spliced(text, whole, ""));
    };
    let above = &at[..at.len() - 1];
    let extent = extent(text, at, entry)?;
    if root.at(above)?.entries().len() > 1 {
        return Ok(spliced(text, extent, ""));
    }
    emptied(text, &root, above, extent, "{}")
}

/// The text where what was all of a list or object is gone, and an empty one left.
fn emptied(
    text: &str,
    root: &Node,
    at: &[String],
    gone: Range<usize>,
    empty: &str,
) -> Result<String, EditError> {
    let Some(entry) = entry(root, at)? else {
        return Ok(spliced(text, gone, &format!("{empty}{}", line_end(text))));
    };
    let colon = colon(text, at, entry)?;
    let without = spliced(text, gone, "");
    Ok(spliced(&without, colon..colon, &format!(" {empty}")))
}
