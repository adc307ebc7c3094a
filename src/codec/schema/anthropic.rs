//! Schemas for Anthropic: the subset of strict tools and `output_config.format`, and free tool inputs.

use std::collections::HashSet;
use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use super::walk::{Node, Walk, anything, join, take, types};
use super::{Rewritten, reference};

/// The only property of a tool whose root was no object and had to be wrapped.
pub const WRAPPED: &str = "input";

/// Formats of text that the grammar compiler knows.
const FORMATS: [&str; 10] = [
    "date-time",
    "time",
    "date",
    "duration",
    "email",
    "hostname",
    "uri",
    "ipv4",
    "ipv6",
    "uuid",
];

/// The schema in the subset that Anthropic compiles into a grammar: for `output_config.format`, and for
/// strict tools after [`for_anthropic_tool`]. What the subset cannot say is written into the
/// description, where the model reads it, and noted; objects are closed.
pub fn for_anthropic_strict(schema: &Value) -> Rewritten {
    let mut walk = Walk::new(schema);
    let rewritten = walk.at(&[], |walk| strict(walk, schema.clone()));
    walk.finish(rewritten)
}

fn strict(walk: &mut Walk<'_>, schema: Value) -> Value {
    let mut node = walk.plain(schema);
    reference::stand_alone(walk, &mut node, |_| true);
    let is_object = types(&node).iter().any(|name| name == "object");
    let mut kept = Map::new();
    let mut rest = Map::new();
    for (keyword, value) in node {
        match strict_keyword(walk, &keyword, value) {
            Verdict::Keep(value) => {
                kept.insert(keyword, value);
            }
            Verdict::Tell(value) => {
                walk.note(&keyword);
                rest.insert(keyword, value);
            }
            Verdict::Drop => {}
        }
    }
    if is_object {
        kept.insert("additionalProperties".to_owned(), Value::Bool(false));
    }
    describe(&mut kept, &rest);
    Value::Object(kept)
}

/// What becomes of a keyword.
enum Verdict {
    /// It goes along with this value.
    Keep(Value),
    /// It goes into the description, with this value.
    Tell(Value),
    /// It says nothing.
    Drop,
}

fn strict_keyword(walk: &mut Walk<'_>, keyword: &str, value: Value) -> Verdict {
    let rewritten = match keyword {
        "type" | "required" | "enum" | "$ref" | "title" | "description" => value,
        "properties" | "$defs" => walk.map(keyword, value, strict),
        "anyOf" | "allOf" => walk.list(keyword, value, strict),
        "items" => walk.one(keyword, value, strict),
        "format" if value.as_str().is_some_and(|name| FORMATS.contains(&name)) => value,
        "minItems" if matches!(value.as_u64(), Some(0 | 1)) => value,
        "additionalProperties" if value == Value::Bool(false) => return Verdict::Drop,
        "$schema" | "$id" | "$anchor" | "$comment" | "$vocabulary" => return Verdict::Drop,
        _ => return Verdict::Tell(value),
    };
    Verdict::Keep(rewritten)
}

/// Writes what could not be said as a schema behind the description: `{pattern: "^a", maximum: 9}`.
fn describe(kept: &mut Node, rest: &Node) {
    if rest.is_empty() {
        return;
    }
    let mut text = match kept.get("description") {
        Some(Value::String(text)) => format!("{text}\n\n{{"),
        _ => "{".to_owned(),
    };
    for (place, (keyword, value)) in rest.iter().enumerate() {
        let comma = if place == 0 { "" } else { ", " };
        write!(text, "{comma}{keyword}: {value}").expect("a string takes text");
    }
    text.push('}');
    kept.insert("description".to_owned(), text.into());
}

/// The schema as the input of a free (not strict) tool, which may be any JSON Schema 2020-12 whose root
/// is plainly an object. `null`, for a tool without parameters, becomes the empty object. A union of
/// objects at the root, which the API refuses, becomes one object with all their properties. A root of
/// another kind is wrapped as the one property [`WRAPPED`], and `changed` names it.
pub fn for_anthropic_tool(schema: &Value) -> Rewritten {
    let mut walk = Walk::new(schema);
    let rewritten = walk.at(&[], |walk| tool(walk, schema));
    walk.finish(rewritten)
}

fn tool(walk: &mut Walk<'_>, schema: &Value) -> Value {
    let node = match schema {
        Value::Null | Value::Bool(true) => Node::new(),
        Value::Object(node) => node.clone(),
        _ => return wrapped(walk, schema),
    };
    if is_plain_object(&node) {
        return schema.clone();
    }
    let Some(mut object) = as_object(walk, node) else {
        return wrapped(walk, schema);
    };
    object.insert("type".to_owned(), "object".into());
    object.entry("properties").or_insert_with(anything);
    // The type leads, as everybody writes it.
    let kind = take(&mut object, "type");
    object.shift_insert(0, "type".to_owned(), kind.unwrap_or_default());
    Value::Object(object)
}

fn is_plain_object(node: &Node) -> bool {
    let is_open = ["anyOf", "oneOf", "allOf", "$ref"]
        .iter()
        .all(|keyword| !node.contains_key(*keyword));
    is_open && node.get("type") == Some(&json!("object"))
}

/// The root as one object without a union or reference; `None` if it is of another kind.
fn as_object(walk: &mut Walk<'_>, node: Node) -> Option<Node> {
    let mut node = follow(walk, node)?;
    for union in ["anyOf", "oneOf"] {
        if let Some(Value::Array(branches)) = take(&mut node, union) {
            walk.note(union);
            widen(walk, &mut node, branches)?;
        }
    }
    let names = types(&node);
    if names.len() > 1 && names.iter().any(|name| name == "object") {
        walk.note("type");
        return Some(node);
    }
    (names.is_empty()
        && !node.contains_key("enum")
        && !node.contains_key("const")
        && !node.contains_key("items")
        || names == ["object"])
    .then_some(node)
}

/// The node with its own reference and `allOf` resolved, in place of being told of.
fn follow(walk: &mut Walk<'_>, node: Node) -> Option<Node> {
    let node = if node.contains_key("$ref") {
        reference::inlined(walk, node)?
    } else {
        node
    };
    if !node.contains_key("allOf") {
        return Some(node);
    }
    let node = super::merge::without_all_of(walk, node);
    let node = reference::inlined(walk, node)?;
    (!node.contains_key("allOf")).then_some(node)
}

/// Adds the properties of all branches; required is what all of them require.
fn widen(walk: &mut Walk<'_>, node: &mut Node, branches: Vec<Value>) -> Option<()> {
    let mut common: Option<Vec<Value>> = None;
    for branch in branches {
        let Value::Object(branch) = branch else {
            return None;
        };
        if !walk.spend() || walk.depth() > 8 {
            return None;
        }
        let mut branch = walk.at(&[], |walk| as_object(walk, branch))?;
        let required = match take(&mut branch, "required") {
            Some(Value::Array(names)) => names,
            _ => Vec::new(),
        };
        common = Some(match common {
            None => each_once(required),
            Some(before) => in_both(before, required),
        });
        let all = node.entry("properties").or_insert_with(anything);
        if let (Some(all), Some(Value::Object(more))) =
            (all.as_object_mut(), take(&mut branch, "properties"))
        {
            for (name, schema) in more {
                add_choice(all, name, schema);
            }
        }
    }
    let ours = node.entry("required").or_insert_with(|| json!([]));
    if let (Some(ours), Some(common)) = (ours.as_array_mut(), common) {
        ours.extend(common);
        if ours.is_empty() {
            take(node, "required");
        }
    }
    Some(())
}

/// Lets a property be what it was in one branch or in another.
fn add_choice(all: &mut Node, name: String, schema: Value) {
    match all.get_mut(&name) {
        None => {
            all.insert(name, schema);
        }
        Some(there) if *there == schema => {}
        Some(there) => join(there, "anyOf", schema),
    }
}

fn each_once(mut names: Vec<Value>) -> Vec<Value> {
    let mut seen = HashSet::new();
    names.retain(|name| seen.insert(name.clone()));
    names
}

fn in_both(mut names: Vec<Value>, others: Vec<Value>) -> Vec<Value> {
    let others: HashSet<_> = others.into_iter().collect();
    names.retain(|name| others.contains(name));
    names
}

/// An object whose one property is the schema; definitions stay at the root, where references look.
fn wrapped(walk: &mut Walk<'_>, schema: &Value) -> Value {
    walk.note(WRAPPED);
    let mut inner = schema.clone();
    let mut outer = json!({"type": "object", "properties": {}, "required": [WRAPPED]});
    for definitions in ["$defs", "definitions"] {
        if let Some(found) = inner
            .as_object_mut()
            .and_then(|node| take(node, definitions))
        {
            outer[definitions] = found;
        }
    }
    outer["properties"][WRAPPED] = inner;
    outer
}
