//! `POST /routing/decide` says what the next request does, and does nothing.

use serde_json::{Value, json};

use crate::support::{Answer, Config, Gate, Gateway, Reply, Upstream, chat};

/// The decision about `question`.
async fn decide(gateway: &Gateway, question: Value) -> Value {
    let answer = ask(gateway, question).await;
    answer.expect_status(200).json()
}

async fn ask(gateway: &Gateway, question: Value) -> Answer {
    gateway
        .client()
        .post("/routing/decide", question)
        .send()
        .await
}

fn question(model: &str) -> Value {
    json!({"model": model, "messages": [{"role": "user", "content": "x"}]})
}

/// `provider key` of whom a decision names.
fn whom(target: &Value) -> String {
    format!(
        "{} {}",
        target["provider"].as_str().unwrap_or_default(),
        target["key"]
    )
}

fn candidate<'a>(decision: &'a Value, provider: &str) -> &'a Value {
    let mut candidates = decision["candidates"]
        .as_array()
        .expect("candidates")
        .iter();
    let found = candidates.find(|one| one["provider"] == provider);
    found.unwrap_or_else(|| panic!("no {provider} in {decision}"))
}

/// Upstreams of different speed and health, which say with which key they were asked.
async fn mixed() -> [Upstream; 3] {
    let steady = Upstream::always(Reply::json(200, chat::answer("A"))).await;
    let flaky = Upstream::answering(|_, turn| match turn % 3 {
        0 => Reply::json(500, chat::error("down", "server_error", None)),
        _ => Reply::json(200, chat::answer("B")),
    })
    .await;
    let third = Upstream::always(Reply::json(200, chat::answer("C"))).await;
    [steady, flaky, third]
}

#[tokio::test]
async fn asking_changes_nothing() {
    let upstreams = mixed().await;
    let config = Config::new()
        .provider(
            "a",
            &upstreams[0],
            json!({"api_key": ["key-1", "key-2", "key-3"]}),
        )
        .provider(
            "c",
            &upstreams[2],
            json!({"max_rpm": 10, "max_concurrency": 1}),
        )
        .router("strategy", "weighted");
    let gateway = config.start().await;
    gateway.ask().await.expect_status(200);
    let pages = [
        "/providers/a/health",
        "/providers/c/health",
        "/providers/a/metrics",
        "/routing/requests",
    ];
    let mut before = Vec::new();
    for page in pages {
        before.push(timeless(gateway.get(page).await));
    }
    let counts: Vec<usize> = upstreams.iter().map(Upstream::count).collect();
    let first = decide(&gateway, question("m")).await;
    for _ in 0..100 {
        let again = decide(&gateway, question("m")).await;
        assert_eq!(again["order"], first["order"]);
        assert_eq!(again["chosen"]["reason"], first["chosen"]["reason"]);
    }
    for (page, before) in pages.iter().zip(before) {
        assert_eq!(timeless(gateway.get(page).await), before, "{page}");
    }
    let after: Vec<usize> = upstreams.iter().map(Upstream::count).collect();
    assert_eq!(after, counts, "nobody was asked");
}

/// A page without what changes as time passes.
fn timeless(mut page: Value) -> Value {
    fn strip(value: &mut Value) {
        match value {
            Value::Object(fields) => {
                for passing in [
                    "since_success_ms",
                    "since_failure_ms",
                    "wait_ms",
                    "breaker_wait_ms",
                ] {
                    fields.remove(passing);
                }
                fields.values_mut().for_each(strip);
            }
            Value::Array(list) => list.iter_mut().for_each(strip),
            _ => {}
        }
    }
    strip(&mut page);
    page
}

#[tokio::test]
async fn everybody_who_is_left_out_is_told_with_the_reason() {
    let slow =
        Reply::json(429, chat::error("slow", "rate_limit_error", None)).header("retry-after", "60");
    let resting = Upstream::always(slow).await;
    let good = Upstream::always(Reply::json(200, chat::answer("A"))).await;
    let gate = Gate::new();
    let held = Upstream::always(Reply::json(200, chat::answer("A")).behind(&gate)).await;
    let config = Config::new()
        .provider("a", &resting, json!({}))
        .provider("b", &held, json!({"max_concurrency": 1}))
        .provider("c", &good, json!({"models": {"m": []}}))
        .provider("d", &good, json!({"models": {"m": ["vision"]}}));
    let gateway = config.start().await;
    let waiting = tokio::spawn({
        let client = gateway.client();
        async move { client.chat(chat::ask("m")).send().await }
    });
    held.request(0).await;
    let image = json!({"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}});
    let mut question = question("m");
    question["messages"][0]["content"] = json!([image]);
    question["exclude_providers"] = json!(["d"]);
    let decision = ask(&gateway, question.clone()).await.json();
    let decision = decision.get("decision").cloned().unwrap_or(decision);
    let code = |name: &str| candidate(&decision, name)["excluded"]["code"].clone();
    assert_eq!(code("a"), "resting", "{decision}");
    assert_eq!(code("b"), "full", "{decision}");
    assert_eq!(code("c"), "incapable", "{decision}");
    assert_eq!(code("d"), "excluded", "{decision}");
    let reason = candidate(&decision, "a")["excluded"]["reason"].to_string();
    assert!(reason.contains("rate limit"), "{reason}");
    question["exclude_providers"] = json!([]);
    assert_eq!(whom(&decide(&gateway, question).await["chosen"]), "d 1");
    gate.open();
    waiting.await.expect("an answer").expect_status(200);
}

#[tokio::test]
async fn where_nobody_is_there_it_answers_as_the_request_would() {
    let good = Upstream::always(Reply::json(200, chat::answer("A"))).await;
    let gateway = Config::over([&good]).start().await;
    let unknown = json!({"model": "gone", "messages": []});
    let pinned = json!({"model": "m", "provider": "nobody", "messages": []});
    let no_alias = json!({"model": "m", "alias": "none", "messages": []});
    let no_model = json!({"messages": []});
    for body in [unknown, pinned, no_alias, no_model] {
        let asked = gateway.chat(body.clone()).send().await;
        let decided = ask(&gateway, body.clone()).await;
        assert_eq!(decided.status, asked.status, "{body}");
        for field in ["code", "message", "param"] {
            assert_eq!(decided.error(field), asked.error(field), "{body}");
        }
    }
    let all = json!({"model": "m", "messages": [], "exclude_providers": ["a"]});
    let answer = ask(&gateway, all).await.expect_status(400);
    assert_eq!(answer.error("param"), "exclude_providers");
    let typo = json!({"model": "m", "messages": [], "exclude_providers": ["aa"]});
    let answer = ask(&gateway, typo).await.expect_status(400);
    assert!(answer.error("message").contains("`aa`"));
}

#[tokio::test]
async fn where_all_rest_it_answers_as_the_request_would() {
    let slow =
        Reply::json(429, chat::error("slow", "rate_limit_error", None)).header("retry-after", "60");
    let resting = Upstream::always(slow).await;
    let gateway = Config::over([&resting]).start().await;
    gateway.ask().await.expect_status(429);
    let asked = gateway.ask().await.expect_status(429);
    let decided = ask(&gateway, question("m")).await.expect_status(429);
    assert_eq!(decided.error("code"), asked.error("code"));
    assert!(decided.header("retry-after").is_some());
    let decision = &decided.json()["decision"];
    assert_eq!(candidate(decision, "a")["excluded"]["code"], "resting");
    assert_eq!(resting.count(), 1, "nobody was asked in vain");
}

#[tokio::test]
async fn what_translation_would_lose_is_told_before_it_is_lost() {
    let good = Upstream::always(Reply::json(200, chat::answer("A"))).await;
    let gateway = Config::over([&good]).start().await;
    let messages = json!([{"role": "user", "content": "x"}]);
    let request = json!({"model": "m", "max_tokens": 9, "top_k": 3, "messages": messages});
    let question = json!({"endpoint": "/v1/messages", "request": request});
    let decision = decide(&gateway, question).await;
    let answer = gateway.client().post("/v1/messages", request).send().await;
    let chosen = &decision["chosen"];
    assert_eq!(chosen["speaks"], "openai_chat");
    assert_eq!(chosen["translated"], true);
    let dropped: Vec<_> = chosen["dropped"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(Value::as_str)
        .collect();
    assert!(!dropped.is_empty(), "{decision}");
    assert_eq!(answer.header("x-autogw-dropped"), Some(&*dropped.join(",")));
}

#[tokio::test]
async fn both_forms_and_every_dialect_are_understood() {
    let good = Upstream::always(Reply::json(200, chat::answer("A"))).await;
    let gateway = Config::over([&good]).start().await;
    let part = json!([{"parts": [{"text": "x"}]}]);
    for (question, dialect) in [
        (question("m"), "openai_chat"),
        (json!({"model": "m"}), "openai_chat"),
        (json!({"model": "m", "input": "x"}), "openai_responses"),
        (
            json!({"model": "m", "system": "s", "max_tokens": 1, "messages": []}),
            "anthropic",
        ),
        (json!({"model": "m", "contents": part}), "gemini"),
        (
            json!({"endpoint": "/v1beta/models/m:streamGenerateContent", "request": {"contents": part}}),
            "gemini",
        ),
        (
            json!({"dialect": "anthropic", "request": {"max_tokens": 1, "messages": []}, "model": "m"}),
            "anthropic",
        ),
    ] {
        let decision = decide(&gateway, question.clone()).await;
        assert_eq!(decision["dialect"], dialect, "{question}");
        assert_eq!(whom(&decision["chosen"]), "a 1", "{question}");
    }
    for broken in [
        "",
        "[]",
        "{",
        "{\"model\":\"m\",\"model\":\"n\",\"messages\":[]}",
    ] {
        let answer = gateway
            .client()
            .post("/routing/decide", broken)
            .send()
            .await;
        assert_eq!(answer.status, 400, "{broken}");
    }
}

#[tokio::test]
async fn what_is_supposed_counts_for_the_decision_alone() {
    let [a, b, _] = mixed().await;
    let config = Config::new()
        .provider("a", &a, json!({"region": "us"}))
        .provider("b", &b, json!({"region": "eu"}));
    let gateway = config.start().await;
    let with = |field: &str, value: Value| {
        let mut question = question("m");
        question[field] = value;
        question
    };
    let chosen = async |question: Value| whom(&decide(&gateway, question).await["chosen"]);
    assert_eq!(chosen(question("m")).await, "a 1");
    assert_eq!(chosen(with("exclude_providers", json!(["a"]))).await, "b 1");
    assert_eq!(chosen(with("provider", json!("b"))).await, "b 1");
    assert_eq!(chosen(with("preferred_region", json!("eu"))).await, "b 1");
    assert_eq!(
        decide(&gateway, with("strategy", json!("bandit"))).await["strategy"],
        "bandit"
    );
    assert_eq!(chosen(question("m")).await, "a 1");
}

#[tokio::test]
async fn a_body_is_read_as_carefully_as_any_other() {
    let good = Upstream::always(Reply::json(200, chat::answer("A"))).await;
    let gateway = Config::over([&good])
        .server("max_body", "1KiB")
        .start()
        .await;
    let large = json!({"model": "m", "messages": [{"role": "user", "content": "x".repeat(4096)}]});
    ask(&gateway, large).await.expect_status(413);
    decide(&gateway, question("m")).await;
}

#[tokio::test]
async fn a_question_may_be_as_large_as_a_request() {
    let upstream = Upstream::always(Reply::json(200, chat::answer("A"))).await;
    let gateway = Config::over([&upstream]).start().await;
    let picture = "A".repeat(3 << 20);
    let url = format!("data:image/png;base64,{picture}");
    let content = json!([{"type": "image_url", "image_url": {"url": url}}]);
    let question = json!({"model": "m", "messages": [{"role": "user", "content": content}]});
    let decision = decide(&gateway, question).await;
    assert_eq!(whom(&decision["chosen"]), "a 1");
}

#[tokio::test]
async fn what_is_no_question_is_refused_with_the_field() {
    let good = Upstream::always(Reply::json(200, chat::answer("A"))).await;
    let gateway = Config::over([&good]).start().await;
    for (field, value) in [
        ("endpoint", "/v1/models"),
        ("endpoint", "/v1/nonsense"),
        ("dialect", "klingon"),
        ("strategy", "fastest"),
    ] {
        let mut question = question("m");
        question[field] = json!(value);
        let answer = ask(&gateway, question).await.expect_status(400);
        assert_eq!(answer.error("param"), field, "{value}");
    }
    for method in ["HEAD", "GET", "PUT", "DELETE"] {
        let call = gateway.client().call(method, "/routing/decide");
        let answer = call.open().await;
        assert_eq!(answer.status, 405, "{method}");
        let mut headers = answer.headers.iter();
        let allow = headers.find(|(name, _)| name == "allow");
        assert_eq!(allow.map(|(_, value)| &**value), Some("POST"), "{method}");
    }
    assert_eq!(good.count(), 0);
}

#[tokio::test]
async fn streams_and_embeddings_are_decided_like_any_request() {
    let good = Upstream::always(Reply::json(200, chat::answer("A"))).await;
    let gateway = Config::over([&good]).start().await;
    let embed = json!({"model": "m", "input": ["x"]});
    let embed = json!({"endpoint": "/v1/embeddings", "request": embed});
    let gemini = json!({"model": "m", "contents": [{"parts": [{"text": "x"}]}], "stream": true});
    for (question, endpoint, streams) in [
        (chat::ask_stream("m"), "/chat/completions", true),
        (embed, "/embeddings", false),
        (gemini, "/models:generateContent", true),
    ] {
        let decision = decide(&gateway, question).await;
        let told = (&decision["endpoint"], &decision["stream"]);
        assert_eq!(told, (&json!(endpoint), &json!(streams)), "{decision}");
        assert_eq!(whom(&decision["chosen"]), "a 1");
    }
}
