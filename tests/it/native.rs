//! A body in the upstream's own dialect: the top level is edited, everything below it arrives as sent.

use serde_json::{Value, json};

use crate::support::http::Payload;
use crate::support::{Answer, Config, Gateway, Reply, Upstream, chat};

async fn answering() -> Upstream {
    Upstream::answering(|request, _| {
        let streamed = serde_json::from_slice::<Value>(&request.body)
            .is_ok_and(|body| body["stream"] == json!(true));
        if streamed {
            Reply::sse(chat::stream(&["A"]))
        } else {
            Reply::json(200, chat::answer("A"))
        }
    })
    .await
}

/// One request through the gateway, and what the upstream was sent.
async fn sent(config: Config, upstream: &Upstream, body: impl Into<Payload>) -> Value {
    let gateway = config.start().await;
    gateway.chat(body).send().await.expect_status(200);
    upstream.only_request().json()
}

/// Messages that a re-serialising gateway would alter: number spellings, order, duplicates, escapes.
fn odd_messages(size: usize) -> String {
    let message = concat!(
        r#"{ "role":"user" ,"content":[{"type":"text","text":"\u00e9\/\ud83c\udf89 é 🎉"}],"#,
        r#""n":[1.0e+2, 1E5,-0, 0.10, 123456789012345678901234567890],"z":1,"a":2,"z":3 }"#
    );
    let count = size / message.len() + 1;
    format!("[ {} ]", vec![message; count].join(" ,\n"))
}

#[tokio::test]
async fn a_megabyte_of_nested_bytes_arrives_identical() {
    let upstream = answering().await;
    let fields = json!({"models": {"m": {"upstream": "real-model"}}});
    let gateway = Config::new().provider("a", &upstream, fields).start().await;
    let messages = odd_messages(1 << 20);
    let tools = r#"[{"type":"function","function":{"name":"f","parameters":{"b":1.50,"a":{}}}}]"#;
    let body = format!(
        r#"{{"temperature":1.0e+0,"messages":{messages},"model":"m","tools":{tools},"seed":007e1}}"#
    )
    .replace("007e1", "7e1");
    gateway.chat(&body).send().await.expect_status(200);
    let request = upstream.only_request();
    let expected = body.replace(r#""model":"m""#, r#""model":"real-model""#);
    assert!(
        request.text().contains(&messages),
        "nested bytes were altered"
    );
    assert!(request.text().contains(tools), "nested bytes were altered");
    assert_eq!(request.body.len(), expected.len());
    assert!(
        request.text() == expected,
        "the top level was altered beyond the model"
    );
}

#[tokio::test]
async fn a_body_that_needs_no_edit_is_sent_as_it_came() {
    let upstream = answering().await;
    let gateway = Config::over([&upstream]).start().await;
    let body = format!(
        "{{ \"model\" :\t\"m\",\n\"messages\": {}}}\n",
        odd_messages(1)
    );
    gateway.chat(&body).send().await.expect_status(200);
    assert_eq!(upstream.only_request().text(), body);
}

#[tokio::test]
async fn control_fields_never_reach_the_upstream() {
    let upstream = answering().await;
    let mut request = chat::ask("m");
    request["provider"] = json!("a");
    request["strict_alias"] = json!(true);
    request["extra_body"] = json!({"top_k": 4});
    let sent = sent(Config::over([&upstream]), &upstream, request).await;
    let mut expected = chat::ask("m");
    expected["top_k"] = json!(4);
    assert_eq!(sent, expected);
}

#[tokio::test]
async fn a_provider_object_is_another_gateways_and_passes() {
    let upstream = answering().await;
    let mut request = chat::ask("m");
    request["provider"] = json!({"order": ["x", "y"]});
    let sent = sent(Config::over([&upstream]), &upstream, &request).await;
    assert_eq!(sent, request);
}

#[tokio::test]
async fn the_clients_field_wins_over_its_extra_body_and_that_over_the_providers() {
    let upstream = answering().await;
    let fields = json!({"extra_body": {"one": "p", "two": "p", "three": "p", "nested": {"p": 1}}});
    let mut request = chat::ask("m");
    request["extra_body"] = json!({"one": "r", "two": "r"});
    request["one"] = json!("c");
    let config = Config::new().provider("a", &upstream, fields);
    let sent = sent(config, &upstream, request).await;
    assert_eq!(sent["one"], "c");
    assert_eq!(sent["two"], "r");
    assert_eq!(sent["three"], "p");
    assert_eq!(sent["nested"], json!({"p": 1}));
    assert_eq!(sent["extra_body"], Value::Null);
}

#[tokio::test]
async fn an_extra_body_cannot_replace_what_the_gateway_routes_by() {
    let upstream = answering().await;
    let mut request = chat::ask("m");
    let forbidden = json!({"model": "x", "messages": [], "input": "x", "stream": true, "ok": 1});
    request["extra_body"] = forbidden;
    let sent = sent(Config::over([&upstream]), &upstream, request).await;
    let mut expected = chat::ask("m");
    expected["ok"] = json!(1);
    assert_eq!(sent, expected);
}

#[tokio::test]
async fn stream_options_keep_what_the_client_wrote() {
    let upstream = answering().await;
    let mut request = chat::ask_stream("m");
    request["stream_options"] = json!({"include_obfuscation": false, "include_usage": false});
    let sent = sent(Config::over([&upstream]), &upstream, request).await;
    let expected = json!({"include_obfuscation": false, "include_usage": true});
    assert_eq!(sent["stream_options"], expected);
}

#[tokio::test]
async fn a_whole_answer_gets_no_stream_options() {
    let upstream = answering().await;
    let sent = sent(Config::over([&upstream]), &upstream, chat::ask("m")).await;
    assert_eq!(sent.get("stream_options"), None);
}

#[tokio::test]
async fn an_accept_header_alone_asks_for_a_stream() {
    let upstream = answering().await;
    let gateway = Config::over([&upstream]).start().await;
    let call = gateway
        .chat(chat::ask("m"))
        .header("accept", "text/event-stream");
    let answer = call.send().await.expect_status(200);
    assert_eq!(chat::said(&answer.events()), "A");
    assert_eq!(upstream.only_request().json()["stream"], true);
    let mut request = chat::ask("m");
    request["stream"] = json!(false);
    let call = gateway.chat(request).header("accept", "text/event-stream");
    assert_eq!(
        call.send().await.json(),
        chat::answer("A"),
        "the body's word counts more"
    );
}

#[tokio::test]
async fn a_whole_answer_is_passed_on_byte_for_byte() {
    let odd = r#"{ "choices" : [ {"message":{"content":"\u00e9","n":1.0e+2}} ], "x":[1E5] }"#;
    let upstream = Upstream::always(Reply::json(200, odd)).await;
    let gateway = Config::over([&upstream]).start().await;
    assert_eq!(gateway.ask().await.expect_status(200).text(), odd);
}

/// Client headers that are nobody else's business, each with a value that is easy to find.
const PRIVATE: &[(&str, &str)] = &[
    ("authorization", "Bearer canary-1"),
    ("x-api-key", "canary-2"),
    ("api-key", "canary-3"),
    ("x-goog-api-key", "canary-4"),
    ("cookie", "session=canary-5"),
    ("proxy-authorization", "Basic canary-6"),
    ("forwarded", "for=canary-7"),
    ("x-forwarded-for", "canary-8"),
    ("x-real-ip", "canary-9"),
    ("referer", "http://127.0.0.1/canary-10"),
    ("x-unheard-of", "canary-11"),
    ("connection", "keep-alive, x-named-in-connection"),
    ("x-named-in-connection", "canary-12"),
    ("x-autogw-provider", "a"),
    ("idempotency-key", "canary-13"),
];

#[tokio::test]
async fn private_headers_of_the_client_never_reach_the_upstream() {
    let upstream = answering().await;
    let gateway = Config::over([&upstream]).start().await;
    let call = PRIVATE
        .iter()
        .fold(gateway.chat(chat::ask("m")), |call, (name, value)| {
            call.header(name, value)
        });
    call.header("accept-encoding", "gzip, br")
        .send()
        .await
        .expect_status(200);
    let request = upstream.only_request();
    for (name, value) in &request.headers {
        assert!(!value.contains("canary"), "{name}: {value}");
        assert!(
            !name.starts_with("x-autogw-") || name == "x-autogw-via",
            "{name}: {value}"
        );
    }
    assert_eq!(request.key(), Some("key-a"));
    assert_eq!(request.header("accept-encoding"), Some("identity"));
    assert_eq!(request.header("content-type"), Some("application/json"));
    let host = upstream.base_url();
    let host = host.trim_start_matches("http://").trim_end_matches("/v1");
    assert_eq!(request.header("host"), Some(host));
}

#[tokio::test]
async fn configured_headers_are_set_on_each_request() {
    let upstream = answering().await;
    let fields = json!({"extra_headers": {"x-team": "red"}, "user_agent": "custom/1"});
    let gateway = Config::new().provider("a", &upstream, fields).start().await;
    gateway.ask().await.expect_status(200);
    let request = upstream.only_request();
    assert_eq!(request.header("x-team"), Some("red"));
    assert_eq!(request.header("user-agent"), Some("custom/1"));
}

fn with_private_headers(reply: Reply) -> Reply {
    let private = [
        ("set-cookie", "canary=1"),
        ("server", "canary"),
        ("openai-organization", "canary"),
        ("x-unheard-of", "canary"),
        ("location", "http://canary/"),
        ("access-control-allow-origin", "canary"),
        ("x-request-id", "canary"),
    ];
    let reply = private
        .into_iter()
        .fold(reply, |reply, (name, value)| reply.header(name, value));
    reply.header("x-ratelimit-remaining-requests", "41")
}

#[tokio::test]
async fn private_headers_of_the_upstream_never_reach_the_client() {
    let wrong = chat::error("wrong", "invalid_request_error", None);
    for (request, reply) in [
        (chat::ask("m"), Reply::json(200, chat::answer("A"))),
        (chat::ask_stream("m"), Reply::sse(chat::stream(&["A"]))),
        (chat::ask("m"), Reply::json(400, wrong)),
    ] {
        let upstream = Upstream::always(with_private_headers(reply)).await;
        let gateway = Config::over([&upstream]).start().await;
        let answer = gateway.chat(request).send().await;
        for (name, value) in &answer.headers {
            assert!(!value.contains("canary"), "{name}: {value}");
        }
    }
}

async fn through(upstream: &Upstream, target: &str, body: &Value) -> Answer {
    let gateway: Gateway = Config::over([upstream]).start().await;
    gateway.client().post(target, body).send().await
}

#[tokio::test]
async fn every_spelling_of_the_chat_endpoint_is_the_same() {
    for target in [
        "/v1/chat/completions",
        "/chat/completions",
        "/openai/v1/chat/completions",
    ] {
        let upstream = answering().await;
        through(&upstream, target, &chat::ask("m"))
            .await
            .expect_status(200);
        assert_eq!(upstream.only_request().target, "/v1/chat/completions");
    }
}

#[tokio::test]
async fn native_endpoints_go_to_the_same_path_upstream() {
    let answer = json!({"object": "list", "data": [{"embedding": "AACAPw==", "n": 1}]});
    for path in [
        "embeddings",
        "moderations",
        "rerank",
        "images/generations",
        "audio/speech",
    ] {
        let upstream = Upstream::always(Reply::json(200, &answer)).await;
        let body = json!({"model": "m", "input": ["x"], "encoding_format": "base64"});
        let seen = through(&upstream, &format!("/v1/{path}"), &body).await;
        assert_eq!(seen.expect_status(200).text(), answer.to_string(), "{path}");
        let request = upstream.only_request();
        assert_eq!(request.target, format!("/v1/{path}"));
        assert_eq!(request.json(), body, "{path}");
    }
}

#[tokio::test]
async fn a_document_is_an_answer_where_nothing_streams() {
    let answer = json!({"object": "list", "data": [{"embedding": [1]}]});
    let upstream = Upstream::always(Reply::json(200, &answer)).await;
    let body = json!({"model": "m", "input": "x", "stream": true});
    let seen = through(&upstream, "/v1/embeddings", &body).await;
    assert_eq!(seen.expect_status(200).json(), answer);
}

#[tokio::test]
async fn an_answer_that_denies_an_error_is_good() {
    for no in [json!(false), json!(0)] {
        let mut answer = chat::answer("A");
        answer["error"] = no;
        let upstream = Upstream::always(Reply::json(200, &answer)).await;
        let seen = Config::over([&upstream]).start().await.ask().await;
        assert_eq!(seen.expect_status(200).json(), answer);
    }
}

/// Asks `a`, which answers `reply`, and then `b`, which is good; what the log and the client were told.
async fn not_an_answer(reply: Reply, body: &Value, target: &str) -> Answer {
    let a = Upstream::always(reply).await;
    let good = json!({"choices": chat::answer("B")["choices"], "data": []});
    let b = Upstream::always(Reply::json(200, good)).await;
    let gateway = Config::over([&a, &b]).start().await;
    let answer = gateway.client().post(target, body).send().await;
    assert_eq!(answer.provider(), "b", "{}", answer.text());
    answer.expect_status(200)
}

#[tokio::test]
async fn a_compressed_answer_is_no_answer() {
    for (target, body) in [
        ("/v1/chat/completions", chat::ask("m")),
        ("/v1/embeddings", json!({"model": "m", "input": "x"})),
        ("/v1/audio/speech", json!({"model": "m", "input": "x"})),
    ] {
        let reply = Reply::json(200, chat::answer("A")).header("content-encoding", "gzip");
        not_an_answer(reply, &body, target).await;
    }
    let reply = Reply::json(200, chat::answer("A")).header("content-encoding", "Identity");
    let upstream = Upstream::always(reply).await;
    let answer = Config::over([&upstream]).start().await.ask().await;
    answer.expect_status(200);
}

#[tokio::test]
async fn an_answer_of_the_wrong_kind_is_never_quoted() {
    for reply in [
        Reply::sse([chat::token("generated text")]),
        Reply::typed(200, "text/html", "<html>generated text</html>"),
    ] {
        let upstream = Upstream::always(reply).await;
        let answer = Config::over([&upstream]).start().await.ask().await;
        let answer = answer.expect_status(502);
        assert!(!answer.text().contains("generated"), "{}", answer.text());
    }
}

#[tokio::test]
async fn a_binary_answer_passes_byte_for_byte() {
    let sound: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    let reply = Reply::typed(200, "audio/mpeg", sound.clone());
    let upstream = Upstream::always(reply).await;
    let body = json!({"model": "m", "input": "x", "voice": "y"});
    let answer = through(&upstream, "/v1/audio/speech", &body)
        .await
        .expect_status(200);
    assert_eq!(answer.header("content-type"), Some("audio/mpeg"));
    assert!(answer.body == sound);
}

#[tokio::test]
async fn old_completions_pass_whole_and_streamed() {
    let whole = json!({"object": "text_completion", "choices": [{"text": "A", "index": 0}]});
    let upstream = Upstream::always(Reply::json(200, &whole)).await;
    let answer = through(
        &upstream,
        "/v1/completions",
        &json!({"model": "m", "prompt": "x"}),
    )
    .await;
    assert_eq!(answer.expect_status(200).json(), whole);
    let events = [
        r#"{"object":"text_completion","choices":[{"text":"A","index":0,"finish_reason":null}]}"#,
        r#"{"object":"text_completion","choices":[{"text":"","index":0,"finish_reason":"stop"}]}"#,
        chat::DONE,
    ];
    let upstream = Upstream::always(Reply::sse(events)).await;
    let body = json!({"model": "m", "prompt": "x", "stream": true});
    let answer = through(&upstream, "/v1/completions", &body).await;
    assert_eq!(answer.expect_status(200).body, chat::wire(&events));
}

/// A form with a model, a file of `size` arbitrary bytes, and a field after them.
fn form(model: &str, size: usize) -> Vec<u8> {
    let file: Vec<u8> = (0..=255).cycle().take(size).collect();
    let part = |head: &str, body: &[u8]| {
        let head = format!("--b0undary\r\nContent-Disposition: form-data; {head}\r\n\r\n");
        [head.as_bytes(), body, b"\r\n"].concat()
    };
    let typed = "name=\"file\"; filename=\"a.wav\"\r\nContent-Type: audio/wav";
    [
        part("name=\"language\"", b"en"),
        part("name=\"model\"", model.as_bytes()),
        part(typed, &file),
        part("name=\"prompt\"", b"model"),
        b"--b0undary--\r\n".to_vec(),
    ]
    .concat()
}

#[tokio::test]
async fn the_model_of_a_form_is_a_name() {
    let upstream = Upstream::always(Reply::json(200, r#"{"text":"A"}"#)).await;
    let config = Config::new().provider("a", &upstream, json!({"models": "*"}));
    let gateway = config.start().await;
    let long = "z".repeat(3000);
    for model in ["a\r\nb", "a\u{1b}[31m", &long, "", "[]"] {
        let call = gateway.client().call("POST", "/v1/audio/transcriptions");
        let call = call.header("content-type", "multipart/form-data; boundary=b0undary");
        let answer = call.body(form(model, 10)).send().await.expect_status(400);
        assert_eq!(answer.error("param"), "model", "{model:.20}");
    }
    let sent = upstream.requests();
    assert!(sent.iter().all(|request| request.method == "GET"));
}

#[tokio::test]
async fn the_model_of_a_form_is_replaced_and_the_rest_streams_through() {
    let upstream = Upstream::always(Reply::json(200, r#"{"text":"A"}"#)).await;
    let fields = json!({"models": {"m": {"upstream": "real-model"}}});
    let gateway = Config::new().provider("a", &upstream, fields).start().await;
    let kind = "multipart/form-data; boundary=b0undary";
    let call = gateway.client().call("POST", "/v1/audio/transcriptions");
    let call = call.header("content-type", kind).body(form("m", 300_000));
    assert_eq!(
        call.send().await.expect_status(200).text(),
        r#"{"text":"A"}"#
    );
    let request = upstream.only_request();
    assert_eq!(request.target, "/v1/audio/transcriptions");
    assert_eq!(request.header("content-type"), Some(kind));
    assert!(request.body == form("real-model", 300_000));
}
