//! Token counts as the dialect and its relatives write them.

use serde_json::{Map, Value, json};

use crate::chat::Usage;

/// Reads the value of a `usage` field; `None` if it counts nothing.
pub fn read(usage: &Value) -> Option<Usage> {
    let input = first(usage, &["/prompt_tokens", "/input_tokens"]);
    let output = first(usage, &["/completion_tokens", "/output_tokens"]);
    if input.is_none() && output.is_none() {
        return None;
    }
    let cached = [
        "/prompt_tokens_details/cached_tokens",
        "/prompt_token_details/cached_tokens", // Mistral
        "/input_tokens_details/cached_tokens",
        "/prompt_cache_hit_tokens", // DeepSeek
        "/cached_tokens",           // Moonshot
    ];
    let written = [
        "/prompt_tokens_details/cache_write_tokens",
        "/cache_creation_input_tokens",
    ];
    let thought = [
        "/completion_tokens_details/reasoning_tokens",
        "/output_tokens_details/reasoning_tokens",
        "/reasoning_tokens",
    ];
    let mut counts = Usage {
        input: input.unwrap_or(0),
        output: output.unwrap_or(0),
        cached: first(usage, &cached).unwrap_or(0),
        cache_write: first(usage, &written).unwrap_or(0),
        reasoning: first(usage, &thought).unwrap_or(0),
    };
    counts.output = whole_output(counts, first(usage, &["/total_tokens"]));
    Some(counts)
}

/// xAI leaves reasoning out of `completion_tokens`; the total tells.
fn whole_output(counts: Usage, total: Option<u64>) -> u64 {
    let missing = total.map(|total| total.checked_sub(counts.input.saturating_add(counts.output)));
    match missing.flatten() {
        Some(missing) if missing > 0 && missing == counts.reasoning => counts.output + missing,
        _ => counts.output,
    }
}

/// The first count at one of `pointers` that is there.
fn first(usage: &Value, pointers: &[&str]) -> Option<u64> {
    let at = |pointer: &&str| usage.pointer(pointer).and_then(Value::as_u64);
    pointers.iter().find_map(at)
}

/// Writes a `usage` object.
pub fn write(usage: &Usage) -> Value {
    let mut read = Map::new();
    read.insert("cached_tokens".to_owned(), usage.cached.into());
    if usage.cache_write > 0 {
        read.insert("cache_write_tokens".to_owned(), usage.cache_write.into());
    }
    json!({
        "prompt_tokens": usage.input,
        "completion_tokens": usage.output,
        "total_tokens": usage.input.saturating_add(usage.output),
        "prompt_tokens_details": read,
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning},
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_read_under_every_name() {
        let table = [
            (
                json!({"prompt_tokens": 3, "completion_tokens": 5}),
                [3, 5, 0, 0, 0],
            ),
            (
                json!({"input_tokens": 3, "output_tokens": 5}),
                [3, 5, 0, 0, 0],
            ),
            (
                json!({"prompt_tokens": 9, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 2, "cache_write_tokens": 4},
                    "completion_tokens_details": {"reasoning_tokens": 1}}),
                [9, 5, 2, 4, 1],
            ),
            (
                json!({"prompt_tokens": 9, "prompt_cache_hit_tokens": 7}),
                [9, 0, 7, 0, 0],
            ),
            (
                json!({"prompt_tokens": 9, "completion_tokens": 5, "total_tokens": 20, "completion_tokens_details": {"reasoning_tokens": 6}}),
                [9, 11, 0, 0, 6],
            ),
        ];
        for (json, [input, output, cached, cache_write, reasoning]) in table {
            let expected = Usage {
                input,
                output,
                cached,
                cache_write,
                reasoning,
            };
            assert_eq!(read(&json), Some(expected), "{json}");
            assert_eq!(read(&write(&expected)), Some(expected), "{json}");
        }
    }

    #[test]
    fn what_counts_nothing_is_no_usage() {
        for json in [
            json!(null),
            json!({}),
            json!([]),
            json!({"prompt_tokens": "x"}),
        ] {
            assert_eq!(read(&json), None, "{json}");
        }
    }
}
