//! A provider in a row: what stands in its columns, how rows are compared, and what a filter looks at.

use std::borrow::Cow;
use std::cmp::Ordering;

use ratatui::style::Style;

use crate::telemetry::snapshot::ProviderRow;
use crate::tui::pane::Look;
use crate::tui::theme::{Theme, Tone};
use crate::tui::view::figures::{self, NOTHING, narrow_millis, real};
use crate::tui::view::filter::Field;
use crate::tui::view::spark::{course, sparkline};
use crate::tui::view::standing;
use crate::tui::view::table::{Cell, Column, Kind};

/// Columns of the course of the latency: a cell does not know how wide it is drawn, so all are as wide.
const TREND: u16 = 14;

/// The columns; in 80 there is room for those up to `KEYS`.
pub(super) const COLUMNS: &[Column] = &[
    column("PROVIDER", 14, 28, 0, Kind::Words),
    column("HEALTH", 13, 14, 0, Kind::Words),
    column("BREAKER", 10, 10, 1, Kind::Words),
    column("REQ/S", 5, 6, 3, Kind::Number),
    column("ERR%", 4, 4, 2, Kind::Number),
    column("P50", 4, 6, 4, Kind::Number),
    column("P95", 4, 6, 5, Kind::Number),
    column("TTFT", 4, 6, 6, Kind::Number),
    column("LIVE", 5, 7, 7, Kind::Number),
    column("KEYS", 4, 6, 8, Kind::Number),
    column("TOK/S", 5, 6, 9, Kind::Number),
    column("LAST ERROR", 20, 36, 10, Kind::Words),
    column("LATENCY 5m", TREND, TREND, 11, Kind::Words),
    column("TRIES", 5, 6, 12, Kind::Number),
    column("COST", 7, 8, 13, Kind::Number),
];

const fn column(title: &'static str, least: u16, most: u16, spare: u8, kind: Kind) -> Column {
    Column {
        title,
        least,
        most,
        spare,
        kind,
    }
}

/// What stands in the columns.
pub(super) fn cells(row: &ProviderRow, look: &Look<'_>) -> Vec<Cell> {
    let theme = look.theme;
    let millis = |ms: Option<u64>| {
        let words = ms.map_or_else(|| NOTHING.to_owned(), narrow_millis);
        Cell::new(words, theme.style(standing::pace(ms)))
    };
    let (breaker, tone) = standing::breaker(&row.circuit, look.now_ms);
    let errors = row
        .errors
        .map_or_else(|| NOTHING.to_owned(), figures::percent);
    vec![
        name(row, look),
        health(row, theme),
        Cell::new(breaker, theme.style(tone)),
        figures::rate(row.rate).into(),
        Cell::new(errors, theme.style(standing::failing(row.errors))),
        plain(millis(row.p50_ms), row.p50_ms),
        plain(millis(row.p95_ms), row.p95_ms),
        plain(millis(row.ttft_ms), row.ttft_ms),
        live(row).into(),
        keys(row, look),
        figures::rate(row.tokens_per_second).into(),
        last_error(row, look),
        trend(row, theme),
        figures::count(row.attempts).into(),
        figures::cost(row.cost).into(),
    ]
}

/// A time that is as it should be stands in the terminal's own colour.
fn plain(cell: Cell, ms: Option<u64>) -> Cell {
    match (standing::pace(ms), ms) {
        (Tone::Quiet, Some(ms)) => narrow_millis(ms).into(),
        _ => cell,
    }
}

/// The name, with the marks of what was done to it by hand.
fn name(row: &ProviderRow, look: &Look<'_>) -> Cell {
    let steering = &look.model.snapshot.steering;
    let is_pinned = steering
        .pin
        .as_ref()
        .is_some_and(|pin| pin.provider == row.name);
    let mut cell = Cell::new("", Style::new());
    if is_pinned {
        cell = cell.and("pin ", look.theme.style(Tone::Accent));
    }
    if row.chaos.is_some() {
        cell = cell.and("chaos ", look.theme.style(Tone::Warn));
    }
    cell.and(row.name.clone(), Style::new())
}

fn health(row: &ProviderRow, theme: &Theme) -> Cell {
    let tone = standing::tone(&row.standing);
    let style = theme.style(tone);
    let score = standing::score(row.health);
    Cell::new(
        format!("{} {score:>3} {}", theme.glyph(tone), row.standing),
        style,
    )
}

fn live(row: &ProviderRow) -> String {
    let live = figures::count(row.in_flight.into());
    match row.cap {
        Some(cap) => format!("{live}/{}", figures::count(cap.into())),
        None => live,
    }
}

/// The keys that are ready; where none is, how long the first one rests.
fn keys(row: &ProviderRow, look: &Look<'_>) -> Cell {
    let (ready, all) = (row.keys_ready, row.keys);
    let words = if all == 0 {
        NOTHING.to_owned()
    } else {
        format!(
            "{}/{}",
            figures::count(ready.into()),
            figures::count(all.into())
        )
    };
    let tone = match ready {
        _ if all == 0 => Tone::Quiet,
        0 => Tone::Bad,
        some if some < all => Tone::Warn,
        _ => return words.into(),
    };
    Cell::new(words, look.theme.style(tone))
}

/// What went wrong last; of one whose keys all rest, how long.
fn last_error(row: &ProviderRow, look: &Look<'_>) -> Cell {
    let resting = row.key_rests_until_ms.filter(|_| row.keys_ready == 0);
    if let Some(until) = resting {
        let words = format!("keys rest {}", figures::countdown(until, look.now_ms));
        return Cell::new(words, look.theme.style(Tone::Warn));
    }
    let words = row.last_error.as_ref();
    let words = words.map(|error| standing::failure(error, look.now_ms));
    Cell::new(words.unwrap_or_default(), look.theme.style(Tone::Quiet))
}

fn trend(row: &ProviderRow, theme: &Theme) -> Cell {
    let latency = course(&row.history.latency_ms);
    // A course of one or two samples says nothing yet.
    let latency = if latency.len() < 3 {
        Vec::new()
    } else {
        latency
    };
    let line = sparkline(&latency, TREND.into(), theme);
    Cell::new(line, theme.style(Tone::Busy))
}

/// The selected provider's last failure, for where the table has no column for it.
pub(super) fn note(row: &ProviderRow, look: &Look<'_>) -> Option<String> {
    let error = row.last_error.as_ref()?;
    Some(format!(
        "{}: {}",
        row.name,
        standing::failure(error, look.now_ms)
    ))
}

/// Which of two comes first by a column, the smallest first; what is not known comes before.
pub(super) fn compare(column: usize, a: &ProviderRow, b: &ProviderRow) -> Ordering {
    let by = |of: fn(&ProviderRow) -> f64| of(a).total_cmp(&of(b));
    let some = |n: Option<u64>| n.map_or(-1.0, real);
    match column {
        0 => a.name.cmp(&b.name),
        1 => by(|row| row.health),
        2 => a.circuit.state.cmp(&b.circuit.state),
        3 => by(|row| row.rate),
        4 => by(|row| row.errors.unwrap_or(-1.0)),
        5 => some(a.p50_ms).total_cmp(&some(b.p50_ms)),
        6 | 12 => some(a.p95_ms).total_cmp(&some(b.p95_ms)),
        7 => some(a.ttft_ms).total_cmp(&some(b.ttft_ms)),
        8 => a.in_flight.cmp(&b.in_flight),
        9 => a.keys_ready.cmp(&b.keys_ready),
        10 => by(|row| row.tokens_per_second),
        11 => {
            let at = |row: &ProviderRow| row.last_error.as_ref().map(|error| error.at_ms);
            at(a).cmp(&at(b))
        }
        13 => a.attempts.cmp(&b.attempts),
        _ => by(|row| row.cost),
    }
}

/// Whether the greatest is looked for first: not of names, and not of scores.
pub(super) fn falls_first(column: usize) -> bool {
    column > 1
}

/// What a filter looks at.
pub(super) fn fields(row: &ProviderRow) -> [Field<'_>; 5] {
    let error = row.last_error.as_ref().map_or("", |error| &error.class);
    [
        ("provider", Cow::from(&row.name)),
        ("state", Cow::from(&row.standing)),
        ("breaker", Cow::from(&row.circuit.state)),
        ("type", Cow::from(&row.kind)),
        ("error", Cow::from(error)),
    ]
}
