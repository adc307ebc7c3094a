//! The keys of one provider: they take turns, fail over among themselves, and rest after failures.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::{Config, Gate, Gateway, Reply, Upstream, chat, patiently};

/// An upstream where `refused` get `reply` and every other key is answered.
async fn refusing_key(refused: &'static str, reply: Reply) -> Upstream {
    Upstream::answering(move |request, _| match request.key() {
        Some(key) if key == refused => reply.clone(),
        _ => Reply::json(200, chat::answer("A")),
    })
    .await
}

fn two_keys(upstream: &Upstream) -> Config {
    let keys = json!({"api_key": ["key-1", "key-2"]});
    Config::new().provider("a", upstream, keys)
}

fn keys(upstream: &Upstream) -> Vec<String> {
    let requests = upstream.requests();
    let keys = requests
        .iter()
        .map(|r| r.key().unwrap_or("none").to_owned());
    keys.collect()
}

async fn ask(gateway: &Gateway, times: usize) {
    for _ in 0..times {
        gateway.ask().await.expect_status(200);
    }
}

#[tokio::test]
async fn keys_take_turns_between_requests() {
    let upstream = Upstream::always(Reply::json(200, chat::answer("A"))).await;
    let gateway = two_keys(&upstream).start().await;
    ask(&gateway, 4).await;
    assert_eq!(keys(&upstream), ["key-1", "key-2", "key-1", "key-2"]);
}

#[tokio::test]
async fn a_refused_key_gives_way_to_the_next_within_one_request() {
    for status in [401, 402, 403, 429] {
        let upstream = refusing_key("key-1", Reply::json(status, "{}")).await;
        let gateway = two_keys(&upstream).start().await;
        ask(&gateway, 1).await;
        assert_eq!(keys(&upstream), ["key-1", "key-2"], "{status}");
    }
}

#[tokio::test]
async fn a_key_that_was_told_to_wait_rests() {
    for name in ["retry-after", "retry-after-ms"] {
        let value = if name == "retry-after" { "30" } else { "30000" };
        let limited = Reply::json(429, "{}").header(name, value);
        let upstream = refusing_key("key-1", limited).await;
        let gateway = two_keys(&upstream).start().await;
        ask(&gateway, 4).await;
        let expected = ["key-1", "key-2", "key-2", "key-2", "key-2"];
        assert_eq!(keys(&upstream), expected, "{name}");
    }
}

#[tokio::test]
async fn a_reset_header_of_the_rate_limit_counts_as_told_to_wait() {
    let limited = Reply::json(429, "{}")
        .header("x-ratelimit-remaining-requests", "0")
        .header("x-ratelimit-reset-requests", "1m30s");
    let upstream = refusing_key("key-1", limited).await;
    let gateway = two_keys(&upstream).start().await;
    ask(&gateway, 3).await;
    assert_eq!(keys(&upstream), ["key-1", "key-2", "key-2", "key-2"]);
}

#[tokio::test]
async fn a_key_rests_by_the_table_when_the_upstream_does_not_say_how_long() {
    for status in [401, 402, 403, 429] {
        let upstream = refusing_key("key-1", Reply::json(status, "{}")).await;
        let gateway = two_keys(&upstream).real_rests().start().await;
        ask(&gateway, 3).await;
        let expected = ["key-1", "key-2", "key-2", "key-2"];
        assert_eq!(keys(&upstream), expected, "{status}");
    }
}

/// An upstream whose first answer to `key-1` says that nothing is left for so long; all are good.
async fn spent(reset: &'static str) -> Upstream {
    let is_first = AtomicBool::new(true);
    Upstream::answering(move |request, _| {
        let good = Reply::json(200, chat::answer("A"));
        if request.key() != Some("key-1") || !is_first.swap(false, Ordering::Relaxed) {
            return good;
        }
        good.header("x-ratelimit-limit-requests", "100")
            .header("x-ratelimit-remaining-requests", "0")
            .header("x-ratelimit-reset-requests", reset)
    })
    .await
}

#[tokio::test]
async fn a_key_of_which_nothing_is_left_rests_before_it_is_refused() {
    let upstream = spent("1m").await;
    let gateway = two_keys(&upstream).start().await;
    ask(&gateway, 4).await;
    assert_eq!(keys(&upstream), ["key-1", "key-2", "key-2", "key-2"]);
}

#[tokio::test]
async fn a_key_of_which_nothing_was_left_is_asked_again_after_the_reset() {
    let upstream = spent("300ms").await;
    let gateway = two_keys(&upstream).start().await;
    let began = Instant::now();
    ask(&gateway, 1).await;
    let returned = async {
        loop {
            ask(&gateway, 1).await;
            if keys(&upstream).last().is_some_and(|key| key == "key-1") {
                return began.elapsed();
            }
        }
    };
    let after = patiently("the key to return", returned).await;
    assert!(after >= Duration::from_millis(300), "{after:?}");
    let used = keys(&upstream);
    let between = &used[1..used.len() - 1];
    assert!(!between.is_empty() && between.iter().all(|key| key == "key-2"));
}

#[tokio::test]
async fn a_key_that_another_request_saw_refused_is_not_asked_any_more() {
    let gate = Gate::new();
    let slow = Reply::json(500, "{}").behind(&gate);
    let first = Upstream::always(slow).await;
    let limited = Reply::json(429, "{}").header("retry-after", "30");
    let second = refusing_key("key-1", limited).await;
    let keys_of_b = json!({"api_key": ["key-1", "key-2"]});
    let gateway = Config::over([&first])
        .provider("b", &second, keys_of_b)
        .start()
        .await;
    let planned = tokio::spawn({
        let call = gateway.chat(chat::ask("m"));
        async move { call.send().await }
    });
    first.request(0).await;
    // It was planned to go to `key-1`. Meanwhile both keys have their turn, and that one is refused.
    for _ in 0..2 {
        let pinned = gateway.chat(chat::ask("m"));
        let pinned = pinned.header("x-autogw-provider", "b");
        pinned.send().await.expect_status(200);
    }
    let of_key_1 = || keys(&second).iter().filter(|key| *key == "key-1").count();
    assert_eq!(of_key_1(), 1);
    gate.open();
    let answer = planned.await.expect("no panic").expect_status(200);
    let way = answer.header("x-autogw-route");
    assert_eq!(way, Some("a/m=server_error, b/m=resting, b/m=ok"));
    assert_eq!(of_key_1(), 1, "{:?}", keys(&second));
}

#[tokio::test]
async fn a_rested_key_comes_back() {
    let upstream =
        Upstream::script([Reply::json(429, "{}"), Reply::json(200, chat::answer("A"))]).await;
    let gateway = two_keys(&upstream).start().await;
    ask(&gateway, 5).await;
    let used = keys(&upstream);
    assert!(used[1..].iter().any(|key| *key == used[0]), "{used:?}");
}

#[tokio::test]
async fn a_provider_without_a_key_is_asked_without_one() {
    let upstream = Upstream::always(Reply::json(200, chat::answer("A"))).await;
    let config = Config::new().provider("a", &upstream, json!({"api_key": null}));
    let gateway = config.start().await;
    let call = gateway
        .chat(chat::ask("m"))
        .header("authorization", "Bearer mine");
    call.send().await.expect_status(200);
    assert_eq!(upstream.only_request().header("authorization"), None);
}

#[tokio::test]
async fn a_strict_alias_uses_only_its_key() {
    let upstream = refusing_key("key-2", Reply::json(429, "{}")).await;
    let keys_by_alias = json!({"api_key": {"work": "key-1", "home": "key-2"}});
    let other = Upstream::always(Reply::json(200, chat::answer("B"))).await;
    let config = Config::new()
        .provider("a", &upstream, keys_by_alias)
        .provider("b", &other, json!({}));
    let gateway = config.start().await;
    let mut request = chat::ask("m");
    request["alias"] = json!("home");
    gateway.chat(request).send().await.expect_status(429);
    assert_eq!(keys(&upstream), ["key-2"]);
    assert_eq!(other.count(), 0, "a provider without the alias is skipped");
}

#[tokio::test]
async fn a_loose_alias_comes_first_and_the_other_keys_after_it() {
    let upstream = refusing_key("key-2", Reply::json(429, "{}")).await;
    let keys_by_alias = json!({"api_key": {"work": "key-1", "home": "key-2"}});
    let config = Config::new().provider("a", &upstream, keys_by_alias);
    let gateway = config.start().await;
    let mut request = chat::ask("m");
    request["alias"] = json!("home");
    request["strict_alias"] = json!(false);
    gateway.chat(request).send().await.expect_status(200);
    assert_eq!(keys(&upstream), ["key-2", "key-1"]);
    let sent = upstream.requests()[1].json();
    assert_eq!(
        (&sent["alias"], &sent["strict_alias"]),
        (&json!(null), &json!(null))
    );
}

#[tokio::test]
async fn an_alias_may_come_in_a_header() {
    let upstream = Upstream::always(Reply::json(200, chat::answer("A"))).await;
    let keys_by_alias = json!({"api_key": {"work": "key-1", "home": "key-2"}});
    let config = Config::new().provider("a", &upstream, keys_by_alias);
    let gateway = config.start().await;
    for _ in 0..2 {
        let call = gateway
            .chat(chat::ask("m"))
            .header("x-autogw-alias", "home");
        call.send().await.expect_status(200);
    }
    assert_eq!(keys(&upstream), ["key-2", "key-2"]);
}

#[tokio::test]
async fn an_unknown_alias_is_a_404_that_names_the_known_ones() {
    let upstream = Upstream::always(Reply::json(200, chat::answer("A"))).await;
    let keys_by_alias = json!({"api_key": {"work": "key-1", "home": "key-2"}});
    let config = Config::new().provider("a", &upstream, keys_by_alias);
    let gateway = config.start().await;
    let mut request = chat::ask("m");
    request["alias"] = json!("elsewhere");
    let answer = gateway.chat(request).send().await.expect_status(404);
    let message = answer.error("message");
    assert!(
        message.contains("work") && message.contains("home"),
        "{message}"
    );
    assert_eq!(upstream.count(), 0);
}
