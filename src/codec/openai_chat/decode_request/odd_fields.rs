//! Settings in the words of other vendors, brought to Chat's own; what Chat has itself wins.

use serde_json::{Map, Value, json};

use crate::chat::Leftovers;
use crate::codec::schema;
use crate::json::fields::Fields;

/// Names that mean the same as one of Chat's, at the top of a body.
const SYNONYMS: [(&str, &str); 8] = [
    ("stop_sequences", "stop"),
    ("max_tokens_to_sample", "max_tokens"),
    ("max_output_tokens", "max_tokens"),
    ("instructions", "system"),
    ("systemInstruction", "system"),
    ("system_instruction", "system"),
    ("generation_config", "generationConfig"),
    ("tool_config", "toolConfig"),
];

/// The same in Gemini's `generationConfig`.
const GENERATION: [(&str, &str); 15] = [
    ("temperature", "temperature"),
    ("topP", "top_p"),
    ("top_p", "top_p"),
    ("topK", "top_k"),
    ("top_k", "top_k"),
    ("seed", "seed"),
    ("candidateCount", "n"),
    ("candidate_count", "n"),
    ("maxOutputTokens", "max_tokens"),
    ("max_output_tokens", "max_tokens"),
    ("stopSequences", "stop"),
    ("stop_sequences", "stop"),
    ("presencePenalty", "presence_penalty"),
    ("frequencyPenalty", "frequency_penalty"),
    ("responseLogprobs", "logprobs"),
];

/// Brings what other vendors call differently to Chat's names.
pub(super) fn rename(fields: &mut Fields, leftovers: &mut Leftovers) {
    for (odd, own) in SYNONYMS {
        if fields.peek(own).is_none()
            && let Some(value) = fields.take(odd)
        {
            fields.put_back(own, value);
        }
    }
    if let Some(Value::Object(config)) = take_object(fields, "generationConfig") {
        generation_config(fields, config);
    }
    if let Some(config) = take_object(fields, "toolConfig") {
        let mode = &config["functionCallingConfig"];
        put(fields, "tool_choice", gemini_choice(mode));
    }
    if let Some(Value::Object(mut text)) = take_object(fields, "text") {
        put(fields, "response_format", text.shift_remove("format"));
        put(fields, "verbosity", text.shift_remove("verbosity"));
    }
    if let Some(Value::Object(mut output)) = take_object(fields, "output_config") {
        put(fields, "response_format", output.shift_remove("format"));
        put(fields, "reasoning_effort", output.shift_remove("effort"));
    }
    for key in ["safetySettings", "safety_settings", "anthropic_version"] {
        if fields.take(key).is_some() {
            leftovers.note_idle(key.to_owned());
        }
    }
}

fn take_object(fields: &mut Fields, key: &str) -> Option<Value> {
    fields.peek(key)?.as_object()?;
    fields.take(key)
}

fn put(fields: &mut Fields, key: &str, value: Option<Value>) {
    if let Some(value) = value.filter(|_| fields.peek(key).is_none()) {
        fields.put_back(key, value);
    }
}

fn generation_config(fields: &mut Fields, mut config: Map<String, Value>) {
    for (odd, own) in GENERATION {
        put(fields, own, config.shift_remove(odd));
    }
    if fields.peek("logprobs") == Some(&Value::Bool(true)) {
        put(fields, "top_logprobs", config.shift_remove("logprobs"));
    }
    let any = |config: &mut Map<String, Value>, keys: &[&str]| {
        keys.iter().find_map(|key| config.shift_remove(*key))
    };
    let schema = any(
        &mut config,
        &[
            "responseJsonSchema",
            "responseSchema",
            "response_schema",
            "response_json_schema",
        ],
    );
    let mime = any(&mut config, &["responseMimeType", "response_mime_type"]);
    put(fields, "response_format", gemini_format(schema, mime));
    if let Some(thinking) = any(&mut config, &["thinkingConfig", "thinking_config"]) {
        put(fields, "thinking", Some(gemini_thinking(&thinking)));
    }
    if !config.is_empty() {
        fields.put_back("generationConfig", config.into());
    }
}

fn gemini_format(schema: Option<Value>, mime: Option<Value>) -> Option<Value> {
    if let Some(mut schema) = schema {
        schema::lower_types(&mut schema);
        let named = json!({"name": "response", "schema": schema});
        return Some(json!({"type": "json_schema", "json_schema": named}));
    }
    (mime? == "application/json").then(|| json!({"type": "json_object"}))
}

/// In the words of the `thinking` object.
fn gemini_thinking(config: &Value) -> Value {
    let either = |keys: [&str; 2]| keys.iter().find_map(|key| config.get(key).cloned());
    let mut thinking = Map::new();
    let fields = [
        ("effort", ["thinkingLevel", "thinking_level"]),
        ("budget_tokens", ["thinkingBudget", "thinking_budget"]),
        ("include_thoughts", ["includeThoughts", "include_thoughts"]),
    ];
    for (own, odd) in fields {
        if let Some(value) = either(odd) {
            thinking.insert(own.to_owned(), value);
        }
    }
    Value::Object(thinking)
}

fn gemini_choice(config: &Value) -> Option<Value> {
    let names = config["allowedFunctionNames"].as_array();
    let tools: Option<Vec<Value>> = names.map(|names| {
        let tool = |name: &Value| json!({"type": "function", "function": {"name": name}});
        names.iter().map(tool).collect()
    });
    match (
        config["mode"].as_str()?.to_ascii_uppercase().as_str(),
        tools,
    ) {
        ("NONE", _) => Some(json!("none")),
        ("ANY", Some(tools)) if tools.len() == 1 => tools.into_iter().next(),
        (mode, Some(tools)) if !tools.is_empty() => {
            let mode = if mode == "ANY" { "required" } else { "auto" };
            Some(json!({"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": tools}}))
        }
        ("ANY", _) => Some(json!("required")),
        _ => Some(json!("auto")),
    }
}
