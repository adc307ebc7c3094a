//! The edge: who may come in, from where, with how much, and what a hostile client achieves.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::client::Wire;
use crate::support::{Answer, Client, Config, Gateway, Reply, Upstream, chat};

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

#[tokio::test]
async fn guessing_keys_is_slowed_down() {
    let (gateway, _upstream) = locked().await;
    let mut statuses = Vec::new();
    for guess in 0..15 {
        let answer = with_header(&gateway, "x-api-key", &format!("guess-{guess}")).await;
        if answer.status == 429 {
            assert!(
                answer.header("retry-after").is_some(),
                "{:?}",
                answer.headers
            );
        }
        statuses.push(answer.status);
    }
    assert_eq!(statuses[0], 401);
    assert_eq!(statuses[14], 429, "{statuses:?}");
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
async fn a_body_over_the_limit_is_a_413_however_it_is_framed() {
    let (gateway, upstream) = plain().await;
    let announced = gateway.chat("").header("content-length", "34603008");
    announced.send().await.expect_status(413);
    let chunk = [b"100000\r\n", vec![b' '; 1 << 20].as_slice(), b"\r\n"].concat();
    let call = gateway.chat("").header("transfer-encoding", "chunked");
    let mut wire = call.wired().await;
    for _ in 0..33 {
        wire.write(&chunk).await;
    }
    wire.write(b"0\r\n\r\n").await;
    let answer = wire.answer().await.whole().await.expect_status(413);
    assert_eq!(answer.error("type"), "invalid_request_error");
    assert_eq!(upstream.count(), 0);
}

#[tokio::test]
async fn the_limit_of_a_body_is_configured() {
    let upstream = good().await;
    let config = Config::over([&upstream]).server("max_body", "1KiB");
    let gateway = config.start().await;
    gateway.ask().await.expect_status(200);
    gateway
        .chat("x".repeat(1025))
        .send()
        .await
        .expect_status(413);
}

#[tokio::test]
async fn ten_megabytes_of_nesting_are_a_quick_400() {
    let (gateway, upstream) = plain().await;
    let bombs = [
        "[".repeat(10 << 20),
        "{\"a\":".repeat(2 << 20),
        format!("{{\"model\":\"m\",\"messages\":{}", "[".repeat(10 << 20)),
        format!(
            "{{\"model\":\"m\",\"messages\":{}1{}}}",
            "[".repeat(100_000),
            "]".repeat(100_000)
        ),
    ];
    for bomb in bombs {
        let begun = Instant::now();
        gateway.chat(bomb).send().await.expect_status(400);
        // Mostly the time to move ten megabytes in an unoptimised build.
        assert!(
            begun.elapsed() < Duration::from_secs(3),
            "{:?}",
            begun.elapsed()
        );
    }
    assert_eq!(upstream.count(), 0);
    gateway.ask().await.expect_status(200);
}

#[tokio::test]
async fn text_that_is_not_utf8_is_a_400() {
    let (gateway, upstream) = plain().await;
    let body = b"{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"\xff\"}]}";
    let call = gateway.chat("").body(body.as_slice());
    call.send().await.expect_status(400);
    assert_eq!(upstream.count(), 0);
}

/// Sends `request` as it stands; the status of the answer, or `None` when the gateway just closed.
async fn raw(client: &Client, request: &str) -> Option<u16> {
    let mut wire = client.wire().await;
    wire.write(request.as_bytes()).await;
    wire.finish().await;
    wire.try_answer().await.map(|answer| answer.status)
}

#[tokio::test]
async fn ambiguous_framing_is_refused() {
    let (gateway, upstream) = plain().await;
    let body = chat::ask("m").to_string();
    let head = "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\n";
    let length = body.len();
    for framing in [
        format!(
            "content-length: {length}\r\ncontent-length: {}\r\n",
            length + 1
        ),
        format!("content-length: {length}, {}\r\n", length + 1),
        format!("content-length: +{length}\r\n"),
        "content-length: -1\r\n".to_owned(),
        "transfer-encoding: xchunked\r\n".to_owned(),
        "transfer-encoding: chunked, identity\r\n".to_owned(),
        format!("content-length : {length}\r\n"),
        format!("x: y\r\n continued\r\ncontent-length: {length}\r\n"),
    ] {
        let status = raw(&gateway.client(), &format!("{head}{framing}\r\n{body}")).await;
        let refused = status.is_none_or(|status| (400..500).contains(&status));
        assert!(refused, "{framing}: {status:?}");
    }
    assert_eq!(upstream.count(), 0);
}

#[tokio::test]
async fn a_length_beside_chunks_smuggles_nothing() {
    let (gateway, upstream) = plain().await;
    let body = chat::ask("m").to_string();
    let smuggled = gateway.chat(chat::ask("smuggled")).bytes();
    let head = "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\n";
    let framing = "content-length: 4\r\ntransfer-encoding: chunked\r\n";
    let chunks = format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
    let smuggled = String::from_utf8_lossy(&smuggled);
    let request = format!("{head}{framing}\r\n{chunks}{smuggled}");
    raw(&gateway.client(), &request).await;
    for request in upstream.requests() {
        assert_eq!(request.json(), chat::ask("m"));
    }
}

#[tokio::test]
async fn too_many_or_too_large_headers_are_refused() {
    let (gateway, upstream) = plain().await;
    let head = "GET /health HTTP/1.1\r\nhost: localhost\r\n";
    let many = "x-many: y\r\n".repeat(200);
    let large = format!("x: {}\r\n", "y".repeat(256 << 10));
    for headers in [many, large] {
        let status = raw(&gateway.client(), &format!("{head}{headers}\r\n")).await;
        let refused = status.is_none_or(|status| (400..500).contains(&status));
        assert!(refused, "{status:?}");
    }
    assert_eq!(upstream.count(), 0);
    gateway.ask().await.expect_status(200);
}

#[tokio::test]
async fn line_breaks_in_a_model_name_become_no_header() {
    let upstream = good().await;
    let fields = json!({"models": "*"});
    let gateway = Config::new().provider("a", &upstream, fields).start().await;
    let model = "a/x\r\nset-cookie: canary";
    let answer = gateway.chat(chat::ask(model)).send().await;
    assert_eq!(answer.header("set-cookie"), None);
    let model = "unheard-of\r\nset-cookie: canary";
    let answer = gateway.chat(chat::ask(model)).send().await;
    assert_eq!(answer.header("set-cookie"), None);
}

#[tokio::test]
async fn several_requests_on_one_connection_are_answered_in_order() {
    let (gateway, _upstream) = plain().await;
    let call = gateway.chat(chat::ask("m"));
    let mut wire: Wire = gateway.client().wire().await;
    for _ in 0..3 {
        wire.write(&call.bytes()).await;
        let mut answer = wire.answer().await;
        assert_eq!(answer.status, 200);
        answer.drain().await;
        wire = answer.into_wire();
    }
}

#[tokio::test]
async fn a_client_that_waits_to_be_asked_for_its_body_is_asked() {
    let (gateway, _upstream) = plain().await;
    let body = chat::ask("m").to_string();
    let call = gateway.chat("").header("expect", "100-continue");
    let call = call.header("content-length", &body.len().to_string());
    let go_on = call.wired().await.answer().await;
    assert_eq!(go_on.status, 100);
    let mut wire = go_on.into_wire();
    wire.write(body.as_bytes()).await;
    assert_eq!(wire.answer().await.status, 200);
}

#[tokio::test]
async fn a_host_cannot_be_left_out_or_hidden_in_the_target() {
    let (gateway, upstream) = plain().await;
    let client = gateway.client();
    for request in [
        "GET /v1/models HTTP/1.1\r\n\r\n",
        "GET http://evil.example/v1/models HTTP/1.1\r\nhost: localhost\r\n\r\n",
        "GET /v1/models HTTP/1.1\r\nhost: localhost\r\nhost: evil.example\r\n\r\n",
    ] {
        let status = raw(&client, request).await;
        let refused = status.is_none_or(|status| (400..500).contains(&status));
        assert!(refused, "{request}: {status:?}");
    }
    assert_eq!(upstream.count(), 0);
}
