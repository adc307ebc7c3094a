//! Requests of other vendors' shapes posted to the Chat endpoint: understood, whoever answers.

use serde_json::{Value, json};

use crate::support::talk::{SAID, TALKS, TO_CHAT};

/// The same conversation in the shapes that have been seen.
fn shapes() -> Vec<(&'static str, Value)> {
    vec![
        (
            "a list called input",
            json!({"model": "m", "input": [{"role": "user", "content": "hello"}]}),
        ),
        (
            "parts of Gemini below input",
            json!({"model": "m", "input": [{"role": "user", "parts": [{"text": "hello"}]}]}),
        ),
        (
            "contents",
            json!({"model": "m", "contents": [{"role": "user", "parts": [{"text": "hello"}]}],
                "generationConfig": {"maxOutputTokens": 50}}),
        ),
        (
            "Claude's fields",
            json!({"model": "m", "system": "be brief", "stop_sequences": ["x"], "max_tokens": 50,
                "messages": [{"role": "user", "content": "hello"}],
                "tools": [{"name": "f", "input_schema": {"type": "object"}}]}),
        ),
        (
            "parts of Responses",
            json!({"model": "m", "messages": [{"role": "user",
                "content": [{"type": "input_text", "text": "hello"}]}]}),
        ),
    ]
}

#[tokio::test]
async fn an_odd_shape_is_understood_by_every_upstream() {
    for upstream in TALKS {
        for (name, body) in shapes() {
            for streamed in [false, true] {
                let other = upstream.upstream().await;
                let gateway = upstream.over(&other).start().await;
                let mut body = body.clone();
                body["stream"] = json!(streamed);
                let answer = gateway.chat(body).send().await;
                let place = format!("{name} to {} ({streamed})", upstream.name());
                assert_eq!(answer.status, 200, "{place}: {}", answer.text());
                let heard = TO_CHAT.heard(&answer, streamed);
                assert_eq!(heard.text, SAID, "{place}: {}", answer.text());
                let sent = other.only_request();
                assert!(sent.text().contains("hello"), "{place}: {}", sent.text());
                let is_system_first = sent.text().contains("be brief");
                assert_eq!(is_system_first, name == "Claude's fields", "{place}");
                if upstream.name() == "chat" {
                    let json = sent.json();
                    assert!(json["messages"].is_array(), "{place}: {json}");
                    for odd in [
                        "input",
                        "contents",
                        "system",
                        "stop_sequences",
                        "generationConfig",
                    ] {
                        assert!(json.get(odd).is_none(), "{place}: {json}");
                    }
                }
            }
        }
    }
}

#[tokio::test]
async fn claudes_tools_arrive_as_functions() {
    let other = TO_CHAT.upstream().await;
    let gateway = TO_CHAT.over(&other).start().await;
    let (_, body) = shapes().remove(3);
    gateway.chat(body).send().await.expect_status(200);
    let sent = other.only_request().json();
    assert_eq!(sent["tools"][0]["function"]["name"], "f", "{sent}");
    assert_eq!(sent["stop"], json!(["x"]), "{sent}");
    assert_eq!(sent["messages"][0]["content"], "be brief", "{sent}");
}

#[tokio::test]
async fn what_is_of_its_own_shape_stays_as_it_came() {
    let other = TO_CHAT.upstream().await;
    let gateway = TO_CHAT.over(&other).start().await;
    let body = r#"{"messages":[{"role":"user","content":"\u00e9","input":[1.0e+2]}],"model":"llama-9","n":1,"input":null,"x":[1E5]}"#;
    let gateway_body = body.replace("llama-9", "m");
    gateway.chat(&gateway_body).send().await.expect_status(200);
    assert_eq!(other.only_request().text(), body);
}
