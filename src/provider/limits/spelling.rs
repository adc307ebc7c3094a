//! Spellings of a time to wait: a Go duration, a number of seconds, a date as a number or in words.

use std::time::{Duration, SystemTime};

/// What is longer is not a wait but nonsense.
pub(in crate::provider) const INSANE: Duration = Duration::from_hours(24);

/// A bare number above this is no duration but a date in seconds; a thousand times as much, in milliseconds.
const DATE: f64 = 1e9;

/// The time that is left in any spelling; what is past is zero.
pub(super) fn time(text: &str, now: impl FnOnce() -> SystemTime) -> Option<Duration> {
    let text = text.trim();
    let until = |date: SystemTime| date.duration_since(now()).unwrap_or_default();
    let wait = match text.parse::<f64>() {
        Ok(number) if number >= DATE => until(date(number)?),
        Ok(number) => Duration::try_from_secs_f64(number).ok()?,
        Err(_) if text.as_bytes().get(4) == Some(&b'-') => until(rfc3339(text)?),
        Err(_) => go_duration(text)?,
    };
    (wait <= INSANE).then_some(wait)
}

/// A date in seconds or milliseconds.
fn date(number: f64) -> Option<SystemTime> {
    let is_milliseconds = number >= DATE * 1000.0;
    let seconds = if is_milliseconds {
        number / 1000.0
    } else {
        number
    };
    let since = Duration::try_from_secs_f64(seconds).ok()?;
    SystemTime::UNIX_EPOCH.checked_add(since)
}

fn rfc3339(text: &str) -> Option<SystemTime> {
    let text = text.strip_suffix("+00:00").unwrap_or(text);
    let text = text.trim_end_matches('Z');
    humantime::parse_rfc3339(&format!("{text}Z")).ok()
}

/// A Go duration such as `6m0s`, `1.5s` or `20ms`; a number without a unit is seconds.
fn go_duration(text: &str) -> Option<Duration> {
    let (mut total, mut rest) = (0.0, text);
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.');
        let (value, tail) = rest.split_at(digits.unwrap_or(rest.len()));
        let letters = tail.find(|c: char| c.is_ascii_digit());
        let (unit, tail) = tail.split_at(letters.unwrap_or(tail.len()));
        total += value.parse::<f64>().ok()? * unit_seconds(unit)?;
        rest = tail;
    }
    let is_empty = text.is_empty();
    Duration::try_from_secs_f64(total)
        .ok()
        .filter(|_| !is_empty)
}

fn unit_seconds(unit: &str) -> Option<f64> {
    Some(match unit {
        "d" => 86_400.0,
        "h" => 3600.0,
        "m" => 60.0,
        "s" | "" => 1.0,
        "ms" => 1e-3,
        "us" | "µs" | "μs" => 1e-6,
        "ns" => 1e-9,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_in_every_spelling_and_nonsense_is_not() {
        let now = || SystemTime::UNIX_EPOCH + Duration::from_hours(483_696);
        for (text, expected) in [
            ("20ms", Some(0.02)),
            ("6m0s", Some(360.0)),
            ("1h2m3.5s", Some(3723.5)),
            (" 7 ", Some(7.0)),
            ("0.25", Some(0.25)),
            ("250us", Some(0.000_25)),
            ("1741305630", Some(30.0)),
            ("1741305630500", Some(30.5)),
            ("1741305000", Some(0.0)),
            ("2025-03-07T00:01:00Z", Some(60.0)),
            ("2025-03-07T00:00:00.5Z", Some(0.5)),
            ("24h", Some(86_400.0)),
            ("25h", None),
            ("", None),
            ("-1", None),
            ("NaN", None),
            ("inf", None),
            ("9e99", None),
            ("soon", None),
            ("5 parsecs", None),
            ("1.2.3s", None),
            ("2025-13-99T00:00:00Z", None),
            ("2025-é", None),
            ("99999999999999999999h", None),
        ] {
            let wait = time(text, now).map(|wait| wait.as_secs_f64());
            assert_eq!(wait, expected, "{text:?}");
        }
    }
}
