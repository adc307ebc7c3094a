//! A slow target is overtaken by a second one, within a budget, and never where that could have effects.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::client::Call;
use crate::support::talk::{TALKS, TO_ANTHROPIC, TO_CHAT, Talk};
use crate::support::{Answer, Config, Gate, Gateway, Reply, Upstream, chat, patiently};

/// A second request soon, and as often as it pleases.
fn soon() -> Value {
    json!({"after": 0.05, "max_ratio": 1.0})
}

fn hedged(config: Config) -> Config {
    config.router("hedge", soon())
}

/// Says it all once `gate` is open.
fn late(gate: &Gate, text: &str) -> Upstreams {
    Upstreams {
        whole: Reply::json(200, chat::answer(text)).behind(gate),
        stream: Reply::sse(chat::stream(&[text])).behind(gate),
    }
}

/// What an upstream says to either kind of request.
struct Upstreams {
    whole: Reply,
    stream: Reply,
}

impl Upstreams {
    async fn listen(self) -> Upstream {
        Upstream::answering(move |request, _| {
            if request.json()["stream"] == true {
                self.stream.clone()
            } else {
                self.whole.clone()
            }
        })
        .await
    }
}

async fn good(text: &str) -> Upstream {
    let open = Gate::new();
    open.open();
    late(&open, text).listen().await
}

fn route(answer: &Answer) -> &str {
    answer.header("x-autogw-route").unwrap_or_default()
}

async fn ask(gateway: &Gateway, request: Value) -> Answer {
    gateway.chat(request).send().await
}

#[tokio::test]
async fn a_second_target_overtakes_one_that_stalls_and_the_loser_is_closed() {
    for request in [chat::ask("m"), chat::ask_stream("m")] {
        let a = late(&Gate::new(), "A").listen().await;
        let b = good("B").await;
        let gateway = hedged(Config::over([&a, &b])).start().await;
        let answer = ask(&gateway, request.clone()).await.expect_status(200);
        assert_eq!(answer.provider(), "b");
        assert_eq!(answer.header("x-autogw-attempts"), Some("2"));
        assert_eq!(route(&answer), "a/m=lost, b/m=ok");
        assert!(answer.complete);
        a.closed().await;
        assert_eq!(gateway.hedges(), (1, 1));
        let told = gateway.get("/routing/requests").await;
        let counts = json!({"started": 1, "won": 1, "refused": 0});
        assert_eq!(told["hedges"], counts);
        // It is held against nobody: who has lost is asked first again.
        let again = ask(&gateway, request).await.expect_status(200);
        assert_eq!(route(&again), "a/m=lost, b/m=ok");
    }
}

#[tokio::test]
async fn a_stream_that_has_said_nothing_yet_is_overtaken_too() {
    let gate = Gate::new();
    let begun = Reply::stream().event(&chat::role()).pause_until(&gate);
    let a = Upstream::always(begun.event(&chat::token("A"))).await;
    let b = good("B").await;
    let gateway = hedged(Config::over([&a, &b])).start().await;
    let answer = gateway.ask_stream().await.expect_status(200);
    assert_eq!(chat::said(&answer.events()), "B");
    a.closed().await;
}

#[tokio::test]
async fn the_first_may_still_win() {
    let (first, never) = (Gate::new(), Gate::new());
    let a = late(&first, "A").listen().await;
    let b = late(&never, "B").listen().await;
    let gateway = hedged(Config::over([&a, &b])).start().await;
    let asked = tokio::spawn({
        let call = gateway.chat(chat::ask("m"));
        async move { call.send().await }
    });
    b.request(0).await;
    first.open();
    let answer = asked.await.expect("no panic").expect_status(200);
    assert_eq!(route(&answer), "a/m=ok, b/m=lost");
    b.closed().await;
    assert_eq!(gateway.hedges(), (1, 0));
}

#[tokio::test]
async fn if_one_of_them_fails_the_other_goes_on_alone() {
    let (first, second) = (Gate::new(), Gate::new());
    let down = |gate: &Gate| Reply::json(500, "{}").behind(gate);
    let a = Upstream::always(down(&first)).await;
    let b = late(&second, "B").listen().await;
    let gateway = hedged(Config::over([&a, &b])).start().await;
    let asked = tokio::spawn({
        let call = gateway.chat(chat::ask_stream("m"));
        async move { call.send().await }
    });
    b.request(0).await;
    first.open();
    let failed = async {
        loop {
            let health = gateway.get("/providers/a/health").await;
            if health.to_string().contains("\"failures\":1") {
                return;
            }
        }
    };
    patiently("a failure in the books", failed).await;
    second.open();
    let answer = asked.await.expect("no panic").expect_status(200);
    assert_eq!(answer.provider(), "b");
    assert_eq!(route(&answer), "a/m=server_error, b/m=ok");
}

#[tokio::test]
async fn both_may_fail_and_a_third_answers() {
    let first = Gate::new();
    let a = Upstream::always(Reply::json(500, "{}").behind(&first)).await;
    let b = Upstream::always(Reply::json(503, "{}")).await;
    let c = good("C").await;
    let gateway = hedged(Config::over([&a, &b, &c])).start().await;
    let asked = tokio::spawn({
        let call = gateway.chat(chat::ask("m"));
        async move { call.send().await }
    });
    b.request(0).await;
    first.open();
    let answer = asked.await.expect("no panic").expect_status(200);
    assert_eq!(route(&answer), "a/m=server_error, b/m=server_error, c/m=ok");
}

#[tokio::test]
async fn the_budget_holds_when_everything_stalls() {
    let gate = Gate::new();
    let a = late(&gate, "A").listen().await;
    let b = late(&gate, "B").listen().await;
    let few = json!({"after": 0.01, "max_ratio": 0.02});
    let gateway = Config::over([&a, &b]).router("hedge", few).start().await;
    let asked = tokio::spawn({
        let calls: Vec<_> = (0..100).map(|_| gateway.chat(chat::ask("m"))).collect();
        async move { join_all(calls.into_iter().map(Call::send)).await }
    });
    a.request(99).await;
    b.request(0).await;
    gate.open();
    let answers = asked.await.expect("no panic");
    assert!(answers.iter().all(|answer| answer.status == 200));
    let (started, _) = gateway.hedges();
    // Two in a hundred, and the one that a quiet gateway has in hand.
    assert!((1..=3).contains(&started), "{started} of 100");
    assert_eq!(b.count() as u64, started);
}

#[tokio::test]
async fn what_could_have_effects_is_asked_once() {
    let storing = {
        let mut request = chat::ask("m");
        request["store"] = json!(true);
        request
    };
    let searching = {
        let mut request = chat::ask("m");
        request["tools"] = json!([{"type": "web_search"}]);
        request
    };
    let asking_to_search = {
        let mut request = chat::ask("m");
        request["web_search_options"] = json!({});
        request
    };
    for request in [storing, searching, asking_to_search] {
        let gate = Gate::new();
        let a = late(&gate, "A").listen().await;
        let b = good("B").await;
        let eager = json!({"after": 0.001, "max_ratio": 1.0});
        let gateway = Config::over([&a, &b]).router("hedge", eager).start().await;
        let asked = tokio::spawn({
            let call = gateway.chat(request);
            async move { call.send().await }
        });
        a.request(0).await;
        // A plain request overtakes the same stall meanwhile, so there was time for the other one.
        gateway.ask().await.expect_status(200);
        gate.open();
        let answer = asked.await.expect("no panic").expect_status(200);
        assert_eq!(route(&answer), "a/m=ok");
        assert_eq!(gateway.hedges().0, 1);
    }
}

#[tokio::test]
async fn without_a_time_of_its_own_a_target_is_given_its_time() {
    let gate = Gate::new();
    let a = late(&gate, "A").listen().await;
    let b = good("B").await;
    let own = json!({"max_ratio": 1.0});
    let gateway = Config::over([&a, &b]).router("hedge", own).start().await;
    let asked = tokio::spawn({
        let call = gateway.chat(chat::ask("m"));
        async move { call.send().await }
    });
    a.request(0).await;
    gate.open();
    asked.await.expect("no panic").expect_status(200);
    // A percentile means something from twenty times on.
    for _ in 0..15 {
        gateway.ask().await.expect_status(200);
    }
    assert_eq!(gateway.hedges().0, 0, "nothing is known of it yet");
}

#[tokio::test]
async fn a_target_is_overtaken_after_its_own_usual_time() {
    let gate = Gate::new();
    let stalling = Reply::json(200, chat::answer("A")).behind(&gate);
    let quick = Reply::json(200, chat::answer("A"));
    let mut script = vec![quick; 25];
    script.push(stalling);
    let a = Upstream::script(script).await;
    let b = good("B").await;
    let own = json!({"max_ratio": 1.0});
    let gateway = Config::over([&a, &b]).router("hedge", own).start().await;
    let mut answers = Vec::new();
    for _ in 0..26 {
        answers.push(gateway.ask().await.expect_status(200));
    }
    assert_eq!(route(&answers[25]), "a/m=lost, b/m=ok");
}

#[tokio::test]
async fn times_of_first_tokens_say_nothing_of_whole_answers() {
    let gate = Gate::new();
    let quick = Reply::sse(chat::stream(&["A"]));
    let mut script = vec![quick; 25];
    script.push(Reply::json(200, chat::answer("A")).behind(&gate));
    let a = Upstream::script(script).await;
    let b = good("B").await;
    let own = json!({"max_ratio": 1.0});
    let gateway = Config::over([&a, &b]).router("hedge", own).start().await;
    for _ in 0..25 {
        gateway.ask_stream().await.expect_status(200);
    }
    let known = gateway.hedges();
    let asked = tokio::spawn({
        let call = gateway.chat(chat::ask("m"));
        async move { call.send().await }
    });
    a.request(25).await;
    // Far more than a first token takes: these take their turns over the wire.
    for _ in 0..20 {
        gateway.get("/v1/models").await;
    }
    gate.open();
    let answer = asked.await.expect("no panic").expect_status(200);
    assert_eq!((answer.provider(), gateway.hedges()), ("a", known));
}

#[tokio::test]
async fn it_is_opt_in_and_a_route_may_opt_in_alone() {
    let gate = Gate::new();
    let a = late(&gate, "A").listen().await;
    let b = good("B").await;
    let steps = json!([{"provider": "a", "model": "m"}, {"provider": "b", "model": "m"}]);
    let routes = json!([
        {"name": "fast", "steps": steps, "hedge": soon()},
        {"name": "slow", "steps": steps}
    ]);
    let gateway = Config::over([&a, &b]).set("routes", routes).start().await;
    let slow = tokio::spawn({
        let call = gateway.chat(chat::ask("slow"));
        async move { call.send().await }
    });
    a.request(0).await;
    let fast = ask(&gateway, chat::ask("fast")).await.expect_status(200);
    assert_eq!(route(&fast), "a/m=lost, b/m=ok");
    gate.open();
    let slow = slow.await.expect("no panic").expect_status(200);
    assert_eq!(route(&slow), "a/m=ok");
}

#[tokio::test]
async fn translated_requests_are_overtaken_as_well() {
    for client in TALKS {
        for upstream in [TO_CHAT, TO_ANTHROPIC] {
            overtakes(client, upstream, false).await;
            overtakes(client, upstream, true).await;
        }
    }
}

async fn overtakes(client: Talk, upstream: Talk, streams: bool) {
    let stalling = Upstream::always(Reply::silence()).await;
    let other = Upstream::always(upstream.reply(streams)).await;
    let config = upstream.over(&stalling);
    let config = config.provider("other", &other, upstream.fields());
    let gateway = hedged(config).start().await;
    let answer = client.ask(&gateway.client(), streams).send().await;
    let place = format!("{} to {}, {streams}", client.name(), upstream.name());
    assert_eq!(answer.status, 200, "{place}: {}", answer.text());
    assert_eq!(answer.provider(), "other", "{place}");
    stalling.closed().await;
}
