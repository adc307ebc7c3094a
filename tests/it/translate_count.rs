//! Counting tokens: by the target's own counter, whatever it speaks, or estimated; never a failure.

use serde_json::{Value, json};

use crate::support::talk::{TO_ANTHROPIC, TO_CHAT, TO_GEMINI, TO_RESPONSES, Talk};
use crate::support::{A_SECOND, Answer, Client, Config, Reply, Upstream, within};

/// Those with a counter.
const COUNTERS: [Talk; 3] = [TO_RESPONSES, TO_ANTHROPIC, TO_GEMINI];

async fn count(client: &Client, talk: Talk) -> Answer {
    let target = match talk.name() {
        "responses" => "/v1/responses/input_tokens",
        "anthropic" => "/v1/messages/count_tokens",
        _ => "/v1beta/models/m:countTokens",
    };
    let mut body = talk.body("m", false);
    if let Some(body) = body.as_object_mut() {
        body.remove("max_tokens");
    }
    client.post(target, body).send().await
}

/// The number in an answer to `talk`, which is of its shape.
#[track_caller]
fn number(talk: Talk, answer: &Answer) -> u64 {
    let json = answer.json();
    let number = match talk.name() {
        "responses" => {
            assert_eq!(json["object"], "response.input_tokens", "{json}");
            &json["input_tokens"]
        }
        "anthropic" => &json["input_tokens"],
        _ => &json["totalTokens"],
    };
    number.as_u64().unwrap_or_else(|| panic!("{json}"))
}

/// What the counter of `talk` answers: 4711 tokens.
fn counted(talk: Talk) -> Value {
    match talk.name() {
        "responses" => json!({"object": "response.input_tokens", "input_tokens": 4711}),
        "anthropic" => json!({"input_tokens": 4711}),
        _ => json!({"totalTokens": 4711, "promptTokensDetails": []}),
    }
}

fn path(talk: Talk) -> &'static str {
    match talk.name() {
        "responses" => "/v1/responses/input_tokens",
        "anthropic" => "/v1/messages/count_tokens",
        _ => "/v1/models/gemini-3-pro:countTokens",
    }
}

#[tokio::test]
async fn the_targets_own_counter_counts_for_every_client() {
    for upstream in COUNTERS {
        for client in COUNTERS {
            let place = format!("{} to {}", client.name(), upstream.name());
            let other = Upstream::always(Reply::json(200, counted(upstream))).await;
            let gateway = upstream.over(&other).start().await;
            let answer = count(&gateway.client(), client).await.expect_status(200);
            assert_eq!(number(client, &answer), 4711, "{place}: {}", answer.text());
            assert_eq!(answer.header("x-autogw-estimated"), None, "{place}");
            assert_eq!(answer.provider(), "a", "{place}");
            let sent = other.only_request();
            assert_eq!(sent.target, path(upstream), "{place}");
            assert!(sent.text().contains("hello"), "{place}: {}", sent.text());
            for field in ["max_tokens", "max_output_tokens", "\"stream\"", "\"store\""] {
                assert!(!sent.text().contains(field), "{place}: {}", sent.text());
            }
            if client.name() == upstream.name() {
                assert_eq!(answer.text(), counted(upstream).to_string(), "{place}");
            }
        }
    }
}

#[track_caller]
fn assert_estimated(client: Talk, answer: Answer, place: &str) {
    let answer = answer.expect_status(200);
    assert_eq!(answer.header("x-autogw-estimated"), Some("1"), "{place}");
    let number = number(client, &answer);
    assert!((1..100).contains(&number), "{place}: {number}");
}

#[tokio::test]
async fn a_counter_that_fails_is_estimated_for() {
    for upstream in COUNTERS {
        for reply in [
            Reply::json(400, r#"{"error":{"message":"no"}}"#),
            Reply::json(401, "{}"),
            Reply::json(404, "{}"),
            Reply::json(429, "{}").header("retry-after", "30"),
            Reply::json(500, "{}"),
            Reply::json(200, "{}"),
            Reply::json(200, "[1]"),
            Reply::typed(200, "text/html", "<html>"),
            Reply::close(),
            Reply::reset(),
        ] {
            for client in COUNTERS {
                let place = format!("{} to {}: {reply:?}", client.name(), upstream.name());
                let other = Upstream::always(reply.clone()).await;
                let gateway = upstream.over(&other).start().await;
                let asking = gateway.client();
                let answer = count(&asking, client);
                let answer = within(A_SECOND * 2, "an estimate", answer).await;
                assert_estimated(client, answer, &place);
            }
        }
    }
}

#[tokio::test]
async fn who_has_no_counter_is_not_asked() {
    let other = TO_CHAT.upstream().await;
    let gateway = TO_CHAT.over(&other).start().await;
    for client in COUNTERS {
        let answer = within(A_SECOND, "an estimate", count(&gateway.client(), client)).await;
        assert_estimated(client, answer, client.name());
    }
    assert_eq!(other.count(), 0);
    let refusing = Upstream::refusing();
    let gateway = TO_ANTHROPIC.over(&refusing).start().await;
    for client in COUNTERS {
        let answer = within(A_SECOND, "an estimate", count(&gateway.client(), client)).await;
        assert_estimated(client, answer, client.name());
    }
}

#[tokio::test]
async fn a_silent_counter_is_not_waited_for_long() {
    let other = Upstream::always(Reply::silence()).await;
    let gateway = TO_ANTHROPIC.over(&other).start().await;
    let client = gateway.client();
    let one = within(A_SECOND * 9, "an estimate", count(&client, TO_ANTHROPIC));
    let two = within(A_SECOND * 9, "an estimate", count(&client, TO_GEMINI));
    let (one, two) = tokio::join!(one, two);
    assert_estimated(TO_ANTHROPIC, one, "native");
    assert_estimated(TO_GEMINI, two, "translated");
}

#[tokio::test]
async fn an_editor_may_ask_forty_times_at_once() {
    let other = Upstream::always(Reply::json(200, counted(TO_ANTHROPIC))).await;
    let gateway = TO_ANTHROPIC.over(&other).start().await;
    let asking: Vec<_> = (0..40)
        .map(|turn| {
            let (client, talk) = (gateway.client(), COUNTERS[turn % 3]);
            tokio::spawn(
                async move { number(talk, &count(&client, talk).await.expect_status(200)) },
            )
        })
        .collect();
    for one in asking {
        assert_eq!(one.await.expect("no panic"), 4711);
    }
    assert_eq!(other.count(), 40);
}

#[tokio::test]
async fn a_failed_count_costs_nobody_a_rest() {
    let other = Upstream::answering(|request, _| {
        if request.target.contains("count") {
            Reply::json(401, "{}")
        } else {
            TO_ANTHROPIC.reply(false)
        }
    })
    .await;
    let config = TO_ANTHROPIC.over(&other).real_rests();
    let gateway = config.start().await;
    for client in COUNTERS {
        assert_estimated(client, count(&gateway.client(), client).await, "a count");
        let answer = TO_CHAT.ask(&gateway.client(), false).send().await;
        answer.expect_status(200);
    }
}

#[tokio::test]
async fn a_request_that_makes_no_sense_cannot_be_counted() {
    let other = TO_CHAT.upstream().await;
    let gateway = Config::over([&other]).start().await;
    let body = json!({"model": "m", "messages": "hello"});
    let call = gateway.client().post("/v1/messages/count_tokens", body);
    let answer = call.send().await;
    assert!(matches!(answer.status, 200 | 400), "{}", answer.text());
}
