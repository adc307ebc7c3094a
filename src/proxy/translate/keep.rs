//! What is remembered of an answer once it is complete.

use std::time::Instant;

use serde_json::Value;

use crate::memory::responses::Stored;
use crate::memory::thoughts::Listener;
use crate::proxy::gateway::Gateway;

/// How an answer of the Responses API is to be stored.
#[derive(Debug, Clone)]
pub struct Storing {
    /// The id of the answer that it follows.
    pub previous: Option<String>,
    /// The input items it was asked with.
    pub input: Vec<Value>,
}

/// Remembers for `client` what was heard of an answer, and the answer itself if it is to be stored.
pub fn keep(
    gateway: &Gateway,
    client: &str,
    listener: Option<Listener>,
    stored: Option<(Storing, Value)>,
) {
    let Some(memory) = gateway.memory() else {
        return;
    };
    let now = Instant::now();
    if let Some(listener) = listener {
        memory.thoughts.keep(client, listener, now);
    }
    if let Some((Storing { previous, input }, answer)) = stored
        && let Some(id) = answer.get("id").and_then(Value::as_str).map(str::to_owned)
    {
        let stored = Stored {
            previous,
            input,
            answer,
        };
        memory.responses.keep(client, &id, stored, now);
    }
}
