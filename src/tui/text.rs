//! Text that fits a place on the screen: measured in columns, and harmless wherever it comes from.
//!
//! Names, errors and addresses are written by others. What a terminal would obey, or show in another order, is
//! left out before anything is measured; so is what would change the width of the letter before it.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::telemetry::foreign::is_treacherous;

/// Marks that may stand on one letter: enough for every language, too few to fill a screen.
const MOST_MARKS: usize = 3;

/// `text` as one line that no terminal obeys.
pub fn plain(text: &str) -> String {
    harmless(text).collect()
}

/// The columns that `text` takes.
pub fn width(text: &str) -> usize {
    text.width()
}

/// As much of `text` as fits into `columns`; where something is left out, the last column says so.
pub fn cut(text: &str, columns: usize) -> String {
    let (head, is_whole) = head(text, columns);
    if is_whole || columns == 0 {
        return head;
    }
    let (mut shorter, _) = self::head(text, columns - 1);
    shorter.push('…');
    shorter
}

/// The end of `text`, where that says more than its beginning: of a path, of what is being typed.
pub fn tail(text: &str, columns: usize) -> String {
    let text = plain(text);
    if width(&text) <= columns {
        return text;
    }
    let mut room = columns.saturating_sub(1);
    let fitting = text.char_indices().rev().take_while(|(_, c)| {
        let left = room.checked_sub(c.width().unwrap_or(0));
        room = left.unwrap_or(0);
        left.is_some()
    });
    let start = fitting.last().map_or(text.len(), |(at, _)| at);
    match columns {
        0 => String::new(),
        _ => format!("…{}", &text[start..]),
    }
}

/// What fits into `columns`, and whether that is all.
fn head(text: &str, columns: usize) -> (String, bool) {
    let mut fitting = String::new();
    let mut room = columns;
    for c in harmless(text) {
        match room.checked_sub(c.width().unwrap_or(0)) {
            Some(left) => room = left,
            None => return (fitting, false),
        }
        fitting.push(c);
    }
    (fitting, true)
}

fn harmless(text: &str) -> impl Iterator<Item = char> {
    let mut marks = 0;
    text.chars().filter_map(move |c| {
        let c = if is_treacherous(c) { ' ' } else { c };
        let is_mark = c.width() == Some(0);
        marks = if is_mark { marks + 1 } else { 0 };
        let is_shown = marks <= MOST_MARKS && !is_variation(c);
        is_shown.then_some(c)
    })
}

/// Selectors make the letter before them wider or narrower, and terminals do not agree by how much.
fn is_variation(c: char) -> bool {
    matches!(c, '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_stays_and_what_does_not_ends_in_a_mark() {
        for (text, columns, expected) in [
            ("openai", 6, "openai"),
            ("openai", 5, "open…"),
            ("openai", 1, "…"),
            ("openai", 0, ""),
            ("", 3, ""),
            ("日本語", 6, "日本語"),
            ("日本語", 5, "日本…"),
            ("日本語", 4, "日…"),
            ("e\u{301}e\u{301}e\u{301}", 2, "e\u{301}…"),
        ] {
            assert_eq!(cut(text, columns), expected, "{text} in {columns}");
            assert!(width(&cut(text, columns)) <= columns);
        }
    }

    #[test]
    fn the_end_is_what_stays_of_a_path() {
        for (text, columns, expected) in [
            ("/etc/autogw.json", 11, "…utogw.json"),
            ("short", 11, "short"),
            ("日本語", 4, "…語"),
            ("abc", 0, ""),
        ] {
            assert_eq!(tail(text, columns), expected);
        }
    }

    #[test]
    fn nothing_that_a_terminal_obeys_is_left() {
        let text = "a\u{1b}[2J\u{202e}b\r\nc\u{9b}1m\u{fe0f}";
        let shown = plain(text);
        assert!(!shown.chars().any(is_treacherous), "{shown:?}");
        assert!(shown.contains('a') && shown.contains('b') && shown.contains('c'));
    }

    #[test]
    fn a_letter_cannot_carry_thousands_of_marks() {
        let text = format!("e{}x", "\u{301}".repeat(10_000));
        assert_eq!(plain(&text).chars().count(), 2 + MOST_MARKS);
    }
}
