//! Errors as Google writes them: a canonical status, and details with their types.

use std::time::Duration;

use serde_json::{Value, json};

use crate::codec::error::Told;

/// Longest wait that is believed, in seconds.
const LONGEST_WAIT: f64 = 24.0 * 3600.0;

/// The body, which is that of an error inside a stream as well.
pub fn write(told: &Told<'_>) -> Value {
    let retry = told.retry_after.map(|wait| {
        json!({
            "@type": "type.googleapis.com/google.rpc.RetryInfo",
            "retryDelay": format!("{}s", wait.as_secs_f64()),
        })
    });
    let details: Vec<Value> = retry.into_iter().chain([info(told)]).collect();
    // An error inside a stream has a status of its own, which is not that of the answer.
    let own = told.body.code.as_deref().and_then(|code| code.parse().ok());
    let code: u16 = own
        .filter(|code| (400..600).contains(code))
        .unwrap_or(told.status);
    json!({ "error": {
        "code": code,
        "message": told.body.message,
        "status": status(told),
        "details": details,
    } })
}

/// What has no field of its own. The values of `metadata` are texts by definition, so the attempts are
/// JSON in one.
fn info(told: &Told<'_>) -> Value {
    let mut metadata = json!({ "request_id": told.request_id });
    if let Some(field) = &told.body.param {
        metadata["field"] = json!(field);
    }
    if !told.attempts.is_empty() {
        metadata["attempts"] = json!(Value::from(told.attempts).to_string());
    }
    let code = told.body.code.as_deref().or(told.body.kind.as_deref());
    json!({
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": code.unwrap_or("error").to_ascii_uppercase(),
        "domain": "autogw",
        "metadata": metadata,
    })
}

/// Google's own word if it came from there, else the one that goes with the status.
fn status<'a>(told: &Told<'a>) -> &'a str {
    let is_canonical = |kind: &&str| {
        kind.len() > 2
            && kind
                .bytes()
                .all(|byte| byte.is_ascii_uppercase() || byte == b'_')
    };
    let own = told.body.kind.as_deref().filter(is_canonical);
    own.unwrap_or(match told.status {
        401 => "UNAUTHENTICATED",
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        405 | 426 => "UNIMPLEMENTED",
        409 => "ABORTED",
        402 | 429 => "RESOURCE_EXHAUSTED",
        408 | 504 => "DEADLINE_EXCEEDED",
        499 => "CANCELLED",
        502 | 503 | 529 => "UNAVAILABLE",
        400..=499 => "INVALID_ARGUMENT",
        _ => "INTERNAL",
    })
}

/// How long an error body asks to wait, in its `RetryInfo`.
pub fn retry_delay(body: &[u8]) -> Option<Duration> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let error = body.get("error").or_else(|| body.get(0)?.get("error"))?;
    let details = error.get("details")?.as_array()?;
    let delay = details
        .iter()
        .find_map(|detail| detail["retryDelay"].as_str())?;
    let seconds: f64 = delay.strip_suffix('s')?.parse().ok()?;
    let is_sane = (0.0..=LONGEST_WAIT).contains(&seconds);
    is_sane.then(|| Duration::from_secs_f64(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_stands_among_the_details() {
        let body = br#"{"error":{"code":429,"details":[{"@type":"x"},{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"7.5s"}]}}"#;
        assert_eq!(retry_delay(body), Some(Duration::from_millis(7500)));
        for nonsense in ["7", "-1s", "NaNs", "1e99s"] {
            let body =
                format!("[{{\"error\":{{\"details\":[{{\"retryDelay\":\"{nonsense}\"}}]}}}}]");
            assert_eq!(retry_delay(body.as_bytes()), None, "{nonsense}");
        }
    }
}
