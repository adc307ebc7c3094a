//! What does not come over: named in a header, refused under `strict`, or by nature; and what an upstream
//! refuses, which is left out and named.

use serde_json::{Value, json};

use crate::support::talk::{SAID, TALKS, TO_ANTHROPIC, TO_CHAT, TO_GEMINI, TO_RESPONSES, Talk};
use crate::support::{Answer, Config, Gateway, Reply, Upstream, chat};

/// The names in a header that lists some, sorted.
fn listed<'a>(answer: &'a Answer, header: &str) -> Vec<&'a str> {
    let names = answer.header(header).unwrap_or_default().split(',');
    let mut names: Vec<_> = names.filter(|name| !name.is_empty()).collect();
    names.sort_unstable();
    names
}

fn dropped(answer: &Answer) -> Vec<&str> {
    listed(answer, "x-autogw-dropped")
}

/// A question of `talk` with more fields.
fn with(talk: Talk, fields: &Value) -> Value {
    let mut body = talk.body("m", false);
    for (name, value) in fields.as_object().expect("fields") {
        body[name] = value.clone();
    }
    body
}

fn lossy() -> Value {
    with(
        TO_CHAT,
        &json!({"seed": 7, "logit_bias": {"50": 1}, "frequency_penalty": 0.5}),
    )
}

#[tokio::test]
async fn what_is_dropped_is_named_and_not_sent() {
    let upstream = TO_ANTHROPIC.upstream().await;
    let gateway = TO_ANTHROPIC.over(&upstream).start().await;
    for streamed in [false, true] {
        let mut body = lossy();
        body["stream"] = json!(streamed);
        let answer = gateway.chat(body).send().await.expect_status(200);
        let expected = ["frequency_penalty", "logit_bias", "seed"];
        assert_eq!(dropped(&answer), expected, "{:?}", answer.headers);
    }
    for request in upstream.requests() {
        for field in ["seed", "logit_bias", "frequency_penalty"] {
            assert!(!request.text().contains(field), "{}", request.text());
        }
    }
}

#[tokio::test]
async fn a_field_that_one_vendor_has_is_named_where_the_other_lacks_it() {
    let upstream = TO_CHAT.upstream().await;
    let gateway = TO_CHAT.over(&upstream).start().await;
    let body = with(TO_ANTHROPIC, &json!({"top_k": 5}));
    let answer = gateway.client().post("/v1/messages", body).send().await;
    assert_eq!(dropped(&answer.expect_status(200)), ["top_k"]);
    assert!(!upstream.only_request().text().contains("top_k"));
    let upstream = TO_ANTHROPIC.upstream().await;
    let gateway = TO_ANTHROPIC.over(&upstream).start().await;
    let answer = gateway
        .chat(with(TO_CHAT, &json!({"top_k": 5})))
        .send()
        .await;
    let answer = answer.expect_status(200);
    let is_sent = upstream.only_request().json()["top_k"] == 5;
    assert_ne!(is_sent, dropped(&answer) == ["top_k"], "mapped or named");
}

#[tokio::test]
async fn a_field_that_nobody_knows_is_named() {
    for upstream in TALKS {
        for client in TALKS
            .into_iter()
            .filter(|talk| talk.name() != upstream.name())
        {
            let other = upstream.upstream().await;
            let gateway = upstream.over(&other).start().await;
            let body = with(client, &json!({"never_heard_of": {"a": 1}}));
            let call = gateway.client().post(&client.target("m", false), body);
            let answer = call.send().await.expect_status(200);
            let place = format!("{} to {}", client.name(), upstream.name());
            // Google's interface takes both spellings for one.
            let name = match client.name() {
                "gemini" => "neverHeardOf",
                _ => "never_heard_of",
            };
            assert_eq!(dropped(&answer), [name], "{place}");
            assert!(!other.only_request().text().contains("never_heard_of"));
        }
    }
}

#[tokio::test]
async fn odd_names_and_many_of_them_are_named_all_the_same() {
    let upstream = TO_ANTHROPIC.upstream().await;
    let gateway = TO_ANTHROPIC.over(&upstream).start().await;
    let odd = with(
        TO_CHAT,
        &json!({"seed": 7, "gr\u{fc}\u{df}e": 1, "a,b": 1, "c\r\nx-evil: 1": 1}),
    );
    let answer = gateway.chat(odd).send().await.expect_status(200);
    assert_eq!(dropped(&answer), ["a_b", "c__x-evil: 1", "gr__e", "seed"]);
    assert_eq!(answer.header("x-evil"), None);
    let mut many = lossy();
    for number in 0..900 {
        many[format!("field_{number}")] = json!(1);
    }
    let answer = gateway.chat(many).send().await.expect_status(200);
    let header = answer.header("x-autogw-dropped").unwrap_or_default();
    assert!(header.len() < 4096, "{}", header.len());
    assert!(
        header.contains("seed") || header.contains("field_0"),
        "{header}"
    );
    assert!(header.ends_with("..."), "{header}");
}

#[tokio::test]
async fn what_became_another_value_is_told() {
    let upstream = TO_ANTHROPIC.upstream().await;
    let gateway = TO_ANTHROPIC.over(&upstream).start().await;
    let body = with(TO_CHAT, &json!({"temperature": 1.7}));
    let answer = gateway.chat(body).send().await.expect_status(200);
    let adjusted = listed(&answer, "x-autogw-adjusted");
    let clamped = adjusted.iter().any(|entry| {
        let value = entry.strip_prefix("temperature=");
        value.and_then(|value| value.parse::<f64>().ok()) == Some(1.0)
    });
    assert!(clamped, "{adjusted:?}");
    assert_eq!(dropped(&answer), Vec::<&str>::new());
    assert_eq!(
        upstream.only_request().json()["temperature"].as_f64(),
        Some(1.0)
    );
}

#[tokio::test]
async fn strict_refuses_each_loss_in_the_clients_dialect() {
    let upstream = TO_GEMINI.upstream().await;
    let gateway = TO_GEMINI.over(&upstream).router("fidelity", "strict");
    let gateway = gateway.start().await;
    for (client, field, value) in [
        (TO_CHAT, "logit_bias", json!({"50": 1})),
        (TO_CHAT, "never_heard_of", json!(1)),
        (TO_RESPONSES, "max_tool_calls", json!(3)),
        (TO_ANTHROPIC, "container", json!("c")),
    ] {
        let body = with(client, &json!({field: value}));
        let call = gateway.client().post(&client.target("m", false), body);
        let answer = call.send().await.expect_status(400);
        let message = client.error(&answer);
        assert!(message.contains(field), "{message}");
        if matches!(client.name(), "chat" | "responses") {
            assert_eq!(answer.error("param"), field);
        }
    }
    assert_eq!(upstream.count(), 0, "a refusal costs no request");
    let answer = TO_CHAT.ask(&gateway.client(), false).send().await;
    answer.expect_status(200);
}

#[tokio::test]
async fn the_header_wins_over_the_route_and_that_over_the_router() {
    let upstream = TO_ANTHROPIC.upstream().await;
    let step = json!({"provider": "a", "model": "m"});
    let routes = json!([
        {"name": "strictly", "fidelity": "strict", "steps": [step]},
        {"name": "silently", "fidelity": "silent", "steps": [step]},
        {"name": "plainly", "steps": [step]},
    ]);
    for (router, model, header, expected) in [
        ("warn", "plainly", None, Some(true)),
        ("warn", "silently", None, Some(false)),
        ("warn", "strictly", None, None),
        ("strict", "m", None, None),
        ("strict", "plainly", None, None),
        ("strict", "silently", None, Some(false)),
        ("strict", "strictly", Some("warn"), Some(true)),
        ("strict", "m", Some("silent"), Some(false)),
        ("silent", "silently", Some("strict"), None),
        ("silent", "m", None, Some(false)),
    ] {
        let config = TO_ANTHROPIC.over(&upstream).router("fidelity", router);
        let gateway = config.set("routes", routes.clone()).start().await;
        let mut body = lossy();
        body["model"] = json!(model);
        let mut call = gateway.chat(body);
        if let Some(header) = header {
            call = call.header("x-autogw-fidelity", header);
        }
        let answer = call.send().await;
        let place = format!("{router} {model} {header:?}: {}", answer.text());
        match expected {
            None => assert_eq!(answer.status, 400, "{place}"),
            Some(is_named) => {
                assert_eq!(answer.status, 200, "{place}");
                assert_eq!(!dropped(&answer).is_empty(), is_named, "{place}");
                assert!(
                    !upstream
                        .requests()
                        .iter()
                        .any(|r| r.text().contains("seed"))
                );
            }
        }
    }
}

#[tokio::test]
async fn a_fidelity_that_is_none_is_a_400_in_every_dialect() {
    let upstream = TO_CHAT.upstream().await;
    let gateway = TO_CHAT.over(&upstream).start().await;
    let client = gateway.client().with("x-autogw-fidelity", "loose");
    for talk in TALKS {
        let answer = talk.ask(&client, false).send().await.expect_status(400);
        let message = talk.error(&answer);
        assert!(message.contains("x-autogw-fidelity"), "{message}");
    }
    assert_eq!(upstream.count(), 0);
}

#[tokio::test]
async fn notes_are_neither_named_nor_refused() {
    let notes = [
        (
            TO_CHAT,
            json!({"user": "u", "metadata": {"a": "b"}, "store": false}),
        ),
        (
            TO_RESPONSES,
            json!({"user": "u", "metadata": {"a": "b"}, "store": false, "truncation": "disabled",
                "include": ["reasoning.encrypted_content"]}),
        ),
        (TO_ANTHROPIC, json!({"metadata": {"user_id": "u"}})),
    ];
    for upstream in TALKS {
        let other = upstream.upstream().await;
        let gateway = upstream.over(&other).router("fidelity", "strict");
        let gateway = gateway.start().await;
        for (client, fields) in &notes {
            let body = with(*client, fields);
            let call = gateway.client().post(&client.target("m", false), body);
            let answer = call.send().await;
            let place = format!("{} to {}", client.name(), upstream.name());
            assert_eq!(answer.status, 200, "{place}: {}", answer.text());
            assert_eq!(dropped(&answer), Vec::<&str>::new(), "{place}");
        }
    }
}

/// Two providers of one model: of Anthropic first, of Chat second.
async fn two(config: impl Fn(Config) -> Config) -> (Gateway, Upstream, Upstream) {
    let (first, second) = (TO_ANTHROPIC.upstream().await, TO_CHAT.upstream().await);
    let base = Config::new()
        .provider("first", &first, TO_ANTHROPIC.fields())
        .provider("second", &second, TO_CHAT.fields());
    (config(base).start().await, first, second)
}

#[tokio::test]
async fn what_would_change_the_answer_is_refused_whatever_the_fidelity() {
    for (field, value) in [
        ("n", json!(2)),
        ("logprobs", json!(true)),
        ("modalities", json!(["text", "audio"])),
    ] {
        for fidelity in ["warn", "silent", "strict"] {
            let upstream = TO_ANTHROPIC.upstream().await;
            let gateway = TO_ANTHROPIC.over(&upstream).router("fidelity", fidelity);
            let gateway = gateway.start().await;
            let mut body = with(TO_CHAT, &json!({field: value}));
            if field == "modalities" {
                body["audio"] = json!({"voice": "alloy", "format": "mp3"});
            }
            let answer = gateway.chat(body).send().await.expect_status(400);
            assert!(answer.error("message").contains(field), "{}", answer.text());
            assert!(answer.error("param").contains(field), "{}", answer.text());
            assert_eq!(upstream.count(), 0, "{field}");
        }
    }
}

#[tokio::test]
async fn who_would_refuse_is_left_out_and_never_asked() {
    for (fields, fidelity) in [
        (json!({"n": 2}), "warn"),
        (json!({"logprobs": true, "top_logprobs": 2}), "warn"),
        (json!({"seed": 7}), "strict"),
    ] {
        let (gateway, first, second) = two(|config| {
            // A route keeps its order, so that only the refusal can move the request on.
            config.router("fidelity", fidelity).set(
                "routes",
                json!([{"name": "smart", "steps": [
                    {"provider": "first", "model": "m"}, {"provider": "second", "model": "m"}]}]),
            )
        })
        .await;
        let mut body = with(TO_CHAT, &fields);
        body["model"] = json!("smart");
        let answer = gateway.chat(&body).send().await.expect_status(200);
        assert_eq!(answer.provider(), "second", "{fields}");
        assert_eq!(answer.header("x-autogw-attempts"), Some("1"), "{fields}");
        assert_eq!((first.count(), second.count()), (0, 1), "{fields}");
    }
}

#[tokio::test]
async fn an_attempt_not_made_is_not_told_of() {
    let (gateway, first, _second) = two(|config| config).await;
    let call = gateway.chat(with(TO_CHAT, &json!({"n": 2})));
    let call = call.header("x-autogw-provider", "first");
    let answer = call.send().await.expect_status(400);
    assert!(
        answer.json()["error"].get("attempts").is_none(),
        "{}",
        answer.text()
    );
    assert_eq!(first.count(), 0);
}

/// An upstream of `talk` that does not take `field` and says so with `message`.
async fn picky(talk: Talk, field: &'static str, message: &'static str) -> Upstream {
    let refusal = match talk.name() {
        "anthropic" => json!({"type": "error",
            "error": {"type": "invalid_request_error", "message": message}}),
        "gemini" => json!({"error": {"code": 400, "message": message,
            "status": "INVALID_ARGUMENT"}}),
        _ => json!({"error": {"message": message, "type": "invalid_request_error",
            "param": field, "code": "unsupported_parameter"}}),
    };
    Upstream::answering(move |request, _| {
        let body = request.text();
        if body.contains(&format!("\"{field}\"")) {
            return Reply::json(400, &refusal);
        }
        talk.reply(body.contains("\"stream\":true") || request.target.contains("stream"))
    })
    .await
}

const UNSUPPORTED: &str = "Unsupported parameter: 'temperature' is not supported with this model.";

#[tokio::test]
async fn a_refused_parameter_is_left_out_and_asked_for_once_more() {
    for upstream in [TO_CHAT, TO_ANTHROPIC, TO_GEMINI] {
        for client in [TO_CHAT, TO_ANTHROPIC, TO_GEMINI] {
            let name = upstream.name();
            let message = match name {
                "anthropic" => "temperature: Extra inputs are not permitted",
                "gemini" => {
                    "Invalid JSON payload received. Unknown name \"temperature\" at 'generation_config': Cannot find field."
                }
                _ => UNSUPPORTED,
            };
            let other = picky(upstream, "temperature", message).await;
            let gateway = upstream.over(&other).start().await;
            let fields = match client.name() {
                "gemini" => json!({"generationConfig": {"temperature": 0.5}}),
                _ => json!({"temperature": 0.5}),
            };
            let place = format!("{} to {name}", client.name());
            let call = || {
                let body = with(client, &fields);
                gateway.client().post(&client.target("m", false), body)
            };
            let answer = call().send().await;
            assert_eq!(answer.status, 200, "{place}: {}", answer.text());
            assert_eq!(answer.header("x-autogw-attempts"), Some("2"), "{place}");
            let names = dropped(&answer);
            assert!(
                matches!(names[..], [one] if one.contains("temperature")),
                "{place}: {names:?}"
            );
            // From now on it is not even sent.
            let again = call().send().await.expect_status(200);
            assert_eq!(again.header("x-autogw-attempts"), Some("1"), "{place}");
            assert_eq!(dropped(&again), names, "{place}");
            assert_eq!(other.count(), 3, "{place}");
            let tried = other.requests();
            assert!(tried[0].text().contains("temperature"), "{place}");
            assert!(!tried[2].text().contains("temperature"), "{place}");
        }
    }
}

#[tokio::test]
async fn under_strict_the_upstreams_refusal_comes_back_every_time() {
    for client in [TO_CHAT, TO_ANTHROPIC] {
        let other = picky(TO_CHAT, "temperature", UNSUPPORTED).await;
        let gateway = TO_CHAT.over(&other).start().await;
        let body = with(client, &json!({"temperature": 0.5}));
        let call = || gateway.client().post(&client.target("m", false), &body);
        let strict = || call().header("x-autogw-fidelity", "strict");
        let answer = strict().send().await.expect_status(400);
        assert!(client.error(&answer).contains("temperature"));
        assert_eq!(other.count(), 1, "{}", client.name());
        // What others taught the gateway does not weaken what this one asks for.
        let healed = call().send().await.expect_status(200);
        assert_eq!(dropped(&healed), ["temperature"]);
        let answer = strict().send().await;
        assert_eq!(
            answer.status,
            400,
            "{}: {:?}",
            client.name(),
            answer.headers
        );
        assert!(client.error(&answer).contains("temperature"));
    }
}

#[tokio::test]
async fn silent_heals_without_a_word() {
    for client in [TO_CHAT, TO_ANTHROPIC] {
        let other = picky(TO_CHAT, "temperature", UNSUPPORTED).await;
        let gateway = TO_CHAT.over(&other).router("fidelity", "silent");
        let gateway = gateway.start().await;
        let body = with(client, &json!({"temperature": 0.5}));
        let call = gateway.client().post(&client.target("m", false), body);
        let answer = call.send().await.expect_status(200);
        assert_eq!(dropped(&answer), Vec::<&str>::new(), "{}", client.name());
        assert_eq!(other.count(), 2);
    }
}

#[tokio::test]
async fn a_message_that_quotes_the_prompt_heals_nothing() {
    let message = "The conversation was refused: Unsupported parameter: 'temperature'";
    let reply = chat::error(message, "invalid_request_error", None);
    let other = Upstream::always(Reply::json(400, reply)).await;
    let gateway = TO_CHAT.over(&other).start().await;
    for client in [TO_CHAT, TO_ANTHROPIC] {
        let body = with(client, &json!({"temperature": 0.5}));
        let call = gateway.client().post(&client.target("m", false), body);
        call.send().await.expect_status(400);
    }
    assert_eq!(other.count(), 2, "nobody was asked twice");
}

#[tokio::test]
async fn healing_ends() {
    // It refuses one parameter after the other, and at last one that is not there.
    let names = ["temperature", "top_p", "stop", "presence_penalty"];
    let stubborn = Upstream::answering(move |_, index| {
        let name = names[index % names.len()];
        let message = format!("Unsupported parameter: '{name}' is not supported with this model.");
        Reply::json(
            400,
            chat::error(
                &message,
                "invalid_request_error",
                Some("unsupported_parameter"),
            ),
        )
    })
    .await;
    let gateway = TO_CHAT.over(&stubborn).start().await;
    let fields = json!({"temperature": 0.5, "top_p": 0.5, "stop": "x", "presence_penalty": 1});
    let answer = gateway.chat(with(TO_CHAT, &fields)).send().await;
    answer.expect_status(400);
    assert_eq!(stubborn.count(), 4, "three parameters, then it is enough");
    let reply = chat::error(UNSUPPORTED, "invalid_request_error", None);
    let same = Upstream::always(Reply::json(400, reply)).await;
    let gateway = TO_CHAT.over(&same).start().await;
    let answer = gateway
        .chat(with(TO_CHAT, &json!({"temperature": 1})))
        .send();
    answer.await.expect_status(400);
    assert_eq!(same.count(), 2, "the same parameter is taken out once");
}

#[tokio::test]
async fn a_stream_is_healed_before_its_first_word() {
    let other = picky(
        TO_ANTHROPIC,
        "temperature",
        "temperature is deprecated for this model",
    )
    .await;
    let gateway = TO_ANTHROPIC.over(&other).start().await;
    let mut body = with(TO_CHAT, &json!({"temperature": 0.5}));
    body["stream"] = json!(true);
    let answer = gateway.chat(body).send().await.expect_status(200);
    assert_eq!(TO_CHAT.heard(&answer, true).text, SAID);
    assert_eq!(dropped(&answer), ["temperature"]);
}

#[tokio::test]
async fn what_was_wrong_with_one_request_costs_the_next_nothing() {
    let table = [
        (
            "Unsupported value: 'temperature' does not support 9 with this model.",
            "unsupported_value",
        ),
        (
            "`temperature` may only be set to 1 when thinking is enabled.",
            "invalid_request_error",
        ),
    ];
    for (message, code) in table {
        let other = Upstream::answering(move |request, _| {
            if request.json()["temperature"] == 9 {
                let error = json!({"message": message, "type": "invalid_request_error",
                    "param": "temperature", "code": code});
                return Reply::json(400, json!({"error": error}));
            }
            TO_CHAT.reply(false)
        })
        .await;
        let gateway = TO_CHAT.over(&other).start().await;
        for client in [TO_CHAT, TO_ANTHROPIC] {
            let call = |temperature: u32| {
                let body = with(client, &json!({"temperature": temperature}));
                gateway.client().post(&client.target("m", false), body)
            };
            let healed = call(9).send().await.expect_status(200);
            assert_eq!(dropped(&healed), ["temperature"], "{message}");
            let next = call(1).send().await.expect_status(200);
            assert_eq!(dropped(&next), Vec::<&str>::new(), "{message}");
            let last = other.requests().pop().expect("asked").json();
            assert_eq!(last["temperature"], 1, "{message}");
        }
    }
}

#[tokio::test]
async fn what_the_client_must_rely_on_is_never_healed_away() {
    let message = "Unsupported parameter: 'store' is not supported with this model.";
    let other = picky(TO_CHAT, "store", message).await;
    let gateway = TO_CHAT.over(&other).start().await;
    let body = with(TO_CHAT, &json!({"store": false}));
    let answer = gateway.chat(body).send().await.expect_status(400);
    assert!(answer.text().contains("store"), "{}", answer.text());
    assert_eq!(other.count(), 1);
}
