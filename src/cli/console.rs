//! Where a verb writes: data to one stream, talk to the other.
//!
//! A broken pipe is nobody's fault: what cannot be written is let go.

use std::fmt;
use std::io::Write;

use serde::Serialize;

use crate::config::{ConfigError, Diagnostic, Style};
use crate::provider::Redactor;

/// Standard output and standard error, or a test's buffers.
pub struct Console<'a> {
    out: &'a mut dyn Write,
    err: &'a mut dyn Write,
    style: Style,
}

impl fmt::Debug for Console<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Console")
            .field("style", &self.style)
            .finish_non_exhaustive()
    }
}

impl<'a> Console<'a> {
    /// Data goes to `out`, talk to `err`; `style` is what `err` can show.
    pub fn new(out: &'a mut dyn Write, err: &'a mut dyn Write, style: Style) -> Self {
        Self { out, err, style }
    }

    /// Writes a line of data.
    pub fn data(&mut self, line: impl fmt::Display) {
        _ = writeln!(self.out, "{line}");
    }

    /// Writes a value as JSON.
    pub fn json(&mut self, value: &impl Serialize) {
        let text = serde_json::to_string_pretty(value).unwrap_or_else(|error| error.to_string());
        self.data(text);
    }

    /// Writes whole lines of data that may have colours.
    pub fn page(&mut self, text: &str) {
        _ = match self.style {
            Style::Coloured => write!(self.out, "{text}"),
            Style::Plain => write!(self.out, "{}", anstream::adapter::strip_str(text)),
        };
    }

    /// Writes a line of talk.
    pub fn say(&mut self, line: impl fmt::Display) {
        _ = writeln!(self.err, "{line}");
    }

    /// Writes whole lines of talk that may have colours.
    pub fn talk(&mut self, text: &str) {
        _ = match self.style {
            Style::Coloured => write!(self.err, "{text}"),
            Style::Plain => write!(self.err, "{}", anstream::adapter::strip_str(text)),
        };
    }

    /// Shows what is to be said about a configuration. What looks like a key is hidden once more: people
    /// put keys into the oddest places.
    pub fn diagnostics(&mut self, diagnostics: &[Diagnostic]) {
        let redactor = Redactor::default();
        for diagnostic in diagnostics {
            let text = diagnostic.render(self.style);
            _ = write!(self.err, "{}", redactor.redact(&text));
        }
    }

    /// Shows why a configuration cannot be used.
    pub fn config_error(&mut self, error: &ConfigError) {
        self.diagnostics(&error.diagnostics);
    }

    /// Shows a failure, and what to do about it.
    pub fn error(&mut self, message: impl Into<String>, hint: Option<&str>) {
        let diagnostic = Diagnostic::error(message).with_hint(hint.map(str::to_owned));
        self.diagnostics(&[diagnostic]);
    }
}
