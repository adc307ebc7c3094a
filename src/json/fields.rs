//! Fields: a take-cursor over an object. What nobody took is the rest, so that nothing vanishes unseen.

use serde_json::{Map, Number, Value};

/// A field that is not what it must be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{field}` must be {expected}")]
pub struct BadField {
    /// Its path; places in lists are written `[]`.
    pub field: String,
    /// What it must be.
    pub expected: &'static str,
}

impl BadField {
    /// The field at `field` is not `expected`.
    pub fn new(field: impl Into<String>, expected: &'static str) -> Self {
        Self {
            field: field.into(),
            expected,
        }
    }
}

/// An object that is read by taking its fields out. A field that is null counts as absent.
#[derive(Debug, Clone, Default)]
pub struct Fields {
    map: Map<String, Value>,
    path: String,
}

impl Fields {
    /// A cursor over `map`, which is found at `path` (empty for the whole body).
    pub fn new(map: Map<String, Value>, path: impl Into<String>) -> Self {
        Self {
            map,
            path: path.into(),
        }
    }

    /// The same for a value that has to be an object.
    pub fn of(value: Value, path: impl Into<String>) -> Result<Self, BadField> {
        match value {
            Value::Object(map) => Ok(Self::new(map, path)),
            _ => Err(BadField::new(path, "an object")),
        }
    }

    /// The path of a field of this object.
    pub fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.path)
        }
    }

    /// The path of this object.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// What the field holds, without taking it.
    pub fn peek(&self, key: &str) -> Option<&Value> {
        self.map.get(key).filter(|value| !value.is_null())
    }

    /// The text of a field, without taking it.
    pub fn peek_text(&self, key: &str) -> Option<&str> {
        self.peek(key)?.as_str()
    }

    /// Takes a field out, whatever it holds.
    pub fn take(&mut self, key: &str) -> Option<Value> {
        self.map.shift_remove(key).filter(|value| !value.is_null())
    }

    /// Takes the first of `keys` that is there: one field under several spellings.
    pub fn take_any(&mut self, keys: &[&str]) -> Option<Value> {
        keys.iter().find_map(|key| self.take(key))
    }

    /// Puts a field back that turned out to be nobody's.
    pub fn put_back(&mut self, key: &str, value: Value) {
        self.map.insert(key.to_owned(), value);
    }

    /// Takes a string.
    pub fn text(&mut self, key: &str) -> Result<Option<String>, BadField> {
        match self.take(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(self.bad(key, "a string")),
        }
    }

    /// Takes a string that has to be there.
    pub fn need_text(&mut self, key: &str) -> Result<String, BadField> {
        self.text(key)?.ok_or_else(|| self.bad(key, "a string"))
    }

    /// Takes a boolean.
    pub fn boolean(&mut self, key: &str) -> Result<Option<bool>, BadField> {
        match self.take(key) {
            None => Ok(None),
            Some(Value::Bool(value)) => Ok(Some(value)),
            Some(_) => Err(self.bad(key, "true or false")),
        }
    }

    /// Takes a number.
    pub fn number(&mut self, key: &str) -> Result<Option<Number>, BadField> {
        match self.take(key) {
            None => Ok(None),
            Some(Value::Number(number)) => Ok(Some(number)),
            Some(_) => Err(self.bad(key, "a number")),
        }
    }

    /// Takes a whole number from 0 up; as text too, as the JSON of protocol buffers writes it.
    pub fn count(&mut self, key: &str) -> Result<Option<u64>, BadField> {
        let count = match self.take(key) {
            None => return Ok(None),
            Some(Value::Number(number)) => whole(&number),
            Some(Value::String(text)) => text.parse().ok(),
            Some(_) => None,
        };
        count
            .map(Some)
            .ok_or_else(|| self.bad(key, "a whole number"))
    }

    /// Takes a list.
    pub fn list(&mut self, key: &str) -> Result<Option<Vec<Value>>, BadField> {
        match self.take(key) {
            None => Ok(None),
            Some(Value::Array(list)) => Ok(Some(list)),
            Some(_) => Err(self.bad(key, "an array")),
        }
    }

    /// Takes an object, to be read by its own cursor.
    pub fn object(&mut self, key: &str) -> Result<Option<Fields>, BadField> {
        match self.take(key) {
            None => Ok(None),
            Some(value) => Fields::of(value, self.path_of(key)).map(Some),
        }
    }

    /// The error that says what a field of this object must be.
    pub fn bad(&self, key: &str, expected: &'static str) -> BadField {
        BadField::new(self.path_of(key), expected)
    }

    /// Whether nothing is left.
    pub fn is_empty(&self) -> bool {
        self.map.is_empty()
    }

    /// What nobody took.
    pub fn into_rest(self) -> Map<String, Value> {
        self.map
    }
}

/// A number without a fraction, even where it is written with one (`16.0`).
fn whole(number: &Number) -> Option<u64> {
    number.as_u64().or_else(|| {
        let value = number.as_f64()?;
        let is_whole = value.fract() == 0.0 && (0.0..9.0e15).contains(&value);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "checked to be whole, positive and small"
        )]
        is_whole.then_some(value as u64)
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fields(value: Value) -> Fields {
        Fields::of(value, "outer").expect("an object")
    }

    #[test]
    fn what_nobody_takes_is_the_rest_in_its_order() {
        let mut fields = fields(json!({"z": 1, "a": "x", "n": null, "b": true, "m": [2]}));
        assert_eq!(fields.text("a").expect("text").as_deref(), Some("x"));
        assert_eq!(fields.boolean("b"), Ok(Some(true)));
        assert_eq!(fields.take("n"), None);
        let rest = serde_json::to_string(&fields.into_rest()).expect("JSON");
        assert_eq!(rest, r#"{"z":1,"m":[2]}"#);
    }

    #[test]
    fn a_wrong_type_names_the_whole_path() {
        let mut fields = fields(json!({"a": {"b": 5}}));
        let mut inner = fields.object("a").expect("fine").expect("there");
        let error = inner.text("b").expect_err("a number");
        assert_eq!(error.to_string(), "`outer.a.b` must be a string");
    }

    #[test]
    fn whole_numbers_come_in_three_spellings() {
        let mut fields = fields(json!({"a": 16, "b": 16.0, "c": "16", "d": 16.5, "e": -1}));
        for key in ["a", "b", "c"] {
            assert_eq!(fields.count(key), Ok(Some(16)), "{key}");
        }
        for key in ["d", "e"] {
            assert!(fields.count(key).is_err(), "{key}");
        }
    }
}
