//! Acts on a running gateway: who is asked no more, who first, by which strategy; and that what is said of it is
//! what the next request meets.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use autogw::telemetry::act::{Act, TunnelAct, Whom};
use autogw::telemetry::snapshot::Steering;
use autogw::telemetry::trace::Verdict;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::support::talk::{TALKS, Talk};
use crate::support::{Answer, Config, Gate, Gateway, Reply, Upstream, chat, patiently};

fn whom(provider: &str, key: Option<usize>, model: Option<&str>) -> Whom {
    Whom {
        provider: provider.to_owned(),
        key,
        model: model.map(str::to_owned),
    }
}

fn drain(whom: &Whom) -> Act {
    Act::Drain { whom: whom.clone() }
}

fn enable(whom: &Whom) -> Act {
    Act::Enable { whom: whom.clone() }
}

fn pin(provider: &str, minutes: f64) -> Act {
    Act::Pin {
        provider: provider.to_owned(),
        model: Some("m".to_owned()),
        minutes,
    }
}

fn route(answer: &Answer) -> &str {
    answer.header("x-autogw-route").unwrap_or_default()
}

async fn serving(text: &str) -> Upstream {
    Upstream::always(Reply::json(200, chat::answer(text))).await
}

async fn decide(gateway: &Gateway, model: &str) -> Value {
    let call = gateway.client().post("/routing/decide", chat::ask(model));
    call.send().await.expect_status(200).json()
}

/// Clients that ask again and again, whole and streamed by turns; none of their requests may fail.
struct Load {
    rounds: Arc<[AtomicUsize; 4]>,
    is_over: Arc<AtomicBool>,
    clients: JoinSet<()>,
}

impl Load {
    fn on(gateway: &Gateway, model: &'static str) -> Self {
        let mut load = Self {
            rounds: Arc::default(),
            is_over: Arc::default(),
            clients: JoinSet::new(),
        };
        for place in 0..load.rounds.len() {
            let (rounds, is_over) = (load.rounds.clone(), load.is_over.clone());
            let client = gateway.client();
            load.clients.spawn(async move {
                while !is_over.load(Ordering::Relaxed) {
                    let answer = client.chat(chat::ask(model)).send().await;
                    assert!(answer.expect_status(200).complete);
                    rounds[place].fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        load
    }

    /// Waits until every client has been answered so often more.
    async fn goes_on(&self, rounds: usize) {
        let counts = || {
            self.rounds
                .iter()
                .map(|count| count.load(Ordering::Relaxed))
        };
        let before: Vec<usize> = counts().collect();
        let all = async {
            while counts().zip(&before).any(|(now, then)| now < then + rounds) {
                tokio::task::yield_now().await;
            }
        };
        patiently("the load to go on", all).await;
    }

    async fn ends(mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        while let Some(ended) = patiently("a client to end", self.clients.join_next()).await {
            ended.expect("no request has failed");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_drained_under_load_is_asked_no_more_until_enabled() {
    for who in [
        whom("a", None, None),
        whom("a", Some(2), None),
        whom("a", None, Some("m")),
    ] {
        let (a, b) = (serving("A").await, serving("B").await);
        let gateway = Config::new()
            .provider("a", &a, json!({"api_key": ["key-1", "key-2"]}))
            .provider("b", &b, json!({}))
            .start()
            .await;
        let is_meant = |key: Option<&str>| who.key.is_none() || key == Some("key-2");
        let count = || {
            let asked = a.requests();
            asked.iter().filter(|one| is_meant(one.key())).count()
        };
        let load = Load::on(&gateway, "m");
        load.goes_on(3).await;
        assert!(count() > 0, "{who:?}");
        gateway.act(drain(&who)).await;
        // What was under way is over.
        load.goes_on(2).await;
        let before = count();
        load.goes_on(5).await;
        assert_eq!(count(), before, "{who:?}: nothing goes there any more");
        gateway.act(enable(&who)).await;
        let again = async {
            while count() == before {
                tokio::task::yield_now().await;
            }
        };
        patiently("it to be asked again", again).await;
        load.ends().await;
    }
}

#[tokio::test]
async fn a_drained_model_leaves_the_others_of_its_provider() {
    let a = serving("A").await;
    let gateway = Config::new()
        .provider("a", &a, json!({"models": ["m", "n"]}))
        .start()
        .await;
    gateway.act(drain(&whom("a", None, Some("m")))).await;
    let answer = gateway.ask().await.expect_status(503);
    assert_eq!(answer.error("code"), "drained");
    gateway.chat(chat::ask("n")).send().await.expect_status(200);
    gateway
        .chat(chat::ask("auto"))
        .send()
        .await
        .expect_status(200);
    assert!(a.requests().iter().all(|one| one.json()["model"] == "n"));
}

#[tokio::test]
async fn when_all_are_drained_every_client_is_told_so() {
    for talk in TALKS {
        let a = talk.upstream().await;
        let gateway = talk.over(&a).start().await;
        let told = gateway.act(drain(&whom("a", None, None))).await;
        assert!(
            told.details.iter().any(|line| line.contains("503")),
            "{told:?}"
        );
        for streamed in [false, true] {
            let answer = talk.ask(&gateway.client(), streamed).send().await;
            let name = talk.name();
            assert!(
                answer.text().contains("is drained"),
                "{name}: {}",
                answer.text()
            );
            // Anthropic has a status of its own for that.
            answer.expect_status(if name == "anthropic" { 529 } else { 503 });
        }
        assert_eq!(a.count(), 0);
        unknown_is_still_unknown(&gateway, talk).await;
    }
}

async fn unknown_is_still_unknown(gateway: &Gateway, talk: Talk) {
    let target = talk.target("zzz", false);
    let call = gateway.client().post(&target, talk.body("zzz", false));
    call.send().await.expect_status(404);
    let call = gateway.client().post("/routing/decide", chat::ask("m"));
    let answer = call.send().await.expect_status(503);
    assert!(
        answer.text().contains("the gateway's owner has drained it"),
        "{}",
        answer.text()
    );
}

#[tokio::test]
async fn a_request_that_was_planned_before_passes_the_drained_over() {
    let gate = Gate::new();
    let a = Upstream::always(Reply::json(500, "{}").behind(&gate)).await;
    let (b, c) = (serving("B").await, serving("C").await);
    let gateway = Config::over([&a, &b, &c]).start().await;
    let call = gateway
        .chat(chat::ask("m"))
        .header("x-request-id", "planned");
    let asked = tokio::spawn(call.send());
    a.request(0).await;
    gateway.act(drain(&whom("b", None, None))).await;
    gate.open();
    let answer = patiently("an answer", asked)
        .await
        .expect("no panic")
        .expect_status(200);
    assert_eq!(route(&answer), "a/m=server_error, b/m=drained, c/m=ok");
    assert_eq!(b.count(), 0);
    assert_eq!(
        gateway.trace("planned").await.tries[1].verdict,
        Verdict::Drained
    );
}

#[tokio::test]
async fn the_last_in_line_that_is_drained_meanwhile_is_what_the_client_is_told_of() {
    let gate = Gate::new();
    let a = Upstream::always(Reply::json(200, chat::answer("A")).behind(&gate)).await;
    let config = Config::new().provider("a", &a, json!({"max_concurrency": 1}));
    let gateway = config.router("limits", json!({"wait": 20})).start().await;
    let first = tokio::spawn(gateway.chat(chat::ask("m")).send());
    a.request(0).await;
    let second = tokio::spawn(gateway.chat(chat::ask("m")).send());
    let is_waiting = async {
        while gateway.facts().house().occupancy().0 < 2 {
            tokio::task::yield_now().await;
        }
    };
    patiently("the second to arrive", is_waiting).await;
    gateway.act(drain(&whom("a", None, None))).await;
    gate.open();
    let first = patiently("the first", first).await.expect("no panic");
    assert_eq!(first.status, 200, "what is under way ends in its own time");
    let second = patiently("the second", second).await.expect("no panic");
    let second = second.expect_status(503);
    assert_eq!(second.error("code"), "drained");
    assert_eq!(a.count(), 1);
}

#[tokio::test]
async fn a_route_goes_around_its_drained_steps() {
    let (a, b) = (serving("A").await, serving("B").await);
    let routes = json!([{
        "name": "main", "steps": [{"provider": "a", "model": "m"}],
        "fallbacks": [{"on": ["any"], "route": "b/m"}]
    }]);
    let gateway = Config::over([&a, &b]).set("routes", routes).start().await;
    gateway.act(drain(&whom("a", None, None))).await;
    let decision = decide(&gateway, "main").await;
    assert_eq!(decision["chosen"]["provider"], "b", "{decision}");
    let answer = gateway
        .chat(chat::ask("main"))
        .send()
        .await
        .expect_status(200);
    assert_eq!((answer.provider(), a.count()), ("b", 0));
}

#[tokio::test]
async fn a_pin_is_asked_first_and_others_still_step_in() {
    let a = serving("A").await;
    let good = Reply::json(200, chat::answer("B"));
    let b = Upstream::script([good.clone(), Reply::json(500, "{}"), good]).await;
    let gateway = Config::over([&a, &b]).start().await;
    let told = gateway.act(pin("b", 5.0)).await;
    assert_eq!(told.message, "b/m is asked first for 5 min");
    let decision = decide(&gateway, "m").await;
    assert_eq!(decision["chosen"]["reason"], "its owner has pinned it");
    assert_eq!(decision["steered"]["pinned"], true);
    let answer = gateway.ask().await.expect_status(200);
    assert_eq!(route(&answer), "b/m=ok");
    let answer = gateway.ask().await.expect_status(200);
    assert_eq!(route(&answer), "b/m=server_error, a/m=ok");
    gateway.act(Act::Unpin).await;
    assert_eq!(gateway.ask().await.provider(), "a");
    assert_eq!(gateway.act(Act::Unpin).await.message, "nobody was pinned");
}

#[tokio::test]
async fn a_pin_ends_by_itself() {
    let (a, b) = (serving("A").await, serving("B").await);
    let gateway = Config::over([&a, &b]).start().await;
    gateway.act(pin("b", 0.005)).await;
    let over = async { while gateway.ask().await.expect_status(200).provider() == "b" {} };
    patiently("the pin to end", over).await;
    assert_eq!(decide(&gateway, "m").await["steered"]["pinned"], false);
}

#[tokio::test]
async fn the_strategy_is_switched_and_switched_back() {
    let (a, b) = (serving("A").await, serving("B").await);
    let gateway = Config::over([&a, &b]).start().await;
    let by = |name: Option<&str>| Act::Strategy {
        name: name.map(str::to_owned),
    };
    gateway.act(by(Some("weighted"))).await;
    let decision = decide(&gateway, "m").await;
    assert_eq!(decision["strategy"], "weighted");
    assert_eq!(decision["steered"]["strategy"], true);
    let call = gateway
        .chat(chat::ask("m"))
        .header("x-request-id", "switched");
    call.send().await.expect_status(200);
    assert_eq!(gateway.trace("switched").await.strategy, "weighted");
    gateway.act(by(None)).await;
    assert_eq!(decide(&gateway, "m").await["strategy"], "sequential");
    let refused = gateway
        .refuses(Act::Strategy {
            name: Some("wieghted".to_owned()),
        })
        .await;
    assert_eq!(refused.hint.as_deref(), Some("did you mean weighted?"));
}

#[tokio::test]
async fn breakers_are_reset_and_keys_revived() {
    let limited = Reply::json(429, chat::error("slow", "rate_limit_error", None));
    let mut script = vec![Reply::json(500, "{}"); 5];
    script.push(Reply::json(200, chat::answer("A")));
    script.push(limited.header("retry-after", "600"));
    script.push(Reply::json(200, chat::answer("A")));
    let a = Upstream::script(script).await;
    let b = serving("B").await;
    let gateway = Config::over([&a, &b]).start().await;
    let only_a = || {
        gateway
            .chat(chat::ask("m"))
            .header("x-autogw-provider", "a")
    };
    for _ in 0..5 {
        only_a().send().await.expect_status(502);
    }
    let answer = gateway.ask().await;
    assert_eq!(route(&answer), "a/m=circuit_open, b/m=ok");
    let reset = Act::ResetBreaker {
        provider: "a".to_owned(),
        model: None,
    };
    assert_eq!(
        gateway.act(reset.clone()).await.message,
        "a is as good as new"
    );
    assert_eq!(
        gateway.act(reset).await.message,
        "nothing was held against a"
    );
    assert_eq!(route(&gateway.ask().await), "a/m=ok");
    assert_eq!(
        gateway.ask().await.provider(),
        "b",
        "its key rests from now on"
    );
    assert_eq!(gateway.ask().await.provider(), "b");
    let asked = a.count();
    let revive = Act::Revive {
        provider: "a".to_owned(),
        key: Some(1),
    };
    assert_eq!(
        gateway.act(revive).await.message,
        "key 1 of a is asked again"
    );
    assert_eq!(gateway.ask().await.provider(), "a");
    assert_eq!(a.count(), asked + 1);
}

#[tokio::test]
async fn nobody_is_drained_under_a_name_that_cannot_be_asked_for() {
    let a = serving("A").await;
    let config = Config::new().provider("open", &a, json!({"models": "*"}));
    let gateway = config.start().await;
    for name in ["m\u{1b}[2J", "m\n", "m\u{202e}", ""] {
        gateway
            .refuses(drain(&whom("open", None, Some(name))))
            .await;
    }
    gateway
        .act(drain(&whom("open", None, Some("any name"))))
        .await;
}

#[tokio::test]
async fn who_is_not_there_is_refused_and_who_may_have_been_meant_is_named() {
    let a = serving("A").await;
    let config = Config::new().provider("alpha", &a, json!({"models": ["m-large", "n"]}));
    let gateway = config.start().await;
    let alpha = || "alpha".to_owned();
    let table = [
        (
            drain(&whom("alhpa", None, None)),
            "there is no provider `alhpa`",
            "did you mean alpha?",
        ),
        (
            drain(&whom("zzz", None, None)),
            "there is no provider `zzz`",
            "there are: alpha",
        ),
        (
            drain(&whom("alpha", Some(2), None)),
            "alpha has no key 2",
            "it has key 1",
        ),
        (
            drain(&whom("alpha", Some(0), None)),
            "alpha has no key 0",
            "it has key 1",
        ),
        (
            enable(&whom("alpha", None, Some("m-lagre"))),
            "there is no model of alpha `m-lagre`",
            "did you mean m-large?",
        ),
        (
            pin("alpha", 1.0),
            "there is no model of alpha `m`",
            "there are: m-large, n",
        ),
        (
            Act::Calm {
                provider: Some("x".to_owned()),
            },
            "there is no provider `x`",
            "there are: alpha",
        ),
        (
            Act::Tunnel {
                kind: "ngork".to_owned(),
                what: TunnelAct::Open,
            },
            "there is no tunnel `ngork`",
            "did you mean ngrok?",
        ),
    ];
    for (act, message, hint) in table {
        let refused = gateway.refuses(act.clone()).await;
        assert_eq!(
            (&*refused.message, refused.hint.as_deref()),
            (message, Some(hint)),
            "{act:?}"
        );
    }
    for minutes in [0.0, -1.0, 1441.0] {
        let act = Act::Pin {
            provider: alpha(),
            model: None,
            minutes,
        };
        assert!(
            gateway
                .refuses(act)
                .await
                .message
                .starts_with("`minutes` must be")
        );
    }
    assert_eq!(
        gateway.facts().steering().view(std::time::Instant::now()),
        Steering::default()
    );
}

#[tokio::test]
async fn candidates_are_noted_while_somebody_watches() {
    let (a, b, c) = (serving("A").await, serving("B").await, serving("C").await);
    let gateway = Config::over([&a, &b, &c])
        .router("strategy", "adaptive")
        .start()
        .await;
    gateway.act(drain(&whom("b", None, None))).await;
    let ask = async |id: &str| {
        let call = gateway.chat(chat::ask("m")).header("x-request-id", id);
        call.send().await.expect_status(200);
        gateway.trace(id).await.candidates
    };
    assert_eq!(ask("unseen").await, []);
    gateway.facts().steering().set_watched(true);
    let decision = decide(&gateway, "m").await;
    let seen = ask("seen").await;
    let told: Vec<_> = seen.iter().map(|one| (&*one.provider, one.rank)).collect();
    let expected: Vec<_> = decision["candidates"]
        .as_array()
        .expect("a list")
        .iter()
        .collect();
    assert_eq!(told.len(), 3);
    for (one, other) in seen.iter().zip(expected) {
        assert_eq!(*one.provider, other["provider"]);
        assert_eq!(one.rank.map(|rank| rank as u64), other["rank"].as_u64());
        assert_eq!(
            one.excluded.as_deref(),
            other["excluded"]["reason"].as_str()
        );
    }
    assert_eq!(told[2], ("b", None));
    gateway.facts().steering().set_watched(false);
    assert_eq!(ask("unseen-again").await, []);
}
