//! Texts of others on a screen: in columns, within bounds, and without what would do something to a terminal.
//!
//! A column is what a terminal gives a narrow letter; wide ones take two. Everything here is linear in what is
//! drawn, not in what came: a name of ten thousand letters costs what its first forty cost.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::telemetry::foreign::is_treacherous;
use crate::tui::theme::Theme;

/// Marks without a width of their own that one letter may carry; more of them are somebody's joke.
const MOST_MARKS: usize = 2;

/// Columns between two stops of the tabulator.
const TAB: usize = 4;

/// Columns that `text` takes.
pub fn columns(text: &str) -> usize {
    text.width()
}

/// The sign that something was cut off: of one column.
pub fn ellipsis(theme: &Theme) -> &'static str {
    if theme.is_ascii { "~" } else { "…" }
}

/// `text` as one line of at most `most` columns, with a sign at the end if there was more.
pub fn cut(text: &str, most: usize, theme: &Theme) -> String {
    let (line, rest) = head(text, most);
    if rest.is_empty() || most == 0 {
        return line;
    }
    let (mut line, _) = head(text, most.saturating_sub(1));
    line.push_str(ellipsis(theme));
    line
}

/// `text` as one line of at most `most` columns, of which the end is kept, with a sign before it if there was more.
pub fn cut_start(text: &str, most: usize, theme: &Theme) -> String {
    let line = plain(text);
    if columns(&line) <= most || most == 0 {
        return head(&line, most).0;
    }
    let mut taken = 1;
    let start = line.char_indices().rev().take_while(|(_, c)| {
        taken += c.width().unwrap_or(0);
        taken <= most
    });
    let start = start.last().map_or(line.len(), |(at, _)| at);
    format!("{}{}", ellipsis(theme), &line[start..])
}

/// `text` as one line that does nothing to a terminal.
pub fn plain(text: &str) -> String {
    head(text, usize::MAX).0
}

/// As much of `text` as fits in `most` columns, plain; and what is left of it.
fn head(text: &str, most: usize) -> (String, &str) {
    let (mut line, mut taken, mut marks) = (String::new(), 0_usize, 0);
    for (at, c) in text.char_indices() {
        let shown = shown(c);
        let width = shown.width().unwrap_or(0);
        marks = if width == 0 { marks + 1 } else { 0 };
        if taken.saturating_add(width) > most {
            return (line, &text[at..]);
        }
        if marks <= MOST_MARKS && !is_variant(c) {
            line.push(shown);
            taken += width;
        }
    }
    (line, "")
}

/// A letter in the form in which it may be shown.
fn shown(c: char) -> char {
    match c {
        '\n' | '\r' | '\t' => ' ',
        c if is_treacherous(c) => '\u{fffd}',
        c => c,
    }
}

/// Whether `c` changes how wide the letter before it is drawn, about which terminals do not agree.
fn is_variant(c: char) -> bool {
    matches!(c, '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}')
}

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

    const PLAIN: Theme = Theme {
        palette: crate::tui::theme::Palette::Classic,
        is_ascii: false,
    };

    #[test]
    fn what_is_too_long_is_cut_by_columns() {
        for (text, most, expected) in [
            ("abc", 3, "abc"),
            ("abcd", 3, "ab…"),
            ("日本語", 6, "日本語"),
            ("日本語", 5, "日本…"),
            ("日本語", 4, "日…"),
            ("abc", 0, ""),
            ("abc", 1, "…"),
            ("", 5, ""),
        ] {
            assert_eq!(cut(text, most, &PLAIN), expected, "{text} in {most}");
            assert!(columns(&cut(text, most, &PLAIN)) <= most);
        }
    }

    #[test]
    fn the_end_is_kept_where_it_matters() {
        for (text, most, expected) in [
            ("a > b", 5, "a > b"),
            ("a > bc", 5, "…> bc"),
            ("日本語", 4, "…語"),
            ("abc", 0, ""),
        ] {
            assert_eq!(cut_start(text, most, &PLAIN), expected, "{text} in {most}");
        }
    }

    #[test]
    fn nothing_that_others_wrote_reaches_the_terminal_as_a_command() {
        assert_eq!(
            plain("a\u{1b}[31mb\u{202e}c\nd\u{200d}"),
            "a\u{fffd}[31mb\u{fffd}c d\u{fffd}"
        );
        let pile = format!("a{}b", "\u{301}".repeat(500));
        assert_eq!(plain(&pile), "a\u{301}\u{301}b");
    }

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
                assert!(columns(&line) <= width, "{width}: {line:?}");
            }
        }
    }
}
