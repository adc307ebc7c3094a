//! `Idempotency-Key`: what was answered is not executed again, and what failed may be.

use serde_json::json;

use crate::support::client::Call;
use crate::support::talk::{TALKS, TO_ANTHROPIC};
use crate::support::{Answer, Client, Config, Gate, Gateway, Reply, Upstream, chat, patiently};

async fn over(replies: impl IntoIterator<Item = Reply>) -> (Gateway, Upstream) {
    let upstream = Upstream::script(replies).await;
    (Config::over([&upstream]).start().await, upstream)
}

fn answered() -> Reply {
    Reply::json(200, chat::answer("A"))
}

fn keyed(client: &Client, key: &str) -> Call {
    client.chat(chat::ask("m")).header("idempotency-key", key)
}

fn streamed(client: &Client, key: &str) -> Call {
    let call = client.chat(chat::ask_stream("m"));
    call.header("idempotency-key", key)
}

#[track_caller]
fn assert_refused(answer: Answer, status: u16, code: &str) -> Answer {
    let answer = answer.expect_status(status);
    assert_eq!(answer.error("code"), code, "{}", answer.text());
    assert_eq!(answer.header("x-should-retry"), Some("false"));
    answer
}

#[tokio::test]
async fn what_was_answered_is_not_executed_again() {
    let (gateway, upstream) = over([answered()]).await;
    let first = keyed(&gateway.client(), "k-1").header("x-request-id", "first-of-all");
    first.send().await.expect_status(200);
    for _ in 0..2 {
        let again = keyed(&gateway.client(), "k-1").send().await;
        let again = assert_refused(again, 409, "already_executed");
        assert!(again.error("message").contains("first-of-all"));
    }
    assert_eq!(upstream.count(), 1);
    keyed(&gateway.client(), "k-2")
        .send()
        .await
        .expect_status(200);
    gateway.ask().await.expect_status(200);
    gateway.ask().await.expect_status(200);
    assert_eq!(upstream.count(), 4, "other keys and none are free");
}

#[tokio::test]
async fn what_is_under_way_is_not_executed_beside_itself() {
    let gate = Gate::new();
    let (gateway, upstream) = over([answered().behind(&gate)]).await;
    let wire = keyed(&gateway.client(), "k").wired().await;
    upstream.request(0).await;
    let beside = keyed(&gateway.client(), "k").send().await;
    assert_refused(beside, 409, "idempotency_in_progress");
    gate.open();
    assert_eq!(wire.answer().await.status, 200);
    assert_eq!(upstream.count(), 1);
}

#[tokio::test]
async fn a_key_stands_for_one_body() {
    let gate = Gate::new();
    let (gateway, upstream) = over([answered().behind(&gate)]).await;
    let wire = keyed(&gateway.client(), "k").wired().await;
    upstream.request(0).await;
    let other = || streamed(&gateway.client(), "k").send();
    assert_refused(other().await, 422, "idempotency_key_reused");
    gate.open();
    assert_eq!(wire.answer().await.status, 200);
    assert_refused(other().await, 422, "idempotency_key_reused");
    assert_eq!(upstream.count(), 1);
}

#[tokio::test]
async fn what_failed_may_be_tried_again_under_its_key() {
    let error = chat::error("no", "server_error", None);
    let refusal = chat::error("bad", "invalid_request_error", None);
    let replies = [
        Reply::json(500, error),
        Reply::json(400, refusal),
        answered(),
    ];
    let (gateway, upstream) = over(replies).await;
    for status in [502, 400, 200, 409] {
        let answer = keyed(&gateway.client(), "k").send().await;
        answer.expect_status(status);
    }
    assert_eq!(upstream.count(), 3);
    let bad = gateway.chat("{").header("idempotency-key", "l");
    bad.send().await.expect_status(400);
    keyed(&gateway.client(), "l")
        .send()
        .await
        .expect_status(200);
}

#[tokio::test]
async fn a_client_that_left_may_come_again_with_its_key() {
    let gate = Gate::new();
    let begun = Reply::stream()
        .event(&chat::token("A"))
        .pause_until(&gate)
        .event("never");
    let (gateway, upstream) = over([Reply::silence(), answered(), begun, answered()]).await;
    let comes_again = |call: Call| async move {
        // The gateway has to notice first.
        let noticed = async { while call.clone().send().await.status == 409 {} };
        patiently("the key to be free", noticed).await;
    };
    let wire = keyed(&gateway.client(), "k").wired().await;
    upstream.request(0).await;
    drop(wire);
    comes_again(keyed(&gateway.client(), "k")).await;
    assert_eq!(upstream.count(), 2);
    let mut stream = streamed(&gateway.client(), "l").open().await;
    stream.event().await.expect("its beginning");
    drop(stream);
    comes_again(streamed(&gateway.client(), "l")).await;
    assert_eq!(upstream.count(), 4);
}

#[tokio::test]
async fn a_stream_was_executed_however_it_ended() {
    let events = chat::stream(&["A"]);
    let broken = Reply::sse(&events).cut_after(chat::wire(&events[..2]).len());
    let (gateway, upstream) = over([Reply::sse(&events), broken]).await;
    for key in ["k", "l"] {
        streamed(&gateway.client(), key)
            .send()
            .await
            .expect_status(200);
        let again = streamed(&gateway.client(), key).send().await;
        assert_refused(again, 409, "already_executed");
    }
    assert_eq!(upstream.count(), 2);
}

#[tokio::test]
async fn a_key_belongs_to_its_client_and_its_endpoint() {
    let upstream = Upstream::always(answered()).await;
    let config =
        Config::over([&upstream]).server("api_key", json!(["client-key-1", "client-key-2"]));
    let gateway = config.start().await;
    let client = |key: &str| gateway.client().with("x-api-key", key);
    let [one, two] = [client("client-key-1"), client("client-key-2")];
    keyed(&one, "k").send().await.expect_status(200);
    keyed(&two, "k").send().await.expect_status(200);
    keyed(&one, "k").send().await.expect_status(409);
    let elsewhere = one.post(
        "/v1/messages",
        json!({"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "x"}]}),
    );
    let elsewhere = elsewhere.header("idempotency-key", "k").send().await;
    elsewhere.expect_status(200);
}

#[tokio::test]
async fn a_key_is_visible_ascii_and_not_too_long() {
    let (gateway, upstream) = over([answered()]).await;
    for key in ["", "two words", "schl\u{fc}ssel", &"x".repeat(256)] {
        let answer = keyed(&gateway.client(), key)
            .send()
            .await
            .expect_status(400);
        assert!(
            answer.text().contains("idempotency-key"),
            "{}",
            answer.text()
        );
    }
    assert_eq!(upstream.count(), 0);
    let longest = "x".repeat(255);
    keyed(&gateway.client(), &longest)
        .send()
        .await
        .expect_status(200);
}

#[tokio::test]
async fn keys_are_honoured_in_every_dialect_and_never_sent_on() {
    for talk in TALKS {
        for is_stream in [false, true] {
            let upstream = talk.upstream().await;
            let gateway = talk.over(&upstream).start().await;
            let call = talk
                .ask(&gateway.client(), is_stream)
                .header("idempotency-key", "canary-key");
            call.clone().send().await.expect_status(200);
            let again = call.send().await.expect_status(409);
            assert!(
                talk.error(&again).contains("answered as"),
                "{}",
                again.text()
            );
            assert_unsent(&upstream);
        }
    }
    let upstream = TO_ANTHROPIC.upstream().await;
    let gateway = TO_ANTHROPIC.over(&upstream).start().await;
    keyed(&gateway.client(), "canary-key")
        .send()
        .await
        .expect_status(200);
    assert_unsent(&upstream);
}

fn assert_unsent(upstream: &Upstream) {
    let request = upstream.only_request();
    for (name, value) in &request.headers {
        assert!(
            name != "idempotency-key" && !value.contains("canary-key"),
            "{name}"
        );
    }
    assert!(!request.text().contains("canary-key"));
}

#[tokio::test]
async fn what_costs_nothing_to_repeat_is_repeated() {
    let vectors = json!({"object": "list", "model": "m", "data": [{"object": "embedding", "index": 0, "embedding": [0.5]}]});
    let (gateway, upstream) = over([Reply::json(200, vectors)]).await;
    for _ in 0..2 {
        let call = gateway
            .client()
            .post("/v1/embeddings", json!({"model": "m", "input": "x"}));
        call.header("idempotency-key", "k")
            .send()
            .await
            .expect_status(200);
    }
    assert_eq!(upstream.count(), 2);
}
