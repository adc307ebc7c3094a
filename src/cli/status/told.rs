//! A snapshot, told to a person.

use anstyle::Style;

use crate::cli::figures::{count, known, money, span, took};
use crate::cli::page::{BAD, BOLD, DIM, GOOD, Painted, WORST};
use crate::cli::table::{Column, NOTHING, Row, Table, paragraph, plain};
use crate::telemetry::snapshot::{
    About, ProviderRow, Reloaded, Snapshot, Steering, Totals, TunnelRow,
};

/// `snapshot` in lines of at most `width` columns. With ANSI colours.
pub(super) fn screen(snapshot: &Snapshot, width: usize) -> String {
    let now = snapshot.now_ms;
    let mut text = format!("\n{}\n", headline(&snapshot.about, now));
    let facts = [
        ("config", config(&snapshot.about, now)),
        ("requests", requests(&snapshot.totals)),
        ("time", times(&snapshot.totals)),
        ("tokens", tokens(&snapshot.totals)),
        ("by hand", steering(&snapshot.steering, now)),
    ];
    let tunnels = snapshot.tunnels.iter().map(|row| ("tunnel", tunnel(row)));
    for (label, fact) in facts.into_iter().chain(tunnels) {
        if !fact.is_empty() {
            text.push_str(&fact_lines(label, &plain(&fact), width));
        }
    }
    text.push('\n');
    let rows = snapshot.providers.iter().map(|row| provider(row, now));
    text.push_str(&table(rows.collect()).render(width));
    text
}

fn headline(about: &About, now: u64) -> String {
    let state = if about.is_draining { ", ending" } else { "" };
    format!(
        "  {} at {}, up {}, pid {}{state}",
        Painted(format_args!("autogw {}", plain(&about.version)), BOLD),
        plain(&about.url),
        span(now.saturating_sub(about.started_ms)),
        about.pid,
    )
}

/// A label and a sentence behind it.
fn fact_lines(label: &str, fact: &str, width: usize) -> String {
    const LABELS: usize = 10;
    let lines = paragraph(fact, width.saturating_sub(LABELS));
    let lines = lines.lines().enumerate().map(|(at, line)| {
        let label = if at == 0 { label } else { "" };
        format!("  {label:<LABELS$}{}\n", line.trim_start())
    });
    lines.collect()
}

fn config(about: &About, now: u64) -> String {
    let reloaded = about.reloaded.as_ref();
    let reloaded = reloaded.map_or_else(String::new, |reloaded| {
        format!("; {}", last_reload(reloaded, now))
    });
    let place = if about.config.is_empty() {
        "no file"
    } else {
        &about.config
    };
    format!("{place}, strategy {}{reloaded}", about.strategy)
}

fn last_reload(reloaded: &Reloaded, now: u64) -> String {
    let ago = span(now.saturating_sub(reloaded.at_ms));
    if reloaded.is_good {
        format!("reloaded {ago} ago: {}", reloaded.summary)
    } else {
        let errors = match reloaded.errors.len() {
            1 => "an error".to_owned(),
            many => format!("{many} errors"),
        };
        format!("a reload {ago} ago changed nothing: the configuration has {errors}")
    }
}

fn requests(totals: &Totals) -> String {
    let statuses = &totals.statuses;
    format!(
        "{} ({:.1} per second, {} under way, {} queued): {} ok, {} refused, {} rate limited, {} failed, {} left",
        count(totals.requests),
        totals.rate,
        totals.in_flight,
        totals.queued,
        count(statuses.ok),
        count(statuses.client_errors),
        count(statuses.rate_limited),
        count(statuses.server_errors),
        count(statuses.left),
    )
}

fn times(totals: &Totals) -> String {
    let figures = [
        ("p50", totals.p50_ms.map(took)),
        ("p95", totals.p95_ms.map(took)),
        ("p99", totals.p99_ms.map(took)),
        ("first token", totals.ttft_ms.map(took)),
        ("gateway", totals.overhead_us.map(|us| format!("{us} µs"))),
    ];
    let figures = figures.into_iter();
    let figures = figures.filter_map(|(name, figure)| Some(format!("{name} {}", figure?)));
    figures.collect::<Vec<_>>().join(", ")
}

fn tokens(totals: &Totals) -> String {
    format!(
        "{} read, {} written, {:.0} per second, {}",
        count(totals.input_tokens),
        count(totals.output_tokens),
        totals.tokens_per_second,
        money(totals.cost),
    )
}

fn steering(steering: &Steering, now: u64) -> String {
    let until = |ms: u64| format!("for {}", span(ms.saturating_sub(now)));
    let mut parts = Vec::new();
    for drained in &steering.drained {
        let whom = &drained.whom;
        let key = whom.key.map_or_else(String::new, |key| format!("#{key}"));
        let model = whom.model.as_ref();
        let model = model.map_or_else(String::new, |model| format!("/{model}"));
        parts.push(format!("{}{model}{key} is drained", whom.provider));
    }
    if let Some(pin) = &steering.pin {
        let model = pin.model.as_ref();
        let model = model.map_or_else(String::new, |model| format!("/{model}"));
        let (provider, until) = (&pin.provider, until(pin.until_ms));
        parts.push(format!("{provider}{model} comes first {until}"));
    }
    if let Some(strategy) = &steering.strategy {
        parts.push(format!("strategy {strategy}"));
    }
    for chaos in &steering.chaos {
        let until = until(chaos.until_ms);
        parts.push(format!("{} has an injected fault {until}", chaos.provider));
    }
    parts.join("; ")
}

fn tunnel(row: &TunnelRow) -> String {
    let place = row.url.as_deref().unwrap_or_default();
    let reason = row.reason.as_deref();
    let reason = reason.map_or_else(String::new, |reason| format!(" ({reason})"));
    format!("{} {} {place}{reason}", row.kind, row.state)
}

fn table(rows: Vec<Row>) -> Table {
    let column = |title, is_number, spare| Column {
        title,
        is_number,
        spare,
    };
    Table {
        columns: vec![
            column("PROVIDER", false, 0),
            column("STANDING", false, 0),
            column("BREAKER", false, 4),
            column("LIVE", true, 3),
            column("REQ/S", true, 5),
            column("ERRORS", true, 1),
            column("P50", true, 2),
            column("P95", true, 7),
            column("TTFT", true, 6),
        ],
        last: "LAST ERROR",
        rows,
    }
}

fn provider(row: &ProviderRow, now: u64) -> Row {
    let error = row.last_error.as_ref();
    let error = known(error, |error| {
        let status = error.status;
        let status = status.map_or_else(String::new, |status| format!(" {status}"));
        let ago = span(now.saturating_sub(error.at_ms));
        format!(
            "{}{status}, {ago} ago",
            plain(&error.class).replace('_', " ")
        )
    });
    let live = match row.cap {
        Some(cap) => format!("{}/{cap}", row.in_flight),
        None => row.in_flight.to_string(),
    };
    Row {
        cells: vec![
            plain(&row.name),
            plain(&row.standing),
            breaker(row, now),
            live,
            format!("{:.1}", row.rate),
            known(row.errors, |share| format!("{:.1} %", share * 100.0)),
            known(row.p50_ms, took),
            known(row.p95_ms, took),
            known(row.ttft_ms, took),
        ],
        last: error,
        style: style(&row.standing),
    }
}

fn breaker(row: &ProviderRow, now: u64) -> String {
    let circuit = &row.circuit;
    match (&*circuit.state, circuit.until_ms) {
        ("", _) => NOTHING.to_owned(),
        ("open", Some(until)) => format!("open, {}", span(until.saturating_sub(now))),
        ("half-open", _) => format!("half-open {}/{}", circuit.successes, circuit.needed),
        (state, _) => plain(state),
    }
}

fn style(standing: &str) -> Style {
    match standing {
        "ready" => GOOD,
        "open" | "unavailable" => WORST,
        "drained" => DIM,
        _ => BAD,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::act::Whom;
    use crate::telemetry::snapshot::{Circuit, Drained, LastError, Pin};

    fn snapshot() -> Snapshot {
        Snapshot {
            now_ms: 8_040_000,
            about: About {
                version: "0.1.0".to_owned(),
                pid: 7,
                url: "http://127.0.0.1:8000".to_owned(),
                config: "./config.json".to_owned(),
                strategy: "adaptive".to_owned(),
                reloaded: Some(Reloaded {
                    is_good: true,
                    summary: "3 targets changed".to_owned(),
                    ..Reloaded::default()
                }),
                ..About::default()
            },
            totals: Totals {
                requests: 12_345,
                p50_ms: Some(412),
                cost: 3.42,
                ..Totals::default()
            },
            steering: Steering {
                drained: vec![Drained {
                    whom: Whom {
                        provider: "groq".to_owned(),
                        key: Some(2),
                        model: None,
                    },
                    since_ms: 0,
                }],
                pin: Some(Pin {
                    provider: "a".to_owned(),
                    model: Some("m".to_owned()),
                    until_ms: 8_100_000,
                }),
                ..Steering::default()
            },
            providers: vec![ProviderRow {
                name: "gr\u{1b}[31moq".to_owned(),
                standing: "open".to_owned(),
                circuit: Circuit {
                    state: "open".to_owned(),
                    until_ms: Some(8_057_000),
                    ..Circuit::default()
                },
                last_error: Some(LastError {
                    at_ms: 8_030_000,
                    class: "rate_limit".to_owned(),
                    status: Some(429),
                    model: String::new(),
                }),
                ..ProviderRow::default()
            }],
            ..Snapshot::default()
        }
    }

    #[test]
    fn a_reload_that_failed_says_how_many_errors_there_are() {
        for (errors, told) in [(1, "has an error"), (2, "has 2 errors")] {
            let reloaded = Reloaded {
                errors: vec![String::new(); errors],
                ..Reloaded::default()
            };
            let said = last_reload(&reloaded, 0);
            assert!(said.ends_with(told), "{said}");
        }
    }

    #[test]
    fn one_screen_says_how_it_stands() {
        let text = screen(&snapshot(), 100);
        let text = anstream::adapter::strip_str(&text).to_string();
        for part in [
            "autogw 0.1.0 at http://127.0.0.1:8000, up 2 h 14 min, pid 7",
            "./config.json, strategy adaptive; reloaded 2 h 14 min ago: 3 targets changed",
            "12.3k (0.0 per second",
            "p50 412 ms",
            "$3.42",
            "groq#2 is drained; a/m comes first for 1 min 0 s",
            "open, 17 s",
            "rate limit 429, 10 s ago",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(!text.contains('\u{1b}'), "{text}");
    }

    #[test]
    fn eighty_columns_are_enough() {
        let text = screen(&snapshot(), 80);
        let text = anstream::adapter::strip_str(&text).to_string();
        for line in text.lines() {
            assert!(line.chars().count() <= 80, "{line}");
        }
    }
}
