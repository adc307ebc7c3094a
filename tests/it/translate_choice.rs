//! Which dialect a provider is spoken to in, what goes with a translated request, and what it survives.

use serde_json::{Value, json};

use crate::support::talk::{SAID, TALKS, TO_ANTHROPIC, TO_CHAT, TO_GEMINI, TO_RESPONSES, Talk};
use crate::support::thinker::{self, ToolUser};
use crate::support::{Config, Gate, Reply, Upstream};

/// An upstream that speaks all of OpenAI's.
async fn openai() -> Upstream {
    Upstream::answering(|request, _| {
        if request.target.ends_with("/responses") {
            TO_RESPONSES.reply(false)
        } else {
            TO_CHAT.reply(false)
        }
    })
    .await
}

/// Where OpenAI is asked for `model`, by a client of `talk` whose body has `fields`.
async fn asked(talk: Talk, model: &str, fields: Value) -> String {
    let upstream = openai().await;
    let models = json!({"m": {"upstream": model}});
    let config = Config::new();
    let config = config.provider("a", &upstream, json!({"type": "openai", "models": models}));
    let gateway = config.start().await;
    let mut body = talk.body("m", false);
    for (name, value) in fields.as_object().expect("fields") {
        body[name] = value.clone();
    }
    let call = gateway.client().post(&talk.target("m", false), body);
    let answer = call.send().await.expect_status(200);
    assert_eq!(talk.heard(&answer, false).text, SAID);
    upstream.only_request().target
}

#[tokio::test]
async fn openais_models_are_asked_where_they_answer() {
    let tools =
        json!([{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]);
    let (chat, responses) = ("/v1/chat/completions", "/v1/responses");
    for (model, fields, expected) in [
        ("gpt-4o", json!({}), chat),
        ("gpt-4o", json!({"tools": tools}), chat),
        ("gpt-5.5", json!({}), chat),
        ("gpt-5.5", json!({"tools": tools}), responses),
        (
            "gpt-5.5",
            json!({"tools": tools, "reasoning_effort": "none"}),
            chat,
        ),
        ("gpt-5.5-pro", json!({}), responses),
    ] {
        let target = asked(TO_CHAT, model, fields.clone()).await;
        assert_eq!(target, expected, "{model} {fields}");
    }
    for client in [TO_ANTHROPIC, TO_GEMINI] {
        for (model, expected) in [("gpt-4o", chat), ("gpt-5.5", responses)] {
            let target = asked(client, model, json!({})).await;
            assert_eq!(target, expected, "{} to {model}", client.name());
        }
    }
    assert_eq!(asked(TO_RESPONSES, "gpt-4o", json!({})).await, responses);
}

#[tokio::test]
async fn control_fields_stay_here_and_extra_fields_go_along() {
    let upstream = TO_ANTHROPIC.upstream().await;
    let mut fields = TO_ANTHROPIC.fields();
    fields["extra_body"] = json!({"service_tier": "auto", "top_k": 9, "max_tokens": 1});
    fields["extra_headers"] = json!({"x-team": "t"});
    let gateway = Config::new().provider("a", &upstream, fields).start().await;
    let mut body = TO_CHAT.body("m", false);
    body["provider"] = json!("a");
    body["strict_alias"] = json!(false);
    body["extra_body"] = json!({"top_k": 5, "model": "other"});
    body["max_tokens"] = json!(77);
    let answer = gateway.chat(body).send().await.expect_status(200);
    assert_eq!(answer.header("x-autogw-dropped"), None);
    let request = upstream.only_request();
    assert_eq!(request.header("x-team"), Some("t"));
    let sent = request.json();
    assert_eq!(sent["top_k"], 5);
    assert_eq!(sent["service_tier"], "auto");
    assert_eq!(sent["max_tokens"], 77);
    assert_eq!(sent["model"], TO_ANTHROPIC.model);
    for control in ["provider", "alias", "strict_alias", "extra_body"] {
        assert!(sent.get(control).is_none(), "{sent}");
    }
}

#[tokio::test]
async fn what_only_responses_hold_is_asked_of_who_holds_it() {
    for (field, value) in [
        ("background", json!(true)),
        ("conversation", json!("conv_1")),
        ("prompt", json!({"id": "pmpt_1"})),
        ("previous_response_id", json!("resp_elsewhere")),
    ] {
        let mut body = TO_RESPONSES.body("m", false);
        body[field] = value;
        let chat = TO_CHAT.upstream().await;
        let gateway = TO_CHAT.over(&chat).start().await;
        let answer = gateway.client().post("/v1/responses", &body).send().await;
        let answer = answer.expect_status(400);
        assert_eq!(answer.error("param"), field, "{}", answer.text());
        let native = TO_RESPONSES.upstream().await;
        let steps = json!([{"provider": "a", "model": "m"}, {"provider": "b", "model": "m"}]);
        let gateway = Config::new()
            .provider("a", &chat, TO_CHAT.fields())
            .provider("b", &native, TO_RESPONSES.fields())
            .set("routes", json!([{"name": "m", "steps": steps}]))
            .start()
            .await;
        let answer = gateway.client().post("/v1/responses", &body).send().await;
        assert_eq!(answer.expect_status(200).provider(), "b", "{field}");
        assert_eq!(chat.count(), 0, "{field}");
    }
}

#[tokio::test]
async fn whoever_calls_tools_functions_is_answered_so() {
    for streamed in [false, true] {
        let upstream = thinker::upstream(TO_ANTHROPIC).await;
        let config = Config::new();
        let config = config.provider("a", &upstream, thinker::fields(TO_ANTHROPIC));
        let gateway = config.start().await;
        let mut body = TO_CHAT.body("m", streamed);
        body["functions"] = json!([{"name": "look", "parameters": {"type": "object"}}]);
        let answer = gateway.chat(body).send().await.expect_status(200);
        let text = answer.text();
        assert!(text.contains("\"function_call\":{"), "{text}");
        assert!(
            text.contains("\"finish_reason\":\"function_call\""),
            "{text}"
        );
        assert!(!text.contains("\"tool_calls\":["), "{text}");
        let sent = upstream.only_request().json();
        assert_eq!(sent["tools"][0]["name"], "look", "{sent}");
    }
}

#[tokio::test]
async fn a_prompt_too_long_for_one_goes_to_another_dialect() {
    let message = "prompt is too long: 210000 tokens > 200000 maximum";
    let error =
        json!({"type": "error", "error": {"type": "invalid_request_error", "message": message}});
    let small = Upstream::always(Reply::json(400, error)).await;
    let large = TO_GEMINI.upstream().await;
    let steps = json!([{"provider": "a", "model": "m"}, {"provider": "b", "model": "m"}]);
    let gateway = Config::new()
        .provider("a", &small, TO_ANTHROPIC.fields())
        .provider("b", &large, TO_GEMINI.fields())
        .set("routes", json!([{"name": "m", "steps": steps}]))
        .start()
        .await;
    for client in TALKS {
        let answer = client.ask(&gateway.client(), false).send().await;
        let answer = answer.expect_status(200);
        assert_eq!(answer.provider(), "b");
        assert_eq!(client.heard(&answer, false).text, SAID);
    }
}

#[tokio::test]
async fn a_body_made_to_hurt_is_a_400() {
    let deep = format!("{}1{}", "[".repeat(5000), "]".repeat(5000));
    for upstream in TALKS {
        let other = upstream.upstream().await;
        let gateway = upstream.over(&other).start().await;
        for client in TALKS
            .into_iter()
            .filter(|talk| talk.name() != upstream.name())
        {
            let body = client.body("m", false).to_string();
            let body = body.replacen('{', &format!("{{\"deep\":{deep},"), 1);
            let call = gateway.client().post(&client.target("m", false), body);
            let answer = call.send().await.expect_status(400);
            client.error(&answer);
            client
                .ask(&gateway.client(), false)
                .send()
                .await
                .expect_status(200);
        }
    }
}

#[tokio::test]
async fn deep_arguments_of_a_tool_do_not_break_the_answer() {
    let deep = format!("{}1{}", "{\"a\":".repeat(5000), "}".repeat(5000));
    let mut body = TO_CHAT.answer();
    body["choices"][0]["message"] = json!({"role": "assistant", "content": null, "tool_calls": [
        {"id": "call_1", "type": "function", "function": {"name": "look", "arguments": deep}}]});
    body["choices"][0]["finish_reason"] = json!("tool_calls");
    for client in [TO_ANTHROPIC, TO_GEMINI, TO_RESPONSES] {
        let upstream = Upstream::always(Reply::json(200, &body)).await;
        let gateway = TO_CHAT.over(&upstream).start().await;
        for streamed in [false, true] {
            let user = ToolUser {
                talk: client,
                streamed,
                forgets: false,
            };
            let call = gateway.client().post(&user.target(), user.first());
            let answer = call.send().await.expect_status(200);
            assert!(answer.text().contains("look"), "{}", client.name());
        }
    }
}

#[tokio::test]
async fn a_gateway_that_stops_says_so_in_the_stream() {
    for client in TALKS {
        let (begun, rest) = TO_CHAT.halves();
        let gate = Gate::new();
        let reply = Reply::stream().bytes(begun).pause_until(&gate).bytes(rest);
        let other = Upstream::always(reply).await;
        let gateway = TO_CHAT.over(&other).server("drain", 0.05).start().await;
        let mut opened = client.ask(&gateway.client(), true).open().await;
        let first = opened.piece().await.expect("a beginning");
        let (rest, ()) = tokio::join!(opened.whole(), gateway.stop());
        let text = String::from_utf8_lossy(&first).into_owned() + &rest.text();
        assert!(
            client.error_in(&text).is_some(),
            "{}: {text}",
            client.name()
        );
        assert!(!client.claims_end(&text), "{text}");
    }
}
