//! One thing that was found.

use serde::Serialize;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Verdict {
    /// It is as it should be.
    Ok,
    /// It is good to know.
    Note,
    /// It works, but not for long, not safely or not as meant.
    Warning,
    /// It does not work.
    Error,
}

/// What was found, where, and how it is mended. As JSON: see the help of the verb.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    /// The group it belongs to.
    pub(super) check: &'static str,
    /// What it is about: a provider, a file, a setting; empty where the group says enough.
    pub(super) subject: String,
    /// How bad it is.
    pub(super) verdict: Verdict,
    /// What was found, a sentence without a full stop.
    pub(super) message: String,
    /// What to do: a command or a setting.
    pub(super) fix: Option<String>,
    /// Places, and what else helps.
    pub(super) details: Vec<String>,
}

impl Finding {
    /// Found at `subject`. Its group is known to who asked.
    pub(super) fn new(
        verdict: Verdict,
        subject: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        Self {
            check: "",
            subject: subject.into(),
            verdict,
            message: message.into(),
            fix: None,
            details: Vec::new(),
        }
    }

    /// Nothing is wrong with `subject`.
    pub(super) fn ok(subject: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(Verdict::Ok, subject, message)
    }

    /// Something to know of `subject`.
    pub(super) fn note(subject: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(Verdict::Note, subject, message)
    }

    /// `subject` works, but.
    pub(super) fn warning(subject: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(Verdict::Warning, subject, message)
    }

    /// `subject` does not work.
    pub(super) fn error(subject: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(Verdict::Error, subject, message)
    }

    /// Says how it is mended.
    pub(super) fn fix(mut self, fix: impl Into<String>) -> Self {
        self.fix = Some(fix.into());
        self
    }

    /// Adds what else helps.
    pub(super) fn detail(mut self, detail: impl Into<String>) -> Self {
        self.details.push(detail.into());
        self
    }
}
