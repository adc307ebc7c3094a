//! Each target's rewriting by example; the laws that hold for all of them are in `laws`.

mod laws;
mod size;

use serde_json::{Value, json};

use super::*;

#[track_caller]
fn becomes(rewrite: fn(&Value) -> Rewritten, schema: &Value, wanted: &Value, changed: &[&str]) {
    let rewritten = rewrite(schema);
    assert_eq!(&rewritten.schema, wanted, "{:#}", rewritten.schema);
    assert_eq!(rewritten.changed, changed);
}

#[test]
fn strict_keeps_the_subset_and_closes_objects() {
    let schema = json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "type": "object",
        "title": "T",
        "properties": {
            "at": {"type": "string", "format": "date-time"},
            "tags": {"type": "array", "items": {"type": "string"}, "minItems": 1},
            "kind": {"oneOf": [{"const": "a"}, {"type": "null"}]},
        },
        "required": ["at"],
    });
    let wanted = json!({
        "type": "object",
        "title": "T",
        "properties": {
            "at": {"type": "string", "format": "date-time"},
            "tags": {"type": "array", "items": {"type": "string"}, "minItems": 1},
            "kind": {"anyOf": [{"enum": ["a"], "type": "string"}, {"type": "null"}]},
        },
        "required": ["at"],
        "additionalProperties": false,
    });
    becomes(for_anthropic_strict, &schema, &wanted, &[]);
}

#[test]
fn strict_tells_the_rest_in_the_description() {
    let schema = json!({
        "type": "object",
        "properties": {
            "code": {"type": "string", "description": "A code.", "pattern": "^a", "maxLength": 3},
            "more": {"type": "array", "items": {"type": "integer", "minimum": 2}, "minItems": 2},
        },
        "additionalProperties": {"type": "string"},
    });
    let rewritten = for_anthropic_strict(&schema);
    let code = &rewritten.schema["properties"]["code"];
    assert_eq!(
        code["description"],
        "A code.\n\n{pattern: \"^a\", maxLength: 3}"
    );
    assert_eq!(
        rewritten.schema["description"],
        "{additionalProperties: {\"type\":\"string\"}}"
    );
    let changed = [
        "properties.code.pattern",
        "properties.code.maxLength",
        "properties.more.items.minimum",
        "properties.more.minItems",
        "additionalProperties",
    ];
    assert_eq!(rewritten.changed, changed);
}

#[test]
fn strict_lets_references_stand_alone() {
    let schema = json!({
        "$ref": "#/definitions/Node",
        "definitions": {"Node": {
            "type": "object",
            "properties": {"next": {"$ref": "#/definitions/Node", "description": "The next."}},
        }},
    });
    let wanted = json!({
        "$ref": "#/$defs/Node",
        "$defs": {"Node": {
            "type": "object",
            "properties": {"next": {"description": "The next.", "anyOf": [{"$ref": "#/$defs/Node"}]}},
            "additionalProperties": false,
        }},
    });
    becomes(for_anthropic_strict, &schema, &wanted, &[]);
}

#[test]
fn all_of_is_merged() {
    let schema = json!({
        "allOf": [
            {"type": "object", "properties": {"a": {"type": "number", "minimum": 1}}, "required": ["a"]},
            {"$ref": "#/$defs/More"},
        ],
        "$defs": {"More": {
            "properties": {"a": {"type": "integer", "minimum": 5}, "b": {"type": "string"}},
            "required": ["b"],
        }},
    });
    let rewritten = for_gemini_json(&schema);
    let wanted = json!({"a": {"type": "integer", "minimum": 5}, "b": {"type": "string"}});
    assert_eq!(rewritten.schema["properties"], wanted);
    assert_eq!(rewritten.schema["required"], json!(["a", "b"]));
    assert_eq!(rewritten.changed, Vec::<String>::new());
}

#[test]
fn a_lone_reference_in_all_of_is_that_reference() {
    let schema = json!({
        "type": "object",
        "properties": {"a": {"allOf": [{"$ref": "#/$defs/A"}]}},
        "$defs": {"A": {"type": "string"}},
    });
    let rewritten = for_gemini_json(&schema);
    assert_eq!(
        rewritten.schema["properties"]["a"],
        json!({"$ref": "#/$defs/A"})
    );
}

#[test]
fn a_tool_that_is_an_object_passes_as_it_is() {
    let schema =
        json!({"type": "object", "properties": {"a": {"exclusiveMinimum": 0}}, "x-any": 1});
    becomes(for_anthropic_tool, &schema, &schema, &[]);
}

#[test]
fn a_tool_without_parameters_gets_the_empty_object() {
    let empty = json!({"type": "object", "properties": {}});
    for schema in [
        Value::Null,
        json!({}),
        json!(true),
        json!({"type": "object", "properties": {}}),
    ] {
        becomes(for_anthropic_tool, &schema, &empty, &[]);
    }
}

#[test]
fn a_tool_that_is_a_union_of_objects_is_one_object() {
    let schema = json!({
        "anyOf": [
            {"type": "object", "properties": {"a": {"type": "string"}, "k": {"const": 1}}, "required": ["a", "k"]},
            {"$ref": "#/$defs/B"},
        ],
        "$defs": {"B": {"type": "object", "properties": {"k": {"const": 2}}, "required": ["k"]}},
    });
    let wanted = json!({
        "type": "object",
        "$defs": {"B": {"type": "object", "properties": {"k": {"const": 2}}, "required": ["k"]}},
        "properties": {"a": {"type": "string"}, "k": {"anyOf": [{"const": 1}, {"const": 2}]}},
        "required": ["k"],
    });
    becomes(for_anthropic_tool, &schema, &wanted, &["anyOf"]);
}

#[test]
fn a_tool_that_is_no_object_is_wrapped() {
    let schema = json!({"type": "array", "items": {"$ref": "#/$defs/A"}, "$defs": {"A": {"type": "string"}}});
    let wanted = json!({
        "type": "object",
        "properties": {"input": {"type": "array", "items": {"$ref": "#/$defs/A"}}},
        "required": ["input"],
        "$defs": {"A": {"type": "string"}},
    });
    becomes(for_anthropic_tool, &schema, &wanted, &["input"]);
}

#[test]
fn a_tool_whose_root_is_a_reference_is_what_it_means() {
    let schema = json!({"$ref": "#/definitions/A", "definitions": {"A": {"type": "object", "properties": {"x": {}}}}});
    let rewritten = for_anthropic_tool(&schema);
    assert_eq!(rewritten.schema["type"], "object");
    assert_eq!(rewritten.schema["properties"], json!({"x": {}}));
    assert_eq!(rewritten.schema.get("$ref"), None);
}

#[test]
fn gemini_drops_what_it_does_not_read_and_says_so() {
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {
            "n": {"type": "integer", "exclusiveMinimum": 0, "multipleOf": 2},
            "x": {"type": "number", "exclusiveMaximum": 1.5, "default": 1},
            "pair": {"type": "array", "items": [{"type": "string"}, {"type": "integer"}]},
            "on": {"const": true},
            "maybe": {"type": ["string", "null"], "enum": ["a", null], "description": "D"},
        },
        "additionalProperties": false,
    });
    let wanted = json!({
        "type": "object",
        "properties": {
            "n": {"type": "integer", "minimum": 1},
            "x": {"type": "number", "maximum": 1.5},
            "pair": {"type": "array", "prefixItems": [{"type": "string"}, {"type": "integer"}]},
            "on": {"type": "boolean"},
            "maybe": {"description": "D", "anyOf": [{"type": "string", "enum": ["a"]}, {"type": "null"}]},
        },
        "additionalProperties": false,
    });
    let changed = [
        "properties.n.multipleOf",
        "properties.x.exclusiveMaximum",
        "properties.x.default",
        "properties.on.enum",
    ];
    becomes(for_gemini_json, &schema, &wanted, &changed);
}

#[test]
fn gemini_may_leave_out_what_contains_itself() {
    let schema = json!({
        "$ref": "#/$defs/Tree",
        "$defs": {
            "Tree": {
                "type": "object",
                "properties": {
                    "name": {"type": "string"},
                    "children": {"type": "array", "items": {"$ref": "#/$defs/Tree"}},
                    "leaf": {"$ref": "#/$defs/Leaf"},
                },
                "required": ["name", "children", "leaf"],
            },
            "Leaf": {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]},
        },
    });
    let rewritten = for_gemini_json(&schema);
    assert_eq!(
        rewritten.schema["$defs"]["Tree"]["required"],
        json!(["name", "leaf"])
    );
    assert_eq!(rewritten.schema["$defs"]["Leaf"]["required"], json!(["a"]));
    assert_eq!(rewritten.changed, ["$defs.Tree.required"]);
}

#[test]
fn the_classic_message_has_its_own_spelling() {
    let schema = json!({
        "$schema": "x",
        "type": "object",
        "properties": {
            "a": {"type": ["string", "null"], "minLength": 1, "pattern": "^a"},
            "b": {"anyOf": [{"type": "integer"}, {"type": "null"}], "description": "B"},
            "c": {"const": "only"},
            "d": {"type": "array"},
            "e": {"type": ["string", "number"]},
            "f": {"$ref": "#/$defs/F", "description": "Mine"},
            "g": {"type": "string", "format": "email"},
            "h": {"type": "object", "additionalProperties": {"type": "string"}},
        },
        "required": ["a"],
        "additionalProperties": false,
        "$defs": {"F": {"type": "boolean", "description": "Theirs"}},
    });
    let wanted = json!({
        "type": "OBJECT",
        "properties": {
            "a": {"type": "STRING", "minLength": 1, "pattern": "^a", "nullable": true},
            "b": {"description": "B", "type": "INTEGER", "nullable": true},
            "c": {"enum": ["only"], "type": "STRING"},
            "d": {"type": "ARRAY", "items": {}},
            "e": {"anyOf": [{"type": "STRING"}, {"type": "NUMBER"}]},
            "f": {"description": "Mine", "type": "BOOLEAN"},
            "g": {"type": "STRING"},
            "h": {"type": "OBJECT"},
        },
        "required": ["a"],
    });
    let changed = ["properties.g.format", "properties.h.additionalProperties"];
    becomes(for_gemini_classic, &schema, &wanted, &changed);
}

#[test]
fn the_classic_message_cuts_circles() {
    let schema = json!({
        "$ref": "#/definitions/Node",
        "definitions": {"Node": {
            "type": "object",
            "properties": {"value": {"type": "string"}, "next": {"$ref": "#/definitions/Node"}},
        }},
    });
    let wanted = json!({
        "type": "OBJECT",
        "properties": {"value": {"type": "STRING"}, "next": {"type": "OBJECT"}},
    });
    becomes(
        for_gemini_classic,
        &schema,
        &wanted,
        &["properties.next.$ref"],
    );
}

#[test]
fn classic_becomes_plain() {
    let mut schema = json!({
        "type": "OBJECT",
        "properties": {
            "type": {"type": "STRING", "nullable": true, "max_length": "12"},
            "list": {"type": "ARRAY", "items": {"type": "INTEGER", "format": "int32"}, "minItems": "1"},
            "either": {"any_of": [{"type": "NUMBER"}], "nullable": true},
            "pick": {"type": "STRING", "format": "enum", "enum": ["A", "B"], "nullable": false},
        },
        "propertyOrdering": ["pick", "list"],
    });
    lower_types(&mut schema);
    let wanted = json!({
        "type": "object",
        "properties": {
            "pick": {"type": "string", "enum": ["A", "B"]},
            "list": {"type": "array", "items": {"type": "integer", "format": "int32"}, "minItems": 1},
            "type": {"type": ["string", "null"], "maxLength": 12},
            "either": {"anyOf": [{"type": "number"}, {"type": "null"}]},
        },
    });
    assert_eq!(schema.to_string(), wanted.to_string());
}

#[test]
fn what_is_plain_stays_as_it_is() {
    let plain = json!({
        "type": "object",
        "properties": {"nullable": {"type": "string", "default": "OBJECT"}, "ref": {"enum": ["STRING", null]}},
        "anyOf": [{"required": ["nullable"]}],
    });
    let mut lowered = plain.clone();
    lower_types(&mut lowered);
    assert_eq!(lowered, plain);
}

#[test]
fn knows_what_openai_takes_as_strict() {
    let fitting = json!({
        "type": "object",
        "properties": {
            "a": {"type": ["string", "null"], "description": "A"},
            "b": {"type": "array", "items": {"$ref": "#/$defs/B"}},
        },
        "required": ["a", "b"],
        "additionalProperties": false,
        "$defs": {"B": {"anyOf": [{"type": "integer", "minimum": 1}, {"const": "x"}]}},
    });
    assert!(fits_openai_strict(&fitting));
    let breaking: [(&str, Value); 9] = [
        ("/required", json!(["a"])),
        ("/additionalProperties", json!(true)),
        ("/type", json!("array")),
        ("/properties/a/minLength", json!(1)),
        ("/properties/a/default", json!("x")),
        ("/properties/b/items/$ref", json!("#/$defs/None")),
        ("/properties/b/items", json!({"type": "object"})),
        ("/properties/a", json!({})),
        ("/$defs/B", json!({"oneOf": [{"type": "string"}]})),
    ];
    for (pointer, value) in breaking {
        let mut schema = fitting.clone();
        let (parent, name) = pointer.rsplit_once('/').expect("a pointer");
        schema.pointer_mut(parent).expect("an object")[name] = value;
        assert!(!fits_openai_strict(&schema), "{pointer}");
    }
    assert!(!fits_openai_strict(&json!(true)));
}

#[test]
fn a_reference_that_leads_nowhere_is_kept() {
    let schema =
        json!({"type": "object", "properties": {"a": {"$ref": "https://example.com/a.json"}}});
    for rewrite in [for_anthropic_strict, for_gemini_json] {
        let a = &rewrite(&schema).schema["properties"]["a"];
        assert_eq!(*a, json!({"$ref": "https://example.com/a.json"}));
    }
    let cut = for_gemini_classic(&schema);
    assert_eq!(cut.schema["properties"]["a"], json!({"type": "OBJECT"}));
    assert_eq!(cut.changed, ["properties.a.$ref"]);
}
