//! The list of settings under construction: paths, what holds there, and where that comes from.

use std::fmt::Display;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use url::Url;

use super::origins::Origins;
use crate::provider::Redactor;

/// What stands where the program decides.
const DEFAULT: &str = "default";

/// See the module's head.
pub(super) struct Sheet<'a> {
    origins: &'a Origins,
    redactor: Redactor,
    rows: Vec<Value>,
}

impl<'a> Sheet<'a> {
    pub(super) fn new(origins: &'a Origins, redactor: Redactor) -> Self {
        Self {
            origins,
            redactor,
            rows: Vec::new(),
        }
    }

    /// The rows so far.
    pub(super) fn finish(self) -> Vec<Value> {
        self.rows
    }

    /// A setting.
    pub(super) fn put(&mut self, path: impl Into<String>, value: impl Into<Value>) {
        let path = path.into();
        let source = self.origins.of(&path).unwrap_or(DEFAULT).to_owned();
        self.push(&path, value.into(), &source);
    }

    /// A setting that is written as part of what is around it, or under another name, too.
    pub(super) fn put_as(
        &mut self,
        path: impl Into<String>,
        value: impl Into<Value>,
        others: &[&str],
    ) {
        let path = path.into();
        let others = || others.iter().find_map(|other| self.origins.of(other));
        let source = self.origins.of(&path).or_else(others).unwrap_or(DEFAULT);
        let source = source.to_owned();
        self.push(&path, value.into(), &source);
    }

    fn push(&mut self, path: &str, value: Value, source: &str) {
        let value = self.redacted(value);
        self.rows
            .push(json!({ "path": path, "value": value, "source": source }));
    }

    /// The last net: what holds a key by mistake is caught by what keys are known and what they look like.
    fn redacted(&self, value: Value) -> Value {
        match value {
            Value::String(text) => self.redactor.redact(&text).into_owned().into(),
            Value::Array(items) => items.into_iter().map(|item| self.redacted(item)).collect(),
            other => other,
        }
    }
}

/// A duration as it is written in a file.
pub(super) fn span(duration: Duration) -> Value {
    let ms = duration.as_millis();
    let text = match ms {
        0 => "0s".to_owned(),
        ms if ms % 3_600_000 == 0 => format!("{}h", ms / 3_600_000),
        ms if ms % 60_000 == 0 => format!("{}m", ms / 60_000),
        ms if ms % 1000 == 0 => format!("{}s", ms / 1000),
        ms => format!("{ms}ms"),
    };
    text.into()
}

/// A number of bytes as it is written in a file.
pub(super) fn size(bytes: usize) -> Value {
    const UNITS: [(usize, &str); 3] = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    let unit = UNITS.iter().find(|(unit, _)| bytes.is_multiple_of(*unit));
    match unit {
        Some((unit, name)) if bytes > 0 => format!("{}{name}", bytes / unit).into(),
        _ => bytes.into(),
    }
}

/// A path.
pub(super) fn path(path: &Path) -> Value {
    path.display().to_string().into()
}

/// An address without user name, password and query.
pub(super) fn address(url: &Url) -> Value {
    crate::config::mask::credentials(url.as_str()).into()
}

/// How many secrets there are, and what they are called; never what they are.
pub(super) fn secrets<T: Display>(count: usize, names: &[T]) -> Value {
    let noun = if count == 1 { "key" } else { "keys" };
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    match (count, names.is_empty()) {
        (0, _) => "not set".into(),
        (1, true) => "set".into(),
        (_, true) => format!("{count} {noun}").into(),
        (_, false) => format!("{count} {noun} ({})", names.join(", ")).into(),
    }
}

/// Whether a secret is there.
pub(super) fn secret<T>(secret: Option<&T>) -> Value {
    secrets::<&str>(usize::from(secret.is_some()), &[])
}
