//! What a model string asks for: anything, one name, or several in order of preference.

/// The meaning of a `model` field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted<'a> {
    /// `auto`, `any`, `none`: no constraint.
    Anything,
    /// These, the best first; never empty.
    Names(Vec<&'a str>),
}

impl<'a> Wanted<'a> {
    /// Reads a model string. `is_known` tells whether a name with a comma is itself a model.
    pub fn parse(model: &'a str, is_known: impl Fn(&str) -> bool) -> Self {
        let model = model.trim();
        let is_list = model.starts_with('[') || (model.contains(',') && !is_known(model));
        let mut names = if is_list { list(model) } else { Vec::new() };
        if names.is_empty() {
            // A list of nothing is a name that nobody has, not the wish for anything.
            names.push(model);
        }
        if names.iter().any(|name| is_anything(name)) {
            return Wanted::Anything;
        }
        Wanted::Names(names)
    }
}

fn is_anything(name: &str) -> bool {
    ["auto", "any", "none"]
        .iter()
        .any(|word| name.eq_ignore_ascii_case(word))
}

fn list(text: &str) -> Vec<&str> {
    let inner = text
        .strip_prefix('[')
        .map_or(text, |rest| rest.strip_suffix(']').unwrap_or(rest));
    inner
        .split(',')
        .map(|name| name.trim().trim_matches(['\'', '"']).trim())
        .filter(|name| !name.is_empty())
        .collect()
}

/// The form in which names are compared last: everything through the first `/` dropped, lower case, trimmed.
pub fn normalised(name: &str) -> String {
    bare(name).to_lowercase()
}

/// Whether two names are the same, or are once they are normalised (as far as ASCII goes).
pub fn is_same(left: &str, right: &str) -> bool {
    left == right || bare(left).eq_ignore_ascii_case(bare(right))
}

fn bare(name: &str) -> &str {
    let name = name.trim();
    name.split_once('/').map_or(name, |(_, rest)| rest).trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(model: &str) -> Wanted<'_> {
        Wanted::parse(model, |name| name == "a, known")
    }

    #[test]
    fn reads_names_lists_and_no_constraint() {
        assert_eq!(wanted(" gpt-4o "), Wanted::Names(vec!["gpt-4o"]));
        assert_eq!(wanted("a, b"), Wanted::Names(vec!["a", "b"]));
        assert_eq!(wanted("[a, 'b',\"c\"]"), Wanted::Names(vec!["a", "b", "c"]));
        assert_eq!(wanted("a, known"), Wanted::Names(vec!["a, known"]));
        for word in ["auto", "ANY", " None ", "[a, auto]"] {
            assert_eq!(wanted(word), Wanted::Anything, "{word}");
        }
        for nothing in ["[]", ",,"] {
            assert_eq!(wanted(nothing), Wanted::Names(vec![nothing]));
        }
    }

    #[test]
    fn normalising_drops_the_vendor_and_the_case() {
        assert_eq!(normalised(" OpenAI/GPT-4o "), "gpt-4o");
        assert_eq!(normalised("a/b/c"), "b/c");
        assert_eq!(normalised("gpt-4o"), "gpt-4o");
    }
}
