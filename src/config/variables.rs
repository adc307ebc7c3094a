//! `${NAME}` and `${NAME:-default}` in string values.
//!
//! Expanded once and not recursively: what a variable holds is never looked into. `$$` is a dollar, any
//! other `$` stands for itself. It works on the parsed tree, so quotes in a value cannot break the file.

use std::sync::LazyLock;

use regex::{Captures, Regex};

use super::environment::Environment;
use super::node::{Node, Text, Value, child};
use super::report::{Place, Report};

static REFERENCE: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\$(?:\$|\{([^}]*)\}|\{)").expect("the pattern is a constant"));

static NAME: LazyLock<Regex> =
    LazyLock::new(|| Regex::new("^[A-Za-z_][A-Za-z0-9_]*$").expect("the pattern is a constant"));

/// Expands every string below `node`; every missing variable is reported, each at its place.
pub(super) fn expand(node: &mut Node, path: &str, env: &Environment, report: &mut Report) {
    match &mut node.value {
        Value::Text(text) => {
            let place = Place::new(path, node.span.clone());
            match expand_text(&text.text, env) {
                Ok(expanded) => *text = expanded,
                Err(faults) => {
                    for fault in faults {
                        fault.report(&place, report);
                    }
                    node.value = Value::Broken;
                }
            }
        }
        Value::List(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                expand(item, &format!("{path}[{index}]"), env, report);
            }
        }
        Value::Object(entries) => {
            for entry in entries {
                expand(&mut entry.value, &child(path, &entry.key), env, report);
            }
        }
        _ => {}
    }
}

/// The names of the variables in a text that is not expanded yet.
pub(super) fn names_in(text: &str) -> Vec<String> {
    let inner = REFERENCE
        .captures_iter(text)
        .filter_map(|found| found.get(1));
    let name = |inner: &str| {
        inner
            .split_once(":-")
            .map_or(inner, |(name, _)| name)
            .to_owned()
    };
    inner.map(|inner| name(inner.as_str())).collect()
}

#[derive(Debug, PartialEq)]
enum Fault {
    Missing(String),
    Malformed(String),
}

impl Fault {
    fn report(&self, place: &Place, report: &mut Report) {
        match self {
            Fault::Missing(name) => report
                .error(place, format!("environment variable {name} is not set"))
                .hint(format!("set it, or give it a default: ${{{name}:-value}}")),
            Fault::Malformed(text) => report
                .error(place, format!("`{text}` is not a variable reference"))
                .hint("write ${NAME} or ${NAME:-default}; $$ is a literal dollar"),
        };
    }
}

fn expand_text(text: &str, env: &Environment) -> Result<Text, Vec<Fault>> {
    let mut faults = Vec::new();
    let mut expanded = false;
    let replaced = REFERENCE.replace_all(text, |found: &Captures<'_>| {
        if &found[0] == "$$" {
            return "$".to_owned();
        }
        expanded = true;
        let inner = found.get(1).map(|inner| inner.as_str());
        resolve(inner, env).unwrap_or_else(|fault| {
            faults.push(fault);
            String::new()
        })
    });
    if !faults.is_empty() {
        return Err(faults);
    }
    Ok(Text {
        text: replaced.into_owned(),
        expanded,
    })
}

fn resolve(inner: Option<&str>, env: &Environment) -> Result<String, Fault> {
    let inner = inner.ok_or_else(|| Fault::Malformed("${".to_owned()))?;
    let (name, default) = match inner.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (inner, None),
    };
    if !NAME.is_match(name) {
        return Err(Fault::Malformed(format!("${{{inner}}}")));
    }
    // As in a shell, `:-` stands in for an empty variable too.
    let value = match default {
        Some(_) => env.get(name).filter(|value| !value.is_empty()),
        None => env.get(name),
    };
    value
        .or(default)
        .map(str::to_owned)
        .ok_or_else(|| Fault::Missing(name.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expanded(text: &str) -> Result<String, Vec<Fault>> {
        let env = Environment::empty()
            .with("KEY", "k-1")
            .with("EMPTY", "")
            .with("NESTED", "${KEY}");
        expand_text(text, &env).map(|text| text.text)
    }

    #[test]
    fn replaces_variables_inside_text() {
        assert_eq!(expanded("a-${KEY}-b"), Ok("a-k-1-b".into()));
    }

    #[test]
    fn default_stands_in_for_missing_and_empty() {
        assert_eq!(expanded("${NONE:-d:-e}"), Ok("d:-e".into()));
        assert_eq!(expanded("${EMPTY:-d}"), Ok("d".into()));
        assert_eq!(expanded("${NONE:-}"), Ok(String::new()));
        assert_eq!(expanded("${EMPTY}"), Ok(String::new()));
    }

    #[test]
    fn expands_once_only() {
        assert_eq!(expanded("${NESTED}"), Ok("${KEY}".into()));
    }

    #[test]
    fn dollar_dollar_is_a_dollar_and_a_lone_dollar_stays() {
        assert_eq!(
            expanded("$${KEY} costs 5$ or $5"),
            Ok("${KEY} costs 5$ or $5".into())
        );
    }

    #[test]
    fn every_missing_variable_is_named() {
        assert_eq!(
            expanded("${A}${KEY}${B}"),
            Err(vec![Fault::Missing("A".into()), Fault::Missing("B".into())])
        );
    }

    #[test]
    fn malformed_references_are_faults() {
        assert_eq!(expanded("${}"), Err(vec![Fault::Malformed("${}".into())]));
        assert_eq!(
            expanded("${1X}"),
            Err(vec![Fault::Malformed("${1X}".into())])
        );
        assert_eq!(expanded("${OPEN"), Err(vec![Fault::Malformed("${".into())]));
    }
}
