//! Collects what is wrong with a file, so that everything is said at once.
//!
//! Readers report and go on; at the end the faults become [`Diagnostic`]s in the order of the file.

use std::sync::Arc;

use super::diagnostic::{Diagnostic, Excerpt, Severity};
use super::mask;
use super::node::Span;

/// A path and the text it stands for.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) path: String,
    pub(super) span: Span,
}

impl Place {
    pub(super) fn new(path: impl Into<String>, span: Span) -> Self {
        Self {
            path: path.into(),
            span,
        }
    }
}

/// Something to be said about the file.
#[derive(Debug)]
pub(super) struct Fault {
    severity: Severity,
    place: Option<Place>,
    message: String,
    hint: Option<String>,
}

impl Fault {
    /// Adds what to do about it.
    pub(super) fn hint(&mut self, hint: impl Into<String>) -> &mut Self {
        self.hint = Some(hint.into());
        self
    }
}

/// The faults of one file.
#[derive(Debug, Default)]
pub(super) struct Report {
    faults: Vec<Fault>,
    secrets: Vec<Span>,
    inline_secrets: Vec<Place>,
}

impl Report {
    /// Something that makes the file invalid.
    pub(super) fn error(&mut self, place: &Place, message: impl Into<String>) -> &mut Fault {
        self.add(Severity::Error, Some(place.clone()), message.into())
    }

    /// Something a person should know.
    pub(super) fn warning(&mut self, place: &Place, message: impl Into<String>) -> &mut Fault {
        self.add(Severity::Warning, Some(place.clone()), message.into())
    }

    /// Something invalid outside the file.
    pub(super) fn error_elsewhere(&mut self, message: impl Into<String>) -> &mut Fault {
        self.add(Severity::Error, None, message.into())
    }

    /// Keeps the text at `span` out of every excerpt.
    pub(super) fn hide(&mut self, span: Span) {
        self.secrets.push(span);
    }

    /// Notes that a key is written out in the file. What a YAML alias repeats is written once.
    pub(super) fn inline_secret(&mut self, place: &Place) {
        let is_known = |known: &Place| known.span == place.span;
        if !self.inline_secrets.iter().any(is_known) {
            self.inline_secrets.push(place.clone());
        }
    }

    /// Where keys are written out, in the order in which they were read.
    pub(super) fn inline_secrets(&self) -> &[Place] {
        &self.inline_secrets
    }

    /// Whether the file is invalid.
    pub(super) fn has_errors(&self) -> bool {
        self.faults
            .iter()
            .any(|fault| fault.severity == Severity::Error)
    }

    /// Everything that was said, in the order of the file; what has no place in it comes last.
    pub(super) fn finish(mut self, file: &str, text: &str) -> Vec<Diagnostic> {
        let shown: Arc<str> = mask::spans(text, &self.secrets).into();
        self.faults
            .sort_by_key(|fault| fault.place.as_ref().map_or(usize::MAX, |p| p.span.start));
        self.faults
            .into_iter()
            .map(|fault| fault.into_diagnostic(file, &shown))
            .collect()
    }

    fn add(&mut self, severity: Severity, place: Option<Place>, message: String) -> &mut Fault {
        self.faults.push(Fault {
            severity,
            place,
            message,
            hint: None,
        });
        self.faults.last_mut().expect("one was just pushed")
    }
}

impl Fault {
    fn into_diagnostic(self, file: &str, shown: &Arc<str>) -> Diagnostic {
        let base = Diagnostic::new(self.severity, self.message).with_hint(self.hint);
        match self.place {
            None => base,
            Some(place) => base.at(file, place.path, Excerpt::new(shown, place.span)),
        }
    }
}
