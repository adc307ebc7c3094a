//! The edge: who may come in, with which key, from which host and page, and what everybody is told.

use std::time::{Duration, Instant};

use autogw::server::Limits;
use serde_json::json;

use crate::support::{Answer, Config, Gateway, Reply, Upstream, chat};

async fn good() -> Upstream {
    Upstream::always(Reply::json(200, chat::answer("A"))).await
}

async fn plain() -> (Gateway, Upstream) {
    let upstream = good().await;
    let gateway = Config::over([&upstream]).start().await;
    (gateway, upstream)
}

async fn locked() -> (Gateway, Upstream) {
    let upstream = good().await;
    let config =
        Config::over([&upstream]).server("api_key", json!(["client-key-1", "client-key-2"]));
    (config.start().await, upstream)
}

async fn with_header(gateway: &Gateway, name: &str, value: &str) -> Answer {
    let call = gateway.chat(chat::ask("m")).header(name, value);
    call.send().await
}

#[tokio::test]
async fn a_client_key_is_taken_from_every_place_that_clients_use() {
    let (gateway, upstream) = locked().await;
    for (name, value) in [
        ("authorization", "Bearer client-key-1"),
        ("authorization", "bearer client-key-2"),
        ("x-api-key", "client-key-1"),
        ("api-key", "client-key-2"),
        ("x-goog-api-key", "client-key-1"),
    ] {
        with_header(&gateway, name, value).await.expect_status(200);
    }
    let target = "/v1/chat/completions?key=client-key-1";
    let call = gateway.client().post(target, chat::ask("m"));
    call.send().await.expect_status(200);
    let requests = upstream.requests();
    let last = requests.last().expect("a request");
    assert_eq!(
        last.target, "/v1/chat/completions",
        "the key is not passed on"
    );
}

#[tokio::test]
async fn a_wrong_or_missing_key_is_a_401() {
    let (gateway, upstream) = locked().await;
    let missing = gateway.ask().await;
    let wrong = with_header(&gateway, "authorization", "Bearer client-key-3").await;
    let empty = with_header(&gateway, "x-api-key", "").await;
    for answer in [missing, wrong, empty] {
        let answer = answer.expect_status(401);
        assert_eq!(answer.error("code"), "invalid_api_key");
        assert!(
            answer.header("www-authenticate").is_some(),
            "{:?}",
            answer.headers
        );
    }
    gateway
        .client()
        .get("/v1/models")
        .send()
        .await
        .expect_status(401);
    assert_eq!(upstream.count(), 0);
}

#[tokio::test]
async fn a_key_may_come_in_base64_only_where_that_is_switched_on() {
    let encoded = "Y2xpZW50LWtleS0x";
    let (gateway, _upstream) = locked().await;
    with_header(&gateway, "x-api-key", encoded)
        .await
        .expect_status(401);
    let upstream = good().await;
    let config = Config::over([&upstream])
        .server("api_key", "client-key-1")
        .server("accept_base64_keys", true);
    let gateway = config.start().await;
    with_header(&gateway, "x-api-key", encoded)
        .await
        .expect_status(200);
}

/// A gateway that holds back the answers to guesses as long as `hold`.
async fn locked_patiently(hold: Duration) -> (Gateway, Upstream) {
    let upstream = good().await;
    let config = Config::over([&upstream]).server("api_key", "client-key-1");
    let limits = Limits {
        wrong_key: hold,
        ..Limits::default()
    };
    (Gateway::start_with(&config.text(), limits).await, upstream)
}

async fn guess(gateway: &Gateway, times: usize) -> Vec<Answer> {
    let mut answers = Vec::new();
    for guess in 0..times {
        answers.push(with_header(gateway, "x-api-key", &format!("guess-{guess}")).await);
    }
    answers
}

#[tokio::test]
async fn guessing_keys_is_slowed_down() {
    let (gateway, _upstream) = locked_patiently(Duration::ZERO).await;
    let answers = guess(&gateway, 15).await;
    let statuses: Vec<_> = answers.iter().map(|answer| answer.status).collect();
    assert_eq!(statuses[..10], [401; 10]);
    assert_eq!(statuses[10..], [429; 5]);
    for answer in &answers[10..] {
        let wait = answer.header("retry-after");
        assert!(wait.is_some(), "{:?}", answer.headers);
    }
    assert_eq!(answers[10].header("connection"), Some("close"));
}

#[tokio::test]
async fn answers_to_guesses_are_held_back_during_a_block() {
    let hold = Duration::from_millis(300);
    let (gateway, _upstream) = locked_patiently(hold).await;
    guess(&gateway, 11).await;
    let begun = Instant::now();
    guess(&gateway, 1).await;
    assert!(begun.elapsed() >= hold, "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_right_key_passes_at_an_address_that_guesses() {
    let (gateway, _upstream) = locked_patiently(Duration::from_mins(1)).await;
    guess(&gateway, 11).await;
    with_header(&gateway, "x-api-key", "client-key-1")
        .await
        .expect_status(200);
}

#[tokio::test]
async fn a_right_key_counts_wherever_it_is() {
    let (gateway, _upstream) = locked().await;
    for (right, wrong) in [
        ("x-api-key", "authorization"),
        ("x-goog-api-key", "x-api-key"),
    ] {
        let call = gateway
            .chat(chat::ask("m"))
            .header(wrong, "Bearer sk-placeholder")
            .header(right, "client-key-1");
        call.send().await.expect_status(200);
    }
}

#[tokio::test]
async fn health_is_open_and_tells_the_numbers() {
    let (gateway, _upstream) = locked().await;
    let health = gateway.get("/health").await;
    assert_eq!(health["status"], "ok");
    assert_eq!(
        (&health["providers"], &health["models"]),
        (&json!(1), &json!(1))
    );
    assert!(health["uptime_s"].is_number(), "{health}");
    assert_eq!(health["version"], env!("CARGO_PKG_VERSION"));
    for target in ["/live", "/ready"] {
        gateway.client().get(target).send().await.expect_status(200);
    }
}

#[tokio::test]
async fn a_foreign_host_name_is_refused_on_loopback() {
    let (gateway, upstream) = plain().await;
    for host in [
        "evil.example",
        "evil.example:8000",
        "127.0.0.1.evil.example",
        "localhost.evil",
        "",
    ] {
        with_header(&gateway, "host", host).await.expect_status(421);
    }
    assert_eq!(upstream.count(), 0);
    for host in [
        "localhost",
        "localhost:8000",
        "127.0.0.1",
        "[::1]:8000",
        "LOCALHOST",
    ] {
        with_header(&gateway, "host", host).await.expect_status(200);
    }
}

#[tokio::test]
async fn a_configured_host_name_is_accepted() {
    let upstream = good().await;
    let config = Config::over([&upstream]).server("allowed_hosts", json!(["box.lan"]));
    let gateway = config.start().await;
    with_header(&gateway, "host", "box.lan:8000")
        .await
        .expect_status(200);
    with_header(&gateway, "host", "other.lan:8000")
        .await
        .expect_status(421);
}

#[tokio::test]
async fn a_foreign_origin_is_refused_before_anything_happens() {
    let (gateway, upstream) = plain().await;
    for origin in [
        "https://evil.example",
        "null",
        "http://localhost.evil.example",
    ] {
        let answer = with_header(&gateway, "origin", origin)
            .await
            .expect_status(403);
        assert_eq!(answer.header("access-control-allow-origin"), None);
    }
    assert_eq!(upstream.count(), 0);
}

async fn preflight(gateway: &Gateway, origin: &str) -> Answer {
    let call = gateway.client().call("OPTIONS", "/v1/chat/completions");
    let call = call
        .header("origin", origin)
        .header("access-control-request-method", "POST")
        .header(
            "access-control-request-headers",
            "authorization, content-type",
        );
    call.send().await
}

#[tokio::test]
async fn no_origin_may_read_answers_by_default() {
    let (gateway, _upstream) = plain().await;
    let answer = preflight(&gateway, "https://app.example").await;
    assert_eq!(answer.header("access-control-allow-origin"), None);
    assert!(answer.status >= 400, "{}", answer.status);
}

#[tokio::test]
async fn a_configured_origin_may_ask_and_read() {
    let upstream = good().await;
    let config = Config::over([&upstream])
        .server("cors", json!(["https://app.example"]))
        .server("api_key", "client-key");
    let gateway = config.start().await;
    let answer = preflight(&gateway, "https://app.example").await;
    assert!((200..300).contains(&answer.status), "{}", answer.status);
    let allowed = answer.header("access-control-allow-origin");
    assert_eq!(allowed, Some("https://app.example"));
    let headers = answer
        .header("access-control-allow-headers")
        .unwrap_or_default();
    assert!(
        headers.to_lowercase().contains("authorization"),
        "{headers}"
    );
    assert_eq!(upstream.count(), 0, "a preflight reaches no handler");
    let call = gateway
        .chat(chat::ask("m"))
        .header("origin", "https://app.example");
    let answer = call
        .header("authorization", "Bearer client-key")
        .send()
        .await;
    let answer = answer.expect_status(200);
    let allowed = answer.header("access-control-allow-origin");
    assert_eq!(allowed, Some("https://app.example"));
    assert!(
        answer
            .header("vary")
            .is_some_and(|v| v.to_lowercase().contains("origin"))
    );
    let other = preflight(&gateway, "https://other.example").await;
    assert_eq!(other.header("access-control-allow-origin"), None);
}

#[tokio::test]
async fn a_request_id_is_kept_if_it_is_decent_and_made_if_not() {
    let (gateway, _upstream) = plain().await;
    let kept = with_header(&gateway, "x-request-id", "my-id-1").await;
    assert_eq!(kept.header("x-request-id"), Some("my-id-1"));
    let too_long = "x".repeat(129);
    for bad in [too_long.as_str(), "a b", "h\u{e9}", ""] {
        let answer = with_header(&gateway, "x-request-id", bad)
            .await
            .expect_status(200);
        let made = answer.header("x-request-id").expect("a request id");
        assert!(made != bad && !made.is_empty(), "{made}");
    }
    let first = gateway.ask().await;
    let second = gateway.ask().await;
    assert_ne!(first.header("x-request-id"), second.header("x-request-id"));
}

#[tokio::test]
async fn a_request_that_comes_round_again_is_refused() {
    let upstream = good().await;
    let gateway = Config::over([&upstream]).start().await;
    gateway.ask().await.expect_status(200);
    let request = upstream.only_request();
    let via = request.header("x-autogw-via").expect("the gateway's mark");
    with_header(&gateway, "x-autogw-via", via)
        .await
        .expect_status(508);
    with_header(&gateway, "x-autogw-via", "another")
        .await
        .expect_status(200);
}

#[tokio::test]
async fn unknown_paths_and_wrong_methods_are_told_in_the_dialect() {
    let (gateway, _upstream) = plain().await;
    let client = gateway.client();
    for target in [
        "/",
        "/v1/nothing",
        "/v1/../health",
        "/%2e%2e/health",
        "//v1/models",
    ] {
        let answer = client.get(target).send().await.expect_status(404);
        assert_eq!(answer.error("type"), "invalid_request_error", "{target}");
    }
    let answer = client
        .get("/v1/chat/completions")
        .send()
        .await
        .expect_status(405);
    assert_eq!(answer.error("type"), "invalid_request_error");
    assert_eq!(answer.header("allow"), Some("POST"));
    client.post("/health", "{}").send().await.expect_status(405);
}
