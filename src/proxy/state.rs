//! The state of the Responses API: a conversation that goes on by the id of its last answer.
//!
//! Answers that were translated are stored here, as their upstreams store nothing. A request that names
//! one of them gets the conversation back in full before it is planned, so that any upstream can take it.
//! An id that is not known here is its upstream's, and passes.

use std::time::Instant;

use bytes::Bytes;
use serde_json::{Value, json};

use super::call::Call;
use super::gateway::Gateway;
use super::prepared::{Payload, Prepared};
use super::problem::Problem;
use super::translate::Storing;
use crate::chat::{Dialect, Operation};
use crate::json::raw::RawObject;
use crate::json::scan;

/// The id of the answer that a request follows.
const PREVIOUS: &str = "previous_response_id";

/// Gives `prepared` the conversation that it goes on with, if that is remembered here.
pub(super) fn resume(
    gateway: &Gateway,
    call: &Call,
    prepared: &mut Prepared,
) -> Result<(), Problem> {
    let talks = matches!(
        prepared.endpoint.operation,
        Operation::Generate | Operation::CountTokens
    );
    if prepared.endpoint.dialect != Dialect::OpenAiResponses || !talks {
        return Ok(());
    }
    let (Payload::Json(object), Some(memory)) = (&prepared.payload, gateway.memory()) else {
        return Ok(());
    };
    let Some(id) = object.get(PREVIOUS).and_then(scan::string) else {
        return Ok(());
    };
    let history = memory.responses.history(&call.client, &id, Instant::now());
    let Some(mut input) = history else {
        return Ok(());
    };
    let own = items(object.get("input"));
    input.extend(own.iter().cloned());
    let resumed = Storing {
        previous: Some(id.into_owned()),
        input: own,
    };
    let mut edit = object.edit();
    edit.remove(PREVIOUS);
    edit.set("input", Bytes::from(Value::Array(input).to_string()));
    let body = RawObject::parse(edit.finish().concat().into())?;
    prepared.payload = Payload::Json(body);
    prepared.resumed = Some(resumed);
    Ok(())
}

/// The items that an `input` stands for: a text is a message of the user.
pub(super) fn items(input: Option<&[u8]>) -> Vec<Value> {
    match input.and_then(|input| serde_json::from_slice(input).ok()) {
        Some(Value::Array(items)) => items,
        Some(Value::String(text)) => vec![json!({
            "type": "message",
            "role": "user",
            "content": [{ "type": "input_text", "text": text }],
        })],
        _ => Vec::new(),
    }
}
