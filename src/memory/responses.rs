//! Responses: answers of the Responses API that a client asked to be stored, kept here for upstreams that
//! have no store of their own.
//!
//! An answer is kept with the input items it was asked with and a link to the one before it, so a chain
//! of answers costs what was said and not its square.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use serde_json::Value;

use super::Shelf;

/// Most links that are followed back.
const MAX_CHAIN: usize = 1000;

/// See the module's head.
#[derive(Debug)]
pub struct Responses(Mutex<Shelf<Arc<Stored>>>);

/// A stored answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored {
    /// The id of the answer it follows.
    pub previous: Option<String>,
    /// The input items it was asked with, without those of the answers before.
    pub input: Vec<Value>,
    /// The answer as the client got it.
    pub answer: Value,
}

impl Responses {
    /// Room for `max_bytes`, each answer for `ttl`.
    pub fn new(max_bytes: usize, ttl: Duration) -> Self {
        Self(Mutex::new(Shelf::new(max_bytes, ttl)))
    }

    /// Has other room from now on.
    pub fn resize(&self, max_bytes: usize, ttl: Duration, now: Instant) {
        self.0.lock().resize(max_bytes, ttl, now);
    }

    /// Keeps an answer of `client` under its `id`.
    pub fn keep(&self, client: &str, id: &str, stored: Stored, now: Instant) {
        let input: usize = stored.input.iter().map(weight).sum();
        let link = stored.previous.as_ref().map_or(0, String::len);
        let bytes = size_of::<Stored>() + input + weight(&stored.answer) + link;
        let mut kept = self.0.lock();
        kept.put(name(client, id), Arc::new(stored), bytes, now);
    }

    /// The answer of `client` called `id`.
    pub fn get(&self, client: &str, id: &str, now: Instant) -> Option<Arc<Stored>> {
        self.0.lock().get(&name(client, id), now).cloned()
    }

    /// Forgets an answer; false if there is none.
    pub fn forget(&self, client: &str, id: &str) -> bool {
        self.0.lock().remove(&name(client, id)).is_some()
    }

    /// All items of the conversation up to and including the answer `id`; `None` if a link is missing.
    pub fn history(&self, client: &str, id: &str, now: Instant) -> Option<Vec<Value>> {
        let mut chain = Vec::new();
        let mut next = Some(id.to_owned());
        while let Some(id) = next.take() {
            let stored = self.get(client, &id, now)?;
            next.clone_from(&stored.previous);
            chain.push(stored);
            if chain.len() > MAX_CHAIN {
                return None;
            }
        }
        let mut items = Vec::new();
        for stored in chain.iter().rev() {
            items.extend(stored.input.iter().cloned());
            let output = stored.answer.get("output").and_then(Value::as_array);
            items.extend(output.into_iter().flatten().cloned());
        }
        Some(items)
    }
}

fn name(client: &str, id: &str) -> String {
    format!("{client}\0{id}")
}

/// Bytes that a value takes, about: its text, and the tree around it, which is most of it for a short one.
/// No deeper than JSON was read.
fn weight(value: &Value) -> usize {
    /// A value in its list, the spare room of which is counted, and what the allocator adds to a text.
    const NODE: usize = 200;
    /// An entry's places in the map, with the spare room of both, and its key.
    const ENTRY: usize = 200;
    let own = match value {
        Value::String(text) => text.len(),
        Value::Array(items) => items.iter().map(weight).sum(),
        Value::Object(map) => map
            .iter()
            .map(|(key, value)| ENTRY + key.len() + weight(value))
            .sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
    };
    NODE + own
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn stored(previous: Option<&str>, said: &str) -> Stored {
        Stored {
            previous: previous.map(str::to_owned),
            input: vec![json!({"role": "user", "content": said})],
            answer: json!({"output": [{"type": "message", "content": said.to_uppercase()}]}),
        }
    }

    #[test]
    fn a_chain_tells_the_whole_conversation() {
        let responses = Responses::new(1 << 20, Duration::from_mins(1));
        let now = Instant::now();
        responses.keep("me", "r1", stored(None, "a"), now);
        responses.keep("me", "r2", stored(Some("r1"), "b"), now);
        let items = responses.history("me", "r2", now).expect("kept");
        let said: Vec<_> = items.iter().map(|item| &item["content"]).collect();
        assert_eq!(said, ["a", "A", "b", "B"]);
        assert_eq!(responses.history("you", "r2", now), None);
    }

    #[test]
    fn a_missing_link_is_no_history() {
        let responses = Responses::new(1 << 20, Duration::from_mins(1));
        let now = Instant::now();
        responses.keep("me", "r2", stored(Some("r1"), "b"), now);
        assert_eq!(responses.history("me", "r2", now), None);
        assert!(responses.forget("me", "r2") && !responses.forget("me", "r2"));
    }

    #[test]
    fn a_circle_ends() {
        let responses = Responses::new(1 << 20, Duration::from_mins(1));
        let now = Instant::now();
        responses.keep("me", "r1", stored(Some("r1"), "a"), now);
        assert_eq!(responses.history("me", "r1", now), None);
    }

    #[test]
    fn a_tree_weighs_more_than_its_text() {
        let tree = json!({"a": [{"b": 1}, {"b": 2}]});
        // Six values, and three entries of one letter.
        assert_eq!(weight(&tree), 6 * 200 + 3 * 201);
        let text = json!("x".repeat(100_000));
        assert!((100_000..101_000).contains(&weight(&text)));
    }
}
