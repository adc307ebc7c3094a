//! Schemas of tools and of the answer, in the language that the model reads.

use serde_json::Value;

use crate::chat::{Dialect, Report, Request};
use crate::codec::schema;
use crate::codec::target::Target;

/// Where the schema of a tool stands.
pub(super) struct ToolSchema;

/// Where the schema of the answer stands.
pub(super) struct AnswerSchema;

/// The keys of a schema in the two languages that Gemini has for it, and what it is called in reports.
pub(super) trait Place {
    /// In JSON Schema.
    const JSON: &'static str;
    /// In the older `Schema`.
    const CLASSIC: &'static str;
    /// Its name in the client's dialect.
    fn name(dialect: Dialect) -> &'static str;
}

impl Place for ToolSchema {
    const JSON: &'static str = "parametersJsonSchema";
    const CLASSIC: &'static str = "parameters";
    fn name(dialect: Dialect) -> &'static str {
        match dialect {
            Dialect::OpenAiChat => "tools[].function.parameters",
            Dialect::OpenAiResponses => "tools[].parameters",
            Dialect::Anthropic => "tools[].input_schema",
            Dialect::Gemini => "tools[].functionDeclarations[].parameters",
        }
    }
}

/// The schema in the language that the model reads, with its key. Keywords that were lost are reported by
/// their names, not by each of their places: an agent's tools have hundreds of those.
pub(super) fn schema_for<P: Place>(
    schema: &Value,
    _place: P,
    request: &Request,
    target: &Target<'_>,
    report: &mut Report,
) -> (&'static str, Value) {
    let (key, rewritten) = if target.knowledge.json_schema {
        (P::JSON, schema::for_gemini_json(schema))
    } else {
        (P::CLASSIC, schema::for_gemini_classic(schema))
    };
    for path in rewritten.changed {
        let keyword = path.rsplit('.').next().unwrap_or(&path);
        report.drop(format!("{}.{keyword}", P::name(request.dialect)));
    }
    (key, rewritten.schema)
}

impl Place for AnswerSchema {
    const JSON: &'static str = "responseJsonSchema";
    const CLASSIC: &'static str = "responseSchema";
    fn name(dialect: Dialect) -> &'static str {
        match dialect {
            Dialect::OpenAiChat => "response_format.json_schema.schema",
            Dialect::OpenAiResponses => "text.format.schema",
            Dialect::Anthropic => "output_config.format.schema",
            Dialect::Gemini => "generationConfig.responseSchema",
        }
    }
}
