//! Objects made of values that are moved into them: what they hold may be megabytes of a picture.

use serde_json::{Map, Value};

/// The object of `fields`.
pub(super) fn object<const N: usize>(fields: [(&str, Value); N]) -> Map<String, Value> {
    fields
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value))
        .collect()
}
