//! A client of each dialect before an upstream of each: the plainest question and its answer.

use serde_json::json;

use crate::support::talk::{SAID, TALKS, TO_ANTHROPIC, TO_CHAT, TO_GEMINI, TO_RESPONSES, Talk};
use crate::support::upstream::Recorded;
use crate::support::{Binary, Config, Upstream};

/// Checks the request that `upstream` was sent for a question of `client`.
#[track_caller]
fn assert_spoken(client: Talk, upstream: Talk, request: &Recorded, streamed: bool) {
    let place = format!("{} to {} ({streamed})", client.name(), upstream.name());
    let path = if streamed {
        upstream.stream_path
    } else {
        upstream.path
    };
    assert_eq!(request.target, path, "{place}");
    let keys = ["authorization", "x-api-key", "x-goog-api-key", "api-key"];
    let sent: Vec<_> = keys
        .into_iter()
        .filter(|name| request.header(name).is_some())
        .collect();
    assert_eq!(sent, [upstream.tongue.key_header], "{place}");
    let key = request
        .header(upstream.tongue.key_header)
        .unwrap_or_default();
    assert_eq!(key.trim_start_matches("Bearer "), "key-a", "{place}");
    assert!(!request.target.contains("key"), "{place}");
    let version = request.header("anthropic-version").is_some();
    assert_eq!(version, upstream.name() == "anthropic", "{place}");
    let events = request.header("accept") == Some("text/event-stream");
    assert_eq!(events, streamed, "{place}: {:?}", request.headers);
    assert_eq!(request.header("content-type"), Some("application/json"));
    let body = request.json();
    assert_eq!(upstream.asked(&body).as_deref(), Some("hello"), "{body}");
    if upstream.name() == "gemini" {
        assert!(body.get("model").is_none() && body.get("stream").is_none());
    } else {
        assert_eq!(body["model"], upstream.model, "{place}");
        assert_eq!(body["stream"] == true, streamed, "{place}");
    }
}

#[tokio::test]
async fn every_client_speaks_to_every_upstream() {
    for upstream in TALKS {
        for client in TALKS {
            for streamed in [false, true] {
                let place = format!("{} to {} ({streamed})", client.name(), upstream.name());
                let other = upstream.upstream().await;
                let gateway = upstream.over(&other).start().await;
                let answer = client.ask(&gateway.client(), streamed).send().await;
                let answer = answer.expect_status(200);
                assert_spoken(client, upstream, &other.only_request(), streamed);
                let heard = client.heard(&answer, streamed);
                assert_eq!(heard.text, SAID, "{place}: {}", answer.text());
                let is_native = client.name() == upstream.name();
                // A native stream of Chat says what its upstream script says.
                if !(is_native && streamed) {
                    let model = if is_native { upstream.model } else { "m" };
                    assert_eq!(heard.model, model, "{place}: {}", answer.text());
                }
                let untold = client.name() == "chat" && streamed;
                let usage = if untold {
                    (None, None)
                } else {
                    (Some(31), Some(17))
                };
                assert_eq!(heard.usage, usage, "{place}: {}", answer.text());
                assert_eq!(answer.provider(), "a");
                assert_eq!(answer.header("x-autogw-model"), Some("m"));
                assert_eq!(answer.header("x-autogw-attempts"), Some("1"));
                assert_eq!(answer.header("x-autogw-dropped"), None, "{place}");
                if streamed {
                    assert!(client.claims_end(&answer.text()), "{place}");
                    let kind = answer.header("content-type");
                    assert_eq!(kind, Some("text/event-stream; charset=utf-8"));
                }
            }
        }
    }
}

#[tokio::test]
async fn a_chat_client_that_asks_for_usage_is_told_it() {
    for upstream in TALKS {
        let other = upstream.upstream().await;
        let gateway = upstream.over(&other).start().await;
        let mut body = TO_CHAT.body("m", true);
        body["stream_options"] = json!({"include_usage": true});
        let answer = gateway.chat(body).send().await.expect_status(200);
        let heard = TO_CHAT.heard(&answer, true);
        assert_eq!(heard.usage, (Some(31), Some(17)), "{}", answer.text());
        let sent = other.only_request().json();
        let asked = sent["stream_options"]["include_usage"] == true;
        assert_eq!(asked, upstream.name() == "chat", "{sent}");
    }
}

#[tokio::test]
async fn what_a_client_says_to_its_own_vendor_does_not_cross() {
    for upstream in [TO_CHAT, TO_RESPONSES, TO_GEMINI] {
        let other = upstream.upstream().await;
        let gateway = upstream.over(&other).start().await;
        let client = gateway
            .client()
            .with("x-api-key", "sk-ant-client")
            .with("anthropic-version", "2023-06-01")
            .with("anthropic-beta", "context-1m-2025-08-07");
        TO_ANTHROPIC
            .ask(&client, false)
            .send()
            .await
            .expect_status(200);
        let request = other.only_request();
        for header in ["anthropic-version", "anthropic-beta", "x-api-key"] {
            assert_eq!(request.header(header), None, "{}", upstream.name());
        }
        let all = format!("{:?} {}", request.headers, request.text());
        assert!(!all.contains("sk-ant-client"), "{all}");
    }
    let other = TO_ANTHROPIC.upstream().await;
    let gateway = TO_ANTHROPIC.over(&other).start().await;
    let target = format!("{}?key=AIza-client", TO_GEMINI.target("m", false));
    let call = gateway.client().post(&target, TO_GEMINI.body("m", false));
    call.send().await.expect_status(200);
    let request = other.only_request();
    let all = format!(
        "{:?} {} {}",
        request.headers,
        request.target,
        request.text()
    );
    assert!(!all.contains("AIza-client"), "{all}");
}

#[tokio::test]
async fn the_tokens_of_every_pair_are_in_the_log() {
    let mut config = Config::new();
    let mut upstreams = Vec::new();
    for upstream in TALKS {
        let other = upstream.upstream().await;
        let models = json!({upstream.name(): {"upstream": upstream.model}});
        let fields = json!({"type": upstream.kind, "models": models});
        config = config.provider(upstream.name(), &other, fields);
        upstreams.push(other);
    }
    let (binary, client) = Binary::start(&config.text()).await;
    for upstream in TALKS {
        for talk in TALKS {
            for streamed in [false, true] {
                let id = format!("{}-{}-{streamed}", talk.name(), upstream.name());
                let model = upstream.name();
                let target = talk.target(model, streamed);
                let call = client.post(&target, talk.body(model, streamed));
                let answer = call.header("x-request-id", &id).send().await;
                answer.expect_status(200);
                let provider = format!("provider={model}");
                let words = [
                    id.as_str(),
                    &provider,
                    "input_tokens=31",
                    "output_tokens=17",
                ];
                binary.tells(&words).await;
            }
        }
    }
}

/// Two providers of one model: the first speaks Chat, the second Anthropic's dialect.
async fn two(change: impl Fn(Config) -> Config) -> (crate::support::Gateway, [Upstream; 2]) {
    let upstreams = [TO_CHAT.upstream().await, TO_ANTHROPIC.upstream().await];
    let config = Config::new()
        .provider("first", &upstreams[0], TO_CHAT.fields())
        .provider("second", &upstreams[1], TO_ANTHROPIC.fields());
    (change(config).start().await, upstreams)
}

#[tokio::test]
async fn whoever_speaks_the_clients_dialect_is_asked_first() {
    let (gateway, _upstreams) = two(|config| config).await;
    for (client, expected) in [
        (TO_ANTHROPIC, "second"),
        (TO_CHAT, "first"),
        (TO_RESPONSES, "first"),
        (TO_GEMINI, "first"),
    ] {
        for streamed in [false, true] {
            let answer = client.ask(&gateway.client(), streamed).send().await;
            let answer = answer.expect_status(200);
            assert_eq!(answer.provider(), expected, "{}", client.name());
        }
    }
}

#[tokio::test]
async fn a_list_and_a_route_keep_their_order() {
    let (gateway, _upstreams) = two(|config| {
        let routes = json!([{"name": "smart", "steps": [
            {"provider": "first", "model": "m"}, {"provider": "second", "model": "m"}]}]);
        config.set("routes", routes)
    })
    .await;
    for model in ["smart", "first/m, second/m", "[first/m, second/m]"] {
        let call = TO_ANTHROPIC.body(model, false);
        let answer = gateway.client().post("/v1/messages", call).send().await;
        assert_eq!(answer.expect_status(200).provider(), "first", "{model}");
    }
}

#[tokio::test]
async fn a_translation_steps_in_where_the_native_one_fails() {
    let down = Upstream::always(crate::support::Reply::json(500, "{}")).await;
    let up = TO_CHAT.upstream().await;
    let config = Config::new()
        .provider("first", &up, TO_CHAT.fields())
        .provider("second", &down, TO_ANTHROPIC.fields());
    let gateway = config.start().await;
    for streamed in [false, true] {
        let answer = TO_ANTHROPIC.ask(&gateway.client(), streamed).send().await;
        let answer = answer.expect_status(200);
        assert_eq!(answer.provider(), "first");
        assert_eq!(answer.header("x-autogw-attempts"), Some("2"));
        assert_eq!(TO_ANTHROPIC.heard(&answer, streamed).text, SAID);
    }
}
