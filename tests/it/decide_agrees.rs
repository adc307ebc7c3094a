//! What `POST /routing/decide` says is what the next request does, whatever the gateway has been through.

use std::collections::BTreeSet;

use autogw::telemetry::act::{Act, Whom};
use autogw::telemetry::trace::{Trace, Verdict};
use serde_json::{Value, json};

use crate::support::client::Call;
use crate::support::{Config, Gate, Gateway, Reply, Upstream, chat, patiently};

const STRATEGIES: [&str; 4] = ["sequential", "adaptive", "bandit", "weighted"];

fn good() -> Reply {
    Reply::json(200, chat::answer("A"))
}

fn down() -> Reply {
    Reply::json(500, chat::error("down", "server_error", None))
}

fn limited() -> Reply {
    Reply::json(429, chat::error("slow", "rate_limit_error", None)).header("retry-after", "60")
}

async fn serving() -> Upstream {
    Upstream::always(good()).await
}

/// Fails every third time, so that every strategy moves.
async fn flaky() -> Upstream {
    Upstream::answering(|_, turn| if turn % 3 == 0 { down() } else { good() }).await
}

/// `call` in `session`; "" is none.
fn within(call: Call, session: &str) -> Call {
    match session {
        "" => call,
        id => call.header("x-session-id", id),
    }
}

async fn decide(gateway: &Gateway, question: &Value, session: &str) -> Value {
    let call = gateway.client().post("/routing/decide", question.clone());
    let answer = within(call, session).send().await;
    answer.expect_status(200).json()
}

/// The decision, once no failure is so fresh that it may be forgotten before the request comes: the rests of
/// tests are very short.
async fn settled(gateway: &Gateway, question: &Value, session: &str) -> Value {
    let is_passing = |one: &Value| one["health"]["standing"] == "suspect";
    let settling = async {
        loop {
            let decision = decide(gateway, question, session).await;
            let mut candidates = decision["candidates"].as_array().into_iter().flatten();
            if !candidates.any(is_passing) {
                return decision;
            }
        }
    };
    patiently("failures to be forgotten", settling).await
}

/// `provider key` of whom a decision names.
fn whom(target: &Value) -> String {
    let provider = target["provider"].as_str().unwrap_or_default();
    format!("{provider} {}", target["key"])
}

/// The request itself, once its books are closed.
async fn send(gateway: &Gateway, request: &Value, session: &str, id: &str) -> Vec<String> {
    let call = gateway.chat(request.clone()).header("x-request-id", id);
    within(call, session).send().await.expect_status(200);
    asked(&gateway.trace(id).await)
}

/// Who was asked, one after the other.
fn asked(trace: &Trace) -> Vec<String> {
    let was_asked = |verdict| {
        !matches!(
            verdict,
            Verdict::LeftOut | Verdict::CircuitOpen | Verdict::Full | Verdict::Drained
        )
    };
    let tries = trace.tries.iter().filter(|tried| was_asked(tried.verdict));
    tries
        .map(|tried| format!("{} {}", tried.provider, tried.key.unwrap_or(0)))
        .collect()
}

/// Asks, requests and compares so often, in `sessions` by turns; returns who was chosen.
async fn agrees(
    gateway: &Gateway,
    request: &Value,
    (rounds, sessions): (usize, &[&str]),
    what: &str,
) -> BTreeSet<String> {
    let mut seen = BTreeSet::new();
    for round in 0..rounds {
        let session = sessions[round % sessions.len()];
        let decision = settled(gateway, request, session).await;
        let chosen = whom(&decision["chosen"]);
        let id = format!("{what}-{round}").replace(' ', "-");
        let asked = send(gateway, request, session, &id).await;
        let order = decision["order"].as_array().expect("an order").iter();
        let order: Vec<_> = order.map(whom).collect();
        assert_eq!(asked[0], chosen, "{what}, round {round}: {decision}");
        assert_eq!(order[0], chosen, "{what}, round {round}");
        assert!(
            order.starts_with(&asked),
            "{what}, round {round}: {asked:?} {order:?}"
        );
        seen.insert(chosen);
    }
    seen
}

fn many_keys(upstreams: &[Upstream; 3]) -> Config {
    let [a, b, c] = upstreams;
    Config::new()
        .provider("a", a, json!({"api_key": ["1", "2", "3"]}))
        .provider("b", b, json!({}))
        .provider("c", c, json!({"api_key": ["4", "5"]}))
}

#[tokio::test]
async fn under_every_strategy() {
    for strategy in STRATEGIES {
        let upstreams = [flaky().await, serving().await, serving().await];
        let config = many_keys(&upstreams).router("strategy", strategy);
        let gateway = config.start().await;
        let seen = agrees(&gateway, &chat::ask("m"), (40, &[""]), strategy).await;
        assert!(seen.len() > 1, "{strategy}: always {seen:?}");
    }
}

#[tokio::test]
async fn within_sessions() {
    for strategy in STRATEGIES {
        let upstreams = [flaky().await, serving().await, serving().await];
        let config = many_keys(&upstreams).router("strategy", strategy);
        let gateway = config.start().await;
        let sessions = ["s0", "s1", "s2", "s3"];
        let seen = agrees(&gateway, &chat::ask("m"), (24, &sessions), strategy).await;
        assert!(seen.len() > 1, "{strategy}: always {seen:?}");
        let mut reasons = Vec::new();
        for session in sessions {
            let decision = settled(&gateway, &chat::ask("m"), session).await;
            reasons.push(decision["chosen"]["reason"].to_string());
        }
        // One whose target is in trouble may have to move.
        let mut told = reasons.iter();
        assert!(told.any(|reason| reason.contains("session")), "{reasons:?}");
    }
}

#[tokio::test]
async fn of_routes_with_a_strategy_of_their_own_and_hedges() {
    for strategy in STRATEGIES {
        let upstreams = [flaky().await, serving().await, serving().await];
        let steps = ["a", "c", "b"].map(|name| json!({"provider": name, "model": "m"}));
        let routes = json!([{"name": "own", "strategy": strategy, "steps": steps,
            "hedge": {"after": 10, "max_ratio": 1.0}}]);
        let gateway = many_keys(&upstreams).set("routes", routes).start().await;
        let seen = agrees(&gateway, &chat::ask("own"), (20, &[""]), strategy).await;
        assert!(seen.len() > 1, "{strategy}: {seen:?}");
        let decision = settled(&gateway, &chat::ask("own"), "new").await;
        assert_eq!(decision["strategy"], strategy);
        for other in STRATEGIES {
            let mut question = chat::ask("own");
            question["strategy"] = json!(other);
            let decision = decide(&gateway, &question, "new").await;
            assert_eq!(decision["strategy"], other, "it is asked for");
        }
    }
}

#[tokio::test]
async fn when_a_breaker_waits_for_a_probe() {
    for strategy in ["sequential", "adaptive", "bandit"] {
        let a = Upstream::script([down(), good()]).await;
        let b = serving().await;
        let circuit = json!({"threshold": 1, "open": 0.3, "successes": 1});
        let config = Config::over([&a, &b]).router("strategy", strategy);
        let gateway = config.router("circuit", circuit).start().await;
        let request = chat::ask("m");
        let first = gateway
            .chat(request.clone())
            .header("x-autogw-provider", "a");
        first.send().await.expect_status(502);
        let closed = decide(&gateway, &request, "s").await;
        assert_eq!(whom(&closed["chosen"]), "b 1", "{strategy}: {closed}");
        let half_open = async {
            loop {
                let decision = decide(&gateway, &request, "s").await;
                if whom(&decision["chosen"]) == "a 1" {
                    return decision;
                }
            }
        };
        let decision = patiently("a half-open breaker", half_open).await;
        let reason = decision["chosen"]["reason"].as_str().expect("a reason");
        assert!(reason.contains("probe"), "{strategy}: {reason}");
        assert_eq!(
            send(&gateway, &request, "s", "probe").await,
            ["a 1"],
            "{strategy}"
        );
    }
}

#[tokio::test]
async fn when_a_prompt_is_too_long_for_somebody() {
    let (a, b) = (serving().await, serving().await);
    let small = json!({"models": {"m": {"context": 100}}});
    let config = Config::new()
        .provider("a", &a, small)
        .provider("b", &b, json!({}));
    let gateway = config.start().await;
    let mut long = chat::ask("m");
    long["messages"][0]["content"] = json!("a word and ".repeat(400));
    for (request, expected) in [(&chat::ask("m"), "a 1"), (&long, "b 1")] {
        let seen = agrees(&gateway, request, (2, &[""]), expected).await;
        assert_eq!(seen, BTreeSet::from([expected.to_owned()]));
    }
    let decision = decide(&gateway, &long, "s").await;
    let left_out = &decision["candidates"][1]["excluded"];
    assert_eq!(left_out["code"], "context_length", "{decision}");
}

#[tokio::test]
async fn when_somebody_is_full_or_has_had_enough() {
    let gate = Gate::new();
    let held = Upstream::always(good().behind(&gate)).await;
    let (paced, free) = (serving().await, serving().await);
    let config = Config::new()
        .provider("a", &held, json!({"max_concurrency": 1}))
        .provider("b", &paced, json!({"max_rpm": 1}))
        .provider("c", &free, json!({}));
    let gateway = config.start().await;
    let request = chat::ask("m");
    let first = tokio::spawn(gateway.chat(request.clone()).send());
    held.request(0).await;
    let mut seen = Vec::new();
    for id in ["one", "two", "three"] {
        let decision = decide(&gateway, &request, id).await;
        let asked = send(&gateway, &request, id, id).await;
        assert_eq!(asked, [whom(&decision["chosen"])], "{decision}");
        assert_eq!(decision["candidates"][0]["excluded"]["code"], "full");
        seen.extend(asked);
    }
    assert_eq!(seen.last().map(String::as_str), Some("c 1"), "{seen:?}");
    let decision = decide(&gateway, &request, "s").await;
    assert_eq!(decision["candidates"][1]["excluded"]["code"], "paced");
    gate.open();
    first.await.expect("no panic").expect_status(200);
}

#[tokio::test]
async fn when_there_is_no_room_and_it_is_waited_for() {
    let gate = Gate::new();
    let held = Upstream::script([good().behind(&gate), good()]).await;
    let config = Config::new().provider("a", &held, json!({"max_concurrency": 1}));
    let gateway = config.router("limits.wait", 10).start().await;
    let request = chat::ask("m");
    let first = tokio::spawn(gateway.chat(request.clone()).send());
    held.request(0).await;
    let decision = decide(&gateway, &request, "s").await;
    assert_eq!(whom(&decision["chosen"]), "a 1", "{decision}");
    assert_eq!(decision["chosen"]["wait_ms"], 10_000);
    let second = tokio::spawn(gateway.chat(request).send());
    gate.open();
    for answer in [first, second] {
        answer.await.expect("no panic").expect_status(200);
    }
}

#[tokio::test]
async fn when_a_route_goes_on_along_its_fallback() {
    for strategy in STRATEGIES {
        let tired = Upstream::always(limited()).await;
        let (b, c) = (serving().await, serving().await);
        let step = |name: &str| json!({"provider": name, "model": "m"});
        let routes = json!([
            {"name": "small", "steps": [step("a")], "fallbacks": [
                {"on": ["context_length"], "route": "c/m"}, {"on": ["rate_limit"], "route": "large"}]},
            {"name": "large", "strategy": strategy, "steps": [step("b"), step("c")]}
        ]);
        let config = Config::over([&tired, &b, &c]).set("routes", routes);
        let gateway = config.real_rests().start().await;
        let request = chat::ask("small");
        let before = decide(&gateway, &request, "s").await;
        assert_eq!(before["detours"], json!([]));
        let on = |kind: &str, route: &str| json!({"on": [kind], "route": route});
        let fallbacks = json!([on("context_length", "c/m"), on("rate_limit", "large")]);
        assert_eq!(before["fallbacks"], fallbacks);
        send(&gateway, &request, "s", "first").await;
        for round in 0..6 {
            let session = format!("other-{round}");
            let decision = decide(&gateway, &request, &session).await;
            assert_eq!(decision["detours"], json!([on("rate_limit", "large")]));
            assert_eq!(decision["fallbacks"], json!([on("context_length", "c/m")]));
            assert_eq!(decision["candidates"][0]["excluded"]["code"], "resting");
            let id = format!("round-{round}");
            let asked = send(&gateway, &request, &session, &id).await;
            assert_eq!(
                asked[0],
                whom(&decision["chosen"]),
                "{strategy}: {decision}"
            );
        }
        assert_eq!(tired.count(), 1, "{strategy}: it rests");
    }
}

#[tokio::test]
async fn under_the_hand_of_its_owner() {
    let whom = |key, provider: &str| Whom {
        key,
        provider: provider.to_owned(),
        model: None,
    };
    for strategy in STRATEGIES {
        let upstreams = [flaky().await, serving().await, serving().await];
        let gateway = many_keys(&upstreams).start().await;
        let switched = Act::Strategy {
            name: Some(strategy.to_owned()),
        };
        gateway.act(switched).await;
        let key = whom(Some(2), "a");
        gateway.act(Act::Drain { whom: key }).await;
        let what = format!("{strategy} without a key");
        let seen = agrees(&gateway, &chat::ask("m"), (24, &["", "s1", "s2"]), &what).await;
        assert!(!seen.contains("a 2") && !seen.is_empty(), "{seen:?}");
        let pin = Act::Pin {
            provider: "b".to_owned(),
            model: None,
            minutes: 5.0,
        };
        gateway.act(pin).await;
        let what = format!("{strategy} with a pin");
        let seen = agrees(&gateway, &chat::ask("m"), (6, &["", "s1", "s2"]), &what).await;
        assert_eq!(seen, BTreeSet::from(["b 1".to_owned()]), "{strategy}");
        let provider = whom(None, "b");
        gateway.act(Act::Drain { whom: provider }).await;
        let what = format!("{strategy} without the pinned");
        let seen = agrees(&gateway, &chat::ask("m"), (12, &["", "s1", "s2"]), &what).await;
        assert!(seen.iter().all(|one| !one.starts_with('b')), "{seen:?}");
    }
}
