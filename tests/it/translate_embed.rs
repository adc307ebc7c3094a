//! Embeddings between OpenAI's interface and Google's.

use base64::Engine as _;
use serde_json::{Value, json};

use crate::support::talk::{TO_ANTHROPIC, TO_CHAT, TO_GEMINI};
use crate::support::upstream::Recorded;
use crate::support::{Answer, Client, Config, Reply, Upstream};

/// Numbers that a careless hand would round.
fn vector(text: &str) -> Vec<f32> {
    let seed = text.bytes().map(f32::from).sum::<f32>();
    vec![seed / 7.0, -0.0, f32::MIN_POSITIVE, 1.0e-40, 0.1 + seed]
}

/// Google's answer to `request`.
fn gemini(request: &Recorded) -> Reply {
    let body = request.json();
    let embedding = |content: &Value| {
        let text = content["parts"][0]["text"].as_str().expect("a text");
        json!({"values": vector(text)})
    };
    if request.target.ends_with(":embedContent") {
        return Reply::json(200, json!({"embedding": embedding(&body["content"])}));
    }
    let requests = body["requests"].as_array().expect("requests").iter();
    let all: Vec<_> = requests.map(|one| embedding(&one["content"])).collect();
    Reply::json(200, json!({"embeddings": all}))
}

/// OpenAI's answer to `request`.
fn openai(request: &Recorded) -> Reply {
    let body = request.json();
    let texts = match &body["input"] {
        Value::Array(texts) => texts.clone(),
        text => vec![text.clone()],
    };
    let data = texts.iter().enumerate().map(|(index, text)| {
        let embedding = vector(text.as_str().expect("a text"));
        json!({"object": "embedding", "index": index, "embedding": embedding})
    });
    let data: Vec<_> = data.collect();
    Reply::json(
        200,
        json!({"object": "list", "model": "x", "data": data,
            "usage": {"prompt_tokens": 3, "total_tokens": 3}}),
    )
}

fn fields(kind: &str) -> Value {
    json!({"type": kind, "models": {"m": {"upstream": "embed-1"}}})
}

async fn google() -> (Config, Upstream) {
    let upstream = Upstream::answering(|request, _| gemini(request)).await;
    let config = Config::new().provider("a", &upstream, fields("google"));
    (config, upstream)
}

async fn embed(client: &Client, input: Value, format: Option<&str>) -> Answer {
    let mut body = json!({"model": "m", "input": input});
    if let Some(format) = format {
        body["encoding_format"] = json!(format);
    }
    client.post("/v1/embeddings", body).send().await
}

#[track_caller]
fn floats(embedding: &Value) -> Vec<f32> {
    let numbers = embedding.as_array().expect("numbers").iter();
    numbers
        .map(|number| serde_json::from_value(number.clone()).expect("a number"))
        .collect()
}

fn bits(floats: &[f32]) -> Vec<u32> {
    floats.iter().map(|float| float.to_bits()).collect()
}

#[tokio::test]
async fn one_text_is_embedded_by_google() {
    let (config, upstream) = google().await;
    let gateway = config.start().await;
    let answer = embed(&gateway.client(), json!("hello"), None).await;
    let json = answer.expect_status(200).json();
    assert_eq!(json["object"], "list");
    assert_eq!(json["model"], "m");
    assert_eq!(json["data"][0]["object"], "embedding");
    assert_eq!(json["data"][0]["index"], 0);
    assert_eq!(
        bits(&floats(&json["data"][0]["embedding"])),
        bits(&vector("hello"))
    );
    assert!(json["usage"]["prompt_tokens"].as_u64() > Some(0), "{json}");
    let sent = upstream.only_request();
    assert_eq!(sent.target, "/v1/models/embed-1:embedContent");
    assert_eq!(sent.header("x-goog-api-key"), Some("key-a"));
    assert_eq!(sent.json()["content"]["parts"][0]["text"], "hello");
}

#[tokio::test]
async fn a_long_list_becomes_calls_of_a_hundred_and_one_answer() {
    let (config, upstream) = google().await;
    let gateway = config.start().await;
    let texts: Vec<String> = (0..250).map(|place| format!("text {place}")).collect();
    let answer = embed(&gateway.client(), json!(texts), Some("base64")).await;
    let answer = answer.expect_status(200);
    assert_eq!(answer.header("x-autogw-attempts"), Some("1"));
    let json = answer.json();
    let data = json["data"].as_array().expect("a list");
    assert_eq!(data.len(), 250);
    for (place, text) in texts.iter().enumerate() {
        assert_eq!(data[place]["index"], place);
        let encoded = data[place]["embedding"].as_str().expect("base64");
        let bytes = base64::engine::general_purpose::STANDARD.decode(encoded);
        let bytes = bytes.expect("base64");
        let floats: Vec<f32> = bytes
            .chunks_exact(4)
            .map(|four| f32::from_le_bytes([four[0], four[1], four[2], four[3]]))
            .collect();
        assert_eq!(bits(&floats), bits(&vector(text)), "{text}");
    }
    let sizes: Vec<_> = upstream
        .requests()
        .iter()
        .map(|call| call.json()["requests"].as_array().map(Vec::len))
        .collect();
    assert_eq!(sizes, [Some(100), Some(100), Some(50)]);
    let targets = upstream.requests();
    let all_batch = |call: &Recorded| call.target == "/v1/models/embed-1:batchEmbedContents";
    assert!(targets.iter().all(all_batch));
}

#[tokio::test]
async fn tokens_in_place_of_text_are_refused_by_name() {
    let (config, upstream) = google().await;
    let gateway = config.start().await;
    for input in [json!([1, 2, 3]), json!([[1, 2], [3]])] {
        let answer = embed(&gateway.client(), input, None).await;
        assert_eq!(answer.expect_status(400).error("param"), "input");
    }
    assert_eq!(upstream.count(), 0);
}

#[tokio::test]
async fn googles_client_is_answered_by_openais_embeddings() {
    let upstream = Upstream::answering(|request, _| openai(request)).await;
    let config = Config::new().provider("a", &upstream, fields("openai_compatible"));
    let gateway = config.start().await;
    let content = |text: &str| json!({"parts": [{"text": text}]});
    let one = json!({"content": content("hello"), "outputDimensionality": 5});
    let call = gateway.client().post("/v1beta/models/m:embedContent", one);
    let json = call.send().await.expect_status(200).json();
    assert_eq!(
        bits(&floats(&json["embedding"]["values"])),
        bits(&vector("hello"))
    );
    let sent = upstream.only_request();
    assert_eq!(sent.target, "/v1/embeddings");
    assert_eq!(sent.json()["model"], "embed-1");
    assert_eq!(sent.json()["dimensions"], 5);
    let batch = json!({"requests": [
        {"model": "models/m", "content": content("one")},
        {"model": "models/m", "content": content("two")}]});
    let call = gateway
        .client()
        .post("/v1beta/models/m:batchEmbedContents", batch);
    let json = call.send().await.expect_status(200).json();
    for (place, text) in ["one", "two"].into_iter().enumerate() {
        let values = &json["embeddings"][place]["values"];
        assert_eq!(bits(&floats(values)), bits(&vector(text)), "{json}");
    }
}

#[tokio::test]
async fn what_google_says_of_the_task_is_named() {
    let upstream = Upstream::answering(|request, _| openai(request)).await;
    let config = Config::new().provider("a", &upstream, fields("openai_compatible"));
    let gateway = config.start().await;
    let body = json!({"content": {"parts": [{"text": "hello"}]}, "taskType": "RETRIEVAL_QUERY"});
    let call = || {
        gateway
            .client()
            .post("/v1beta/models/m:embedContent", &body)
    };
    let answer = call().send().await.expect_status(200);
    assert_eq!(answer.header("x-autogw-dropped"), Some("taskType"));
    let strict = call().header("x-autogw-fidelity", "strict").send().await;
    strict.expect_status(400);
    let silent = call().header("x-autogw-fidelity", "silent").send().await;
    assert_eq!(silent.expect_status(200).header("x-autogw-dropped"), None);
}

#[tokio::test]
async fn a_batch_that_fails_half_way_is_asked_elsewhere_whole() {
    for bad in [
        Reply::json(500, "{}"),
        Reply::json(429, "{}"),
        Reply::json(200, r#"{"embeddings":[]}"#),
        Reply::typed(200, "text/plain", "no"),
        Reply::close(),
    ] {
        let first = Upstream::answering({
            let bad = bad.clone();
            move |request, index| {
                if index > 0 {
                    bad.clone()
                } else {
                    gemini(request)
                }
            }
        })
        .await;
        let second = Upstream::answering(|request, _| openai(request)).await;
        let steps = json!([{"provider": "first", "model": "m"},
            {"provider": "second", "model": "m"}]);
        let gateway = Config::new()
            .provider("first", &first, fields("google"))
            .provider("second", &second, fields("openai_compatible"))
            .set("routes", json!([{"name": "m", "steps": steps}]))
            .start()
            .await;
        let texts: Vec<String> = (0..150).map(|place| format!("text {place}")).collect();
        let answer = embed(&gateway.client(), json!(texts), None).await;
        let answer = answer.expect_status(200);
        assert_eq!(answer.provider(), "second", "{bad:?}");
        assert_eq!(answer.header("x-autogw-attempts"), Some("2"), "{bad:?}");
        let sent = second.only_request().json();
        assert_eq!(sent["input"].as_array().map(Vec::len), Some(150));
    }
}

#[tokio::test]
async fn anthropic_has_no_embeddings() {
    let upstream = TO_ANTHROPIC.upstream().await;
    let gateway = TO_ANTHROPIC.over(&upstream).start().await;
    let answer = embed(&gateway.client(), json!("hello"), None).await;
    assert!(matches!(answer.status, 400 | 404), "{}", answer.text());
    TO_CHAT.error(&answer);
    let body = json!({"content": {"parts": [{"text": "hello"}]}});
    let call = gateway.client().post("/v1beta/models/m:embedContent", body);
    let answer = call.send().await;
    assert!(matches!(answer.status, 400 | 404), "{}", answer.text());
    TO_GEMINI.error(&answer);
    assert_eq!(upstream.count(), 0);
}
