//! What OpenAI accepts as a strict schema.

use serde_json::Value;

/// Whether OpenAI would take the schema with `strict: true`. A schema that does not fit is sent as it is
/// with `strict: false`: it is the client's, and mending it would change what answers are allowed.
pub fn fits_openai_strict(schema: &Value) -> bool {
    schema.is_object()
}
