//! The figures of the gateway as a whole, in three boxes.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::telemetry::snapshot::{Statuses, Totals};
use crate::tui::pane::Look;
use crate::tui::theme::Tone;
use crate::tui::view::figures::{self, NOTHING, narrow_millis};
use crate::tui::view::pen::Pen;
use crate::tui::view::spark::{chart, course};
use crate::tui::view::text::columns;

/// A course of fewer samples says nothing yet.
const LEAST: usize = 3;

/// What stands in a line, the most important first: what there is no room for is left out whole.
type Words = Vec<String>;

/// What stands in a box: a line, a course, and lines of which the first ones are shown where there is little room.
struct Told {
    title: &'static str,
    first: Words,
    course: Vec<f64>,
    rest: Vec<Words>,
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
    let room = inner.width().into();
    let first = fitting(&told.first, room);
    inner.write(0, 0, &first, theme.style(Tone::Strong));
    let most = if inner.height() >= 5 { 2 } else { 1 };
    let words = told.rest.len().min(most);
    let rows = usize::from(inner.height()).saturating_sub(1 + words);
    let shown: &[f64] = if told.course.len() < LEAST {
        &[]
    } else {
        &told.course
    };
    let lines = chart(shown, room, rows, theme);
    let lines = lines
        .into_iter()
        .map(|line| (line, theme.style(Tone::Busy)));
    let rest = told.rest.iter().take(words);
    let rest = rest.map(|line| (fitting(line, room), theme.style(Tone::Quiet)));
    for (y, (line, style)) in (1..).zip(lines.chain(rest)) {
        inner.write(0, y, &line, style);
    }
}

/// As many of `words` as there is room for, beside each other: closer, if all fit so.
fn fitting(words: &[String], room: usize) -> String {
    let close = beside(words, room, 1);
    let is_tight = columns(&beside(words, room, 2)) < columns(&close);
    if is_tight {
        close
    } else {
        beside(words, room, 2)
    }
}

fn beside(words: &[String], room: usize, gap: usize) -> String {
    let mut line = String::new();
    for word in words.iter().filter(|word| !word.is_empty()) {
        let gap = if line.is_empty() { 0 } else { gap };
        if columns(&line) + gap + columns(word) <= room || line.is_empty() {
            line.push_str(&" ".repeat(gap));
            line.push_str(word);
        }
    }
    line
}

fn traffic(totals: &Totals) -> Told {
    let (live, queued) = (totals.in_flight, totals.queued);
    let all = [
        ("requests", totals.requests),
        ("failovers", totals.failovers),
        ("repeats", totals.repeats),
        ("hedges", totals.hedges),
    ];
    let all = all.iter();
    let all = all.map(|(what, n)| format!("{what} {}", figures::count(*n)));
    Told {
        title: "Traffic 5m",
        first: vec![
            format!("{}/s", figures::rate(totals.rate)),
            format!("{live} live"),
            format!("{queued} queued"),
        ],
        course: totals.history.rate.clone(),
        rest: vec![shares(&totals.recent), all.collect()],
    }
}

/// How the last minute was answered.
fn shares(statuses: &Statuses) -> Words {
    let client = statuses.client_errors.saturating_add(statuses.rate_limited);
    let parts = [statuses.ok, client, statuses.server_errors, statuses.left];
    let all = parts
        .iter()
        .fold(0_u64, |all, part| all.saturating_add(*part));
    if all == 0 {
        return vec!["nothing within a minute".to_owned()];
    }
    let share = |what: &str, part: u64| match part {
        0 => format!("{what} 0%"),
        part => format!("{what} {}%", figures::part(part, all)),
    };
    let left = match statuses.left {
        0 => String::new(),
        left => share("left", left),
    };
    vec![
        share("ok", statuses.ok),
        share("4xx", client),
        share("5xx", statuses.server_errors),
        left,
    ]
}

fn latency(totals: &Totals) -> Told {
    let ms = |ms: Option<u64>| ms.map_or_else(|| NOTHING.to_owned(), narrow_millis);
    let unit = |ms: Option<u64>| ms.map_or_else(|| NOTHING.to_owned(), figures::millis);
    let (p50, p95, p99) = (ms(totals.p50_ms), ms(totals.p95_ms), ms(totals.p99_ms));
    let overhead = totals
        .overhead_us
        .map_or_else(|| NOTHING.to_owned(), figures::micros);
    Told {
        title: "Latency ms",
        // The three belong together.
        first: vec![format!("p50 {p50} p95 {p95} p99 {p99}")],
        course: course(&totals.history.latency_ms),
        rest: vec![
            vec![
                format!("ttft {}", unit(totals.ttft_ms)),
                format!("gw +{overhead}"),
            ],
            vec![
                format!("hedges won {}/{}", totals.hedges_won, totals.hedges),
                format!("continued {}", figures::count(totals.continued)),
            ],
        ],
    }
}

fn tokens(totals: &Totals) -> Told {
    let cached = match totals.cached_tokens {
        0 => "0".to_owned(),
        some => figures::part(some, totals.input_tokens),
    };
    let (read, written) = (totals.input_tokens, totals.output_tokens);
    let unpriced = match totals.unpriced {
        0 => String::new(),
        n => format!("without price {}", figures::count(n)),
    };
    Told {
        title: "Tokens, cost",
        first: vec![
            format!("{} tok/s", figures::rate(totals.tokens_per_second)),
            figures::cost(totals.cost),
        ],
        course: totals.history.tokens.clone(),
        rest: vec![
            vec![
                format!("in {}", figures::count(read)),
                format!("out {}", figures::count(written)),
                format!("cached {cached}%"),
            ],
            vec![
                unpriced,
                format!("lost in translation {}", figures::count(totals.dropped)),
            ],
        ],
    }
}
