//! What bounds a request: attempts, the time of each phase, and the time of all together.
//!
//! The configured times are short and only ever expected to fire; what must not fire is minutes away.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::{Answer, Config, Gateway, Reply, Upstream, chat, within};

/// Far above every configured time here and far below every default one.
const SOON: Duration = Duration::from_secs(4);

async fn b() -> Upstream {
    Upstream::answering(|request, _| match request.json()["stream"].as_bool() {
        Some(true) => Reply::sse(chat::stream(&["B"])),
        _ => Reply::json(200, chat::answer("B")),
    })
    .await
}

async fn soon(answer: impl Future<Output = Answer>) -> Answer {
    let begun = Instant::now();
    let answer = answer.await;
    assert!(begun.elapsed() < SOON, "took {:?}", begun.elapsed());
    answer
}

async fn b_answers(gateway: &Gateway) {
    let answer = soon(gateway.ask()).await.expect_status(200);
    assert_eq!(answer.provider(), "b");
}

async fn b_streams(gateway: &Gateway) {
    let answer = soon(gateway.ask_stream()).await.expect_status(200);
    assert_eq!(answer.provider(), "b");
    assert_eq!(answer.body, chat::wire(&chat::stream(&["B"])));
}

#[tokio::test]
async fn a_host_that_accepts_no_connection_costs_the_connect_time() {
    let a = Upstream::deaf().await;
    let b = b().await;
    let gateway = Config::over([&a, &b])
        .router("timeouts.connect", 0.2)
        .start()
        .await;
    b_answers(&gateway).await;
    b_streams(&gateway).await;
}

#[tokio::test]
async fn a_whole_answer_has_the_response_time() {
    let body = chat::answer("A").to_string();
    for a in [
        Reply::silence(),
        Reply::json(200, &body).hang_after(0),
        Reply::json(200, &body).hang_after(20),
    ] {
        let a = Upstream::always(a).await;
        let b = b().await;
        let config = Config::over([&a, &b]).router("timeouts.response", 0.2);
        b_answers(&config.start().await).await;
        a.closed().await;
    }
}

#[tokio::test]
async fn a_stream_has_the_first_token_time_and_comments_do_not_extend_it() {
    let comments = (0..40).fold(Reply::stream(), |reply, _| {
        reply.bytes(": wait\n\n").delay(Duration::from_millis(100))
    });
    for a in [
        Reply::silence(),
        Reply::sse([chat::role(), chat::token("A")]).hang_after(0),
        Reply::sse([chat::role(), chat::token("A")]).hang_after(chat::role().len() + 8),
        comments,
    ] {
        let a = Upstream::always(a).await;
        let b = b().await;
        let config = Config::over([&a, &b]).router("timeouts.first_token", 0.3);
        b_streams(&config.start().await).await;
        a.closed().await;
    }
}

#[tokio::test]
async fn a_stream_that_stalls_after_tokens_ends_with_an_error() {
    let events = [chat::role(), chat::token("A"), chat::token("never sent")];
    let sent = chat::wire(&events[..2]).len();
    let a = Upstream::always(Reply::sse(&events).hang_after(sent)).await;
    let b = b().await;
    let config = Config::over([&a, &b]).router("timeouts.idle", 0.2);
    let answer = soon(config.start().await.ask_stream())
        .await
        .expect_status(200);
    let events = answer.events();
    assert_eq!(chat::said(&events), "A");
    assert!(events.iter().any(|e| chat::is_error(e)), "{events:?}");
    assert!(!chat::claims_completion(&events), "{events:?}");
    assert_eq!(b.count(), 0, "no second answer after a token");
}

#[tokio::test]
async fn comments_keep_a_committed_stream_alive() {
    let reply = Reply::stream()
        .event(&chat::role())
        .event(&chat::token("A"));
    let reply = (0..10).fold(reply, |reply, _| {
        reply.bytes(": wait\n\n").delay(Duration::from_millis(60))
    });
    let reply = reply.event(&chat::finish()).event(chat::DONE);
    let a = Upstream::always(reply.clone()).await;
    let config = Config::over([&a]).router("timeouts.idle", 0.5);
    let answer = config.start().await.ask_stream().await.expect_status(200);
    assert_eq!(answer.body, reply.body());
}

#[tokio::test]
async fn a_stream_has_a_longest_life() {
    let reply = Reply::stream().event(&chat::role());
    let reply = (0..100).fold(reply, |reply, _| {
        reply
            .event(&chat::token("A"))
            .delay(Duration::from_millis(50))
    });
    let a = Upstream::always(reply).await;
    let config = Config::over([&a]).router("timeouts.stream_total", 0.3);
    let answer = soon(config.start().await.ask_stream())
        .await
        .expect_status(200);
    let events = answer.events();
    assert!(events.iter().any(|e| chat::is_error(e)), "{events:?}");
    assert!(!chat::claims_completion(&events), "{events:?}");
}

#[tokio::test]
async fn a_stream_that_never_pauses_has_a_longest_life_too() {
    let tokens = chat::wire(&[chat::token("A")]).repeat(100);
    let a = Upstream::always(Reply::stream().flood(&tokens)).await;
    let config = Config::over([&a]).router("timeouts.stream_total", 0.3);
    let gateway = config.start().await;
    let answer = within(SOON, "the end of a flood", gateway.ask_stream()).await;
    let tail = &answer.body[answer.body.len() - 1000..];
    let last = chat::events(tail).pop().expect("an event");
    assert!(chat::is_error(&last), "{last}");
}

#[tokio::test]
async fn the_total_time_bounds_all_attempts_together() {
    let a = Upstream::always(Reply::silence()).await;
    let b = Upstream::always(Reply::silence()).await;
    let config = Config::over([&a, &b]).router("timeouts.total", 0.3);
    let gateway = config.start().await;
    soon(gateway.ask()).await.expect_status(504);
    soon(gateway.ask_stream()).await.expect_status(504);
    a.closed().await;
}

#[tokio::test]
async fn a_committed_stream_is_not_bound_by_the_total_time() {
    let reply = Reply::stream()
        .event(&chat::role())
        .event(&chat::token("A"))
        .delay(Duration::from_millis(600))
        .event(&chat::finish())
        .event(chat::DONE);
    let a = Upstream::always(reply.clone()).await;
    let config = Config::over([&a]).router("timeouts.total", 0.3);
    let answer = config.start().await.ask_stream().await.expect_status(200);
    assert_eq!(answer.body, reply.body());
}

#[tokio::test]
async fn a_client_may_ask_for_less_time() {
    let a = Upstream::always(Reply::silence()).await;
    let gateway = Config::over([&a]).start().await;
    let call = gateway
        .chat(chat::ask("m"))
        .header("x-autogw-timeout", "0.3");
    soon(call.send()).await.expect_status(504);
}

#[tokio::test]
async fn a_provider_may_have_times_of_its_own() {
    let a = Upstream::always(Reply::silence()).await;
    let b = b().await;
    let config = Config::new()
        .provider("a", &a, json!({"timeout": 0.2}))
        .provider("b", &b, json!({}));
    let gateway = config.start().await;
    b_answers(&gateway).await;
    b_streams(&gateway).await;
}

#[tokio::test]
async fn no_more_attempts_are_made_than_allowed() {
    let mut failing = Vec::new();
    for _ in 0..4 {
        failing.push(Upstream::always(Reply::json(500, "{}")).await);
    }
    let config = Config::over(&failing).router("max_attempts", 2);
    let answer = config.start().await.ask().await.expect_status(502);
    assert_eq!(answer.header("x-autogw-attempts"), Some("2"));
    let counts: Vec<_> = failing.iter().map(Upstream::count).collect();
    assert_eq!(counts, [1, 1, 0, 0]);
}
