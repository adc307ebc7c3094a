//! Problem: why a client gets an error, with which status and words. The one place that decides statuses.

mod edge;

use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use serde_json::{Value, json};

use crate::chat::{Dialect, ErrorBody, Failure, FailureClass};
use crate::codec::error::{self, Told};
use crate::codec::head::HeadError;
use crate::codec::multipart::MultipartError;
use crate::json::raw::RawError;
use crate::provider::classify;

/// An error for the client, before it is written in a dialect.
#[derive(Debug, Clone)]
pub struct Problem {
    /// The HTTP status.
    pub status: StatusCode,
    /// What is said.
    pub body: ErrorBody,
    /// The attempts that were made, without key material.
    pub attempts: Vec<AttemptNote>,
    /// When trying again may help.
    pub retry_after: Option<Duration>,
    /// Whether the client's SDK should try again by itself; `None` leaves it to the status.
    pub should_retry: Option<bool>,
    /// What was tried, as `x-autogw-route` tells it.
    pub route: Option<Box<str>>,
    /// The methods that would have been right.
    pub allow: Option<&'static str>,
}

/// One failed attempt, as told to the client.
#[derive(Debug, Clone)]
pub struct AttemptNote {
    /// Name of the provider.
    pub provider: String,
    /// Model asked for there.
    pub model: String,
    /// What went wrong.
    pub class: FailureClass,
    /// The upstream's status, if one came.
    pub status: Option<u16>,
    /// How long it took.
    pub elapsed: Duration,
}

impl AttemptNote {
    /// The entry of `error.attempts[]`.
    pub fn to_json(&self) -> Value {
        json!({
            "provider": self.provider,
            "model": self.model,
            "class": self.class.name(),
            "status": self.status,
            "ms": u64::try_from(self.elapsed.as_millis()).unwrap_or(u64::MAX),
        })
    }
}

impl Problem {
    pub(super) fn new(
        status: StatusCode,
        kind: &str,
        code: Option<&str>,
        message: impl Into<String>,
    ) -> Self {
        Self {
            status,
            body: ErrorBody {
                message: message.into(),
                kind: Some(kind.to_owned()),
                code: code.map(str::to_owned),
                param: None,
            },
            attempts: Vec::new(),
            retry_after: None,
            should_retry: should_retry(status),
            route: None,
            allow: None,
        }
    }

    pub(super) fn about(mut self, field: &str) -> Self {
        self.body.param = Some(field.to_owned());
        self
    }

    /// 400: the request is wrong.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "invalid_request_error",
            None,
            message,
        )
    }

    /// 400: the request is wrong in the field `field`.
    pub fn bad_field(field: &str, message: impl Into<String>) -> Self {
        Self::bad_request(message).about(field)
    }

    /// 508: the request has been here before.
    pub fn request_loop() -> Self {
        let message = "this request has already passed through this gateway: a provider's base_url leads back here";
        Self::new(
            StatusCode::LOOP_DETECTED,
            "server_error",
            Some("loop_detected"),
            message,
        )
        .finally()
    }

    /// 500: a bug of ours.
    pub fn internal() -> Self {
        let message = "the gateway failed while handling this request; its log has the place";
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "server_error",
            Some("internal_error"),
            message,
        )
    }

    /// 503: draining.
    pub fn shutting_down() -> Self {
        let message = "the gateway is shutting down";
        let problem = Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "server_error",
            Some("shutting_down"),
            message,
        );
        Self {
            retry_after: Some(Duration::from_secs(1)),
            ..problem
        }
    }

    /// The upstream's verdict on the request, passed on once.
    pub fn rejected(failure: Failure) -> Self {
        let status = failure
            .status
            .and_then(|status| StatusCode::from_u16(status).ok())
            .unwrap_or(StatusCode::BAD_GATEWAY);
        let kind = failure
            .kind
            .unwrap_or_else(|| default_kind(status).to_owned());
        let body = ErrorBody {
            message: failure.message,
            kind: Some(kind),
            code: failure.code,
            param: failure.param,
        };
        Self {
            status,
            body,
            attempts: Vec::new(),
            retry_after: failure.retry_after,
            should_retry: Some(false),
            route: None,
            allow: None,
        }
    }

    /// 429: every key that could be asked is over its rate or its quota.
    pub fn rate_limited(wait: Option<Duration>) -> Self {
        let message = "every provider of this model is rate-limited or out of quota";
        let problem = Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            "rate_limit_error",
            Some("rate_limit_exceeded"),
            message,
        );
        Self {
            retry_after: wait,
            ..problem
        }
    }

    /// 504: nobody answered in time.
    pub fn timed_out() -> Self {
        Self::new(
            StatusCode::GATEWAY_TIMEOUT,
            "server_error",
            Some("timeout"),
            "no provider answered in time",
        )
    }

    /// 502: no target answered; `why` the search ended, and what the `last` one said.
    pub fn all_failed(why: &str, last: &str) -> Self {
        let message = format!("{why}; the last one said: {last}");
        Self::new(
            StatusCode::BAD_GATEWAY,
            "server_error",
            Some("upstream_error"),
            message,
        )
    }

    /// 502: nobody was asked, and nobody has said why.
    pub fn unreachable(why: &str) -> Self {
        Self::new(
            StatusCode::BAD_GATEWAY,
            "server_error",
            Some("upstream_error"),
            why,
        )
    }

    /// 503: no file descriptor is left for a connection to a provider.
    pub fn out_of_files() -> Self {
        let problem = Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "server_error",
            Some("gateway_overloaded"),
            "the gateway has no file descriptor left for a connection to a provider",
        );
        Self {
            retry_after: Some(Duration::from_secs(1)),
            ..problem
        }
    }

    /// 503: whoever could be asked has as many requests as it may have.
    pub fn overloaded(wait: Option<Duration>) -> Self {
        let message = "every provider of this model has as many requests as it may have";
        let problem = Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "server_error",
            Some("overloaded"),
            message,
        );
        Self {
            retry_after: wait,
            ..problem
        }
    }

    /// 502: our own keys were refused, which is not the client's fault.
    pub fn keys_refused() -> Self {
        let message = "the providers of this model refused the gateway's own keys";
        Self::new(
            StatusCode::BAD_GATEWAY,
            "server_error",
            Some("upstream_credentials_refused"),
            message,
        )
        .finally()
    }

    /// An upstream failed after the answer had begun.
    pub fn broken_stream(message: impl Into<String>) -> Self {
        Self::new(
            StatusCode::BAD_GATEWAY,
            "server_error",
            Some("stream_interrupted"),
            message,
        )
    }

    /// The body that tells a client of `dialect`.
    pub fn write(&self, dialect: Dialect, request_id: &str) -> Value {
        let attempts: Vec<_> = self.attempts.iter().map(AttemptNote::to_json).collect();
        error::write(dialect, &self.told(dialect, request_id, &attempts))
    }

    /// The same as the last event of a stream; `number` is its own where events are numbered.
    pub fn event(&self, dialect: Dialect, request_id: &str, number: u64) -> Bytes {
        error::event(dialect, &self.told(dialect, request_id, &[]), number)
    }

    fn told<'a>(
        &'a self,
        dialect: Dialect,
        request_id: &'a str,
        attempts: &'a [Value],
    ) -> Told<'a> {
        Told {
            status: error::status(dialect, self.status.as_u16()),
            body: &self.body,
            request_id,
            attempts,
            retry_after: self.retry_after,
        }
    }

    /// What an upstream reported when the answer had begun.
    pub fn reported(body: ErrorBody) -> Self {
        let status = classify::status_of(&body);
        Self {
            status,
            body,
            ..Self::broken_stream("")
        }
    }

    /// Says that trying again will not help.
    #[must_use]
    pub fn finally(self) -> Self {
        Self {
            should_retry: Some(false),
            ..self
        }
    }

    /// Adds the attempts that led here.
    #[must_use]
    pub fn after(self, attempts: Vec<AttemptNote>) -> Self {
        Self { attempts, ..self }
    }
}

/// What a status says of another try: a request that is wrong stays so. The others are left to the client.
fn should_retry(status: StatusCode) -> Option<bool> {
    let may_pass = matches!(status.as_u16(), 408 | 409 | 425 | 429);
    (status.is_client_error() && !may_pass).then_some(false)
}

fn default_kind(status: StatusCode) -> &'static str {
    match status.as_u16() {
        403 => "permission_error",
        429 => "rate_limit_error",
        500..=599 => "server_error",
        _ => "invalid_request_error",
    }
}

impl From<RawError> for Problem {
    fn from(error: RawError) -> Self {
        Self::bad_request(error.to_string())
    }
}

impl From<HeadError> for Problem {
    fn from(error: HeadError) -> Self {
        Self::bad_field(error.field(), error.to_string())
    }
}

impl From<MultipartError> for Problem {
    fn from(error: MultipartError) -> Self {
        Self::bad_request(error.to_string())
    }
}
