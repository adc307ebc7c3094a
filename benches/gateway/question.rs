//! The request bodies of the bench.
//!
//! Fields stand in the order in which the official SDKs write them, `messages` first: whoever looks for `model` walks past the prompt.
//! The text has quotes, line ends and non-ASCII letters, because a scanner that meets none of them is flattered.

use bytes::Bytes;
use serde_json::{Value, json};

use super::upstream::{HOLDING_MODEL, MODEL};

/// Bytes of a small body.
const SMALL: usize = 2 * 1024;
/// Bytes of a large body.
const MEGABYTE: usize = 1_000_000;

const TEXT: &str = "Please look at the following lines and say what is wrong with them:\n\tif (name == \"Zoë\") { return; }\n\
    I expect that the branch is never taken — “never” as in “not once” — but the log shows otherwise. ";

/// 2 KB that ask for a plain answer.
pub(crate) fn small() -> Bytes {
    padded(SMALL, MODEL, &json!({"stream": false}))
}

/// 2 KB that ask for a stream without a usage chunk.
pub(crate) fn streaming() -> Bytes {
    padded(SMALL, MODEL, &json!({"stream": true}))
}

/// 2 KB that ask for a stream with a usage chunk.
pub(crate) fn streaming_with_usage() -> Bytes {
    let options = json!({"stream": true, "stream_options": {"include_usage": true}});
    padded(SMALL, MODEL, &options)
}

/// 2 KB that ask for a stream which stays open.
pub(crate) fn holding() -> Bytes {
    padded(SMALL, HOLDING_MODEL, &json!({"stream": true}))
}

/// 1 MB of nested messages that ask for a plain answer.
pub(crate) fn megabyte() -> Bytes {
    padded(MEGABYTE, MODEL, &json!({"stream": false}))
}

/// A chat of exactly `size` bytes: as many messages as fit, then a last one with the padding.
fn padded(size: usize, model: &str, options: &Value) -> Bytes {
    let one = message(0, TEXT).to_string().len() + 1;
    let room = size.saturating_sub(body(0, "", model, options).len());
    let whole = body(room / one, "", model, options);
    let padding = size.saturating_sub(whole.len());
    body(room / one, &"x".repeat(padding), model, options).into()
}

fn body(messages: usize, last: &str, model: &str, options: &Value) -> String {
    let history = (0..messages).map(|turn| message(turn, TEXT));
    let messages: Vec<Value> = history.chain([message(0, last)]).collect();
    let mut body = json!({"messages": messages, "model": model, "temperature": 0.7, "max_completion_tokens": 4096});
    if let (Some(body), Some(options)) = (body.as_object_mut(), options.as_object()) {
        body.extend(options.clone());
    }
    body.to_string()
}

/// Assistants' turns are a string, users' turns a list of parts: the two shapes clients send.
fn message(turn: usize, text: &str) -> Value {
    if turn.is_multiple_of(2) {
        json!({"role": "user", "content": [{"type": "text", "text": text}]})
    } else {
        json!({"role": "assistant", "content": text})
    }
}
