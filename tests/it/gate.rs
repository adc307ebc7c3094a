//! A stream that takes much longer to begin than it usually does is left, while the client has seen nothing.

use serde_json::{Value, json};

use crate::support::{Answer, Config, Gate, Gateway, Reply, Upstream, chat};

/// Streams before a target's habits are known.
const ENOUGH: usize = 25;

/// Answers quickly until it is known, and then only when `gate` opens.
async fn slowing(gate: &Gate, late: Reply) -> Upstream {
    let quick = Reply::sse(chat::stream(&["A"]));
    let mut script = vec![quick; ENOUGH];
    script.push(late.behind(gate));
    Upstream::script(script).await
}

async fn other() -> Upstream {
    Upstream::always(Reply::sse(chat::stream(&["B"]))).await
}

fn narrow() -> Value {
    json!({"factor": 2, "least": 0.1})
}

async fn get_known(gateway: &Gateway) {
    for _ in 0..ENOUGH {
        let answer = gateway.ask_stream().await.expect_status(200);
        assert_eq!(answer.provider(), "a");
    }
}

fn route(answer: &Answer) -> &str {
    answer.header("x-autogw-route").unwrap_or_default()
}

#[tokio::test]
async fn a_slow_stream_is_left_for_the_next_target() {
    let head_first = Reply::stream();
    let said = Reply::sse(chat::stream(&["A"]));
    for late in [head_first, said] {
        let (a, b) = (slowing(&Gate::new(), late).await, other().await);
        let config = Config::over([&a, &b]).router("first_token_gate", narrow());
        let gateway = config.start().await;
        get_known(&gateway).await;
        let answer = gateway.ask_stream().await.expect_status(200);
        assert_eq!(chat::said(&answer.events()), "B");
        assert_eq!(route(&answer), "a/m=slow, b/m=ok");
        a.closed().await;
    }
}

#[tokio::test]
async fn one_that_promises_and_says_nothing_is_left_too() {
    let gate = Gate::new();
    let quick = Reply::sse(chat::stream(&["A"]));
    let mut script = vec![quick; ENOUGH];
    script.push(Reply::stream().event(&chat::role()).pause_until(&gate));
    let (a, b) = (Upstream::script(script).await, other().await);
    let config = Config::over([&a, &b]).router("first_token_gate", narrow());
    let gateway = config.start().await;
    get_known(&gateway).await;
    let answer = gateway.ask_stream().await.expect_status(200);
    assert_eq!(route(&answer), "a/m=slow, b/m=ok");
}

#[tokio::test]
async fn a_slow_stream_is_waited_for_where_nobody_else_is_left() {
    let gate = Gate::new();
    let a = slowing(&gate, Reply::sse(chat::stream(&["late"]))).await;
    let config = Config::over([&a]).router("first_token_gate", json!({"factor": 1, "least": 0.01}));
    let gateway = config.start().await;
    get_known(&gateway).await;
    let asked = tokio::spawn({
        let call = gateway.chat(chat::ask_stream("m"));
        async move { call.send().await }
    });
    a.request(ENOUGH).await;
    // Far more than the gate: these take their turns over the wire.
    for _ in 0..20 {
        gateway.get("/v1/models").await;
    }
    gate.open();
    let answer = asked.await.expect("no panic").expect_status(200);
    assert_eq!(chat::said(&answer.events()), "late");
}

#[tokio::test]
async fn an_unknown_target_has_all_its_time_and_the_gate_can_be_switched_off() {
    let settings = [(narrow(), 0), (json!(false), ENOUGH)];
    for (setting, known) in settings {
        let gate = Gate::new();
        let quick = Reply::sse(chat::stream(&["A"]));
        let mut script = vec![quick; known];
        script.push(Reply::sse(chat::stream(&["late"])).behind(&gate));
        let (a, b) = (Upstream::script(script).await, other().await);
        let config = Config::over([&a, &b])
            .router("first_token_gate", setting)
            .router("timeouts.first_token", 0.4);
        let gateway = config.start().await;
        for _ in 0..known {
            gateway.ask_stream().await.expect_status(200);
        }
        let answer = gateway.ask_stream().await.expect_status(200);
        // It was the limit of everybody that ended it, not the gate.
        assert_eq!(route(&answer), "a/m=timeout, b/m=ok");
    }
}

#[tokio::test]
async fn what_could_have_effects_is_not_left() {
    let gate = Gate::new();
    let (a, b) = (
        slowing(&gate, Reply::sse(chat::stream(&["late"]))).await,
        other().await,
    );
    let config = Config::over([&a, &b])
        .router("first_token_gate", narrow())
        .router("timeouts.first_token", 0.4);
    let gateway = config.start().await;
    get_known(&gateway).await;
    let mut request = chat::ask_stream("m");
    request["store"] = json!(true);
    let answer = gateway.chat(request).send().await.expect_status(504);
    assert_eq!(route(&answer), "a/m=timeout");
    assert_eq!(answer.header("x-should-retry"), Some("false"));
    assert_eq!(b.count(), 0);
}

#[tokio::test]
async fn a_whole_answer_that_does_not_come_is_left_after_a_longer_time() {
    let quick = Reply::json(200, chat::answer("A"));
    let mut script = vec![quick; ENOUGH];
    script.push(Reply::silence());
    let a = Upstream::script(script).await;
    let b = Upstream::always(Reply::json(200, chat::answer("B"))).await;
    let config = Config::over([&a, &b]).router("first_token_gate", narrow());
    let gateway = config.start().await;
    for _ in 0..ENOUGH {
        let answer = gateway.ask().await.expect_status(200);
        assert_eq!(answer.provider(), "a");
    }
    let began = std::time::Instant::now();
    let answer = gateway.ask().await.expect_status(200);
    assert_eq!(route(&answer), "a/m=slow, b/m=ok");
    assert!(began.elapsed().as_secs_f64() > 0.5, "six times a stream's");
    a.closed().await;
}
