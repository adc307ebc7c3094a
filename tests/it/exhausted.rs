//! Every target failed: the most telling status, what was tried, and when to come back.

use serde_json::{Value, json};

use crate::support::{Answer, Config, Reply, Upstream, chat};

fn limited(seconds: &str) -> Reply {
    let error = chat::error("slow down", "rate_limit_error", None);
    Reply::json(429, error).header("retry-after", seconds)
}

fn seconds(answer: &Answer) -> u64 {
    let header = answer.header("retry-after").expect("a Retry-After header");
    header.parse().expect("whole seconds")
}

fn attempts(answer: &Answer) -> Vec<Value> {
    let body = answer.json();
    let attempts = body["error"]["attempts"].as_array();
    attempts.expect("error.attempts is a list").clone()
}

#[tokio::test]
async fn all_rate_limited_is_a_429_with_the_shortest_wait() {
    for request in [chat::ask("m"), chat::ask_stream("m")] {
        let a = Upstream::always(limited("17")).await;
        let b = Upstream::always(limited("3")).await;
        let gateway = Config::over([&a, &b]).start().await;
        let answer = gateway.chat(request).send().await.expect_status(429);
        assert!((2..=3).contains(&seconds(&answer)), "{:?}", answer.headers);
        assert_eq!(attempts(&answer).len(), 2);
    }
}

#[tokio::test]
async fn all_timed_out_is_a_504() {
    let a = Upstream::always(Reply::silence()).await;
    let b = Upstream::always(Reply::silence()).await;
    let config = Config::over([&a, &b])
        .router("timeouts.response", 0.15)
        .router("timeouts.first_token", 0.15);
    let gateway = config.start().await;
    gateway.ask().await.expect_status(504);
    gateway.ask_stream().await.expect_status(504);
}

#[tokio::test]
async fn mixed_failures_are_a_502_that_lists_the_attempts() {
    let a = Upstream::always(Reply::json(500, "{}")).await;
    let b = Upstream::always(limited("3")).await;
    let c = Upstream::refusing();
    let gateway = Config::over([&a, &b, &c]).start().await;
    let answer = gateway.ask().await.expect_status(502);
    let attempts = attempts(&answer);
    let seen: Vec<_> = attempts
        .iter()
        .map(|a| {
            (
                a["provider"].clone(),
                a["class"].clone(),
                a["status"].clone(),
            )
        })
        .collect();
    assert_eq!(
        seen,
        [
            (json!("a"), json!("server_error"), json!(500)),
            (json!("b"), json!("rate_limit"), json!(429)),
            (json!("c"), json!("network"), Value::Null),
        ]
    );
    for attempt in &attempts {
        assert_eq!(attempt["model"], "m");
        assert!(attempt["ms"].is_number(), "{attempt}");
    }
    assert_eq!(answer.header("x-autogw-attempts"), Some("3"));
}

#[tokio::test]
async fn errors_have_all_four_fields_of_the_dialect_and_the_request_id() {
    let a = Upstream::refusing();
    let gateway = Config::over([&a]).start().await;
    let call = gateway.chat(chat::ask("m")).header("x-request-id", "req-1");
    let answer = call.send().await.expect_status(502);
    let body = answer.json();
    let error = body["error"].as_object().expect("an error object");
    for field in ["message", "type", "param", "code"] {
        assert!(error.contains_key(field), "{field} is missing in {body}");
    }
    assert_eq!(answer.header("x-request-id"), Some("req-1"));
    assert!(answer.text().contains("req-1"), "{body}");
    assert_eq!(answer.header("content-type"), Some("application/json"));
}

#[tokio::test]
async fn our_own_refused_keys_are_a_502_and_not_a_401() {
    for status in [401, 403] {
        let error = chat::error("Incorrect API key", "invalid_request_error", None);
        let a = Upstream::always(Reply::json(status, error)).await;
        let config = Config::new().provider("a", &a, json!({"api_key": ["key-1", "key-2"]}));
        let answer = config.start().await.ask().await.expect_status(502);
        assert_eq!(a.count(), 2, "both keys were tried");
        assert_eq!(answer.header("www-authenticate"), None);
        let refused = "the client's own repeats cannot help";
        assert_eq!(answer.header("x-should-retry"), Some("false"), "{refused}");
    }
}

#[tokio::test]
async fn while_every_key_rests_the_client_is_told_when_to_come_back() {
    let a = Upstream::always(limited("20")).await;
    let gateway = Config::over([&a]).real_rests().start().await;
    gateway.ask().await.expect_status(429);
    let asked = a.count();
    let answer = gateway.ask().await.expect_status(429);
    assert_eq!(a.count(), asked, "a resting key is left alone");
    assert!(
        (15..=20).contains(&seconds(&answer)),
        "{:?}",
        answer.headers
    );
}

#[tokio::test]
async fn a_wait_that_an_upstream_names_is_at_most_a_quarter_of_an_hour() {
    let a = Upstream::always(limited("86000")).await;
    let gateway = Config::over([&a]).start().await;
    let answer = gateway.ask().await.expect_status(429);
    assert!(seconds(&answer) <= 15 * 60, "{:?}", answer.headers);
}

#[tokio::test]
async fn an_empty_answer_is_never_passed_off_as_a_good_one() {
    let a = Upstream::always(Reply::json(200, "")).await;
    let gateway = Config::over([&a]).start().await;
    let answer = gateway.ask().await.expect_status(502);
    assert_eq!(attempts(&answer)[0]["class"], "malformed_answer");
    let b = Upstream::always(Reply::stream()).await;
    let gateway = Config::over([&b]).start().await;
    gateway.ask_stream().await.expect_status(502);
}
