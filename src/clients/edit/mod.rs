//! Changes of a file at the places that matter, and nowhere else: comments, order, indentation and line
//! ends stay as a person wrote them.
//!
//! ```text
//! change   what a change means, the same for every format: what is there, what is in the way, what undoes it
//! json, toml, yaml, env    how a place is written, and how it goes again without a trace
//! node     the tree of a text with the places its values were read from
//! ```

mod change;
mod env;
mod json;
mod lines;
mod node;
mod sure;
#[cfg(test)]
mod tests;
mod toml;
mod yaml;

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
    #[error("{at} is {found}, where {wanted} is needed")]
    InTheWay {
        /// The keys that lead there, with dots, as a person reads them.
        at: String,
        /// What is there.
        found: &'static str,
        /// What would have to be there.
        wanted: &'static str,
    },
    /// It is written in a way that is not understood well enough to be changed safely.
    #[error("{at} is written in a way that cannot be changed without harm: {why}")]
    Odd {
        /// The keys that lead there, with dots, as a person reads them.
        at: String,
        /// Which way.
        why: &'static str,
    },
}

/// Applies changes one after the other.
pub fn apply(format: Format, text: &str, changes: &[Change]) -> Result<Edited, EditError> {
    match format {
        Format::Json => change::apply::<json::Json>(text, changes),
        Format::Toml => change::apply::<toml::Toml>(text, changes),
        Format::Yaml => change::apply::<yaml::Yaml>(text, changes),
        Format::Env => change::apply::<env::Env>(text, changes),
    }
}

/// What is at a place; `None` if nothing is.
pub fn value_at(format: Format, text: &str, at: &[String]) -> Result<Option<Value>, EditError> {
    match format {
        Format::Json => change::value_at::<json::Json>(text, at),
        Format::Toml => change::value_at::<toml::Toml>(text, at),
        Format::Yaml => change::value_at::<yaml::Yaml>(text, at),
        Format::Env => change::value_at::<env::Env>(text, at),
    }
}

/// Whether a change is in force in the text: the place holds just that value (or holds nothing).
pub fn holds(format: Format, text: &str, change: &Change) -> Result<bool, EditError> {
    match format {
        Format::Json => change::holds::<json::Json>(text, change),
        Format::Toml => change::holds::<toml::Toml>(text, change),
        Format::Yaml => change::holds::<yaml::Yaml>(text, change),
        Format::Env => change::holds::<env::Env>(text, change),
    }
}

/// A place as a person reads it.
fn dotted(at: &[String]) -> String {
    if at.is_empty() {
        return "the file as a whole".to_owned();
    }
    format!("`{}`", at.join("."))
}

/// That a place is written in a way that is not to be touched.
fn odd(at: &[String], why: &'static str) -> EditError {
    EditError::Odd {
        at: dotted(at),
        why,
    }
}

/// That a text cannot be read, at a byte of it.
fn unreadable(text: &str, byte: usize, why: impl Into<String>) -> EditError {
    let before = text.bytes().take(byte);
    EditError::Unreadable {
        line: 1 + before.filter(|byte| *byte == b'\n').count(),
        why: why.into(),
    }
}

/// What ends the lines of a text.
fn line_end(text: &str) -> &'static str {
    match text.find('\n') {
        Some(at) if text[..at].ends_with('\r') => "\r\n",
        _ => "\n",
    }
}
