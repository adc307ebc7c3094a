//! A decision, told to a person: a table of the candidates, and the reason of the choice in sentences.

use std::fmt::Write as _;
use std::time::Duration;

use anstyle::Style;
use serde_json::Value;

use crate::cli::page::{BAD, BOLD, DIM, GOOD, Painted};
use crate::cli::table::{Column, NOTHING, Row, Table, paragraph, plain};
use crate::proxy::shown;

/// `decision` as lines of at most `width` columns. With ANSI colours.
pub(super) fn decision(decision: &Value, width: usize) -> String {
    let mut text = format!("\n{}\n", headline(decision, width));
    text.push_str(&table(decision).render(width));
    text.push('\n');
    let chosen = &decision["chosen"];
    if !chosen.is_null() {
        for sentence in detours(decision) {
            text.push_str(&paragraph(&sentence, width));
        }
        let sentence = format!(
            "{} is asked first: {}.",
            target(chosen),
            field(chosen, "reason")
        );
        text.push_str(&paragraph(&sentence, width));
        let sentences = [translation(decision), changes(chosen), order(decision)];
        let ways = ways(&decision["fallbacks"]).into_iter();
        for sentence in sentences.into_iter().flatten().chain(ways) {
            text.push_str(&paragraph(&sentence, width));
        }
        text.push('\n');
    }
    text
}

fn headline(decision: &Value, width: usize) -> String {
    let mut words = format!(
        "{} by {}",
        field(decision, "endpoint"),
        field(decision, "strategy")
    );
    if decision["steered"]["strategy"] == true {
        words.push_str(", switched by hand");
    }
    if let Some(route) = decision["route"].as_str() {
        _ = write!(words, ", route {}", plain(route));
    }
    let model = field(decision, "model");
    let lines = paragraph(&format!("{model}: {words}"), width);
    // The model stands first, unless it is broken itself.
    match lines.split_once(&*model) {
        Some((before, rest)) => format!("{before}{}{rest}", Painted(model, BOLD)),
        None => lines,
    }
}

fn table(decision: &Value) -> Table {
    let column = |title, is_number, spare| Column {
        title,
        is_number,
        spare,
    };
    let candidates = decision["candidates"].as_array();
    Table {
        columns: vec![
            column("", true, 0),
            column("TARGET", false, 0),
            column("KEY", false, 5),
            column("SCORE", true, 1),
            column("LATENCY", true, 3),
            column("SUCCESS", true, 2),
            column("BREAKER", false, 4),
        ],
        last: "VERDICT",
        rows: candidates.into_iter().flatten().map(row).collect(),
    }
}

fn row(candidate: &Value) -> Row {
    let health = &candidate["health"];
    let reason = candidate["excluded"]["reason"].as_str();
    let is_chosen = candidate["chosen"] == true;
    let rank = candidate["rank"].as_u64().filter(|_| reason.is_none());
    let (last, style) = match reason {
        Some(reason) => (plain(reason), DIM),
        None if is_chosen => ("chosen".to_owned(), GOOD),
        None => (verdict(health).to_owned(), style(health)),
    };
    // Of a candidate without a key that was looked at, nothing was looked up.
    let percent = |share: f64| format!("{:.0} %", share * 100.0);
    Row {
        cells: vec![
            rank.map_or_else(|| NOTHING.to_owned(), |rank| rank.to_string()),
            target(candidate),
            key(candidate),
            number(&candidate["score"], |score| format!("{score:.2}")),
            number(&health["latency_ms"], time),
            number(&health["success"], percent),
            field(health, "breaker"),
        ],
        last,
        style,
    }
}

/// What is to be said of a candidate that is not the first.
fn verdict(health: &Value) -> &'static str {
    match health["standing"].as_str() {
        Some("suspect") => "late: it failed a moment ago",
        Some("probe") => "its breaker waits for a probe",
        _ => "if others fail",
    }
}

fn style(health: &Value) -> Style {
    match health["standing"].as_str() {
        Some("suspect" | "probe") => BAD,
        _ => Style::new(),
    }
}

/// `provider/model`.
pub(super) fn target(of: &Value) -> String {
    format!("{}/{}", field(of, "provider"), field(of, "model"))
}

/// A key's name, or else its number.
pub(super) fn key(of: &Value) -> String {
    match (of["alias"].as_str(), of["key"].as_u64()) {
        (Some(alias), _) => plain(alias),
        (None, Some(place)) => place.to_string(),
        (None, None) => NOTHING.to_owned(),
    }
}

/// A text, fit for a terminal.
pub(super) fn field(of: &Value, name: &str) -> String {
    of[name].as_str().map_or_else(|| NOTHING.to_owned(), plain)
}

pub(super) fn number(value: &Value, said: impl Fn(f64) -> String) -> String {
    value.as_f64().map_or_else(|| NOTHING.to_owned(), said)
}

/// Milliseconds as people say them.
pub(super) fn time(ms: f64) -> String {
    let time = Duration::try_from_secs_f64(ms / 1000.0);
    time.map_or_else(|_| NOTHING.to_owned(), shown::time)
}

fn translation(decision: &Value) -> Option<String> {
    let chosen = &decision["chosen"];
    let dialect = field(decision, "dialect");
    (chosen["translated"] == true).then(|| {
        let speaks = field(chosen, "speaks");
        format!("The request is translated from {dialect} to {speaks}.")
    })
}

/// What would be lost.
fn changes(chosen: &Value) -> Option<String> {
    let list = |name: &str| {
        let words = chosen[name].as_array().into_iter().flatten();
        let words: Vec<_> = words.filter_map(Value::as_str).map(plain).collect();
        (!words.is_empty()).then(|| words.join(", "))
    };
    let dropped = list("dropped").map(|words| format!("Left out for it: {words}."));
    let adjusted = list("adjusted").map(|words| format!("Changed for it: {words}."));
    let both: Vec<_> = dropped.into_iter().chain(adjusted).collect();
    (!both.is_empty()).then(|| both.join(" "))
}

/// Who comes after it.
fn order(decision: &Value) -> Option<String> {
    const SHOWN: usize = 4;
    let order = decision["order"].as_array()?;
    let rest: Vec<_> = order.iter().skip(1).collect();
    let words = |one: &&Value| {
        let name = target(one);
        let alike = order.iter().filter(|other| target(other) == name);
        if alike.count() > 1 {
            format!("{name} with key {}", key(one))
        } else {
            name
        }
    };
    let names: Vec<_> = rest.iter().take(SHOWN).map(words).collect();
    let mut text = if names.is_empty() {
        "Nobody else is there if it fails".to_owned()
    } else {
        format!("If it fails: {}", names.join(", then "))
    };
    if rest.len() > SHOWN {
        _ = write!(text, " and {} more", rest.len() - SHOWN);
    }
    text.push('.');
    Some(text)
}

/// The way that it takes before anybody is asked.
fn detours(decision: &Value) -> Vec<String> {
    let detours = decision["detours"].as_array().into_iter().flatten();
    let told = detours.map(|detour| {
        let (route, on) = (field(detour, "route"), kinds(detour));
        format!("Nobody is left to ask ({on}), so it goes on along route {route}.")
    });
    told.collect()
}

/// Where it goes on when everybody has failed.
fn ways(fallbacks: &Value) -> Vec<String> {
    let fallbacks = fallbacks.as_array().into_iter().flatten();
    let told = fallbacks.map(|fallback| {
        let (route, on) = (field(fallback, "route"), kinds(fallback));
        format!("Then, on {on}: route {route}.")
    });
    told.collect()
}

fn kinds(of: &Value) -> String {
    let kinds = of["on"].as_array().into_iter().flatten();
    let kinds = kinds.filter_map(Value::as_str).map(|kind| match kind {
        "any" => "any failure".to_owned(),
        kind => plain(kind),
    });
    kinds.collect::<Vec<_>>().join(" or ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn example() -> Value {
        let health = |standing: &str| json!({ "standing": standing, "latency_ms": 410, "success": 0.9, "breaker": "closed" });
        json!({
            "model": "smart", "endpoint": "/messages", "dialect": "anthropic", "strategy": "adaptive",
            "route": "smart",
            "chosen": {
                "provider": "openai", "model": "gpt-4o", "key": 1, "alias": "work", "speaks": "openai_chat",
                "translated": true, "dropped": ["top_k"], "adjusted": ["thinking=medium"],
                "reason": "it has the best score, 2.88"
            },
            "order": [
                { "provider": "openai", "model": "gpt-4o" },
                { "provider": "groq", "model": "llama-3.3-70b-versatile" }
            ],
            "candidates": [
                { "provider": "openai", "model": "gpt-4o", "key": 1, "alias": "work", "rank": 1, "score": 2.88,
                  "chosen": true, "health": health("ready") },
                { "provider": "groq", "model": "llama-3.3-70b-versatile", "key": 2, "rank": 2, "score": 1.2,
                  "chosen": false, "health": health("suspect") },
                { "provider": "local", "model": "m", "key": null, "rank": null, "score": null,
                  "chosen": false, "health": health("ready"),
                  "excluded": { "code": "incapable", "reason": "it lacks vision" } }
            ],
            "fallbacks": [{ "on": ["context_length"], "route": "large" }]
        })
    }

    fn plain_text(width: usize) -> String {
        anstream::adapter::strip_str(&decision(&example(), width)).to_string()
    }

    #[test]
    fn a_decision_is_told_as_a_table_and_in_sentences() {
        insta::assert_snapshot!(plain_text(100));
    }

    #[test]
    fn keys_of_one_target_are_told_apart_and_detours_before_the_choice() {
        let mut decision = example();
        decision["order"][1] = json!({ "provider": "openai", "model": "gpt-4o", "key": 2 });
        decision["detours"] = json!([{ "on": ["rate_limit", "timeout"], "route": "spare" }]);
        let text = anstream::adapter::strip_str(&super::decision(&decision, 100)).to_string();
        let way = "(rate_limit or timeout), so it goes on along route spare.";
        for words in [
            way,
            "If it fails: openai/gpt-4o with key 2.",
            "Then, on context_length: route large.",
        ] {
            assert!(text.contains(words), "{words}: {text}");
        }
        assert!(text.find(way) < text.find("is asked first"), "{text}");
    }

    #[test]
    fn sixty_columns_are_enough() {
        let text = plain_text(60);
        assert!(
            text.lines().all(|line| line.chars().count() <= 60),
            "{text}"
        );
        insta::assert_snapshot!(text);
    }
}
