//! An outage is never multiplied: repeats are a share of requests, breakers keep the dead alone, a full house
//! says so at once, and whatever is final is said to be so.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::{Answer, Config, Gate, Gateway, Reply, Upstream, chat};

/// A breaker that nothing opens.
fn never() -> Value {
    json!({"threshold": 100_000, "min_samples": 100_000})
}

fn route(answer: &Answer) -> &str {
    answer.header("x-autogw-route").unwrap_or_default()
}

fn seconds(answer: &Answer) -> u64 {
    let header = answer.header("retry-after").expect("a Retry-After header");
    header.parse().expect("whole seconds")
}

#[tokio::test]
async fn in_a_total_outage_repeats_are_a_share_of_the_requests() {
    let a = Upstream::always(Reply::json(500, "{}")).await;
    let gateway = Config::over([&a])
        .router("retries", 3)
        .router("circuit", never())
        .start()
        .await;
    let calls = (0..100).map(|_| gateway.ask());
    let answers = join_all(calls).await;
    assert!(answers.iter().all(|answer| answer.status == 502));
    // 20 % of the first tries, and the floor of one a second over ten seconds; repeats earn nothing.
    let repeats = a.count() - 100;
    assert!((10..=30).contains(&repeats), "{repeats} repeats of 100");
}

#[tokio::test]
async fn an_open_breaker_keeps_the_dead_alone_and_closes_by_a_probe() {
    let dead = Reply::json(500, "{}");
    let mut script = vec![dead; 5];
    script.push(Reply::json(200, chat::answer("A")));
    let a = Upstream::script(script).await;
    let b = Upstream::always(Reply::json(200, chat::answer("B"))).await;
    let circuit = json!({"threshold": 5, "open": 0.5, "successes": 1});
    let gateway = Config::over([&a, &b])
        .router("circuit", circuit)
        .start()
        .await;
    for _ in 0..5 {
        // A suspect is asked last: it is pinned so that it is asked at all.
        let call = gateway
            .chat(chat::ask("m"))
            .header("x-autogw-provider", "a");
        call.send().await.expect_status(502);
    }
    let opened = Instant::now();
    assert_eq!(a.count(), 5);
    while opened.elapsed() < Duration::from_millis(250) {
        let answer = gateway.ask().await.expect_status(200);
        assert_eq!(route(&answer), "a/m=circuit_open, b/m=ok");
    }
    assert_eq!(a.count(), 5, "the dead one was not touched");
    let probed = async {
        loop {
            let answer = gateway.ask().await.expect_status(200);
            if answer.provider() == "a" {
                return answer;
            }
        }
    };
    let answer = crate::support::patiently("a probe", probed).await;
    assert_eq!(route(&answer), "a/m=ok");
    let answer = gateway.ask().await.expect_status(200);
    assert_eq!(answer.provider(), "a", "it is closed again");
}

#[tokio::test]
async fn the_last_target_is_never_locked_out() {
    let a = Upstream::always(Reply::json(500, "{}")).await;
    let gateway = Config::over([&a]).start().await;
    for asked in 1..=12 {
        gateway.ask().await.expect_status(502);
        assert_eq!(a.count(), asked);
    }
}

/// A gateway whose only provider takes one request at a time.
async fn narrow(upstream: &Upstream, wait: Option<f64>) -> Gateway {
    let one = json!({"max_concurrency": 1});
    let config = Config::new().provider("a", upstream, one);
    let config = match wait {
        Some(wait) => config.router("limits", json!({"wait": wait})),
        None => config,
    };
    config.start().await
}

#[tokio::test]
async fn a_full_house_says_so_at_once() {
    let gate = Gate::new();
    let a = Upstream::always(Reply::json(200, chat::answer("A")).behind(&gate)).await;
    let gateway = narrow(&a, None).await;
    let first = tokio::spawn({
        let call = gateway.chat(chat::ask("m"));
        async move { call.send().await }
    });
    a.request(0).await;
    let mut fastest = Duration::MAX;
    for _ in 0..20 {
        let began = Instant::now();
        let answer = gateway.ask().await.expect_status(503);
        fastest = fastest.min(began.elapsed());
        assert_eq!(answer.error("code"), "overloaded");
        assert_eq!(seconds(&answer), 1);
        assert_ne!(answer.header("x-should-retry"), Some("false"));
        assert_eq!(route(&answer), "a/m=full");
    }
    assert!(fastest < Duration::from_millis(5), "{fastest:?}");
    gate.open();
    first.await.expect("no panic").expect_status(200);
    gateway.ask().await.expect_status(200);
}

#[tokio::test]
async fn a_full_provider_is_passed_over() {
    let gate = Gate::new();
    let a = Upstream::always(Reply::json(200, chat::answer("A")).behind(&gate)).await;
    let b = Upstream::always(Reply::json(200, chat::answer("B"))).await;
    let one = json!({"max_concurrency": 1});
    let config = Config::new()
        .provider("a", &a, one)
        .provider("b", &b, json!({}));
    let gateway = config.start().await;
    let first = tokio::spawn({
        let call = gateway.chat(chat::ask("m"));
        async move { call.send().await }
    });
    a.request(0).await;
    let answer = gateway.ask().await.expect_status(200);
    assert_eq!(route(&answer), "a/m=full, b/m=ok");
    gate.open();
    first.await.expect("no panic").expect_status(200);
}

#[tokio::test]
async fn who_may_wait_is_served_when_a_place_frees_up() {
    let gate = Gate::new();
    let reply = Reply::json(200, chat::answer("A"));
    let a = Upstream::script([reply.clone().behind(&gate), reply]).await;
    let gateway = narrow(&a, Some(20.0)).await;
    let ask = || {
        let call = gateway.chat(chat::ask("m"));
        tokio::spawn(async move { call.send().await })
    };
    let first = ask();
    a.request(0).await;
    let waiting: Vec<_> = (0..5).map(|_| ask()).collect();
    // They are let in one by one, each by the end of another.
    gate.open();
    first.await.expect("no panic").expect_status(200);
    for answer in join_all(waiting).await {
        let answer = answer.expect("no panic").expect_status(200);
        assert!(["a/m=full, a/m=ok", "a/m=ok"].contains(&route(&answer)));
    }
    assert_eq!(a.count(), 6);
}

#[tokio::test]
async fn a_place_that_a_client_left_behind_is_given_to_the_next() {
    let gate = Gate::new();
    let reply = Reply::json(200, chat::answer("A"));
    let a = Upstream::script([reply.clone().behind(&gate), reply]).await;
    let gateway = narrow(&a, Some(20.0)).await;
    let left = gateway.chat(chat::ask("m")).wired().await;
    a.request(0).await;
    let waiting = tokio::spawn({
        let call = gateway.chat(chat::ask("m"));
        async move { call.send().await }
    });
    drop(left);
    waiting.await.expect("no panic").expect_status(200);
}

#[tokio::test]
async fn a_wait_is_bounded() {
    let gate = Gate::new();
    let a = Upstream::always(Reply::json(200, chat::answer("A")).behind(&gate)).await;
    let gateway = narrow(&a, Some(0.1)).await;
    let first = tokio::spawn({
        let call = gateway.chat(chat::ask("m"));
        async move { call.send().await }
    });
    a.request(0).await;
    let began = Instant::now();
    gateway.ask().await.expect_status(503);
    assert!(began.elapsed() >= Duration::from_millis(100));
    gate.open();
    first.await.expect("no panic").expect_status(200);
}

#[tokio::test]
async fn a_pace_says_exactly_when_to_come_back() {
    let a = Upstream::always(Reply::json(200, chat::answer("A"))).await;
    let slow = json!({"max_rpm": 2});
    let gateway = Config::new().provider("a", &a, slow).start().await;
    let mut answers = Vec::new();
    for _ in 0..4 {
        answers.push(gateway.ask().await);
    }
    let refused = answers.iter().find(|answer| answer.status == 503);
    let refused = refused.expect("a full minute");
    assert_eq!(refused.error("code"), "overloaded");
    assert!((1..=60).contains(&seconds(refused)), "{}", seconds(refused));
}

#[tokio::test]
async fn what_is_final_is_said_to_be_final_and_nothing_else_is() {
    let error = |status, code| Reply::json(status, chat::error("no", "some_error", Some(code)));
    for (reply, request, expected) in [
        (error(400, "bad"), chat::ask("m"), Some("false")),
        (error(413, "big"), chat::ask("m"), Some("false")),
        (error(422, "odd"), chat::ask("m"), Some("false")),
        (error(401, "invalid_api_key"), chat::ask("m"), Some("false")),
        (error(404, "model_not_found"), chat::ask("m"), Some("false")),
        (
            error(400, "context_length_exceeded"),
            chat::ask("m"),
            Some("false"),
        ),
        (error(429, "slow"), chat::ask("m"), None),
        (error(500, "down"), chat::ask("m"), None),
        (error(503, "server_is_overloaded"), chat::ask("m"), None),
        (Reply::json(200, "{}"), chat::ask("m"), None),
        (error(200, "none"), chat::ask("unknown"), Some("false")),
        (error(200, "none"), json!({"messages": []}), Some("false")),
    ] {
        let a = Upstream::always(reply).await;
        let gateway = Config::over([&a]).start().await;
        let answer = gateway.chat(request).send().await;
        let seen = answer.header("x-should-retry");
        assert_eq!(seen, expected, "{} {}", answer.status, answer.text());
    }
}

#[tokio::test]
async fn what_may_have_been_done_is_not_to_be_done_again() {
    let a = Upstream::always(Reply::reset()).await;
    let b = Upstream::always(Reply::json(200, chat::answer("B"))).await;
    for (field, value) in [("store", json!(true)), ("web_search_options", json!({}))] {
        // One each: whoever broke the connection is suspect.
        let gateway = Config::over([&a, &b]).start().await;
        let mut request = chat::ask("m");
        request[field] = value;
        let answer = gateway.chat(request).send().await.expect_status(502);
        assert_eq!(answer.header("x-should-retry"), Some("false"), "{field}");
    }
    assert_eq!((a.count(), b.count()), (2, 0));
}

#[tokio::test]
async fn while_every_key_rests_the_answer_is_a_429_with_the_exact_time() {
    let limited = Reply::json(429, chat::error("slow", "rate_limit_error", None));
    let refused = Reply::json(401, chat::error("no", "auth", Some("invalid_api_key")));
    let a = Upstream::always(limited.header("retry-after", "40")).await;
    let b = Upstream::always(refused).await;
    let gateway = Config::over([&a, &b]).real_rests().start().await;
    gateway.ask().await;
    let (asked_a, asked_b) = (a.count(), b.count());
    let answer = gateway.ask().await.expect_status(429);
    // The refused key wakes first, in ten seconds.
    assert!((5..=10).contains(&seconds(&answer)), "{}", seconds(&answer));
    assert_eq!((a.count(), b.count()), (asked_a, asked_b));
}

#[tokio::test]
async fn a_place_that_has_failed_is_not_asked_by_a_key_that_wakes() {
    let limited = Reply::json(429, "{}").header("retry-after", "2");
    let script = vec![
        limited,
        Reply::json(200, chat::answer("A")),
        Reply::json(404, "{}"),
    ];
    let a = Upstream::script(script).await;
    let keys = json!({"api_key": ["key-1", "key-2"]});
    let config = Config::new().provider("a", &a, keys).router("retries", 0);
    let gateway = config.start().await;
    assert_eq!(route(&gateway.ask().await), "a/m=rate_limit, a/m=ok");
    // One key rests, for so short a time that it would be waited for; the other has just been told that there is
    // no such thing here.
    let answer = gateway.ask().await;
    assert_eq!((answer.status, a.count()), (404, 3), "{}", route(&answer));
}
