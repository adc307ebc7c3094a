//! The endpoints beside chat, and errors as OpenAI's clients expect them.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use crate::provider::Model;

use super::*;

async fn embed(more: Value) -> Value {
    let mut body = json!({"model": "demo-embedding"});
    if let (Value::Object(body), Value::Object(more)) = (&mut body, more) {
        body.extend(more);
    }
    let answer = post(&demo(prompt()), "/v1/embeddings", body).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()
}

fn floats(entry: &Value) -> Vec<f64> {
    let numbers = entry["embedding"].as_array().expect("numbers").iter();
    numbers.map(|n| n.as_f64().expect("a number")).collect()
}

fn product(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[tokio::test(start_paused = true)]
async fn embeddings_are_unit_vectors_near_each_other_for_like_texts() {
    let texts = [
        "the cat sat here",
        "The cat slept here",
        "stock prices fell",
    ];
    let body = embed(json!({"input": texts})).await;
    let vectors: Vec<Vec<f64>> = (0..3).map(|n| floats(&body["data"][n])).collect();
    assert_eq!(vectors[0].len(), 256);
    assert!((product(&vectors[0], &vectors[0]) - 1.0).abs() < 1e-5);
    assert!(product(&vectors[0], &vectors[1]) > 0.5);
    assert!(product(&vectors[0], &vectors[2]) < 0.4);
    assert_eq!(body["data"][2]["index"], 2);
    assert_eq!(
        body["usage"],
        json!({"prompt_tokens": 11, "total_tokens": 11})
    );
}

#[tokio::test(start_paused = true)]
async fn base64_embeddings_are_little_endian_floats() {
    let plain = embed(json!({"input": "hello", "dimensions": 8})).await;
    let encoded =
        embed(json!({"input": ["hello"], "dimensions": 8, "encoding_format": "base64"})).await;
    let text = encoded["data"][0]["embedding"].as_str().expect("text");
    let bytes = BASE64_STANDARD.decode(text).expect("base64");
    let decoded: Vec<f32> = bytes
        .as_chunks::<4>()
        .0
        .iter()
        .map(|chunk| f32::from_le_bytes(*chunk))
        .collect();
    assert_eq!(json!(decoded), plain["data"][0]["embedding"]);
}

#[tokio::test(start_paused = true)]
async fn token_numbers_are_inputs_too() {
    assert_eq!(
        embed(json!({"input": [1, 2, 3]})).await["data"]
            .as_array()
            .map(Vec::len),
        Some(1)
    );
    assert_eq!(
        embed(json!({"input": [[1], [2]]})).await["data"]
            .as_array()
            .map(Vec::len),
        Some(2)
    );
}

#[tokio::test(start_paused = true)]
async fn completions_answer_each_prompt_whole_and_streamed() {
    let demo = demo(prompt());
    let mut body = json!({"model": "demo-chat", "prompt": ["one", "two"], "max_tokens": 5});
    let whole = post(&demo, "/v1/completions", body.clone()).await.json();
    assert_eq!(whole["object"], "text_completion");
    assert_eq!(whole["choices"][1]["finish_reason"], "length");
    assert_eq!(whole["usage"]["completion_tokens"], 10);
    body["stream"] = json!(true);
    body["stream_options"] = json!({"include_usage": true});
    let events = post(&demo, "/v1/completions", body).await.events();
    let second = events
        .iter()
        .filter(|event| event["choices"][0]["index"] == 1);
    let text: String = second
        .filter_map(|event| event["choices"][0]["text"].as_str())
        .collect();
    assert_eq!(text, whole["choices"][1]["text"]);
    assert_eq!(events.last().expect("events")["usage"], whole["usage"]);
}

#[tokio::test(start_paused = true)]
async fn lists_the_models_it_serves() {
    let named = |name: &str, upstream: Option<&str>| Model {
        upstream: upstream.map(str::to_owned),
        ..Model::named(name)
    };
    let models = Models::Listed(vec![named("a", None), named("b", Some("real-b"))]);
    let demo = Demo::new("demo-test", prompt(), &models);
    let list = send(&demo, Method::GET, "/v1/models", "").await.json();
    assert_eq!(
        (&list["data"][0]["id"], &list["data"][1]["id"]),
        (&json!("a"), &json!("real-b"))
    );
    let one = send(&demo, Method::GET, "/models/real-b", "").await;
    assert_eq!(one.json(), list["data"][1]);
    let unknown = send(&demo, Method::GET, "/v1/models/b", "").await;
    unknown.assert_error(404, &json!("model_not_found"));
}

#[tokio::test(start_paused = true)]
async fn wrong_requests_get_the_error_their_client_knows() {
    let demo = demo(prompt());
    let broken = send(&demo, Method::POST, "/v1/chat/completions", "{oops").await;
    broken.assert_error(400, &Value::Null);
    let unknown = chat(&demo, "hi", json!({"model": "gpt-x"})).await;
    unknown.assert_error(404, &json!("model_not_found"));
    for (param, more) in [
        ("messages", json!({"messages": []})),
        ("n", json!({"n": 2})),
        ("max_tokens", json!({"max_tokens": 0})),
        (
            "stream_options",
            json!({"stream_options": {"include_usage": true}}),
        ),
    ] {
        let refusal = chat(&demo, "hi", more).await;
        refusal.assert_error(400, &Value::Null);
        assert_eq!(refusal.json()["error"]["param"], param);
    }
    let empty = json!({"model": "demo-embedding", "input": ""});
    let empty = post(&demo, "/v1/embeddings", empty).await;
    empty.assert_error(400, &Value::Null);
    let nowhere = post(&demo, "/v1/images", json!({})).await;
    nowhere.assert_error(404, &json!("unknown_url"));
    let wrong_way = send(&demo, Method::GET, "/v1/embeddings", "").await;
    wrong_way.assert_error(405, &json!("method_not_supported"));
}
