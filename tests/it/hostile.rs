//! Hostile and clumsy clients: bodies too large or too deep, framing that can be read in two ways,
//! headers that try to become others.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::client::Wire;
use crate::support::{Binary, Client, Config, Gateway, Reply, Upstream, chat};

async fn good() -> Upstream {
    Upstream::always(Reply::json(200, chat::answer("A"))).await
}

async fn plain() -> (Gateway, Upstream) {
    let upstream = good().await;
    let gateway = Config::over([&upstream]).start().await;
    (gateway, upstream)
}

#[tokio::test]
async fn a_body_over_the_limit_is_a_413_however_it_is_framed() {
    let (gateway, upstream) = plain().await;
    let announced = gateway.chat("").header("content-length", "34603008");
    announced.send().await.expect_status(413);
    // A client that sends all of it all the same reads the answer, not a reset.
    let call = gateway.chat("").header("content-length", "34603008");
    let mut wire = call.wired().await;
    for _ in 0..33 {
        wire.write(&vec![b' '; 1 << 20]).await;
    }
    wire.answer().await.whole().await.expect_status(413);
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
        "transfer-encoding: gzip, chunked\r\n".to_owned(),
        "transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n".to_owned(),
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
    let mut wire = gateway.client().wire().await;
    wire.write(request.as_bytes()).await;
    let mut answer = wire.answer().await;
    answer.drain().await;
    answer.into_wire().ended().await;
    assert_eq!(upstream.only_request().json(), chat::ask("m"));
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
        "GET http://localhost/v1/models HTTP/1.1\r\nhost: localhost:1\r\n\r\n",
        "GET /v1/models HTTP/1.1\r\nhost: localhost\r\nhost: evil.example\r\n\r\n",
        "GET /v1/models HTTP/1.1\r\nhost: localhost\r\nhost: localhost\r\n\r\n",
        "GET /v1/models HTTP/1.1\r\nhost: [::1]evil\r\n\r\n",
    ] {
        let status = raw(&client, request).await;
        let refused = status.is_none_or(|status| (400..500).contains(&status));
        assert!(refused, "{request}: {status:?}");
    }
    assert_eq!(upstream.count(), 0);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_crash_would_leave_no_dump_with_keys_in_it() {
    let upstream = good().await;
    let (binary, _client) = Binary::start(&Config::over([&upstream]).text()).await;
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", binary.id()));
    let limits = limits.expect("limits of a running process");
    let core = limits
        .lines()
        .find(|line| line.starts_with("Max core file"));
    let columns: Vec<_> = core.into_iter().flat_map(str::split_whitespace).collect();
    assert_eq!(columns[4..6], ["0", "0"], "{columns:?}");
}
