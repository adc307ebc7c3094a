//! `--dry-run`: what would be written, line by line, without what is secret in it.

use std::sync::LazyLock;

use regex::Regex;

use super::fault::Fault;
use super::gateway::Found;
use super::print::steps;
use crate::cli::console::Console;
use crate::cli::exit::Exit;
use crate::cli::table::plain;
use crate::clients::ledger::Ledger;
use crate::clients::place::short;
use crate::clients::plan::{self, Planned};
use crate::clients::recipe::Recipe;
use crate::config::Environment;
use crate::provider::Redactor;

/// Pairs of lines that are compared at most: where there are more, all of them count as changed.
const MOST_PAIRS: usize = 1 << 20;

/// Shows it, and touches nothing.
pub(super) fn run(
    recipe: &'static Recipe,
    found: &Found,
    ledger: &Ledger,
    env: &Environment,
    console: &mut Console<'_>,
) -> Result<Exit, Fault> {
    let plan = plan::plan(recipe, &found.endpoint, ledger, env)?;
    let redactor = Redactor::new(&found.endpoint.key);
    for file in &plan.files {
        let path = plain(&short(&file.path, env));
        console.data(format!("{path}: {}", verdict(file)));
        let present = file.present.as_ref();
        let before = present.map_or(Ok(""), |present| present.text());
        let after = file.content.text();
        for line in lines(before.unwrap_or_default(), after.unwrap_or_default()) {
            console.data(format!("  {}", plain(&hidden(&line, &redactor))));
        }
    }
    if plan.files.is_empty() {
        console.data(format!(
            "{} has no file that would be written",
            recipe.title
        ));
    }
    for step in steps(recipe, &found.endpoint) {
        console.data(format!("  {}", plain(&hidden(&step, &redactor))));
    }
    Ok(Exit::Done)
}

fn verdict(file: &Planned) -> &'static str {
    match (&file.present, file.is_changed()) {
        (_, false) => "nothing to change",
        (None, true) => "would be written",
        (Some(present), true) if present.bytes == file.content.bytes => {
            "would be readable by its owner only"
        }
        (Some(_), true) => "would be changed",
    }
}

/// The lines that go, after `-`, and those that come, after `+`, with their numbers.
fn lines(before: &str, after: &str) -> Vec<String> {
    let (old, new): (Vec<&str>, Vec<&str>) = (before.lines().collect(), after.lines().collect());
    let same = |(one, other): &(&&str, &&str)| one == other;
    let head = old.iter().zip(&new).take_while(same).count();
    let (rest_old, rest_new) = (&old[head..], &new[head..]);
    let tail = rest_old.iter().rev().zip(rest_new.iter().rev());
    let tail = tail.take_while(same).count();
    let old = &rest_old[..rest_old.len() - tail];
    let new = &rest_new[..rest_new.len() - tail];
    let mut out = Vec::new();
    let (mut at_old, mut at_new) = (0, 0);
    for (next_old, next_new) in common(old, new).into_iter().chain([(old.len(), new.len())]) {
        let gone = (at_old..next_old).map(|at| format!("- {:>3} {}", head + at + 1, old[at]));
        out.extend(gone);
        let come = (at_new..next_new).map(|at| format!("+ {:>3} {}", head + at + 1, new[at]));
        out.extend(come);
        (at_old, at_new) = (next_old + 1, next_new + 1);
    }
    out
}

/// The places of a longest common subsequence.
fn common(old: &[&str], new: &[&str]) -> Vec<(usize, usize)> {
    if old.len().saturating_mul(new.len()) > MOST_PAIRS {
        return Vec::new();
    }
    // The longest one of what is behind each pair of places.
    let width = new.len() + 1;
    let mut longest = vec![0_u32; (old.len() + 1) * width];
    for one in (0..old.len()).rev() {
        for other in (0..new.len()).rev() {
            longest[one * width + other] = if old[one] == new[other] {
                longest[(one + 1) * width + other + 1] + 1
            } else {
                longest[(one + 1) * width + other].max(longest[one * width + other + 1])
            };
        }
    }
    let (mut one, mut other, mut pairs) = (0, 0, Vec::new());
    while one < old.len() && other < new.len() {
        if old[one] == new[other] {
            pairs.push((one, other));
            (one, other) = (one + 1, other + 1);
        } else if longest[(one + 1) * width + other] >= longest[one * width + other + 1] {
            one += 1;
        } else {
            other += 1;
        }
    }
    pairs
}

/// A value behind a name that says it is one to be kept.
static SECRET: LazyLock<Regex> = LazyLock::new(|| {
    let name = r"(?i)[\w-]*(?:key|token|secret|password|passwd|authorization|credential)[\w-]*";
    let value = r#""(?:[^"\\]|\\.)*"?|'[^']*'|(?:(?i:bearer|basic)\s+)?[^\s,}\]]+"#;
    let pattern = format!(r#"({name}["']?\s*[:=]\s*)({value})"#);
    Regex::new(&pattern).expect("a pattern of ours")
});

/// `line` without keys: ours, those that look like one, and what is called one.
fn hidden(line: &str, redactor: &Redactor) -> String {
    let known = redactor.redact(line);
    SECRET.replace_all(&known, "$1***").into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::Secret;

    #[test]
    fn only_what_changes_is_shown() {
        let before = "{\n  \"a\": 1,\n  \"b\": 2,\n  \"c\": 3\n}\n";
        let after = "{\n  \"a\": 1,\n  \"x\": 0,\n  \"b\": 5,\n  \"c\": 3\n}\n";
        let shown = lines(before, after);
        assert_eq!(
            shown,
            [
                "-   3   \"b\": 2,",
                "+   3   \"x\": 0,",
                "+   4   \"b\": 5,"
            ]
        );
        assert_eq!(lines("", "a\nb\n"), ["+   1 a", "+   2 b"]);
        assert_eq!(lines("a\nb\n", "a\nb\n"), [""; 0]);
        assert_eq!(
            lines("1\n2\n3\n4\n", "2\n4\n5\n"),
            ["-   1 1", "-   3 3", "+   3 5"]
        );
    }

    #[test]
    fn no_key_is_shown() {
        let redactor = Redactor::new(&Some(Secret::new("canary-of-ours")));
        for line in [
            r#"  "ANTHROPIC_AUTH_TOKEN": "canary-of-theirs","#,
            r#"{ "env": { "X_API_KEY": "canary", "u": 1 } }"#,
            "api_key = 'canary canary'",
            "OPENAI_API_KEY=canary",
            "    apiKey: canary # a comment",
            "any canary-of-ours here",
            "    Authorization: Bearer canary",
            r#""password": "a\"canary","#,
        ] {
            let shown = hidden(line, &redactor);
            assert!(!shown.contains("canary"), "{shown}");
        }
        let plain = r#""ANTHROPIC_BASE_URL": "http://127.0.0.1:8000""#;
        assert_eq!(hidden(plain, &redactor), plain);
    }
}
