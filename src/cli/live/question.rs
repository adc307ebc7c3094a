//! The smallest useful request, in the dialect that a provider speaks.

use serde_json::{Map, Value, json};

use crate::chat::Dialect;
use crate::provider::{Feature, Model, Provider};
use crate::proxy::written::gemini_path;

/// Tokens an answer may have. Some fail when one is all they may think with.
const TOKENS: u32 = 16;

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
        (Dialect::Gemini, false) => (
            gemini_path(name, "generateContent"),
            json!({
                "contents": [{ "role": "user", "parts": [{ "text": "hi" }] }],
                "generationConfig": { "maxOutputTokens": TOKENS },
            }),
        ),
        (Dialect::Anthropic, _) => (
            "/messages".to_owned(),
            json!({ "model": name, "max_tokens": TOKENS, "messages": said() }),
        ),
        (Dialect::OpenAiChat | Dialect::OpenAiResponses, true) => (
            "/embeddings".to_owned(),
            json!({ "model": name, "input": "hi" }),
        ),
        (Dialect::OpenAiResponses, false) => (
            "/responses".to_owned(),
            json!({ "model": name, "input": "hi", "max_output_tokens": TOKENS, "store": false }),
        ),
        (Dialect::OpenAiChat, false) => ("/chat/completions".to_owned(), chat(provider, name)),
    };
    if let Value::Object(fields) = fields {
        body.extend(fields);
    }
    (path, Value::Object(body))
}

fn said() -> Value {
    json!([{ "role": "user", "content": "hi" }])
}

fn chat(provider: &Provider, name: &str) -> Value {
    let mut body = json!({ "model": name, "messages": said() });
    // OpenAI's reasoning models refuse `max_tokens`.
    match provider.preset.kind.as_str() {
        "openai" | "azure_openai" => body["max_completion_tokens"] = json!(TOKENS),
        _ => body["max_tokens"] = json!(1),
    }
    body
}
