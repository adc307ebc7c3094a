//! What is answered in place of an answer: one shape for every error, `{error: {message, hint, details}}`.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::{Deserialize, Serialize};

use crate::proxy::problem::Problem;
use crate::telemetry::act::Refused;

/// See the module's head.
#[derive(Debug, Clone)]
pub struct Failed {
    status: StatusCode,
    told: Refused,
    allow: Option<&'static str>,
}

/// An error as it is written.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Failure {
    /// What is wrong, and what to do about it.
    pub error: Refused,
}

impl Failed {
    /// An answer with `status` that says `message`.
    pub fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self {
            status,
            told: Refused::new(message),
            allow: None,
        }
    }

    /// 400: the question makes no sense.
    pub fn bad(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    /// 404: there is no such thing. Its name is not said back: somebody may have pasted a key.
    pub fn unknown(what: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, format!("there is no such {what}"))
    }

    /// 422: the question was understood, and the gateway does not do it.
    pub fn refused(told: Refused) -> Self {
        Self {
            status: StatusCode::UNPROCESSABLE_ENTITY,
            told,
            allow: None,
        }
    }

    /// The same, with what to do about it.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.told.hint = Some(hint.into());
        self
    }

    /// The same, with the methods that would have been right.
    #[must_use]
    pub fn allowing(mut self, methods: &'static str) -> Self {
        self.allow = Some(methods);
        self
    }
}

impl From<Problem> for Failed {
    fn from(problem: Problem) -> Self {
        Self::new(problem.status, problem.body.message)
    }
}

impl IntoResponse for Failed {
    fn into_response(self) -> Response {
        let failure = Failure { error: self.told };
        let mut response = (self.status, Json(failure)).into_response();
        let headers = response.headers_mut();
        if let Some(methods) = self.allow {
            headers.insert(header::ALLOW, HeaderValue::from_static(methods));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            let bearer = HeaderValue::from_static("Bearer realm=\"autogw admin\"");
            headers.insert(header::WWW_AUTHENTICATE, bearer);
        }
        response
    }
}
