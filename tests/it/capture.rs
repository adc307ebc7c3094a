//! `router.capture`: what is kept of requests and answers for the inspector, and what never is.

use autogw::telemetry::snapshot::Captured;
use serde_json::{Value, json};

use crate::support::{Answer, Config, Gate, Gateway, Reply, Upstream, chat, patiently};

async fn capturing(upstream: &Upstream, settings: Value) -> Gateway {
    let config = Config::over([upstream]).router("capture", settings);
    config.start().await
}

async fn ask(gateway: &Gateway, id: &str, request: Value) -> Answer {
    let call = gateway.chat(request).header("x-request-id", id);
    call.send().await
}

fn captured(gateway: &Gateway, id: &str) -> Captured {
    let captured = gateway.captured(id);
    captured.unwrap_or_else(|| panic!("{id} is not kept"))
}

fn header<'a>(lines: &'a [(String, String)], name: &str) -> Option<&'a str> {
    let line = lines.iter().find(|line| line.0 == name);
    line.map(|line| line.1.as_str())
}

#[tokio::test]
async fn it_is_off_by_default() {
    let upstream = Upstream::always(Reply::json(200, chat::answer("A"))).await;
    let gateway = Config::over([&upstream]).start().await;
    ask(&gateway, "r", chat::ask("m")).await.expect_status(200);
    assert_eq!(gateway.captured("r"), None);
}

#[tokio::test]
async fn request_and_answer_are_kept_without_secrets() {
    // The provider quotes its key, as some do.
    let upstream = Upstream::always(Reply::json(200, chat::answer("you sent key-a, I know"))).await;
    let config = Config::over([&upstream])
        .router("capture", json!({}))
        .server("api_key", "agw-canary-of-the-client");
    let gateway = config.start().await;
    let mut request = chat::ask("m");
    request["messages"][0]["content"] =
        json!("mine is agw-canary-of-the-client and sk-proj-canary12345");
    let call = gateway.chat(request).header("x-request-id", "r");
    let call = call.header("authorization", "Bearer agw-canary-of-the-client");
    let call = call.header("x-team", "blue");
    call.send().await.expect_status(200);
    let kept = captured(&gateway, "r");
    assert_eq!(header(&kept.request_headers, "authorization"), Some(""));
    assert_eq!(header(&kept.request_headers, "x-team"), Some("blue"));
    assert!(kept.request.contains("mine is [redacted]"), "{kept:?}");
    assert_eq!(header(&kept.answer_headers, "x-autogw-provider"), Some("a"));
    assert!(
        kept.answer.contains("you sent [redacted], I know"),
        "{kept:?}"
    );
    let all = format!("{kept:?}");
    assert!(!all.contains("canary") && !all.contains("key-a"), "{all}");
}

#[tokio::test]
async fn a_stream_is_seen_while_it_is_generated() {
    let gate = Gate::new();
    let reply = Reply::stream()
        .event(&chat::token("Hel"))
        .event(&chat::token("lo"))
        .pause_until(&gate)
        .event(&chat::token(", world"))
        .event(&chat::finish())
        .event("[DONE]");
    let upstream = Upstream::always(reply).await;
    let gateway = capturing(&upstream, json!({})).await;
    let call = gateway.chat(chat::ask_stream("m"));
    let mut stream = call.header("x-request-id", "r").open().await;
    for token in ["Hel", "lo"] {
        assert_eq!(stream.event().await, Some(chat::token(token)));
    }
    assert_eq!(captured(&gateway, "r").answer, "Hello");
    gate.open();
    stream.drain().await;
    assert_eq!(captured(&gateway, "r").answer, "Hello, world");
}

#[tokio::test]
async fn what_a_client_that_left_was_told_is_kept() {
    let gate = Gate::new();
    let reply = Reply::stream()
        .event(&chat::token("A"))
        .pause_until(&gate)
        .event("never");
    let upstream = Upstream::always(reply).await;
    let gateway = capturing(&upstream, json!({})).await;
    let call = gateway.chat(chat::ask_stream("m"));
    let mut stream = call.header("x-request-id", "r").open().await;
    assert_eq!(stream.event().await, Some(chat::token("A")));
    drop(stream);
    patiently("the upstream to be left", upstream.closed()).await;
    assert_eq!(captured(&gateway, "r").answer, "A");
}

#[tokio::test]
async fn an_error_is_kept_too() {
    let upstream = Upstream::always(Reply::json(400, chat::error("too odd", "bad", None))).await;
    let gateway = capturing(&upstream, json!({})).await;
    ask(&gateway, "r", chat::ask("m")).await.expect_status(400);
    let kept = captured(&gateway, "r");
    assert!(kept.answer.contains("too odd"), "{kept:?}");
}

#[tokio::test]
async fn long_texts_are_cut_and_old_requests_make_room() {
    let long = "long ".repeat(10_000);
    let upstream = Upstream::always(Reply::json(200, chat::answer(&long))).await;
    let gateway = capturing(&upstream, json!({"max_bytes": "40KiB", "entries": 3})).await;
    let mut request = chat::ask("m");
    request["messages"][0]["content"] = json!(long);
    for number in 0..8 {
        let answer = ask(&gateway, &format!("r-{number}"), request.clone()).await;
        // The client gets all of it.
        assert!(answer.expect_status(200).text().contains(&long));
    }
    let kept = captured(&gateway, "r-7");
    assert!(kept.request_is_cut && kept.answer_is_cut);
    for text in [&kept.request, &kept.answer] {
        assert!((5 << 10..=10 << 10).contains(&text.len()), "{}", text.len());
    }
    assert_eq!(gateway.captured("r-0"), None);
}
