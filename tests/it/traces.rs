//! What was tried for a request is told in a header and remembered for whoever asks later.

use std::time::Duration;

use autogw::chat::FailureClass;
use autogw::telemetry::trace::{Cause, Verdict};
use serde_json::json;

use crate::support::{Answer, Config, Gate, Gateway, Reply, Upstream, chat};

fn route(answer: &Answer) -> &str {
    answer.header("x-autogw-route").unwrap_or_default()
}

async fn ask(gateway: &Gateway, id: &str, request: serde_json::Value) -> Answer {
    let call = gateway.chat(request).header("x-request-id", id);
    call.send().await
}

#[tokio::test]
async fn every_answer_says_which_way_it_took() {
    let limited = Reply::json(429, chat::error("slow", "rate_limit_error", None));
    let a = Upstream::always(limited).await;
    let whole = Reply::json(200, chat::answer("B"));
    let b = Upstream::answering(move |request, _| match &request.json()["stream"] {
        json if json == true => Reply::sse(chat::stream(&["B"])),
        _ => whole.clone(),
    })
    .await;
    for request in [chat::ask("m"), chat::ask_stream("m")] {
        // One each: whoever was limited rests.
        let gateway = Config::over([&a, &b]).start().await;
        let answer = gateway.chat(request).send().await.expect_status(200);
        assert_eq!(route(&answer), "a/m=rate_limit, b/m=ok");
    }
}

#[tokio::test]
async fn errors_say_it_too() {
    let a = Upstream::refusing();
    let b = Upstream::always(Reply::json(400, chat::error("no", "bad", None))).await;
    let answer = Config::over([&a, &b]).start().await.ask().await;
    let answer = answer.expect_status(400);
    assert_eq!(route(&answer), "a/m=network, b/m=invalid_request");
    let c = Upstream::always(Reply::json(200, chat::answer("C"))).await;
    let gateway = Config::over([&c]).start().await;
    let answer = gateway.chat(chat::ask("unknown")).send().await;
    assert_eq!(answer.expect_status(404).header("x-autogw-route"), None);
}

#[tokio::test]
async fn a_request_is_remembered_attempt_by_attempt() {
    let down = Reply::json(503, chat::error("down", "server_error", None));
    let a = Upstream::always(down).await;
    let b = Upstream::always(Reply::sse(chat::stream(&["B"]))).await;
    let gateway = Config::over([&a, &b]).start().await;
    let mut request = chat::ask_stream("m");
    request["messages"][0]["content"] = json!("a word of the prompt");
    ask(&gateway, "r-1", request).await.expect_status(200);
    let trace = gateway.trace("r-1").await;
    assert_eq!((trace.status, trace.outcome), (200, "complete"));
    assert_eq!((&*trace.asked, trace.strategy), ("m", "sequential"));
    assert!(trace.first_token.is_some_and(|first| first <= trace.total));
    let [first, second] = &trace.tries[..] else {
        panic!("two attempts: {:?}", trace.tries);
    };
    assert_eq!((&*first.provider, first.key), ("a", Some(1)));
    assert_eq!(first.cause, Cause::First);
    assert_eq!(first.verdict, Verdict::Failed(FailureClass::Server));
    assert_eq!(first.status, Some(503));
    assert!(first.rests.is_some_and(|rest| rest > Duration::ZERO));
    assert_eq!((&*second.provider, second.cause), ("b", Cause::Failover));
    assert_eq!(
        (second.verdict, second.status),
        (Verdict::Served, Some(200))
    );
    assert!(second.began >= first.elapsed.expect("it has ended"));
    let all = format!("{trace:?}");
    assert!(!all.contains("a word of"), "{all}");
    assert!(!all.contains("key-"), "{all}");
}

#[tokio::test]
async fn repeats_and_healings_are_called_so() {
    let whole = Reply::json(200, chat::answer("A"));
    let conflict = Reply::json(409, chat::error("busy", "conflict", None));
    let unsupported = json!({"error": {"message": "Unsupported parameter: 'top_k'",
        "type": "invalid_request_error", "param": "top_k", "code": "unsupported_parameter"}});
    let refused = Reply::json(400, unsupported);
    for (id, first, cause) in [
        ("repeat", conflict, Cause::Repeat),
        ("heal", refused, Cause::Healed),
    ] {
        let a = Upstream::script([first, whole.clone()]).await;
        let gateway = Config::over([&a]).router("retries", 1).start().await;
        let mut request = chat::ask("m");
        request["top_k"] = json!(1);
        ask(&gateway, id, request).await.expect_status(200);
        let trace = gateway.trace(id).await;
        let causes: Vec<_> = trace.tries.iter().map(|tried| tried.cause).collect();
        assert_eq!(causes, [Cause::First, cause]);
    }
}

#[tokio::test]
async fn a_stream_that_breaks_is_remembered_as_broken() {
    let events = [chat::role(), chat::token("A")];
    let a = Upstream::always(Reply::sse(&events).reset_after(chat::wire(&events).len())).await;
    let gateway = Config::over([&a]).start().await;
    let answer = ask(&gateway, "broken", chat::ask_stream("m")).await;
    assert_eq!(route(&answer), "a/m=ok", "so it seemed when it began");
    let trace = gateway.trace("broken").await;
    let verdict = Verdict::Failed(FailureClass::Network);
    assert_eq!((trace.outcome, trace.tries[0].verdict), ("failed", verdict));
}

#[tokio::test]
async fn a_client_that_left_is_remembered() {
    let a = Upstream::always(Reply::sse(chat::stream(&["A"])).behind(&Gate::new())).await;
    let gateway = Config::over([&a]).start().await;
    let call = gateway
        .chat(chat::ask_stream("m"))
        .header("x-request-id", "left");
    let wire = call.wired().await;
    a.request(0).await;
    drop(wire);
    let trace = gateway.trace("left").await;
    assert_eq!(trace.outcome, "client left");
    assert_eq!(trace.tries[0].verdict, Verdict::Open);
}

#[tokio::test]
async fn only_the_latest_are_remembered() {
    let a = Upstream::always(Reply::json(200, chat::answer("A"))).await;
    let gateway = Config::over([&a]).start().await;
    for number in 0..520 {
        ask(&gateway, &format!("r-{number}"), chat::ask("m")).await;
    }
    gateway.trace("r-519").await;
    assert!(!gateway.remembers("r-0"));
    assert!(gateway.remembers("r-500"));
}

#[tokio::test]
async fn long_names_are_cut() {
    let a = Upstream::always(Reply::json(500, "{}")).await;
    let everything = json!({"models": "*"});
    let gateway = Config::new().provider("a", &a, everything).start().await;
    let name = "m".repeat(1000);
    let answer = ask(&gateway, "long", chat::ask(&name)).await;
    assert!(route(&answer).len() < 200, "{}", route(&answer));
    let trace = gateway.trace("long").await;
    assert!(trace.asked.len() <= 128 && trace.tries[0].model.len() <= 128);
}
