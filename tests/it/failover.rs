//! One provider fails before anything meaningful was said: the client sees the next one's answer, and
//! only that. The rows are those of the classification table, for whole answers and for streams.

use serde_json::json;

use crate::support::{Answer, Config, Gateway, Reply, Upstream, chat};

/// What is wrong with provider `a`, by a name that a failing test shows.
type Fault = (&'static str, Upstream);

const HTML: &str = "<!doctype html><title>502</title><h1>A is down</h1>";

/// Statuses after which another target may do better, with the bodies that vendors send.
fn refusals() -> Vec<(&'static str, Reply)> {
    let error = |status, kind, code| Reply::json(status, chat::error("from A", kind, code));
    vec![
        (
            "401",
            error(401, "invalid_request_error", Some("invalid_api_key")),
        ),
        ("402", error(402, "billing_error", None)),
        ("403", error(403, "permission_error", None)),
        (
            "404 model",
            error(404, "invalid_request_error", Some("model_not_found")),
        ),
        ("408", error(408, "timeout", None)),
        ("409", error(409, "conflict", None)),
        ("429", error(429, "rate_limit_error", None)),
        (
            "429 with seconds",
            error(429, "rate_limit_error", None).header("retry-after", "20"),
        ),
        (
            "429 with a float",
            error(429, "rate_limit_error", None).header("retry-after", "1.5"),
        ),
        (
            "429 with nonsense",
            error(429, "rate_limit_error", None).header("retry-after", "abc"),
        ),
        (
            "429 with 9e99",
            error(429, "rate_limit_error", None).header("retry-after", "9e99"),
        ),
        (
            "429 with a past date",
            error(429, "rate_limit_error", None)
                .header("retry-after", "Wed, 21 Oct 2015 07:28:00 GMT"),
        ),
        (
            "429 without credit",
            error(429, "insufficient_quota", Some("insufficient_quota")),
        ),
        ("429 without body", Reply::status(429)),
        ("500", error(500, "server_error", None)),
        ("500 in HTML", Reply::typed(500, "text/html", HTML)),
        ("502", Reply::typed(502, "text/html", HTML)),
        ("503", error(503, "server_is_overloaded", None)),
        ("504", Reply::typed(504, "text/html", HTML)),
        ("520", Reply::typed(520, "text/plain", "unknown error")),
        ("529", error(529, "overloaded_error", None)),
        (
            "302",
            Reply::status(302).header("location", "http://127.0.0.1:1/elsewhere"),
        ),
    ]
}

/// Failures of the connection itself.
async fn breakages() -> Vec<Fault> {
    vec![
        ("refused", Upstream::refusing()),
        (
            "closed before headers",
            Upstream::always(Reply::close()).await,
        ),
        (
            "reset before headers",
            Upstream::always(Reply::reset()).await,
        ),
        (
            "half a status line",
            Upstream::always(Reply::raw("HTTP/1.1 20")).await,
        ),
        (
            "not HTTP",
            Upstream::always(Reply::raw("SSH-2.0-OpenSSH_9.6\r\n")).await,
        ),
    ]
}

/// Answers with status 200 that are no answers, to a request that wants a whole one.
fn false_answers() -> Vec<(&'static str, Reply)> {
    let ok = |body: &str| Reply::json(200, body);
    let whole = chat::answer("A").to_string();
    vec![
        ("HTML", Reply::typed(200, "text/html", HTML)),
        ("HTML called JSON", ok(HTML)),
        (
            "malformed JSON",
            ok("{\"choices\": [{\"message\": {\"content\": \"A\""),
        ),
        ("an empty body", ok("")),
        ("JSON that is no object", ok("\"A\"")),
        (
            "an error in 200",
            ok(&chat::error("from A", "server_error", None).to_string()),
        ),
        (
            "an error as text",
            ok(r#"{"code": "overloaded", "error": "from A"}"#),
        ),
        (
            "an error with unquoted keys",
            ok(r#"{error: {message: "from A, b: c"}}"#),
        ),
        (
            "no choices",
            ok(r#"{"id": "x", "object": "chat.completion", "choices": []}"#),
        ),
        (
            "cut short of its length",
            ok(&whole).cut_after(whole.len() / 2),
        ),
        ("reset in its body", ok(&whole).reset_after(whole.len() / 2)),
        (
            "cut chunks",
            ok(&whole).chunked().cut_after(whole.len() / 2),
        ),
    ]
}

/// Streams with status 200 that fail before the first meaningful event.
fn false_streams() -> Vec<(&'static str, Reply)> {
    let error = chat::error("from A", "server_error", None).to_string();
    let role = chat::role();
    let token = chat::token("A");
    vec![
        ("HTML", Reply::typed(200, "text/html", HTML)),
        ("an error as JSON", Reply::json(200, &error)),
        ("an error as first event", Reply::sse([error.as_str()])),
        (
            "an error after the role",
            Reply::sse([role.as_str(), &error]),
        ),
        (
            "an error named so",
            Reply::stream().bytes(format!("event: error\ndata: {error}\n\n")),
        ),
        (
            "an error as text",
            Reply::sse([r#"{"code": "overloaded", "error": "from A"}"#]),
        ),
        (
            "unquoted keys",
            Reply::sse([r#"{error: {message: "from A, b: c"}}"#]),
        ),
        ("an empty stream", Reply::stream()),
        ("nothing but the end marker", Reply::sse([chat::DONE])),
        (
            "comments, then the end",
            Reply::stream().bytes(": wait\n\n: wait\n\n"),
        ),
        ("the role, then the end", Reply::sse([role.as_str()])),
        (
            "the role, then a cut",
            Reply::sse([role.as_str(), &token]).cut_after(role.len() + 20),
        ),
        (
            "the role, then a reset",
            Reply::sse([role.as_str(), &token]).reset_after(role.len() + 8),
        ),
        (
            "a cut in the first event",
            Reply::sse([token.as_str()]).cut_after(token.len()),
        ),
        ("garbage", Reply::sse(["{{{{"])),
    ]
}

async fn upstreams(replies: Vec<(&'static str, Reply)>) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (name, reply) in replies {
        faults.push((name, Upstream::always(reply).await));
    }
    faults
}

async fn before(fault: &Upstream, b: &Upstream) -> Gateway {
    Config::over([fault, b]).start().await
}

/// The client saw an answer of provider `b`, after two attempts, and no trace of `a`.
fn assert_b_answered(name: &str, answer: &Answer) {
    assert_eq!(answer.status, 200, "{name}: {}", answer.text());
    assert_eq!(answer.provider(), "b", "{name}");
    assert_eq!(answer.header("x-autogw-attempts"), Some("2"), "{name}");
    assert!(answer.complete, "{name}");
}

async fn b_answers_whole(faults: Vec<Fault>) {
    let expected = chat::answer("B").to_string();
    for (name, a) in faults {
        let b = Upstream::always(Reply::json(200, &expected)).await;
        let answer = before(&a, &b).await.ask().await;
        assert_b_answered(name, &answer);
        assert_eq!(answer.text(), expected, "{name}");
    }
}

async fn b_answers_streamed(faults: Vec<Fault>) {
    let events = chat::stream(&["B"]);
    for (name, a) in faults {
        let b = Upstream::always(Reply::sse(&events)).await;
        let answer = before(&a, &b).await.ask_stream().await;
        assert_b_answered(name, &answer);
        assert_eq!(answer.body, chat::wire(&events), "{name}");
    }
}

#[tokio::test]
async fn a_refusal_moves_a_whole_answer_on() {
    b_answers_whole(upstreams(refusals()).await).await;
}

#[tokio::test]
async fn a_refusal_moves_a_stream_on() {
    b_answers_streamed(upstreams(refusals()).await).await;
}

#[tokio::test]
async fn a_broken_connection_moves_a_whole_answer_on() {
    b_answers_whole(breakages().await).await;
}

#[tokio::test]
async fn a_broken_connection_moves_a_stream_on() {
    b_answers_streamed(breakages().await).await;
}

#[tokio::test]
async fn an_answer_that_is_none_moves_on() {
    b_answers_whole(upstreams(false_answers()).await).await;
}

#[tokio::test]
async fn a_stream_that_fails_before_its_first_meaningful_event_moves_on() {
    b_answers_streamed(upstreams(false_streams()).await).await;
}

#[tokio::test]
async fn a_request_that_is_wrong_comes_back_at_once() {
    for (status, kind, code) in [
        (400, "invalid_request_error", None),
        (
            400,
            "invalid_request_error",
            Some("content_policy_violation"),
        ),
        (413, "invalid_request_error", None),
        (422, "invalid_request_error", None),
    ] {
        let body = chat::error("your temperature is wrong", kind, code);
        for request in [chat::ask("m"), chat::ask_stream("m")] {
            let a = Upstream::always(Reply::json(status, &body)).await;
            let b = Upstream::always(Reply::json(200, chat::answer("B"))).await;
            let gateway = before(&a, &b).await;
            let answer = gateway.chat(&request).send().await.expect_status(status);
            assert_eq!(answer.error("message"), "your temperature is wrong");
            assert_eq!(answer.error("type"), kind);
            assert_eq!(answer.error("code"), code.unwrap_or_default());
            assert_eq!((a.count(), b.count()), (1, 0), "{status} to {request}");
        }
    }
}

#[tokio::test]
async fn an_upstream_that_says_the_context_is_too_long_is_not_the_last_word() {
    let code = Some("context_length_exceeded");
    let error = chat::error("too long for A", "invalid_request_error", code);
    let a = Upstream::always(Reply::json(400, error)).await;
    let b = Upstream::always(Reply::json(200, chat::answer("B"))).await;
    assert_b_answered("context length", &before(&a, &b).await.ask().await);
}

#[tokio::test]
async fn an_unknown_model_upstream_goes_to_the_next_provider_and_not_to_the_next_key() {
    let error = chat::error(
        "no such model",
        "invalid_request_error",
        Some("model_not_found"),
    );
    let a = Upstream::always(Reply::json(404, error)).await;
    let b = Upstream::always(Reply::json(200, chat::answer("B"))).await;
    let config = Config::new()
        .provider("a", &a, json!({"api_key": ["key-1", "key-2"]}))
        .provider("b", &b, json!({}));
    let gateway = config.start().await;
    assert_eq!(gateway.ask().await.provider(), "b");
    assert_eq!(a.count(), 1, "the other key would hear the same");
    assert_eq!(gateway.ask().await.provider(), "b");
    assert_eq!(
        a.count(),
        1,
        "the target is remembered as without the model"
    );
}

#[tokio::test]
async fn when_every_provider_lacks_the_model_the_client_is_told_so() {
    let error = chat::error(
        "no such model",
        "invalid_request_error",
        Some("model_not_found"),
    );
    let a = Upstream::always(Reply::json(404, &error)).await;
    let b = Upstream::always(Reply::json(404, &error)).await;
    let answer = before(&a, &b).await.ask().await.expect_status(404);
    assert_eq!(answer.error("code"), "model_not_found");
    assert_eq!((a.count(), b.count()), (1, 1));
}

#[tokio::test]
async fn a_target_is_tried_once_more_where_that_is_safe() {
    for status in [408, 409] {
        let a = Upstream::script([
            Reply::json(status, "{}"),
            Reply::json(200, chat::answer("A")),
        ])
        .await;
        let b = Upstream::always(Reply::json(200, chat::answer("B"))).await;
        let gateway = Config::over([&a, &b]).router("retries", 1).start().await;
        assert_eq!(gateway.ask().await.expect_status(200).provider(), "a");
        assert_eq!((a.count(), b.count()), (2, 0), "{status}");
    }
}

#[tokio::test]
async fn the_only_target_is_tried_once_more_after_a_server_error() {
    let a = Upstream::script([Reply::json(503, "{}"), Reply::json(200, chat::answer("A"))]).await;
    let gateway = Config::over([&a]).router("retries", 1).start().await;
    let answer = gateway.ask().await.expect_status(200);
    assert_eq!(answer.header("x-autogw-attempts"), Some("2"));
}

#[tokio::test]
async fn a_reset_after_the_request_was_sent_stays_where_it_was_if_so_configured() {
    let a = Upstream::always(Reply::reset()).await;
    let b = Upstream::always(Reply::json(200, chat::answer("B"))).await;
    let config = Config::over([&a, &b]).router("retry_ambiguous", false);
    config.start().await.ask().await.expect_status(502);
    assert_eq!(b.count(), 0, "the request may have been processed by a");
}

#[tokio::test]
async fn a_request_that_stores_state_upstream_is_not_repeated_after_a_reset() {
    let a = Upstream::always(Reply::reset()).await;
    let b = Upstream::always(Reply::json(200, chat::answer("B"))).await;
    let gateway = before(&a, &b).await;
    let mut request = chat::ask("m");
    request["store"] = json!(true);
    gateway.chat(request).send().await.expect_status(502);
    assert_eq!(b.count(), 0);
}

#[tokio::test]
async fn statuses_of_a_provider_can_be_declared_worth_another_target() {
    let error = chat::error("from A", "invalid_request_error", None);
    let a = Upstream::always(Reply::json(400, error)).await;
    let b = Upstream::always(Reply::json(200, chat::answer("B"))).await;
    let config = Config::new()
        .provider("a", &a, json!({"retryable_status_codes": "400,500-504"}))
        .provider("b", &b, json!({}));
    assert_b_answered("400", &config.start().await.ask().await);
}

#[tokio::test]
async fn who_weighs_too_little_for_a_lot_is_still_asked_when_all_else_fails() {
    let a = Upstream::always(Reply::json(500, "{}")).await;
    let b = Upstream::always(Reply::json(200, chat::answer("B"))).await;
    let config = Config::new()
        .provider("a", &a, json!({"weight": 10}))
        .provider("b", &b, json!({"weight": 1}));
    let gateway = config.router("strategy", "weighted").start().await;
    let answer = gateway.ask().await.expect_status(200);
    assert_eq!((answer.provider(), a.count()), ("b", 1));
}
