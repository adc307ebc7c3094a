//! What is wrong with a configuration, where, and what to do: for people and as JSON.
//!
//! Excerpts are masked before they get here (`mask`), so a diagnostic never holds a key.

use std::fmt::{self, Write as _};
use std::ops::Range;
use std::sync::Arc;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use anstyle::AnsiColor;
use serde::Serialize;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The configuration cannot be used.
    Error,
    /// It can be used; a person should know.
    Warning,
}

/// One finding. As JSON: `{severity, file, line, column, path, message, hint}`, absent ones null.
#[derive(Debug, Clone, Serialize)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// The file, as it was named.
    pub file: Option<String>,
    /// Line in the file, from 1.
    pub line: Option<usize>,
    /// Column in characters, from 1.
    pub column: Option<usize>,
    /// Path of the value, e.g. `providers[0].base_url`; empty for the whole file.
    pub path: String,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
    #[serde(skip)]
    excerpt: Option<Excerpt>,
}

/// The text around a finding, free of keys.
#[derive(Debug, Clone)]
pub(super) struct Excerpt {
    text: Arc<str>,
    span: Range<usize>,
}

impl Excerpt {
    /// A place in `text`, cut to its first line so that a long object is not printed whole.
    pub(super) fn new(text: &Arc<str>, span: Range<usize>) -> Self {
        let start = floor(text, span.start);
        let end = floor(text, span.end).max(start);
        let line_end = text[start..]
            .find(['\n', '\r'])
            .map_or(text.len(), |at| start + at);
        Self {
            text: Arc::clone(text),
            span: start..end.min(line_end),
        }
    }

    /// Line and column, both from 1.
    fn position(&self) -> (usize, usize) {
        let before = &self.text[..self.span.start];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let line = before.matches('\n').count() + 1;
        (line, before[line_start..].chars().count() + 1)
    }
}

fn floor(text: &str, at: usize) -> usize {
    text.floor_char_boundary(at.min(text.len()))
}

/// Whether escape codes may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// No escape codes.
    Plain,
    /// Colours.
    Coloured,
}

impl Style {
    fn label(self, text: &str, color: AnsiColor) -> String {
        match self {
            Style::Plain => text.to_owned(),
            Style::Coloured => {
                let color = color.on_default().bold();
                format!("{color}{text}{color:#}")
            }
        }
    }
}

impl Diagnostic {
    /// An error without a place.
    pub fn error(message: impl Into<String>) -> Self {
        Self::new(Severity::Error, message.into())
    }

    /// A warning without a place.
    pub fn warning(message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, message.into())
    }

    /// The same with what to do about it.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<Option<String>>) -> Self {
        self.hint = hint.into();
        self
    }

    /// The same, about `file` as a whole.
    #[must_use]
    pub fn about(mut self, file: impl Into<String>) -> Self {
        self.file = Some(file.into());
        self
    }

    pub(super) fn new(severity: Severity, message: String) -> Self {
        Self {
            severity,
            file: None,
            line: None,
            column: None,
            path: String::new(),
            message,
            hint: None,
            excerpt: None,
        }
    }

    pub(super) fn at(mut self, file: &str, path: String, excerpt: Excerpt) -> Self {
        let (line, column) = excerpt.position();
        self.file = Some(file.to_owned());
        self.line = Some(line);
        self.column = Some(column);
        self.path = path;
        self.excerpt = Some(excerpt);
        self
    }

    /// Path and message in one line, e.g. `server.port: expected a number, found a boolean`.
    pub fn headline(&self) -> String {
        if self.path.is_empty() {
            self.message.clone()
        } else {
            format!("{}: {}", self.path, self.message)
        }
    }

    /// The finding as text that ends with a line break: an error with its excerpt, a warning in a line
    /// or two.
    pub fn render(&self, style: Style) -> String {
        match self.severity {
            Severity::Error if self.file.is_none() => self.render_without_place(style),
            Severity::Error => self.render_in_full(style),
            Severity::Warning => self.render_briefly(style),
        }
    }

    fn render_in_full(&self, style: Style) -> String {
        let headline = self.headline();
        let mut group = annotate_snippets::Group::with_title(Level::ERROR.primary_title(&headline));
        let mark;
        if let Some(excerpt) = &self.excerpt {
            mark = AnnotationKind::Primary.span(excerpt.span.clone());
            let file = self.file.as_deref();
            group = group.element(Snippet::source(&*excerpt.text).path(file).annotation(mark));
        } else if let Some(file) = &self.file {
            group = group.element(annotate_snippets::Origin::path(file));
        }
        if let Some(hint) = &self.hint {
            group = group.element(Level::HELP.with_name("hint").message(hint));
        }
        let renderer = match style {
            Style::Plain => Renderer::plain(),
            Style::Coloured => Renderer::styled(),
        };
        format!("{}\n", renderer.render(&[group]))
    }

    /// What concerns no file: a line each for what is wrong and what to do.
    fn render_without_place(&self, style: Style) -> String {
        let label = style.label("error", AnsiColor::Red);
        let mut text = format!("{label}: {}\n", self.headline());
        if let Some(hint) = &self.hint {
            _ = writeln!(text, "{}: {hint}", style.label("hint", AnsiColor::Cyan));
        }
        text
    }

    fn render_briefly(&self, style: Style) -> String {
        let label = style.label("warning", AnsiColor::Yellow);
        let mut text = format!("{label}: {}\n", self.message);
        if let (Some(file), Some(line), Some(column)) = (&self.file, self.line, self.column) {
            _ = writeln!(text, "  --> {file}:{line}:{column}");
        }
        if let Some(hint) = &self.hint {
            _ = writeln!(text, "  hint: {hint}");
        }
        text
    }
}

/// All diagnostics as one text.
pub fn render(diagnostics: &[Diagnostic], style: Style) -> String {
    diagnostics
        .iter()
        .map(|diagnostic| diagnostic.render(style))
        .collect()
}

/// Everything that is wrong with a configuration; at least one of the diagnostics is an error.
#[derive(Debug, Clone)]
pub struct ConfigError {
    /// Errors and warnings in the order of the file.
    pub diagnostics: Vec<Diagnostic>,
}

impl ConfigError {
    /// The same after what was said before it came to this.
    #[must_use]
    pub fn after(mut self, earlier: Vec<Diagnostic>) -> Self {
        self.diagnostics.splice(0..0, earlier);
        self
    }
}

impl From<Diagnostic> for ConfigError {
    fn from(diagnostic: Diagnostic) -> Self {
        Self {
            diagnostics: vec![diagnostic],
        }
    }
}

impl std::error::Error for ConfigError {}

impl fmt::Display for ConfigError {
    /// One line for each error; `render` shows them with their excerpts.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let errors = self
            .diagnostics
            .iter()
            .filter(|d| d.severity == Severity::Error);
        for (index, error) in errors.enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            if let (Some(file), Some(line), Some(column)) = (&error.file, error.line, error.column)
            {
                write!(f, "{file}:{line}:{column}: ")?;
            }
            write!(f, "{}", error.headline())?;
        }
        Ok(())
    }
}
