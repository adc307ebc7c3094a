//! What is in brackets or braces, and how one thing more or less is in them.

use std::ops::Range;

use super::super::line_end;
use super::super::lines::{self, spliced};
use super::super::node::{Node, What};

/// The text with one more thing at the end of a list or an inline table.
pub(super) fn insert(text: &str, node: &Node, shown: &str) -> String {
    let Some(last) = node.children().pop() else {
        let whole = match node.what {
            What::Object(_) => format!("{{ {shown} }}"),
            _ => format!("[{shown}]"),
        };
        return spliced(text, node.span.clone(), &whole);
    };
    let start = lines::start(text, last.start);
    let own_line = text[start..last.start].trim().is_empty();
    let gap = if own_line {
        format!("{}{}", line_end(text), &text[start..last.start])
    } else {
        " ".to_owned()
    };
    let comma = comma_behind(text, last.end);
    let behind = comma.map_or(last.end, |comma| comma + 1);
    let tail = if own_line {
        comment_end(text, behind)
    } else {
        behind
    };
    if comma.is_some() {
        return spliced(text, tail..tail, &format!("{gap}{shown},"));
    }
    let text = spliced(text, tail..tail, &format!("{gap}{shown}"));
    spliced(&text, last.end..last.end, ",")
}

/// The text without one of the things in a list or an inline table.
pub(super) fn without(text: &str, node: &Node, index: usize) -> String {
    let children = node.children();
    let Some(child) = children.get(index) else {
        return text.to_owned();
    };
    let comma = comma_behind(text, child.end);
    let gone = blank_before(text, child.start)..comma.map_or(child.end, |comma| comma + 1);
    if children.len() == 1 {
        let before = &text[node.span.start + 1..gone.start];
        let behind = &text[gone.end..node.span.end - 1];
        if before.trim().is_empty() && behind.trim().is_empty() {
            return spliced(text, node.span.start + 1..node.span.end - 1, "");
        }
    }
    let gap = index
        .checked_sub(1)
        .map_or(node.span.start, |before| children[before].end);
    let gone = if text[gap..gone.start].contains('#') {
        before_line_end(text, gone)
    } else {
        gone
    };
    let mut out = spliced(text, gone, "");
    if let (None, Some(before)) = (comma, index.checked_sub(1))
        && let Some(comma) = comma_behind(text, children[before].end)
    {
        out.remove(comma);
    }
    out
}

/// A place that may go without the comment before it swallowing what is behind it.
fn before_line_end(text: &str, gone: Range<usize>) -> Range<usize> {
    let rest = text[gone.end..].trim_start_matches([' ', '\t', '\r']);
    if rest.starts_with('\n') {
        return gone;
    }
    let newline = text[gone.clone()]
        .find('\n')
        .map_or(0, |newline| newline + 1);
    gone.start + newline..gone.end
}

fn blank_before(text: &str, at: usize) -> usize {
    text[..at].trim_end_matches([' ', '\t', '\r', '\n']).len()
}

/// Where the comma behind a value is, if one is there.
fn comma_behind(text: &str, mut at: usize) -> Option<usize> {
    loop {
        let rest = text[at..].trim_start_matches([' ', '\t', '\r', '\n']);
        at = text.len() - rest.len();
        if !rest.starts_with('#') {
            return rest.starts_with(',').then_some(at);
        }
        at += rest.find('\n').unwrap_or(rest.len());
    }
}

/// Where a comment on the same line ends; the same place if there is none.
fn comment_end(text: &str, at: usize) -> usize {
    let line = text[at..].split('\n').next().unwrap_or_default();
    let line = line.trim_end_matches('\r');
    if line.trim_start().starts_with('#') {
        at + line.len()
    } else {
        at
    }
}
