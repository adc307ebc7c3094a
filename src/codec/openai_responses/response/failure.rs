//! Errors inside an answer or a stream, read and named.

use serde_json::Value;

use crate::chat::ErrorBody;

/// Codes that clients of this dialect act upon, and so get as they are.
const CODES: [&str; 7] = [
    "rate_limit_exceeded",
    "insufficient_quota",
    "context_length_exceeded",
    "invalid_prompt",
    "server_is_overloaded",
    "slow_down",
    "content_policy_violation",
];

/// Reads the value of an `error` field, or an `error` event that carries it itself.
pub(in super::super) fn read(error: &Value) -> ErrorBody {
    let inner = error.get("error").filter(|inner| inner.is_object());
    let error = inner.unwrap_or(error);
    let text = |key: &str| match error.get(key) {
        Some(Value::String(text)) if !text.is_empty() => Some(text.clone()),
        Some(Value::Number(number)) => Some(number.to_string()),
        _ => None,
    };
    let own = error.as_str().map(str::to_owned);
    ErrorBody {
        message: text("message")
            .or(own)
            .unwrap_or_else(|| "the upstream gave up without a reason".to_owned()),
        // An event's type says only that it is an error.
        kind: text("type").filter(|kind| kind != "error" && kind != "response"),
        code: text("code"),
        param: text("param"),
    }
}

/// The code that stands for an error in an answer of this dialect.
pub(in super::super) fn code(error: &ErrorBody) -> &'static str {
    let said = [error.code.as_deref(), error.kind.as_deref()];
    let known = said.into_iter().flatten();
    for word in known {
        if let Some(code) = CODES.iter().find(|code| **code == word) {
            return code;
        }
        match word {
            "rate_limit_error" | "RESOURCE_EXHAUSTED" | "429" => return "rate_limit_exceeded",
            "overloaded_error" | "service_unavailable_error" | "UNAVAILABLE" | "529" => {
                return "server_is_overloaded";
            }
            "billing_error" => return "insufficient_quota",
            "invalid_request_error" | "INVALID_ARGUMENT" => return "invalid_prompt",
            _ => {}
        }
    }
    "server_error"
}
