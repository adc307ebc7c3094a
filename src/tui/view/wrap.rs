//! Long texts in lines.

use unicode_width::UnicodeWidthChar;

use crate::telemetry::foreign::is_treacherous;
use crate::tui::text::plain;

/// Columns between two stops of the tabulator.
const TAB: usize = 4;

/// `text` in lines of at most `width` columns: its own lines, broken between words, and within those that are longer.
///
/// At most `most` lines are made; the rest of the text is then not looked at.
pub fn wrapped(text: &str, width: usize, most: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for paragraph in text.lines() {
        if lines.len() >= most {
            break;
        }
        wrap(&expanded(paragraph), width.max(2), most, &mut lines);
    }
    lines
}

/// `line` with its tabulators as spaces.
fn expanded(line: &str) -> String {
    let mut text = String::with_capacity(line.len());
    let mut letters = 0;
    for c in line.chars() {
        let count = if c == '\t' { TAB - letters % TAB } else { 1 };
        letters += count;
        text.extend(std::iter::repeat_n(if c == '\t' { ' ' } else { c }, count));
    }
    text
}

fn wrap(paragraph: &str, width: usize, most: usize, lines: &mut Vec<String>) {
    let mut rest = paragraph;
    while let Some(end) = overflow(rest, width).filter(|_| lines.len() + 1 < most) {
        let (taken, left) = rest.split_at(end);
        // A break within the last third of the line, or none: long words would make ragged towers.
        let gap = taken.rfind(' ').filter(|at| *at > taken.len() * 2 / 3);
        let line = match gap {
            Some(at) if !left.starts_with(' ') => &rest[..at],
            _ => taken,
        };
        rest = &rest[line.len()..];
        rest = rest.strip_prefix(' ').unwrap_or(rest);
        lines.push(plain(line));
    }
    let end = overflow(rest, width).unwrap_or(rest.len());
    if end > 0 || paragraph.is_empty() {
        lines.push(plain(&rest[..end]));
    }
}

/// Where `text` is wider than `width`; `None` if it is not.
fn overflow(text: &str, width: usize) -> Option<usize> {
    let mut taken = 0_usize;
    let found = text.char_indices().find(|(_, c)| {
        taken += if is_treacherous(*c) {
            1
        } else {
            c.width().unwrap_or(0)
        };
        taken > width
    });
    found.map(|(at, _)| at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::text;

    #[test]
    fn lines_are_broken_between_words_and_within_long_ones() {
        assert_eq!(wrapped("one two three", 8, 9), ["one two", "three"]);
        assert_eq!(wrapped("abcdefgh", 3, 9), ["abc", "def", "gh"]);
        assert_eq!(wrapped("a\n\nb", 3, 9), ["a", "", "b"]);
        assert_eq!(wrapped("日本語", 3, 9), ["日", "本", "語"]);
        assert_eq!(wrapped("a b c d e f", 3, 2).len(), 2);
        assert!(wrapped("", 3, 9).is_empty());
    }

    #[test]
    fn no_line_is_wider_than_asked() {
        let text = "a日b\u{301}本 cc  語dddddd\teee\u{fe0f}\u{1b} ".repeat(20);
        for width in 2..40 {
            for line in wrapped(&text, width, 1_000) {
                assert!(text::width(&line) <= width, "{width}: {line:?}");
            }
        }
    }
}
