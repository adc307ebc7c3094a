//! Large schemas: nothing is copied level by level, and no list is gone through once for each member of
//! another. With 40,000 members what is quadratic takes minutes, what is not takes less than a second.

use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};

use super::super::walk::Walk;
use super::super::*;

const MANY: usize = 40_000;

/// Far more than is needed, far less than quadratic work takes.
const SOON: Duration = Duration::from_secs(15);

fn names(from: usize, to: usize) -> Vec<String> {
    (from..to).map(|place| format!("name-{place}")).collect()
}

fn each(names: &[String], schema: &Value) -> Value {
    let members = names.iter().map(|name| (name.clone(), schema.clone()));
    Value::Object(members.collect::<Map<_, _>>())
}

/// Rewrites the schema for every target.
#[track_caller]
fn all_soon(schema: &Value) -> Vec<Value> {
    let start = Instant::now();
    let mut lowered = schema.clone();
    lower_types(&mut lowered);
    fits_openai_strict(schema);
    let targets = [
        for_anthropic_strict,
        for_gemini_json,
        for_gemini_classic,
        for_anthropic_tool,
    ];
    let rewritten = targets.map(|rewrite| rewrite(schema).schema);
    assert!(start.elapsed() < SOON, "{:?}", start.elapsed());
    rewritten.into()
}

#[test]
fn required_names_are_merged_once() {
    let parts = [(0, 1), (1, MANY)].map(|(from, to)| json!({"required": names(from, to)}));
    for rewritten in all_soon(&json!({"type": "object", "allOf": parts})) {
        assert_eq!(rewritten["required"], json!(names(0, MANY)));
    }
}

#[test]
fn many_short_lists_are_merged_into_a_long_one() {
    let short = (0..5_000).map(|place| json!({"required": [format!("name-{place}"), "x"]}));
    let schema = json!({
        "type": "object",
        "required": names(0, MANY),
        "allOf": short.collect::<Vec<_>>(),
    });
    for rewritten in all_soon(&schema) {
        let required = rewritten["required"].as_array().expect("a list");
        assert_eq!(required.len(), MANY + 1);
    }
}

#[test]
fn values_are_narrowed_without_looking_at_each_pair() {
    let lists = [(0, MANY), (MANY, 2 * MANY)];
    let lists = lists.map(|(from, to)| json!({"enum": names(from, to)}));
    let property = json!({"allOf": lists});
    for rewritten in all_soon(&json!({"type": "object", "properties": {"a": property}})) {
        let property = &rewritten["properties"]["a"];
        let values = property["enum"].as_array();
        assert!(values.is_none_or(|values| values.len() == MANY));
    }
    let mut members = vec![json!({"enum": names(0, MANY)})];
    members.extend((0..5_000).map(|place| json!({"enum": [place]})));
    all_soon(&json!({"type": "object", "properties": {"a": {"allOf": members}}}));
}

#[test]
fn types_without_end_are_cut() {
    let mut members = vec![json!({"type": names(0, MANY)})];
    members.extend((0..5_000).map(|place| json!({"type": [format!("other-{place}")]})));
    all_soon(&json!({"type": "object", "properties": {"a": {"allOf": members}}}));
}

#[test]
fn what_stands_beside_a_reference_goes_at_once() {
    let mut node = each(&names(0, MANY), &json!(1));
    node["$ref"] = json!("#/$defs/A");
    let schema = json!({
        "type": "object",
        "properties": {"a": node},
        "$defs": {"A": {"type": "string"}},
    });
    let rewritten = for_gemini_json(&schema);
    let reference = json!({"$ref": "#/$defs/A"});
    assert_eq!(rewritten.schema["properties"]["a"], reference);
    all_soon(&schema);
}

#[test]
fn properties_are_ordered_at_once() {
    let all = names(0, MANY);
    let order: Vec<_> = all[1..].iter().rev().collect();
    let mut schema = json!({
        "type": "OBJECT",
        "properties": each(&all, &json!({"type": "STRING"})),
        "propertyOrdering": order,
    });
    let start = Instant::now();
    lower_types(&mut schema);
    assert!(start.elapsed() < SOON, "{:?}", start.elapsed());
    let properties = schema["properties"].as_object().expect("an object");
    let ordered: Vec<_> = properties.keys().collect();
    let wanted: Vec<_> = order.into_iter().chain(&all[..1]).collect();
    assert_eq!(ordered, wanted);
}

#[test]
fn closed_objects_are_checked_at_once() {
    let schema = json!({
        "type": "object",
        "properties": each(&names(MANY - 5_000, MANY), &json!({"type": "string"})),
        "required": names(0, MANY),
        "additionalProperties": false,
    });
    let start = Instant::now();
    assert!(fits_openai_strict(&schema));
    assert!(start.elapsed() < SOON, "{:?}", start.elapsed());
}

#[test]
fn branches_of_a_tool_are_widened_at_once() {
    let long = json!({"type": "object", "required": vec!["a"; MANY]});
    let mut branches = vec![long.clone(), long];
    branches.extend((0..4_000).map(|_| json!({"type": "object", "required": ["a"]})));
    let rewritten = all_soon(&json!({"anyOf": branches}));
    assert_eq!(rewritten[3]["required"], json!(["a"]));
}

#[test]
fn one_name_in_thousands_of_members_makes_one_flat_list() {
    for union in ["allOf", "anyOf"] {
        let member = |place| json!({"type": "object", "properties": {"a": {"x-odd": place}}});
        let members: Vec<_> = (0..9_000).map(member).collect();
        // Nested, the list overflowed the stack.
        all_soon(&json!({"type": "object", union: members}));
    }
}

#[test]
fn a_property_required_again_and_again_is_looked_at_once() {
    let large = each(&names(0, 5_000), &json!({"type": "string"}));
    let large = json!({"type": "object", "properties": large});
    let node = json!({
        "type": "object",
        "properties": {"a": large, "next": {"$ref": "#/$defs/A"}},
        "required": vec!["a"; MANY],
    });
    all_soon(
        &json!({"type": "object", "properties": {"a": {"$ref": "#/$defs/A"}}, "$defs": {"A": node}}),
    );
}

#[test]
fn long_chains_of_references_are_cut() {
    let link = |place| {
        (
            format!("d{place}"),
            json!({"$ref": format!("#/$defs/d{}", place + 1)}),
        )
    };
    let links: Map<_, _> = (0..20_000).map(link).collect();
    all_soon(
        &json!({"type": "object", "properties": {"a": {"$ref": "#/$defs/d0"}}, "$defs": links}),
    );
}

/// The schema below so many levels of `keyword`.
fn below(levels: usize, keyword: &str, mut schema: Value) -> Value {
    for _ in 0..levels {
        schema = match keyword {
            "allOf" => json!({"allOf": [schema, {"minLength": 1}]}),
            "properties" => json!({"type": "object", "properties": {"a": schema}}),
            _ => json!({keyword: [schema]}),
        };
    }
    schema
}

#[test]
fn what_is_nested_is_moved_and_not_copied() {
    for keyword in ["allOf", "oneOf", "anyOf"] {
        let schema = below(45, keyword, json!({"enum": ["a text of the innermost"]}));
        let place = innermost(&schema).map(str::as_ptr);
        assert!(place.is_some(), "{keyword}");
        let root = Value::Null;
        let plain = Walk::new(&root).plain(schema);
        assert_eq!(
            innermost(&plain.into()).map(str::as_ptr),
            place,
            "{keyword}"
        );
    }
}

#[test]
fn the_next_levels_get_what_was_there() {
    fn again(walk: &mut Walk<'_>, schema: Value) -> Value {
        let mut node = walk.plain(schema);
        if let Some(properties) = node.shift_remove("properties") {
            let properties = walk.map("properties", properties, again);
            node.insert("properties".to_owned(), properties);
        }
        node.into()
    }
    let schema = below(
        45,
        "properties",
        json!({"enum": ["a text of the innermost"]}),
    );
    let place = innermost(&schema).map(str::as_ptr);
    let root = Value::Null;
    let rewritten = again(&mut Walk::new(&root), schema);
    assert!(place.is_some());
    assert_eq!(innermost(&rewritten).map(str::as_ptr), place);
}

/// The first value of the first `enum`.
fn innermost(schema: &Value) -> Option<&str> {
    match schema {
        Value::Object(node) => match node.get("enum") {
            Some(values) => values.get(0)?.as_str(),
            None => node.values().find_map(innermost),
        },
        Value::Array(schemas) => schemas.iter().find_map(innermost),
        _ => None,
    }
}

#[test]
fn a_long_list_below_many_levels_is_rewritten_soon() {
    for keyword in ["allOf", "properties", "anyOf", "oneOf"] {
        let schema = below(
            45,
            keyword,
            json!({"type": "string", "enum": names(0, MANY)}),
        );
        for rewritten in all_soon(&json!({"type": "object", "properties": {"a": schema}})) {
            assert!(rewritten.to_string().len() < 2_000_000, "{keyword}");
        }
    }
}
