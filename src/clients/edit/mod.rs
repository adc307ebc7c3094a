//! Changes of a file at the places that matter, and nowhere else: comments, order, indentation and line
//! ends stay as a person wrote them.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// How a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// JSON, with comments and trailing commas where somebody has put them.
    Json,
    /// TOML.
    Toml,
    /// YAML, in block style.
    Yaml,
    /// Lines of `NAME=value`, as of a shell.
    Env,
}

/// What is to be otherwise in a file. `at` is the keys that lead to a place, from the top.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Change {
    /// `value` is there, in the place of whatever was.
    Set {
        /// Where.
        at: Vec<String>,
        /// What.
        value: Value,
    },
    /// The list there has `value` among its items, in the place of the one with the same field `by`, else
    /// as the last.
    Item {
        /// Where the list is.
        at: Vec<String>,
        /// The field that tells items apart.
        by: String,
        /// The item, an object with that field.
        value: Value,
    },
    /// Nothing is there, nor in the `made` objects above it that are empty without it.
    Remove {
        /// Where.
        at: Vec<String>,
        /// How many of the objects above were made for it.
        made: usize,
    },
    /// The list there has no item whose field `by` is `is`; as for [`Change::Remove`], `made` counts the
    /// list itself and the objects above it.
    RemoveItem {
        /// Where the list is.
        at: Vec<String>,
        /// The field that tells items apart.
        by: String,
        /// What it holds in the one that goes.
        is: Value,
        /// How much was made for it.
        made: usize,
    },
}

/// A file as it is to be, and what makes it again as it was.
#[derive(Debug, Clone, PartialEq)]
pub struct Edited {
    /// The new text.
    pub text: String,
    /// The changes that undo what was done, one for each and in the same order; they are to be applied
    /// last to first.
    pub undo: Vec<Change>,
}

/// Why a file cannot be changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// It cannot be read.
    #[error("line {line}: {why}")]
    Unreadable {
        /// Where, from 1.
        line: usize,
        /// Why.
        why: String,
    },
    /// Something is in the way of a place: a text where there would have to be an object.
    #[error("`{at}` is {found}, where {wanted} is needed")]
    InTheWay {
        /// The keys that lead there, with dots.
        at: String,
        /// What is there.
        found: &'static str,
        /// What would have to be there.
        wanted: &'static str,
    },
    /// It is written in a way that is not understood well enough to be changed safely.
    #[error("`{at}` is written in a way that cannot be changed without harm: {why}")]
    Odd {
        /// The keys that lead there, with dots.
        at: String,
        /// Which way.
        why: &'static str,
    },
}
