//! The request bodies of the bench.
//!
//! Fields stand in the order in which the official SDKs write them, `messages` first: whoever looks for `model` walks past the prompt.
//! The text has quotes, line ends and non-ASCII letters, because a scanner that meets none of them is flattered.

use bytes::Bytes;
use serde_json::{Value, json};

use super::load::Asked;
use super::tongue::Tongue;
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

/// Bytes of an agent's request.
const AGENT: usize = 60_000;

/// A recorded request of Claude Code, tools and all; its longest texts were cut.
const RECORDED: &str = include_str!("../../tests/fixtures/recorded/claude-code/sonnet-4-6-2.json");

/// About 2 KB in a dialect for an upstream that has `model`.
pub(crate) fn small_in(tongue: Tongue, model: &str, streams: bool) -> Asked {
    let turns = 0..7;
    let body = match tongue {
        Tongue::Chat => {
            let messages: Vec<Value> = turns.map(|turn| message(turn, TEXT)).collect();
            let usage = if streams {
                json!({"include_usage": true})
            } else {
                Value::Null
            };
            json!({"messages": messages, "model": model, "temperature": 0.7, "stream": streams, "stream_options": usage})
        }
        Tongue::Anthropic => {
            let messages: Vec<Value> = turns.map(|turn| message(turn, TEXT)).collect();
            json!({"model": model, "max_tokens": 4096, "messages": messages, "temperature": 0.7, "stream": streams})
        }
        Tongue::Responses => {
            let item = |turn: usize| {
                let (role, kind) = speaker(turn, "input_text", "output_text");
                json!({"type": "message", "role": role, "content": [{"type": kind, "text": TEXT}]})
            };
            let input: Vec<Value> = turns.map(item).collect();
            json!({"model": model, "input": input, "max_output_tokens": 4096, "store": false, "stream": streams})
        }
        Tongue::Gemini => {
            let content = |turn: usize| {
                let (role, _) = speaker(turn, "", "");
                let role = if role == "user" { role } else { "model" };
                json!({"role": role, "parts": [{"text": TEXT}]})
            };
            let contents: Vec<Value> = turns.map(content).collect();
            json!({"contents": contents, "generationConfig": {"temperature": 0.7, "maxOutputTokens": 4096}})
        }
    };
    Asked {
        uri: tongue.uri(model, streams),
        body: body.to_string().into(),
    }
}

/// A request of Claude Code in the middle of its work: 12 tools, a conversation of calls and results, 60 KB; asks
/// for a stream of one token.
pub(crate) fn agent(model: &str) -> Asked {
    let mut recorded: Value = serde_json::from_str(RECORDED).expect("a recording is JSON");
    let mut body = recorded["body"].take();
    body["model"] = model.into();
    body["max_tokens"] = 1.into();
    let instructions = body["system"][2]["text"].as_str().unwrap_or_default();
    body["system"][2]["text"] = (instructions.to_owned() + &TEXT.repeat(60)).into();
    for turn in 0.. {
        let room = AGENT.saturating_sub(body.to_string().len());
        let Some(messages) = body["messages"].as_array_mut().filter(|_| room > 0) else {
            break;
        };
        messages.extend(exchange(turn, room));
    }
    Asked {
        uri: Tongue::Anthropic.uri(model, true),
        body: body.to_string().into(),
    }
}

/// A call and its result.
fn exchange(turn: usize, room: usize) -> [Value; 2] {
    let id = format!("toolu_{turn:024}");
    let call = json!({"type": "tool_use", "id": id, "name": "Read", "input": {"file_path": "/src/main.rs", "offset": turn}});
    let lines = TEXT.repeat((room / TEXT.len()).clamp(1, 8));
    let result = json!({"type": "tool_result", "tool_use_id": id, "content": lines});
    [
        json!({"role": "assistant", "content": [{"type": "text", "text": "Let me look."}, call]}),
        json!({"role": "user", "content": [result]}),
    ]
}

fn speaker<'a>(turn: usize, asks: &'a str, says: &'a str) -> (&'static str, &'a str) {
    if turn.is_multiple_of(2) {
        ("user", asks)
    } else {
        ("assistant", says)
    }
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
