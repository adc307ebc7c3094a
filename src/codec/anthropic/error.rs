//! Errors as Anthropic writes them.

use serde_json::{Value, json};

use crate::codec::error::Told;

/// Types that mean one thing to Anthropic's clients, and are kept as they came.
const OWN: [&str; 9] = [
    "api_error",
    "authentication_error",
    "billing_error",
    "not_found_error",
    "overloaded_error",
    "permission_error",
    "rate_limit_error",
    "request_too_large",
    "timeout_error",
];

/// The body, which is that of an `error` event as well.
pub fn write(told: &Told<'_>) -> Value {
    let mut error = json!({ "type": kind(told), "message": told.body.message });
    if !told.attempts.is_empty() {
        error["attempts"] = Value::from(told.attempts);
    }
    json!({ "type": "error", "error": error, "request_id": told.request_id })
}

/// OpenAI's type for what is not found, or not let in, is that of a bad request: there the status decides.
fn kind<'a>(told: &Told<'a>) -> &'a str {
    let own = told.body.kind.as_deref().filter(|kind| OWN.contains(kind));
    own.unwrap_or(match told.status {
        401 => "authentication_error",
        402 => "billing_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        408 | 504 => "timeout_error",
        503 | 529 => "overloaded_error",
        400..=499 => "invalid_request_error",
        _ => "api_error",
    })
}
