//! `router.limits`: how much the whole gateway holds at once, and what becomes of those who find it full.

use std::time::{Duration, Instant};

use autogw::server::Limits;
use serde_json::json;

use crate::support::client::{Call, Opened, Wire};
use crate::support::talk::TALKS;
use crate::support::{
    A_SECOND, Answer, Config, Gate, Gateway, Reply, Upstream, chat, patiently, within,
};

/// A stream that says a word and then waits for the gate, and whole answers at once.
async fn upstream(gate: &Gate) -> Upstream {
    let gate = gate.clone();
    Upstream::answering(move |request, _| match request.json()["stream"].as_bool() {
        Some(true) => Reply::stream()
            .event(&chat::role())
            .event(&chat::token("A"))
            .pause_until(&gate)
            .event(&chat::finish())
            .event(chat::DONE),
        _ => Reply::json(200, chat::answer("A")),
    })
    .await
}

fn limited(upstream: &Upstream, limits: serde_json::Value) -> Config {
    Config::over([upstream]).router("limits", limits)
}

/// A stream that has begun and stays open.
async fn stream(gateway: &Gateway) -> Opened {
    let mut stream = gateway.chat(chat::ask_stream("m")).open().await;
    assert_eq!(stream.status, 200);
    stream.event().await.expect("its beginning");
    stream
}

/// Asks until that is answered with `status`.
async fn becomes(status: u16, call: &Call) -> Answer {
    let asked = async {
        loop {
            let answer = call.clone().send().await;
            if answer.status == status {
                return answer;
            }
        }
    };
    patiently(&format!("a {status}"), asked).await
}

/// A chat request of `size` bytes, of which `sent` are sent.
async fn part(gateway: &Gateway, size: usize, sent: usize) -> (Wire, Vec<u8>) {
    let mut body = chat::ask("m").to_string().into_bytes();
    body.resize(size, b' ');
    let rest = body.split_off(sent);
    let call = gateway.chat("").header("content-length", &size.to_string());
    (call.body(body).wired().await, rest)
}

#[tokio::test]
async fn a_full_house_says_so_in_every_dialect_until_somebody_leaves() {
    let gate = Gate::new();
    let upstream = upstream(&gate).await;
    let gateway = limited(&upstream, json!({"in_flight": 2})).start().await;
    let mut streams = [stream(&gateway).await, stream(&gateway).await];
    for talk in TALKS {
        for streamed in [false, true] {
            let answer = talk.ask(&gateway.client(), streamed).send().await;
            let status = if talk.name() == "anthropic" { 529 } else { 503 };
            let answer = answer.expect_status(status);
            assert_eq!(answer.header("retry-after"), Some("1"), "{}", talk.name());
            assert!(talk.error(&answer).contains("limit"), "{}", answer.text());
        }
    }
    assert_eq!(upstream.count(), 2, "nobody was asked");
    gate.open();
    for stream in &mut streams {
        stream.drain().await;
        gateway.ask().await.expect_status(200);
    }
}

#[tokio::test]
async fn pages_and_signs_of_life_are_never_refused() {
    let gate = Gate::new();
    let upstream = upstream(&gate).await;
    let gateway = limited(&upstream, json!({"in_flight": 1})).start().await;
    let _stream = stream(&gateway).await;
    gateway.ask().await.expect_status(503);
    for page in ["/health", "/live", "/ready", "/v1/models"] {
        gateway.client().get(page).send().await.expect_status(200);
    }
}

#[tokio::test]
async fn whoever_leaves_makes_room() {
    let gate = Gate::new();
    let upstream = upstream(&gate).await;
    let gateway = limited(&upstream, json!({"in_flight": 1})).start().await;
    for _ in 0..3 {
        let stream = stream(&gateway).await;
        gateway.ask().await.expect_status(503);
        drop(stream);
        becomes(200, &gateway.chat(chat::ask("m"))).await;
    }
}

#[tokio::test]
async fn counts_are_right_whatever_became_of_the_requests() {
    let gate = Gate::new();
    let upstream = upstream(&gate).await;
    let limits = json!({"in_flight": 3, "buffered_bytes": 600});
    let gateway = limited(&upstream, limits).start().await;
    for _ in 0..10 {
        let left = part(&gateway, 300, 100).await;
        let gone = gateway.chat(chat::ask("m")).wired().await;
        let bad = gateway.chat("{").send().await.status;
        assert!(matches!(bad, 400 | 503), "{bad}");
        let ended = gateway.chat(chat::ask_stream("m")).open().await;
        drop((left, gone, ended));
    }
    // All of both is there again.
    let full = gateway.chat(format!("{:<600}", chat::ask("m").to_string()));
    becomes(200, &full).await;
    let mut streams = Vec::new();
    while streams.len() < 3 {
        let mut stream = gateway.chat(chat::ask_stream("m")).open().await;
        if stream.status == 200 && stream.event().await.is_some() {
            streams.push(stream);
        }
    }
    gateway.ask().await.expect_status(503);
}

#[tokio::test]
async fn a_refusal_comes_at_once_and_the_connection_lives_on() {
    let gate = Gate::new();
    let upstream = upstream(&gate).await;
    let gateway = limited(&upstream, json!({"in_flight": 1})).start().await;
    let _stream = stream(&gateway).await;
    // Most of the body never comes before the answer.
    let (wire, rest) = part(&gateway, 300_000, 1000).await;
    let mut refused = within(A_SECOND, "the refusal", wire.answer()).await;
    assert_eq!(refused.status, 503);
    refused.drain().await;
    let mut wire = refused.into_wire();
    wire.write(&rest).await;
    wire.write(&gateway.chat(chat::ask("m")).bytes()).await;
    assert_eq!(wire.answer().await.status, 503, "read as a request");

    let refusals = async {
        let mut fastest = Duration::MAX;
        for _ in 0..50 {
            let wire = gateway.client().wire().await;
            let mut wire = wire;
            let bytes = gateway.chat(chat::ask("m")).bytes();
            let began = Instant::now();
            wire.write(&bytes).await;
            assert_eq!(wire.answer().await.status, 503);
            fastest = fastest.min(began.elapsed());
        }
        fastest
    };
    let fastest = refusals.await;
    assert!(fastest < Duration::from_millis(5), "{fastest:?}");
}

#[tokio::test]
async fn announced_bytes_count_before_they_come_and_until_the_request_is_over() {
    let upstream = upstream(&Gate::new()).await;
    let limits = json!({"buffered_bytes": 1000});
    let gateway = limited(&upstream, limits).start().await;
    let small = gateway.chat(format!("{:<200}", chat::ask("m").to_string()));
    let (mut wire, rest) = part(&gateway, 900, 100).await;
    becomes(503, &small).await;
    gateway.ask().await.expect_status(200);
    wire.write(&rest).await;
    let mut answered = wire.answer().await;
    assert_eq!(answered.status, 200);
    answered.drain().await;
    small.send().await.expect_status(200);
}

#[tokio::test]
async fn unannounced_bytes_count_as_they_come_and_go_with_their_client() {
    let upstream = upstream(&Gate::new()).await;
    let limits = json!({"buffered_bytes": 1000});
    let gateway = limited(&upstream, limits).start().await;
    let small = gateway.chat(format!("{:<200}", chat::ask("m").to_string()));
    let chunked = || gateway.chat("").header("transfer-encoding", "chunked");
    let piece = |size: usize| format!("{size:x}\r\n{}\r\n", " ".repeat(size));
    let wire = chunked().body(piece(900)).wired().await;
    becomes(503, &small).await;
    drop(wire);
    becomes(200, &small).await;
    let both = chunked().body([piece(900), piece(900)].concat());
    let refused = both.send().await.expect_status(413);
    assert!(
        refused.text().contains("router.limits"),
        "{}",
        refused.text()
    );
    small.send().await.expect_status(200);
}

#[tokio::test]
async fn half_a_body_holds_its_room_no_longer_than_its_pace_allows() {
    let upstream = upstream(&Gate::new()).await;
    let limits = Limits {
        body: Duration::from_millis(500),
        ..Limits::default()
    };
    let config = limited(&upstream, json!({"buffered_bytes": 1000})).text();
    let gateway = Gateway::start_with(&config, limits).await;
    let small = gateway.chat(format!("{:<200}", chat::ask("m").to_string()));
    let (wire, _) = part(&gateway, 900, 100).await;
    becomes(503, &small).await;
    assert_eq!(wire.answer().await.status, 408);
    small.send().await.expect_status(200);
}

#[tokio::test]
async fn a_body_that_can_never_be_held_is_too_large() {
    let upstream = upstream(&Gate::new()).await;
    let limits = json!({"buffered_bytes": 1000, "wait": "1h"});
    let gateway = limited(&upstream, limits).start().await;
    let call = gateway.chat(format!("{:<1001}", chat::ask("m").to_string()));
    let refused = call.send().await.expect_status(413);
    assert_eq!(refused.error("code"), "request_too_large");
}

#[tokio::test]
async fn who_may_wait_is_let_in_as_soon_as_there_is_room() {
    let gate = Gate::new();
    let upstream = upstream(&gate).await;
    let limits = json!({"in_flight": 1, "wait": "10m"});
    let gateway = limited(&upstream, limits).start().await;
    let mut first = stream(&gateway).await;
    let waiting: Vec<Wire> = [
        gateway.chat(chat::ask("m")).wired().await,
        gateway.chat(chat::ask("m")).wired().await,
        gateway.chat(chat::ask("m")).wired().await,
    ]
    .into();
    gate.open();
    first.drain().await;
    for wire in waiting {
        let mut answer = wire.answer().await;
        assert_eq!(answer.status, 200);
        answer.drain().await;
    }
}

#[tokio::test]
async fn who_waits_in_vain_is_refused_after_that_time() {
    let gate = Gate::new();
    let upstream = upstream(&gate).await;
    let limits = json!({"in_flight": 1, "wait": "300ms"});
    let gateway = limited(&upstream, limits).start().await;
    let _stream = stream(&gateway).await;
    let began = Instant::now();
    gateway.ask().await.expect_status(503);
    assert!(began.elapsed() >= Duration::from_millis(300));
    assert_eq!(upstream.count(), 1);
}
