//! Errors of the gateway, told in the dialect of whoever asked: as a body, or as the last event of a stream.
//!
//! Reading is one function for all ([`openai_chat::error`]): the field does not
//! keep to its own shapes.

use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;

use super::{anthropic, gemini, openai_chat, openai_responses};
use crate::chat::{Dialect, ErrorBody};

/// An error to be told.
#[derive(Debug, Clone, Copy)]
pub struct Told<'a> {
    /// The HTTP status, or the one it would have had were the answer not under way.
    pub status: u16,
    /// What is said.
    pub body: &'a ErrorBody,
    /// The request's id.
    pub request_id: &'a str,
    /// The attempts that led here, as `error.attempts[]`.
    pub attempts: &'a [Value],
    /// When trying again may help.
    pub retry_after: Option<Duration>,
}

/// The body of an error answer.
pub fn write(dialect: Dialect, told: &Told<'_>) -> Value {
    match dialect {
        Dialect::OpenAiChat | Dialect::OpenAiResponses => openai_chat::error::write(told),
        Dialect::Anthropic => anthropic::error::write(told),
        Dialect::Gemini => gemini::error::write(told),
    }
}

/// The error as the last event of a stream; `number` is the one it gets where events are numbered.
pub fn event(dialect: Dialect, told: &Told<'_>, number: u64) -> Bytes {
    match dialect {
        Dialect::OpenAiChat => nameless(&openai_chat::error::write(told)),
        Dialect::OpenAiResponses => named(&openai_responses::error::event(told, number)),
        Dialect::Anthropic => named(&anthropic::error::write(told)),
        Dialect::Gemini => nameless(&gemini::error::write(told)),
    }
}

fn nameless(json: &Value) -> Bytes {
    Bytes::from(format!("data: {json}\n\n"))
}

fn named(json: &Value) -> Bytes {
    Bytes::from(format!("event: error\ndata: {json}\n\n"))
}

/// The status by which a dialect's clients know the error: overload is 529 to Anthropic's, 503 to others.
pub fn status(dialect: Dialect, status: u16) -> u16 {
    match (dialect, status) {
        (Dialect::Anthropic, 503) => 529,
        (Dialect::OpenAiChat | Dialect::OpenAiResponses | Dialect::Gemini, 529) => 503,
        _ => status,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(body: &ErrorBody, status: u16) -> Told<'_> {
        Told {
            status,
            body,
            request_id: "req-1",
            attempts: &[],
            retry_after: Some(Duration::from_millis(1500)),
        }
    }

    fn body() -> ErrorBody {
        ErrorBody {
            message: "m".to_owned(),
            kind: Some("rate_limit_error".to_owned()),
            code: Some("rate_limit_exceeded".to_owned()),
            param: None,
        }
    }

    #[test]
    fn each_dialect_has_its_body() {
        let body = body();
        let told = told(&body, 429);
        let openai = json!({"error": {"message": "m", "type": "rate_limit_error", "param": null,
            "code": "rate_limit_exceeded", "request_id": "req-1"}});
        assert_eq!(write(Dialect::OpenAiChat, &told), openai);
        assert_eq!(write(Dialect::OpenAiResponses, &told), openai);
        let anthropic = json!({"type": "error", "error": {"type": "rate_limit_error", "message": "m"},
            "request_id": "req-1"});
        assert_eq!(write(Dialect::Anthropic, &told), anthropic);
        let gemini = write(Dialect::Gemini, &told);
        assert_eq!(gemini["error"]["code"], 429);
        assert_eq!(gemini["error"]["status"], "RESOURCE_EXHAUSTED");
        assert_eq!(gemini["error"]["details"][0]["retryDelay"], "1.5s");
    }

    #[test]
    fn each_dialect_has_its_event() {
        let body = body();
        let told = told(&body, 502);
        let text = |dialect| String::from_utf8_lossy(&event(dialect, &told, 7)).into_owned();
        for (dialect, start) in [
            (Dialect::OpenAiChat, "data: {\"error\":{"),
            (
                Dialect::OpenAiResponses,
                "event: error\ndata: {\"type\":\"error\",",
            ),
            (
                Dialect::Anthropic,
                "event: error\ndata: {\"type\":\"error\",",
            ),
            (Dialect::Gemini, "data: {\"error\":{"),
        ] {
            let text = text(dialect);
            assert!(text.starts_with(start) && text.ends_with("}\n\n"), "{text}");
        }
        assert!(text(Dialect::OpenAiResponses).contains("\"sequence_number\":7"));
    }

    #[test]
    fn overload_has_the_status_its_clients_know() {
        assert_eq!(status(Dialect::Anthropic, 503), 529);
        assert_eq!(status(Dialect::Gemini, 529), 503);
        assert_eq!(status(Dialect::Anthropic, 502), 502);
        let body = ErrorBody::default();
        assert_eq!(
            write(Dialect::Anthropic, &told(&body, 529))["error"]["type"],
            "overloaded_error"
        );
    }
}
