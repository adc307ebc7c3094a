//! How one tunnel stands, in words.

use ratatui::style::Style;

use crate::telemetry::snapshot::TunnelRow;
use crate::tui::pane::Look;
use crate::tui::theme::Tone;
use crate::tui::view::figures::{countdown, lasting, millis, time_of_day};
use crate::tui::view::page::{Line, Page};
use crate::tui::view::text::plain;

/// Steps of the past that are told.
const STEPS: usize = 8;

/// How one stands; `is_selected` puts a mark before it.
pub(super) fn write(page: &mut Page<'_>, row: &TunnelRow, is_selected: bool, look: &Look<'_>) {
    let theme = look.theme;
    let (tone, words) = standing(row, look.now_ms);
    let mark = if is_selected { ">" } else { " " };
    let title = format!("{mark} {} {}", theme.glyph(tone), plain(&row.kind));
    let since = match row.since_ms {
        0 => String::new(),
        since => format!("for {}", lasting(look.now_ms.saturating_sub(since))),
    };
    page.heading(&title, &since);
    page.named("State", &words, theme.style(tone));
    if row.state.is_empty() {
        page.text(
            "o opens it, behind a question: it would be a public door.",
            theme.style(Tone::Quiet),
        );
        return;
    }
    if let Some(url) = &row.url {
        page.named("URL", &plain(url), theme.style(Tone::Accent));
    }
    trouble(page, row);
    if let Some(latency) = row.latency_ms {
        page.named(
            "Latency",
            &format!("{} to its edge and back", millis(latency)),
            Style::new(),
        );
    }
    page.named("Restarts", &row.restarts.to_string(), Style::new());
    check(page, row);
    history(page, row);
}

/// How it is, and the words for that.
fn standing(row: &TunnelRow, now_ms: u64) -> (Tone, String) {
    let (tone, words) = match row.state.as_str() {
        "" => (Tone::Off, "not open"),
        "starting" => (Tone::Busy, "starting"),
        "url-known" => (Tone::Busy, "its URL is known, and does not answer yet"),
        "online" => (Tone::Good, "online"),
        "degraded" => (
            Tone::Warn,
            "degraded: it runs without a connection to its edge",
        ),
        "waiting" => (Tone::Warn, "waiting"),
        "failed" => (Tone::Bad, "failed: waiting does not mend it"),
        "stopped" => (Tone::Off, "stopped"),
        other => (Tone::Warn, other),
    };
    match row.retry_at_ms.filter(|_| row.state == "waiting") {
        Some(until) => (
            tone,
            format!("{words}, opened again in {}", countdown(until, now_ms)),
        ),
        None => (tone, words.to_owned()),
    }
}

fn trouble(page: &mut Page<'_>, row: &TunnelRow) {
    let theme = page.theme();
    let reason = match (&row.code, &row.reason) {
        (Some(code), Some(reason)) => Some(format!("{reason} ({code})")),
        (None, Some(words)) | (Some(words), None) => Some(words.clone()),
        (None, None) => None,
    };
    if let Some(reason) = reason {
        page.named("Reason", &reason, theme.style(Tone::Bad));
    }
    if let Some(hint) = &row.hint {
        page.named("Hint", hint, theme.style(Tone::Strong));
    }
}

fn check(page: &mut Page<'_>, row: &TunnelRow) {
    let theme = page.theme();
    let check = &row.check;
    let (tone, words) = match check.state.as_str() {
        "passed" => (Tone::Good, "passed: a request came through and back"),
        "failed" => (Tone::Bad, "failed"),
        _ => (Tone::Quiet, "no request went through it yet"),
    };
    let streams = match check.streams.as_deref() {
        Some("live") => "; streams come event by event",
        Some("buffered") => "; something on the way holds streams back to their end",
        _ => "",
    };
    let reason = check
        .reason
        .as_deref()
        .map_or(String::new(), |reason| format!(": {reason}"));
    let glyph = theme.glyph(tone);
    page.named(
        "Check",
        &format!("{glyph} {words}{streams}{reason}"),
        theme.style(tone),
    );
}

fn history(page: &mut Page<'_>, row: &TunnelRow) {
    let theme = page.theme();
    let skipped = row.history.len().saturating_sub(STEPS);
    for (count, step) in row.history.iter().skip(skipped).enumerate() {
        let name = if count == 0 { "History" } else { "" };
        let mut line: Line = vec![
            (format!("{name:<13}"), theme.style(Tone::Quiet)),
            (
                format!("{} ", time_of_day(step.at_ms)),
                theme.style(Tone::Quiet),
            ),
            (plain(&step.state), Style::new()),
        ];
        if let Some(reason) = &step.reason {
            line.push((format!(": {}", plain(reason)), theme.style(Tone::Quiet)));
        }
        page.line(line);
    }
}
