//! A decision, as the gateway tells it in JSON: its candidates as rows, its reasons as sentences.
//!
//! What is missing or odd in it is shown as nothing; nothing of it is trusted to be there.

use ratatui::style::Style;
use serde_json::Value;

use crate::telemetry::snapshot::Steering;
use crate::tui::theme::{Theme, Tone};
use crate::tui::view::figures::{NOTHING, narrow_millis, percent, rate, whole};
use crate::tui::view::page::Page;
use crate::tui::view::table::{Cell, Column, Kind};
use crate::tui::view::text::plain;

/// Candidates that are shown; more than a screen has lines nobody compares.
const MOST: usize = 500;

/// The columns.
pub(super) const COLUMNS: &[Column] = &[
    column("#", 2, 3, 0, Kind::Number),
    column("TARGET", 18, 60, 0, Kind::Words),
    column("KEY", 4, 12, 5, Kind::Words),
    column("SCORE", 5, 7, 1, Kind::Number),
    column("LATENCY", 7, 8, 3, Kind::Number),
    column("P95", 5, 6, 6, Kind::Number),
    column("OK %", 5, 5, 2, Kind::Number),
    column("TOK/S", 5, 6, 8, Kind::Number),
    column("LIVE", 4, 5, 9, Kind::Number),
    column("BREAKER", 9, 10, 4, Kind::Words),
    column("$/M IN,OUT", 11, 12, 7, Kind::Number),
    column("VERDICT", 18, 90, 0, Kind::Words),
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

/// One candidate.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Candidate {
    pub(super) provider: String,
    pub(super) model: String,
    key: Option<String>,
    rank: Option<u64>,
    score: Option<f64>,
    is_chosen: bool,
    /// Why it is left out.
    excluded: Option<String>,
    standing: String,
    breaker: Option<String>,
    latency_ms: Option<f64>,
    p95_ms: Option<f64>,
    success: Option<f64>,
    tokens_per_second: Option<f64>,
    in_flight: Option<u64>,
    prices: Option<(f64, f64)>,
}

/// The candidates of `decision`, those that would be asked first.
pub(super) fn candidates(decision: &Value) -> Vec<Candidate> {
    let all = decision["candidates"].as_array();
    let all = all.into_iter().flatten().take(MOST);
    all.map(Candidate::read).collect()
}

impl Candidate {
    fn read(told: &Value) -> Self {
        let health = &told["health"];
        let text = |of: &Value| of.as_str().map(plain);
        let place = told["key"].as_u64().map(|place| place.to_string());
        let price = &told["price"];
        Self {
            // Names are kept as they are: acts go by them.
            provider: told["provider"].as_str().unwrap_or_default().to_owned(),
            model: told["model"].as_str().unwrap_or_default().to_owned(),
            key: text(&told["alias"]).or(place),
            rank: told["rank"].as_u64(),
            score: told["score"].as_f64(),
            is_chosen: told["chosen"] == true,
            excluded: text(&told["excluded"]["reason"]),
            standing: text(&health["standing"]).unwrap_or_default(),
            breaker: text(&health["breaker"]),
            latency_ms: health["latency_ms"].as_f64(),
            p95_ms: health["p95_ms"].as_f64(),
            success: health["success"].as_f64(),
            tokens_per_second: health["tokens_per_second"].as_f64(),
            in_flight: health["in_flight"].as_u64(),
            prices: price["input"].as_f64().zip(price["output"].as_f64()),
        }
    }

    /// `provider/model`.
    pub(super) fn target(&self) -> String {
        format!("{}/{}", plain(&self.provider), plain(&self.model))
    }

    /// What stands in the columns.
    pub(super) fn cells(&self, steering: &Steering, theme: &Theme) -> Vec<Cell> {
        let quiet = theme.style(Tone::Quiet);
        let figure =
            |figure: Option<String>| figure.map_or_else(|| Cell::new(NOTHING, quiet), Cell::from);
        let ms = |ms: Option<f64>| figure(ms.map(|ms| narrow_millis(whole(ms))));
        let (tone, verdict) = self.verdict(steering);
        let glyph = theme.glyph(tone);
        let prices = self
            .prices
            .map(|(read, written)| format!("{read:.2},{written:.2}"));
        let rank = self.rank.filter(|_| self.excluded.is_none());
        let name = if self.is_chosen {
            theme.style(Tone::Strong)
        } else {
            Style::new()
        };
        vec![
            figure(rank.map(|rank| rank.to_string())),
            Cell::new(self.target(), name),
            figure(self.key.clone()),
            figure(self.score.map(|score| format!("{score:.2}"))),
            ms(self.latency_ms),
            ms(self.p95_ms),
            figure(self.success.map(percent)),
            figure(self.tokens_per_second.map(rate)),
            figure(self.in_flight.map(|count| count.to_string())),
            figure(self.breaker.clone()),
            figure(prices),
            Cell::new(format!("{glyph} "), theme.style(tone)).and(verdict, theme.style(tone)),
        ]
    }

    /// How it is, and what is to be said of it.
    fn verdict(&self, steering: &Steering) -> (Tone, String) {
        let pin = steering
            .pin
            .as_ref()
            .filter(|pin| pin.provider == self.provider);
        let pin = pin.filter(|pin| pin.model.as_ref().is_none_or(|model| *model == self.model));
        let pinned = if pin.is_some() { ", pinned" } else { "" };
        match (&self.excluded, self.standing.as_str()) {
            (Some(reason), _) => (Tone::Off, reason.clone()),
            (None, _) if self.is_chosen => (Tone::Good, format!("chosen{pinned}")),
            (None, "suspect") => (Tone::Warn, "late: it failed a moment ago".to_owned()),
            (None, "probe") => (Tone::Warn, "its breaker waits for a probe".to_owned()),
            (None, _) => (Tone::Quiet, format!("if others fail{pinned}")),
        }
    }
}

/// Why the gateway gives no decision.
pub(super) fn refusal(told: &Value) -> String {
    let error = &told["error"];
    let words = [&error["message"], error, &told["message"]]
        .into_iter()
        .find_map(Value::as_str);
    words.map_or_else(|| "Nobody serves this model.".to_owned(), plain)
}

/// The reason of the choice, who comes after it, and where a route goes on.
pub(super) fn reasons(page: &mut Page<'_>, decision: &Value, selected: Option<&Candidate>) {
    let theme = page.theme();
    let quiet = theme.style(Tone::Quiet);
    let chosen = &decision["chosen"];
    page.gap();
    for detour in list(&decision["detours"]) {
        let words = format!(
            "Nobody is left to ask ({}), so it goes on along route {}.",
            kinds(detour),
            name(&detour["route"])
        );
        page.text(&words, theme.style(Tone::Warn));
    }
    if chosen.is_null() {
        page.text("Nobody can be asked now.", theme.style(Tone::Bad));
    } else {
        let reason = chosen["reason"]
            .as_str()
            .map_or_else(|| "no reason was told".to_owned(), plain);
        page.text(
            &format!("{} is asked first: {reason}.", target(chosen)),
            theme.style(Tone::Strong),
        );
        wait(page, chosen);
        changes(page, decision);
        order(page, decision);
    }
    for fallback in list(&decision["fallbacks"]) {
        let words = format!(
            "Then, on {}: route {}.",
            kinds(fallback),
            name(&fallback["route"])
        );
        page.text(&words, quiet);
    }
    if let Some((one, reason)) = selected.and_then(|one| Some((one, one.excluded.as_ref()?))) {
        page.text(&format!("{} is left out: {reason}.", one.target()), quiet);
    }
}

fn wait(page: &mut Page<'_>, chosen: &Value) {
    if let Some(ms) = chosen["wait_ms"].as_u64().filter(|ms| *ms > 0) {
        let words = format!(
            "It would wait for {} before.",
            crate::tui::view::figures::millis(ms)
        );
        let warn = page.theme().style(Tone::Warn);
        page.text(&words, warn);
    }
}

/// What translation would change.
fn changes(page: &mut Page<'_>, decision: &Value) {
    let chosen = &decision["chosen"];
    let quiet = page.theme().style(Tone::Quiet);
    if chosen["translated"] == true {
        let (from, to) = (name(&decision["dialect"]), name(&chosen["speaks"]));
        page.text(
            &format!("The request is translated from {from} to {to}."),
            quiet,
        );
    }
    for (field, words) in [
        ("dropped", "Left out for it"),
        ("adjusted", "Changed for it"),
    ] {
        let names: Vec<String> = list(&chosen[field])
            .filter_map(Value::as_str)
            .map(plain)
            .collect();
        if !names.is_empty() {
            page.text(&format!("{words}: {}.", names.join(", ")), quiet);
        }
    }
}

/// Who comes after it.
fn order(page: &mut Page<'_>, decision: &Value) {
    const SHOWN: usize = 4;
    let rest: Vec<String> = list(&decision["order"])
        .skip(1)
        .take(SHOWN)
        .map(target)
        .collect();
    let more = list(&decision["order"]).skip(1 + SHOWN).count();
    let words = match (rest.is_empty(), more) {
        (true, _) => "Nobody else is there if it fails.".to_owned(),
        (false, 0) => format!("If it fails: {}.", rest.join(", then ")),
        (false, more) => format!("If it fails: {} and {more} more.", rest.join(", then ")),
    };
    let quiet = page.theme().style(Tone::Quiet);
    page.text(&words, quiet);
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn name(value: &Value) -> String {
    value.as_str().map_or_else(|| NOTHING.to_owned(), plain)
}

fn target(of: &Value) -> String {
    format!("{}/{}", name(&of["provider"]), name(&of["model"]))
}

/// What a way is taken for, in words.
fn kinds(of: &Value) -> String {
    let words: Vec<String> = list(&of["on"])
        .filter_map(Value::as_str)
        .map(plain)
        .collect();
    words.join(", ").replace('_', " ")
}
