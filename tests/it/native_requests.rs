//! Each dialect in its own: what a client writes is what its provider reads, but for the model's name.

use serde_json::{Value, json};

use crate::support::tongue::{ANTHROPIC, CHAT, GEMINI, RESPONSES, TONGUES, Tongue};
use crate::support::{Answer, Config, Gateway, Reply, Upstream, patiently};

async fn answering(tongue: Tongue) -> Upstream {
    Upstream::always(Reply::json(200, tongue.answer)).await
}

/// A gateway over one upstream of `tongue`.
async fn over(tongue: Tongue, upstream: &Upstream) -> Gateway {
    tongue.over([upstream]).start().await
}

#[tokio::test]
async fn a_request_reaches_its_provider_byte_for_byte_but_for_the_model() {
    for tongue in TONGUES {
        let upstream = answering(tongue).await;
        let gateway = over(tongue, &upstream).await;
        let call = gateway.client().post(tongue.target, tongue.request);
        let answer = call.send().await.expect_status(200);
        assert_eq!(answer.text(), tongue.answer, "{}", tongue.name);
        let request = upstream.only_request();
        assert_eq!(request.target, format!("/v1{}", tongue.upstream));
        let renamed = tongue.request.replace(r#""m""#, r#""real/m""#);
        assert_eq!(request.text(), renamed, "{}", tongue.name);
    }
}

#[tokio::test]
async fn a_request_for_a_stream_is_no_less_native() {
    for tongue in TONGUES {
        let upstream = Upstream::always(tongue.reply(1000)).await;
        let gateway = over(tongue, &upstream).await;
        let call = gateway
            .client()
            .post(tongue.stream_target, tongue.stream_request);
        call.send().await.expect_status(200);
        let request = upstream.only_request();
        assert_eq!(request.target, format!("/v1{}", tongue.upstream_stream));
        let renamed = tongue.stream_request.replace(r#""m""#, r#""real/m""#);
        assert_eq!(request.text(), renamed, "{}", tongue.name);
        assert_eq!(request.header("accept"), Some("text/event-stream"));
    }
}

#[tokio::test]
async fn a_provider_gets_its_own_key_in_its_own_header_and_no_other() {
    for tongue in TONGUES {
        let upstream = answering(tongue).await;
        let gateway = over(tongue, &upstream).await;
        let all = ["authorization", "x-api-key", "x-goog-api-key", "api-key"];
        let call = gateway.client().post(tongue.target, tongue.request);
        let call = all
            .iter()
            .fold(call, |call, name| call.header(name, "canary"));
        call.header("x-goog-api-client", "canary")
            .send()
            .await
            .expect_status(200);
        let request = upstream.only_request();
        for (name, value) in &request.headers {
            assert!(!value.contains("canary"), "{}: {name}", tongue.name);
            let is_key = all.contains(&name.as_str());
            assert_eq!(is_key, name == tongue.key_header, "{}: {name}", tongue.name);
        }
        let key = request.header(tongue.key_header).unwrap_or_default();
        assert_eq!(key.trim_start_matches("Bearer "), "key-a");
    }
}

#[tokio::test]
async fn anthropics_version_and_betas_go_on_and_a_version_is_never_missing() {
    let upstream = answering(ANTHROPIC).await;
    let gateway = over(ANTHROPIC, &upstream).await;
    let call = || gateway.client().post(ANTHROPIC.target, ANTHROPIC.request);
    call().send().await.expect_status(200);
    call()
        .header("anthropic-version", "2026-10-21")
        .header("anthropic-beta", "one,two")
        .header("anthropic-beta", "three")
        .send()
        .await
        .expect_status(200);
    let requests = upstream.requests();
    assert_eq!(requests[0].header("anthropic-version"), Some("2023-06-01"));
    assert_eq!(requests[0].header("anthropic-beta"), None);
    assert_eq!(requests[1].header("anthropic-version"), Some("2026-10-21"));
    let betas = requests[1].headers.iter();
    let betas: Vec<_> = betas
        .filter(|(name, _)| name == "anthropic-beta")
        .map(|(_, value)| value.as_str())
        .collect();
    assert_eq!(betas, ["one,two", "three"]);
}

#[tokio::test]
async fn another_dialects_headers_stay_here() {
    let upstream = answering(CHAT).await;
    let gateway = over(CHAT, &upstream).await;
    let call = gateway.client().post(CHAT.target, CHAT.request);
    call.header("anthropic-beta", "x")
        .header("anthropic-version", "x")
        .send()
        .await
        .expect_status(200);
    let request = upstream.only_request();
    assert!(
        request
            .headers
            .iter()
            .all(|(name, _)| !name.starts_with("anthropic"))
    );
}

#[tokio::test]
async fn control_fields_never_reach_the_upstream() {
    for tongue in TONGUES {
        let upstream = answering(tongue).await;
        let gateway = over(tongue, &upstream).await;
        let control = r#"{"provider":"a","strict_alias":true,"extra_body":{"top_k":4,"contents":1,"model":"x"},"#;
        let body = tongue.request.replacen('{', control, 1);
        let call = gateway.client().post(tongue.target, body);
        call.send().await.expect_status(200);
        let sent = upstream.only_request().json();
        let mut expected: Value = serde_json::from_str(tongue.request).expect("JSON");
        expected["top_k"] = json!(4);
        if expected.get("model").is_some() {
            expected["model"] = json!("real/m");
        }
        assert_eq!(sent, expected, "{}", tongue.name);
    }
}

#[tokio::test]
async fn a_field_that_is_read_may_not_stand_there_twice() {
    for (tongue, field) in [
        (CHAT, "tools"),
        (RESPONSES, "previous_response_id"),
        (ANTHROPIC, "thinking"),
        (GEMINI, "contents"),
    ] {
        let upstream = answering(tongue).await;
        let gateway = over(tongue, &upstream).await;
        let twice = format!(r#"{{"{field}":null,"{field}":null,"#);
        let body = tongue.request.replacen('{', &twice, 1);
        let call = gateway.client().post(tongue.target, body);
        let answer = call.send().await.expect_status(400);
        assert!(answer.error("message").contains(field), "{}", answer.text());
        assert_eq!(upstream.count(), 0);
    }
}

#[tokio::test]
async fn every_spelling_of_a_path_leads_to_the_same_place() {
    for (tongue, targets) in [
        (
            RESPONSES,
            &[
                "/v1/responses",
                "/responses",
                "/openai/v1/responses",
                "/v1/responses/",
            ][..],
        ),
        (
            ANTHROPIC,
            &[
                "/v1/messages",
                "/messages",
                "/anthropic/v1/messages?beta=true",
            ],
        ),
        (
            GEMINI,
            &[
                "/v1beta/models/m:generateContent",
                "/v1/models/m:generateContent?key=k",
                "/gemini/v1/models/m:generateContent",
                "/v1beta/models/models%2Fm:generateContent",
                "/v1beta/m:generateContent",
                "/v1beta/models/real%2Fm:generateContent/",
            ],
        ),
    ] {
        for target in targets {
            let upstream = answering(tongue).await;
            let gateway = over(tongue, &upstream).await;
            let call = gateway.client().post(target, tongue.request);
            call.send().await.expect_status(200);
            let request = upstream.only_request();
            assert_eq!(
                request.target,
                format!("/v1{}", tongue.upstream),
                "{target}"
            );
        }
    }
}

#[tokio::test]
async fn a_path_that_names_no_model_is_refused() {
    let upstream = answering(GEMINI).await;
    let gateway = over(GEMINI, &upstream).await;
    for (model, status) in [
        ("", 400),
        ("%20", 400),
        ("m%0d%0aX:y", 400),
        ("%ff", 404),
        ("..", 404),
    ] {
        let target = format!("/v1beta/models/{model}:generateContent");
        let answer = gateway.client().post(&target, "{}").send().await;
        assert_eq!(answer.status, status, "{target}: {}", answer.text());
    }
    assert_eq!(upstream.count(), 0);
}

/// Lists `first` and then `second` in the pages of `tongue`.
async fn listing(tongue: Tongue) -> Upstream {
    Upstream::answering(move |request, _| {
        let pages = match tongue.name {
            "anthropic" => [
                (
                    "after_id=first",
                    r#"{"data":[{"id":"second"}],"has_more":false,"last_id":"second"}"#,
                ),
                (
                    "",
                    r#"{"data":[{"id":"first"}],"has_more":true,"last_id":"first"}"#,
                ),
            ],
            "gemini" => [
                ("pageToken=p2", r#"{"models":[{"name":"models/second"}]}"#),
                (
                    "",
                    r#"{"models":[{"name":"models/first"}],"nextPageToken":"p2"}"#,
                ),
            ],
            _ => [("", r#"{"data":[{"id":"first"},{"id":"second"}]}"#); 2],
        };
        let page = pages.iter().find(|(part, _)| request.target.contains(part));
        Reply::json(200, page.map_or("{}", |(_, page)| page))
    })
    .await
}

#[tokio::test]
async fn what_a_provider_lists_is_read_page_by_page() {
    for tongue in TONGUES {
        let upstream = listing(tongue).await;
        let fields = json!({"type": tongue.kind, "models": "*"});
        let gateway = Config::new().provider("a", &upstream, fields).start().await;
        patiently("two pages of models", async {
            loop {
                let list = gateway.get("/v1/models").await;
                if list["data"].as_array().is_some_and(|all| all.len() == 2) {
                    break;
                }
                tokio::task::yield_now().await;
            }
        })
        .await;
        let asked = upstream.request(0).await;
        let key = asked.header(tongue.key_header).unwrap_or_default();
        assert_eq!(key.trim_start_matches("Bearer "), "key-a");
        assert!(!asked.target.contains("key"), "{}", asked.target);
    }
}

async fn through(tongue: Tongue, target: &str, body: &str, reply: &str) -> (Answer, Upstream) {
    let upstream = Upstream::always(Reply::json(200, reply)).await;
    let gateway = over(tongue, &upstream).await;
    let answer = gateway.client().post(target, body).send().await;
    (answer, upstream)
}

#[tokio::test]
async fn tokens_are_counted_and_texts_embedded_where_they_are_asked_to() {
    for (tongue, target, upstream_path, body, sent, reply) in [
        (
            ANTHROPIC,
            "/v1/messages/count_tokens?beta=true",
            "/messages/count_tokens",
            r#"{"model":"m","messages":[]}"#,
            r#"{"model":"real/m","messages":[]}"#,
            r#"{"input_tokens": 7}"#,
        ),
        (
            RESPONSES,
            "/v1/responses/input_tokens",
            "/responses/input_tokens",
            r#"{"model":"m","input":"x"}"#,
            r#"{"model":"real/m","input":"x"}"#,
            r#"{"object":"response.input_tokens","input_tokens":7}"#,
        ),
        (
            GEMINI,
            "/v1/models/m:countTokens",
            "/models/real%2Fm:countTokens",
            r#"{"generateContentRequest":{"model":"models/m", "contents":[]}}"#,
            r#"{"generateContentRequest":{"model":"models/real/m", "contents":[]}}"#,
            r#"{"totalTokens":7, "promptTokensDetails":[]}"#,
        ),
        (
            GEMINI,
            "/v1beta/models/m:embedContent",
            "/models/real%2Fm:embedContent",
            r#"{"content":{"parts":[{"text":"x"}]}}"#,
            r#"{"content":{"parts":[{"text":"x"}]}}"#,
            r#"{"embedding":{"values":[1.0e+0]}}"#,
        ),
        (
            GEMINI,
            "/v1/models/m:batchEmbedContents",
            "/models/real%2Fm:batchEmbedContents",
            r#"{"requests":[{"model":"models/m","content":{}}]}"#,
            r#"{"requests":[{"model":"models/real/m","content":{}}]}"#,
            r#"{"embeddings":[{"values":[1.0e+0]}]}"#,
        ),
    ] {
        let (answer, upstream) = through(tongue, target, body, reply).await;
        assert_eq!(answer.expect_status(200).text(), reply, "{target}");
        let request = upstream.only_request();
        assert_eq!(request.target, format!("/v1{upstream_path}"));
        assert_eq!(request.text(), sent, "{target}");
        let (answer, _upstream) = through(tongue, target, body, r#"{"x":1}"#).await;
        // What counts nothing is no answer; a count is then estimated, and vectors are not.
        if target.contains("mbed") {
            assert_eq!(answer.status, 502, "{target}");
        } else {
            assert_eq!(answer.header("x-autogw-estimated"), Some("1"), "{target}");
        }
    }
}

#[tokio::test]
async fn who_speaks_another_dialect_is_asked_last() {
    for tongue in TONGUES {
        for other in TONGUES {
            // OpenAI speaks both of its own.
            if tongue.name == other.name || (tongue.name == "chat" && other.name == "responses") {
                continue;
            }
            let (foreign, native) = (answering(other).await, answering(tongue).await);
            let config = Config::new()
                .provider("foreign", &foreign, other.fields())
                .provider("native", &native, tongue.fields());
            let gateway = config.start().await;
            let call = gateway.client().post(tongue.target, tongue.request);
            assert_eq!(call.send().await.expect_status(200).provider(), "native");
            assert_eq!(foreign.count(), 0, "{} to {}", tongue.name, other.name);
        }
    }
}

#[tokio::test]
async fn talk_of_seals_is_no_seal() {
    let body = r#"{"model":"m","temperature":1.50,"messages":[{"role":"user","content":"what is agw1.? And agw1.eyJ, or YWd3MS5leU?"}]}"#;
    let upstream = answering(CHAT).await;
    let gateway = over(CHAT, &upstream).await;
    let call = gateway.client().post(CHAT.target, body);
    call.send().await.expect_status(200);
    let request = upstream.only_request();
    let sent = request.text();
    let words = r#""what is agw1.? And agw1.eyJ, or YWd3MS5leU?""#;
    assert!(sent.contains(words) && sent.contains("1.50"), "{sent}");
}

#[tokio::test]
async fn what_cannot_be_translated_is_not_asked() {
    for other in [ANTHROPIC, GEMINI] {
        let foreign = answering(other).await;
        let gateway = over(other, &foreign).await;
        for target in ["/v1/completions", "/v1/moderations"] {
            let call = gateway
                .client()
                .post(target, r#"{"model":"m","input":"x","prompt":"x"}"#);
            let answer = call.send().await.expect_status(404);
            let message = answer.error("message");
            assert!(message.contains("speaks"), "{message}");
        }
        assert_eq!(foreign.count(), 0, "{}", other.name);
    }
}

#[tokio::test]
async fn parts_that_a_model_cannot_take_are_seen_in_every_dialect() {
    for (tongue, body) in [
        (
            RESPONSES,
            r#"{"model":"m","input":[{"type":"message","content":[{"type":"input_image","image_url":"x"}]}]}"#,
        ),
        (
            RESPONSES,
            r#"{"model":"m","input":[{"type":"function_call_output","output":[{"type":"input_image"}]}]}"#,
        ),
        (
            ANTHROPIC,
            r#"{"model":"m","messages":[{"role":"user","content":[{"type":"image","source":{}}]}]}"#,
        ),
        (
            ANTHROPIC,
            r#"{"model":"m","messages":[{"role":"user","content":[{"type":"tool_result","content":[{"type":"image"}]}]}]}"#,
        ),
        (
            GEMINI,
            r#"{"contents":[{"parts":[{"text":"x"},{"inlineData":{"mimeType":"image/png","data":""}}]}]}"#,
        ),
        (
            GEMINI,
            r#"{"contents":[{"parts":[{"file_data":{"mime_type":"image/png"}}]}]}"#,
        ),
    ] {
        let blind = answering(tongue).await;
        let seeing = answering(tongue).await;
        let features = |has: &str| json!({"type": tongue.kind, "models": {"m": [has]}});
        let config = Config::new().provider("blind", &blind, features("tool_calls"));
        let gateway = config.clone().start().await;
        let call = gateway.client().post(tongue.target, body);
        let answer = call.send().await.expect_status(400);
        assert!(
            answer.error("message").contains("vision"),
            "{}",
            answer.text()
        );
        let gateway = config
            .provider("seeing", &seeing, features("vision"))
            .start()
            .await;
        let call = gateway.client().post(tongue.target, body);
        assert_eq!(
            call.send().await.expect_status(200).provider(),
            "seeing",
            "{body}"
        );
    }
}

/// How often two upstreams are asked when the first breaks off without a word.
async fn asked_twice(tongue: Tongue, body: &str) -> bool {
    let a = Upstream::always(Reply::close()).await;
    let b = answering(tongue).await;
    let gateway = tongue.over([&a, &b]).start().await;
    gateway.client().post(tongue.target, body).send().await;
    b.count() == 1
}

#[tokio::test]
async fn what_has_effects_is_not_sent_twice() {
    for (tongue, body, expected) in [
        (
            RESPONSES,
            r#"{"model":"m","input":"x","store":false}"#,
            true,
        ),
        (RESPONSES, r#"{"model":"m","input":"x"}"#, false),
        (
            RESPONSES,
            r#"{"model":"m","input":"x","store":null}"#,
            false,
        ),
        (
            RESPONSES,
            r#"{"model":"m","input":"x","extra_body":{"store":false}}"#,
            true,
        ),
        (
            RESPONSES,
            r#"{"model":"m","input":"x","store":false,"background":true}"#,
            false,
        ),
        (
            RESPONSES,
            r#"{"model":"m","input":"x","store":false,"previous_response_id":"r"}"#,
            false,
        ),
        (
            RESPONSES,
            r#"{"model":"m","input":"x","store":false,"tools":[{"type":"mcp"}]}"#,
            false,
        ),
        (
            RESPONSES,
            r#"{"model":"m","input":"x","store":false,"tools":[{"type":"namespace"}]}"#,
            true,
        ),
        (
            ANTHROPIC,
            r#"{"model":"m","messages":[],"tools":[{"name":"f"}]}"#,
            true,
        ),
        (
            ANTHROPIC,
            r#"{"model":"m","messages":[],"tools":[{"type":"bash_20250124"}]}"#,
            true,
        ),
        (
            ANTHROPIC,
            r#"{"model":"m","messages":[],"tools":[{"type":"code_execution_20250825"}]}"#,
            false,
        ),
        (
            GEMINI,
            r#"{"contents":[],"tools":[{"functionDeclarations":[]}]}"#,
            true,
        ),
        (
            GEMINI,
            r#"{"contents":[],"tools":[{"codeExecution":{}}]}"#,
            false,
        ),
    ] {
        assert_eq!(asked_twice(tongue, body).await, expected, "{body}");
    }
}
