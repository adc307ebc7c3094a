//! The JSON of protocol buffers: `snake_case` beside `lowerCamel`, numbers as text, constants in any case.
//!
//! Only the objects that a decoder knows are put into one spelling, each when it is opened. What belongs
//! to the user (arguments, results, names of properties, labels) is never looked into.

use serde_json::{Map, Number, Value};

use crate::json::fields::{BadField, Fields};

/// A cursor over an object of the protocol, its keys in lower camel case.
pub fn node(value: Value, path: impl Into<String>) -> Result<Fields, BadField> {
    match value {
        Value::Object(map) => Ok(node_of(map, path)),
        _ => Err(BadField::new(path, "an object")),
    }
}

/// The same for what is known to be an object.
pub fn node_of(map: Map<String, Value>, path: impl Into<String>) -> Fields {
    Fields::new(camel_keys(map), path)
}

/// A field that is an object of the protocol.
pub fn child(fields: &mut Fields, key: &str) -> Result<Option<Fields>, BadField> {
    match fields.take(key) {
        None => Ok(None),
        Some(value) => node(value, fields.path_of(key)).map(Some),
    }
}

/// A number, as text too.
pub fn number(fields: &mut Fields, key: &str) -> Result<Option<Number>, BadField> {
    let number = match fields.take(key) {
        None => return Ok(None),
        Some(Value::Number(number)) => Some(number),
        Some(Value::String(text)) => serde_json::from_str(text.trim()).ok(),
        Some(_) => None,
    };
    number.map(Some).ok_or_else(|| fields.bad(key, "a number"))
}

/// A whole number of either sign, as text too.
pub fn integer(fields: &mut Fields, key: &str) -> Result<Option<i64>, BadField> {
    let Some(number) = number(fields, key)? else {
        return Ok(None);
    };
    number
        .as_i64()
        .map(Some)
        .ok_or_else(|| fields.bad(key, "a whole number"))
}

/// A list; a single value counts as a list of one.
pub fn list(fields: &mut Fields, key: &str) -> Vec<Value> {
    match fields.take(key) {
        None => Vec::new(),
        Some(Value::Array(list)) => list,
        Some(single) => vec![single],
    }
}

/// The name of a constant without its family and in capitals: `service_tier_flex` is `FLEX`.
pub fn constant(name: &str, family: &str) -> String {
    let name = name.trim().to_ascii_uppercase();
    match name.strip_prefix(family) {
        Some(rest) => rest.to_owned(),
        None => name,
    }
}

/// Lays `over` onto `map`; objects that are in both are joined, anything else of `over` wins. The depth
/// is bounded by that of the decoders, which make `over` two levels deep.
pub fn overlay(map: &mut Map<String, Value>, over: Map<String, Value>) {
    for (key, value) in over {
        match (map.get_mut(&key), value) {
            (Some(Value::Object(known)), Value::Object(more)) => overlay(known, more),
            (_, value) => {
                map.insert(key, value);
            }
        }
    }
}

/// The map with its keys in lower camel case; a key that is there in both spellings keeps its camel one.
fn camel_keys(map: Map<String, Value>) -> Map<String, Value> {
    if !map.keys().any(|key| key.contains('_')) {
        return map;
    }
    let mut camel_map = Map::with_capacity(map.len());
    let mut late = Vec::new();
    for (key, value) in map {
        let camel = camel(&key);
        if camel == key {
            camel_map.insert(key, value);
        } else {
            late.push((camel, value));
        }
    }
    for (key, value) in late {
        if camel_map.get(&key).is_none_or(Value::is_null) {
            camel_map.insert(key, value);
        }
    }
    camel_map
}

fn camel(key: &str) -> String {
    let mut camel = String::with_capacity(key.len());
    let mut is_start = false;
    for c in key.chars() {
        if c == '_' && !camel.is_empty() {
            is_start = true;
        } else if is_start {
            camel.push(c.to_ascii_uppercase());
            is_start = false;
        } else {
            camel.push(c);
        }
    }
    camel
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn keys_are_read_in_both_spellings_and_only_at_their_own_level() {
        let value =
            json!({"inline_data": {"mime_type": "a"}, "fileData": 1, "file_data": 2, "_x": 3});
        let mut fields = node(value, "").expect("an object");
        assert_eq!(fields.take("inlineData"), Some(json!({"mime_type": "a"})));
        assert_eq!(fields.take("fileData"), Some(json!(1)));
        assert_eq!(fields.take("_x"), Some(json!(3)));
        assert!(fields.is_empty());
    }

    #[test]
    fn numbers_may_be_text() {
        let mut fields = node(json!({"a": "0.5", "b": 2, "c": "x", "d": "-1"}), "").expect("one");
        assert_eq!(number(&mut fields, "a"), Ok(Number::from_f64(0.5)));
        assert_eq!(number(&mut fields, "b"), Ok(Some(2.into())));
        assert!(number(&mut fields, "c").is_err());
        assert_eq!(integer(&mut fields, "d"), Ok(Some(-1)));
    }

    #[test]
    fn what_lies_over_wins_and_objects_are_joined() {
        let mut map = node(json!({"a": {"b": 1, "c": 2}}), "")
            .expect("one")
            .into_rest();
        let over = node(json!({"a": {"c": 3}, "d": 4}), "")
            .expect("one")
            .into_rest();
        overlay(&mut map, over);
        assert_eq!(Value::Object(map), json!({"a": {"b": 1, "c": 3}, "d": 4}));
    }
}
