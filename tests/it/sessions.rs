//! Sessions: requests of one conversation go to the target whose prompt cache is warm for it, while it is well.

use serde_json::{Value, json};

use crate::support::{Answer, Call, Config, Gate, Gateway, Reply, Upstream, chat};

async fn good() -> Upstream {
    Upstream::always(Reply::json(200, chat::answer("A"))).await
}

/// One provider with three keys, for the models `m` and `n`.
fn three_keys(upstream: &Upstream) -> Config {
    let fields = json!({"api_key": ["key-1", "key-2", "key-3"], "models": ["m", "n"]});
    Config::new().provider("a", upstream, fields)
}

/// The keys that the upstream has seen, by their numbers.
fn keys(upstream: &Upstream) -> String {
    let requests = upstream.requests();
    let keys = requests.iter().map(|request| request.key().unwrap_or("-"));
    keys.map(|key| key.rsplit('-').next().unwrap_or_default())
        .collect()
}

async fn say(call: Call) {
    call.send().await.expect_status(200);
}

/// A chat request for `m` in `session`; "" is none.
fn within(gateway: &Gateway, session: &str) -> Call {
    gateway.chat(chat::ask("m")).header("x-session-id", session)
}

async fn ask(gateway: &Gateway, session: &str) -> Answer {
    within(gateway, session).send().await.expect_status(200)
}

#[tokio::test]
async fn a_session_stays_with_its_key_while_others_take_turns() {
    for strategy in ["sequential", "adaptive", "bandit", "weighted"] {
        let upstream = good().await;
        let config = three_keys(&upstream).router("strategy", strategy);
        let gateway = config.start().await;
        for session in ["s", "", "s", "", "", "s", "s"] {
            ask(&gateway, session).await;
        }
        let seen: Vec<char> = keys(&upstream).chars().collect();
        let own = seen[0];
        let others = [seen[1], seen[3], seen[4]];
        assert_eq!([seen[2], seen[5], seen[6]], [own; 3], "{strategy} {seen:?}");
        assert!(strategy != "sequential" || others != [own; 3], "{seen:?}");
    }
}

#[tokio::test]
async fn sessions_spread_over_the_keys() {
    let upstream = good().await;
    let gateway = three_keys(&upstream).start().await;
    for session in ["x", "y", "z", "z", "y", "x"] {
        ask(&gateway, session).await;
    }
    assert_eq!(keys(&upstream), "123321");
}

#[tokio::test]
async fn a_session_moves_on_a_failure_and_stays_where_it_went() {
    for strategy in ["sequential", "adaptive"] {
        let [good, down] = [200, 500].map(|status| Reply::json(status, chat::answer("A")));
        let first = Upstream::script([good.clone(), down, good]).await;
        let second = self::good().await;
        let config = Config::over([&first, &second]).router("strategy", strategy);
        let gateway = config.start().await;
        let mut served = String::new();
        for _ in 0..4 {
            served.push_str(ask(&gateway, "s").await.provider());
        }
        assert_eq!(served, "abbb", "{strategy}");
        assert_eq!(first.count(), 2, "{strategy}");
        if strategy == "sequential" {
            assert_eq!(ask(&gateway, "").await.provider(), "a");
        }
    }
}

#[tokio::test]
async fn the_same_id_of_another_client_is_another_session() {
    let upstream = good().await;
    let config = three_keys(&upstream).server("api_key", json!(["client-1", "client-2"]));
    let gateway = config.start().await;
    for client in [1, 2, 1, 2, 1] {
        let key = format!("Bearer client-{client}");
        say(within(&gateway, "s").header("authorization", &key)).await;
    }
    assert_eq!(keys(&upstream), "12121");
}

#[tokio::test]
async fn each_model_of_a_session_has_its_own_place() {
    let upstream = good().await;
    let gateway = three_keys(&upstream).start().await;
    for model in ["m", "n", "m", "n", "n", "m"] {
        let call = gateway.chat(chat::ask(model));
        say(call.header("x-session-id", "s")).await;
    }
    assert_eq!(keys(&upstream), "121221");
}

#[tokio::test]
async fn what_agents_send_names_a_session_too() {
    let with = |field: &str, value: Value| {
        let mut body = chat::ask("m");
        body[field] = value;
        body
    };
    let user = r#"{"device_id":"d","session_id":"s-1"}"#;
    let claude = json!({"model": "m", "max_tokens": 9, "metadata": {"user_id": user},
        "messages": [{"role": "user", "content": "hello"}]});
    let input = json!({"model": "m", "input": "hello", "prompt_cache_key": "k"});
    let ask = chat::ask("m");
    for (path, header, body) in [
        ("/v1/chat/completions", "x-claude-code-session-id", &ask),
        ("/v1/chat/completions", "session_id", &ask),
        ("/v1/chat/completions", "x-session-affinity", &ask),
        ("/v1/chat/completions", "", &with("session_id", json!("s"))),
        (
            "/v1/chat/completions",
            "",
            &with("prompt_cache_key", json!("k")),
        ),
        ("/v1/responses", "", &input),
        ("/v1/messages", "", &claude),
    ] {
        let upstream = good().await;
        let gateway = three_keys(&upstream).start().await;
        for _ in 0..3 {
            let call = gateway.client().post(path, body.clone());
            let name = if header.is_empty() { "x-other" } else { header };
            say(call.header(name, "0199-ab")).await;
        }
        assert_eq!(keys(&upstream), "111", "{path} {header} {body}");
    }
}

#[tokio::test]
async fn the_beginning_of_a_conversation_names_it_only_where_that_is_wanted() {
    let turn = |said: &[&str]| {
        let roles = ["user", "assistant"].iter().cycle();
        let messages = roles.zip(said);
        let messages = messages.map(|(role, said)| json!({"role": role, "content": said}));
        json!({"model": "m", "messages": messages.collect::<Vec<_>>()})
    };
    for (is_wanted, expected) in [(true, "12112"), (false, "12312")] {
        let upstream = good().await;
        let config = three_keys(&upstream).router("affinity", json!({"prefix": is_wanted}));
        let gateway = config.start().await;
        for said in [
            &["hi"][..],
            &["hello"],
            &["hi", "A", "more"],
            &["hi", "A", "more", "A", "and more"],
            &["hello", "A", "more"],
        ] {
            say(gateway.chat(turn(said))).await;
        }
        assert_eq!(keys(&upstream), expected, "{is_wanted}");
    }
}

#[tokio::test]
async fn a_stream_counts_from_its_first_token() {
    let gate = Gate::new();
    let open = Reply::stream()
        .event(&chat::token("A"))
        .pause_until(&gate)
        .event(&chat::finish())
        .event(chat::DONE);
    let upstream = Upstream::always(open).await;
    let gateway = three_keys(&upstream).start().await;
    let stream = || {
        let call = gateway.chat(chat::ask_stream("m"));
        call.header("x-session-id", "s")
    };
    let mut first = stream().open().await;
    assert!(first.event().await.is_some());
    let mut second = stream().open().await;
    assert!(second.event().await.is_some());
    gate.open();
    for opened in [first, second] {
        assert!(opened.whole().await.complete);
    }
    assert_eq!(keys(&upstream), "11");
}

#[tokio::test]
async fn a_request_that_fails_everywhere_leaves_no_trace() {
    let refused = Reply::json(400, chat::error("no", "invalid_request_error", None));
    let good = Reply::json(200, chat::answer("A"));
    let upstream = Upstream::script([refused, good]).await;
    let gateway = three_keys(&upstream).start().await;
    within(&gateway, "s").send().await.expect_status(400);
    ask(&gateway, "s").await;
    ask(&gateway, "s").await;
    assert_eq!(keys(&upstream), "122");
}

#[tokio::test]
async fn what_does_not_generate_has_no_session() {
    let embedded = json!({"object": "list", "model": "m", "data": [
        {"object": "embedding", "index": 0, "embedding": [0.5]}
    ]});
    let upstream = Upstream::always(Reply::json(200, embedded)).await;
    let gateway = three_keys(&upstream).start().await;
    for _ in 0..3 {
        let body = json!({"model": "m", "input": "x"});
        let call = gateway.client().post("/v1/embeddings", body);
        say(call.header("x-session-id", "s")).await;
    }
    assert_eq!(keys(&upstream), "123");
}

#[tokio::test]
async fn a_session_is_forgotten_when_its_time_is_over() {
    let upstream = good().await;
    // Shorter than the way to the client and back.
    let config = three_keys(&upstream).router("affinity", json!({"ttl": 0.000_001}));
    let gateway = config.start().await;
    for _ in 0..3 {
        ask(&gateway, "s").await;
    }
    assert_eq!(keys(&upstream), "123");
}

#[tokio::test]
async fn an_id_is_checked_and_stays_here() {
    let upstream = good().await;
    let gateway = three_keys(&upstream).start().await;
    for bad in ["two words", "sch\u{f6}n", &"x".repeat(257)] {
        let answer = within(&gateway, bad).send().await.expect_status(400);
        assert_eq!(answer.error("param"), "x-session-id", "{bad}");
    }
    assert_eq!(upstream.count(), 0);
    ask(&gateway, &"x".repeat(256)).await;
    assert_eq!(upstream.only_request().header("x-session-id"), None);
}
