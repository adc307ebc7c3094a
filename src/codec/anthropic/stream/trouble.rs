//! Errors inside a stream or in place of an answer: read, and named as this dialect names them.

use serde_json::Value;

use crate::chat::ErrorBody;

/// What an `error` event says.
pub fn read(event: &Value) -> ErrorBody {
    let error = &event["error"];
    let text = |key: &str| error[key].as_str().map(str::to_owned);
    let code = &error["details"]["error_code"];
    ErrorBody {
        message: text("message")
            .or_else(|| error.as_str().map(str::to_owned))
            .unwrap_or_else(|| "the upstream reported an error without a message".to_owned()),
        kind: text("type"),
        code: code.as_str().map(str::to_owned).or_else(|| text("code")),
        param: text("param"),
    }
}

/// The type of an error for a client, whichever dialect's words it came in. That our key was refused is
/// our trouble: the client's key is fine.
pub fn kind(error: &ErrorBody) -> &'static str {
    let words = [error.kind.as_deref(), error.code.as_deref()];
    let known = words.into_iter().flatten().find_map(named);
    known.unwrap_or("api_error")
}

fn named(word: &str) -> Option<&'static str> {
    Some(match word.to_ascii_lowercase().as_str() {
        "rate_limit_error"
        | "rate_limit_exceeded"
        | "rate_limit"
        | "slow_down"
        | "resource_exhausted"
        | "too_many_requests"
        | "429" => "rate_limit_error",
        "overloaded_error"
        | "overloaded"
        | "server_is_overloaded"
        | "service_unavailable_error"
        | "service_unavailable"
        | "unavailable"
        | "503"
        | "529" => "overloaded_error",
        "timeout_error" | "timeout" | "deadline_exceeded" | "504" => "timeout_error",
        "invalid_request_error"
        | "invalid_request"
        | "invalid_argument"
        | "invalid_prompt"
        | "failed_precondition"
        | "context_length_exceeded"
        | "content_filter"
        | "400" => "invalid_request_error",
        "billing_error" | "insufficient_quota" | "quota" | "402" => "billing_error",
        "not_found_error" | "not_found" | "model_not_found" | "404" => "not_found_error",
        "request_too_large" | "413" => "request_too_large",
        "api_error"
        | "authentication_error"
        | "permission_error"
        | "auth"
        | "unauthenticated"
        | "permission_denied" => "api_error",
        _ => return None,
    })
}
