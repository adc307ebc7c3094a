//! An example of what a JSON schema describes: tool arguments and structured answers.
//!
//! Simple schemas are matched; keywords such as `pattern` or `minLength` are not looked at.

use serde_json::{Map, Value, json};

/// A schema that refers to itself ends here.
const MAX_DEPTH: usize = 16;

/// A value that `schema` accepts. Objects get their required properties, or all if it names none.
pub(super) fn example(schema: &Value) -> Value {
    Example { root: schema }.of(schema, "value", 0)
}

struct Example<'a> {
    root: &'a Value,
}

impl Example<'_> {
    /// A value for `schema`, which describes what is called `name`.
    fn of(&self, schema: &Value, name: &str, depth: usize) -> Value {
        if depth > MAX_DEPTH {
            return Value::Null;
        }
        if let Some(value) = given(schema) {
            return value.clone();
        }
        if let Some(part) = self.delegate(schema) {
            return self.of(part, name, depth + 1);
        }
        match kind(schema) {
            Some("object") => self.object(schema, depth),
            Some("array") => self.array(schema, name, depth),
            Some("integer" | "number") => number(schema),
            Some("boolean") => Value::Bool(true),
            Some("null") => Value::Null,
            _ => Value::String(format!("example {name}")),
        }
    }

    /// The schema that stands for this one: a local reference or the first of several choices.
    fn delegate<'s>(&'s self, schema: &'s Value) -> Option<&'s Value> {
        if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
            return self.root.pointer(reference.strip_prefix('#')?);
        }
        ["anyOf", "oneOf", "allOf"]
            .into_iter()
            .find_map(|choices| schema.get(choices)?.get(0))
    }

    fn object(&self, schema: &Value, depth: usize) -> Value {
        let Some(properties) = schema.get("properties").and_then(Value::as_object) else {
            return json!({});
        };
        let required = schema.get("required").and_then(Value::as_array);
        let is_wanted = |name: &str| {
            required.map_or(depth == 0, |names| {
                names.iter().any(|wanted| wanted == name)
            })
        };
        let members: Map<String, Value> = properties
            .iter()
            .filter(|(name, _)| is_wanted(name))
            .map(|(name, property)| (name.clone(), self.of(property, name, depth + 1)))
            .collect();
        Value::Object(members)
    }

    fn array(&self, schema: &Value, name: &str, depth: usize) -> Value {
        match schema.get("items") {
            Some(items) if schema.get("maxItems") != Some(&json!(0)) => {
                json!([self.of(items, name, depth + 1)])
            }
            _ => json!([]),
        }
    }
}

/// A value that the schema itself offers.
fn given(schema: &Value) -> Option<&Value> {
    schema
        .get("const")
        .or_else(|| schema.get("default"))
        .or_else(|| schema.get("enum")?.get(0))
        .or_else(|| schema.get("examples")?.get(0))
}

/// The type; the first if there are several; an object if only properties are given.
fn kind(schema: &Value) -> Option<&str> {
    match schema.get("type") {
        Some(Value::Array(kinds)) => kinds.first()?.as_str(),
        Some(kind) => kind.as_str(),
        None => schema.get("properties").map(|_| "object"),
    }
}

fn number(schema: &Value) -> Value {
    schema
        .get("minimum")
        .or_else(|| schema.get("maximum"))
        .cloned()
        .unwrap_or_else(|| json!(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fills_what_is_required() {
        let schema = json!({
            "type": "object",
            "properties": {
                "city": {"type": "string"},
                "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]},
                "days": {"type": "integer", "minimum": 3},
                "exact": {"type": "boolean"},
                "tags": {"type": "array", "items": {"type": ["string", "null"]}},
                "at": {"$ref": "#/$defs/place"},
                "left_out": {"type": "string"},
            },
            "required": ["city", "unit", "days", "exact", "tags", "at"],
            "$defs": {"place": {"anyOf": [{"properties": {"x": {"type": "number"}}, "required": ["x"]}]}},
        });
        let expected = json!({
            "city": "example city",
            "unit": "celsius",
            "days": 3,
            "exact": true,
            "tags": ["example tags"],
            "at": {"x": 1},
        });
        assert_eq!(example(&schema), expected);
    }

    #[test]
    fn fills_everything_when_nothing_is_required() {
        let schema = json!({"type": "object", "properties": {"a": {"type": "null"}}});
        assert_eq!(example(&schema), json!({"a": null}));
    }

    #[test]
    fn ends_in_a_schema_that_refers_to_itself() {
        let schema = json!({
            "type": "object",
            "properties": {"next": {"$ref": "#"}},
            "required": ["next"],
        });
        assert!(example(&schema).is_object());
    }
}
