//! Injected faults: the gateway, and whoever watches it, meet them as if the provider had them.

use std::time::{Duration, Instant};

use autogw::telemetry::act::{Act, Fault};
use serde_json::json;

use crate::support::talk::{TO_ANTHROPIC, TO_CHAT, TO_GEMINI, TO_RESPONSES, Talk};
use crate::support::{Answer, Config, Gateway, Reply, Upstream, chat, patiently};

fn chaos(fault: Fault, seconds: f64) -> Act {
    Act::Chaos {
        provider: "a".to_owned(),
        fault,
        seconds,
    }
}

fn calm() -> Act {
    Act::Calm { provider: None }
}

fn route(answer: &Answer) -> &str {
    answer.header("x-autogw-route").unwrap_or_default()
}

/// A fault, the word for what comes of it, whether the provider is asked at all, and the status that a
/// client gets who has nobody else.
const TABLE: [(Fault, &str, bool, u16); 8] = [
    (Fault::RateLimit, "rate_limit", false, 429),
    (Fault::ServerError, "server_error", false, 502),
    (Fault::Garbage, "malformed_answer", false, 502),
    (Fault::Latency { ms: 60_000 }, "timeout", false, 504),
    (Fault::Cut { after: 0 }, "network", true, 502),
    (Fault::Cut { after: 9 }, "network", true, 502),
    (Fault::Stall { after: 0 }, "timeout", true, 504),
    (Fault::Stall { after: 9 }, "timeout", true, 504),
];

async fn start(config: Config) -> Gateway {
    let config = config.router("timeouts.first_token", 0.3);
    config.router("timeouts.response", 0.3).start().await
}

#[tokio::test]
async fn every_fault_sends_the_request_elsewhere() {
    for talk in [TO_CHAT, TO_RESPONSES, TO_ANTHROPIC, TO_GEMINI] {
        let (a, b) = (talk.upstream().await, talk.upstream().await);
        let config = talk.over(&a).provider("b", &b, talk.fields());
        let gateway = start(config).await;
        for (fault, word, is_asked, _) in TABLE {
            for streamed in [false, true] {
                meets(&gateway, (talk, streamed), (fault, word)).await;
                let what = format!("{}, streamed: {streamed}, {fault:?}", talk.name());
                assert_eq!(a.count(), usize::from(is_asked), "{what}");
                a.forget();
            }
        }
    }
}

/// A chat client's request meets `fault` at the first provider and is answered by the second.
async fn meets(gateway: &Gateway, (talk, streamed): (Talk, bool), (fault, word): (Fault, &str)) {
    let what = format!("{}, streamed: {streamed}, {fault:?}", talk.name());
    // What failed before is held against nobody.
    gateway
        .act(Act::ResetBreaker {
            provider: "a".to_owned(),
            model: None,
        })
        .await;
    gateway
        .act(Act::Revive {
            provider: "a".to_owned(),
            key: None,
        })
        .await;
    gateway.act(chaos(fault, 60.0)).await;
    let id = what.replace([' ', ':', '{', '}', ','], "-");
    let call = TO_CHAT
        .ask(&gateway.client(), streamed)
        .header("x-request-id", &id);
    let answer = call.send().await.expect_status(200);
    assert_eq!(route(&answer), format!("a/m={word}, b/m=ok"), "{what}");
    let heard = TO_CHAT.heard(&answer, streamed);
    assert_eq!(heard.text, crate::support::talk::SAID, "{what}");
    let trace = gateway.trace(&id).await;
    let injected: Vec<bool> = trace.tries.iter().map(|tried| tried.is_injected).collect();
    assert_eq!(injected, [true, false], "{what}");
    gateway.act(calm()).await;
}

#[tokio::test]
async fn who_has_nobody_else_is_told_honestly() {
    for talk in [TO_CHAT, TO_ANTHROPIC] {
        let a = talk.upstream().await;
        let gateway = start(talk.over(&a)).await;
        for (fault, _, _, status) in TABLE {
            for streamed in [false, true] {
                gateway.act(chaos(fault, 60.0)).await;
                let answer = TO_CHAT.ask(&gateway.client(), streamed).send().await;
                assert_eq!(answer.status, status, "{fault:?}: {}", answer.text());
                assert!(!answer.error("message").is_empty(), "{fault:?}");
                gateway.act(calm()).await;
                gateway
                    .act(Act::ResetBreaker {
                        provider: "a".to_owned(),
                        model: None,
                    })
                    .await;
                gateway
                    .act(Act::Revive {
                        provider: "a".to_owned(),
                        key: None,
                    })
                    .await;
                let answer = TO_CHAT.ask(&gateway.client(), streamed).send().await;
                answer.expect_status(200);
            }
        }
    }
}

#[tokio::test]
async fn a_stream_that_has_begun_ends_in_an_error_and_never_as_if_it_were_whole() {
    let events = chat::stream(&["A", "B"]);
    let begun = chat::wire(&events[..2]).len() as u64;
    let a = Upstream::always(Reply::sse(&events)).await;
    let gateway = Config::over([&a])
        .router("timeouts.idle", 0.2)
        .start()
        .await;
    for fault in [Fault::Cut { after: begun }, Fault::Stall { after: begun }] {
        gateway.act(chaos(fault, 60.0)).await;
        let answer = gateway.ask_stream().await.expect_status(200);
        let events = answer.events();
        assert_eq!(chat::said(&events), "A", "{fault:?}");
        assert!(
            events.last().is_some_and(|last| chat::is_error(last)),
            "{fault:?}: {events:?}"
        );
        assert!(!chat::claims_completion(&events), "{fault:?}");
    }
    gateway.act(calm()).await;
    assert_eq!(chat::said(&gateway.ask_stream().await.events()), "AB");
}

#[tokio::test]
async fn a_cut_behind_the_end_is_none() {
    let a = Upstream::always(Reply::json(200, chat::answer("A"))).await;
    let gateway = Config::over([&a]).start().await;
    for fault in [
        Fault::Cut { after: 1 << 20 },
        Fault::Stall { after: 1 << 20 },
    ] {
        gateway.act(chaos(fault, 60.0)).await;
        assert_eq!(
            gateway.ask().await.expect_status(200).json(),
            chat::answer("A")
        );
    }
}

#[tokio::test]
async fn a_latency_lets_answers_begin_later() {
    let a = Upstream::script([
        Reply::json(200, chat::answer("A")),
        Reply::sse(chat::stream(&["A"])),
    ])
    .await;
    let gateway = Config::over([&a]).start().await;
    let late = Duration::from_millis(250);
    gateway.act(chaos(Fault::Latency { ms: 250 }, 60.0)).await;
    for streamed in [false, true] {
        let began = Instant::now();
        let answer = TO_CHAT.ask(&gateway.client(), streamed).send().await;
        assert_eq!(
            TO_CHAT.heard(&answer.expect_status(200), streamed).text,
            "A"
        );
        assert!(began.elapsed() >= late, "{:?}", began.elapsed());
    }
}

#[tokio::test]
async fn the_breaker_opens_and_closes_again_when_the_fault_is_over() {
    let a = Upstream::always(Reply::json(200, chat::answer("A"))).await;
    let b = Upstream::always(Reply::json(200, chat::answer("B"))).await;
    let circuit = json!({"threshold": 3, "open": 0.2, "open_max": 0.2, "successes": 1});
    let gateway = Config::over([&a, &b])
        .router("circuit", circuit)
        .start()
        .await;
    gateway.act(chaos(Fault::ServerError, 3_600.0)).await;
    for _ in 0..3 {
        let call = gateway
            .chat(chat::ask("m"))
            .header("x-autogw-provider", "a");
        call.send().await.expect_status(502);
    }
    let answer = gateway.ask().await.expect_status(200);
    assert_eq!(route(&answer), "a/m=circuit_open, b/m=ok");
    gateway.act(calm()).await;
    let recovered = async { while gateway.ask().await.expect_status(200).provider() != "a" {} };
    patiently("the breaker to close", recovered).await;
    assert_eq!(gateway.ask().await.provider(), "a");
}

#[tokio::test]
async fn a_fault_ends_by_itself() {
    let a = Upstream::always(Reply::json(200, chat::answer("A"))).await;
    let gateway = Config::over([&a]).start().await;
    gateway.act(chaos(Fault::Garbage, 0.3)).await;
    gateway.ask().await.expect_status(502);
    let over = async { while gateway.ask().await.status != 200 {} };
    patiently("the fault to end", over).await;
    let told = gateway.act(calm()).await;
    assert_eq!(told.message, "no fault was injected");
}

#[tokio::test]
async fn a_built_in_demo_has_faults_as_well() {
    let demo = json!([{"type": "demo", "name": "a"}]);
    let gateway = start(Config::new().set("providers", demo)).await;
    let ask = || gateway.chat(chat::ask("auto")).send();
    ask().await.expect_status(200);
    for (fault, _, _, status) in TABLE {
        gateway.act(chaos(fault, 60.0)).await;
        assert_eq!(ask().await.status, status, "{fault:?}");
        gateway.act(calm()).await;
        gateway
            .act(Act::ResetBreaker {
                provider: "a".to_owned(),
                model: None,
            })
            .await;
        gateway
            .act(Act::Revive {
                provider: "a".to_owned(),
                key: None,
            })
            .await;
        ask().await.expect_status(200);
    }
}
