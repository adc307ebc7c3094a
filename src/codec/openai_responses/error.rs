//! Errors of a Responses stream; as a body they are those of chat.

use serde_json::{Value, json};

use crate::codec::error::Told;

/// The `error` event: flat, and numbered like every other. OpenAI's SDKs raise only on a field `error`, so
/// it says the same there.
pub fn event(told: &Told<'_>, number: u64) -> Value {
    let error = told.body;
    json!({
        "type": "error",
        "code": error.code.as_ref().or(error.kind.as_ref()),
        "message": error.message,
        "param": error.param,
        "sequence_number": number,
        "error": {
            "message": error.message,
            "type": error.kind,
            "param": error.param,
            "code": error.code,
        },
        "request_id": told.request_id,
    })
}
