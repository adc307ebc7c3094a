//! What a public door lets in: how many requests, and for which names.

use crate::config::node::Value;
use crate::config::read::{At, Read};
use crate::config::report::Report;
use crate::config::scalar::{OneOrMany, Whole, number};

/// Requests a minute.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace(pub(super) u32);

impl Read for Pace {
    fn read(at: &At<'_>, report: &mut Report) -> Option<Self> {
        if number(at, "a whole number, or \"off\"", report)? == "0" {
            report
                .error(&at.place(), "0 would let nobody in")
                .hint("write \"off\" for no limit");
            return None;
        }
        Whole::<1, 1_000_000>::read(at, report).map(|pace| Self(pace.0))
    }

    fn schema() -> serde_json::Value {
        Whole::<1, 1_000_000>::schema()
    }
}

/// Names of routes and models, each with a `*` at its end or without.
#[derive(Debug)]
pub(super) struct Patterns(pub(super) Vec<String>);

impl Read for Patterns {
    fn read(at: &At<'_>, report: &mut Report) -> Option<Self> {
        let patterns: OneOrMany<Pattern> = OneOrMany::read(at, report)?;
        if patterns.0.is_empty() && matches!(&at.node.value, Value::List(items) if items.is_empty())
        {
            report
                .error(&at.place(), "an empty list lets nobody ask for anything")
                .hint("leave `models` out to let in all of them");
            return None;
        }
        Some(Self(patterns.0.into_iter().map(|one| one.0).collect()))
    }

    fn schema() -> serde_json::Value {
        OneOrMany::<String>::schema()
    }
}

#[derive(Debug)]
struct Pattern(String);

impl Read for Pattern {
    fn read(at: &At<'_>, report: &mut Report) -> Option<Self> {
        let text = String::read(at, report)?;
        let text = text.trim();
        if text.strip_suffix('*').unwrap_or(text).contains('*') {
            report.error(&at.place(), "`*` may only stand at the end");
            return None;
        }
        Some(Self(text.to_owned()))
    }

    fn schema() -> serde_json::Value {
        String::schema()
    }
}
