//! JSON Schema, rewritten for what each upstream understands of it.
//!
//! Tools and structured output carry schemas that were written for another provider. Each target has a
//! subset of its own and refuses, or silently ignores, the rest. Here a schema is brought into the subset
//! and what could not come along is named, so that the caller can report it. The rewriting is pure,
//! bounded in depth and size, and changes nothing the second time.

mod anthropic;
mod circles;
mod gemini;
mod gemini_classic;
mod lower;
mod merge;
mod openai;
mod reference;
mod walk;
mod weight;

use serde_json::Value;

pub use anthropic::{WRAPPED, for_anthropic_strict, for_anthropic_tool};
pub use gemini::for_gemini_json;
pub use gemini_classic::for_gemini_classic;
pub use lower::lower_types;
pub use openai::fits_openai_strict;
pub use weight::weigh;

/// A schema in a target's subset.
#[derive(Debug, Clone, PartialEq)]
pub struct Rewritten {
    /// The schema to send.
    pub schema: Value,
    /// Paths of the keywords that were dropped or mean something else now, such as `properties.a.pattern`;
    /// each at most once, in the order of the schema. Empty if the target is told all the client said.
    pub changed: Vec<String>,
}

#[cfg(test)]
mod tests;
