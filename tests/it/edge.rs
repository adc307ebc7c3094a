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

#[tokio::test]
async fn a_model_is_told_as_it_is_listed_and_an_unknown_one_with_names_like_it() {
    let upstream = good().await;
    let config = Config::new()
        .provider("a", &upstream, json!({"models": ["gpt-4o", "gpt-4o-mini"]}))
        .set(
            "routes",
            json!([{"name": "smart", "steps": [{"provider": "a", "model": "gpt-4o"}]}]),
        );
    let gateway = config.start().await;
    let list = gateway.get("/v1/models").await;
    for entry in list["data"].as_array().expect("a list") {
        let id = entry["id"].as_str().expect("a name");
        assert_eq!(gateway.get(&format!("/v1/models/{id}")).await, *entry);
    }
    assert_eq!(gateway.get("/v1/models/smart").await["owned_by"], "autogw");
    let call = gateway.client().get("/v1/models/gpt-4o-mino");
    let answer = call.send().await.expect_status(404);
    assert_eq!(answer.error("code"), "model_not_found");
    let message = answer.error("message");
    assert!(message.contains("gpt-4o-mini"), "{message}");
}

#[tokio::test]
async fn paths_that_are_no_text_or_of_another_dialect_are_told_in_theirs() {
    let (gateway, _upstream) = plain().await;
    let client = gateway.client();
    let answer = client.get("/v1/models/%ff").send().await.expect_status(400);
    assert_eq!(answer.error("type"), "invalid_request_error");
    let call = client.post("/v1/models/nobodys:generateContent", "{}");
    let answer = call.send().await.expect_status(404);
    assert_eq!(answer.error("status"), "NOT_FOUND");
    let message = answer.error("message");
    assert!(message.contains("`nobodys`"), "{message}");
    client
        .post("/v1/models/m", "{}")
        .send()
        .await
        .expect_status(405);
}

#[tokio::test]
async fn an_error_names_who_was_asked_last() {
    let upstream = Upstream::always(Reply::json(400, "{}")).await;
    let gateway = Config::over([&upstream]).start().await;
    let answer = gateway.ask().await.expect_status(400);
    assert_eq!(answer.provider(), "a");
    assert_eq!(answer.header("x-autogw-model"), Some("m"));
}

#[tokio::test]
async fn an_allowed_page_may_send_whatever_its_sdk_adds() {
    let upstream = good().await;
    let config = Config::over([&upstream]).server("cors", json!(["https://app.example"]));
    let gateway = config.start().await;
    let ask = async |headers: &str| {
        let call = gateway.client().call("OPTIONS", "/v1/chat/completions");
        let call = call
            .header("origin", "https://app.example")
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", headers);
        call.send().await.expect_status(204)
    };
    let asked = "authorization, content-type, x-stainless-arch, x-stainless-os";
    let answer = ask(asked).await;
    assert_eq!(answer.header("access-control-allow-headers"), Some(asked));
    let vary: Vec<_> = answer
        .headers
        .iter()
        .filter(|(name, _)| name.eq_ignore_ascii_case("vary"))
        .map(|(_, value)| value.as_str())
        .collect();
    assert_eq!(vary, ["access-control-request-headers", "origin"]);
    for bad in ["a b", "x;y", &"x,".repeat(2000)] {
        let answer = ask(bad).await;
        assert_eq!(answer.header("access-control-allow-headers"), None, "{bad}");
    }
}

#[tokio::test]
async fn refusals_can_be_read_by_allowed_pages_only() {
    let upstream = Upstream::always(Reply::json(403, "{}")).await;
    let config = Config::over([&upstream]).server("cors", json!(["https://app.example"]));
    let gateway = config.start().await;
    let ask = async |origin: &str, host: &str| {
        let call = gateway.chat(chat::ask("m")).header("origin", origin);
        call.header("host", host).send().await
    };
    let allowed = ask("https://app.example", "localhost").await;
    let origin = allowed.header("access-control-allow-origin");
    assert_eq!((upstream.count(), origin), (1, Some("https://app.example")));
    for (host, status) in [("localhost", 403), ("evil.example", 421)] {
        let foreign = ask("https://evil.example", host)
            .await
            .expect_status(status);
        assert_eq!(foreign.header("access-control-allow-origin"), None);
    }
}

#[tokio::test]
async fn a_gateway_is_not_ready_while_every_key_rests() {
    let refusing = Upstream::always(Reply::json(401, "{}")).await;
    let gateway = Config::over([&refusing]).real_rests().start().await;
    assert_eq!(gateway.get("/ready").await["status"], "ready");
    gateway.ask().await;
    let ready = gateway.client().get("/ready").send().await;
    assert_eq!(ready.expect_status(503).json()["status"], "no target");
}

#[tokio::test]
async fn one_key_that_works_is_enough_to_be_ready() {
    let upstream =
        Upstream::script([Reply::json(401, "{}"), Reply::json(200, chat::answer("A"))]).await;
    let keys = json!({"api_key": ["key-1", "key-2"]});
    let config = Config::new().provider("a", &upstream, keys);
    let gateway = config.real_rests().start().await;
    gateway.ask().await.expect_status(200);
    assert_eq!(gateway.get("/ready").await["status"], "ready");
}
