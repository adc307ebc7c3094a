//! What all rewritings share: a walk that knows its path and its bounds, and the plain form of a node.
//!
//! Drafts and generators spell one thing in many ways. [`Walk::plain`] brings a node to one spelling before
//! a target looks at it: `allOf` is merged, `oneOf` is `anyOf`, `const` an `enum`, `definitions` are
//! `$defs`. What is said does not change by that.

use std::collections::HashSet;

use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};

use super::{Rewritten, merge};

/// A JSON object; a schema that says something.
pub(super) type Node = Map<String, Value>;

/// Deeper schemas than this are nobody's tools; what lies below is cut off.
const MAX_DEPTH: usize = 48;

/// Schemas visited in one rewriting, references that are followed included: what bounds inlining.
const MAX_NODES: usize = 10_000;

/// Bytes of schemas that may be written where references to them stood: what bounds the result.
const MAX_FOLLOWED: usize = 512 * 1024;

/// Types that one schema may name; JSON has seven.
const MAX_TYPES: usize = 16;

/// Paths told; more help nobody.
const MAX_NOTES: usize = 200;

/// Characters of a property's name in a path.
const MAX_SEGMENT: usize = 64;

/// Keywords that say nothing about a value and go without a word.
const SILENT: [&str; 5] = ["$schema", "$comment", "$id", "$anchor", "$vocabulary"];

/// One rewriting on its way through a schema.
pub(super) struct Walk<'a> {
    root: &'a Value,
    path: Vec<String>,
    changed: Vec<String>,
    nodes: usize,
    followed: usize,
    depth: usize,
}

impl<'a> Walk<'a> {
    /// A walk that begins at `root`.
    pub(super) fn new(root: &'a Value) -> Self {
        Self {
            root,
            path: Vec::new(),
            changed: Vec::new(),
            nodes: 0,
            followed: 0,
            depth: 0,
        }
    }

    /// The result, with what was noted on the way.
    pub(super) fn finish(self, schema: Value) -> Rewritten {
        let mut seen = HashSet::new();
        let mut changed = self.changed;
        changed.retain(|path| seen.insert(path.clone()));
        Rewritten { schema, changed }
    }

    /// Notes that the keyword of the node here was dropped, or means something else now.
    pub(super) fn note(&mut self, keyword: &str) {
        if self.changed.len() < MAX_NOTES && !SILENT.contains(&keyword) {
            let mut path = self.path.join(".");
            if !path.is_empty() && !keyword.is_empty() {
                path.push('.');
            }
            path.push_str(keyword);
            self.changed.push(path);
        }
    }

    /// Whether one more schema may be visited.
    pub(super) fn spend(&mut self) -> bool {
        self.nodes += 1;
        self.nodes <= MAX_NODES
    }

    /// How many schemas the walk is inside of.
    pub(super) fn depth(&self) -> usize {
        self.depth
    }

    /// Rewrites the schema `value`, which stands at `steps` below here. What is too deep or too much
    /// becomes the empty schema.
    pub(super) fn at<T: Default>(
        &mut self,
        steps: &[&str],
        rewrite: impl FnOnce(&mut Self) -> T,
    ) -> T {
        let length = self.path.len();
        let shortened = |step: &&str| step.chars().take(MAX_SEGMENT).collect();
        self.path.extend(steps.iter().map(shortened));
        self.depth += 1;
        let result = if self.depth <= MAX_DEPTH && self.spend() {
            rewrite(self)
        } else {
            self.note("");
            T::default()
        };
        self.depth -= 1;
        self.path.truncate(length);
        result
    }

    /// Rewrites every schema of a map such as `properties`.
    pub(super) fn map(
        &mut self,
        keyword: &str,
        schemas: Value,
        rewrite: fn(&mut Self, Value) -> Value,
    ) -> Value {
        let Value::Object(schemas) = schemas else {
            return anything();
        };
        let rewritten = schemas.into_iter().map(|(name, schema)| {
            let schema = self.at(&[keyword, &name], |walk| Some(rewrite(walk, schema)));
            (name, schema.unwrap_or_else(anything))
        });
        Value::Object(rewritten.collect())
    }

    /// Rewrites every schema of a list such as `anyOf`.
    pub(super) fn list(
        &mut self,
        keyword: &str,
        schemas: Value,
        rewrite: fn(&mut Self, Value) -> Value,
    ) -> Value {
        let Value::Array(schemas) = schemas else {
            return Value::Array(Vec::new());
        };
        let rewritten = schemas.into_iter().enumerate().map(|(place, schema)| {
            let place = place.to_string();
            let schema = self.at(&[keyword, &place], |walk| Some(rewrite(walk, schema)));
            schema.unwrap_or_else(anything)
        });
        Value::Array(rewritten.collect())
    }

    /// Rewrites the one schema of a keyword such as `items`.
    pub(super) fn one(
        &mut self,
        keyword: &str,
        schema: Value,
        rewrite: fn(&mut Self, Value) -> Value,
    ) -> Value {
        let schema = self.at(&[keyword], |walk| Some(rewrite(walk, schema)));
        schema.unwrap_or_else(anything)
    }

    /// The schema that a reference inside the root means; `None` if it means none of it.
    pub(super) fn resolve(&self, reference: &str) -> Option<&'a Value> {
        resolve(self.root, reference).or_else(|| {
            // It may have been renamed already.
            let name = reference.strip_prefix("#/$defs/")?;
            resolve(self.root, &format!("#/definitions/{name}"))
        })
    }

    /// Whether the schema may be written in place of a reference, once more.
    pub(super) fn may_follow(&mut self, schema: &Value) -> bool {
        if self.followed <= MAX_FOLLOWED {
            self.followed += weight(schema);
        }
        self.followed <= MAX_FOLLOWED
    }

    /// The reference as it reads once `definitions` are `$defs`.
    pub(super) fn renamed(&self, reference: &str) -> String {
        match reference.strip_prefix("#/definitions/") {
            Some(name) if self.root.get("definitions").is_some() => format!("#/$defs/{name}"),
            _ => reference.to_owned(),
        }
    }

    /// The node in its plain form; `None` for `true`, which says nothing, and for what is no schema.
    pub(super) fn plain(&mut self, schema: Value) -> Node {
        let Value::Object(mut node) = schema else {
            if schema != Value::Bool(true) {
                self.note("");
            }
            return Node::new();
        };
        self.spell_plainly(&mut node);
        if node.contains_key("allOf") {
            node = merge::without_all_of(self, node);
            self.spell_plainly(&mut node);
        }
        guess_type(&mut node);
        node
    }

    /// Brings the node's own keywords to one spelling; `allOf` and what is below stay as they are.
    pub(super) fn spell_plainly(&mut self, node: &mut Node) {
        if let Some(Value::String(reference)) = node.get("$ref") {
            let reference = self.renamed(reference);
            node.insert("$ref".to_owned(), reference.into());
        }
        self.rename(node, "definitions", "$defs");
        self.rename(node, "oneOf", "anyOf");
        let choices = node.get("anyOf").and_then(Value::as_array);
        if choices.is_some_and(Vec::is_empty) {
            take(node, "anyOf");
            self.note("anyOf");
        }
        if node.get("items").is_some_and(Value::is_array) {
            self.rename(node, "items", "prefixItems");
        }
        if let Some(only) = take(node, "const") {
            node.insert("enum".to_owned(), vec![only].into());
        }
        self.tidy_type(node);
        if take(node, "nullable") == Some(Value::Bool(true)) {
            allow_null(node);
        }
    }

    /// Names each type once; a `type` that names none goes.
    fn tidy_type(&mut self, node: &mut Node) {
        let is_long = |kind: &Value| kind.as_array().is_some_and(|names| names.len() > MAX_TYPES);
        if node.get("type").is_some_and(is_long) {
            self.note("type");
        }
        let mut names = types(node);
        let mut seen = HashSet::new();
        names.retain(|name| seen.insert(name.clone()));
        if names.is_empty() {
            if take(node, "type").is_some() {
                self.note("type");
            }
        } else {
            let kind = if names.len() == 1 {
                names.remove(0).into()
            } else {
                names.into()
            };
            node.insert("type".to_owned(), kind);
        }
    }

    /// Gives a keyword its other name; if that is there already, lists are one after the other a
    /// narrowing we cannot say, so the first is dropped and noted.
    fn rename(&mut self, node: &mut Node, from: &str, to: &str) {
        if !node.contains_key(to) {
            if node.contains_key(from) {
                rename_in_place(node, from, to);
            }
            return;
        }
        match (take(node, from), node.get_mut(to)) {
            (None, _) => {}
            (Some(Value::Object(more)), Some(Value::Object(there))) => {
                for (name, schema) in more {
                    there.entry(name).or_insert(schema);
                }
            }
            _ => self.note(from),
        }
    }
}

/// About how many bytes the value takes as JSON.
fn weight(value: &Value) -> usize {
    let mut bytes = 0;
    let mut open = vec![value];
    while let Some(value) = open.pop() {
        bytes += 8;
        match value {
            Value::String(text) => bytes += text.len(),
            Value::Array(values) => open.extend(values),
            Value::Object(node) => {
                bytes += node.keys().map(String::len).sum::<usize>();
                open.extend(node.values());
            }
            _ => {}
        }
    }
    bytes
}

/// The schema that allows anything.
pub(super) fn anything() -> Value {
    Value::Object(Node::new())
}

/// The schema with one keyword.
pub(super) fn only(keyword: &str, value: Value) -> Value {
    Value::Object(Node::from_iter([(keyword.to_owned(), value)]))
}

/// Makes `there` the list `keyword` (`anyOf`, `allOf`) of what it was and of `more`; if it is nothing but
/// such a list already, that gets longer: nested, thousands of them were too deep for any stack.
pub(super) fn join(there: &mut Value, keyword: &str, more: Value) {
    let members = match there {
        Value::Object(node) if node.len() == 1 => node.get_mut(keyword),
        _ => None,
    };
    if let Some(Value::Array(members)) = members {
        members.push(more);
    } else {
        let first = there.take();
        *there = only(keyword, vec![first, more].into());
    }
}

/// Takes a member out and leaves the others in their order.
pub(super) fn take(node: &mut Node, keyword: &str) -> Option<Value> {
    node.shift_remove(keyword)
}

/// Gives a member another name at its place.
fn rename_in_place(node: &mut Node, from: &str, to: &str) {
    let members = std::mem::take(node);
    let renamed = members
        .into_iter()
        .map(|(name, value)| (if name == from { to.to_owned() } else { name }, value));
    *node = renamed.collect();
}

/// What a `#/…` reference means in `root`.
pub(super) fn resolve<'a>(root: &'a Value, reference: &str) -> Option<&'a Value> {
    let pointer = reference.strip_prefix('#')?;
    let pointer = percent_decode_str(pointer).decode_utf8().ok()?;
    root.pointer(&pointer)
}

/// The names in `type`, lower case.
pub(super) fn types(node: &Node) -> Vec<String> {
    node.get("type").map(names_of).unwrap_or_default()
}

/// The names in the value of a `type`, lower case.
pub(super) fn names_of(kind: &Value) -> Vec<String> {
    match kind {
        Value::String(name) => vec![name.to_ascii_lowercase()],
        Value::Array(names) => {
            let names = names.iter().take(MAX_TYPES).filter_map(Value::as_str);
            names.map(str::to_ascii_lowercase).collect()
        }
        _ => Vec::new(),
    }
}

/// Whether the schema allows `null` and nothing else.
pub(super) fn is_null(schema: &Value) -> bool {
    let Some(node) = schema.as_object() else {
        return false;
    };
    let names = types(node);
    let is_listed = match (node.get("enum"), node.get("const")) {
        (Some(Value::Array(values)), _) => !values.is_empty() && values.iter().all(Value::is_null),
        (_, only) => only == Some(&Value::Null),
    };
    is_listed || (!names.is_empty() && names.iter().all(|name| name == "null"))
}

/// Lets the node allow `null` as well.
pub(super) fn allow_null(node: &mut Node) {
    let mut names = types(node);
    let choices = node.get_mut("anyOf").and_then(Value::as_array_mut);
    if let Some(choices) = choices.filter(|choices| !choices.iter().any(is_null)) {
        choices.push(json!({"type": "null"}));
    }
    let values = node.get_mut("enum").and_then(Value::as_array_mut);
    if let Some(values) = values.filter(|values| !values.contains(&Value::Null)) {
        values.push(Value::Null);
    }
    if !names.is_empty() && !names.iter().any(|name| name == "null") {
        names.push("null".to_owned());
        node.insert("type".to_owned(), names.into());
    }
}

/// Writes the type that other keywords imply; targets want it said.
pub(super) fn guess_type(node: &mut Node) {
    if node.contains_key("type") || node.contains_key("$ref") || node.contains_key("anyOf") {
        return;
    }
    let implied = [
        ("properties", "object"),
        ("required", "object"),
        ("items", "array"),
        ("prefixItems", "array"),
    ];
    let implied = implied
        .iter()
        .find(|(keyword, _)| node.contains_key(*keyword));
    if let Some((_, name)) = implied {
        node.insert("type".to_owned(), (*name).into());
    } else if let Some(kind) = node.get("enum").and_then(type_of_all) {
        node.insert("type".to_owned(), kind);
    }
}

/// The one type that all values have, and `null` beside it if that is among them.
fn type_of_all(values: &Value) -> Option<Value> {
    let mut names: Vec<&str> = values.as_array()?.iter().map(type_of).collect();
    names.sort_unstable();
    names.dedup();
    match names.as_slice() {
        [only] => Some((*only).into()),
        ["null", other] | [other, "null"] => Some(json!([other, "null"])),
        _ => None,
    }
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}
