//! Embeddings across, by example.

use serde_json::{Value, json};

use super::*;

#[test]
fn one_text_is_one_call() {
    let request =
        json!({"model": "alias", "input": "hi", "dimensions": 256, "encoding_format": "base64"});
    let translated = request_to_gemini(&request, "gemini-embedding-001").expect("it fits");
    assert_eq!(translated.method.name(), "embedContent");
    assert_eq!(translated.encoding, Encoding::Base64);
    assert_eq!(translated.losses, Vec::<String>::new());
    let wanted = json!({
        "model": "models/gemini-embedding-001",
        "content": {"parts": [{"text": "hi"}]},
        "outputDimensionality": 256,
    });
    assert_eq!(translated.calls, [wanted]);
}

#[test]
fn many_texts_are_calls_of_a_hundred() {
    let texts: Vec<String> = (0..250).map(|place| format!("text {place}")).collect();
    let translated = request_to_gemini(&json!({"input": texts}), "models/m").expect("it fits");
    assert_eq!(translated.method.name(), "batchEmbedContents");
    let lengths = translated
        .calls
        .iter()
        .map(|call| call["requests"].as_array().map(Vec::len));
    assert_eq!(
        lengths.collect::<Vec<_>>(),
        [Some(100), Some(100), Some(50)]
    );
    let last = &translated.calls[2]["requests"][49];
    assert_eq!(last["content"]["parts"][0]["text"], "text 249");
    assert_eq!(last["model"], "models/m");
}

#[test]
fn what_gemini_cannot_read_is_refused_by_name() {
    let cases = [
        (json!({"input": [1, 2, 3]}), "input"),
        (json!({"input": [[1, 2], [3]]}), "input"),
        (json!({"input": []}), "input"),
        (json!({"input": ""}), "input"),
        (json!({"input": null}), "input"),
        (json!({"input": vec!["a"; 2049]}), "input"),
        (json!({"input": "a", "dimensions": 0}), "dimensions"),
        (json!({"input": "a", "dimensions": "x"}), "dimensions"),
        (
            json!({"input": "a", "encoding_format": "int8"}),
            "encoding_format",
        ),
        (json!(7), "input"),
    ];
    for (request, param) in cases {
        let refusal = request_to_gemini(&request, "m").expect_err("it does not fit");
        assert_eq!(refusal.param, param, "{}", refusal.message);
        assert!(
            refusal.message.contains(&format!("`{param}`")),
            "{}",
            refusal.message
        );
    }
}

#[test]
fn other_fields_are_losses_and_null_is_absent() {
    let request =
        json!({"input": "a", "user": "u", "input_type": "query", "dimensions": null, "x": null});
    let translated = request_to_gemini(&request, "m").expect("it fits");
    assert_eq!(translated.losses, ["user", "input_type"]);
    assert_eq!(translated.calls[0].get("outputDimensionality"), None);
}

#[test]
fn answers_of_several_calls_are_one() {
    let answers = [
        json!({"embeddings": [{"values": [0.5, -0.25]}, {"values": [1.0]}]}),
        json!({"embedding": {"values": [2.0]}}),
    ];
    let answer = answer_to_openai(&answers, "m", Encoding::Float, 7).expect("vectors");
    let wanted = json!({
        "object": "list",
        "data": [
            {"object": "embedding", "index": 0, "embedding": [0.5, -0.25]},
            {"object": "embedding", "index": 1, "embedding": [1.0]},
            {"object": "embedding", "index": 2, "embedding": [2.0]},
        ],
        "model": "m",
        "usage": {"prompt_tokens": 7, "total_tokens": 7},
    });
    assert_eq!(answer, wanted);
}

#[test]
fn usage_that_is_told_wins_over_the_estimate() {
    let answers =
        [json!({"embedding": {"values": [1.0]}, "usageMetadata": {"promptTokenCount": 3}})];
    let answer = answer_to_openai(&answers, "m", Encoding::Base64, 7).expect("vectors");
    assert_eq!(answer["usage"]["prompt_tokens"], 3);
    assert_eq!(answer["data"][0]["embedding"], "AACAPw==");
}

#[test]
fn an_answer_without_vectors_is_none() {
    for answer in [
        json!({}),
        json!({"embeddings": []}),
        json!({"embedding": {}}),
        json!([]),
    ] {
        assert_eq!(answer_to_openai(&[answer], "m", Encoding::Float, 1), None);
    }
    for answer in [
        json!({}),
        json!({"data": []}),
        json!({"data": [{"embedding": "%"}]}),
    ] {
        assert_eq!(answer_to_gemini(&answer, Method::Embed), None, "{answer}");
    }
}

#[test]
fn gemini_requests_become_one_of_openai() {
    let one = json!({
        "content": {"parts": [{"text": "a"}, {"text": "b"}]},
        "taskType": "RETRIEVAL_QUERY",
        "output_dimensionality": 64,
    });
    let translated =
        request_to_openai(&one, Method::Embed, "text-embedding-3-small").expect("it fits");
    let wanted = json!({
        "model": "text-embedding-3-small",
        "input": "a\nb",
        "dimensions": 64,
        "encoding_format": "float",
    });
    assert_eq!(translated.body, wanted);
    assert_eq!(translated.losses, ["taskType"]);

    let title =
        json!({"content": {"parts": [{"text": "c"}]}, "title": "t", "outputDimensionality": "64"});
    let batch = json!({"requests": [one, title]});
    let translated = request_to_openai(&batch, Method::Batch, "m").expect("it fits");
    assert_eq!(translated.body["input"], json!(["a\nb", "c"]));
    assert_eq!(translated.losses, ["taskType", "title"]);
}

#[test]
fn gemini_requests_that_openai_cannot_read_are_refused() {
    let sized = |size| json!({"content": {"parts": [{"text": "a"}]}, "outputDimensionality": size});
    let image =
        json!({"content": {"parts": [{"inlineData": {"mimeType": "image/png", "data": "AAAA"}}]}});
    let cases = [
        (Method::Embed, image.clone(), "content"),
        (Method::Embed, json!({}), "content"),
        (Method::Batch, json!({"requests": []}), "requests"),
        (Method::Batch, json!({"requests": [image]}), "requests"),
        (
            Method::Batch,
            json!({"requests": [sized(1), sized(2)]}),
            "requests",
        ),
    ];
    for (method, request, param) in cases {
        let refusal = request_to_openai(&request, method, "m").expect_err("it does not fit");
        assert_eq!(refusal.param, param, "{request}");
    }
}

#[test]
fn answers_of_openai_come_back_in_order_whatever_their_encoding() {
    let answer = json!({
        "data": [
            {"index": 1, "embedding": [0.5]},
            {"index": 0, "embedding": "AACAPw=="},
        ],
        "usage": {"prompt_tokens": 4, "total_tokens": 4},
    });
    let usage: Value = json!({"promptTokenCount": 4});
    let batch = answer_to_gemini(&answer, Method::Batch).expect("vectors");
    assert_eq!(
        batch,
        json!({"embeddings": [{"values": [1.0]}, {"values": [0.5]}], "usageMetadata": usage})
    );
    let one = answer_to_gemini(&answer, Method::Embed).expect("vectors");
    assert_eq!(
        one,
        json!({"embedding": {"values": [1.0]}, "usageMetadata": usage})
    );
}
