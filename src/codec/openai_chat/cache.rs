//! Marks of what is to be cached: OpenAI's `prompt_cache_breakpoint` and the `cache_control` that
//! relays of Claude take.

use serde_json::Value;

use crate::chat::part::CacheMark;

/// The names a mark goes by.
pub(super) const MARKS: [&str; 2] = ["prompt_cache_breakpoint", "cache_control"];

/// Reads a mark of either kind.
pub(super) fn cache_mark(mark: &Value) -> CacheMark {
    CacheMark {
        ttl: mark["ttl"].as_str().map(str::to_owned),
    }
}
