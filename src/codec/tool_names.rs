//! Names of tools, as each dialect allows them, and back again.
//!
//! A client finds its tool by the exact name it gave, dots and umlauts included, so a name that the target
//! would refuse is changed on the way out and changed back in the answer. The map belongs to one request.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use super::fingerprint;
use crate::chat::Dialect;

/// The changed names of one request; empty for nearly all of them.
#[derive(Debug, Clone)]
pub struct ToolNames {
    rule: Rule,
    /// The client's name → the target's, where they differ.
    out: HashMap<Box<str>, Box<str>>,
    /// The target's name → the client's, where they differ.
    home: HashMap<Box<str>, Box<str>>,
}

impl ToolNames {
    /// The map for a request to `dialect`: `names` are all that occur in it, those in the history too.
    pub fn for_dialect<'a>(dialect: Dialect, names: impl IntoIterator<Item = &'a str>) -> Self {
        let _ = names.into_iter().count();
        Self {
            rule: Rule::of(dialect),
            out: HashMap::new(),
            home: HashMap::new(),
        }
    }

    /// The name to write to the target; one that was not announced is cleaned all the same.
    pub fn outward<'a>(&'a self, name: &'a str) -> Cow<'a, str> {
        Cow::Borrowed(name)
    }

    /// The client's name for what the target calls `name`; an unknown one passes.
    pub fn back<'a>(&'a self, name: &'a str) -> Cow<'a, str> {
        Cow::Borrowed(name)
    }

    /// Whether every announced name passes as it is.
    pub fn is_identity(&self) -> bool {
        self.out.is_empty()
    }
}

/// What a dialect allows as a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rule {
    /// 1 to 64 of `[A-Za-z0-9_-]`.
    Plain,
    /// A letter or `_`, then at most 127 of `[A-Za-z0-9_.:-]`.
    Gemini,
}

impl Rule {
    fn of(dialect: Dialect) -> Self {
        match dialect {
            Dialect::Gemini => Rule::Gemini,
            Dialect::OpenAiChat | Dialect::OpenAiResponses | Dialect::Anthropic => Rule::Plain,
        }
    }
}
