//! What OpenAI accepts as a strict schema.

use std::collections::HashSet;

use serde_json::Value;

use super::walk::{Node, resolve, types};

/// OpenAI's limits: properties in all, levels of objects, values of all enums, characters of all names.
const MAX_PROPERTIES: usize = 5000;
const MAX_LEVELS: usize = 10;
const MAX_VALUES: usize = 1000;
const MAX_CHARACTERS: usize = 120_000;

/// Deeper than ten levels of objects can be, with lists and choices between them.
const MAX_DEPTH: usize = 64;

/// Formats of text that strict schemas may have.
const FORMATS: [&str; 9] = [
    "date-time",
    "time",
    "date",
    "duration",
    "email",
    "hostname",
    "ipv4",
    "ipv6",
    "uuid",
];

/// Whether OpenAI would take the schema with `strict: true`. A schema that does not fit is sent as it is
/// with `strict: false`: it is the client's, and mending it would change what answers are allowed.
pub fn fits_openai_strict(schema: &Value) -> bool {
    let Some(root) = schema.as_object() else {
        return false;
    };
    let mut check = Check {
        root: schema,
        properties: 0,
        values: 0,
        characters: 0,
    };
    types(root) == ["object"] && !root.contains_key("anyOf") && check.fits(schema, 0, 0)
}

struct Check<'a> {
    root: &'a Value,
    properties: usize,
    values: usize,
    characters: usize,
}

impl Check<'_> {
    fn fits(&mut self, schema: &Value, depth: usize, level: usize) -> bool {
        let Some(node) = schema.as_object() else {
            return false;
        };
        let is_object = types(node).iter().any(|name| name == "object");
        let level = level + usize::from(is_object);
        let says_what = ["type", "anyOf", "$ref", "enum", "const"];
        depth < MAX_DEPTH
            && level <= MAX_LEVELS
            && says_what.iter().any(|keyword| node.contains_key(*keyword))
            && (!is_object || is_closed(node))
            && node
                .iter()
                .all(|(keyword, value)| self.keyword(keyword, value, depth, level))
            && self.is_within_limits()
    }

    fn is_within_limits(&self) -> bool {
        self.properties <= MAX_PROPERTIES
            && self.values <= MAX_VALUES
            && self.characters <= MAX_CHARACTERS
    }

    fn keyword(&mut self, keyword: &str, value: &Value, depth: usize, level: usize) -> bool {
        match keyword {
            "properties" => {
                self.properties += value.as_object().map_or(0, Node::len);
                self.all_of_map(value, depth, level)
            }
            "$defs" | "definitions" => self.all_of_map(value, depth, 0),
            "anyOf" => value.as_array().is_some_and(|choices| {
                !choices.is_empty()
                    && choices
                        .iter()
                        .all(|choice| self.fits(choice, depth + 1, level))
            }),
            "items" => self.fits(value, depth + 1, level),
            "enum" => value.as_array().is_some_and(|values| self.values(values)),
            "const" => self.values(std::slice::from_ref(value)),
            "$ref" => value
                .as_str()
                .is_some_and(|to| resolve(self.root, to).is_some()),
            "format" => value.as_str().is_some_and(|name| FORMATS.contains(&name)),
            "additionalProperties" => *value == Value::Bool(false),
            "type" | "required" | "title" | "description" | "pattern" | "multipleOf"
            | "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum" | "minItems"
            | "maxItems" | "$schema" => true,
            _ => false,
        }
    }

    fn all_of_map(&mut self, schemas: &Value, depth: usize, level: usize) -> bool {
        let Some(schemas) = schemas.as_object() else {
            return false;
        };
        schemas.iter().all(|(name, schema)| {
            self.characters += name.len();
            self.fits(schema, depth + 1, level)
        })
    }

    fn values(&mut self, values: &[Value]) -> bool {
        self.values += values.len();
        let texts = values.iter().filter_map(Value::as_str);
        self.characters += texts.map(str::len).sum::<usize>();
        !values.is_empty()
            && values
                .iter()
                .all(|value| !value.is_object() && !value.is_array())
    }
}

/// Whether an object has all its properties required and allows no others.
fn is_closed(node: &Node) -> bool {
    let required = node.get("required").and_then(Value::as_array);
    let names = required.into_iter().flatten().filter_map(Value::as_str);
    let required: HashSet<_> = names.collect();
    let is_required = |name: &String| required.contains(name.as_str());
    let properties = node.get("properties").and_then(Value::as_object);
    node.get("additionalProperties") == Some(&Value::Bool(false))
        && properties.is_none_or(|all| all.len() <= MAX_PROPERTIES && all.keys().all(is_required))
}
