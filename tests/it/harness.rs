//! The harness itself: a script plays what it says, and what it saw is what was sent.

use std::time::Duration;

use crate::support::client::Endpoint;
use crate::support::{A_SECOND, Client, Gate, Reply, Upstream, chat, within};

fn client_of(upstream: &Upstream) -> Client {
    let url = upstream.base_url();
    let address = url.trim_start_matches("http://").trim_end_matches("/v1");
    Client::new(Endpoint::Tcp(address.parse().expect("an address")))
}

#[tokio::test]
async fn replies_play_in_order_and_the_last_one_repeats() {
    let upstream = Upstream::script([Reply::json(500, "1"), Reply::json(200, "2")]).await;
    let client = client_of(&upstream);
    let mut statuses = Vec::new();
    for _ in 0..3 {
        statuses.push(client.get("/x").send().await.status);
    }
    assert_eq!(statuses, [500, 200, 200]);
}

#[tokio::test]
async fn requests_are_recorded_as_they_came() {
    let upstream = Upstream::always(Reply::json(200, "{}")).await;
    let call = client_of(&upstream).post("/v1/x?y=1", "{\"a\": 1.0e+2}");
    call.header("X-One", "1").send().await;
    let request = upstream.only_request();
    assert_eq!((&*request.method, &*request.target), ("POST", "/v1/x?y=1"));
    assert_eq!(request.body, b"{\"a\": 1.0e+2}");
    assert_eq!(request.header("x-one"), Some("1"));
}

#[tokio::test]
async fn a_cut_body_is_seen_as_incomplete_in_every_framing() {
    let body = chat::wire(&chat::stream(&["one", "two"]));
    for reply in [
        Reply::sse(chat::stream(&["one", "two"])),
        Reply::status(200).bytes(body.clone()),
        Reply::stream().in_pieces(&body, 7),
    ] {
        let whole = Upstream::always(reply.clone()).await;
        let answer = client_of(&whole).get("/").send().await;
        assert!(answer.complete && answer.body == body);
        let cut = Upstream::always(reply.cut_after(40)).await;
        let answer = client_of(&cut).get("/").send().await;
        assert!(!answer.complete && answer.body == body[..40]);
    }
}

#[tokio::test]
async fn resets_refusals_and_silence_look_like_what_they_are() {
    let reset = Upstream::always(Reply::reset()).await;
    assert!(
        client_of(&reset)
            .get("/")
            .wired()
            .await
            .try_answer()
            .await
            .is_none()
    );
    let refusing = Upstream::refusing();
    assert!(client_of(&refusing).try_wire().await.is_err());
    let deaf = Upstream::deaf().await;
    let attempt = client_of(&deaf);
    let waited = tokio::time::timeout(Duration::from_millis(50), attempt.try_wire()).await;
    assert!(waited.is_err(), "a deaf upstream accepts nothing");
}

#[tokio::test]
async fn a_peer_that_leaves_is_noticed() {
    let gate = Gate::new();
    let reply = Reply::stream().event("one").pause_until(&gate).event("two");
    let upstream = Upstream::always(reply).await;
    let mut stream = client_of(&upstream).get("/").open().await;
    assert_eq!(stream.event().await.as_deref(), Some("one"));
    drop(stream);
    within(A_SECOND, "the upstream to notice", upstream.closed()).await;
}

#[tokio::test]
async fn a_gate_holds_back_what_is_behind_it() {
    let gate = Gate::new();
    let reply = Reply::stream().event("one").pause_until(&gate).event("two");
    let upstream = Upstream::always(reply).await;
    let mut stream = client_of(&upstream).get("/").open().await;
    assert_eq!(stream.event().await.as_deref(), Some("one"));
    gate.open();
    assert_eq!(stream.event().await.as_deref(), Some("two"));
    assert_eq!(stream.event().await, None);
}
