//! Events and objects, written straight into the stream.

use serde_json::Value;

/// An object that is being written; each field follows a comma.
pub(super) struct Object<'a>(&'a mut Vec<u8>);

impl<'a> Object<'a> {
    /// Begins an object of this type.
    pub(super) fn typed(out: &'a mut Vec<u8>, kind: &str) -> Self {
        out.extend_from_slice(b"{\"type\":\"");
        out.extend_from_slice(kind.as_bytes());
        out.push(b'"');
        Self(out)
    }

    /// A string.
    pub(super) fn text(self, key: &str, text: &str) -> Self {
        let object = self.key(key);
        write_text(object.0, text);
        object
    }

    /// A whole number.
    pub(super) fn number(self, key: &str, number: u64) -> Self {
        let object = self.key(key);
        write_number(object.0, number);
        object
    }

    /// JSON that is written already.
    pub(super) fn raw(self, key: &str, json: &[u8]) -> Self {
        let object = self.key(key);
        object.0.extend_from_slice(json);
        object
    }

    /// A list of JSON that is written already, without its brackets.
    pub(super) fn list(self, key: &str, json: &[u8]) -> Self {
        let object = self.key(key);
        object.0.push(b'[');
        object.0.extend_from_slice(json);
        object.0.push(b']');
        object
    }

    /// Any value.
    pub(super) fn value(self, key: &str, value: &Value) -> Self {
        let object = self.key(key);
        write_value(object.0, value);
        object
    }

    /// Ends the object.
    pub(super) fn end(self) {
        self.0.push(b'}');
    }

    fn key(self, key: &str) -> Self {
        self.0.extend_from_slice(b",\"");
        self.0.extend_from_slice(key.as_bytes());
        self.0.extend_from_slice(b"\":");
        self
    }
}

/// Writes an event of this type: `write` adds its fields behind type and number.
pub(super) fn event(
    out: &mut Vec<u8>,
    sequence: &mut u64,
    kind: &str,
    write: impl FnOnce(Object<'_>),
) {
    out.extend_from_slice(b"event: ");
    out.extend_from_slice(kind.as_bytes());
    out.extend_from_slice(b"\ndata: ");
    write(Object::typed(out, kind).number("sequence_number", *sequence));
    out.extend_from_slice(b"\n\n");
    *sequence += 1;
}

fn write_text(out: &mut Vec<u8>, text: &str) {
    serde_json::to_writer(out, text).expect("a vector takes all text");
}

/// Writes any value.
pub(super) fn write_value(out: &mut Vec<u8>, value: &Value) {
    serde_json::to_writer(out, value).expect("a vector takes all JSON");
}

fn write_number(out: &mut Vec<u8>, number: u64) {
    serde_json::to_writer(out, &number).expect("a vector takes all numbers");
}
