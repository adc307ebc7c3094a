//! Texts as lines, for the formats that are made of them.

use std::ops::Range;

use super::{EditError, line_end};

/// Runs an edit on a text whose last line ends as the others do; if it did not, it does not afterwards.
pub(super) fn whole(
    text: &str,
    edit: impl FnOnce(&str) -> Result<String, EditError>,
) -> Result<String, EditError> {
    if text.is_empty() || text.ends_with('\n') {
        return edit(text);
    }
    let end = line_end(text);
    let edited = edit(&format!("{text}{end}"))?;
    Ok(edited.strip_suffix(end).unwrap_or(&edited).to_owned())
}

/// The text with other bytes in a place.
pub(super) fn spliced(text: &str, place: Range<usize>, with: &str) -> String {
    format!("{}{with}{}", &text[..place.start], &text[place.end..])
}

/// The text with one more line, at the start of one.
pub(super) fn insert(text: &str, at: usize, line: &str) -> String {
    spliced(text, at..at, &format!("{line}{}", line_end(text)))
}

/// The text without some places, which are in order.
pub(super) fn without(text: &str, places: Vec<Range<usize>>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for place in places {
        out.push_str(text.get(at..place.start).unwrap_or_default());
        at = at.max(place.end);
    }
    out.push_str(&text[at..]);
    out
}

/// Where the line of a byte starts.
pub(super) fn start(text: &str, byte: usize) -> usize {
    text[..byte].rfind('\n').map_or(0, |newline| newline + 1)
}

/// Where the line of a byte ends, its line end included.
pub(super) fn end(text: &str, byte: usize) -> usize {
    text[byte..]
        .find('\n')
        .map_or(text.len(), |newline| byte + newline + 1)
}

/// The blanks that the line of a byte begins with.
pub(super) fn indent(text: &str, byte: usize) -> &str {
    let line = &text[start(text, byte)..];
    &line[..line.len() - line.trim_start_matches([' ', '\t']).len()]
}

/// Whether the line that starts at a byte has nothing on it; the end of the text is no line.
pub(super) fn is_blank(text: &str, byte: usize) -> bool {
    byte < text.len() && text[byte..end(text, byte)].trim().is_empty()
}

/// Whether the line before the one that starts at a byte has nothing on it.
pub(super) fn is_blank_before(text: &str, byte: usize) -> bool {
    byte > 0 && is_blank(text, start(text, byte - 1))
}
