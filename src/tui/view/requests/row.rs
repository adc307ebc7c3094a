//! One request in the list: its columns, its fields, and what it is sorted by.

use std::borrow::Cow;
use std::cmp::Ordering;

use ratatui::style::Style;

use crate::telemetry::snapshot::{Phase, RequestRow, is_over};
use crate::tui::theme::{Theme, Tone};
use crate::tui::view::figures::{NOTHING, count, money, narrow_millis, rate};
use crate::tui::view::filter::Field;
use crate::tui::view::table::{Cell, Column, Kind};
use crate::tui::view::text::plain;

/// The columns.
pub(super) const COLUMNS: &[Column] = &[
    column("ID", 7, 16, 4, Kind::Way),
    column("AGE", 4, 6, 0, Kind::Number),
    column("CLIENT", 7, 14, 7, Kind::Words),
    column("MODEL", 10, 34, 0, Kind::Words),
    column("ROUTE", 17, 44, 0, Kind::Way),
    column("STATE", 11, 11, 0, Kind::Words),
    column("TTFT", 5, 6, 1, Kind::Number),
    column("TIME", 5, 6, 8, Kind::Number),
    column("IN", 5, 6, 9, Kind::Number),
    column("TOK", 5, 6, 3, Kind::Number),
    column("TOK/S", 5, 6, 2, Kind::Number),
    column("STATUS", 6, 6, 0, Kind::Words),
    column("OUTCOME", 8, 11, 5, Kind::Words),
    column("COST", 8, 9, 6, Kind::Number),
    column("ENDPOINT", 10, 20, 10, Kind::Words),
    column("DOOR", 6, 11, 11, Kind::Words),
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

/// What the list is sorted by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Sort {
    /// Those under way first, then the latest.
    #[default]
    Newest,
    Client,
    Model,
    Ttft,
    Time,
    Tokens,
    Speed,
    Status,
    Cost,
}

impl Sort {
    const ALL: [Sort; 9] = [
        Sort::Newest,
        Sort::Client,
        Sort::Model,
        Sort::Ttft,
        Sort::Time,
        Sort::Tokens,
        Sort::Speed,
        Sort::Status,
        Sort::Cost,
    ];

    /// The one after this.
    pub(super) fn next(self) -> Self {
        let at = Self::ALL.iter().position(|sort| *sort == self).unwrap_or(0);
        Self::ALL[(at + 1) % Self::ALL.len()]
    }

    /// The column it goes by, in [`COLUMNS`].
    pub(super) fn column(self) -> usize {
        match self {
            Sort::Newest => 1,
            Sort::Client => 2,
            Sort::Model => 3,
            Sort::Ttft => 6,
            Sort::Time => 7,
            Sort::Tokens => 9,
            Sort::Speed => 10,
            Sort::Status => 11,
            Sort::Cost => 13,
        }
    }

    /// The one that goes by that column.
    pub(super) fn of_column(column: usize) -> Option<Self> {
        Self::ALL.into_iter().find(|sort| sort.column() == column)
    }

    /// Whether it begins with the least: names do.
    pub(super) fn is_ascending(self) -> bool {
        matches!(self, Sort::Client | Sort::Model)
    }

    /// Puts `rows` in order.
    pub(super) fn sort(self, rows: &mut [&RequestRow], is_inverted: bool) {
        let descends = self.is_ascending() == is_inverted;
        rows.sort_by(|one, other| {
            let order = self.compare(one, other);
            let order = if descends { order.reverse() } else { order };
            let live = match self {
                Sort::Newest => is_over(one).cmp(&is_over(other)),
                _ => Ordering::Equal,
            };
            live.then(order).then(other.number.cmp(&one.number))
        });
    }

    fn compare(self, one: &RequestRow, other: &RequestRow) -> Ordering {
        let number = |row: &RequestRow| match self {
            Sort::Speed => row.tokens_per_second,
            Sort::Cost => row.cost,
            _ => None,
        };
        match self {
            Sort::Newest => one.number.cmp(&other.number),
            Sort::Client => one.client.cmp(&other.client),
            Sort::Model => one.model.cmp(&other.model),
            Sort::Ttft => one.ttft_ms.cmp(&other.ttft_ms),
            Sort::Time => one.total_ms.cmp(&other.total_ms),
            Sort::Tokens => one.output_tokens.cmp(&other.output_tokens),
            Sort::Status => one.status.cmp(&other.status),
            Sort::Speed | Sort::Cost => {
                // What is unknown is less than what is known, whatever that is.
                let known = |row| number(row).map_or(f64::NEG_INFINITY, |n| n);
                known(one).total_cmp(&known(other))
            }
        }
    }
}

/// The word for where a request stands.
pub(in crate::tui::view) fn state_word(row: &RequestRow) -> &'static str {
    state(row.phase)
}

/// Whether somebody should look at it.
pub(super) fn is_error(row: &RequestRow) -> bool {
    row.outcome.as_deref() == Some("failed") || row.status.is_some_and(|status| status >= 400)
}

/// How it is.
pub(in crate::tui::view) fn tone(row: &RequestRow) -> Tone {
    match (row.phase, row.outcome.as_deref()) {
        (Phase::Queued, _) => Tone::Warn,
        (Phase::Waiting | Phase::Streaming, _) => Tone::Busy,
        (Phase::Over, Some("client left")) => Tone::Off,
        (Phase::Over, _) if is_error(row) => Tone::Bad,
        (Phase::Over, _) => Tone::Good,
    }
}

/// The word for where it stands.
pub(super) fn state(phase: Phase) -> &'static str {
    match phase {
        Phase::Queued => "queued",
        Phase::Waiting => "waiting",
        Phase::Streaming => "streaming",
        Phase::Over => "done",
    }
}

/// A mark that moves as tokens come: one that stands still shows a stream that does.
pub(super) fn progress(row: &RequestRow, theme: &Theme) -> &'static str {
    const TURNING: [&str; 8] = ["⠁", "⠃", "⠇", "⡇", "⣇", "⣧", "⣷", "⣿"];
    const PLAIN: [&str; 4] = ["|", "/", "-", "\\"];
    let marks: &[&str] = if theme.is_ascii { &PLAIN } else { &TURNING };
    let tokens = row.output_tokens.unwrap_or(0);
    let at = usize::try_from(tokens % marks.len() as u64).unwrap_or(0);
    marks[at]
}

/// Attempts as a way: `groq✗ > anthropic`.
pub(super) fn way(row: &RequestRow) -> String {
    let steps = row.route.iter().map(|(name, word)| {
        let mark = match word.as_str() {
            "ok" | "before" | "" => "",
            "open" => "…",
            "lost" | "slow" => "~",
            "left_out" | "circuit_open" | "resting" | "full" => "⊘",
            _ => "✗",
        };
        format!("{}{mark}", plain(name))
    });
    let way = steps.collect::<Vec<_>>().join(" > ");
    match (&row.provider, way.is_empty()) {
        (Some(provider), true) => plain(provider),
        (None, true) => NOTHING.to_owned(),
        _ => way,
    }
}

/// Its id without what all of them begin with.
pub(super) fn short_id(row: &RequestRow) -> &str {
    let id = row.id.as_str();
    id.strip_prefix("req-")
        .filter(|rest| !rest.is_empty())
        .unwrap_or(id)
}

/// How long it takes, or took.
pub(super) fn elapsed(row: &RequestRow, now_ms: u64) -> u64 {
    if is_over(row) {
        row.total_ms
    } else {
        row.total_ms.max(now_ms.saturating_sub(row.received_ms))
    }
}

/// What stands in the columns.
pub(super) fn cells(row: &RequestRow, now_ms: u64, theme: &Theme) -> Vec<Cell> {
    let quiet = theme.style(Tone::Quiet);
    let or_nothing =
        |figure: Option<String>| figure.map_or_else(|| Cell::new(NOTHING, quiet), Cell::from);
    let age = now_ms.saturating_sub(row.received_ms);
    vec![
        Cell::new(short_id(row), quiet),
        Cell::from(age_words(age)),
        Cell::from(row.client.as_str()),
        Cell::new(row.model.as_str(), theme.style(Tone::Strong)),
        Cell::from(way(row)),
        state_cell(row, theme),
        or_nothing(row.ttft_ms.map(narrow_millis)),
        Cell::from(narrow_millis(elapsed(row, now_ms))),
        or_nothing(row.input_tokens.map(count)),
        or_nothing(row.output_tokens.map(count)),
        or_nothing(row.tokens_per_second.map(rate)),
        status_cell(row, theme),
        or_nothing(outcome(row)),
        or_nothing(row.cost.map(money)),
        Cell::new(row.endpoint.as_str(), quiet),
        Cell::from(row.door.as_deref().unwrap_or("local")),
    ]
}

/// How long ago: `now`, `12s`, `3m`.
fn age_words(ms: u64) -> String {
    match ms {
        0..1_000 => "now".to_owned(),
        1_000..600_000 => format!("{}s", ms / 1_000),
        ms => narrow_millis(ms),
    }
}

fn state_cell(row: &RequestRow, theme: &Theme) -> Cell {
    let tone = tone(row);
    let glyph = match row.phase {
        Phase::Streaming => progress(row, theme),
        _ => theme.glyph(tone),
    };
    let style = match row.phase {
        Phase::Over => Style::new(),
        _ => theme.style(tone),
    };
    Cell::new(format!("{glyph} "), theme.style(tone)).and(state(row.phase), style)
}

fn status_cell(row: &RequestRow, theme: &Theme) -> Cell {
    let style = if is_error(row) {
        theme.style(Tone::Bad)
    } else {
        Style::new()
    };
    let mark = if is_error(row) { "✗" } else { "" };
    match row.status {
        Some(status) => Cell::new(format!("{status}{mark}"), style),
        None => Cell::new(NOTHING, theme.style(Tone::Quiet)),
    }
}

/// How it ended, in a word; that it was saved is worth more than that it is complete.
fn outcome(row: &RequestRow) -> Option<String> {
    let outcome = row.outcome.as_deref()?;
    let was_saved = outcome == "complete" && row.route.len() > 1;
    Some(if was_saved {
        "fallback".to_owned()
    } else {
        plain(outcome)
    })
}

/// What a filter looks at.
pub(super) fn fields(row: &RequestRow) -> Vec<Field<'_>> {
    let mut fields: Vec<Field<'_>> = vec![
        ("id", Cow::Borrowed(&row.id)),
        ("client", Cow::Borrowed(&row.client)),
        ("key", Cow::Borrowed(&row.client)),
        ("model", Cow::Borrowed(&row.model)),
        ("endpoint", Cow::Borrowed(&row.endpoint)),
        ("state", Cow::Borrowed(state(row.phase))),
        (
            "door",
            Cow::Borrowed(row.door.as_deref().unwrap_or("local")),
        ),
    ];
    let status = row
        .status
        .map_or_else(String::new, |status| status.to_string());
    fields.push(("status", Cow::Owned(status)));
    let texts = [
        ("outcome", &row.outcome),
        ("provider", &row.provider),
        ("served", &row.served),
    ];
    let texts = texts
        .into_iter()
        .filter_map(|(name, text)| Some((name, text.as_deref()?)));
    fields.extend(texts.map(|(name, text)| (name, Cow::Borrowed(text))));
    for (provider, word) in &row.route {
        fields.push(("provider", Cow::Borrowed(provider)));
        fields.push(("verdict", Cow::Borrowed(word)));
    }
    fields
}
