//! The tree of a text, each value with the place it was read from.

use std::ops::Range;

use serde_json::{Map, Value};

use super::{EditError, odd};

/// A value and its place.
#[derive(Debug)]
pub(super) struct Node {
    /// Its bytes in the text.
    pub(super) span: Range<usize>,
    /// What it is.
    pub(super) what: What,
    /// Why it cannot be changed in place, if it cannot.
    pub(super) fixed: Option<&'static str>,
}

/// What a value is.
#[derive(Debug)]
pub(super) enum What {
    /// Neither a list nor an object.
    Leaf(Value),
    /// A list.
    List(Vec<Node>),
    /// An object, its keys as often as they were written.
    Object(Vec<Entry>),
}

/// A key and its value.
#[derive(Debug)]
pub(super) struct Entry {
    /// The key.
    pub(super) key: String,
    /// Its bytes in the text.
    pub(super) key_span: Range<usize>,
    /// The value.
    pub(super) value: Node,
}

impl Node {
    /// The value alone; of a key that is there twice the last counts, as nearly every reader has it.
    pub(super) fn value(&self) -> Value {
        match &self.what {
            What::Leaf(value) => value.clone(),
            What::List(items) => Value::Array(items.iter().map(Self::value).collect()),
            What::Object(entries) => {
                let pairs = entries
                    .iter()
                    .map(|entry| (entry.key.clone(), entry.value.value()));
                Value::Object(pairs.collect::<Map<_, _>>())
            }
        }
    }

    /// The entries of an object.
    pub(super) fn entries(&self) -> &[Entry] {
        match &self.what {
            What::Object(entries) => entries,
            _ => &[],
        }
    }

    /// The items of a list.
    pub(super) fn items(&self) -> &[Node] {
        match &self.what {
            What::List(items) => items,
            _ => &[],
        }
    }

    /// The bytes of each item, or of each key with its value.
    pub(super) fn children(&self) -> Vec<Range<usize>> {
        match &self.what {
            What::Leaf(_) => Vec::new(),
            What::List(items) => items.iter().map(|item| item.span.clone()).collect(),
            What::Object(entries) => {
                let whole = |entry: &Entry| entry.key_span.start..entry.value.span.end;
                entries.iter().map(whole).collect()
            }
        }
    }

    /// The bytes of a list or an object that are in none of its children.
    pub(super) fn gaps(&self) -> Vec<Range<usize>> {
        let mut at = self.span.start;
        let mut gaps = Vec::new();
        for child in self.children() {
            gaps.push(at..child.start);
            at = child.end;
        }
        gaps.push(at..self.span.end);
        gaps
    }

    /// Refuses if a value could not be written again as it is.
    pub(super) fn changeable(&self, at: &[String]) -> Result<(), EditError> {
        if let Some(why) = self.fixed {
            return Err(odd(at, why));
        }
        let entries = self.entries().iter().map(|entry| &entry.value);
        let mut inner = self.items().iter().chain(entries);
        inner.try_for_each(|node| node.changeable(at))
    }

    /// The nodes from the top down to a place, without the last ones if nothing is there. A place that is
    /// there twice is none.
    pub(super) fn path(&self, at: &[String]) -> Result<Vec<&Node>, EditError> {
        let mut nodes = vec![self];
        let mut here = self;
        for (depth, key) in at.iter().enumerate() {
            let mut found = here.entries().iter().filter(|entry| entry.key == *key);
            let Some(entry) = found.next() else { break };
            if found.next().is_some() {
                return Err(odd(&at[..=depth], "the key is there twice"));
            }
            here = &entry.value;
            nodes.push(here);
        }
        Ok(nodes)
    }

    /// The node at a place that is known to be there.
    pub(super) fn at(&self, at: &[String]) -> Result<&Node, EditError> {
        let path = self.path(at)?;
        match path.last() {
            Some(node) if path.len() == at.len() + 1 => Ok(node),
            _ => Err(odd(at, "nothing is found there")),
        }
    }
}
