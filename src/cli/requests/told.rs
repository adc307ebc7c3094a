//! Requests, told to a person.

use std::fmt::Write as _;

use anstyle::Style;

use super::has_failed;
use crate::cli::figures::{count, known, moment, money, time_of_day, took};
use crate::cli::page::{BAD, BOLD, DIM, GOOD, Painted};
use crate::cli::table::{Column, NOTHING, Row, Table, paragraph, plain};
use crate::telemetry::snapshot::{
    AttemptRow, CandidateRow, Phase, RequestDetail, RequestRow, is_over,
};

/// A table of `rows` of at most `width` columns. With ANSI colours.
pub(super) fn list(rows: &[RequestRow], width: usize) -> String {
    if rows.is_empty() {
        return paragraph("No such request is remembered.", width);
    }
    let column = |title, is_number, spare| Column {
        title,
        is_number,
        spare,
    };
    let table = Table {
        columns: vec![
            column("TIME", false, 3),
            column("ID", false, 0),
            column("STATUS", false, 0),
            column("TOOK", true, 0),
            column("TTFT", true, 5),
            column("IN", true, 6),
            column("OUT", true, 6),
            column("COST", true, 7),
            column("CLIENT", false, 8),
            column("MODEL", false, 0),
        ],
        last: "ROUTE",
        rows: rows.iter().map(row).collect(),
    };
    table.render(width)
}

fn row(row: &RequestRow) -> Row {
    Row {
        cells: vec![
            time_of_day(row.received_ms),
            plain(&row.id),
            status(row),
            took(row.total_ms),
            known(row.ttft_ms, took),
            known(row.input_tokens, count),
            known(row.output_tokens, count),
            known(row.cost, money),
            plain(&row.client),
            plain(&row.model),
        ],
        last: route(row),
        style: style(row),
    }
}

/// One that has ended, in one line. With ANSI colours.
pub(super) fn line(row: &RequestRow) -> String {
    let tokens = format!(
        "{}/{}",
        known(row.input_tokens, count),
        known(row.output_tokens, count)
    );
    format!(
        "{} {} {:>8} {:>8} {tokens:>11} {} {}: {}",
        Painted(time_of_day(row.received_ms), DIM),
        Painted(format_args!("{:<10}", status(row)), style(row)),
        took(row.total_ms),
        known(row.ttft_ms, took),
        plain(&row.id),
        plain(&row.model),
        route(row),
    )
}

/// Where it stands, or how it has ended.
fn status(row: &RequestRow) -> String {
    let phase = match row.phase {
        Phase::Queued => "queued",
        Phase::Waiting => "waiting",
        Phase::Streaming => "streaming",
        Phase::Over => "",
    };
    if !phase.is_empty() {
        return phase.to_owned();
    }
    let status = row.status.map(|status| status.to_string());
    let outcome = row.outcome.as_deref().unwrap_or_default();
    let says_more = outcome != "complete" && row.status.is_none_or(|status| status < 400);
    let outcome = says_more.then(|| match outcome {
        "client left" => "left".to_owned(),
        other => plain(other),
    });
    let words: Vec<String> = status.into_iter().chain(outcome).collect();
    words.join(" ")
}

fn style(row: &RequestRow) -> Style {
    match (is_over(row), has_failed(row)) {
        (false, _) => Style::new(),
        (true, true) => BAD,
        (true, false) => GOOD,
    }
}

/// Who was asked, in order; of those who failed, how.
fn route(row: &RequestRow) -> String {
    if row.route.is_empty() {
        return known(row.provider.as_deref(), plain);
    }
    let steps = row.route.iter().map(|(provider, word)| match &**word {
        "ok" | "" => plain(provider),
        word => format!("{} ({})", plain(provider), plain(word).replace('_', " ")),
    });
    steps.collect::<Vec<_>>().join(" > ")
}

/// One in full, with the tree of what was tried. With ANSI colours.
pub(super) fn in_full(detail: &RequestDetail, width: usize) -> String {
    let row = &detail.row;
    let mut text = format!(
        "\n  {} {} {} for {}\n",
        Painted(plain(&row.id), BOLD),
        plain(&row.endpoint),
        plain(&row.model),
        plain(&row.client),
    );
    text.push_str(&paragraph(&facts(detail), width));
    attempts(&mut text, &detail.attempts);
    candidates(&mut text, &detail.candidates);
    if !detail.losses.is_empty() {
        text.push_str("\n  lost in translation\n");
        for loss in &detail.losses {
            _ = writeln!(text, "    {}", plain(loss));
        }
    }
    text
}

fn facts(detail: &RequestDetail) -> String {
    let row = &detail.row;
    let mut facts = vec![
        format!("arrived {}", moment(row.received_ms)),
        format!("{} after {}", status(row), took(row.total_ms)),
    ];
    facts.extend(row.ttft_ms.map(|ms| format!("first token {}", took(ms))));
    facts.extend(detail.overhead_us.map(|us| format!("gateway {us} µs")));
    facts.extend(
        row.input_tokens
            .map(|tokens| format!("{tokens} tokens read")),
    );
    facts.extend(row.output_tokens.map(|tokens| format!("{tokens} written")));
    facts.extend(
        row.tokens_per_second
            .map(|speed| format!("{speed:.0} per second")),
    );
    facts.extend(row.cost.map(money));
    facts.extend(
        row.door
            .as_ref()
            .map(|door| format!("through {}", plain(door))),
    );
    if !detail.strategy.is_empty() {
        facts.push(format!("strategy {}", plain(&detail.strategy)));
    }
    facts.join(", ")
}

fn attempts(text: &mut String, attempts: &[AttemptRow]) {
    text.push_str("\n  attempts\n");
    if attempts.is_empty() {
        text.push_str("    nobody was asked\n");
    }
    for (place, attempt) in (1..).zip(attempts) {
        let twig = if place == attempts.len() {
            "└─"
        } else {
            "├─"
        };
        let style = if attempt.is_failure { BAD } else { GOOD };
        let status = attempt.status;
        let status = status.map_or_else(String::new, |status| format!(" {status}"));
        let verdict = format!("{}{status}", plain(&attempt.verdict).replace('_', " "));
        let took = attempt.elapsed_ms.map_or_else(
            || "goes on".to_owned(),
            |elapsed| format!("took {}", took(elapsed)),
        );
        let rests = attempt.rests_ms;
        let rests = rests.map_or_else(String::new, |ms| {
            format!(", rests {}", crate::cli::figures::took(ms))
        });
        _ = writeln!(
            text,
            "  {twig} {place} {}: {}, {} after {}, {took}{rests}",
            target(&attempt.provider, &attempt.model, attempt.key),
            Painted(verdict, style),
            plain(&attempt.cause),
            crate::cli::figures::took(attempt.began_ms),
        );
    }
}

fn candidates(text: &mut String, candidates: &[CandidateRow]) {
    if candidates.is_empty() {
        return;
    }
    text.push_str("\n  candidates\n");
    for candidate in candidates {
        let rank = known(candidate.rank, |rank| rank.to_string());
        let target = target(&candidate.provider, &candidate.model, candidate.key);
        let excluded = candidate.excluded.as_deref();
        let why = match (excluded, candidate.score) {
            (Some(why), _) => format!(": left out, {}", plain(why)),
            (None, Some(score)) => format!(": score {score:.2}"),
            (None, None) => String::new(),
        };
        let style = if excluded.is_some() {
            DIM
        } else {
            Style::new()
        };
        _ = writeln!(
            text,
            "  {}",
            Painted(format_args!("{rank:>2} {target}{why}"), style)
        );
    }
}

fn target(provider: &str, model: &str, key: Option<usize>) -> String {
    let key = key.map_or_else(String::new, |key| format!("#{key}"));
    let model = if model.is_empty() { NOTHING } else { model };
    format!("{}/{}{key}", plain(provider), plain(model))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed_over() -> RequestRow {
        RequestRow {
            number: 3,
            id: "0a1b".to_owned(),
            received_ms: 1_795_269_669_120,
            client: "team".to_owned(),
            model: "smart\u{1b}[2J".to_owned(),
            phase: Phase::Over,
            provider: Some("b".to_owned()),
            route: vec![
                ("a".to_owned(), "rate_limit".to_owned()),
                ("b".to_owned(), "ok".to_owned()),
            ],
            status: Some(200),
            outcome: Some("complete".to_owned()),
            ttft_ms: Some(210),
            total_ms: 4_000,
            input_tokens: Some(12),
            output_tokens: Some(1_900),
            ..RequestRow::default()
        }
    }

    fn bare(text: &str) -> String {
        anstream::adapter::strip_str(text).to_string()
    }

    #[test]
    fn a_line_says_who_was_asked_and_how_it_ended() {
        assert_eq!(
            bare(&line(&failed_over())),
            "14:01:09 200           4.0 s   210 ms     12/1900 0a1b smart\u{fffd}[2J: a (rate limit) > b"
        );
    }

    #[test]
    fn an_end_that_is_none_is_said() {
        let ended = |code, outcome: &str| {
            status(&RequestRow {
                status: Some(code),
                outcome: Some(outcome.to_owned()),
                ..failed_over()
            })
        };
        assert_eq!(ended(200, "failed"), "200 failed");
        assert_eq!(ended(200, "client left"), "200 left");
        assert_eq!(ended(503, "failed"), "503");
        let streaming = RequestRow {
            phase: Phase::Streaming,
            ..failed_over()
        };
        assert_eq!(status(&streaming), "streaming");
    }

    #[test]
    fn the_tree_has_every_attempt_and_every_candidate() {
        let attempt = |provider: &str, verdict: &str, is_failure| AttemptRow {
            provider: provider.to_owned(),
            model: "m".to_owned(),
            key: Some(2),
            cause: "first".to_owned(),
            verdict: verdict.to_owned(),
            is_failure,
            elapsed_ms: Some(120),
            rests_ms: is_failure.then_some(12_000),
            ..AttemptRow::default()
        };
        let candidate = |excluded: Option<&str>| CandidateRow {
            provider: "c".to_owned(),
            model: "m".to_owned(),
            score: Some(0.5),
            rank: excluded.is_none().then_some(1),
            excluded: excluded.map(str::to_owned),
            ..CandidateRow::default()
        };
        let detail = RequestDetail {
            row: failed_over(),
            attempts: vec![attempt("a", "rate_limit", true), attempt("b", "ok", false)],
            candidates: vec![candidate(None), candidate(Some("its breaker is open"))],
            losses: vec!["top_k".to_owned()],
            ..RequestDetail::default()
        };
        let text = bare(&in_full(&detail, 100));
        for part in [
            "├─ 1 a/m#2: rate limit, first after 0 ms, took 120 ms, rests 12.0 s",
            "└─ 2 b/m#2: ok, first after 0 ms, took 120 ms",
            " 1 c/m: score 0.50",
            " – c/m: left out, its breaker is open",
            "lost in translation\n    top_k",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(!text.contains('\u{1b}'), "{text}");
    }

    #[test]
    fn a_list_fits_the_terminal() {
        let text = bare(&list(&[failed_over()], 80));
        assert!(text.contains("a (rate limit) > b"), "{text}");
        for line in text.lines() {
            assert!(line.chars().count() <= 80, "{line}");
        }
    }
}
