//! Writes a [`Problem`] in the dialect of whoever asked.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

use crate::codec::error::status;
use crate::proxy::Reply;
use crate::proxy::body::Body;
use crate::proxy::ingress::{Framing, Tongue};
use crate::proxy::problem::{AttemptNote, Problem};

/// The reply that tells a client of `problem` in its own `tongue`.
pub fn reply(problem: &Problem, request_id: &HeaderValue, tongue: Tongue) -> Reply {
    let request_id = request_id.to_str().unwrap_or_default();
    let json = problem.write(tongue.dialect, request_id);
    let text = match tongue.framing {
        Framing::Events => json.to_string(),
        Framing::Array => format!("[{json}]"),
    };
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
    let route = problem.route.as_deref();
    if let Some(route) = route.and_then(|route| HeaderValue::from_str(route).ok()) {
        headers.insert(HeaderName::from_static("x-autogw-route"), route);
    }
    if problem.status == StatusCode::UPGRADE_REQUIRED {
        headers.insert(header::UPGRADE, HeaderValue::from_static("HTTP/1.1"));
    }
    let known = status(tongue.dialect, problem.status.as_u16());
    Reply {
        status: StatusCode::from_u16(known).unwrap_or(problem.status),
        headers,
        body: Body::Full(Bytes::from(text)),
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
