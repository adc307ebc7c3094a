//! A scope: which models and routes exist for whoever asks. What is outside is as if it were not there.

/// Names that exist; a pattern that ends in `*` stands for every name that begins with the rest.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scope(Option<Vec<String>>);

impl Scope {
    /// The scope of these patterns; `None` is everything.
    pub fn new(patterns: Option<&[String]>) -> Self {
        Self(patterns.map(<[String]>::to_vec))
    }

    /// Whether the model or route called `name` exists.
    pub fn allows(&self, name: &str) -> bool {
        self.0
            .as_ref()
            .is_none_or(|patterns| patterns.iter().any(|pattern| matches(pattern, name)))
    }
}

fn matches(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => pattern == name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_beginnings_are_allowed() {
        let scope = Scope::new(Some(&["gpt-4o".to_owned(), "claude-*".to_owned()]));
        for (name, expected) in [
            ("gpt-4o", true),
            ("gpt-4o-mini", false),
            ("claude-3", true),
            ("Claude-3", false),
            ("", false),
        ] {
            assert_eq!(scope.allows(name), expected, "{name}");
        }
        assert!(Scope::default().allows("anything"));
        assert!(!Scope::new(Some(&[])).allows("anything"));
    }
}
