//! What a filter means.
//!
//! Words stand for what contains them, all of them at once; `!` before a word turns it round; `key=value` looks at
//! one field only, and in a value `x` stands for any digit: `status=5xx`. Large and small letters are the same.

use std::borrow::Cow;

/// A field of a row: its name, and what it says.
pub type Field<'a> = (&'static str, Cow<'a, str>);

/// A filter, read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    terms: Vec<Term>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Term {
    is_inverted: bool,
    /// In small letters, as the rest.
    word: String,
    pair: Option<(String, String)>,
}

impl Filter {
    /// What `text` means; everything is a filter, and nothing is one that lets all through.
    pub fn new(text: &str) -> Self {
        let terms = text.split_whitespace().filter_map(Term::read).collect();
        Self { terms }
    }

    /// Whether it lets everything through.
    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// Whether a row is let through.
    pub fn matches(&self, row: &[Field<'_>]) -> bool {
        self.terms.iter().all(|term| term.matches(row))
    }
}

impl Term {
    fn read(text: &str) -> Option<Self> {
        let (is_inverted, word) = match text.strip_prefix('!') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        // One that is still being typed leaves nothing out.
        if word.is_empty() {
            return None;
        }
        let word = word.to_lowercase();
        let pair = word.split_once('=');
        let pair = pair.map(|(key, value)| (key.to_owned(), value.to_owned()));
        Some(Self {
            is_inverted,
            word,
            pair,
        })
    }

    fn matches(&self, row: &[Field<'_>]) -> bool {
        self.is_inverted != self.is_in(row)
    }

    fn is_in(&self, row: &[Field<'_>]) -> bool {
        let key = self.pair.as_ref();
        let key = key.filter(|(key, _)| row.iter().any(|(name, _)| name == key));
        match key {
            // A key that the row does not have may be a word of its text.
            None => row.iter().any(|(_, text)| contains(text, &self.word)),
            Some((key, value)) => {
                let fields = row.iter().filter(|(name, _)| name == key);
                value.is_empty() || fields.into_iter().any(|(_, text)| is_value(text, value))
            }
        }
    }
}

/// Whether a field says `value`.
fn is_value(text: &str, value: &str) -> bool {
    let is_class = value.ends_with('x') && value.chars().all(|c| c.is_ascii_digit() || c == 'x');
    if is_class {
        let digits = text.chars().take_while(char::is_ascii_digit).count();
        let mut pairs = text.chars().zip(value.chars());
        digits == value.len() && pairs.all(|(digit, wanted)| wanted == 'x' || wanted == digit)
    } else {
        contains(text, value)
    }
}

/// Whether `text` contains `word`, which is in small letters.
pub(super) fn contains(text: &str, word: &str) -> bool {
    if text.is_ascii() && word.is_ascii() {
        let mut windows = text.as_bytes().windows(word.len().max(1));
        word.is_empty() || windows.any(|window| window.eq_ignore_ascii_case(word.as_bytes()))
    } else {
        text.to_lowercase().contains(word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row() -> Vec<Field<'static>> {
        vec![
            ("model", "GPT-4o-mini".into()),
            ("status", "503 failed".into()),
            ("provider", "groq".into()),
            ("provider", "Örebro".into()),
            ("text", "failures=5".into()),
        ]
    }

    #[test]
    fn words_pairs_and_their_opposites() {
        for (text, expected) in [
            ("", true),
            ("gpt", true),
            ("GPT mini", true),
            ("gpt claude", false),
            ("!claude", true),
            ("!gpt", false),
            ("!", true),
            ("status=5xx", true),
            ("status=4xx", false),
            ("!status=4xx", true),
            ("status=503", true),
            ("status=xxx", true),
            ("status=5x", false),
            ("status=", true),
            ("provider=groq", true),
            ("provider=örebro", true),
            ("model=groq", false),
            ("failures=5", true),
            ("failures=6", false),
        ] {
            assert_eq!(Filter::new(text).matches(&row()), expected, "{text}");
        }
    }
}
