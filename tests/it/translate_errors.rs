//! Failures of an upstream of one dialect, told to a client of another: status, shape, and no keys.

use serde_json::{Value, json};

use crate::support::talk::{
    SAID, TALKS, TO_ANTHROPIC, TO_CHAT, TO_GEMINI, TO_RESPONSES, Talk, events, named,
};
use crate::support::{Answer, Config, Reply, Upstream};

/// What every upstream says, with a key in it.
const WORDS: &str = "why, with key-a in it";

/// An error of `talk` with `status`.
fn error(talk: Talk, status: u16) -> Reply {
    let (openai, anthropic, gemini) = match status {
        400 => (
            "invalid_request_error",
            "invalid_request_error",
            "INVALID_ARGUMENT",
        ),
        401 => (
            "invalid_request_error",
            "authentication_error",
            "UNAUTHENTICATED",
        ),
        404 => ("invalid_request_error", "not_found_error", "NOT_FOUND"),
        413 => (
            "invalid_request_error",
            "request_too_large",
            "INVALID_ARGUMENT",
        ),
        429 => ("rate_limit_error", "rate_limit_error", "RESOURCE_EXHAUSTED"),
        529 => ("server_error", "overloaded_error", "UNAVAILABLE"),
        _ => ("server_error", "api_error", "INTERNAL"),
    };
    let body = match talk.name() {
        "anthropic" => json!({"type": "error", "error": {"type": anthropic, "message": WORDS},
            "request_id": "req_up"}),
        "gemini" => json!({"error": {"code": status, "message": WORDS, "status": gemini}}),
        _ => json!({"error": {"message": WORDS, "type": openai, "param": null, "code": null}}),
    };
    Reply::json(status, body)
}

async fn told(client: Talk, upstream: Talk, reply: Reply, streamed: bool) -> Answer {
    let other = Upstream::always(reply).await;
    let gateway = upstream.over(&other).start().await;
    client.ask(&gateway.client(), streamed).send().await
}

/// The type of an error, or what stands for it.
fn kind(client: Talk, answer: &Answer) -> String {
    answer.error(if client.name() == "gemini" {
        "status"
    } else {
        "type"
    })
}

#[track_caller]
fn assert_clean(answer: &Answer, place: &str) {
    let all = format!("{:?} {}", answer.headers, answer.text());
    assert!(!all.contains("key-a"), "{place}: {all}");
}

#[tokio::test]
async fn every_class_has_its_status_and_type_in_every_dialect() {
    let request = [
        "invalid_request_error",
        "invalid_request_error",
        "INVALID_ARGUMENT",
    ];
    let failed = ["server_error", "api_error", "UNAVAILABLE"];
    for (status, expected, kinds) in [
        (400, 400, request),
        (401, 502, failed),
        (
            404,
            404,
            ["invalid_request_error", "not_found_error", "NOT_FOUND"],
        ),
        (
            413,
            413,
            [
                "invalid_request_error",
                "request_too_large",
                "INVALID_ARGUMENT",
            ],
        ),
        (
            429,
            429,
            ["rate_limit_error", "rate_limit_error", "RESOURCE_EXHAUSTED"],
        ),
        (500, 502, failed),
        (529, 502, failed),
    ] {
        for upstream in TALKS {
            for client in TALKS {
                for streamed in [false, true] {
                    let place = format!("{status}: {} to {}", client.name(), upstream.name());
                    let reply = error(upstream, status).header("retry-after", "7");
                    let answer = told(client, upstream, reply, streamed).await;
                    assert_eq!(answer.status, expected, "{place}: {}", answer.text());
                    let message = client.error(&answer);
                    assert!(!message.is_empty(), "{place}");
                    let kinds = match client.name() {
                        "anthropic" => kinds[1],
                        "gemini" => kinds[2],
                        _ => kinds[0],
                    };
                    assert_eq!(kind(client, &answer), kinds, "{place}: {}", answer.text());
                    assert_clean(&answer, &place);
                    let is_json = answer.header("content-type") == Some("application/json");
                    assert!(is_json, "{place}: {:?}", answer.headers);
                    if status == 429 {
                        assert!(answer.header("retry-after").is_some(), "{place}");
                    }
                    if matches!(status, 400 | 413) {
                        assert!(message.contains("why"), "{place}: {message}");
                        assert_eq!(answer.header("x-should-retry"), Some("false"), "{place}");
                    } else {
                        let attempts = answer.text().replace('\\', "");
                        assert!(
                            attempts.contains(r#""provider":"a""#),
                            "{place}: {attempts}"
                        );
                        assert!(attempts.contains(r#""model":"m""#), "{place}: {attempts}");
                    }
                }
            }
        }
    }
}

#[tokio::test]
async fn pages_and_refused_keys_are_the_providers_failure() {
    let page = "<html><body>key-a</body></html>";
    let bad_key = json!({"error": {"code": 400, "status": "INVALID_ARGUMENT",
        "message": "API key not valid. Please pass a valid API key.",
        "details": [{"@type": "type.googleapis.com/google.rpc.ErrorInfo",
            "reason": "API_KEY_INVALID", "domain": "googleapis.com"}]}});
    for (name, upstream, reply) in [
        ("a page", TO_ANTHROPIC, Reply::typed(200, "text/html", page)),
        ("a page", TO_GEMINI, Reply::typed(502, "text/html", page)),
        ("a bad key", TO_GEMINI, Reply::json(400, bad_key)),
        ("nothing", TO_CHAT, Reply::json(200, "{}")),
        ("nothing", TO_RESPONSES, Reply::json(200, "[]")),
        (
            "half",
            TO_ANTHROPIC,
            TO_ANTHROPIC.reply(false).cut_after(20),
        ),
        ("another's answer", TO_GEMINI, TO_CHAT.reply(false)),
    ] {
        for client in TALKS {
            let place = format!("{name} of {} to {}", upstream.name(), client.name());
            let answer = told(client, upstream, reply.clone(), false).await;
            assert_eq!(answer.status, 502, "{place}: {}", answer.text());
            client.error(&answer);
            assert_clean(&answer, &place);
        }
    }
}

#[tokio::test]
async fn a_finish_that_is_an_error_is_none() {
    let mut malformed = TO_GEMINI.answer();
    malformed["candidates"][0]["finishReason"] = json!("MALFORMED_FUNCTION_CALL");
    malformed["candidates"][0]["content"] = json!({});
    let mut failed = TO_RESPONSES.answer();
    failed["status"] = json!("failed");
    failed["error"] = json!({"code": "server_error", "message": "key-a broke"});
    for (upstream, body) in [(TO_GEMINI, malformed), (TO_RESPONSES, failed)] {
        let bad = Upstream::always(Reply::json(200, body)).await;
        let good = TO_CHAT.upstream().await;
        let steps = json!([{"provider": "a", "model": "m"}, {"provider": "b", "model": "m"}]);
        let gateway = Config::new()
            .provider("a", &bad, upstream.fields())
            .provider("b", &good, TO_CHAT.fields())
            .set("routes", json!([{"name": "m", "steps": steps}]))
            .start()
            .await;
        let answer = TO_ANTHROPIC.ask(&gateway.client(), false).send().await;
        let place = format!("{}: {}", upstream.name(), answer.text());
        assert_eq!(answer.status, 200, "{place}");
        assert_eq!(answer.provider(), "b", "{place}");
    }
}

#[tokio::test]
async fn a_filter_is_told_as_each_dialect_tells_it() {
    let blocked = json!({"promptFeedback": {"blockReason": "SAFETY"},
        "usageMetadata": {"promptTokenCount": 3}});
    for (client, path, expected) in [
        (TO_CHAT, "/choices/0/finish_reason", "content_filter"),
        (TO_RESPONSES, "/incomplete_details/reason", "content_filter"),
        (TO_ANTHROPIC, "/stop_reason", "refusal"),
    ] {
        let answer = told(client, TO_GEMINI, Reply::json(200, &blocked), false).await;
        let answer = answer.expect_status(200);
        let json = answer.json();
        assert_eq!(json.pointer(path), Some(&json!(expected)), "{json}");
        assert_eq!(answer.header("x-autogw-native-stop"), Some("SAFETY"));
    }
}

/// Asks an upstream that answers `bad`, with one of Chat behind it: what the client got.
async fn asked_next(client: Talk, upstream: Talk, bad: Reply, streamed: bool) -> Answer {
    let first = Upstream::always(bad).await;
    let second = TO_CHAT.upstream().await;
    let steps = json!([{"provider": "a", "model": "m"}, {"provider": "b", "model": "m"}]);
    let gateway = Config::new()
        .provider("a", &first, upstream.fields())
        .provider("b", &second, TO_CHAT.fields())
        .set("routes", json!([{"name": "m", "steps": steps}]))
        .start()
        .await;
    let mut body = client.body("m", streamed);
    if client.name() == "responses" {
        // What may be stored is never asked twice.
        body["store"] = json!(false);
    }
    let call = gateway.client().post(&client.target("m", streamed), body);
    call.send().await
}

/// Each dialect upstream of each that needs a translation.
fn pairs() -> impl Iterator<Item = (Talk, Talk)> {
    let all = TALKS.into_iter();
    let all = all.flat_map(|client| TALKS.into_iter().map(move |upstream| (client, upstream)));
    all.filter(|(client, upstream)| client.name() != upstream.name())
}

#[tokio::test]
async fn an_event_that_nobody_can_read_fails_its_stream() {
    let lost = "data: {\"oops\n\n";
    for (client, upstream) in pairs() {
        let place = format!("{} to {}", client.name(), upstream.name());
        let (begun, rest) = upstream.halves();
        let later = Reply::stream().bytes(format!("{begun}{lost}{rest}"));
        let error = broken(client, told(client, upstream, later, true).await, &place).to_string();
        assert!(error.contains("cannot be read"), "{place}: {error}");
        let early = format!("{}{lost}{begun}{rest}", upstream.tongue.preamble());
        let early = Reply::stream().bytes(early);
        let answer = asked_next(client, upstream, early, true).await;
        assert_eq!(answer.provider(), "b", "{place}");
        assert_eq!(client.heard(&answer, true).text, SAID, "{place}");
    }
}

/// An answer of which nobody said that it ended, and in which nothing is.
fn hollow(upstream: Talk) -> Value {
    match upstream.name() {
        "chat" => json!({"choices": [{"message": {"role": "assistant", "content": ""}}]}),
        "responses" => json!({"object": "response", "output": []}),
        "anthropic" => json!({"type": "message", "role": "assistant", "content": []}),
        _ => json!({"candidates": [{}]}),
    }
}

#[tokio::test]
async fn a_hollow_answer_is_none() {
    for (client, upstream) in pairs() {
        for streamed in [false, true] {
            let place = format!("{} to {}, {streamed}", client.name(), upstream.name());
            let reply = Reply::json(200, hollow(upstream));
            let answer = asked_next(client, upstream, reply, streamed).await;
            assert_eq!(answer.provider(), "b", "{place}");
            assert_eq!(client.heard(&answer, streamed).text, SAID, "{place}");
        }
    }
}

#[tokio::test]
async fn a_hollow_stream_is_no_answer() {
    let start = json!({"type": "message_start", "message": {"id": "msg_1", "content": []}});
    let piece = json!({"type": "content_block_delta", "index": 0,
        "delta": {"type": "input_json_delta", "partial_json": "{"}});
    let stop = json!({"type": "message_stop"});
    for (upstream, stream) in [
        (
            TO_ANTHROPIC,
            named([&start, &piece, &stop].map(Value::clone)),
        ),
        (TO_ANTHROPIC, named([start, stop])),
        (TO_GEMINI, events([r#"{"candidates":[{}]}"#])),
        (
            TO_CHAT,
            events([r#"{"choices":[{"delta":{"x":1}}]}"#, "[DONE]"]),
        ),
    ] {
        let clients = TALKS.into_iter();
        for client in clients.filter(|client| client.name() != upstream.name()) {
            let reply = Reply::stream().bytes(&*stream);
            let answer = asked_next(client, upstream, reply, true).await;
            let place = format!("{} to {}: {stream}", client.name(), upstream.name());
            assert_eq!(answer.provider(), "b", "{place}");
            assert_eq!(client.heard(&answer, true).text, SAID, "{place}");
        }
    }
}

#[tokio::test]
async fn an_end_that_is_told_is_an_answer_though_nothing_is_said() {
    for (client, upstream) in pairs() {
        let place = format!("{} to {}", client.name(), upstream.name());
        let mut document = hollow(upstream);
        match upstream.name() {
            "chat" => document["choices"][0]["finish_reason"] = json!("stop"),
            "responses" => document["status"] = json!("completed"),
            "anthropic" => document["stop_reason"] = json!("end_turn"),
            _ => document["candidates"][0]["finishReason"] = json!("STOP"),
        }
        let reply = Reply::json(200, document);
        let answer = asked_next(client, upstream, reply, false).await;
        assert_eq!(answer.provider(), "a", "{place}");
        answer.expect_status(200);
    }
    let ended = events([
        r#"{"choices":[{"delta":{},"finish_reason":"stop"}]}"#,
        "[DONE]",
    ]);
    let reply = Reply::stream().bytes(ended);
    let answer = asked_next(TO_ANTHROPIC, TO_CHAT, reply, true).await;
    assert_eq!(answer.provider(), "a");
    assert!(TO_ANTHROPIC.claims_end(&answer.text()));
}

#[tokio::test]
async fn what_fails_before_its_first_word_goes_to_another_dialect() {
    for upstream in TALKS {
        for client in TALKS {
            let failing = format!("{}{}", upstream.tongue.preamble(), upstream.tongue.error);
            for bad in [
                Reply::stream().bytes(failing),
                Reply::stream().bytes(upstream.tongue.preamble()),
                Reply::stream(),
                error(upstream, 500),
            ] {
                let answer = asked_next(client, upstream, bad.clone(), true).await;
                let place = format!("{} to {}: {bad:?}", client.name(), upstream.name());
                assert_eq!(answer.provider(), "b", "{place}");
                assert_eq!(client.heard(&answer, true).text, SAID, "{place}");
                assert!(client.claims_end(&answer.text()), "{place}");
            }
        }
    }
}

/// The last event of `answer` as an error of `client`, after the beginning of an answer and no end.
#[track_caller]
fn broken(client: Talk, answer: Answer, place: &str) -> Value {
    let answer = answer.expect_status(200);
    let text = answer.text();
    assert_eq!(
        client.heard(&answer, true).text,
        SAID[..4],
        "{place}: {text}"
    );
    assert!(!client.claims_end(&text), "{place}: {text}");
    assert!(
        !text.contains("stop_reason\":\"end_turn"),
        "{place}: {text}"
    );
    assert!(!text.contains("finish_reason\":\"stop"), "{place}: {text}");
    assert!(
        answer.complete,
        "{place}: the message itself ends in good order"
    );
    assert_clean(&answer, place);
    let error = client.error_in(&text);
    error.unwrap_or_else(|| panic!("{place}: no error ends {text}"))
}

#[tokio::test]
async fn a_stream_that_breaks_ends_in_an_error_of_the_clients_dialect() {
    for upstream in TALKS {
        let (begun, _) = upstream.halves();
        let error = upstream
            .tongue
            .error
            .replace("from upstream", "from upstream, key-a");
        for client in TALKS {
            let place = format!("{} to {}", client.name(), upstream.name());
            let stream = format!("{begun}{error}{}", upstream.stream());
            let reply = Reply::stream().bytes(stream);
            let answer = told(client, upstream, reply, true).await;
            let events = answer.events();
            let errors = events
                .iter()
                .filter(|event| event.contains("from upstream"));
            assert_eq!(errors.count(), 1, "{place}: {events:?}");
            let error = broken(client, answer, &place).to_string();
            assert!(error.contains("from upstream"), "{place}: {error}");
            for (name, reply) in [
                ("an end", Reply::stream().bytes(&*begun)),
                ("a close", Reply::stream().bytes(&*begun).until_close()),
                (
                    "a reset",
                    Reply::stream()
                        .bytes(upstream.stream())
                        .reset_after(begun.len()),
                ),
                (
                    "half an event",
                    Reply::stream()
                        .bytes(format!("{begun}data: {{\"a"))
                        .until_close(),
                ),
            ] {
                let answer = told(client, upstream, reply, true).await;
                broken(client, answer, &format!("{place}: {name}"));
            }
        }
    }
}

#[tokio::test]
async fn a_stream_that_falls_silent_is_given_up() {
    for upstream in TALKS {
        let (begun, _) = upstream.halves();
        for client in TALKS {
            let place = format!("{} to {}", client.name(), upstream.name());
            let reply = Reply::stream().bytes(&*begun).hang_after(begun.len());
            let other = Upstream::always(reply).await;
            let config = upstream.over(&other).router("timeouts.idle", 0.2);
            let gateway = config.start().await;
            let answer = client.ask(&gateway.client(), true).send().await;
            broken(client, answer, &place);
        }
    }
}
