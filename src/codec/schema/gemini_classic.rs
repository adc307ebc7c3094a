//! Gemini's own `Schema` message (`parameters`, `responseSchema`), as it is written for old models.

use serde_json::{Map, Value, json};

use super::gemini::whole_bounds;
use super::walk::{Node, Walk, anything, is_null, take, types};
use super::{Rewritten, reference};

/// Formats of text and of numbers that the message knows.
const FORMATS: [&str; 6] = ["float", "double", "int32", "int64", "date-time", "enum"];

/// The references that are being written out, innermost last.
type Open = Vec<String>;

/// The schema as Gemini's `Schema` message: references are written out and cut where they lead in a
/// circle, `null` is `nullable`, types are upper case. An object without properties is refused by old
/// models: leave `parameters` out if the root comes back with none.
pub fn for_gemini_classic(schema: &Value) -> Rewritten {
    let mut walk = Walk::new(schema);
    let mut open = vec!["#".to_owned()];
    let rewritten = walk.at(&[], |walk| node(walk, schema, &mut open));
    walk.finish(rewritten)
}

fn node(walk: &mut Walk<'_>, schema: &Value, open: &mut Open) -> Value {
    let mut plain = walk.plain(schema);
    let opened = open.len();
    if !write_out(walk, &mut plain, open) {
        walk.note("$ref");
        open.truncate(opened);
        plain.insert("type".to_owned(), "object".into());
    }
    take(&mut plain, "$defs");
    whole_bounds(walk, &mut plain);
    tuples(walk, &mut plain);
    choices_of_text(walk, &mut plain);
    let is_nullable = null_apart(&mut plain);
    let mut kept = Map::new();
    for (keyword, value) in plain {
        match keep(walk, &keyword, &value, open) {
            Some(value) => {
                kept.insert(keyword, value);
            }
            None if keyword == "additionalProperties" && value.is_boolean() => {}
            None => walk.note(&keyword),
        }
    }
    open.truncate(opened);
    finish(kept, is_nullable)
}

/// Replaces the node's reference by what it means; `false` if it is open already or means nothing here.
fn write_out(walk: &mut Walk<'_>, node: &mut Node, open: &mut Open) -> bool {
    while let Some(Value::String(reference)) = take(node, "$ref") {
        let target = walk.resolve(&reference).or_else(|| {
            // `definitions` were renamed on the way here.
            let old = reference.strip_prefix("#/$defs/")?;
            walk.resolve(&format!("#/definitions/{old}"))
        });
        let Some(target) = target.filter(|_| !open.contains(&reference)) else {
            return false;
        };
        open.push(reference);
        for (keyword, value) in walk.plain(target) {
            node.entry(keyword).or_insert(value);
        }
    }
    true
}

fn keep(walk: &mut Walk<'_>, keyword: &str, value: &Value, open: &mut Open) -> Option<Value> {
    let kept = match keyword {
        "type" | "title" | "description" | "enum" | "minItems" | "maxItems" | "minProperties"
        | "maxProperties" | "minimum" | "maximum" | "minLength" | "maxLength" | "pattern"
        | "required" | "propertyOrdering" | "example" | "default" => value.clone(),
        "format" if value.as_str().is_some_and(|name| FORMATS.contains(&name)) => value.clone(),
        "properties" => {
            let schemas = value.as_object().into_iter().flatten();
            let written = schemas
                .map(|(name, schema)| (name.clone(), below(walk, &[keyword, name], schema, open)));
            Value::Object(written.collect())
        }
        "anyOf" => {
            let schemas = value.as_array().into_iter().flatten().enumerate();
            let written = schemas
                .map(|(place, schema)| below(walk, &[keyword, &place.to_string()], schema, open));
            Value::Array(written.collect())
        }
        "items" => below(walk, &[keyword], value, open),
        _ => return None,
    };
    Some(kept)
}

fn below(walk: &mut Walk<'_>, steps: &[&str], schema: &Value, open: &mut Open) -> Value {
    let written = walk.at(steps, |walk| Some(node(walk, schema, open)));
    written.unwrap_or_else(|| json!({"type": "OBJECT"}))
}

/// Says with one item schema what was said place by place.
fn tuples(walk: &mut Walk<'_>, node: &mut Node) {
    if let Some(Value::Array(places)) = take(node, "prefixItems") {
        walk.note("prefixItems");
        node.insert("items".to_owned(), json!({"anyOf": places}));
    }
}

/// Leaves text in `enum`, the only values the message can list; `null` among them is a type.
fn choices_of_text(walk: &mut Walk<'_>, node: &mut Node) {
    let Some(Value::Array(values)) = node.get_mut("enum") else {
        return;
    };
    let count = values.len();
    values.retain(|value| !value.is_null());
    let has_null = values.len() < count;
    let is_text = !values.is_empty() && values.iter().all(Value::is_string);
    if !is_text {
        let only_null = values.is_empty() && has_null;
        take(node, "enum");
        if only_null {
            node.insert("type".to_owned(), "null".into());
            return;
        }
        walk.note("enum");
    }
    if has_null {
        let mut names = types(node);
        if names.is_empty() && is_text {
            names.push("string".to_owned());
        }
        if !names.iter().any(|name| name == "null") {
            names.push("null".to_owned());
        }
        node.insert("type".to_owned(), names.into());
    }
}

/// Takes `null` out of types and choices, and says whether it was there. Several types become choices.
fn null_apart(node: &mut Node) -> bool {
    let mut names = types(node);
    let count = names.len();
    if count > 1 {
        names.retain(|name| name != "null");
    }
    let mut is_nullable = names.len() < count;
    match names.as_slice() {
        [] => {
            take(node, "type");
        }
        [only] => {
            node.insert("type".to_owned(), only.to_ascii_uppercase().into());
        }
        several => {
            let choices: Vec<Value> = several.iter().map(|name| json!({"type": name})).collect();
            take(node, "type");
            node.entry("anyOf").or_insert_with(|| choices.into());
        }
    }
    if let Some(Value::Array(choices)) = node.get_mut("anyOf") {
        let count = choices.len();
        if !choices.iter().all(is_null) {
            choices.retain(|choice| !is_null(choice));
        }
        is_nullable |= choices.len() < count;
        only_choice(node);
    }
    is_nullable
}

/// Takes a choice of one as what it is, where nothing of the node contradicts it.
fn only_choice(node: &mut Node) {
    let Some(Value::Array(choices)) = node.get("anyOf") else {
        return;
    };
    let [Value::Object(only)] = choices.as_slice() else {
        return;
    };
    let is_free = |name: &String| name == "anyOf" || reference::is_annotation(name);
    if node.keys().all(is_free) && !only.contains_key("$ref") && !only.contains_key("allOf") {
        let only = only.clone();
        take(node, "anyOf");
        for (keyword, value) in only {
            node.entry(keyword).or_insert(value);
        }
    }
}

fn finish(mut node: Node, is_nullable: bool) -> Value {
    if types(&node) == ["array"] {
        node.entry("items").or_insert_with(anything);
    }
    if is_nullable {
        node.insert("nullable".to_owned(), Value::Bool(true));
    }
    Value::Object(node)
}
