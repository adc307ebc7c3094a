//! A past request, told to a person: what was tried for it, in order.

use anstyle::Style;
use serde_json::Value;

use super::told::{field, number, target, time};
use crate::cli::page::{BAD, DIM, GOOD};
use crate::cli::table::{Column, NOTHING, Row, Table, paragraph};

/// `request` as lines of at most `width` columns. With ANSI colours.
pub(super) fn request(request: &Value, width: usize) -> String {
    let status = number(&request["status"], |status| format!("{status:.0}"));
    let headline = format!(
        "{}: {} at {} by {} ended with {status}, {}, after {}.",
        field(request, "id"),
        field(request, "model"),
        field(request, "endpoint"),
        field(request, "strategy"),
        field(request, "outcome"),
        number(&request["total_ms"], time),
    );
    let attempts = request["attempts"].as_array();
    let rows: Vec<Row> = attempts.into_iter().flatten().zip(1..).map(row).collect();
    let rest = if rows.is_empty() {
        paragraph("Nobody was asked.", width)
    } else {
        table(rows).render(width)
    };
    format!("\n{}\n{rest}\n", paragraph(&headline, width))
}

fn table(rows: Vec<Row>) -> Table {
    let column = |title, is_number, spare| Column {
        title,
        is_number,
        spare,
    };
    Table {
        columns: vec![
            column("", true, 0),
            column("TARGET", false, 0),
            column("KEY", false, 4),
            column("WHY", false, 2),
            column("AFTER", true, 3),
            column("TOOK", true, 1),
        ],
        last: "VERDICT",
        rows,
    }
}

fn row((attempt, place): (&Value, usize)) -> Row {
    let verdict = field(attempt, "verdict").replace('_', " ");
    let status = number(&attempt["status"], |status| format!(" ({status:.0})"));
    let status = if status == NOTHING {
        String::new()
    } else {
        status
    };
    let rests = attempt["rests_ms"].as_f64();
    let rests = rests.map_or_else(String::new, |ms| format!(", rests for {}", time(ms)));
    let injected = if attempt["injected"] == true {
        ", a fault was injected"
    } else {
        ""
    };
    let style = match attempt["verdict"].as_str() {
        Some("ok") => GOOD,
        _ if attempt["failed"] == true => BAD,
        Some("left_out" | "circuit_open" | "full" | "lost" | "drained") => DIM,
        _ => Style::new(),
    };
    Row {
        cells: vec![
            place.to_string(),
            target(attempt),
            number(&attempt["key"], |key| format!("{key:.0}")),
            field(attempt, "cause"),
            number(&attempt["began_ms"], time),
            number(&attempt["elapsed_ms"], time),
        ],
        last: format!("{verdict}{status}{rests}{injected}"),
        style,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_past_request_is_told_attempt_by_attempt() {
        let attempts = json!([
            { "provider": "groq", "model": "llama", "key": 1, "cause": "first", "verdict": "rate_limit",
              "failed": true, "status": 429, "began_ms": 0, "elapsed_ms": 120, "rests_ms": 12_000 },
            { "provider": "anthropic", "model": "claude", "key": 1, "cause": "failover", "verdict": "ok",
              "failed": false, "status": 200, "began_ms": 121, "elapsed_ms": 812, "rests_ms": null }
        ]);
        let trace = json!({
            "id": "7f39", "model": "smart", "endpoint": "/chat/completions", "strategy": "adaptive",
            "status": 200, "outcome": "complete", "total_ms": 933, "attempts": attempts
        });
        let text = request(&trace, 60);
        let text = anstream::adapter::strip_str(&text).to_string();
        assert!(
            text.lines().all(|line| line.chars().count() <= 60),
            "{text}"
        );
        insta::assert_snapshot!(text);
    }
}
