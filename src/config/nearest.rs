//! "Did you mean": the known word nearest to a misspelt one.

/// The word of `known` that `word` was most likely meant to be, if one is near enough to suggest.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let folded = fold(word);
    // A third of the letters may be wrong, at least one; more is a different word.
    let limit = (folded.chars().count() / 3).max(1);
    known
        .into_iter()
        .map(|candidate| (strsim::osa_distance(&folded, &fold(candidate)), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// `baseUrl`, `base-url` and `base_url` are the same word.
fn fold(word: &str) -> String {
    word.chars()
        .filter(|letter| !matches!(letter, '_' | '-' | '.' | ' '))
        .flat_map(char::to_lowercase)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_nearest_word_whatever_its_spelling() {
        let known = ["base_url", "api_key", "models"];
        assert_eq!(nearest("baseUrl", known), Some("base_url"));
        assert_eq!(nearest("model", known), Some("models"));
        assert_eq!(nearest("apikye", known), Some("api_key"));
    }

    #[test]
    fn suggests_nothing_for_a_different_word() {
        assert_eq!(nearest("colour", ["base_url", "api_key"]), None);
    }
}
