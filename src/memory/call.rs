//! Call: what a call of a tool is known again by, although clients write its arguments anew.
//!
//! SDKs read the arguments and write them again, so spacing, the order of keys, escapes and the way a
//! number is written do not count; the values do.

use ring::digest::{Context, SHA256};
use serde_json::{Map, Value};

/// SHA-256 of a tool's name and the values of its arguments.
pub(super) type Digest = [u8; 32];

/// A call, the arguments of which are still coming.
#[derive(Debug, Default)]
pub(super) struct Open {
    name: String,
    arguments: String,
}

impl Open {
    pub(super) fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            arguments: String::new(),
        }
    }

    pub(super) fn push(&mut self, fragment: &str) {
        self.arguments.push_str(fragment);
    }

    /// Bytes of the arguments so far.
    pub(super) fn len(&self) -> usize {
        self.arguments.len()
    }

    pub(super) fn close(self) -> Digest {
        digest(&self.name, &self.arguments)
    }
}

/// What the call is known by. Arguments that are no JSON count as the text they are, none as an empty object.
pub(super) fn digest(name: &str, arguments: &str) -> Digest {
    let mut hash = Context::new(&SHA256);
    add_text(&mut hash, b't', name);
    if arguments.trim().is_empty() {
        add_object(&mut hash, &Map::new());
    } else {
        // The reader bounds the depth.
        match serde_json::from_str(arguments) {
            Ok(value) => add(&mut hash, &value),
            Err(_) => add_text(&mut hash, b'r', arguments),
        }
    }
    let mut digest = Digest::default();
    digest.copy_from_slice(hash.finish().as_ref());
    digest
}

fn add(hash: &mut Context, value: &Value) {
    match value {
        Value::Null => hash.update(b"0"),
        Value::Bool(is_true) => hash.update(if *is_true { b"y" } else { b"n" }),
        Value::Number(number) => {
            // As JavaScript reads it; plus zero makes one zero of two.
            let number = number.as_f64().unwrap_or_default() + 0.0;
            hash.update(b"#");
            hash.update(&number.to_bits().to_le_bytes());
        }
        Value::String(text) => add_text(hash, b's', text),
        Value::Array(items) => {
            add_length(hash, b'[', items.len());
            for item in items {
                add(hash, item);
            }
        }
        Value::Object(map) => add_object(hash, map),
    }
}

fn add_object(hash: &mut Context, map: &Map<String, Value>) {
    add_length(hash, b'{', map.len());
    let mut entries: Vec<_> = map.iter().collect();
    entries.sort_unstable_by_key(|(key, _)| *key);
    for (key, value) in entries {
        add_text(hash, b'k', key);
        add(hash, value);
    }
}

fn add_text(hash: &mut Context, kind: u8, text: &str) {
    add_length(hash, kind, text.len());
    hash.update(text.as_bytes());
}

/// With lengths told first, no two values are written alike.
fn add_length(hash: &mut Context, kind: u8, length: usize) {
    hash.update(&[kind]);
    hash.update(&(length as u64).to_le_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_values_are_the_same_call_however_they_are_written() {
        let table = [
            (
                r#"{"a":1,"b":[1.0,-0.0]}"#,
                "{ \"b\": [1, 0],\n \"a\": 1e0 }",
            ),
            (r#"{"a":"\u00e9\/"}"#, r#"{"a":"é/"}"#),
            ("", "{ }"),
            ("free text", "free text"),
        ];
        for (one, other) in table {
            assert_eq!(digest("f", one), digest("f", other), "{one}");
        }
    }

    #[test]
    fn other_values_are_another_call() {
        let texts = [
            r#"{"a":1}"#,
            r#"{"a":2}"#,
            r#"{"a":"1"}"#,
            r#"{"a":[1]}"#,
            r#"{"a":null}"#,
            r#"{"a":{}}"#,
            r#"{"b":1}"#,
            r#"{"a":1,"b":1}"#,
            r#"["a",1]"#,
            r#"["a1"]"#,
            "{}",
            "{\"a\":1",
            "a",
        ];
        let mut digests: Vec<_> = texts.iter().map(|text| digest("f", text)).collect();
        digests.push(digest("g", texts[0]));
        digests.push(digest("", &format!("f{}", texts[0])));
        let all = digests.len();
        digests.sort_unstable();
        digests.dedup();
        assert_eq!(digests.len(), all);
    }

    #[test]
    fn pieces_are_the_whole() {
        let mut open = Open::new("f");
        open.push(r#"{"a""#);
        open.push(":1}");
        assert_eq!(open.len(), 7);
        assert_eq!(open.close(), digest("f", r#"{"a":1}"#));
    }
}
