//! The names in a listing of models, of whichever shape, and those near to one that is not there.

use serde_json::Value;

/// Names that are suggested.
const MOST: usize = 3;

/// A longer name is nobody's choice.
const LONGEST: usize = 128;

/// Less alike is another name.
const ALIKE: f64 = 0.75;

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

/// The names that `name` was most likely meant to be, the nearest first.
pub(super) fn nearest<'a>(name: &str, names: &'a [String]) -> Vec<&'a str> {
    let alike = |other: &String| strsim::jaro_winkler(name, other);
    let mut ranked: Vec<(f64, &str)> = names
        .iter()
        .map(|other| (alike(other), other.as_str()))
        .filter(|(alike, _)| *alike >= ALIKE)
        .collect();
    ranked.sort_by(|one, other| other.0.total_cmp(&one.0));
    ranked
        .into_iter()
        .take(MOST)
        .map(|(_, name)| name)
        .collect()
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

    #[test]
    fn the_nearest_names_come_first() {
        let names = ["gpt-4o", "gpt-4o-mini", "whisper-1"].map(str::to_owned);
        assert_eq!(nearest("gpt-4o-mni", &names)[0], "gpt-4o-mini");
        assert!(nearest("claude", &names).is_empty());
    }
}
