//! What comes through the door: whole, at once, event by event, and no longer than somebody waits for it.

use serde_json::json;

use super::{Start, public};
use crate::support::{A_SECOND, Gate, Reply, Upstream, chat, within};

/// Three mebibytes, which no pipe holds.
const LARGE: usize = 3 << 20;

/// At a time.
const MANY: usize = 50;

#[tokio::test]
async fn a_large_request_arrives_as_it_was_sent() {
    let upstream = Upstream::always(Reply::json(200, chat::answer("A"))).await;
    let (_gateway, run) = Start::over(&upstream).await.up().await;
    let content = "Ä\\n0123456789abc".repeat(LARGE / 16);
    let messages = json!([{"role": "user", "content": content}]);
    let body = json!({"model": "m", "messages": messages}).to_string();
    assert!(body.len() >= LARGE);
    let answer = public(&run).chat(&body).send().await.expect_status(200);
    assert_eq!(answer.json(), chat::answer("A"));
    assert!(upstream.only_request().body == body.as_bytes());
}

#[tokio::test]
async fn a_stream_comes_through_event_by_event() {
    let gate = Gate::new();
    let events = chat::stream(&["one", "two"]);
    let (first, rest) = events.split_at(2);
    let add = |reply: Reply, event: &String| reply.event(event);
    let reply = first.iter().fold(Reply::stream(), add).pause_until(&gate);
    let upstream = Upstream::always(rest.iter().fold(reply, add)).await;
    let (_gateway, run) = Start::over(&upstream).await.up().await;
    let mut stream = public(&run).chat(chat::ask_stream("m")).open().await;
    let mut seen = Vec::new();
    while chat::said(&seen) != "one" {
        seen.push(stream.event().await.expect("an event before the gate"));
    }
    gate.open();
    let rest = stream.whole().await;
    assert_eq!(chat::said(&rest.events()), "two");
    assert!(rest.complete && chat::claims_completion(&rest.events()));
}

#[tokio::test]
async fn many_are_served_at_a_time() {
    let gate = Gate::new();
    let reply = Reply::json(200, chat::answer("A")).behind(&gate);
    let upstream = Upstream::always(reply).await;
    let (_gateway, run) = Start::over(&upstream).await.up().await;
    let mut waiting = Vec::new();
    for _ in 0..MANY {
        waiting.push(public(&run).chat(chat::ask("m")).wired().await);
    }
    upstream.request(MANY - 1).await;
    gate.open();
    for wire in waiting {
        let answer = wire.answer().await.whole().await.expect_status(200);
        assert_eq!(answer.json(), chat::answer("A"));
    }
}

#[tokio::test]
async fn who_leaves_is_not_answered_any_more() {
    let reply = Reply::stream()
        .event(&chat::role())
        .event(&chat::token("one"));
    let upstream = Upstream::always(reply.pause_until(&Gate::new())).await;
    let (_gateway, run) = Start::over(&upstream).await.up().await;
    let mut stream = public(&run).chat(chat::ask_stream("m")).open().await;
    assert_eq!(stream.event().await, Some(chat::role()));
    drop(stream);
    within(A_SECOND, "the end of the upstream", upstream.closed()).await;
}
