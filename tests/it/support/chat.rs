//! Bodies of the OpenAI chat endpoint, small enough to read in a failing test.

use serde_json::{Value, json};

/// A request for `model`, not streamed.
pub(crate) fn ask(model: &str) -> Value {
    json!({"model": model, "messages": [{"role": "user", "content": "hello"}]})
}

/// A request for `model`, streamed.
pub(crate) fn ask_stream(model: &str) -> Value {
    json!({"model": model, "stream": true, "messages": [{"role": "user", "content": "hello"}]})
}

/// A request for `model`, streamed, with usage at the end.
pub(crate) fn ask_stream_with_usage(model: &str) -> Value {
    let mut request = ask_stream(model);
    request["stream_options"] = json!({"include_usage": true});
    request
}

/// A whole answer that says `text`.
pub(crate) fn answer(text: &str) -> Value {
    json!({
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "m",
        "choices": [{
            "index": 0, "finish_reason": "stop",
            "message": {"role": "assistant", "content": text}
        }],
        "usage": {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4}
    })
}

/// An error body as OpenAI writes it.
pub(crate) fn error(message: &str, kind: &str, code: Option<&str>) -> Value {
    json!({"error": {"message": message, "type": kind, "param": null, "code": code}})
}

/// The first chunk of a stream: a role, nothing said.
pub(crate) fn role() -> String {
    chunk(&json!({"role": "assistant", "content": ""}), None)
}

/// A chunk that says `text`.
pub(crate) fn token(text: &str) -> String {
    chunk(&json!({"content": text}), None)
}

/// The chunk with the finish reason.
pub(crate) fn finish() -> String {
    chunk(&json!({}), Some("stop"))
}

/// The chunk that carries usage alone.
pub(crate) fn usage() -> String {
    json!({
        "id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [],
        "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
    })
    .to_string()
}

/// The marker that ends a stream.
pub(crate) const DONE: &str = "[DONE]";

fn chunk(delta: &Value, finish: Option<&str>) -> String {
    json!({
        "id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]
    })
    .to_string()
}

/// The events of a whole stream that says `tokens`.
pub(crate) fn stream(tokens: &[&str]) -> Vec<String> {
    let mut events = vec![role()];
    events.extend(tokens.iter().map(|text| token(text)));
    events.push(finish());
    events.push(DONE.to_owned());
    events
}

/// `events` as they stand on the wire.
pub(crate) fn wire<E: AsRef<str>>(events: &[E]) -> Vec<u8> {
    let lines = events.iter().map(|e| format!("data: {}\n\n", e.as_ref()));
    lines.collect::<String>().into_bytes()
}

/// The data of each event in `bytes`; an event that is not ended by a blank line does not count.
pub(crate) fn events(bytes: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes)
        .replace("\r\n", "\n")
        .replace('\r', "\n");
    let text = text.trim_start_matches('\u{feff}');
    let Some((whole, _)) = text.rsplit_once("\n\n") else {
        return Vec::new();
    };
    whole.split("\n\n").filter_map(data).collect()
}

fn data(event: &str) -> Option<String> {
    let lines: Vec<&str> = event
        .lines()
        .filter_map(|line| line.strip_prefix("data:"))
        .map(|data| data.strip_prefix(' ').unwrap_or(data))
        .collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}

/// What a stream says, all deltas together.
pub(crate) fn said(events: &[String]) -> String {
    let deltas = events.iter().filter_map(|e| {
        let chunk: Value = serde_json::from_str(e).ok()?;
        Some(chunk["choices"][0]["delta"]["content"].as_str()?.to_owned())
    });
    deltas.collect()
}

/// Whether an event is an error in the OpenAI dialect: an object with a message under `error`.
pub(crate) fn is_error(event: &str) -> bool {
    serde_json::from_str::<Value>(event).is_ok_and(|event| event["error"]["message"].is_string())
}

/// Whether `events` claim a complete answer.
pub(crate) fn claims_completion(events: &[String]) -> bool {
    events.iter().any(|event| event == DONE)
}
