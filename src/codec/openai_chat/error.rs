//! Errors of the dialect: read in every shape the field produces, written in the one OpenAI defines.

use serde_json::{Value, json};

use crate::chat::ErrorBody;
use crate::codec::error::Told;
use crate::json::repair::repair;
use crate::json::scan;

/// Error bodies are short; what is longer is a page, and its beginning says enough.
const READ_AT_MOST: usize = 64 * 1024;

/// Characters kept of a body that has no known shape.
const EXCERPT: usize = 300;

/// Types that only Anthropic has, or that mean something else there.
const ANTHROPIC: [&str; 6] = [
    "api_error",
    "billing_error",
    "not_found_error",
    "overloaded_error",
    "request_too_large",
    "timeout_error",
];

/// Reads an error body of any shape; never fails, an unknown shape becomes its own message.
pub fn read(body: &[u8]) -> ErrorBody {
    let body = &body[..body.len().min(READ_AT_MOST)];
    let text = String::from_utf8_lossy(body);
    match value(&text) {
        Some(value) => from_value(&value).unwrap_or_else(|| excerpt(&text)),
        None => excerpt(&text),
    }
}

/// Reads text as an error only if it is shaped like one; for answers that might be good.
pub fn recognise(body: &[u8]) -> Option<ErrorBody> {
    let text = std::str::from_utf8(&body[..body.len().min(READ_AT_MOST)]).ok()?;
    from_value(&value(text)?)
}

/// Reads a block of a stream that is no event but an error as it would come alone, without `data:`.
pub fn bare(block: &[u8]) -> Option<ErrorBody> {
    let block = block.trim_ascii();
    let is_json = matches!(block.first(), Some(b'{' | b'['));
    is_json.then(|| recognise(block)).flatten()
}

/// Whether the value of an `error` field reports one: some answers say that there was none.
pub fn is_reported(value: &[u8]) -> bool {
    !scan::is_blank(value) && !matches!(value, b"false" | b"0")
}

/// Reads an error whose end is missing. What it says is cut between words, so that no part of a key
/// remains that nobody would recognise.
pub fn read_beginning(body: &[u8]) -> ErrorBody {
    let body = read(body);
    let short = |text: &String| text.len() <= EXCERPT;
    ErrorBody {
        message: excerpt(&body.message).message,
        kind: body.kind.filter(short),
        code: body.code.filter(short),
        param: None,
    }
}

/// Whether the beginning of an event's data is that of an error: it reports one before any content.
pub fn begins(data: &[u8]) -> bool {
    let mut at = 0;
    for member in scan::members(data).map_while(Result::ok) {
        let value = &data[member.value..member.end];
        match &data[member.key..member.key_end] {
            b"error" if is_reported(value) => return true,
            b"choices" | b"candidates" if !scan::is_blank(value) => return false,
            _ => at = member.end,
        }
    }
    // The member that is cut off; its name may lack its quotes.
    let is_punctuation = |byte: &u8| b"{,\"' \t\r\n".contains(byte);
    let rest = data.get(at..).unwrap_or_default();
    let name = rest.iter().position(|byte| !is_punctuation(byte));
    let after = name.and_then(|name| rest[name..].strip_prefix(b"error"));
    after.is_some_and(|after| {
        after
            .first()
            .is_none_or(|byte| b"\"' :\t\r\n".contains(byte))
    })
}

fn value(text: &str) -> Option<Value> {
    serde_json::from_str(text)
        .ok()
        .or_else(|| serde_json::from_str(&repair(text)?).ok())
}

/// The shapes, in the order in which they are told apart: `{error: {…}}`, `{error: "…"}` (xAI, with
/// `code` beside it), `{message}` (Mistral, Cohere), `{detail: […]}` (FastAPI), `[{error}]` (Gemini).
fn from_value(value: &Value) -> Option<ErrorBody> {
    let object = match value {
        Value::Array(items) => return items.first().and_then(from_value),
        Value::Object(object) => object,
        _ => return None,
    };
    match object.get("error") {
        Some(Value::Object(_)) => Some(from_fields(&value["error"], value)),
        Some(Value::String(message)) => Some(ErrorBody {
            message: message.clone(),
            ..from_fields(value, value)
        }),
        _ if is_plain_error(value) => Some(from_fields(value, value)),
        _ => detail(value),
    }
}

fn is_plain_error(value: &Value) -> bool {
    let content = ["choices", "data", "candidates", "content", "output"];
    value["message"].is_string() && content.iter().all(|field| value.get(field).is_none())
}

fn from_fields(error: &Value, outer: &Value) -> ErrorBody {
    let text = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    ErrorBody {
        message: text(&error["message"])
            .unwrap_or_else(|| "the upstream reported an error without a message".into()),
        kind: text(&error["type"]).or_else(|| text(&error["status"])),
        code: text(&error["code"]).or_else(|| text(&outer["code"])),
        param: text(&error["param"]),
    }
}

fn detail(value: &Value) -> Option<ErrorBody> {
    let message = match value.get("detail")? {
        Value::String(text) => text.clone(),
        Value::Array(items) => {
            let messages: Vec<&str> = items
                .iter()
                .filter_map(|item| item["msg"].as_str())
                .collect();
            messages.join("; ")
        }
        other => other.to_string(),
    };
    Some(ErrorBody {
        message,
        ..ErrorBody::default()
    })
}

fn excerpt(text: &str) -> ErrorBody {
    let mut words = String::new();
    for word in text.split_whitespace() {
        if words.len() + word.len() >= EXCERPT {
            words.push('…');
            break;
        }
        if !words.is_empty() {
            words.push(' ');
        }
        words.push_str(word);
    }
    if words.is_empty() {
        words.push_str("the upstream sent an empty body");
    }
    ErrorBody {
        message: words,
        ..ErrorBody::default()
    }
}

/// Writes an error object with all four fields the SDKs expect; `attempts` only where there were any.
///
/// An upstream's error without a `type` is a server's: errors of our own always have theirs.
pub fn write(told: &Told<'_>) -> Value {
    let error = told.body;
    let kind = error.kind.as_deref().unwrap_or("server_error");
    let is_google = is_google(kind);
    let is_foreign = is_google || ANTHROPIC.contains(&kind);
    // Google's code is the status once more.
    let code = error.code.as_deref().filter(|_| !is_google);
    let mut fields = json!({
        "message": error.message,
        "type": if is_foreign { kind_of(told.status) } else { kind },
        "param": error.param,
        "code": code,
        "request_id": told.request_id,
    });
    if !told.attempts.is_empty() {
        fields["attempts"] = Value::from(told.attempts);
    }
    json!({ "error": fields })
}

/// Whether it is a canonical status of Google's.
fn is_google(kind: &str) -> bool {
    let is_capital = |byte: u8| byte.is_ascii_uppercase() || byte == b'_';
    kind.len() > 2 && kind.bytes().all(is_capital)
}

/// The type that goes with a status.
fn kind_of(status: u16) -> &'static str {
    match status {
        402 => "insufficient_quota",
        403 => "permission_error",
        429 => "rate_limit_error",
        503 | 529 => "service_unavailable_error",
        500..=599 => "server_error",
        _ => "invalid_request_error",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(body: &str) -> String {
        read(body.as_bytes()).message
    }

    #[test]
    fn reads_every_known_shape() {
        assert_eq!(
            message(r#"{"error":{"message":"m","type":"t","code":"c"}}"#),
            "m"
        );
        assert_eq!(
            message(r#"{"code":"x","error":"plain words"}"#),
            "plain words"
        );
        assert_eq!(message(r#"{"object":"error","message":"m"}"#), "m");
        assert_eq!(message(r#"{"detail":[{"msg":"a"},{"msg":"b"}]}"#), "a; b");
        assert_eq!(message(r#"{"detail":"Not Found"}"#), "Not Found");
        assert_eq!(
            message(r#"[{"error":{"message":"m","status":"INVALID_ARGUMENT"}}]"#),
            "m"
        );
        assert_eq!(
            message("<html>\n<h1>502 Bad Gateway</h1>"),
            "<html> <h1>502 Bad Gateway</h1>"
        );
        assert_eq!(message(""), "the upstream sent an empty body");
    }

    #[test]
    fn repairs_sloppy_json_without_touching_strings() {
        assert_eq!(message(r#"{error: {message: "a, b: c"}}"#), "a, b: c");
    }

    #[test]
    fn numeric_codes_become_text() {
        assert_eq!(
            read(br#"{"error":{"message":"m","code":429}}"#)
                .code
                .as_deref(),
            Some("429")
        );
    }

    #[test]
    fn a_good_answer_is_not_recognised_as_an_error() {
        assert_eq!(recognise(br#"{"id":"x","choices":[],"error":null}"#), None);
        assert_eq!(recognise(br#"{"data":[],"message":"fine"}"#), None);
    }
}
