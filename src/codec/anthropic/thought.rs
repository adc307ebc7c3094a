//! Thoughts on their way to a client of this dialect: sealed, in its own slots.

use serde_json::{Value, json};

use crate::chat::part::Reasoning;
use crate::chat::{Opaque, OpaqueKind};

/// What stands in `signature`. A thought that came without a state is sealed too: some clients leave out
/// thoughts that nobody signed, and the seal tells us later that no Claude thought it.
pub fn signature(opaque: Option<&Opaque>) -> String {
    match opaque {
        Some(opaque) => opaque.seal(),
        None => Opaque::unsealed(OpaqueKind::Plain, "").seal(),
    }
}

/// The block of a state of which nothing may be read.
pub fn unread(opaque: &Opaque) -> Value {
    match opaque.kind {
        OpaqueKind::Redacted => json!({"type": "redacted_thinking", "data": opaque.seal()}),
        _ => json!({"type": "thinking", "thinking": "", "signature": opaque.seal()}),
    }
}

/// The block of a thought; `None` if there is nothing to it.
pub fn block(reasoning: &Reasoning) -> Option<Value> {
    let Reasoning { text, opaque } = reasoning;
    match opaque {
        None if text.is_empty() => None,
        Some(opaque) if text.is_empty() => Some(unread(opaque)),
        opaque => Some(json!({
            "type": "thinking",
            "thinking": text,
            "signature": signature(opaque.as_ref()),
        })),
    }
}
