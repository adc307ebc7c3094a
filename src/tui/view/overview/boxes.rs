//! The figures of the gateway as a whole, in three boxes.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::telemetry::snapshot::{Statuses, Totals};
use crate::tui::pane::Look;
use crate::tui::theme::Tone;
use crate::tui::view::figures::{self, NOTHING, narrow_millis};
use crate::tui::view::pen::Pen;
use crate::tui::view::spark::{chart, course};

/// What stands in a box: a line, a course, and lines of which the first ones are shown where there is little room.
struct Told {
    title: &'static str,
    first: String,
    course: Vec<f64>,
    rest: Vec<String>,
}

/// Draws them side by side.
pub(super) fn draw(look: &Look<'_>, area: Rect, buffer: &mut Buffer) {
    if area.height < 3 {
        return;
    }
    let totals = &look.model.snapshot.totals;
    let third = area.width / 3;
    let rest = area.width - third;
    let widths = [third, rest - rest / 2, rest / 2];
    let told = [traffic(totals), latency(totals), tokens(totals)];
    let mut x = area.x;
    for (width, told) in widths.into_iter().zip(told) {
        draw_box(look, &told, Rect { x, width, ..area }, buffer);
        x = x.saturating_add(width);
    }
}

fn draw_box(look: &Look<'_>, told: &Told, area: Rect, buffer: &mut Buffer) {
    let theme = look.theme;
    let mut pen = Pen::new(buffer, area);
    let mut inner = pen.frame(told.title, theme.border(), theme.style(Tone::Quiet));
    inner.write(0, 0, &told.first, theme.style(Tone::Strong));
    let most = if inner.height() >= 5 { 2 } else { 1 };
    let words = told.rest.len().min(most);
    let rows = usize::from(inner.height()).saturating_sub(1 + words);
    let lines = chart(&told.course, inner.width().into(), rows, theme);
    let lines = lines.iter().map(|line| (line, theme.style(Tone::Busy)));
    let rest = told.rest.iter().take(words);
    let rest = rest.map(|line| (line, theme.style(Tone::Quiet)));
    for (y, (line, style)) in (1..).zip(lines.chain(rest)) {
        inner.write(0, y, line, style);
    }
}

fn traffic(totals: &Totals) -> Told {
    let (live, queued) = (totals.in_flight, totals.queued);
    let first = format!(
        "{}/s  {live} live  {queued} queued",
        figures::rate(totals.rate)
    );
    let all = [
        ("requests", totals.requests),
        ("failovers", totals.failovers),
        ("repeats", totals.repeats),
        ("hedges", totals.hedges),
    ];
    let all: Vec<String> = all
        .iter()
        .map(|(what, n)| format!("{what} {}", figures::count(*n)))
        .collect();
    Told {
        title: "Traffic 5m",
        first,
        course: totals.history.rate.clone(),
        rest: vec![shares(&totals.recent), all.join("  ")],
    }
}

/// How the last minute was answered.
fn shares(statuses: &Statuses) -> String {
    let client = statuses.client_errors.saturating_add(statuses.rate_limited);
    let parts = [statuses.ok, client, statuses.server_errors, statuses.left];
    let all = parts
        .iter()
        .fold(0_u64, |all, part| all.saturating_add(*part));
    let share = |part: u64| figures::part(part, all);
    if all == 0 {
        return "nothing within a minute".to_owned();
    }
    format!(
        "ok {}% 4xx {}% 5xx {}%",
        share(parts[0]),
        share(client),
        share(parts[2])
    )
}

fn latency(totals: &Totals) -> Told {
    let ms = |ms: Option<u64>| ms.map_or_else(|| NOTHING.to_owned(), narrow_millis);
    let unit = |ms: Option<u64>| ms.map_or_else(|| NOTHING.to_owned(), figures::millis);
    let (p50, p95, p99) = (ms(totals.p50_ms), ms(totals.p95_ms), ms(totals.p99_ms));
    let overhead = totals
        .overhead_us
        .map_or_else(|| NOTHING.to_owned(), figures::micros);
    let hedges = format!("hedges won {}/{}", totals.hedges_won, totals.hedges);
    Told {
        title: "Latency ms",
        first: format!("p50 {p50} p95 {p95} p99 {p99}"),
        course: course(&totals.history.latency_ms),
        rest: vec![
            format!("ttft {}  own {overhead}", unit(totals.ttft_ms)),
            format!("{hedges}  continued {}", figures::count(totals.continued)),
        ],
    }
}

fn tokens(totals: &Totals) -> Told {
    let cached = figures::part(totals.cached_tokens, totals.input_tokens);
    let (read, written) = (totals.input_tokens, totals.output_tokens);
    let unpriced = match totals.unpriced {
        0 => String::new(),
        n => format!("  without price {}", figures::count(n)),
    };
    Told {
        title: "Tokens, cost",
        first: format!(
            "{} tok/s  {}",
            figures::rate(totals.tokens_per_second),
            figures::money(totals.cost)
        ),
        course: totals.history.tokens.clone(),
        rest: vec![
            format!(
                "in {} out {} hit {cached}%",
                figures::count(read),
                figures::count(written)
            ),
            format!(
                "lost in translation {}{unpriced}",
                figures::count(totals.dropped)
            ),
        ],
    }
}
