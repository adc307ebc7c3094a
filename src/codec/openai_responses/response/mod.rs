//! Answers of the dialect, read and written.

mod envelope;
mod failure;
mod output;
#[cfg(test)]
mod tests;
mod usage;

use std::sync::Arc;

use serde_json::{Map, Value};

use super::stream::Encoder;
use crate::chat::part::Content;
use crate::chat::{Choice, ErrorBody, Finish, FinishReason, Part, Report, Response};
use crate::codec::stream::StreamEncoder;
use crate::codec::target::{Exchange, Origin};
use crate::json::fields::Fields;

pub(super) use envelope::{Closing, Envelope};
pub(super) use output::{call, part, read as read_item, reasoning};
pub(super) use usage::{read as read_usage, write as write_usage};

pub use envelope::echo;

pub(super) use failure::{code as error_code, read as read_error};

/// Reads an answer.
///
/// # Errors
/// The answer is that there is none.
pub fn decode_response(body: Value, origin: &Origin) -> Result<Response, ErrorBody> {
    let failed = read_failure(&body);
    let Value::Object(map) = body else {
        return Err(failed.unwrap_or_else(|| read_error(&Value::Null)));
    };
    if let Some(error) = failed {
        return Err(error);
    }
    let mut fields = Fields::new(map, "");
    let items = fields.list("output").ok().flatten().unwrap_or_default();
    let parts: Vec<Part> = items
        .into_iter()
        .flat_map(|item| output::read(item, origin))
        .collect();
    let has_calls = parts
        .iter()
        .any(|part| matches!(part.content, Content::ToolCall(_)));
    Ok(Response {
        id: fields.text("id").ok().flatten(),
        model: fields.text("model").ok().flatten(),
        created: fields.count("created_at").ok().flatten(),
        choices: vec![Choice {
            parts,
            finish: finish(
                fields.peek_text("status"),
                fields.peek("incomplete_details"),
                has_calls,
            ),
        }],
        usage: fields.peek("usage").and_then(usage::read),
    })
}

/// What went wrong, if the answer says that something did.
pub(super) fn read_failure(response: &Value) -> Option<ErrorBody> {
    let error = response.get("error").filter(|error| !error.is_null());
    let status = response.get("status").and_then(Value::as_str);
    match (error, status) {
        (Some(error), _) => Some(read_error(error)),
        (None, Some("failed" | "cancelled")) => Some(read_error(response)),
        _ if !response.is_object() => Some(read_error(response)),
        _ => None,
    }
}

/// How an answer with this status ended.
pub(super) fn finish(status: Option<&str>, details: Option<&Value>, has_calls: bool) -> Finish {
    let why = details.and_then(|details| details.get("reason")?.as_str());
    let reason = match (status, why) {
        (Some("incomplete"), Some("content_filter")) => FinishReason::Filtered,
        (Some("incomplete"), _) => FinishReason::Length,
        _ if has_calls => FinishReason::ToolCalls,
        _ => FinishReason::End,
    };
    Finish {
        reason,
        native: why.or(status).map(str::to_owned),
        ..Finish::default()
    }
}

/// Writes an answer: what its stream would end with.
pub fn encode_response(response: &Response, exchange: &Exchange, report: &mut Report) -> Value {
    // It is whole already, and as long as its document.
    let mut encoder = Encoder::with_room(Arc::new(exchange.clone()), usize::MAX);
    let mut scratch = Vec::new();
    for event in response.clone().into_events() {
        encoder.encode(event, &mut scratch);
        scratch.clear();
    }
    let body = encoder.whole(&mut scratch);
    report.merge(encoder.report());
    serde_json::from_slice(&body).unwrap_or_else(|_| Value::Object(Map::new()))
}
