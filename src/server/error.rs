//! Writes a [`Problem`] in the dialect of whoever asked.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

use crate::codec::openai_chat::error;
use crate::proxy::Reply;
use crate::proxy::body::Body;
use crate::proxy::problem::{AttemptNote, Problem};

/// The reply that tells a client of `problem`.
pub fn reply(problem: &Problem, request_id: &HeaderValue) -> Reply {
    let request_id = request_id.to_str().unwrap_or_default();
    let attempts: Vec<_> = problem.attempts.iter().map(AttemptNote::to_json).collect();
    let json = error::write(&problem.body, request_id, &attempts);
    let mut headers = HeaderMap::with_capacity(8);
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    headers.insert(
        HeaderName::from_static("x-autogw-attempts"),
        HeaderValue::from(problem.attempts.len()),
    );
    if let Some(last) = problem.attempts.last() {
        blame(last, &mut headers);
    }
    if problem.status == StatusCode::UNAUTHORIZED {
        headers.insert(
            header::WWW_AUTHENTICATE,
            HeaderValue::from_static("Bearer realm=\"autogw\""),
        );
    }
    if let Some(wait) = problem.retry_after {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(whole_seconds(wait)));
    }
    if let Some(allow) = problem.allow {
        headers.insert(header::ALLOW, HeaderValue::from_static(allow));
    }
    if let Some(should_retry) = problem.should_retry {
        let value = HeaderValue::from_static(if should_retry { "true" } else { "false" });
        headers.insert(HeaderName::from_static("x-should-retry"), value);
    }
    Reply {
        status: problem.status,
        headers,
        body: Body::Full(Bytes::from(json.to_string())),
    }
}

/// Says who was asked last, as a good answer says who gave it.
fn blame(last: &AttemptNote, headers: &mut HeaderMap) {
    let names = [
        ("x-autogw-provider", &last.provider),
        ("x-autogw-model", &last.model),
    ];
    for (header, name) in names {
        if let Ok(name) = HeaderValue::from_str(name) {
            headers.insert(HeaderName::from_static(header), name);
        }
    }
}

/// Whole seconds, rounded up: a client that comes back early is turned away again.
fn whole_seconds(wait: std::time::Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}
