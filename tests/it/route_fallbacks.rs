//! A route names others for its failures: a prompt that is too long goes to a larger model.

use autogw::config::PublicDoor;
use autogw::telemetry::trace::Cause;
use serde_json::{Value, json};

use crate::support::{A_SECOND, Answer, Config, Gateway, Public, Reply, Upstream, chat, within};

fn too_long() -> Reply {
    let message = "This model's maximum context length is 8 tokens";
    let code = Some("context_length_exceeded");
    Reply::json(400, chat::error(message, "invalid_request_error", code))
}

fn limited() -> Reply {
    Reply::json(429, chat::error("slow down", "rate_limit_error", None)).header("retry-after", "60")
}

fn good() -> Reply {
    Reply::json(200, chat::answer("B"))
}

/// A filter that took the whole answer.
fn filtered() -> Reply {
    Reply::json(
        200,
        json!({"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [{
            "index": 0, "finish_reason": "content_filter",
            "message": {"role": "assistant", "content": ""}
        }]}),
    )
}

/// The route `small` at provider `a`, with these fallbacks, and the route `large` at provider `b`.
async fn gateway(a: &Upstream, b: &Upstream, fallbacks: Value) -> Gateway {
    let routes = json!([
        {"name": "small", "steps": [{"provider": "a", "model": "m"}], "fallbacks": fallbacks},
        {"name": "large", "steps": [{"provider": "b", "model": "m"}]}
    ]);
    Config::over([a, b]).set("routes", routes).start().await
}

fn after(on: &[&str]) -> Value {
    json!([{"on": on, "route": "large"}])
}

fn route(answer: &Answer) -> &str {
    answer.header("x-autogw-route").unwrap_or_default()
}

async fn ask(gateway: &Gateway) -> Answer {
    let call = gateway.chat(chat::ask("small"));
    call.header("x-request-id", "asked").send().await
}

#[tokio::test]
async fn each_kind_of_failure_has_its_own_way_out() {
    let flagged = Reply::json(
        400,
        chat::error(
            "no",
            "invalid_request_error",
            Some("content_policy_violation"),
        ),
    );
    for (reply, kind, verdict) in [
        (too_long(), "context_length", "capability"),
        (limited(), "rate_limit", "rate_limit"),
        (flagged, "content_filter", "invalid_request"),
        (filtered(), "content_filter", "content_filter"),
        (Reply::json(503, "{}"), "server_error", "server_error"),
        (Reply::reset(), "server_error", "network"),
    ] {
        let (a, b) = (
            Upstream::always(reply).await,
            Upstream::always(good()).await,
        );
        let other = if kind == "rate_limit" {
            "timeout"
        } else {
            "rate_limit"
        };
        let unmoved = gateway(&a, &b, after(&[other])).await;
        ask(&unmoved).await;
        assert_eq!(b.count(), 0, "{kind}");
        for on in [&[other, kind][..], &["any"]] {
            let gateway = gateway(&a, &b, after(on)).await;
            let answer = ask(&gateway).await.expect_status(200);
            assert_eq!(route(&answer), format!("a/m={verdict}, b/m=ok"));
            let trace = gateway.trace("asked").await;
            assert_eq!(trace.tries[1].cause, Cause::Fallback);
        }
    }
}

/// A stream of which a filter left only the end.
fn filtered_stream() -> Reply {
    let end = r#"{"choices":[{"index":0,"delta":{},"finish_reason":"content_filter"}]}"#;
    Reply::sse([chat::role(), end.to_owned(), "[DONE]".to_owned()])
}

#[tokio::test]
async fn a_stream_that_a_filter_emptied_has_a_way_out_and_is_better_than_none() {
    let a = Upstream::always(filtered_stream()).await;
    let whole = Reply::sse(chat::stream(&["B"]));
    for (reply, served) in [(whole, "b"), (limited(), "a")] {
        let b = Upstream::always(reply).await;
        let gateway = gateway(&a, &b, after(&["content_filter"])).await;
        let answer = gateway.chat(chat::ask_stream("small")).send().await;
        let answer = answer.expect_status(200);
        assert_eq!((answer.provider(), b.count()), (served, 1));
        assert_eq!(chat::said(&answer.events()) == "B", served == "b");
        assert!(answer.complete && chat::claims_completion(&answer.events()));
    }
}

#[tokio::test]
async fn half_a_stream_that_a_filter_cut_is_the_clients() {
    let end = r#"{"choices":[{"index":0,"delta":{},"finish_reason":"content_filter"}]}"#;
    let half = [chat::token("A"), end.to_owned(), "[DONE]".to_owned()];
    let (a, b) = (
        Upstream::always(Reply::sse(half)).await,
        Upstream::always(good()).await,
    );
    let gateway = gateway(&a, &b, after(&["content_filter"])).await;
    let answer = gateway.chat(chat::ask_stream("small")).send().await;
    assert_eq!(chat::said(&answer.expect_status(200).events()), "A");
    assert_eq!(b.count(), 0);
}

#[tokio::test]
async fn no_answer_in_time_has_one_too() {
    let (a, b) = (
        Upstream::always(Reply::silence()).await,
        Upstream::always(good()).await,
    );
    let routes = json!([
        {"name": "small", "steps": [{"provider": "a", "model": "m", "timeout": 0.2}],
            "fallbacks": [{"on": ["timeout"], "route": "b/m"}]}
    ]);
    let gateway = Config::over([&a, &b]).set("routes", routes).start().await;
    let answer = ask(&gateway).await.expect_status(200);
    assert_eq!(route(&answer), "a/m=timeout, b/m=ok");
}

#[tokio::test]
async fn a_way_out_has_the_time_that_it_says_itself() {
    let (a, b) = (
        Upstream::always(limited()).await,
        Upstream::always(Reply::silence()).await,
    );
    let step = |provider: &str| json!([{"provider": provider, "model": "m"}]);
    // The shorter of the two counts, whichever it is.
    for (own, other) in [(60.0, 0.2), (0.2, 60.0)] {
        let routes = json!([
            {"name": "small", "timeout": own, "steps": step("a"), "fallbacks": after(&["rate_limit"])},
            {"name": "large", "timeout": other, "steps": step("b")}
        ]);
        let gateway = Config::over([&a, &b]).set("routes", routes).start().await;
        let answer = within(A_SECOND * 5, "an end in time", ask(&gateway)).await;
        assert!(
            answer.error("message").contains("deadline"),
            "{}",
            answer.text()
        );
        assert_eq!(route(&answer), "a/m=rate_limit, b/m=timeout");
    }
}

#[tokio::test]
async fn what_is_wrong_with_the_request_stays_wrong() {
    let bad = Reply::json(
        400,
        chat::error("no such field", "invalid_request_error", None),
    );
    let (a, b) = (Upstream::always(bad).await, Upstream::always(good()).await);
    let gateway = gateway(&a, &b, after(&["any"])).await;
    ask(&gateway).await.expect_status(400);
    assert_eq!(b.count(), 0);
}

#[tokio::test]
async fn every_way_is_taken_once() {
    let (a, b) = (
        Upstream::always(limited()).await,
        Upstream::always(limited()).await,
    );
    let routes = json!([
        {"name": "small", "steps": [{"provider": "a", "model": "m"}],
            "fallbacks": [{"on": ["rate_limit"], "route": "b/m"}, {"on": ["rate_limit"], "route": "m"}]}
    ]);
    let gateway = Config::over([&a, &b]).set("routes", routes).start().await;
    let answer = ask(&gateway).await.expect_status(429);
    assert_eq!(route(&answer), "a/m=rate_limit, b/m=rate_limit");
    assert_eq!((a.count(), b.count()), (1, 1));
}

#[tokio::test]
async fn a_key_that_was_tried_is_not_waited_for_as_if_it_were_new() {
    let limited = Reply::json(429, "{}").header("retry-after", "1");
    let a = Upstream::always(limited).await;
    let b = Upstream::always(Reply::json(500, "{}")).await;
    let step = |name: &str| json!({"provider": name, "model": "m"});
    let routes = json!([
        {"name": "small", "steps": [step("a")], "fallbacks": after(&["rate_limit"])},
        {"name": "large", "steps": [step("b"), step("a")]}
    ]);
    let config = Config::over([&a, &b]).set("routes", routes);
    let gateway = config.router("retries", 0).start().await;
    let answer = ask(&gateway).await;
    assert_eq!(route(&answer), "a/m=rate_limit, b/m=server_error");
    assert_eq!((a.count(), b.count()), (1, 1));
}

#[tokio::test]
async fn attempts_are_those_of_the_request() {
    let (a, b) = (
        Upstream::always(limited()).await,
        Upstream::always(good()).await,
    );
    let routes = json!([
        {"name": "small", "steps": [{"provider": "a", "model": "m"}], "fallbacks": after(&["rate_limit"])},
        {"name": "large", "steps": [{"provider": "b", "model": "m"}]}
    ]);
    let config = Config::over([&a, &b]).set("routes", routes);
    let gateway = config.router("max_attempts", 1).start().await;
    ask(&gateway).await.expect_status(429);
    assert_eq!(b.count(), 0);
}

#[tokio::test]
async fn an_empty_answer_is_better_than_none() {
    let (a, b) = (
        Upstream::always(filtered()).await,
        Upstream::always(limited()).await,
    );
    let gateway = gateway(&a, &b, after(&["content_filter"])).await;
    let answer = ask(&gateway).await.expect_status(200);
    assert_eq!(answer.provider(), "a");
    assert_eq!(
        answer.json()["choices"][0]["finish_reason"],
        "content_filter"
    );
    assert_eq!(b.count(), 1);
}

#[tokio::test]
async fn a_way_out_may_have_one_of_its_own() {
    let (a, b) = (
        Upstream::always(limited()).await,
        Upstream::always(too_long()).await,
    );
    let c = Upstream::always(good()).await;
    let step = |provider: &str| json!([{"provider": provider, "model": "m"}]);
    let routes = json!([
        {"name": "small", "steps": step("a"), "fallbacks": after(&["rate_limit"])},
        {"name": "large", "steps": step("b"), "fallbacks": [{"on": ["context_length"], "route": "huge"}]},
        {"name": "huge", "steps": step("c")}
    ]);
    let gateway = Config::over([&a, &b, &c])
        .set("routes", routes)
        .start()
        .await;
    let answer = ask(&gateway).await.expect_status(200);
    assert_eq!(route(&answer), "a/m=rate_limit, b/m=capability, c/m=ok");
}

#[tokio::test]
async fn through_a_public_door_no_way_leads_out_of_its_scope() {
    let (a, b) = (
        Upstream::always(limited()).await,
        Upstream::always(good()).await,
    );
    let routes = |other: &str| {
        json!([
            {"name": "small", "steps": [{"provider": "a", "model": "m"}],
                "fallbacks": [{"on": ["any"], "route": other}]},
            {"name": "large", "steps": [{"provider": "b", "model": "m"}]}
        ])
    };
    let rules = PublicDoor {
        models: Some(vec!["small".to_owned(), "large".to_owned()]),
        ..PublicDoor::default()
    };
    for (other, status, way) in [
        ("b/m", 429, "a/m=rate_limit"),
        ("large", 200, "a/m=rate_limit, b/m=ok"),
    ] {
        let config = Config::over([&a, &b]).set("routes", routes(other));
        let public = Public::open(&config.text(), &rules);
        let answer = public.owner().chat(chat::ask("small")).send().await;
        assert_eq!(route(&answer.expect_status(status)), way, "{other}");
    }
}
