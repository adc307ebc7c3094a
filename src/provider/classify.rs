//! One classification of every upstream outcome: what it was, and where the request may go from here.
//!
//! The retry decision is made here and nowhere else. Rules: `401/402/403/429` are the key's trouble,
//! `5xx` and broken connections the provider's, `404` the model's, other `4xx` the request's. The
//! upstream's own words decide the exceptions: money spoken of in a 429, a bad key in a 400.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, StatusCode};

use super::StatusSet;
use crate::chat::{ErrorBody, Failure, FailureClass, Next, Stage};

/// Longest rest an upstream may ask for.
pub const MAX_RETRY_AFTER: Duration = Duration::from_mins(15);

/// What is longer is not a wait but nonsense.
const INSANE_RETRY_AFTER: f64 = 24.0 * 3600.0;

/// Codes and types of a 429 that no waiting cures.
const MONEY: [&str; 7] = [
    "insufficient_quota",
    "credit_balance_exhausted",
    "organization_spend_limit_exceeded",
    "project_spend_limit_exceeded",
    "organization_usage_limit_exceeded",
    "enforced_spend_limit_reached",
    "billing_error",
];

/// An answer with an error status (or an error inside a 200, with the status it should have had).
///
/// `retryable` replaces the built-in verdict on which statuses move on.
pub fn answer(
    status: StatusCode,
    headers: &HeaderMap,
    body: ErrorBody,
    retryable: Option<&StatusSet>,
) -> Failure {
    let (class, next) = verdict(status, headers, &body);
    let next = match retryable {
        Some(set) if set.contains(status.as_u16()) => match next {
            Next::Return => Next::Provider,
            next => next,
        },
        Some(_) => Next::Return,
        None => next,
    };
    Failure {
        class,
        stage: Stage::Answered,
        next,
        status: Some(status.as_u16()),
        message: body.message,
        kind: body.kind,
        code: body.code,
        param: body.param,
        retry_after: retry_after(headers, SystemTime::now()),
    }
}

fn verdict(status: StatusCode, headers: &HeaderMap, body: &ErrorBody) -> (FailureClass, Next) {
    let speaks = Speech::of(body);
    match status.as_u16() {
        429 if speaks.of_money() => (FailureClass::Quota, Next::Key),
        402 if !headers.contains_key("retry-after") => (FailureClass::Quota, Next::Key),
        402 | 429 => (FailureClass::RateLimit, Next::Key),
        400 | 401 | 403 if speaks.of_a_bad_key() => (FailureClass::Auth, Next::Key),
        403 if speaks.of_moderation() => (FailureClass::Request, Next::Return),
        403 if speaks.of_model_access() => (FailureClass::Model, Next::Provider),
        401 | 403 => (FailureClass::Auth, Next::Key),
        400 | 422 if speaks.of_an_unknown_model() => (FailureClass::Model, Next::Provider),
        404 => (FailureClass::Model, Next::Provider),
        400 | 413 | 422 if speaks.of_capability() => (FailureClass::Capability, Next::Provider),
        408 => (FailureClass::Timeout, Next::Same),
        409 => (FailureClass::Server, Next::Same),
        400..=499 => (FailureClass::Request, Next::Return),
        500..=599 => (FailureClass::Server, Next::Provider),
        // Redirects are not followed: an upstream that moved is one that must be configured anew.
        _ => (FailureClass::Malformed, Next::Provider),
    }
}

/// The status that an error inside a 200 should have had, by its own code and type.
pub fn status_of(body: &ErrorBody) -> StatusCode {
    if let Some(status) = body
        .code
        .as_deref()
        .and_then(|code| code.parse().ok())
        .filter(|code| (400..600).contains(code))
    {
        return StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
    }
    let speaks = Speech::of(body);
    let kind = body.kind.as_deref().unwrap_or_default();
    match () {
        () if speaks.of_money()
            || speaks.says_any(&[
                "rate_limit",
                "rate limit",
                "resource_exhausted",
                "slow_down",
            ]) =>
        {
            StatusCode::TOO_MANY_REQUESTS
        }
        () if speaks.of_a_bad_key() || kind == "authentication_error" => StatusCode::UNAUTHORIZED,
        () if speaks.of_an_unknown_model() => StatusCode::NOT_FOUND,
        () if kind == "invalid_request_error" || speaks.of_capability() => StatusCode::BAD_REQUEST,
        () => StatusCode::BAD_GATEWAY,
    }
}

/// The words of an error, lower-cased once, and the questions asked of them.
struct Speech {
    labels: String,
    message: String,
}

impl Speech {
    fn of(body: &ErrorBody) -> Self {
        let labels = format!(
            "{} {}",
            body.kind.as_deref().unwrap_or_default(),
            body.code.as_deref().unwrap_or_default()
        );
        Self {
            labels: labels.to_ascii_lowercase(),
            message: body.message.to_ascii_lowercase(),
        }
    }

    fn labelled(&self, words: &[&str]) -> bool {
        words.iter().any(|word| self.labels.contains(word))
    }

    fn says_any(&self, words: &[&str]) -> bool {
        self.labelled(words) || words.iter().any(|word| self.message.contains(word))
    }

    fn of_money(&self) -> bool {
        self.labelled(&MONEY)
            || self.says_any(&[
                "exceeded your current quota",
                "perday",
                "per day",
                "limit: 0",
            ])
    }

    fn of_a_bad_key(&self) -> bool {
        self.labelled(&["invalid_api_key", "api_key_invalid", "authentication_error"])
            || self.says_any(&["api key not valid", "incorrect api key", "invalid api key"])
    }

    fn of_moderation(&self) -> bool {
        self.says_any(&[
            "moderation",
            "flagged",
            "content_policy",
            "content_filter",
            "safety",
        ])
    }

    fn of_model_access(&self) -> bool {
        self.says_any(&["model", "country", "region", "unsupported_country"])
    }

    fn of_an_unknown_model(&self) -> bool {
        self.labelled(&["model_not_found", "model_not_available", "unknown_model"])
            || (self.message.contains("model")
                && self.says_any(&[
                    "does not exist",
                    "not found",
                    "is not a valid model",
                    "unknown model",
                ]))
    }

    fn of_capability(&self) -> bool {
        self.labelled(&["context_length_exceeded", "string_above_max_length"])
            || self.says_any(&[
                "maximum context length",
                "context window",
                "prompt is too long",
                "does not support tools",
                "does not support function",
                "does not support image",
                "support image input",
                "does not support vision",
                "not a multimodal model",
            ])
    }
}

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

/// `x-ratelimit-reset-{what}` if `x-ratelimit-remaining-{what}` is zero, in seconds.
fn exhausted_limit(headers: &HeaderMap, what: &str) -> Option<f64> {
    let text = |name: String| {
        headers
            .get(name)?
            .to_str()
            .ok()
            .map(|text| text.trim().to_owned())
    };
    let remaining = text(format!("x-ratelimit-remaining-{what}"))?;
    let reset = text(format!("x-ratelimit-reset-{what}"))?;
    if remaining == "0" {
        go_duration(&reset)
    } else {
        None
    }
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

    fn classified(status: u16, body: &str) -> (FailureClass, Next) {
        let error = ErrorBody {
            message: body.to_owned(),
            ..ErrorBody::default()
        };
        let failure = answer(
            StatusCode::from_u16(status).expect("status"),
            &HeaderMap::new(),
            error,
            None,
        );
        (failure.class, failure.next)
    }

    fn labelled(status: u16, code: &str) -> (FailureClass, Next) {
        let error = ErrorBody {
            code: Some(code.to_owned()),
            ..ErrorBody::default()
        };
        let failure = answer(
            StatusCode::from_u16(status).expect("status"),
            &HeaderMap::new(),
            error,
            None,
        );
        (failure.class, failure.next)
    }

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
    fn statuses_fall_into_their_classes() {
        use FailureClass as C;
        for (status, expected) in [
            (400, (C::Request, Next::Return)),
            (401, (C::Auth, Next::Key)),
            (402, (C::Quota, Next::Key)),
            (403, (C::Auth, Next::Key)),
            (404, (C::Model, Next::Provider)),
            (408, (C::Timeout, Next::Same)),
            (409, (C::Server, Next::Same)),
            (413, (C::Request, Next::Return)),
            (422, (C::Request, Next::Return)),
            (429, (C::RateLimit, Next::Key)),
            (500, (C::Server, Next::Provider)),
            (503, (C::Server, Next::Provider)),
            (520, (C::Server, Next::Provider)),
            (529, (C::Server, Next::Provider)),
            (302, (C::Malformed, Next::Provider)),
        ] {
            assert_eq!(classified(status, "no"), expected, "{status}");
        }
    }

    #[test]
    fn the_upstreams_words_decide_the_exceptions() {
        use FailureClass as C;
        assert_eq!(labelled(429, "insufficient_quota"), (C::Quota, Next::Key));
        assert_eq!(labelled(400, "API_KEY_INVALID"), (C::Auth, Next::Key));
        assert_eq!(
            labelled(400, "context_length_exceeded"),
            (C::Capability, Next::Provider)
        );
        assert_eq!(labelled(400, "model_not_found"), (C::Model, Next::Provider));
        assert_eq!(
            labelled(403, "unsupported_country_region_territory"),
            (C::Model, Next::Provider)
        );
        assert_eq!(
            classified(403, "Your input was flagged"),
            (C::Request, Next::Return)
        );
        assert_eq!(
            classified(400, "qwen does not support tools"),
            (C::Capability, Next::Provider)
        );
    }

    #[test]
    fn a_402_with_a_date_is_a_rate_limit() {
        let failure = answer(
            StatusCode::PAYMENT_REQUIRED,
            &headers(&[("retry-after", "3")]),
            ErrorBody::default(),
            None,
        );
        assert_eq!(
            (failure.class, failure.retry_after),
            (FailureClass::RateLimit, Some(Duration::from_secs(3)))
        );
    }

    #[test]
    fn configured_statuses_replace_the_verdict() {
        let set = StatusSet(vec![418..=418]);
        let next = |status: u16| {
            answer(
                StatusCode::from_u16(status).expect("status"),
                &HeaderMap::new(),
                ErrorBody::default(),
                Some(&set),
            )
            .next
        };
        assert_eq!(next(418), Next::Provider);
        assert_eq!(next(500), Next::Return);
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

    #[test]
    fn an_error_in_a_200_gets_the_status_it_should_have_had() {
        let status = |kind: &str, code: &str| {
            status_of(&ErrorBody {
                kind: Some(kind.into()),
                code: Some(code.into()),
                ..ErrorBody::default()
            })
            .as_u16()
        };
        assert_eq!(status("", "429"), 429);
        assert_eq!(status("", "rate_limit_exceeded"), 429);
        assert_eq!(status("invalid_request_error", ""), 400);
        assert_eq!(status("authentication_error", ""), 401);
        assert_eq!(status("server_error", ""), 502);
    }
}
