//! Text that others wrote, made fit for people: what an edge, a child or an upstream says is shown as one
//! short line that no terminal obeys.

use crate::provider::Redactor;

/// Characters that are quoted of what others say: some sentences.
pub const LONGEST_QUOTE: usize = 240;

/// `text` in one line, without keys, without a full stop, and with no more than `longest` characters.
///
/// Keys go before the cut, which could leave half of one.
pub fn shown(text: &str, redactor: &Redactor, longest: usize) -> String {
    let plain = text.replace(is_treacherous, " ");
    let words: Vec<&str> = plain.split_whitespace().collect();
    let line = words.join(" ");
    let line = redactor.redact(&line);
    let line = line.trim_end_matches([' ', '.']);
    match line.char_indices().nth(longest) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line.to_owned(),
    }
}

/// Control characters, and those that reorder or hide what a terminal shows.
pub fn is_treacherous(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::Secret;

    #[track_caller]
    fn assert_shown(text: &str, expected: &str) {
        let redactor = Redactor::new(&[Secret::new("canary-token")]);
        assert_eq!(shown(text, &redactor, 20), expected);
    }

    #[test]
    fn foreign_text_becomes_one_plain_line() {
        assert_shown("a\r\n\u{1b}[31mb\t c. ", "a [31mb c");
        assert_shown(
            "a\u{202e}b\u{200b}\u{2066}c\u{feff}\u{61c}d\u{9b}2J",
            "a b c d 2J",
        );
        assert_shown(" \u{7}.", "");
    }

    #[test]
    fn what_is_long_is_cut_and_what_fits_is_not() {
        assert_shown(&"é".repeat(20), &"é".repeat(20));
        let cut = format!("{}…", "é".repeat(20));
        assert_shown(&"é".repeat(100_000), &cut);
    }

    #[test]
    fn no_part_of_a_key_is_left() {
        assert_shown("\u{1b}bad canary-token\u{7}", "bad [redacted]");
        assert_shown("twelve and 3 canary-token", "twelve and 3 [redact…");
    }
}
