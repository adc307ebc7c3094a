//! What the headers of an answer say of limits: how many requests and tokens there are, how many are left, and
//! when they are back.
//!
//! ```text
//! x-ratelimit-{limit,remaining,reset}-{requests,tokens}     OpenAI, Groq …: reset is a Go duration
//! x-ratelimit-{limit,remaining,reset}                       OpenRouter: reset is a date in milliseconds
//! anthropic-ratelimit-{requests,tokens,input-tokens,output-tokens}-{limit,remaining,reset}   RFC 3339
//! ```
//!
//! What is a date is compared with the answer's own `date` where it has one: the upstream's clock made both, so
//! that ours may be wrong. What is no number, no time or further away than a day is as if it were not there.

mod spelling;

use std::time::{Duration, SystemTime};

use http::{HeaderMap, header};

use spelling::time;

pub(super) use spelling::INSANE;

/// See the module's head.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Limits {
    /// Of requests, or of whatever OpenRouter counts.
    pub requests: Limit,
    /// Of tokens, whatever their direction.
    pub tokens: Limit,
    /// Of tokens of prompts.
    pub input_tokens: Limit,
    /// Of tokens of answers.
    pub output_tokens: Limit,
}

/// One limit, as far as it was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Limit {
    /// How many there are in all.
    pub limit: Option<u64>,
    /// How many are left.
    pub remaining: Option<u64>,
    /// In what time they are back.
    pub reset: Option<Duration>,
}

/// Which number of which limit a header holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Column {
    Limit,
    Remaining,
    Reset,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Row {
    Requests,
    Tokens,
    InputTokens,
    OutputTokens,
}

impl Limits {
    /// Reads them, if there are any. `clock` is asked only for a date, and only where the answer has none.
    pub fn read(headers: &HeaderMap, clock: impl Fn() -> SystemTime) -> Option<Self> {
        let mut limits = None;
        for (name, value) in headers {
            let Some((row, column)) = cell(name.as_str()) else {
                continue;
            };
            let Ok(text) = value.to_str() else { continue };
            let limits = limits.get_or_insert_with(Self::default);
            let limit = limits.row(row);
            match column {
                Column::Limit => limit.limit = count(text),
                Column::Remaining => limit.remaining = count(text),
                Column::Reset => limit.reset = time(text, || moment(headers, &clock)),
            }
        }
        limits
    }

    /// Whether an answer says anything of limits.
    pub fn are_told(headers: &HeaderMap) -> bool {
        headers.keys().any(|name| cell(name.as_str()).is_some())
    }

    /// What [`Limits::spent`] says of an answer, read only where nothing is left of something: this is asked of
    /// every answer, and dates take time.
    pub fn announced(headers: &HeaderMap, clock: impl Fn() -> SystemTime) -> Option<Duration> {
        let mut headers_of_nothing = headers.iter().filter(|(_, value)| {
            let value = value.as_bytes();
            value == b"0" || value.first() == Some(&b'-')
        });
        let is_spent = headers_of_nothing
            .any(|(name, _)| matches!(cell(name.as_str()), Some((_, Column::Remaining))));
        is_spent.then(|| Self::read(headers, clock)?.spent())?
    }

    /// In what time there is something left of every limit of which nothing is; `None` if that is none.
    pub fn spent(&self) -> Option<Duration> {
        self.longest(|limit| limit.remaining == Some(0))
    }

    /// The same of an answer that was a refusal: there, a reset alone is enough.
    pub fn refused(&self) -> Option<Duration> {
        self.longest(|limit| limit.remaining.is_none_or(|left| left == 0))
    }

    fn longest(&self, is_spent: impl Fn(&Limit) -> bool) -> Option<Duration> {
        let all = [
            self.requests,
            self.tokens,
            self.input_tokens,
            self.output_tokens,
        ];
        let spent = all.into_iter().filter(is_spent);
        spent.filter_map(|limit| limit.reset).max()
    }

    fn row(&mut self, row: Row) -> &mut Limit {
        match row {
            Row::Requests => &mut self.requests,
            Row::Tokens => &mut self.tokens,
            Row::InputTokens => &mut self.input_tokens,
            Row::OutputTokens => &mut self.output_tokens,
        }
    }
}

/// What the header of that name holds; nearly all names are nothing of the sort.
fn cell(name: &str) -> Option<(Row, Column)> {
    let (row, column) = match name.as_bytes().first()? {
        b'x' => {
            let rest = name.strip_prefix("x-ratelimit-")?;
            rest.split_once('-')
                .map_or(("requests", rest), |(column, row)| (row, column))
        }
        b'a' => name
            .strip_prefix("anthropic-ratelimit-")?
            .rsplit_once('-')?,
        _ => return None,
    };
    let row = match row {
        "requests" => Row::Requests,
        "tokens" => Row::Tokens,
        "input-tokens" => Row::InputTokens,
        "output-tokens" => Row::OutputTokens,
        _ => return None,
    };
    let column = match column {
        "limit" => Column::Limit,
        "remaining" => Column::Remaining,
        "reset" => Column::Reset,
        _ => return None,
    };
    Some((row, column))
}

/// A count; who owes some has none left.
fn count(text: &str) -> Option<u64> {
    let count: i64 = text.trim().parse().ok()?;
    Some(count.max(0).unsigned_abs())
}

/// The moment that dates are compared with.
fn moment(headers: &HeaderMap, clock: impl Fn() -> SystemTime) -> SystemTime {
    let own = headers.get(header::DATE);
    let own = own.and_then(|date| httpdate::parse_http_date(date.to_str().ok()?.trim()).ok());
    own.unwrap_or_else(clock)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sunday, 6 November 1994, 08:49:37.
    const NOW: Duration = Duration::from_secs(784_111_777);

    fn read(pairs: &[(&'static str, &str)]) -> Option<Limits> {
        let pairs = pairs.iter().map(|(name, value)| {
            let name = http::HeaderName::from_static(name);
            (name, value.parse().expect("value"))
        });
        Limits::read(&pairs.collect(), || SystemTime::UNIX_EPOCH + NOW)
    }

    fn limit(limit: u64, remaining: u64, seconds: f64) -> Limit {
        Limit {
            limit: Some(limit),
            remaining: Some(remaining),
            reset: Some(Duration::from_secs_f64(seconds)),
        }
    }

    #[test]
    fn limits_are_read_as_openai_and_groq_write_them() {
        let limits = read(&[
            ("x-ratelimit-limit-requests", "60"),
            ("x-ratelimit-limit-tokens", "150000"),
            ("x-ratelimit-remaining-requests", "59"),
            ("x-ratelimit-remaining-tokens", "0"),
            ("x-ratelimit-reset-requests", "1s"),
            ("x-ratelimit-reset-tokens", "6m0s"),
        ]);
        let expected = Limits {
            requests: limit(60, 59, 1.0),
            tokens: limit(150_000, 0, 360.0),
            ..Limits::default()
        };
        assert_eq!(limits, Some(expected));
        assert_eq!(expected.spent(), Some(Duration::from_mins(6)));
    }

    #[test]
    fn limits_are_read_as_anthropic_writes_them() {
        let limits = read(&[
            ("anthropic-ratelimit-requests-limit", "50"),
            ("anthropic-ratelimit-requests-remaining", "0"),
            ("anthropic-ratelimit-requests-reset", "1994-11-06T08:49:47Z"),
            ("anthropic-ratelimit-tokens-remaining", "7000"),
            ("anthropic-ratelimit-input-tokens-limit", "40000"),
            ("anthropic-ratelimit-input-tokens-remaining", "0"),
            (
                "anthropic-ratelimit-input-tokens-reset",
                "1994-11-06T08:50:37+00:00",
            ),
            ("anthropic-ratelimit-output-tokens-limit", "8000"),
            ("anthropic-ratelimit-output-tokens-remaining", "9"),
            (
                "anthropic-ratelimit-output-tokens-reset",
                "1994-11-06T08:00:00Z",
            ),
        ]);
        let expected = Limits {
            requests: limit(50, 0, 10.0),
            tokens: Limit {
                remaining: Some(7000),
                ..Limit::default()
            },
            input_tokens: limit(40_000, 0, 60.0),
            output_tokens: limit(8000, 9, 0.0),
        };
        assert_eq!(limits, Some(expected));
        assert_eq!(expected.spent(), Some(Duration::from_mins(1)));
    }

    #[test]
    fn limits_are_read_as_openrouter_writes_them() {
        let limits = read(&[
            ("x-ratelimit-limit", "20"),
            ("x-ratelimit-remaining", "0"),
            ("x-ratelimit-reset", "784111807000"),
        ]);
        assert_eq!(
            limits.map(|limits| limits.requests),
            Some(Limit {
                reset: None,
                ..limit(20, 0, 0.0)
            }),
            "a date in milliseconds before 2001 is none"
        );
        let later = "1741305600000";
        let limits = read(&[
            ("x-ratelimit-remaining", "0"),
            ("x-ratelimit-reset", later),
            ("date", "Thu, 06 Mar 2025 23:59:30 GMT"),
        ]);
        let spent = limits.and_then(|limits| limits.spent());
        assert_eq!(spent, Some(Duration::from_secs(30)));
    }

    #[test]
    fn an_announcement_is_a_zero_with_a_reset() {
        let announced = |pairs: &[(&'static str, &str)]| {
            let pairs = pairs.iter().map(|(name, value)| {
                let name = http::HeaderName::from_static(name);
                (name, value.parse().expect("value"))
            });
            Limits::announced(&pairs.collect(), || SystemTime::UNIX_EPOCH)
        };
        let (left, reset) = ("x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens");
        let wait = Some(Duration::from_secs(7));
        assert_eq!(announced(&[(left, "0"), (reset, "7s")]), wait);
        assert_eq!(announced(&[(left, "-4"), (reset, "7s")]), wait);
        assert_eq!(announced(&[(left, "1"), (reset, "7s")]), None);
        assert_eq!(announced(&[(left, "0")]), None);
        assert_eq!(announced(&[(reset, "0"), ("age", "0")]), None);
        let other = "x-ratelimit-remaining-requests";
        assert_eq!(announced(&[(other, "0"), (left, "5"), (reset, "7s")]), None);
    }

    #[test]
    fn a_date_is_compared_with_the_upstreams_own_clock() {
        let reset = ("anthropic-ratelimit-requests-reset", "2030-01-01T00:00:20Z");
        let left = ("anthropic-ratelimit-requests-remaining", "0");
        let own = ("date", "Tue, 01 Jan 2030 00:00:00 GMT");
        let spent = |pairs: &[(&'static str, &str)]| read(pairs).and_then(|limits| limits.spent());
        assert_eq!(spent(&[reset, left, own]), Some(Duration::from_secs(20)));
        assert_eq!(spent(&[reset, left]), None, "35 years are nonsense");
    }

    #[test]
    fn an_answer_that_says_nothing_of_limits_has_none() {
        let clock = || -> SystemTime { unreachable!("no date is there to be compared") };
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("content-type", "application/json"),
            ("x-request-id", "abc"),
            ("anthropic-organization-id", "abc"),
            ("x-ratelimit-over-limit", "yes"),
            ("x-ratelimit-remaining-fish", "0"),
        ] {
            headers.insert(name, value.parse().expect("value"));
        }
        assert_eq!(Limits::read(&headers, clock), None);
    }

    #[test]
    fn counts_are_whole_and_never_less_than_nothing() {
        for (text, expected) in [
            ("0", Some(0)),
            (" 12 ", Some(12)),
            ("-3", Some(0)),
            ("1e3", None),
            ("many", None),
            ("99999999999999999999", None),
        ] {
            assert_eq!(count(text), expected, "{text:?}");
        }
    }
}
