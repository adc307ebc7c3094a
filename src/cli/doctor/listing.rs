//! The names in a listing of models, of whichever shape.

use serde_json::Value;

/// A longer name is nobody's choice.
const LONGEST: usize = 128;

/// Names of `{"data": [{"id"}]}`, of a bare list, or of Google's `{"models": [{"name": "models/…"}]}`; `None`
/// if it is no listing.
pub(super) fn names(listing: &Value) -> Option<Vec<String>> {
    let (entries, field) = match listing.get("models") {
        Some(models) => (models, "name"),
        None => (listing.get("data").unwrap_or(listing), "id"),
    };
    let names = entries
        .as_array()?
        .iter()
        .filter_map(|entry| entry[field].as_str());
    let bare = names.map(|name| name.strip_prefix("models/").unwrap_or(name));
    let sane = bare.filter(|name| name.len() <= LONGEST);
    Some(sane.map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn listings_of_every_shape_are_read_and_a_page_is_none() {
        let expected = Some(vec!["a".to_owned(), "b".to_owned()]);
        for listing in [
            json!({"data": [{"id": "a"}, {"id": "b"}]}),
            json!([{"id": "a"}, {"id": "b"}]),
            json!({"models": [{"name": "models/a"}, {"name": "b"}]}),
        ] {
            assert_eq!(names(&listing), expected, "{listing}");
        }
        assert_eq!(names(&json!({"error": "no"})), None);
    }
}
