//! `allOf`, merged into the node that has it: no target reads it well, and closed objects contradict it.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::walk::{Node, Walk, join, names_of, only, take};

/// References followed from one `allOf` into the next.
const MAX_TRAIL: usize = 32;

/// Of two bounds, the greater one is the stricter.
const LOWER_BOUNDS: [&str; 5] = [
    "minimum",
    "exclusiveMinimum",
    "minLength",
    "minItems",
    "minProperties",
];

/// Of two bounds, the smaller one is the stricter.
const UPPER_BOUNDS: [&str; 5] = [
    "maximum",
    "exclusiveMaximum",
    "maxLength",
    "maxItems",
    "maxProperties",
];

/// What a schema may carry beside a reference without saying more about the value.
pub(super) const ANNOTATIONS: [&str; 2] = ["title", "description"];

/// The node with its `allOf` merged in. Only references that lead nowhere stay in it; one that leads back
/// to itself says nothing.
pub(super) fn without_all_of(walk: &mut Walk<'_>, node: Node) -> Node {
    merged(walk, node, &mut Vec::new())
}

/// `trail` holds the references that are being followed.
fn merged(walk: &mut Walk<'_>, mut node: Node, trail: &mut Vec<String>) -> Node {
    if !node.get("allOf").is_some_and(Value::is_array) {
        return node;
    }
    let Some(Value::Array(mut members)) = take(&mut node, "allOf") else {
        return node;
    };
    let mut merging = Merging::into(node);
    if let Some(only) = lone_reference(&merging.node, &mut members) {
        merging.absorb(walk, only);
        return merging.node;
    }
    let mut rest = Vec::new();
    for member in members {
        let mut more = followed(walk, member, trail);
        if let Some(reference) = take(&mut more, "$ref") {
            rest.push(only("$ref", reference));
        }
        if let Some(Value::Array(lost)) = take(&mut more, "allOf") {
            rest.extend(lost);
        }
        merging.absorb(walk, more);
    }
    let mut seen = HashSet::new();
    rest.retain(|member| seen.insert(member.to_string()));
    if let Some(only) = lone_reference(&merging.node, &mut rest) {
        merging.absorb(walk, only);
    }
    left_over(merging.node, rest)
}

/// The node with what could not be merged into it.
fn left_over(mut node: Node, rest: Vec<Value>) -> Node {
    if rest.len() == 1 && !node.contains_key("anyOf") {
        // One choice says the same, and every target reads it.
        node.insert("anyOf".to_owned(), rest.into());
    } else if !rest.is_empty() {
        node.insert("allOf".to_owned(), rest.into());
    }
    node
}

/// Takes the only member if it is a reference and the node around it says nothing: then it is the node.
fn lone_reference(node: &Node, members: &mut Vec<Value>) -> Option<Node> {
    let [Value::Object(only)] = members.as_mut_slice() else {
        return None;
    };
    let is_plain = only.contains_key("$ref") && !only.contains_key("allOf");
    let only = (is_plain && says_nothing(node)).then(|| std::mem::take(only))?;
    members.clear();
    Some(only)
}

/// Whether the node only describes, and holds definitions.
fn says_nothing(node: &Node) -> bool {
    let is_silent = |name: &String| {
        let is_label = name == "definitions" || ANNOTATIONS.contains(&name.as_str());
        is_label || name.starts_with('$')
    };
    node.keys().all(is_silent) && !node.contains_key("$ref")
}

/// The member with its reference followed; what led nowhere is left in `$ref` and `allOf`.
fn followed(walk: &mut Walk<'_>, member: Value, trail: &mut Vec<String>) -> Node {
    let Value::Object(mut member) = member else {
        if member != Value::Bool(true) {
            walk.note("allOf");
        }
        return Node::new();
    };
    if trail.len() == MAX_TRAIL || !walk.spend() {
        walk.note("allOf");
        return Node::new();
    }
    walk.spell_plainly(&mut member);
    let mut node = merged(walk, member, trail);
    let Some(Value::String(reference)) = node.get("$ref").cloned() else {
        return node;
    };
    let is_circle = trail.contains(&reference);
    let Some(target) = walk.resolve(&reference) else {
        return node;
    };
    take(&mut node, "$ref");
    if !is_circle && !walk.may_follow(target) {
        walk.note("allOf");
    } else if !is_circle {
        trail.push(reference);
        let more = followed(walk, target.clone(), trail);
        trail.pop();
        let mut merging = Merging::into(node);
        merging.absorb(walk, more);
        node = merging.node;
    }
    node
}

/// A node that others are being merged into.
struct Merging {
    node: Node,
    /// What stands in its lists that were merged before: of thousands of members each would go through
    /// the whole list again.
    known: HashMap<String, HashSet<Value>>,
}

impl Merging {
    fn into(node: Node) -> Self {
        Self {
            node,
            known: HashMap::new(),
        }
    }

    /// Adds what `more` says to what the node says; but no definitions, which references find at the root
    /// only.
    fn absorb(&mut self, walk: &mut Walk<'_>, more: Node) {
        let definitions = ["$defs", "definitions"];
        let more = more.into_iter();
        for (keyword, value) in more.filter(|(keyword, _)| !definitions.contains(&keyword.as_str()))
        {
            match self.node.get_mut(&keyword) {
                None => {
                    self.node.insert(keyword, value);
                }
                Some(there) if *there == value => {}
                Some(there) => {
                    if !narrow(&keyword, there, value, &mut self.known) {
                        walk.note("allOf");
                    }
                }
            }
        }
    }
}

/// Narrows the value of one keyword by another value of it; `false` if only the first is kept.
fn narrow(
    keyword: &str,
    there: &mut Value,
    more: Value,
    known: &mut HashMap<String, HashSet<Value>>,
) -> bool {
    match (keyword, &mut *there, more) {
        ("properties" | "patternProperties", Value::Object(all), Value::Object(more)) => {
            for (name, schema) in more {
                add_property(all, name, schema);
            }
        }
        ("required" | "allOf", Value::Array(all), Value::Array(more)) => {
            let known = known_of(known, keyword, all);
            all.extend(more.into_iter().filter(|name| known.insert(name.clone())));
        }
        ("enum", Value::Array(all), Value::Array(more)) => {
            return narrow_values(all, more, known_of(known, keyword, all));
        }
        ("type", _, more) => return narrow_type(there, &more),
        ("description" | "title", Value::String(text), Value::String(more)) => {
            text.push('\n');
            text.push_str(&more);
        }
        ("additionalProperties", _, Value::Bool(false)) => *there = Value::Bool(false),
        ("additionalProperties", Value::Bool(false), _)
        | ("additionalProperties", _, Value::Bool(true)) => {}
        (bound, Value::Number(_), more @ Value::Number(_)) => {
            return narrow_bound(bound, there, more);
        }
        _ => return false,
    }
    true
}

/// The values of the keyword's list, gathered the first time they are asked for.
fn known_of<'k>(
    known: &'k mut HashMap<String, HashSet<Value>>,
    keyword: &str,
    all: &[Value],
) -> &'k mut HashSet<Value> {
    let gather = || all.iter().cloned().collect();
    known.entry(keyword.to_owned()).or_insert_with(gather)
}

/// Leaves the values that stand in both lists; `false` if there are none, and all are kept.
fn narrow_values(all: &mut Vec<Value>, more: Vec<Value>, known: &mut HashSet<Value>) -> bool {
    let more = more.into_iter();
    let common: HashSet<_> = more.filter(|value| known.contains(value)).collect();
    if common.is_empty() {
        return false;
    }
    if common.len() < known.len() {
        all.retain(|value| common.contains(value));
        *known = common;
    }
    true
}

fn add_property(all: &mut Node, name: String, schema: Value) {
    match all.get_mut(&name) {
        None => {
            all.insert(name, schema);
        }
        Some(there) if *there == schema => {}
        Some(there) => join(there, "allOf", schema),
    }
}

fn narrow_type(there: &mut Value, more: &Value) -> bool {
    let (ours, theirs) = (names_of(there), names_of(more));
    let has = |names: &[String], name: &str| names.iter().any(|other| other == name);
    let is_common =
        |name: &&String| has(&theirs, name) || (*name == "integer" && has(&theirs, "number"));
    let mut common: Vec<String> = ours.iter().filter(is_common).cloned().collect();
    if has(&ours, "number") && has(&theirs, "integer") && !has(&common, "integer") {
        common.push("integer".to_owned());
    }
    match common.len() {
        0 => return false,
        1 => *there = common.remove(0).into(),
        _ => *there = common.into(),
    }
    true
}

fn narrow_bound(keyword: &str, there: &mut Value, more: Value) -> bool {
    let is_greater = more.as_f64() > there.as_f64();
    let is_stricter = match keyword {
        _ if LOWER_BOUNDS.contains(&keyword) => is_greater,
        _ if UPPER_BOUNDS.contains(&keyword) => !is_greater,
        _ => return false,
    };
    if is_stricter {
        *there = more;
    }
    true
}
