//! A string that never shows itself.
//!
//! `Debug` and `Display` print a placeholder, so that a key cannot reach a log, an error or a screen
//! by accident; the one way to its text is [`Secret::expose`], which is easy to search for.

use std::fmt;
use std::sync::Arc;

/// A key or token of the configuration. Cheap to clone.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Secret(Arc<str>);

impl Secret {
    /// Wraps `text`.
    pub fn new(text: impl Into<Arc<str>>) -> Self {
        Self(text.into())
    }

    /// The text itself, for the one header it belongs into.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}
