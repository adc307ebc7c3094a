//! How long an upstream asks us to wait, in every spelling of the field.

use std::time::{Duration, SystemTime};

use http::HeaderMap;

use super::limits::{INSANE, Limits};

/// Longest rest an upstream may ask for.
pub const MAX_RETRY_AFTER: Duration = Duration::from_mins(15);

/// How long the upstream asks us to wait: `retry-after-ms`, `retry-after` (seconds or a date), or the
/// reset of a limit of which nothing is left. Nonsense is ignored, the rest capped at [`MAX_RETRY_AFTER`].
pub fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = |name: &str| headers.get(name)?.to_str().ok().map(str::trim);
    let milliseconds = || number(text("retry-after-ms")?, 1000.0);
    let seconds = || number(text("retry-after")?, 1.0);
    let date = || {
        let at = httpdate::parse_http_date(text("retry-after")?).ok()?;
        Some(at.duration_since(now).unwrap_or_default())
    };
    let reset = || Limits::read(headers, || now)?.refused();
    let wait = milliseconds()
        .or_else(seconds)
        .or_else(date)
        .or_else(reset)?;
    (wait <= INSANE).then_some(wait.min(MAX_RETRY_AFTER))
}

/// A number of seconds, or of parts of them.
fn number(text: &str, parts: f64) -> Option<Duration> {
    let number: f64 = text.parse().ok()?;
    Duration::try_from_secs_f64(number / parts).ok()
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
        assert_eq!(wait(&[("x-ratelimit-reset-requests", "20ms")]), Some(0.02));
        let spent = ("anthropic-ratelimit-tokens-remaining", "0");
        let reset = ("anthropic-ratelimit-tokens-reset", "1994-11-06T08:49:57Z");
        assert_eq!(wait(&[spent, reset]), Some(20.0));
        assert_eq!(wait(&[("retry-after", "7200")]), Some(900.0));
        for nonsense in ["abc", "-1", "NaN", "9e99", "inf"] {
            assert_eq!(wait(&[("retry-after", nonsense)]), None, "{nonsense}");
        }
    }
}
