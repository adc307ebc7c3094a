//! The smallest useful request of each dialect: whether key, model and network work shows in its answer.

use serde_json::{Value, json};

use crate::chat::Dialect;
use crate::proxy::written::gemini_path;

/// Tokens an answer may have. Some fail when one is all they may think with.
const TOKENS: u32 = 16;

/// Path, below the base URL with its version, and body.
pub(super) fn smallest(dialect: Dialect, model: &str) -> (String, Value) {
    match dialect {
        Dialect::Gemini => (
            gemini_path(model, "generateContent"),
            json!({
                "contents": [{ "role": "user", "parts": [{ "text": "hi" }] }],
                "generationConfig": { "maxOutputTokens": TOKENS },
            }),
        ),
        Dialect::Anthropic => (
            "/messages".to_owned(),
            json!({ "model": model, "max_tokens": TOKENS, "messages": said() }),
        ),
        Dialect::OpenAiResponses => (
            "/responses".to_owned(),
            json!({ "model": model, "input": "hi", "max_output_tokens": TOKENS, "store": false }),
        ),
        Dialect::OpenAiChat => (
            "/chat/completions".to_owned(),
            json!({ "model": model, "max_tokens": TOKENS, "messages": said() }),
        ),
    }
}

fn said() -> Value {
    json!([{ "role": "user", "content": "hi" }])
}
