//! Gemini's own `Schema` message (`parameters`, `responseSchema`), as it is written for old models.

use serde_json::{Value, json};

use super::Rewritten;
use super::gemini::whole_bounds;
use super::reference::{self, MAX_CHAIN};
use super::walk::{Node, Walk, anything, guess_type, is_null, only, take, types};

/// Formats of text and of numbers that the message knows.
const FORMATS: [&str; 6] = ["float", "double", "int32", "int64", "date-time", "enum"];

/// The message's fields, but for `format` and `nullable`, which have rules of their own.
const FIELDS: [&str; 20] = [
    "type",
    "title",
    "description",
    "enum",
    "items",
    "minItems",
    "maxItems",
    "minProperties",
    "maxProperties",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "pattern",
    "properties",
    "required",
    "propertyOrdering",
    "anyOf",
    "example",
    "default",
];

/// The references that are being written out, innermost last.
type Open = Vec<String>;

/// The schema as Gemini's `Schema` message: references are written out and cut where they lead in a
/// circle, `null` is `nullable`, types are upper case. An object without properties is refused by old
/// models: leave `parameters` out if the root comes back with none.
pub fn for_gemini_classic(schema: &Value) -> Rewritten {
    let mut walk = Walk::new(schema);
    let mut open = vec!["#".to_owned()];
    let rewritten = walk.at(&[], |walk| node(walk, schema.clone(), &mut open));
    walk.finish(rewritten)
}

fn node(walk: &mut Walk<'_>, schema: Value, open: &mut Open) -> Value {
    let mut plain = walk.plain(schema);
    let opened = open.len();
    if !write_out(walk, &mut plain, open) {
        walk.note("$ref");
        open.truncate(opened);
        plain.insert("type".to_owned(), "object".into());
    }
    guess_type(&mut plain);
    take(&mut plain, "$defs");
    whole_bounds(walk, &mut plain);
    tuples(walk, &mut plain);
    choices_of_text(walk, &mut plain);
    drop_unknown(walk, &mut plain);
    let is_nullable = null_apart(&mut plain);
    let kept = plain.into_iter().map(|(keyword, value)| {
        let value = written(walk, &keyword, value, open);
        (keyword, value)
    });
    let kept = kept.collect::<Node>();
    open.truncate(opened);
    finish(kept, is_nullable)
}

/// Replaces the node's reference by what it means; `false` if it is open already or means nothing here.
fn write_out(walk: &mut Walk<'_>, node: &mut Node, open: &mut Open) -> bool {
    let most = open.len() + MAX_CHAIN;
    while let Some(Value::String(reference)) = take(node, "$ref") {
        let target = walk.resolve(&reference);
        let is_open = open.len() == most || open.contains(&reference);
        let Some(target) = target.filter(|target| !is_open && walk.may_follow(target)) else {
            return false;
        };
        open.push(reference);
        for (keyword, value) in walk.plain(target.clone()) {
            node.entry(keyword).or_insert(value);
        }
    }
    true
}

/// Drops what the message has no field for.
fn drop_unknown(walk: &mut Walk<'_>, node: &mut Node) {
    node.retain(|keyword, value| {
        let is_known = match keyword.as_str() {
            "format" => value.as_str().is_some_and(|name| FORMATS.contains(&name)),
            "additionalProperties" if value.is_boolean() => return false,
            keyword => FIELDS.contains(&keyword),
        };
        if !is_known {
            walk.note(keyword);
        }
        is_known
    });
}

/// The value of a keyword, the schemas in it rewritten.
fn written(walk: &mut Walk<'_>, keyword: &str, value: Value, open: &mut Open) -> Value {
    match (keyword, value) {
        ("properties", Value::Object(schemas)) => {
            let written = schemas.into_iter().map(|(name, schema)| {
                let schema = below(walk, &[keyword, &name], schema, open);
                (name, schema)
            });
            Value::Object(written.collect())
        }
        ("anyOf", Value::Array(schemas)) => {
            let schemas = schemas.into_iter().enumerate();
            let written = schemas
                .map(|(place, schema)| below(walk, &[keyword, &place.to_string()], schema, open));
            Value::Array(written.collect())
        }
        ("items", schema) => below(walk, &[keyword], schema, open),
        (_, value) => value,
    }
}

fn below(walk: &mut Walk<'_>, steps: &[&str], schema: Value, open: &mut Open) -> Value {
    let written = walk.at(steps, |walk| Some(node(walk, schema, open)));
    written.unwrap_or_else(|| json!({"type": "OBJECT"}))
}

/// Says with one item schema what was said place by place.
fn tuples(walk: &mut Walk<'_>, node: &mut Node) {
    if let Some(Value::Array(places)) = take(node, "prefixItems") {
        walk.note("prefixItems");
        if places.is_empty() {
            return;
        }
        node.insert("items".to_owned(), only("anyOf", places.into()));
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
        if names.is_empty() {
            return;
        }
        if !names.iter().any(|name| name == "null") {
            names.push("null".to_owned());
        }
        node.insert("type".to_owned(), names.into());
    }
}

/// Takes `null` out of the types, and says whether it was there. Several types become choices.
fn null_apart(node: &mut Node) -> bool {
    let mut names = types(node);
    let count = names.len();
    if count > 1 {
        names.retain(|name| name != "null");
    }
    let is_nullable = names.len() < count;
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
    is_nullable
}

fn finish(mut node: Node, mut is_nullable: bool) -> Value {
    is_nullable |= settle_choices(&mut node);
    if types(&node) == ["array"] {
        node.entry("items").or_insert_with(anything);
    }
    // Without a type it allows `null` already.
    if is_nullable && (node.contains_key("type") || node.contains_key("anyOf")) {
        node.insert("nullable".to_owned(), Value::Bool(true));
    }
    Value::Object(node)
}

/// Takes `null` out of the choices, says whether it was there, and takes a choice of one as what it is
/// where nothing of the node contradicts it.
fn settle_choices(node: &mut Node) -> bool {
    let Some(Value::Array(choices)) = node.get_mut("anyOf") else {
        return false;
    };
    let count = choices.len();
    if !choices.iter().all(is_null) {
        choices.retain(|choice| !is_null(choice));
    }
    let had_null = choices.len() < count;
    let only = match choices.as_mut_slice() {
        [only] => only.take(),
        _ => return had_null,
    };
    let is_free = |name: &String| name == "anyOf" || reference::is_annotation(name);
    if !node.keys().all(is_free) {
        node.insert("anyOf".to_owned(), vec![only].into());
        return had_null;
    }
    take(node, "anyOf");
    if let Value::Object(only) = only {
        for (keyword, value) in only {
            node.entry(keyword).or_insert(value);
        }
    }
    had_null
}
