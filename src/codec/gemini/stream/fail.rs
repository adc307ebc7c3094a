//! Failures inside a stream that had begun well.

use serde_json::{Value, json};

use crate::chat::ErrorBody;

/// Reads the object of an `error` field; whatever else stands there is its message.
pub(crate) fn read(error: &[u8]) -> ErrorBody {
    let error: Value = serde_json::from_slice(error).unwrap_or_default();
    let text = |key: &str| match error.get(key)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    let message = match &error {
        Value::String(message) => Some(message.clone()),
        _ => text("message"),
    };
    ErrorBody {
        message: message.unwrap_or_else(|| "the upstream reported an error".to_owned()),
        kind: text("status"),
        code: text("code"),
        param: None,
    }
}

/// Statuses with their code and the words by which other dialects call the same.
const KINDS: &[(&str, u16, &[&str])] = &[
    (
        "RESOURCE_EXHAUSTED",
        429,
        &["429", "rate_limit", "quota", "billing", "slow_down"],
    ),
    ("DEADLINE_EXCEEDED", 504, &["504", "timeout", "timed_out"]),
    (
        "UNAVAILABLE",
        503,
        &[
            "503",
            "529",
            "502",
            "overload",
            "unavailable",
            "upstream",
            "truncated",
        ],
    ),
    (
        "UNAUTHENTICATED",
        401,
        &["401", "authentication", "api_key"],
    ),
    ("PERMISSION_DENIED", 403, &["403", "permission"]),
    ("NOT_FOUND", 404, &["404", "not_found"]),
    ("CANCELLED", 499, &["499"]),
    (
        "INVALID_ARGUMENT",
        400,
        &["400", "invalid_request", "context_length", "too_large"],
    ),
];

/// The status of Google's that says the same, with its number.
fn status(error: &ErrorBody) -> (&'static str, u16) {
    let words = [error.code.as_deref(), error.kind.as_deref()];
    for word in words.into_iter().flatten() {
        let word = word.to_ascii_lowercase();
        for (name, code, signs) in KINDS {
            if word.eq_ignore_ascii_case(name) || signs.iter().any(|sign| word.contains(sign)) {
                return (name, *code);
            }
        }
    }
    ("INTERNAL", 500)
}

/// The object of an `error` field.
pub(super) fn write(error: &ErrorBody, request_id: &str) -> Value {
    let (status, code) = status(error);
    let mut body = json!({
        "code": code,
        "message": error.message,
        "status": status,
    });
    if !request_id.is_empty() {
        body["details"] = json!([{
            "@type": "type.googleapis.com/google.rpc.RequestInfo",
            "requestId": request_id,
        }]);
    }
    json!({ "error": body })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_get_googles_names() {
        let table = [
            (Some("rate_limit_error"), None, "RESOURCE_EXHAUSTED"),
            (Some("overloaded_error"), None, "UNAVAILABLE"),
            (
                Some("server_error"),
                Some("upstream_truncated"),
                "UNAVAILABLE",
            ),
            (Some("server_error"), Some("timeout"), "DEADLINE_EXCEEDED"),
            (Some("invalid_request_error"), None, "INVALID_ARGUMENT"),
            (Some("PERMISSION_DENIED"), None, "PERMISSION_DENIED"),
            (Some("server_error"), None, "INTERNAL"),
            (None, Some("429"), "RESOURCE_EXHAUSTED"),
            (None, None, "INTERNAL"),
        ];
        for (kind, code, status) in table {
            let error = ErrorBody {
                message: "m".into(),
                kind: kind.map(str::to_owned),
                code: code.map(str::to_owned),
                param: None,
            };
            assert_eq!(
                write(&error, "")["error"]["status"],
                status,
                "{kind:?} {code:?}"
            );
        }
    }

    #[test]
    fn errors_are_read_in_any_shape() {
        let full = read(br#"{"code":503,"message":"busy","status":"UNAVAILABLE"}"#);
        assert_eq!(
            (full.message.as_str(), full.code.as_deref()),
            ("busy", Some("503"))
        );
        assert_eq!(full.kind.as_deref(), Some("UNAVAILABLE"));
        assert_eq!(read(b"\"busy\"").message, "busy");
        assert!(!read(b"[1]").message.is_empty());
    }
}
