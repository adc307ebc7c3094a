//! `countTokens`: the same conversation, in one of two wrappings.

use serde_json::{Map, Value};

use super::{request, wire};
use crate::chat::Request;
use crate::json::fields::BadField;

/// Puts a body of `generateContent` for `model` into one of `countTokens`. Instructions and tools are
/// only counted inside `generateContentRequest`, where the model has to be named once more.
pub fn count_request(generate: Map<String, Value>, model: &str) -> Map<String, Value> {
    let mut inner = Map::new();
    let is_full = model.starts_with("models/") || model.starts_with("tunedModels/");
    let name = if is_full {
        model.to_owned()
    } else {
        format!("models/{model}")
    };
    inner.insert("model".to_owned(), name.into());
    inner.extend(generate);
    let mut body = Map::new();
    body.insert("generateContentRequest".to_owned(), inner.into());
    body
}

/// Reads a client's body of `countTokens`: `contents`, or a whole request.
///
/// # Errors
/// A field is not of the type that it must be.
pub fn decode_count(body: Map<String, Value>) -> Result<Request, BadField> {
    let mut fields = wire::node_of(body, "");
    match wire::child(&mut fields, "generateContentRequest")? {
        Some(inner) => request::decode_request(inner.into_rest()),
        None => request::decode_request(fields.into_rest()),
    }
}
