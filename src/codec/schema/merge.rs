//! `allOf`, merged into the node that has it: no target reads it well, and closed objects contradict it.

use serde_json::{Value, json};

use super::walk::{Node, Walk, take, types};

/// References followed from one `allOf` into the next.
const MAX_HOPS: usize = 16;

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

/// The node with its `allOf` merged in. Members that cannot be merged (a reference that leads nowhere
/// or in a circle) stay in `allOf`.
pub(super) fn without_all_of(walk: &mut Walk<'_>, node: &Node) -> Node {
    merged(walk, node, 0)
}

fn merged(walk: &mut Walk<'_>, node: &Node, hops: usize) -> Node {
    let mut node = node.clone();
    let Some(Value::Array(members)) = node.get("allOf") else {
        return node;
    };
    let members = members.clone();
    take(&mut node, "allOf");
    if let ([Value::Object(only)], true) = (members.as_slice(), says_nothing(&node)) {
        if only.contains_key("$ref") {
            absorb(walk, &mut node, only.clone());
            return node;
        }
    }
    let mut rest = Vec::new();
    for member in members {
        match mergeable(walk, &member, hops) {
            Some(more) => absorb(walk, &mut node, more),
            None => rest.push(member),
        }
    }
    if !rest.is_empty() {
        node.insert("allOf".to_owned(), rest.into());
    }
    node
}

fn says_nothing(node: &Node) -> bool {
    let is_silent = |name: &String| name.starts_with('$') || ANNOTATIONS.contains(&name.as_str());
    node.keys().all(is_silent) && !node.contains_key("$ref")
}

/// The member as a node without `allOf` and `$ref`; `None` if it has to stay.
fn mergeable(walk: &mut Walk<'_>, member: &Value, hops: usize) -> Option<Node> {
    if *member == Value::Bool(true) {
        return Some(Node::new());
    }
    if hops == MAX_HOPS || !walk.spend() {
        return None;
    }
    let mut node = merged(walk, member.as_object()?, hops + 1);
    if let Some(Value::String(reference)) = node.get("$ref") {
        let target = walk.resolve(reference)?;
        let target = mergeable(walk, target, hops + 1)?;
        take(&mut node, "$ref");
        absorb(walk, &mut node, target);
    }
    (!node.contains_key("allOf")).then_some(node)
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
        ("required", Value::Array(all), Value::Array(more)) => {
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
