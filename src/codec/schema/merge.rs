//! `allOf`, merged into the node that has it: no target reads it well, and closed objects contradict it.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::walk::{Node, Walk, take, types};

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
pub(super) fn without_all_of(walk: &mut Walk<'_>, node: &Node) -> Node {
    merged(walk, node, &mut Vec::new())
}

/// `trail` holds the references that are being followed.
fn merged(walk: &mut Walk<'_>, node: &Node, trail: &mut Vec<String>) -> Node {
    let mut node = node.clone();
    if !node.get("allOf").is_some_and(Value::is_array) {
        return node;
    }
    let Some(Value::Array(members)) = take(&mut node, "allOf") else {
        return node;
    };
    if let Some(only) = lone_reference(&node, &members) {
        absorb(walk, &mut node, only);
        return node;
    }
    let mut rest = Vec::new();
    for member in &members {
        let mut more = followed(walk, member, trail);
        if let Some(reference) = take(&mut more, "$ref") {
            rest.push(json!({"$ref": reference}));
        }
        if let Some(Value::Array(lost)) = take(&mut more, "allOf") {
            rest.extend(lost);
        }
        absorb(walk, &mut node, more);
    }
    let mut seen = HashSet::new();
    rest.retain(|member| seen.insert(member.to_string()));
    if let Some(only) = lone_reference(&node, &rest) {
        absorb(walk, &mut node, only);
    } else if !rest.is_empty() {
        node.insert("allOf".to_owned(), rest.into());
    }
    node
}

/// The only member, if it is a reference and the node around it says nothing: then it is the node.
fn lone_reference(node: &Node, members: &[Value]) -> Option<Node> {
    let [Value::Object(only)] = members else {
        return None;
    };
    (only.contains_key("$ref") && says_nothing(node)).then(|| only.clone())
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
fn followed(walk: &mut Walk<'_>, member: &Value, trail: &mut Vec<String>) -> Node {
    let Value::Object(member) = member else {
        if *member != Value::Bool(true) {
            walk.note("allOf");
        }
        return Node::new();
    };
    if trail.len() == MAX_TRAIL || !walk.spend() {
        walk.note("allOf");
        return Node::new();
    }
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
        let more = followed(walk, target, trail);
        trail.pop();
        absorb(walk, &mut node, more);
    }
    node
}

/// Adds what `more` says to what `node` says.
fn absorb(walk: &mut Walk<'_>, node: &mut Node, more: Node) {
    for (keyword, value) in more {
        match node.get_mut(&keyword) {
            None => {
                node.insert(keyword, value);
            }
            Some(there) if *there == value => {}
            Some(there) => {
                if !narrow(&keyword, there, value) {
                    walk.note("allOf");
                }
            }
        }
    }
}

/// Narrows the value of one keyword by another value of it; `false` if only the first is kept.
fn narrow(keyword: &str, there: &mut Value, more: Value) -> bool {
    match (keyword, &mut *there, more) {
        (
            "properties" | "$defs" | "definitions" | "patternProperties",
            Value::Object(all),
            Value::Object(more),
        ) => {
            for (name, schema) in more {
                add_property(all, name, schema);
            }
        }
        ("required" | "allOf", Value::Array(all), Value::Array(more)) => {
            for name in more {
                if !all.contains(&name) {
                    all.push(name);
                }
            }
        }
        ("enum", Value::Array(all), Value::Array(more)) => {
            if !all.iter().any(|value| more.contains(value)) {
                return false;
            }
            all.retain(|value| more.contains(value));
        }
        ("type", _, more) => return narrow_type(there, more),
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

fn add_property(all: &mut Node, name: String, schema: Value) {
    match all.get_mut(&name) {
        None => {
            all.insert(name, schema);
        }
        Some(there) if *there == schema => {}
        Some(there) => {
            let first = there.take();
            *there = json!({"allOf": [first, schema]});
        }
    }
}

fn narrow_type(there: &mut Value, more: Value) -> bool {
    let names = |value: Value| types(&Node::from_iter([("type".to_owned(), value)]));
    let (ours, theirs) = (names(there.clone()), names(more));
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
