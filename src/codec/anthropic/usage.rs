//! Token counts: Anthropic's input leaves out what the cache gave and what was written to it.

use serde_json::{Value, json};

use crate::chat::Usage;

/// Takes the counts of a `usage` object over those known so far: `message_delta` repeats only some, and
/// each one is the whole count up to there. False if it counts nothing.
pub fn read(node: &Value, counts: &mut Counts) -> bool {
    let mut is_counted = false;
    let mut take = |value: &Value, count: &mut u64| {
        if let Some(number) = value.as_u64() {
            (*count, is_counted) = (number, true);
        }
    };
    take(&node["input_tokens"], &mut counts.input);
    take(&node["cache_read_input_tokens"], &mut counts.cached);
    take(&node["cache_creation_input_tokens"], &mut counts.written);
    take(&node["output_tokens"], &mut counts.output);
    let details = &node["output_tokens_details"];
    take(&details["thinking_tokens"], &mut counts.thinking);
    is_counted
}

/// The counts as this dialect tells them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Tokens read, without those of the cache.
    pub input: u64,
    /// Read from the cache.
    pub cached: u64,
    /// Written to the cache.
    pub written: u64,
    /// Tokens of the answer.
    pub output: u64,
    /// Of those: thoughts.
    pub thinking: u64,
}

impl Counts {
    /// The same in neutral words.
    pub fn neutral(self) -> Usage {
        let cache = self.cached.saturating_add(self.written);
        Usage {
            input: self.input.saturating_add(cache),
            output: self.output,
            cached: self.cached,
            cache_write: self.written,
            reasoning: self.thinking,
        }
    }

    /// The counts of `usage`.
    pub fn of(usage: Usage) -> Self {
        let cache = usage.cached.saturating_add(usage.cache_write);
        Self {
            input: usage.input.saturating_sub(cache),
            cached: usage.cached,
            written: usage.cache_write,
            output: usage.output,
            thinking: usage.reasoning,
        }
    }

    /// The `usage` object; thoughts are counted only where there were any.
    pub fn write(self) -> Value {
        let mut usage = json!({
            "input_tokens": self.input,
            "cache_creation_input_tokens": self.written,
            "cache_read_input_tokens": self.cached,
            "output_tokens": self.output,
        });
        if self.thinking > 0 {
            usage["output_tokens_details"] = json!({"thinking_tokens": self.thinking});
        }
        usage
    }
}
