//! Answers that are errors, in OpenAI's shape: all four keys of `error` are always there.

use std::time::Duration;

use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, Method, Response, StatusCode};
use serde_json::json;

use super::pace::{self, Body};

/// A request that gets no answer, and why.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    kind: &'static str,
    code: Option<&'static str>,
    param: Option<&'static str>,
    message: String,
    retry_after: Option<Duration>,
}

impl Refusal {
    fn new(status: StatusCode, kind: &'static str, message: String) -> Self {
        Self {
            status,
            kind,
            code: None,
            param: None,
            message,
            retry_after: None,
        }
    }

    /// 400: the request is wrong.
    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "invalid_request_error",
            message.into(),
        )
    }

    /// 400: the field `param` is wrong.
    pub(super) fn invalid_field(param: &'static str, message: impl Into<String>) -> Self {
        Self {
            param: Some(param),
            ..Self::invalid(message)
        }
    }

    /// 404: nobody serves `model` here.
    pub(super) fn unknown_model(model: &str, provider: &str) -> Self {
        Self {
            status: StatusCode::NOT_FOUND,
            code: Some("model_not_found"),
            ..Self::invalid_field(
                "model",
                format!("The demo provider {provider} has no model `{model}`."),
            )
        }
    }

    /// 404: there is no such endpoint.
    pub(super) fn unknown_path(method: &Method, path: &str) -> Self {
        Self {
            status: StatusCode::NOT_FOUND,
            code: Some("unknown_url"),
            ..Self::invalid(format!("No such endpoint: {method} {path}"))
        }
    }

    /// 405: the endpoint wants another method.
    pub(super) fn wrong_method(method: &Method, path: &str) -> Self {
        Self {
            status: StatusCode::METHOD_NOT_ALLOWED,
            code: Some("method_not_supported"),
            ..Self::invalid(format!("{path} does not answer {method}."))
        }
    }

    /// 413: the body is longer than `limit` bytes.
    pub(super) fn too_large(limit: usize) -> Self {
        Self {
            status: StatusCode::PAYLOAD_TOO_LARGE,
            ..Self::invalid(format!("The body is larger than {limit} bytes."))
        }
    }

    /// 429: the simulated rate limit.
    pub(super) fn rate_limited(provider: &str, retry_after: Duration) -> Self {
        let seconds = whole_seconds(retry_after);
        Self {
            code: Some("rate_limit_exceeded"),
            retry_after: Some(retry_after),
            ..Self::new(
                StatusCode::TOO_MANY_REQUESTS,
                "requests",
                format!(
                    "The demo provider {provider} simulates a rate limit: try again in {seconds} s."
                ),
            )
        }
    }

    /// 500: the simulated failure.
    pub(super) fn failure(provider: &str) -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "server_error",
            format!("The demo provider {provider} simulates a failure."),
        )
    }

    /// 503: the simulated time in which nothing works.
    pub(super) fn unavailable(provider: &str) -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "server_error",
            format!("The demo provider {provider} simulates an outage."),
        )
    }

    /// The response a client sees.
    pub(super) fn into_response(self) -> Response<Body> {
        let body = json!({"error": {
            "message": self.message,
            "type": self.kind,
            "param": self.param,
            "code": self.code,
        }});
        let mut response = Response::new(pace::whole(body.to_string()));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(wait) = self.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(whole_seconds(wait)));
        }
        response
    }
}

/// `Retry-After` knows only whole seconds; rounded up, so that nobody comes back too early.
fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}
