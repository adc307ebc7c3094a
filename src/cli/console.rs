//! Where a verb writes: data to one stream, talk to the other.
//!
//! A broken pipe is nobody's fault: what cannot be written is let go.

use std::fmt;
use std::io::{self, Write};

use serde::Serialize;

use crate::config::{ConfigError, Diagnostic, Style};
use crate::provider::Redactor;
use crate::telemetry::foreign::is_treacherous;

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

    /// Writes a line of data at once. An error means that nobody reads any more.
    pub fn stream(&mut self, line: impl fmt::Display) -> io::Result<()> {
        match self.style {
            Style::Coloured => writeln!(self.out, "{line}")?,
            Style::Plain => {
                let line = line.to_string();
                writeln!(self.out, "{}", anstream::adapter::strip_str(&line))?;
            }
        }
        self.out.flush()
    }

    /// The same for a value as one line of JSON that no terminal obeys.
    pub fn stream_json(&mut self, value: &impl Serialize) -> io::Result<()> {
        let text = serde_json::to_string(value).map_err(io::Error::other)?;
        self.stream(escaped(&text))
    }

    /// Writes a value as JSON that no terminal obeys.
    pub fn json(&mut self, value: &impl Serialize) {
        let text = serde_json::to_string_pretty(value).unwrap_or_else(|error| error.to_string());
        self.data(escaped(&text));
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

/// JSON with what a terminal could take for a command in escapes: outside of strings there is only the end of
/// a line. JSON itself asks for no more than the first 32.
pub(super) fn escaped(json: &str) -> String {
    json.chars().fold(String::new(), |mut text, c| {
        if is_treacherous(c) && c != '\n' {
            // A string takes everything, and none of them is outside of the first plane.
            _ = fmt::Write::write_fmt(&mut text, format_args!("\\u{:04x}", u32::from(c)));
        } else {
            text.push(c);
        }
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_says_the_same_and_is_no_command_to_a_terminal() {
        let value = serde_json::json!({ "a": "x\u{9b}31m\u{202e}\u{7f}\u{1b}[0m\u{200b}\n\u{e9}" });
        let (mut out, mut err) = (Vec::new(), Vec::new());
        Console::new(&mut out, &mut err, Style::Plain).json(&value);
        let text = String::from_utf8(out).expect("text");
        let seen = text.chars().filter(|c| *c != '\n');
        assert_eq!(seen.filter(|c| is_treacherous(*c)).count(), 0, "{text}");
        assert!(text.contains("\u{e9}"), "{text}");
        let read: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(read, value);
    }
}
