//! How long an upstream asks us to wait, in every spelling of the field.

use std::time::{Duration, SystemTime};

use http::HeaderMap;

/// Longest rest an upstream may ask for.
pub const MAX_RETRY_AFTER: Duration = Duration::from_mins(15);

/// What is longer is not a wait but nonsense.
const INSANE_RETRY_AFTER: f64 = 24.0 * 3600.0;

/// How long the upstream asks us to wait: `retry-after-ms`, `retry-after` (seconds or a date), or the
/// reset of a limit whose remainder is zero. Nonsense is ignored, the rest capped at [`MAX_RETRY_AFTER`].
pub fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = |name: &str| headers.get(name)?.to_str().ok().map(str::trim);
    let milliseconds = || {
        text("retry-after-ms")?
            .parse::<f64>()
            .ok()
            .map(|ms| ms / 1000.0)
    };
    let seconds = || text("retry-after")?.parse::<f64>().ok();
    let date = || {
        let at = httpdate(text("retry-after")?)?;
        Some(at.duration_since(now).unwrap_or_default().as_secs_f64())
    };
    let reset = || {
        ["requests", "tokens"]
            .iter()
            .filter_map(|what| exhausted_limit(headers, what))
            .reduce(f64::max)
    };
    let wait = milliseconds()
        .or_else(seconds)
        .or_else(date)
        .or_else(reset)?;
    let is_sane = wait.is_finite() && (0.0..=INSANE_RETRY_AFTER).contains(&wait);
    is_sane.then(|| Duration::from_secs_f64(wait).min(MAX_RETRY_AFTER))
}

/// `x-ratelimit-reset-{what}` in seconds, unless something of that limit remains.
fn exhausted_limit(headers: &HeaderMap, what: &str) -> Option<f64> {
    let text = |name: String| {
        headers
            .get(name)?
            .to_str()
            .ok()
            .map(|text| text.trim().to_owned())
    };
    let remaining = text(format!("x-ratelimit-remaining-{what}"));
    let is_exhausted = remaining.is_none_or(|remaining| remaining == "0");
    let reset = text(format!("x-ratelimit-reset-{what}")).filter(|_| is_exhausted)?;
    go_duration(&reset)
}

/// Seconds of a Go duration such as `6m0s`, `1.5s` or `20ms`; a bare number is seconds.
fn go_duration(text: &str) -> Option<f64> {
    let mut total = 0.0;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(rest.len());
        let value: f64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let unit = rest
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(rest.len());
        total += value
            * match &rest[..unit] {
                "h" => 3600.0,
                "m" => 60.0,
                "s" | "" => 1.0,
                "ms" => 1e-3,
                "us" | "µs" => 1e-6,
                _ => return None,
            };
        rest = &rest[unit..];
    }
    Some(total)
}

/// An HTTP date (RFC 9110 §5.6.7).
fn httpdate(text: &str) -> Option<SystemTime> {
    httpdate::parse_http_date(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| {
                (
                    http::HeaderName::from_static(name),
                    value.parse().expect("value"),
                )
            })
            .collect()
    }

    #[test]
    fn waits_are_read_in_every_spelling() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        let wait = |pairs: &[(&'static str, &str)]| {
            retry_after(&headers(pairs), now).map(|wait| wait.as_secs_f64())
        };
        assert_eq!(wait(&[("retry-after", "7")]), Some(7.0));
        assert_eq!(wait(&[("retry-after", "1.5")]), Some(1.5));
        assert_eq!(
            wait(&[("retry-after-ms", "250"), ("retry-after", "9")]),
            Some(0.25)
        );
        assert_eq!(
            wait(&[("retry-after", "Sun, 06 Nov 1994 08:49:47 GMT")]),
            Some(10.0)
        );
        assert_eq!(
            wait(&[("retry-after", "Sun, 06 Nov 1994 08:00:00 GMT")]),
            Some(0.0)
        );
        assert_eq!(
            wait(&[
                ("x-ratelimit-remaining-tokens", "0"),
                ("x-ratelimit-reset-tokens", "1m2.5s")
            ]),
            Some(62.5)
        );
        assert_eq!(
            wait(&[
                ("x-ratelimit-remaining-tokens", "5"),
                ("x-ratelimit-reset-tokens", "1m")
            ]),
            None
        );
        assert_eq!(wait(&[("retry-after", "7200")]), Some(900.0));
        for nonsense in ["abc", "-1", "NaN", "9e99", "inf"] {
            assert_eq!(wait(&[("retry-after", nonsense)]), None, "{nonsense}");
        }
    }
}
