//! Token counts of an answer.

use serde_json::{Value, json};

use crate::chat::Usage;

/// Reads a `usage` field; `None` if it holds no counts.
pub(in super::super) fn read(usage: &Value) -> Option<Usage> {
    let count = |value: Option<&Value>| value.and_then(number).unwrap_or(0);
    let detail = |list: &str, key: &str| count(usage.get(list).and_then(|list| list.get(key)));
    usage.get("input_tokens").or(usage.get("output_tokens"))?;
    Some(Usage {
        input: count(usage.get("input_tokens")),
        output: count(usage.get("output_tokens")),
        cached: detail("input_tokens_details", "cached_tokens"),
        cache_write: detail("input_tokens_details", "cache_write_tokens"),
        reasoning: detail("output_tokens_details", "reasoning_tokens"),
    })
}

/// A count, even where it is written with a fraction of nothing.
fn number(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| {
        let text = value.as_f64()?.to_string();
        text.parse().ok()
    })
}

/// Writes a `usage` field.
pub(in super::super) fn write(usage: &Usage) -> Value {
    json!({
        "input_tokens": usage.input,
        "input_tokens_details": {
            "cached_tokens": usage.cached,
            "cache_write_tokens": usage.cache_write,
        },
        "output_tokens": usage.output,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning},
        "total_tokens": usage.input.saturating_add(usage.output),
    })
}
