//! The names of the conventions for generative AI. They are still in development, so here is the one place
//! that knows them.

use crate::telemetry::trace::Cause;

pub(super) const OPERATION: &str = "gen_ai.operation.name";
pub(super) const PROVIDER: &str = "gen_ai.provider.name";
pub(super) const REQUEST_MODEL: &str = "gen_ai.request.model";
pub(super) const RESPONSE_MODEL: &str = "gen_ai.response.model";
pub(super) const FIRST_CHUNK: &str = "gen_ai.response.time_to_first_chunk";
pub(super) const INPUT_TOKENS: &str = "gen_ai.usage.input_tokens";
pub(super) const OUTPUT_TOKENS: &str = "gen_ai.usage.output_tokens";
pub(super) const ERROR_TYPE: &str = "error.type";
pub(super) const STATUS: &str = "http.response.status_code";

/// What a request to `endpoint` does; for what the conventions have no word, its path is one.
pub(super) fn operation(endpoint: &'static str) -> &'static str {
    match endpoint {
        "/chat/completions" | "/messages" | "/responses" => "chat",
        "/completions" => "text_completion",
        "/models:generateContent" => "generate_content",
        "/embeddings" | "/models:embedContent" | "/models:batchEmbedContents" => "embeddings",
        other => other.trim_start_matches('/'),
    }
}

/// The name of a span: the operation, and the model if one was named.
pub(super) fn span(endpoint: &'static str, model: &str) -> String {
    let operation = operation(endpoint);
    if model.is_empty() {
        operation.to_owned()
    } else {
        format!("{operation} {model}")
    }
}

/// The conventions' word for a kind of provider; ours where they have none.
pub(super) fn provider(kind: &str) -> &str {
    match kind {
        "google" | "gemini" => "gcp.gemini",
        "vertex" | "vertex_ai" => "gcp.vertex_ai",
        "azure" | "azure_openai" => "azure.ai.openai",
        "bedrock" => "aws.bedrock",
        "mistral" => "mistral_ai",
        "xai" => "x_ai",
        "moonshot" => "moonshot_ai",
        other => other,
    }
}

/// Why an attempt was made.
pub(super) fn cause(cause: Cause) -> &'static str {
    match cause {
        Cause::First => "first",
        Cause::Failover => "failover",
        Cause::Repeat => "repeat",
        Cause::Healed => "healed",
        Cause::Hedge => "hedge",
        Cause::Fallback => "fallback",
        Cause::Continued => "continued",
    }
}
