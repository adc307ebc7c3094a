//! The smallest useful request to a provider, in the dialect that it speaks.

use serde_json::{Map, Value, json};

use crate::chat::Dialect;
use crate::cli::question::smallest;
use crate::provider::{Feature, Model, Provider};
use crate::proxy::written::gemini_path;

/// Whether Anthropic's dialect is the one it is asked in, which wants a version.
pub(super) fn is_anthropics(provider: &Provider) -> bool {
    spoken(provider) == Dialect::Anthropic
}

fn spoken(provider: &Provider) -> Dialect {
    let dialects = &provider.preset.dialects;
    dialects.first().copied().unwrap_or(Dialect::OpenAiChat)
}

/// Path and body.
pub(in crate::cli) fn question(provider: &Provider, model: &Model) -> (String, Value) {
    let name = model.upstream.as_deref().unwrap_or(&model.name);
    let features = model.features;
    let embeds = features.is_some_and(|features| features.has(Feature::Embeddings));
    let mut body: Map<String, Value> = Map::new();
    for (key, raw) in &provider.extra_body {
        if let Ok(value) = serde_json::from_str(raw.get()) {
            body.insert(key.clone(), value);
        }
    }
    let (path, fields) = match (spoken(provider), embeds) {
        (Dialect::Gemini, true) => (
            gemini_path(name, "embedContent"),
            json!({ "content": { "parts": [{ "text": "hi" }] } }),
        ),
        (Dialect::OpenAiChat | Dialect::OpenAiResponses, true) => (
            "/embeddings".to_owned(),
            json!({ "model": name, "input": "hi" }),
        ),
        (Dialect::OpenAiChat, false) => chat(provider, name),
        (dialect, _) => smallest(dialect, name),
    };
    if let Value::Object(fields) = fields {
        body.extend(fields);
    }
    (path, Value::Object(body))
}

fn chat(provider: &Provider, name: &str) -> (String, Value) {
    let (path, mut body) = smallest(Dialect::OpenAiChat, name);
    // OpenAI's reasoning models refuse `max_tokens`.
    match provider.preset.kind.as_str() {
        "openai" | "azure_openai" => {
            let tokens = body
                .as_object_mut()
                .and_then(|body| body.remove("max_tokens"));
            body["max_completion_tokens"] = tokens.unwrap_or_default();
        }
        _ => body["max_tokens"] = json!(1),
    }
    (path, body)
}
