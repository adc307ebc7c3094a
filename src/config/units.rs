//! Quantities with units: durations, sizes, and lists of HTTP statuses.

use std::ops::RangeInclusive;
use std::time::Duration;

use serde_json::json;

use super::node::Value;
use super::read::{At, Read};
use super::report::{Place, Report};
use crate::provider::StatusSet;

/// Longest duration: a year. Far above any use, far below what makes a deadline overflow.
const LONGEST: Duration = Duration::from_hours(365 * 24);

/// Largest size: 1 TiB, exactly representable in the arithmetic below.
const LARGEST: f64 = 1_099_511_627_776.0;

const DURATION_FORMS: &str = "a number of seconds, or text such as 250ms, 30s, 5m, 2h";
const SIZE_FORMS: &str = "a number of bytes, or text such as 512KiB, 32MiB, 1GiB";
const STATUS_FORMS: &str = "a list of statuses, or text such as 429,500,502-504";

/// Seconds as a number, or text with a unit; zero included.
impl Read for Duration {
    fn read(at: &At<'_>, report: &mut Report) -> Option<Self> {
        let duration = match &at.node.value {
            Value::Number(text) => seconds(text, 1.0),
            Value::Text(text) => parse_duration(&text.text),
            _ => {
                at.expected(&format!("a duration: {DURATION_FORMS}"), report);
                return None;
            }
        };
        let duration = duration.filter(|duration| *duration <= LONGEST);
        if duration.is_none() {
            let message = format!("{} is not a duration", at.quoted());
            report.error(&at.place(), message).hint(DURATION_FORMS);
        }
        duration
    }

    fn schema() -> serde_json::Value {
        json!({ "type": ["number", "string"], "minimum": 0, "pattern": r"^\s*[0-9.]+\s*(ms|s|m|h)?\s*$" })
    }
}

/// A duration that is not zero.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span(pub(super) Duration);

impl Read for Span {
    fn read(at: &At<'_>, report: &mut Report) -> Option<Self> {
        let duration = Duration::read(at, report)?;
        if duration.is_zero() {
            report.error(&at.place(), "must be longer than zero");
            return None;
        }
        Some(Self(duration))
    }

    fn schema() -> serde_json::Value {
        Duration::schema()
    }
}

/// `250ms`, `30s`, `5m`, `2h`, or a bare number of seconds; fractions allowed.
fn parse_duration(text: &str) -> Option<Duration> {
    let (number, unit) = split_unit(text);
    let scale = match unit {
        "ms" => 0.001,
        "" | "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return None,
    };
    seconds(number, scale)
}

fn seconds(number: &str, scale: f64) -> Option<Duration> {
    let value: f64 = number.parse().ok()?;
    // Milliseconds are divided, not multiplied: 250 · 0.001 is not exactly a quarter.
    let seconds = if scale < 1.0 {
        value / scale.recip()
    } else {
        value * scale
    };
    Duration::try_from_secs_f64(seconds).ok()
}

/// A number of bytes, at least one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Size(pub(super) usize);

impl Read for Size {
    fn read(at: &At<'_>, report: &mut Report) -> Option<Self> {
        let size = match &at.node.value {
            Value::Number(text) => parse_size(text),
            Value::Text(text) => parse_size(&text.text),
            _ => {
                at.expected(&format!("a size: {SIZE_FORMS}"), report);
                return None;
            }
        };
        if size.is_none() {
            let message = format!("{} is not a size of at least one byte", at.quoted());
            report.error(&at.place(), message).hint(SIZE_FORMS);
        }
        size.map(Self)
    }

    fn schema() -> serde_json::Value {
        json!({ "type": ["integer", "string"], "minimum": 1, "pattern": r"^\s*[0-9.]+\s*([kKMG]i?)?B?\s*$" })
    }
}

fn parse_size(text: &str) -> Option<usize> {
    let (number, unit) = split_unit(text);
    let scale: f64 = match unit {
        "" | "B" => 1.0,
        "kB" | "KB" => 1e3,
        "MB" => 1e6,
        "GB" => 1e9,
        "KiB" | "K" | "k" => 1024.0,
        "MiB" | "M" => 1024.0 * 1024.0,
        "GiB" | "G" => 1024.0 * 1024.0 * 1024.0,
        _ => return None,
    };
    let bytes = number.parse::<f64>().ok()? * scale;
    if !(1.0..=LARGEST).contains(&bytes) {
        return None;
    }
    // A whole number in decimal notation, so that no lossy cast is needed.
    format!("{bytes:.0}").parse().ok()
}

fn split_unit(text: &str) -> (&str, &str) {
    let text = text.trim();
    let end = text
        .find(|letter: char| !letter.is_ascii_digit() && letter != '.')
        .unwrap_or(text.len());
    (&text[..end], text[end..].trim_start())
}

/// `[429, "500", "502-504"]` or `"429,500,502-504"`; a reversed range is read as meant.
impl Read for StatusSet {
    fn read(at: &At<'_>, report: &mut Report) -> Option<Self> {
        let mut ranges = Vec::new();
        for (part, place) in parts(at, report)? {
            if let Some(range) = range(&part) {
                ranges.push(range);
            } else {
                let message = format!("`{}` is not a status or a range of them", part.trim());
                report.error(&place, message).hint(STATUS_FORMS);
            }
        }
        Some(Self(ranges))
    }

    fn schema() -> serde_json::Value {
        let part = json!({ "type": ["integer", "string"] });
        json!({ "anyOf": [part, { "type": "array", "items": part }] })
    }
}

/// Each part of either form, with its place.
fn parts(at: &At<'_>, report: &mut Report) -> Option<Vec<(String, Place)>> {
    if !matches!(at.node.value, Value::List(_)) {
        let text = part(at, report)?;
        return Some(
            text.split(',')
                .map(|part| (part.to_owned(), at.place()))
                .collect(),
        );
    }
    let items = at.items(STATUS_FORMS, report)?;
    let parts = items
        .iter()
        .filter_map(|item| Some((part(item, report)?, item.place())));
    Some(parts.collect())
}

fn part(at: &At<'_>, report: &mut Report) -> Option<String> {
    match &at.node.value {
        Value::Number(text) => Some(text.clone()),
        Value::Text(text) => Some(text.text.clone()),
        _ => {
            at.expected(STATUS_FORMS, report);
            None
        }
    }
}

fn range(part: &str) -> Option<RangeInclusive<u16>> {
    let (from, to) = part.split_once('-').unwrap_or((part, part));
    let (from, to) = (status(from)?, status(to)?);
    Some(from.min(to)..=from.max(to))
}

fn status(text: &str) -> Option<u16> {
    text.trim()
        .parse()
        .ok()
        .filter(|status| (100..=599).contains(status))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_units_or_are_seconds() {
        let ms = Duration::from_millis;
        assert_eq!(parse_duration("250ms"), Some(ms(250)));
        assert_eq!(parse_duration(" 1.5 s"), Some(ms(1500)));
        assert_eq!(parse_duration("5m"), Some(ms(300_000)));
        assert_eq!(parse_duration("2h"), Some(ms(7_200_000)));
        assert_eq!(parse_duration("45.5"), Some(ms(45_500)));
    }

    #[test]
    fn other_durations_are_refused() {
        for text in ["", "s", "-1s", "1 day", "1h30m", "NaN", "inf", "1e400"] {
            assert_eq!(parse_duration(text), None, "{text}");
        }
    }

    #[test]
    fn sizes_are_binary_or_decimal() {
        assert_eq!(parse_size("32MiB"), Some(32 << 20));
        assert_eq!(parse_size("1.5 KiB"), Some(1536));
        assert_eq!(parse_size("10MB"), Some(10_000_000));
        assert_eq!(parse_size("4096"), Some(4096));
        for text in ["0", "-1", "2TiB", "MiB", "99999999GiB"] {
            assert_eq!(parse_size(text), None, "{text}");
        }
    }

    #[test]
    fn reversed_status_ranges_are_read_as_meant() {
        assert_eq!(range("504-502"), Some(502..=504));
        assert_eq!(range(" 429 "), Some(429..=429));
        assert_eq!(range("42"), None);
        assert_eq!(range("5xx"), None);
        assert_eq!(range("500-"), None);
    }
}
