//! TOML: lines are added and taken away at the places the parser names.
//!
//! A new table is a section at the end; a new key is a line behind the last of its section, which at the
//! top is before the first header. In braces, and beside dotted keys, what is new is written as they are.

use std::ops::Range;

use serde_json::{Map, Value};

use super::change::Language;
use super::lines::{self, spliced};
use super::node::Node;
use super::{EditError, line_end, odd};

mod braces;
mod print;
mod source;

use source::{Header, Pair, Source};

/// TOML.
pub(super) struct Toml;

impl Language for Toml {
    fn read(text: &str) -> Result<Option<Value>, EditError> {
        Ok(Some(Source::of(text)?.tree))
    }

    fn put(text: &str, at: &[String], value: &Value) -> Result<String, EditError> {
        print::sayable(at, value)?;
        lines::whole(text, |text| put(text, at, value))
    }

    fn push(text: &str, at: &[String], value: &Value) -> Result<String, EditError> {
        print::sayable(at, value)?;
        lines::whole(text, |text| {
            Ok(match Source::of(text)?.value(at)? {
                Some(list) => braces::insert(text, list, &print::inline(value)),
                None => section(text, at, &Value::Array(vec![value.clone()])),
            })
        })
    }

    fn swap(text: &str, at: &[String], index: usize, value: &Value) -> Result<String, EditError> {
        print::sayable(at, value)?;
        lines::whole(text, |text| swap(text, at, index, value))
    }

    fn cut(text: &str, at: &[String]) -> Result<String, EditError> {
        lines::whole(text, |text| cut(text, at))
    }

    fn cut_item(text: &str, at: &[String], index: usize) -> Result<String, EditError> {
        lines::whole(text, |text| cut_item(text, at, index))
    }

    fn bare(text: &str, at: &[String]) -> Result<bool, EditError> {
        let source = Source::of(text)?;
        let own = source.headers.iter().enumerate();
        let mut own = own.filter(|(_, header)| header.path == at && !header.in_list);
        Ok(own.all(|(index, _)| !source.is_commented(text, index)))
    }
}

impl Source {
    /// Whether anything is at a place.
    fn holds(&self, at: &[String]) -> bool {
        self.at(at).is_some()
    }

    fn at(&self, at: &[String]) -> Option<&Value> {
        at.iter().try_fold(&self.tree, |tree, key| tree.get(key))
    }

    /// The value at a place, unless it is made of sections or lines.
    fn value(&self, at: &[String]) -> Result<Option<&Node>, EditError> {
        let Some(pair) = self.pair_over(at) else {
            return Ok(None);
        };
        pair.value.at(&at[pair.path.len()..]).map(Some)
    }

    /// The line whose value is at a place or around it.
    fn pair_over(&self, at: &[String]) -> Option<&Pair> {
        let mut own = self.pairs.iter().filter(|pair| !pair.in_list);
        own.find(|pair| at.starts_with(&pair.path))
    }

    /// The lines of a section: its header, and its values as far as the last.
    fn extent(&self, text: &str, index: usize) -> Range<usize> {
        let header = &self.headers[index];
        let next = self.headers.get(index + 1);
        let inside = header.span.end..next.map_or(text.len(), |next| next.span.start);
        let last = self.pairs.iter().rfind(|pair| inside.contains(&pair.key));
        let end = last.map_or(header.span.end, |pair| pair.value.span.end);
        lines::start(text, header.span.start)..lines::end(text, end)
    }

    /// Whether a section has comments behind its header or between its lines.
    fn is_commented(&self, text: &str, index: usize) -> bool {
        let rest = &text[self.headers[index].span.end..self.extent(text, index).end];
        let mut lines = rest.lines();
        let first = lines.next().unwrap_or_default();
        first.contains('#') || lines.any(|line| line.trim_start().starts_with('#'))
    }

    /// The sections of one item of a list of tables.
    fn item(
        &self,
        text: &str,
        at: &[String],
        index: usize,
    ) -> Result<Vec<Range<usize>>, EditError> {
        let own = |header: &Header| header.path == at && header.index == Some(index);
        let below = |header: &&Header| header.path.len() > at.len() && header.path.starts_with(at);
        let first = self.headers.iter().position(own);
        let first = first.ok_or_else(|| odd(at, "the item is not found"))?;
        let rest = self.headers[first + 1..].iter().take_while(below).count();
        let parts = (first..=first + rest).map(|index| {
            let extent = self.extent(text, index);
            self.changeable(at, &extent)?;
            Ok(with_blank_before(text, extent))
        });
        parts.collect()
    }

    /// Refuses if a value in a part of the text could not be written again.
    fn changeable(&self, at: &[String], part: &Range<usize>) -> Result<(), EditError> {
        let mut inside = self.pairs.iter().filter(|pair| part.contains(&pair.key));
        inside.try_for_each(|pair| pair.value.changeable(at))
    }
}

fn put(text: &str, at: &[String], value: &Value) -> Result<String, EditError> {
    let source = Source::of(text)?;
    if let Some(pair) = source.pair_over(at) {
        return put_in_line(text, pair, at, value);
    }
    match (source.at(at), value) {
        (None, _) => add(text, &source, at, value),
        (Some(Value::Object(old)), Value::Object(new)) => merge(text, at, old, new),
        _ if at.is_empty() => Err(odd(at, "TOML is always a table at the top")),
        _ => put(&cut(text, at)?, at, value),
    }
}

/// Puts a value in the place of the one of a line, or into its braces.
fn put_in_line(text: &str, pair: &Pair, at: &[String], value: &Value) -> Result<String, EditError> {
    let inner = &at[pair.path.len()..];
    let path = pair.value.path(inner)?;
    if let Some(node) = path.get(inner.len()) {
        node.changeable(at)?;
        let shown = print::like(&text[node.span.clone()], value);
        return Ok(spliced(text, node.span.clone(), &shown));
    }
    match (path.last(), at.last()) {
        (Some(above), Some(key)) if path.len() == inner.len() => {
            above.changeable(at)?;
            Ok(braces::insert(text, above, &print::pair(&[key], value)))
        }
        _ => Err(odd(at, "nothing is found above it")),
    }
}

/// Makes one table of sections into another key by key, so that what is the same in both stays.
fn merge(
    text: &str,
    at: &[String],
    old: &Map<String, Value>,
    new: &Map<String, Value>,
) -> Result<String, EditError> {
    let mut text = text.to_owned();
    let below = |key: &String| [at, std::slice::from_ref(key)].concat();
    for (key, value) in new
        .iter()
        .filter(|(key, value)| old.get(*key) != Some(value))
    {
        text = put(&text, &below(key), value)?;
    }
    for key in old.keys().filter(|key| !new.contains_key(*key)) {
        text = cut(&text, &below(key))?;
    }
    Ok(text)
}

/// Puts a value where nothing is.
fn add(text: &str, source: &Source, at: &[String], value: &Value) -> Result<String, EditError> {
    let Some((key, above)) = at.split_last() else {
        return Err(odd(at, "TOML is always a table at the top"));
    };
    let dotted = |pair: &&Pair| {
        let (own, path) = (above.len(), &pair.path);
        !pair.in_list && pair.above < own && path.len() > own && path.starts_with(above)
    };
    if let Some(pair) = source.pairs.iter().rfind(dotted) {
        let line = print::pair(&at[pair.above..], value);
        return Ok(line_behind(text, pair, &line));
    }
    if print::has_sections(value) {
        return Ok(section(text, at, value));
    }
    let line = print::pair(&[key], value);
    if above.is_empty() {
        return Ok(at_the_top(text, source, &line));
    }
    let own = |header: &Header| header.path == above && !header.in_list;
    let Some(index) = source.headers.iter().position(own) else {
        let header = format!("[{}]", print::dotted(above));
        return Ok(with_sections(text, &[vec![header, line]]));
    };
    let extent = source.extent(text, index);
    let last = source.pairs.iter().rfind(|pair| extent.contains(&pair.key));
    Ok(match last {
        Some(pair) => line_behind(text, pair, &line),
        None => lines::insert(text, extent.end, &line),
    })
}

/// One more line behind that of a pair, with the same indentation.
fn line_behind(text: &str, pair: &Pair, line: &str) -> String {
    let indent = lines::indent(text, pair.key);
    let at = lines::end(text, pair.value.span.end);
    lines::insert(text, at, &format!("{indent}{line}"))
}

/// A key outside of all sections: behind the last of them; else before the first header, and before the
/// comment that stands directly on it.
fn at_the_top(text: &str, source: &Source, line: &str) -> String {
    let header = source.headers.first().map(|header| header.span.start);
    let limit = header.unwrap_or(text.len());
    if let Some(pair) = source.pairs.iter().rfind(|pair| pair.key < limit) {
        return line_behind(text, pair, line);
    }
    let Some(header) = header else {
        return lines::insert(text, text.len(), line);
    };
    let mut at = lines::start(text, header);
    while let Some(before) = at.checked_sub(1) {
        let start = lines::start(text, before);
        if !text[start..at].trim_start().starts_with('#') {
            break;
        }
        at = start;
    }
    let end = line_end(text);
    spliced(text, at..at, &format!("{line}{end}{end}"))
}

fn swap(text: &str, at: &[String], index: usize, value: &Value) -> Result<String, EditError> {
    let source = Source::of(text)?;
    if let Some(list) = source.value(at)? {
        let item = list.items().get(index);
        let item = item.ok_or_else(|| odd(at, "the item is not found"))?;
        item.changeable(at)?;
        return Ok(spliced(text, item.span.clone(), &print::inline(value)));
    }
    let mut gone = source.item(text, at, index)?;
    // The blank line before the first of its sections stays where it is.
    let start = gone.first().map_or(text.len(), |gone| gone.start);
    let blank = lines::is_blank(text, start);
    let start = if blank {
        lines::end(text, start)
    } else {
        start
    };
    if let Some(first) = gone.first_mut() {
        first.start = start;
    }
    let rest = lines::without(text, gone);
    let mut sections = Vec::new();
    let items = Value::Array(vec![value.clone()]);
    print::sections(&mut at.to_vec(), &items, &mut sections);
    Ok(spliced(
        &rest,
        start..start,
        &joined(&sections, line_end(text)),
    ))
}

fn cut_item(text: &str, at: &[String], index: usize) -> Result<String, EditError> {
    let source = Source::of(text)?;
    if let Some(list) = source.value(at)? {
        let item = list.items().get(index);
        let item = item.ok_or_else(|| odd(at, "the item is not found"))?;
        item.changeable(at)?;
        return Ok(braces::without(text, list, index));
    }
    let rest = lines::without(text, source.item(text, at, index)?);
    // A list of sections without any is no list.
    if Source::of(&rest)?.holds(at) {
        return Ok(rest);
    }
    put(&rest, at, &Value::Array(Vec::new()))
}

fn cut(text: &str, at: &[String]) -> Result<String, EditError> {
    let source = Source::of(text)?;
    let Some((key, above)) = at.split_last() else {
        return Err(odd(at, "TOML is always a table at the top"));
    };
    if let Some(pair) = source
        .pair_over(at)
        .filter(|pair| pair.path.len() < at.len())
    {
        let node = pair.value.at(&above[pair.path.len()..])?;
        node.changeable(at)?;
        let index = node.entries().iter().position(|entry| entry.key == *key);
        let index = index.ok_or_else(|| odd(at, "the key is not found"))?;
        return Ok(braces::without(text, node, index));
    }
    let rest = lines::without(text, parts(text, &source, at)?);
    if above.is_empty() || Source::of(&rest)?.holds(above) {
        return Ok(rest);
    }
    put(&rest, above, &Value::Object(Map::new()))
}

/// The sections and lines that a place is made of.
fn parts(text: &str, source: &Source, at: &[String]) -> Result<Vec<Range<usize>>, EditError> {
    let mut parts = Vec::new();
    let under = |(_, header): &(usize, &Header)| header.path.starts_with(at);
    for (index, _) in source.headers.iter().enumerate().filter(under) {
        let extent = source.extent(text, index);
        source.changeable(at, &extent)?;
        parts.push(with_blank_before(text, extent));
    }
    let own = |pair: &&Pair| pair.path.starts_with(at) && pair.above < at.len();
    for pair in source.pairs.iter().filter(own) {
        pair.value.changeable(at)?;
        parts.push(lines::start(text, pair.key)..lines::end(text, pair.value.span.end));
    }
    if let Some(section) = only_for(source, text, at) {
        return Ok(vec![section]);
    }
    with_blank_behind(text, source, &mut parts);
    parts.sort_by_key(|part| part.start);
    Ok(parts)
}

/// The section that is there for nothing but the one key that goes: its table is there without it, by
/// the sections below.
fn only_for(source: &Source, text: &str, at: &[String]) -> Option<Range<usize>> {
    let above = at.split_last()?.1;
    let below = |header: &Header| header.path.len() > above.len() && header.path.starts_with(above);
    if above.is_empty() || !source.headers.iter().any(below) {
        return None;
    }
    let own = |header: &Header| header.path == above && !header.in_list;
    let index = source.headers.iter().position(own)?;
    let extent = source.extent(text, index);
    let mut inside = source
        .pairs
        .iter()
        .filter(|pair| extent.contains(&pair.key));
    let alone = inside.next()?.path == at && inside.next().is_none();
    (alone && !source.is_commented(text, index)).then(|| with_blank_before(text, extent))
}

/// With the last key at the top goes the blank line that set it off from the first section.
fn with_blank_behind(text: &str, source: &Source, parts: &mut [Range<usize>]) {
    let header = source.headers.first().map(|header| header.span.start);
    let (Some(header), [only]) = (header, parts) else {
        return;
    };
    let at_top = source.pairs.iter().filter(|pair| pair.key < header).count() == 1;
    let set_off = only.start == 0 || lines::is_blank_before(text, only.start);
    if at_top && only.start < header && set_off && lines::is_blank(text, only.end) {
        only.end = lines::end(text, only.end);
    }
}

fn with_blank_before(text: &str, mut place: Range<usize>) -> Range<usize> {
    if lines::is_blank_before(text, place.start) {
        place.start = lines::start(text, place.start - 1);
    }
    place
}

/// The text with a table, or a list of tables, at the end.
fn section(text: &str, at: &[String], value: &Value) -> String {
    let mut sections = Vec::new();
    print::sections(&mut at.to_vec(), value, &mut sections);
    with_sections(text, &sections)
}

fn with_sections(text: &str, sections: &[Vec<String>]) -> String {
    let end = line_end(text);
    let gap = if text.is_empty() { "" } else { end };
    format!("{text}{gap}{}", joined(sections, end))
}

fn joined(sections: &[Vec<String>], end: &str) -> String {
    let sections = sections.iter().map(|lines| lines.join(end) + end);
    sections.collect::<Vec<_>>().join(end)
}
