//! What holds for every schema: rewriting twice changes nothing more, only allowed keywords come out,
//! and no schema, however wound, takes long or grows without bound.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::super::*;

const STRICT: &[&str] = &[
    "type",
    "properties",
    "required",
    "items",
    "enum",
    "anyOf",
    "allOf",
    "$ref",
    "$defs",
    "title",
    "description",
    "format",
    "minItems",
    "additionalProperties",
];

const JSON: &[&str] = &[
    "$id",
    "$defs",
    "$ref",
    "$anchor",
    "type",
    "format",
    "title",
    "description",
    "enum",
    "items",
    "prefixItems",
    "minItems",
    "maxItems",
    "minimum",
    "maximum",
    "anyOf",
    "oneOf",
    "properties",
    "additionalProperties",
    "required",
    "propertyOrdering",
];

const CLASSIC: &[&str] = &[
    "type",
    "format",
    "title",
    "description",
    "nullable",
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

type Target = (
    &'static str,
    fn(&Value) -> Rewritten,
    &'static [&'static str],
);

const TARGETS: [Target; 3] = [
    ("strict", for_anthropic_strict, STRICT),
    ("json", for_gemini_json, JSON),
    ("classic", for_gemini_classic, CLASSIC),
];

/// The first keyword in the schema, or below it, that is not allowed.
fn stranger<'a>(schema: &'a Value, allowed: &[&str]) -> Option<&'a str> {
    let node = schema.as_object()?;
    node.iter()
        .find_map(|(keyword, value)| match keyword.as_str() {
            name if !allowed.contains(&name) => Some(name),
            "properties" | "$defs" => value
                .as_object()?
                .values()
                .find_map(|schema| stranger(schema, allowed)),
            "anyOf" | "allOf" | "prefixItems" => value
                .as_array()?
                .iter()
                .find_map(|schema| stranger(schema, allowed)),
            "items" | "additionalProperties" => stranger(value, allowed),
            _ => None,
        })
}

/// One member of a schema, of any kind, sane or not.
fn member(inner: BoxedStrategy<Value>) -> BoxedStrategy<(String, Value)> {
    let schemas = prop::collection::vec(inner.clone(), 0..3);
    let named = prop::collection::vec(("[a-c]", inner.clone()), 0..3);
    let named = named.prop_map(|all| Value::Object(all.into_iter().collect::<Map<_, _>>()));
    let kind = prop::sample::select(vec![
        "object", "array", "string", "integer", "number", "null", "STRING",
    ]);
    let value = prop_oneof![
        any::<i8>().prop_map(Value::from),
        Just(Value::Null),
        Just(json!(true)),
        Just(json!(1.5)),
        "[a-c]".prop_map(Value::from),
    ];
    let keyed = |names: Vec<&'static str>| prop::sample::select(names).prop_map(str::to_owned);
    prop_oneof![
        (keyed(vec!["type"]), kind.clone().prop_map(Value::from)),
        (
            keyed(vec!["type"]),
            prop::collection::vec(kind, 0..3).prop_map(Value::from)
        ),
        (
            keyed(vec![
                "properties",
                "$defs",
                "definitions",
                "patternProperties"
            ]),
            named
        ),
        (
            keyed(vec!["anyOf", "oneOf", "allOf", "prefixItems", "items"]),
            schemas.prop_map(Value::from)
        ),
        (keyed(vec!["items", "additionalProperties", "not"]), inner),
        (
            keyed(vec!["enum", "required"]),
            prop::collection::vec(value.clone(), 0..3).prop_map(Value::from)
        ),
        (
            keyed(vec!["$ref"]),
            prop::sample::select(vec![
                "#",
                "#/$defs/a",
                "#/$defs/b",
                "#/definitions/a",
                "#/properties/a",
                "x"
            ])
            .prop_map(Value::from)
        ),
        (
            keyed(vec![
                "const",
                "minimum",
                "exclusiveMinimum",
                "exclusiveMaximum",
                "minItems",
                "pattern",
                "nullable",
                "default",
                "title",
                "description",
                "format",
                "$schema",
                "additionalProperties",
                "x-odd",
            ]),
            value
        ),
    ]
    .boxed()
}

fn schema() -> BoxedStrategy<Value> {
    let leaf = prop_oneof![
        Just(json!({})),
        Just(json!(true)),
        Just(json!(false)),
        Just(json!({"type": "string"})),
        Just(json!({"$ref": "#/$defs/a"})),
        Just(json!(3)),
    ];
    leaf.prop_recursive(4, 40, 4, |inner| {
        prop::collection::vec(member(inner.boxed()), 0..5)
            .prop_map(|members| Value::Object(members.into_iter().collect()))
    })
    .boxed()
}

proptest! {
    #[test]
    fn rewriting_twice_changes_nothing_more(schema in schema()) {
        for (name, rewrite, _) in TARGETS {
            let once = rewrite(&schema).schema;
            let twice = rewrite(&once);
            prop_assert_eq!(&twice.schema, &once, "{}", name);
        }
        let once = for_anthropic_tool(&schema).schema;
        prop_assert_eq!(for_anthropic_tool(&once).schema, once.clone());
        let mut lowered = schema.clone();
        lower_types(&mut lowered);
        let mut again = lowered.clone();
        lower_types(&mut again);
        prop_assert_eq!(again, lowered);
    }

    #[test]
    fn only_allowed_keywords_come_out(schema in schema()) {
        for (name, rewrite, allowed) in TARGETS {
            let rewritten = rewrite(&schema).schema;
            prop_assert_eq!(stranger(&rewritten, allowed), None, "{}", name);
        }
        let tool = for_anthropic_tool(&schema).schema;
        prop_assert_eq!(&tool["type"], "object");
    }
}

#[test]
fn what_would_grow_exponentially_is_bounded() {
    let mut definitions = Map::new();
    for level in 0..40 {
        let next = json!({"$ref": format!("#/$defs/d{}", level + 1)});
        let both = json!({
            "type": "object",
            "properties": {"a": next, "b": next},
            "allOf": [next, next],
        });
        definitions.insert(format!("d{level}"), both);
    }
    let schema = json!({"$ref": "#/$defs/d0", "$defs": definitions});
    for (name, rewrite, _) in TARGETS {
        let length = rewrite(&schema).schema.to_string().len();
        assert!(length < 4_000_000, "{name}: {length}");
    }
    let length = for_anthropic_tool(&schema).schema.to_string().len();
    assert!(length < 4_000_000, "{length}");
}

#[test]
fn what_is_long_is_not_written_again_and_again() {
    let long = "x".repeat(100_000);
    let properties: Map<_, _> = (0..500)
        .map(|place| {
            (
                format!("p{place}"),
                json!({"allOf": [{"$ref": "#/$defs/a"}, {"minimum": 1}]}),
            )
        })
        .collect();
    let schema = json!({
        "type": "object",
        "properties": properties,
        "$defs": {"a": {"type": "integer", "description": long}},
    });
    for (name, rewrite, _) in TARGETS {
        let rewritten = rewrite(&schema);
        assert!(rewritten.schema.to_string().len() < 4_000_000, "{name}");
        assert!(!rewritten.changed.is_empty(), "{name}");
    }
}

#[test]
fn what_is_too_deep_is_cut() {
    let mut schema = json!({"type": "string"});
    for _ in 0..100 {
        schema = json!({"type": "array", "items": schema});
    }
    for (name, rewrite, _) in TARGETS {
        let rewritten = rewrite(&schema);
        assert!(!rewritten.changed.is_empty(), "{name}");
    }
    lower_types(&mut schema);
    assert!(!fits_openai_strict(&schema));
}
