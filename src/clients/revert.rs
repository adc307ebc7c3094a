//! What a file is without us: as it was, or what others have made of it since without what is ours.

use super::disk::{Content, Untouchable};
use super::edit::{self, Change, EditError};
use super::ledger::Entry;

/// A file without what was written into it.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Without {
    /// Nobody has touched it since, or it was never written: byte for byte what it was.
    AsBefore,
    /// Somebody has removed it; it stays so.
    Gone,
    /// Somebody has changed it since.
    TakenOut {
        /// What is left.
        text: String,
        /// The places that somebody has given another value; they stay so.
        left: Vec<String>,
    },
}

/// What the file of `entry`, which is `present` now and was `original`, is without us.
pub(super) fn without(
    entry: &Entry,
    present: Option<&Content>,
    original: Option<&Content>,
) -> Result<Without, Untouchable> {
    let Some(present) = present else {
        return Ok(match original {
            Some(_) => Without::Gone,
            None => Without::AsBefore,
        });
    };
    let is_original = original.is_some_and(|original| original.bytes == present.bytes);
    if is_original || entry.is_as_written(&present.bytes) {
        return Ok(Without::AsBefore);
    }
    Ok(take_out(entry, present.text()?))
}

fn take_out(entry: &Entry, text: &str) -> Without {
    let mut text = text.to_owned();
    let mut left = Vec::new();
    for (change, undo) in entry.changes.iter().zip(&entry.undo).rev() {
        let undone = edit::apply(entry.format, &text, std::slice::from_ref(undo));
        if holds(entry, &text, change) {
            match undone {
                Ok(edited) => text = edited.text,
                Err(_) => left.push(place(change)),
            }
        } else if !is_undone(undone, &text) {
            left.push(place(change));
        }
    }
    left.reverse();
    Without::TakenOut { text, left }
}

/// Whether what we wrote is still there. Of a file that cannot be read any more nobody knows.
fn holds(entry: &Entry, text: &str, change: &Change) -> bool {
    edit::holds(entry.format, text, change).unwrap_or(false)
}

/// Whether somebody has put the place back already: then there is nothing to say about it.
fn is_undone(undone: Result<edit::Edited, EditError>, text: &str) -> bool {
    undone.is_ok_and(|undone| undone.text == text)
}

/// How a place is called.
fn place(change: &Change) -> String {
    let (Change::Set { at, .. }
    | Change::Item { at, .. }
    | Change::Remove { at, .. }
    | Change::RemoveItem { at, .. }) = change;
    at.join(".")
}
