//! `cache_control`: the wish to cache the prompt up to a block.

use serde_json::{Value, json};

use crate::chat::part::CacheMark;
use crate::json::fields::Fields;

/// The field's name.
pub const FIELD: &str = "cache_control";

/// Takes the mark of a block, and the value as it came if it says more than a lifetime.
pub fn take(fields: &mut Fields) -> Option<(CacheMark, Option<Value>)> {
    let value = fields.take(FIELD)?;
    let mark = CacheMark {
        ttl: value["ttl"].as_str().map(str::to_owned),
    };
    let is_plain = write(&mark) == value;
    Some((mark, (!is_plain).then_some(value)))
}

/// The mark as the client wrote it.
pub fn write(mark: &CacheMark) -> Value {
    let mut value = json!({"type": "ephemeral"});
    if let Some(ttl) = &mark.ttl {
        value["ttl"] = ttl.as_str().into();
    }
    value
}

/// The mark of another dialect: of lifetimes, this one knows two.
pub fn translated(mark: &CacheMark) -> Value {
    let known = mark
        .ttl
        .as_deref()
        .filter(|ttl| matches!(*ttl, "5m" | "1h"));
    write(&CacheMark {
        ttl: known.map(str::to_owned),
    })
}
