//! A complete answer told as a stream, for upstreams that answer a stream request with a document.
//!
//! Everything the document says is kept: a message becomes one delta, its finish the next, its usage
//! the chunk that `stream_options.include_usage` defines.

use bytes::Bytes;
use serde_json::{Map, Value, json};

/// The events of a chat or text completion; `None` if `answer` is neither.
pub fn unroll(answer: &[u8], include_usage: bool) -> Option<Bytes> {
    let mut answer: Map<String, Value> = serde_json::from_slice(answer).ok()?;
    let Some(Value::Array(choices)) = answer.remove("choices") else {
        return None;
    };
    let usage = answer
        .remove("usage")
        .filter(|usage| include_usage && !usage.is_null());
    if answer.get("object").and_then(Value::as_str) != Some("text_completion") {
        answer.insert("object".to_owned(), json!("chat.completion.chunk"));
    }
    let mut events = String::new();
    let mut say = |choices: Value, usage: Option<Value>| {
        let mut chunk = answer.clone();
        chunk.insert("choices".to_owned(), choices);
        chunk.extend(usage.map(|usage| ("usage".to_owned(), usage)));
        let json = Value::Object(chunk).to_string();
        events.extend(["data: ", &json, "\n\n"]);
    };
    for choice in choices {
        let (content, finish) = split(choice)?;
        say(json!([content]), None);
        say(json!([finish]), None);
    }
    if let Some(usage) = usage {
        say(json!([]), Some(usage));
    }
    events.push_str("data: [DONE]\n\n");
    Some(events.into())
}

/// A choice as a chunk with its content and a chunk with its finish.
fn split(choice: Value) -> Option<(Value, Value)> {
    let Value::Object(mut content) = choice else {
        return None;
    };
    let mut finish = Map::new();
    finish.extend(
        content
            .get("index")
            .map(|index| ("index".to_owned(), index.clone())),
    );
    let reason = content
        .insert("finish_reason".to_owned(), Value::Null)
        .unwrap_or(json!("stop"));
    match content.remove("message") {
        Some(message) => {
            content.insert("delta".to_owned(), delta(message));
            finish.insert("delta".to_owned(), json!({}));
        }
        None => {
            finish.insert("text".to_owned(), json!(""));
        }
    }
    finish.insert("finish_reason".to_owned(), reason);
    Some((Value::Object(content), Value::Object(finish)))
}

/// Tool calls of a stream carry their place.
fn delta(mut message: Value) -> Value {
    let calls = message.get_mut("tool_calls").and_then(Value::as_array_mut);
    for (place, call) in calls.into_iter().flatten().enumerate() {
        if let Some(call) = call.as_object_mut() {
            call.entry("index").or_insert(json!(place));
        }
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(answer: &str, include_usage: bool) -> Vec<Value> {
        let bytes = unroll(answer.as_bytes(), include_usage).expect("an answer");
        let text = std::str::from_utf8(&bytes).expect("utf-8");
        let data = text
            .split("\n\n")
            .filter_map(|event| event.strip_prefix("data: "));
        data.map(|data| serde_json::from_str(data).unwrap_or_else(|_| json!(data)))
            .collect()
    }

    #[test]
    fn a_chat_answer_becomes_content_finish_usage_and_done() {
        let answer = r#"{"id":"x","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,
            "message":{"role":"assistant","content":null,"tool_calls":[{"id":"a"},{"id":"b"}]},"finish_reason":"tool_calls"}],
            "usage":{"prompt_tokens":1}}"#;
        let told = events(answer, true);
        assert_eq!(told[0]["object"], "chat.completion.chunk");
        assert_eq!(
            told[0]["choices"][0]["delta"]["tool_calls"][1],
            json!({"id":"b","index":1})
        );
        assert_eq!(told[0]["choices"][0]["finish_reason"], Value::Null);
        assert_eq!(
            told[1]["choices"][0],
            json!({"index":0,"delta":{},"finish_reason":"tool_calls"})
        );
        assert_eq!(
            (&told[2]["choices"], &told[2]["usage"]),
            (&json!([]), &json!({"prompt_tokens":1}))
        );
        assert_eq!(told[3], "[DONE]");
        assert_eq!(events(answer, false).len(), 3);
    }

    #[test]
    fn a_text_completion_keeps_its_shape() {
        let told = events(
            r#"{"object":"text_completion","choices":[{"text":"a","index":0,"finish_reason":"length"}]}"#,
            true,
        );
        assert_eq!(told[0]["object"], "text_completion");
        assert_eq!(told[0]["choices"][0]["text"], "a");
        assert_eq!(
            told[1]["choices"][0],
            json!({"index":0,"text":"","finish_reason":"length"})
        );
    }

    #[test]
    fn what_is_no_completion_is_not_told() {
        assert_eq!(unroll(b"{\"data\":[]}", false), None);
        assert_eq!(unroll(b"[]", false), None);
    }
}
