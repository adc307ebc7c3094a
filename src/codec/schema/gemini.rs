//! Schemas for Gemini's JSON Schema fields: `parametersJsonSchema` and `responseJsonSchema`.

use serde_json::Value;

use super::Rewritten;

/// The schema in the part of JSON Schema that Gemini reads in its `…JsonSchema` fields (models ≥ 2.5).
pub fn for_gemini_json(schema: &Value) -> Rewritten {
    Rewritten {
        schema: schema.clone(),
        changed: Vec::new(),
    }
}
