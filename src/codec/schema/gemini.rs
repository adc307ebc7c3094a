//! Schemas for Gemini's JSON Schema fields: `parametersJsonSchema` and `responseJsonSchema`.

use serde_json::{Map, Value};

use super::circles::Circles;
use super::walk::{Node, Walk, only, take, types};
use super::{Rewritten, reference};

/// The schema in the part of JSON Schema that Gemini reads in its `…JsonSchema` fields (models ≥ 2.5):
/// references stand alone, a value that contains itself is never required, the rest is dropped.
pub fn for_gemini_json(schema: &Value) -> Rewritten {
    let mut walk = Walk::new(schema);
    let mut rewritten = walk.at(&[], |walk| node(walk, schema.clone()));
    let circles = Circles::of(&rewritten);
    circles.open(&mut walk, &mut rewritten);
    walk.finish(rewritten)
}

fn node(walk: &mut Walk<'_>, schema: Value) -> Value {
    let mut node = walk.plain(schema);
    reference::stand_alone(walk, &mut node, reference::is_annotation);
    whole_bounds(walk, &mut node);
    only_plain_choices(walk, &mut node);
    let mut kept = Map::new();
    for (keyword, value) in node {
        match keep(walk, &keyword, value) {
            Some(value) => {
                kept.insert(keyword, value);
            }
            None => walk.note(&keyword),
        }
    }
    Value::Object(kept)
}

fn keep(walk: &mut Walk<'_>, keyword: &str, value: Value) -> Option<Value> {
    let kept = match keyword {
        "$id" | "$ref" | "$anchor" | "type" | "format" | "title" | "description" | "enum"
        | "minItems" | "maxItems" | "minimum" | "maximum" | "required" | "propertyOrdering" => {
            value
        }
        "properties" | "$defs" => walk.map(keyword, value, node),
        "anyOf" | "prefixItems" => walk.list(keyword, value, node),
        "additionalProperties" if value.is_boolean() => value,
        "items" | "additionalProperties" => walk.one(keyword, value, node),
        _ => return None,
    };
    Some(kept)
}

/// Writes bounds that exclude their number as bounds that include one: exactly for whole numbers, else
/// as near as that, and noted.
pub(super) fn whole_bounds(walk: &mut Walk<'_>, node: &mut Node) {
    let is_whole = types(node) == ["integer"];
    for (open, closed, step) in [
        ("exclusiveMinimum", "minimum", 1),
        ("exclusiveMaximum", "maximum", -1),
    ] {
        let Some(bound) = node.get(open).filter(|bound| bound.is_number()).cloned() else {
            continue;
        };
        take(node, open);
        let exact = bound
            .as_i64()
            .filter(|_| is_whole)
            .and_then(|bound| bound.checked_add(step));
        if exact.is_none() {
            walk.note(open);
        }
        node.entry(closed)
            .or_insert_with(|| exact.map_or(bound, Value::from));
    }
}

/// Leaves text and numbers in `enum`. A `null` among them becomes a choice of its own; other values
/// cannot be said, and the keyword goes.
fn only_plain_choices(walk: &mut Walk<'_>, node: &mut Node) {
    let Some(Value::Array(values)) = node.get_mut("enum") else {
        return;
    };
    let count = values.len();
    values.retain(|value| !value.is_null());
    let has_null = values.len() < count;
    if values.is_empty() && has_null {
        take(node, "enum");
        node.insert("type".to_owned(), "null".into());
        return;
    }
    if !values
        .iter()
        .all(|value| value.is_string() || value.is_number())
    {
        walk.note("enum");
        take(node, "enum");
        return;
    }
    if has_null {
        split_null(node);
    }
}

/// Turns a list of values that has `null` in it into the choice of a list without and of `null`.
fn split_null(node: &mut Node) {
    let mut choice = Node::new();
    let names: Vec<String> = types(node)
        .into_iter()
        .filter(|name| name != "null")
        .collect();
    match names.as_slice() {
        [] => {}
        [only] => {
            choice.insert("type".to_owned(), only.as_str().into());
        }
        _ => {
            choice.insert("type".to_owned(), names.into());
        }
    }
    take(node, "type");
    let values = take(node, "enum").unwrap_or_default();
    choice.insert("enum".to_owned(), values);
    node.entry("anyOf")
        .or_insert_with(|| vec![Value::Object(choice), only("type", "null".into())].into());
}
