//! What stands on the page of a request, from what came of it to its last word.

use ratatui::style::Style;
use serde_json::Value;

use super::waterfall::waterfall;
use crate::telemetry::snapshot::{
    AttemptRow, CandidateRow, Captured, RequestDetail, RequestRow, is_over,
};
use crate::tui::pane::Look;
use crate::tui::theme::{Theme, Tone};
use crate::tui::view::figures::{count, micros, millis, money, rate, time_of_day};
use crate::tui::view::page::Page;
use crate::tui::view::requests::{state_word, tone};
use crate::tui::view::text::{columns, cut, plain};

/// Longer bodies are shown as they are: to make them pretty takes longer than to read them.
const PRETTY: usize = 65_536;

/// The whole page.
pub(super) fn write(page: &mut Page<'_>, detail: &RequestDetail, look: &Look<'_>) {
    write_row(page, &detail.row, look);
    candidates(page, detail);
    attempts(page, detail);
    timing(page, detail, look);
    losses(page, detail);
    match &detail.captured {
        Some(captured) => bodies(page, captured, &detail.row),
        None => page_without_bodies(page, look),
    }
}

/// Where the page is not known.
pub(super) fn write_nothing(page: &mut Page<'_>, number: u64) {
    let quiet = page.theme().style(Tone::Quiet);
    page.heading(&format!("Request {number}"), "");
    page.text(
        "The gateway is asked for it. It remembers the last few hundred requests; esc goes back.",
        quiet,
    );
}

/// What came of it, as far as the list knows.
pub(super) fn write_row(page: &mut Page<'_>, row: &RequestRow, look: &Look<'_>) {
    let theme = look.theme;
    let tone = tone(row);
    let state = format!("{} {}", theme.glyph(tone), state_word(row));
    page.heading(&format!("Request {}", plain(&row.id)), "");
    page.named("State", &state_and_end(&state, row), theme.style(tone));
    let door = row
        .door
        .as_deref()
        .map_or(String::new(), |door| format!(", through {door}"));
    let asked = format!("{} by {}{door}", row.endpoint, row.client);
    page.named("Asked", &asked, Style::new());
    page.named("Model", &model(row), Style::new());
    page.named("Arrived", &time_of_day(row.received_ms), Style::new());
    page.named("Time", &times(row, look.now_ms), Style::new());
    page.named("Tokens", &tokens(row), Style::new());
}

fn state_and_end(state: &str, row: &RequestRow) -> String {
    let status = row.status.map(|status| status.to_string());
    let words = [Some(state.to_owned()), status, row.outcome.clone()];
    words.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn model(row: &RequestRow) -> String {
    match (&row.provider, &row.served) {
        (Some(provider), Some(served)) => {
            format!("{}, served by {provider} as {served}", row.model)
        }
        (Some(provider), None) => format!("{}, asked of {provider}", row.model),
        _ => row.model.clone(),
    }
}

fn times(row: &RequestRow, now_ms: u64) -> String {
    let total = if is_over(row) {
        row.total_ms
    } else {
        row.total_ms.max(now_ms.saturating_sub(row.received_ms))
    };
    let so_far = if is_over(row) { "" } else { " so far" };
    match row.ttft_ms {
        Some(ttft) => format!(
            "{}{so_far}, first token after {}",
            millis(total),
            millis(ttft)
        ),
        None => format!("{}{so_far}", millis(total)),
    }
}

fn tokens(row: &RequestRow) -> String {
    let words = [
        row.input_tokens
            .map(|tokens| format!("{} in", count(tokens))),
        row.output_tokens
            .map(|tokens| format!("{} out", count(tokens))),
        row.tokens_per_second
            .map(|speed| format!("{} a second", rate(speed))),
        row.cost.map(money),
    ];
    let words: Vec<String> = words.into_iter().flatten().collect();
    if words.is_empty() {
        "not known yet".to_owned()
    } else {
        words.join(", ")
    }
}

fn candidates(page: &mut Page<'_>, detail: &RequestDetail) {
    let by = match detail.strategy.as_str() {
        "" => String::new(),
        name => format!("candidates by {}", plain(name)),
    };
    page.heading("Why this target", &by);
    let quiet = page.theme().style(Tone::Quiet);
    if detail.candidates.is_empty() {
        let words = if is_over(&detail.row) {
            "Nobody watched when it was planned: candidates are kept while a dashboard is open."
        } else {
            "That is told as soon as the request is over."
        };
        page.text(words, quiet);
    }
    let mut candidates: Vec<&CandidateRow> = detail.candidates.iter().collect();
    candidates.sort_by_key(|one| one.rank.unwrap_or(usize::MAX));
    let targets = candidates
        .iter()
        .map(|one| target(&one.provider, &one.model, one.key));
    let widest = targets
        .map(|target| target.chars().count())
        .max()
        .unwrap_or(0)
        .min(page.room() / 2);
    for one in candidates {
        candidate(page, one, &detail.attempts, widest);
    }
}

fn candidate(page: &mut Page<'_>, one: &CandidateRow, attempts: &[AttemptRow], widest: usize) {
    let theme = page.theme();
    let (mark, tone, words) = fate(one, attempts, theme);
    let rank = one
        .rank
        .map_or_else(|| " -".to_owned(), |rank| format!("{rank:>2}"));
    let score = one.score.filter(|score| score.is_finite());
    let score = score.map_or_else(|| "   -".to_owned(), |score| format!("{score:.2}"));
    let name = padded(&target(&one.provider, &one.model, one.key), widest, theme);
    let front = format!("{rank} {mark} {name}  {score}  ");
    page.text_behind(&front, &words, theme.style(tone));
}

/// What became of a candidate.
fn fate(
    one: &CandidateRow,
    attempts: &[AttemptRow],
    theme: &Theme,
) -> (&'static str, Tone, String) {
    let is_its = |attempt: &&AttemptRow| {
        (&attempt.provider, &attempt.model) == (&one.provider, &one.model)
            && (attempt.key == one.key || attempt.key.is_none() || one.key.is_none())
    };
    let attempt = attempts.iter().rev().find(is_its);
    match (attempt, &one.excluded) {
        (Some(attempt), _) if attempt.is_failure => {
            let words = format!("asked, and failed: {}", plain(&attempt.verdict));
            ("✗", Tone::Bad, words)
        }
        (Some(attempt), _) if attempt.verdict == "ok" => (
            theme.glyph(Tone::Good),
            Tone::Good,
            "it answered".to_owned(),
        ),
        (Some(attempt), _) if is_skipped(attempt) => {
            let words = format!("not asked: {}", plain(&attempt.verdict).replace('_', " "));
            ("⊘", Tone::Off, words)
        }
        (Some(attempt), _) => {
            let words = format!("asked: {}", plain(&attempt.verdict).replace('_', " "));
            (theme.glyph(Tone::Busy), Tone::Busy, words)
        }
        (None, Some(reason)) => ("⊘", Tone::Off, format!("left out: {}", plain(reason))),
        (None, None) => (" ", Tone::Quiet, "not needed".to_owned()),
    }
}

fn target(provider: &str, model: &str, key: Option<usize>) -> String {
    let key = key.map_or(String::new(), |key| format!(" key {key}"));
    format!("{}/{}{key}", plain(provider), plain(model))
}

fn padded(text: &str, width: usize, theme: &Theme) -> String {
    let text = cut(text, width, theme);
    let gap = width.saturating_sub(columns(&text));
    format!("{text}{}", " ".repeat(gap))
}

fn attempts(page: &mut Page<'_>, detail: &RequestDetail) {
    let count = detail.attempts.len();
    page.heading("Attempts", &count.to_string());
    if count == 0 {
        let quiet = page.theme().style(Tone::Quiet);
        let words = match (&detail.row.provider, is_over(&detail.row)) {
            (Some(provider), false) => format!("{} is asked now.", plain(provider)),
            (None, false) => "Nobody was asked yet.".to_owned(),
            (_, true) => "Nobody was asked.".to_owned(),
        };
        page.text(&words, quiet);
    }
    for (place, one) in detail.attempts.iter().enumerate() {
        let branch = if place + 1 == count {
            "└─"
        } else {
            "├─"
        };
        attempt(page, one, branch);
    }
}

fn attempt(page: &mut Page<'_>, one: &AttemptRow, branch: &str) {
    let theme = page.theme();
    let (mark, tone) = match one.verdict.as_str() {
        _ if one.is_failure => ("✗", Tone::Bad),
        "ok" => (theme.glyph(Tone::Good), Tone::Good),
        "open" => (theme.glyph(Tone::Busy), Tone::Busy),
        _ => ("⊘", Tone::Off),
    };
    page.line(vec![
        (format!("{branch} "), theme.style(Tone::Quiet)),
        (format!("{mark} "), theme.style(tone)),
        (
            target(&one.provider, &one.model, one.key),
            theme.style(Tone::Strong),
        ),
    ]);
    let below = if branch == "└─" { "   " } else { "│  " };
    page.text_behind(&format!("{below}  "), &story(one), theme.style(tone));
}

/// Whether nobody was asked: a breaker was open, a key rests.
pub(super) fn is_skipped(one: &AttemptRow) -> bool {
    one.elapsed_ms.is_none() && one.verdict != "open" && one.verdict != "ok"
}

/// How an attempt went, in a sentence.
fn story(one: &AttemptRow) -> String {
    if is_skipped(one) {
        return format!("not asked: {}", plain(&one.verdict).replace('_', " "));
    }
    let cause = match one.cause.as_str() {
        "first" => "first choice",
        "failover" => "because the one before failed",
        "repeat" => "the same target once more",
        "healed" => "without a parameter that was refused",
        "hedge" => "because the one before is slow",
        "fallback" => "the route's fallback",
        "continued" => "goes on where a stream broke",
        other => other,
    };
    let verdict = plain(&one.verdict).replace('_', " ");
    let status = one.status.map(|status| format!("status {status}"));
    let took = match one.elapsed_ms {
        Some(ms) => format!("after {}", millis(ms)),
        None => "under way".to_owned(),
    };
    let rests = one
        .rests_ms
        .map(|ms| format!("it rests for {}", millis(ms)));
    let injected = one.injected.then(|| "a fault was injected".to_owned());
    let began = Some(format!("began at {}", millis(one.began_ms)));
    let words = [
        Some(plain(cause)),
        Some(verdict),
        status,
        Some(took),
        began,
        rests,
        injected,
    ];
    words.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn timing(page: &mut Page<'_>, detail: &RequestDetail, look: &Look<'_>) {
    let overhead = detail
        .overhead_us
        .map(|us| format!("of which the gateway itself {}", micros(us)));
    page.heading("Where the time went", &overhead.unwrap_or_default());
    let row = &detail.row;
    let total = if is_over(row) {
        row.total_ms
    } else {
        row.total_ms
            .max(look.now_ms.saturating_sub(row.received_ms))
    };
    for line in waterfall(detail, total, page.room(), look.theme) {
        page.line(line);
    }
}

fn losses(page: &mut Page<'_>, detail: &RequestDetail) {
    if detail.losses.is_empty() {
        return;
    }
    page.heading("Lost in translation", &detail.losses.len().to_string());
    let style = page.theme().style(Tone::Warn);
    for loss in &detail.losses {
        page.text_behind("! ", loss, style);
    }
}

fn page_without_bodies(page: &mut Page<'_>, look: &Look<'_>) {
    page.heading("Headers and bodies", "not captured");
    let about = &look.model.snapshot.about;
    let words = if about.captures {
        "This request came when nothing was captured, or its text was let go since."
    } else if look.model.snapshot.tunnels.iter().any(is_up) {
        "Nothing is captured while a tunnel is up."
    } else {
        "To see them, write \"router\": { \"capture\": {} } into the configuration and reload it. They stay in memory, within bounds, redacted."
    };
    let quiet = page.theme().style(Tone::Quiet);
    page.text(words, quiet);
}

fn is_up(tunnel: &crate::telemetry::snapshot::TunnelRow) -> bool {
    !matches!(tunnel.state.as_str(), "stopped" | "failed" | "")
}

fn bodies(page: &mut Page<'_>, captured: &Captured, row: &RequestRow) {
    headers(page, "Request", &captured.request_headers);
    body(
        page,
        "Body of the request",
        &captured.request,
        captured.request_is_cut,
    );
    headers(page, "Answer", &captured.answer_headers);
    let goes_on = if is_over(row) {
        ""
    } else {
        "it is being written"
    };
    page.heading("Text of the answer", goes_on);
    page.text(&captured.answer, Style::new());
    cut_line(page, captured.answer_is_cut);
}

fn headers(page: &mut Page<'_>, whose: &str, headers: &[(String, String)]) {
    if headers.is_empty() {
        return;
    }
    page.heading(&format!("Headers of the {}", whose.to_lowercase()), "");
    for (name, value) in headers {
        let value = if value.is_empty() {
            "(not shown)"
        } else {
            value
        };
        page.text(&format!("{}: {}", plain(name), plain(value)), Style::new());
    }
}

fn body(page: &mut Page<'_>, title: &str, body: &str, is_cut: bool) {
    if body.is_empty() {
        return;
    }
    page.heading(title, "");
    let parsed = (body.len() <= PRETTY).then(|| serde_json::from_str::<Value>(body).ok());
    let pretty = parsed
        .flatten()
        .and_then(|value| serde_json::to_string_pretty(&value).ok());
    page.text(pretty.as_deref().unwrap_or(body), Style::new());
    cut_line(page, is_cut);
}

fn cut_line(page: &mut Page<'_>, is_cut: bool) {
    if is_cut {
        let warn = page.theme().style(Tone::Warn);
        page.text("… there was more than is kept", warn);
    }
}
