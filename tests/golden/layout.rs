//! Layout of snapshots: what fits on a line stands on one, so that a body reads like prose and a change
//! of one field is a change of one line.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use autogw::chat::{Dialect, Level, Report};
use serde_json::{Map, Value};

/// Longest line of a node that is not broken up.
const WIDTH: usize = 130;

/// A document, laid out.
pub(crate) fn document(value: &Value) -> String {
    let mut out = String::new();
    lay(value, 0, &mut out);
    out.push('\n');
    out
}

fn lay(value: &Value, depth: usize, out: &mut String) {
    let line = value.to_string();
    if line.len() + 2 * depth <= WIDTH {
        out.push_str(&line);
        return;
    }
    let pad = "  ".repeat(depth + 1);
    match value {
        Value::Object(map) => {
            out.push_str("{\n");
            for (key, value) in map {
                write!(out, "{pad}{}: ", Value::from(key.as_str())).expect("a string");
                lay(value, depth + 1, out);
                out.push('\n');
            }
            write!(out, "{}}}", "  ".repeat(depth)).expect("a string");
        }
        Value::Array(list) => {
            out.push_str("[\n");
            for value in list {
                out.push_str(&pad);
                lay(value, depth + 1, out);
                out.push('\n');
            }
            write!(out, "{}]", "  ".repeat(depth)).expect("a string");
        }
        _ => out.push_str(&line),
    }
}

/// What was lost, in up to three lines.
pub(crate) fn report(report: &Report) -> String {
    let of = |level| {
        let losses = report
            .losses()
            .iter()
            .filter(move |loss| loss.level == level);
        losses
            .map(|loss| loss.field.to_string())
            .collect::<Vec<_>>()
    };
    let adjusted = report.adjustments().iter();
    let adjusted: Vec<_> = adjusted
        .map(|adjustment| format!("{}={}", adjustment.field, adjustment.value))
        .collect();
    let mut out = String::new();
    for (word, list) in [
        ("dropped", of(Level::Loss)),
        ("noted", of(Level::Note)),
        ("adjusted", adjusted),
    ] {
        if !list.is_empty() {
            writeln!(out, "{word}: {}", list.join(", ")).expect("a string");
        }
    }
    out
}

/// The fields of `map` that `other` has not, or otherwise; those that are gone are named.
pub(crate) fn differences(
    map: &Map<String, Value>,
    other: &Map<String, Value>,
) -> Map<String, Value> {
    let mut differences = Map::new();
    for (key, value) in map {
        if other.get(key) != Some(value) {
            differences.insert(key.clone(), value.clone());
        }
    }
    for key in other.keys().filter(|key| !map.contains_key(*key)) {
        differences.insert(format!("-{key}"), Value::Null);
    }
    differences
}

/// What a law does not hold for yet, each path once with the dialects on the other side. Such a page may
/// only grow shorter.
pub(crate) fn gaps(faults: Vec<(String, Dialect, Dialect)>) -> String {
    let mut all: BTreeMap<(&str, String), BTreeSet<&str>> = BTreeMap::new();
    for (way, client, upstream) in faults {
        let upstreams = all.entry((client.name(), way)).or_default();
        upstreams.insert(upstream.name());
    }
    let mut out = String::new();
    for ((client, way), upstreams) in all {
        let upstreams: Vec<_> = upstreams.into_iter().collect();
        writeln!(out, "{client} {way} -> {}", upstreams.join(", ")).expect("a string");
    }
    out
}

/// Compares with the snapshot `name`.
pub(crate) fn compare(name: &str, text: &str) {
    insta::with_settings!({omit_expression => true, prepend_module_to_snapshot => false}, {
        insta::assert_snapshot!(name, text);
    });
}
