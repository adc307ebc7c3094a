//! Gemini's `Schema` message, as clients write it, read as plain JSON Schema.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use super::walk::{Node, allow_null, take};

/// Deeper than any schema anybody wrote; what lies below stays as it is.
const MAX_DEPTH: usize = 64;

/// Limits that Gemini writes as int64 text.
const LIMITS: [&str; 8] = [
    "minItems",
    "maxItems",
    "minLength",
    "maxLength",
    "minProperties",
    "maxProperties",
    "minimum",
    "maximum",
];

/// What the message calls otherwise, in snake case or without the dollar.
const NAMES: [(&str, &str); 13] = [
    ("any_of", "anyOf"),
    ("min_items", "minItems"),
    ("max_items", "maxItems"),
    ("min_length", "minLength"),
    ("max_length", "maxLength"),
    ("min_properties", "minProperties"),
    ("max_properties", "maxProperties"),
    ("property_ordering", "propertyOrdering"),
    ("additional_properties", "additionalProperties"),
    ("prefix_items", "prefixItems"),
    ("ref", "$ref"),
    ("defs", "$defs"),
    ("one_of", "oneOf"),
];

/// Turns Gemini's `Schema` message into plain JSON Schema, for every other target: `"OBJECT"` is
/// `"object"`, `nullable` a second type, limits that came as int64 text are numbers, and properties stand
/// in the order that `propertyOrdering` gave them. A schema that is plain already stays as it is.
pub fn lower_types(schema: &mut Value) {
    lower(schema, 0);
}

fn lower(schema: &mut Value, depth: usize) {
    let Some(node) = schema.as_object_mut().filter(|_| depth < MAX_DEPTH) else {
        return;
    };
    use_plain_names(node);
    for (keyword, value) in node.iter_mut() {
        match keyword.as_str() {
            "type" => lower_type(value),
            "properties" | "$defs" | "definitions" | "patternProperties" => {
                let schemas = value.as_object_mut().into_iter().flatten();
                schemas.for_each(|(_, schema)| lower(schema, depth + 1));
            }
            "anyOf" | "oneOf" | "allOf" | "prefixItems" => lower_all(value, depth),
            "items" if value.is_array() => lower_all(value, depth),
            "items" | "additionalProperties" | "not" => lower(value, depth + 1),
            limit if LIMITS.contains(&limit) => lower_limit(value),
            _ => {}
        }
    }
    say_null(node);
    order_properties(node);
}

fn lower_all(schemas: &mut Value, depth: usize) {
    let schemas = schemas.as_array_mut().into_iter().flatten();
    schemas.for_each(|schema| lower(schema, depth + 1));
}

fn use_plain_names(node: &mut Node) {
    let plain = |name: &str| {
        NAMES
            .iter()
            .find(|(old, _)| *old == name)
            .map(|(_, new)| *new)
    };
    let is_odd = |name: &String| plain(name).is_some_and(|new| !node.contains_key(new));
    if !node.keys().any(is_odd) {
        return;
    }
    let mut renamed = Map::new();
    let members = std::mem::take(node);
    for (name, value) in members {
        let name = plain(&name).map_or(name, str::to_owned);
        renamed.entry(name).or_insert(value);
    }
    *node = renamed;
}

fn lower_type(value: &mut Value) {
    match value {
        Value::String(name) => name.make_ascii_lowercase(),
        Value::Array(names) => names.iter_mut().for_each(lower_type),
        _ => {}
    }
}

/// Reads text as a number if it is one.
fn lower_limit(value: &mut Value) {
    let Some(text) = value.as_str() else { return };
    let whole = text.parse::<i64>().ok().map(Value::from);
    if let Some(number) = whole.or_else(|| text.parse::<f64>().ok().map(Value::from)) {
        *value = number;
    }
}

fn say_null(node: &mut Node) {
    if node.get("type") == Some(&json!("type_unspecified")) {
        take(node, "type");
    }
    if node.get("format") == Some(&json!("enum")) {
        take(node, "format");
    }
    if !node.get("nullable").is_some_and(Value::is_boolean) {
        return;
    }
    if take(node, "nullable") == Some(Value::Bool(true)) {
        allow_null(node);
    }
}

fn order_properties(node: &mut Node) {
    if !node.get("propertyOrdering").is_some_and(Value::is_array) {
        return;
    }
    let Some(Value::Array(order)) = take(node, "propertyOrdering") else {
        return;
    };
    let Some(properties) = node.get_mut("properties").and_then(Value::as_object_mut) else {
        return;
    };
    let mut places = HashMap::new();
    for (place, name) in order.iter().filter_map(Value::as_str).enumerate() {
        places.entry(name).or_insert(place);
    }
    let mut ordered: Vec<_> = std::mem::take(properties).into_iter().collect();
    // What has no place stays behind the others, in its own order.
    ordered.sort_by_key(|(name, _)| places.get(name.as_str()).copied().unwrap_or(usize::MAX));
    *properties = ordered.into_iter().collect();
}
