//! Seam: where the words of one model end and those of another begin.
//!
//! A model that goes on from a prefix says what follows it and nothing else. Not all are as exact: some
//! begin once more with the last words, or with the first. So what is said first is held back until it can
//! be told apart. What may as well be meant is kept: a word said twice is a blemish, a lost one is a lie.

use std::sync::Arc;

/// How many of the last bytes are looked for at the beginning of what follows.
const WINDOW: usize = 1600;

/// Letters that are no coincidence where a word begins.
const LETTERS: usize = 5;

/// The same in the middle of a word, and in scripts that set no words apart.
const MANY_LETTERS: usize = 12;

/// Letters of the first words that nobody says again but who begins anew.
const BEGINNING: usize = 12;

/// Somebody else's answer: it begins as the old one did, and goes another way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Restarted;

/// See the module's head.
#[derive(Debug)]
pub(super) struct Seam {
    /// What was told so far.
    told: Arc<str>,
    /// Where white space begins that ends it: a prefix is sent without.
    end: usize,
    /// What is held back; `None` once it is decided.
    held: Option<String>,
    /// Where in that white space the new text is.
    space: usize,
    /// Whether something was said twice, and told once.
    is_cut: bool,
}

impl Seam {
    /// A seam behind `told`.
    pub(super) fn new(told: Arc<str>) -> Self {
        let end = told.trim_end().len();
        Self {
            end,
            space: end,
            told,
            held: Some(String::new()),
            is_cut: false,
        }
    }

    /// Takes more of the new text and appends what is new of it to `out`.
    ///
    /// # Errors
    /// It is the old one's beginning with another end.
    pub(super) fn push(&mut self, text: &str, out: &mut String) -> Result<(), Restarted> {
        let Some(held) = &mut self.held else {
            self.tell(text, out);
            return Ok(());
        };
        held.push_str(text);
        if self.told[..self.end].len() > held.len() && self.may_repeat() {
            return Ok(());
        }
        self.decide(out)
    }

    /// Nothing more is said: appends what was held back to `out`.
    ///
    /// # Errors
    /// As above.
    pub(super) fn finish(&mut self, out: &mut String) -> Result<(), Restarted> {
        self.decide(out)
    }

    /// Whether something was said twice.
    pub(super) fn is_cut(&self) -> bool {
        self.is_cut
    }

    fn words(&self) -> &str {
        &self.told[..self.end]
    }

    fn held(&self) -> &str {
        self.held.as_deref().unwrap_or_default()
    }

    /// Whether what is held may yet become the end of the old text.
    fn may_repeat(&self) -> bool {
        let (words, held) = (self.words(), self.held());
        let is_begun = |at: usize| words.len() - at > held.len() && words[at..].starts_with(held);
        is_begun(0) || starts(words).any(is_begun)
    }

    fn decide(&mut self, out: &mut String) -> Result<(), Restarted> {
        let words = self.words();
        let held = self.held();
        let ends_at = |at: &usize| held.starts_with(&words[*at..]);
        let longest = Some(0).into_iter().chain(starts(words)).find(ends_at);
        let overlap = longest.filter(|at| is_meant(words, *at));
        if overlap.is_none() && begins_alike(words, held) {
            return Err(Restarted);
        }
        let cut = overlap.map_or(0, |at| words.len() - at);
        self.is_cut |= cut > 0;
        let held = self.held.take().unwrap_or_default();
        self.tell(&held[cut..], out);
        Ok(())
    }

    /// Tells `text` without the white space that the old one ended with.
    fn tell(&mut self, text: &str, out: &mut String) {
        let left = &self.told[self.space..];
        let known: usize = left
            .chars()
            .zip(text.chars())
            .take_while(|(old, new)| old == new)
            .map(|(old, _)| old.len_utf8())
            .sum();
        let is_over = known < text.len();
        self.space = if is_over {
            self.told.len()
        } else {
            self.space + known
        };
        out.push_str(&text[known..]);
    }
}

/// Places in the last of `words` where an overlap may begin, the earliest first.
fn starts(words: &str) -> impl Iterator<Item = usize> {
    let from = words.len().saturating_sub(WINDOW);
    (from..words.len()).filter(|at| words.is_char_boundary(*at))
}

/// Whether the words from `at` on can only have been said again, and not for the second time.
fn is_meant(words: &str, at: usize) -> bool {
    let again = &words[at..];
    let letters = again.chars().filter(|c| c.is_alphabetic()).count();
    let begins_word = || {
        let before = words[..at].chars().next_back();
        let first = again.chars().next();
        let is_within = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
        !is_within(before) || !is_within(first)
    };
    let is_enough = letters >= MANY_LETTERS || (letters >= LETTERS && begins_word());
    is_enough && !is_refrain(again)
}

/// Whether it is the same over and over: then nobody knows how often it was to be said.
fn is_refrain(text: &str) -> bool {
    if text.len() > WINDOW {
        return false;
    }
    let half = text.len() / 2;
    (1..=half).any(|by| {
        text.is_char_boundary(by)
            && text.is_char_boundary(text.len() - by)
            && text[by..] == text[..text.len() - by]
    })
}

/// Whether `new` begins as `old` does, for longer than by chance.
fn begins_alike(old: &str, new: &str) -> bool {
    let alike = old.chars().zip(new.chars());
    let alike = alike.take_while(|(old, new)| old == new);
    alike.filter(|(old, _)| old.is_alphabetic()).count() >= BEGINNING
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a client reads in the end, however the new text is cut; `None` if it is given up.
    fn read(told: &str, new: &str) -> Option<String> {
        let whole = read_cut(told, &[new]);
        for (cut, _) in new.char_indices() {
            let (one, two) = new.split_at(cut);
            assert_eq!(
                read_cut(told, &[one, two]),
                whole,
                "{told:?} + {new:?} at {cut}"
            );
        }
        let letters: Vec<String> = new.chars().map(String::from).collect();
        let letters: Vec<&str> = letters.iter().map(String::as_str).collect();
        assert_eq!(
            read_cut(told, &letters),
            whole,
            "{told:?} + {new:?} by letter"
        );
        whole
    }

    fn read_cut(told: &str, pieces: &[&str]) -> Option<String> {
        let mut seam = Seam::new(told.into());
        let mut out = told.to_owned();
        for piece in pieces {
            seam.push(piece, &mut out).ok()?;
        }
        seam.finish(&mut out).ok()?;
        Some(out)
    }

    #[test]
    fn what_follows_is_told_as_it_is() {
        for (told, new) in [
            ("The quick brown ", "fox jumps"),
            ("The quick brown fo", "x jumps"),
            ("hel", "lo"),
            ("co", "conut"),
            ("bar", "barian"),
            ("It was very, very", ", very late"),
            ("1, 10, 100", "0, 10000"),
            ("ha ha ha ", "ha ha ha!"),
            ("gr\u{fc}\u{df}e \u{1f389}", "\u{1f389}\u{df}"),
            ("- one\n- ", "two\n- three"),
            ("A line.\n", "The next."),
            ("----------------", "---------------- end"),
        ] {
            assert_eq!(read(told, new), Some(format!("{told}{new}")), "{told:?}");
        }
    }

    #[test]
    fn what_was_said_is_not_said_again() {
        for (told, new, whole) in [
            ("The quick brown ", "brown fox", "The quick brown fox"),
            ("The quick brown", "quick brown fox", "The quick brown fox"),
            ("The quick brown", " brown fox", "The quick brown fox"),
            (
                "The quick brown fo",
                "quick brown fox",
                "The quick brown fox",
            ),
            ("The quick", "The quick brown fox", "The quick brown fox"),
            (
                "Gr\u{fc}\u{df}e aus K\u{f6}ln",
                "aus K\u{f6}ln am Rhein",
                "Gr\u{fc}\u{df}e aus K\u{f6}ln am Rhein",
            ),
        ] {
            assert_eq!(read(told, new).as_deref(), Some(whole), "{told:?}");
        }
    }

    #[test]
    fn white_space_stands_there_once() {
        for (told, new, whole) in [
            ("one ", " two", "one two"),
            ("one\n", "\n\ntwo", "one\n\ntwo"),
            ("one\n\n", "\ntwo", "one\n\ntwo"),
            ("one \n", "two", "one \ntwo"),
            ("quick brown \n", "quick brown \n fox", "quick brown \n fox"),
        ] {
            assert_eq!(read(told, new).as_deref(), Some(whole), "{told:?}");
        }
    }

    /// A text longer than what is looked for at its end.
    fn long() -> String {
        let words: Vec<_> = (0..2000).map(|n| format!("word{n} ")).collect();
        words.concat()
    }

    #[test]
    fn a_text_said_anew_is_told_from_where_it_was_left() {
        let told = long();
        let new = format!("{told}and the end");
        assert_eq!(read_cut(&told, &[&new]), Some(new));
    }

    #[test]
    fn another_answer_is_not_told() {
        let told = "The capital of France is Paris, which";
        assert_eq!(read(told, "The capital of France was once Lutetia"), None);
        let told = long();
        assert_eq!(read_cut(&told, &["word0 word1 word2 word3 another"]), None);
        assert_eq!(read_cut(&told, &["word0 word1 word2 word3"]), None);
    }

    #[test]
    fn a_text_said_anew_to_the_same_end_adds_nothing() {
        let mut seam = Seam::new("The whole of it.".into());
        let mut out = String::new();
        assert_eq!(seam.push("The whole of it.", &mut out), Ok(()));
        assert_eq!(seam.finish(&mut out), Ok(()));
        assert!(seam.is_cut() && out.is_empty());
    }
}
