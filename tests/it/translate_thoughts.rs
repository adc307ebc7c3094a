//! What a model thought before it called a tool comes back to it as it was, through clients of every
//! dialect, and to nobody else.

use serde_json::{Value, json};

use crate::support::talk::{SAID, TO_ANTHROPIC, TO_CHAT, TO_GEMINI, TO_RESPONSES, Talk};
use crate::support::thinker::{
    self, HIDDEN, THOUGHT, TO_DEEPSEEK, TO_OPENROUTER, TOKEN, ToolUser, assert_kept,
};
use crate::support::{Answer, Client, Config, Gateway, Reply, Upstream};

/// Who thinks in tokens.
const THINKERS: [Talk; 5] = [
    TO_ANTHROPIC,
    TO_GEMINI,
    TO_RESPONSES,
    TO_OPENROUTER,
    TO_DEEPSEEK,
];

fn user(talk: Talk, streamed: bool, forgets: bool) -> ToolUser {
    ToolUser {
        talk,
        streamed,
        forgets,
    }
}

/// Clients of other dialects than the thinker's.
fn users(thinker: Talk) -> Vec<ToolUser> {
    let all = [
        user(TO_CHAT, false, false),
        user(TO_CHAT, true, false),
        user(TO_CHAT, false, true),
        user(TO_CHAT, true, true),
        user(TO_RESPONSES, false, false),
        user(TO_RESPONSES, true, false),
        user(TO_ANTHROPIC, false, false),
        user(TO_ANTHROPIC, true, false),
        user(TO_GEMINI, false, false),
        user(TO_GEMINI, true, false),
    ];
    let is_foreign = |user: &ToolUser| user.talk.name() != thinker.name();
    all.into_iter().filter(is_foreign).collect()
}

/// No upstream ever sees a seal.
#[track_caller]
fn assert_unsealed(upstreams: &[&Upstream]) {
    for request in upstreams.iter().flat_map(|upstream| upstream.requests()) {
        let text = request.text();
        assert!(!text.contains("agw1"), "{text}");
        assert!(!text.contains("YWd3MS"), "{text}");
    }
}

/// Two turns of `user`; the answers.
async fn converse(client: &Client, user: ToolUser) -> (Answer, Answer) {
    let first = client.post(&user.target(), user.first()).send().await;
    let first = first.expect_status(200);
    let second = client.post(&user.target(), user.second(&first)).send();
    let second = second.await.expect_status(200);
    (first, second)
}

#[tokio::test]
async fn a_thought_comes_back_to_its_thinker_as_it_was() {
    for thinker in THINKERS {
        for user in users(thinker) {
            let place = format!("{user:?} of {}", thinker.name());
            let upstream = thinker::upstream(thinker).await;
            let config = Config::new().provider("a", &upstream, thinker::fields(thinker));
            let gateway = config.start().await;
            let (first, second) = converse(&gateway.client(), user).await;
            assert!(!first.text().contains(TOKEN), "{place}: it is sealed");
            let heard = user.talk.heard(&second, user.streamed);
            assert_eq!(heard.text, SAID, "{place}");
            assert_kept(thinker, &upstream.requests()[1].json(), &place);
            let dropped = |answer: &Answer| answer.header("x-autogw-dropped").map(str::to_owned);
            // What is wanted of the model may be lost each time, but of the thoughts nothing is.
            assert_eq!(dropped(&second), dropped(&first), "{place}");
            assert_unsealed(&[&upstream]);
        }
    }
}

#[tokio::test]
async fn a_stored_conversation_holds_its_thoughts() {
    for thinker in [TO_ANTHROPIC, TO_GEMINI, TO_OPENROUTER, TO_DEEPSEEK] {
        for streamed in [false, true] {
            let place = format!("{} ({streamed})", thinker.kind);
            let upstream = thinker::upstream(thinker).await;
            let config = Config::new().provider("a", &upstream, thinker::fields(thinker));
            let gateway = config.start().await;
            let user = user(TO_RESPONSES, streamed, false);
            let mut body = user.first();
            body["store"] = json!(true);
            let client = gateway.client();
            let first = client.post(&user.target(), &body).send().await;
            let first = first.expect_status(200);
            let whole = user.second(&first);
            let items = whole["input"].as_array().expect("items").iter();
            let results = items.filter(|item| item["type"] == "function_call_output");
            body["input"] = results.cloned().collect();
            body["previous_response_id"] = if streamed {
                let events = first.events();
                let last: Value =
                    serde_json::from_str(events.last().expect("events")).expect("JSON");
                last["response"]["id"].clone()
            } else {
                first.json()["id"].clone()
            };
            let second = client.post(&user.target(), &body).send().await;
            second.expect_status(200);
            assert_kept(thinker, &upstream.requests()[1].json(), &place);
            assert_unsealed(&[&upstream]);
        }
    }
}

#[tokio::test]
async fn thoughts_of_every_step_come_back() {
    for forgets in [false, true] {
        let upstream = thinker::upstream(TO_ANTHROPIC).await;
        let config = Config::new().provider("a", &upstream, thinker::fields(TO_ANTHROPIC));
        let gateway = config.start().await;
        let user = user(TO_CHAT, true, forgets);
        let first = gateway.chat(user.first()).send().await.expect_status(200);
        let mut body = user.second(&first);
        gateway.chat(&body).send().await.expect_status(200);
        // The same conversation goes on with another question.
        let messages = body["messages"].as_array_mut().expect("messages");
        messages.push(json!({"role": "assistant", "content": SAID}));
        messages.push(json!({"role": "user", "content": "and then?"}));
        gateway.chat(&body).send().await.expect_status(200);
        let last = upstream.requests().pop().expect("a third turn").json();
        assert_kept(TO_ANTHROPIC, &last, &format!("forgets: {forgets}"));
    }
}

/// Asks with the key `first`, and goes on with `second`; what the upstream was sent then.
async fn with_keys(first: &str, second: &str, config: impl Fn(Config) -> Config) -> Value {
    let upstream = thinker::upstream(TO_ANTHROPIC).await;
    let base = Config::new()
        .provider("a", &upstream, thinker::fields(TO_ANTHROPIC))
        .server("api_key", json!(["client-one", "client-two"]));
    let gateway = config(base).start().await;
    let client = |key: &str| {
        let bearer = format!("Bearer {key}");
        gateway.client().with("authorization", &bearer)
    };
    let user = user(TO_CHAT, true, true);
    let answer = client(first)
        .chat(user.first())
        .send()
        .await
        .expect_status(200);
    let body = user.second(&answer);
    client(second).chat(body).send().await.expect_status(200);
    assert_unsealed(&[&upstream]);
    upstream.requests()[1].json()
}

#[tokio::test]
async fn what_is_remembered_is_remembered_for_one_key() {
    let same = |config| config;
    assert_kept(
        TO_ANTHROPIC,
        &with_keys("client-one", "client-one", same).await,
        "the same key",
    );
    let other = with_keys("client-one", "client-two", same).await;
    assert_eq!(thinker::thoughts(TO_ANTHROPIC, &other), Vec::<Value>::new());
    let off = with_keys("client-one", "client-one", |config| {
        config.router("conversations", "off")
    })
    .await;
    assert_eq!(thinker::thoughts(TO_ANTHROPIC, &off), Vec::<Value>::new());
}

#[tokio::test]
async fn it_is_remembered_before_the_client_hears_the_end() {
    for thinker in [TO_ANTHROPIC, TO_RESPONSES] {
        // The upstream says its last word and does not close.
        let body = thinker::stream(thinker);
        let upstream = Upstream::answering(move |request, _| {
            if request.text().contains("the result") {
                return thinker.reply(true);
            }
            Reply::stream().bytes(body.clone()).hang_after(body.len())
        })
        .await;
        let config = Config::new().provider("a", &upstream, thinker::fields(thinker));
        let gateway = config.start().await;
        let user = user(TO_CHAT, true, true);
        for turn in 0..10 {
            let mut opened = gateway.chat(user.first()).open().await;
            let mut events = Vec::new();
            while events.last().is_none_or(|event| event != "[DONE]") {
                events.push(opened.event().await.expect("an end"));
            }
            // Now, and not when the connection has ended.
            let heard = Answer {
                status: 200,
                headers: Vec::new(),
                body: crate::support::chat::wire(&events),
                complete: false,
            };
            let call = gateway.chat(user.second(&heard));
            call.send().await.expect_status(200);
            let sent = upstream.requests().pop().expect("a second turn").json();
            assert_kept(thinker, &sent, &format!("{} {turn}", thinker.name()));
        }
    }
}

/// A route over a thinker that fails on the second turn, and a stand-in.
async fn failing_over(thinker: Talk, other: Talk) -> (Gateway, Upstream, Upstream) {
    let first = Upstream::answering(move |request, _| {
        let streamed = request.target.contains("stream") || request.json()["stream"] == true;
        match (request.text().contains("the result"), streamed) {
            (true, _) => Reply::json(500, "{}"),
            (false, true) => Reply::stream().bytes(thinker::stream(thinker)),
            (false, false) => Reply::json(200, thinker::answer(thinker)),
        }
    })
    .await;
    let second = other.upstream().await;
    let config = Config::new()
        .provider("first", &first, thinker::fields(thinker))
        .provider("second", &second, other.fields())
        .set(
            "routes",
            json!([{"name": "m", "steps": [
                {"provider": "first", "model": "m"}, {"provider": "second", "model": "m"}]}]),
        );
    (config.start().await, first, second)
}

#[tokio::test]
async fn a_stranger_gets_no_thoughts_and_the_client_is_told() {
    for (thinker, other) in [
        (TO_ANTHROPIC, TO_CHAT),
        (TO_ANTHROPIC, TO_GEMINI),
        (TO_ANTHROPIC, TO_RESPONSES),
        (TO_GEMINI, TO_CHAT),
        (TO_GEMINI, TO_ANTHROPIC),
        (TO_RESPONSES, TO_ANTHROPIC),
    ] {
        for user in users(thinker) {
            let place = format!("{user:?} of {} at {}", thinker.name(), other.name());
            let (gateway, first, second) = failing_over(thinker, other).await;
            let (_, answer) = converse(&gateway.client(), user).await;
            assert_eq!(answer.provider(), "second", "{place}");
            assert_eq!(answer.header("x-autogw-attempts"), Some("2"), "{place}");
            let sent = second.only_request();
            for secret in [TOKEN, HIDDEN] {
                assert!(!sent.text().contains(secret), "{place}: {}", sent.text());
            }
            // What a client of Chat sends another host of Chat to read is between them.
            let is_chat = user.talk.name() == "chat" && other.name() == "chat";
            let has_read = sent.text().contains(THOUGHT);
            assert!(!has_read || is_chat, "{place}: {}", sent.text());
            let dropped = answer.header("x-autogw-dropped").unwrap_or_default();
            let names = [
                "reasoning",
                "thinking",
                "signature",
                "encrypted",
                "thought",
                "extra_content",
            ];
            // A client that forgot sent nothing that a native upstream could have been refused.
            if user.forgets && other.name() == "chat" {
                continue;
            }
            let is_told = names
                .iter()
                .any(|name| dropped.to_lowercase().contains(name));
            assert!(is_told, "{place}: {dropped:?}");
            assert_unsealed(&[&first, &second]);
        }
    }
}

#[tokio::test]
async fn a_client_of_another_family_brings_no_seal_to_its_own() {
    // An Anthropic client talked to Gemini; now Anthropic's own provider goes on.
    for (client, thinker) in [
        (TO_ANTHROPIC, TO_GEMINI),
        (TO_GEMINI, TO_ANTHROPIC),
        (TO_RESPONSES, TO_ANTHROPIC),
        (TO_CHAT, TO_ANTHROPIC),
    ] {
        let (gateway, first, second) = failing_over(thinker, client).await;
        let user = user(client, false, false);
        let (told, answer) = converse(&gateway.client(), user).await;
        assert_eq!(answer.provider(), "second", "{}", client.name());
        assert!(told.text().contains("agw1") || told.text().contains("YWd3MS"));
        let sent = second.only_request();
        assert!(!sent.text().contains(TOKEN), "{}", sent.text());
        assert!(sent.text().contains("the result"), "{}", sent.text());
        assert_unsealed(&[&first, &second]);
    }
}

#[tokio::test]
async fn under_strict_a_stranger_is_not_asked() {
    let (gateway, _first, second) = failing_over(TO_ANTHROPIC, TO_CHAT).await;
    let user = user(TO_CHAT, false, false);
    let client = gateway.client().with("x-autogw-fidelity", "strict");
    let first = client.chat(user.first()).send().await.expect_status(200);
    let answer = client.chat(user.second(&first)).send().await;
    assert_ne!(answer.status, 200);
    assert_eq!(second.count(), 0);
}
