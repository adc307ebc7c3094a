//! A glance at an event's data: what the frequent ones say, without building a value of them.

use std::borrow::Cow;

use crate::json::scan;

/// The fields of an event that tell most of them whole.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Glance<'a> {
    kind: &'a [u8],
    delta: &'a [u8],
    logprobs: &'a [u8],
    output_index: Option<u64>,
    /// Which part of the item: of its content or of its summary.
    pub(super) part: Option<u64>,
}

impl<'a> Glance<'a> {
    /// Looks at `data`; `None` if it is no JSON object.
    pub(super) fn at(data: &'a [u8]) -> Option<Self> {
        let mut glance = Glance::default();
        for member in scan::members(data) {
            let member = member.ok()?;
            let value = &data[member.value..member.end];
            match &data[member.key..member.key_end] {
                b"type" => glance.kind = value,
                b"delta" => glance.delta = value,
                b"logprobs" => glance.logprobs = value,
                b"output_index" => glance.output_index = number(value),
                b"content_index" | b"summary_index" => glance.part = number(value),
                _ => {}
            }
        }
        Some(glance)
    }

    /// The type, without its quotes.
    pub(super) fn kind(&self) -> &'a [u8] {
        let inner = self.kind.strip_prefix(b"\"");
        let inner = inner.and_then(|inner| inner.strip_suffix(b"\""));
        inner.unwrap_or_default()
    }

    /// The delta, if it is text.
    pub(super) fn delta(&self) -> Option<Cow<'a, str>> {
        scan::string(self.delta)
    }

    /// The item that the event is about.
    pub(super) fn item(&self) -> Option<u64> {
        self.output_index
    }

    /// Log probabilities of the delta, if there are any.
    pub(super) fn logprobs(&self) -> Option<serde_json::Value> {
        if scan::is_blank(self.logprobs) {
            return None;
        }
        serde_json::from_slice(self.logprobs).ok()
    }
}

fn number(value: &[u8]) -> Option<u64> {
    std::str::from_utf8(value).ok()?.parse().ok()
}
