//! Errors in the dialect of whoever asked: of providers, of the gateway, of its edge.

use autogw::config::PublicDoor;
use serde_json::{Value, json};

use crate::support::public::KEY;
use crate::support::tongue::{ANTHROPIC, CHAT, GEMINI, RESPONSES, TONGUES, Tongue};
use crate::support::{Answer, Config, Public, Reply, Upstream, chat};

/// What an error answer says of itself in `tongue`: its type, or what stands for it.
#[track_caller]
fn kind(tongue: Tongue, answer: &Answer) -> String {
    let json = answer.json();
    let id = answer.header("x-request-id").unwrap_or_default();
    assert_eq!(answer.header("request-id"), Some(id));
    let (kind, told) = match tongue.name {
        "anthropic" => {
            assert_eq!(json["type"], "error", "{json}");
            (&json["error"]["type"], &json["request_id"])
        }
        "gemini" => {
            assert_eq!(json["error"]["code"], answer.status, "{json}");
            let details = json["error"]["details"].as_array().expect("details");
            let info = details.last().expect("a detail");
            (&json["error"]["status"], &info["metadata"]["request_id"])
        }
        _ => {
            assert!(json["error"].get("param").is_some(), "{json}");
            (&json["error"]["type"], &json["error"]["request_id"])
        }
    };
    assert!(json["error"]["message"].is_string(), "{json}");
    assert_eq!(told, id, "{json}");
    kind.as_str().unwrap_or_default().to_owned()
}

async fn refused_by(tongue: Tongue, reply: Reply) -> Answer {
    let upstream = Upstream::always(reply).await;
    let gateway = tongue.over([&upstream]).start().await;
    gateway
        .client()
        .post(tongue.target, tongue.request)
        .send()
        .await
}

#[tokio::test]
async fn an_upstreams_refusal_is_passed_on_once() {
    let anthropic =
        r#"{"type":"error","error":{"type":"invalid_request_error","message":"why key-a"}}"#;
    let gemini = r#"{"error":{"code":400,"message":"why key-a","status":"FAILED_PRECONDITION"}}"#;
    let openai = r#"{"error":{"message":"why key-a","type":"invalid_request_error","param":"x","code":null}}"#;
    for (tongue, body, expected) in [
        (CHAT, openai, "invalid_request_error"),
        (RESPONSES, openai, "invalid_request_error"),
        (ANTHROPIC, anthropic, "invalid_request_error"),
        (GEMINI, gemini, "FAILED_PRECONDITION"),
    ] {
        let answer = refused_by(tongue, Reply::json(400, body))
            .await
            .expect_status(400);
        assert_eq!(kind(tongue, &answer), expected);
        assert!(
            answer.error("message").starts_with("why"),
            "{}",
            answer.text()
        );
        assert!(!answer.text().contains("key-a"));
        assert_eq!(answer.header("x-should-retry"), Some("false"));
    }
}

#[tokio::test]
async fn what_failed_everywhere_has_its_status_in_every_dialect() {
    for (status, expected) in [
        (
            429,
            [
                "rate_limit_error",
                "rate_limit_error",
                "rate_limit_error",
                "RESOURCE_EXHAUSTED",
            ],
        ),
        (
            500,
            ["server_error", "server_error", "api_error", "UNAVAILABLE"],
        ),
        (
            401,
            ["server_error", "server_error", "api_error", "UNAVAILABLE"],
        ),
    ] {
        for (tongue, expected) in TONGUES.into_iter().zip(expected) {
            let reply = Reply::json(status, "{}").header("retry-after", "7");
            let answer = refused_by(tongue, reply).await;
            assert_eq!(kind(tongue, &answer), expected, "{status} {}", tongue.name);
            assert_eq!(answer.status, if status == 429 { 429 } else { 502 });
            assert!(answer.text().contains("attempts"), "{}", answer.text());
        }
    }
}

#[tokio::test]
async fn google_is_told_when_to_come_again_in_its_own_words() {
    let reply = Reply::json(
        429,
        r#"{"error":{"code":429,"message":"m","status":"RESOURCE_EXHAUSTED","details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"7s"}]}}"#,
    );
    let upstream = Upstream::always(reply).await;
    let gateway = GEMINI.over([&upstream]).real_rests().start().await;
    let answer = gateway
        .client()
        .post(GEMINI.target, GEMINI.request)
        .send()
        .await;
    let answer = answer.expect_status(429);
    assert_eq!(answer.header("retry-after"), Some("7"));
    let delay = &answer.json()["error"]["details"][0]["retryDelay"];
    let delay = delay
        .as_str()
        .and_then(|delay| delay.strip_suffix('s')?.parse::<f64>().ok());
    assert!(
        delay.is_some_and(|delay| (6.0..=7.0).contains(&delay)),
        "{}",
        answer.text()
    );
}

#[tokio::test]
async fn overload_is_a_529_to_anthropics_clients_only() {
    for (tongue, status) in [(ANTHROPIC, 529), (CHAT, 503), (GEMINI, 503)] {
        let upstream = Upstream::always(Reply::json(529, "{}")).await;
        let mut fields = tongue.fields();
        fields["retryable_status_codes"] = json!("400");
        let gateway = Config::new().provider("a", &upstream, fields).start().await;
        let answer = gateway
            .client()
            .post(tongue.target, tongue.request)
            .send()
            .await;
        let answer = answer.expect_status(status);
        let expected = match tongue.name {
            "anthropic" => "overloaded_error",
            "gemini" => "UNAVAILABLE",
            _ => "server_error",
        };
        assert_eq!(kind(tongue, &answer), expected);
    }
}

#[tokio::test]
async fn the_edge_speaks_the_callers_dialect() {
    let upstream = Upstream::always(Reply::json(200, CHAT.answer)).await;
    let config = Config::over([&upstream])
        .server("api_key", "client-key-1")
        .server("max_body", 200);
    let gateway = config.start().await;
    let key = ("x-api-key", "client-key-1");
    let unlocked = gateway.client().with(key.0, key.1);
    for (tongue, kinds) in TONGUES.into_iter().zip([
        ["invalid_request_error"; 5],
        ["invalid_request_error"; 5],
        [
            "authentication_error",
            "invalid_request_error",
            "request_too_large",
            "invalid_request_error",
            "not_found_error",
        ],
        [
            "UNAUTHENTICATED",
            "UNIMPLEMENTED",
            "INVALID_ARGUMENT",
            "INVALID_ARGUMENT",
            "NOT_FOUND",
        ],
    ]) {
        let strange = tongue
            .target
            .replace("/v1/", "/v1/x")
            .replace("/m:", "/unheard:");
        let strange = if tongue.name == "gemini" {
            strange
        } else {
            tongue.target.to_owned()
        };
        let unknown = r#"{"model":"unheard","messages":[],"contents":[]}"#;
        let answers = [
            (401, gateway.client().post(tongue.target, "{}").send().await),
            (405, unlocked.get(tongue.target).send().await),
            (
                413,
                unlocked.post(tongue.target, "x".repeat(300)).send().await,
            ),
            (400, unlocked.post(tongue.target, "{").send().await),
            (404, unlocked.post(&strange, unknown).send().await),
        ];
        for ((status, answer), expected) in answers.into_iter().zip(kinds) {
            let answer = answer.expect_status(status);
            assert_eq!(kind(tongue, &answer), expected, "{status} {}", tongue.name);
        }
    }
    assert_eq!(upstream.count(), 0);
}

#[tokio::test]
async fn where_the_path_says_nothing_the_headers_do() {
    let upstream = Upstream::always(Reply::json(200, CHAT.answer)).await;
    let gateway = Config::over([&upstream]).start().await;
    for (tongue, header) in [
        (CHAT, "x-none"),
        (ANTHROPIC, "anthropic-version"),
        (GEMINI, "x-goog-api-client"),
    ] {
        let answer = gateway
            .client()
            .get("/nowhere")
            .header(header, "x")
            .send()
            .await;
        kind(tongue, &answer.expect_status(404));
    }
}

#[tokio::test]
async fn probes_of_agents_are_told_no_and_nothing_worse() {
    let upstream = Upstream::always(Reply::json(200, CHAT.answer)).await;
    let gateway = Config::over([&upstream]).start().await;
    for (method, target, status) in [
        ("HEAD", "/api/hello", 404),
        ("GET", "/api/hello", 404),
        ("HEAD", "/", 404),
        ("GET", "/v1", 404),
        ("HEAD", "/v1/messages", 405),
        ("GET", "/v1/responses/resp_1", 404),
        ("POST", "/v1beta/interactions", 404),
        ("POST", "/v1beta/models/m:unheardOf", 404),
        ("HEAD", "/v1/models", 200),
        ("GET", "/v1/models/", 200),
        ("GET", "/health/", 200),
        ("PUT", "/v1/models", 405),
    ] {
        // The answer to a HEAD has no body, whatever its length says.
        let answer = gateway.client().call(method, target).open().await;
        assert_eq!(answer.status, status, "{method} {target}");
    }
}

#[tokio::test]
async fn a_websocket_is_refused_so_that_codex_falls_back() {
    let upstream = Upstream::always(Reply::json(200, CHAT.answer)).await;
    let gateway = Config::over([&upstream]).start().await;
    let call = gateway.client().get("/v1/responses");
    let answer = call
        .header("connection", "Upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
        .send()
        .await
        .expect_status(426);
    assert_eq!(answer.error("code"), "websocket_not_supported");
}

/// Spellings of a path to the model `secret`.
const WAYS: [(&str, &str); 9] = [
    ("/v1beta/models/secret:generateContent", "{}"),
    ("/v1/models/secret:streamGenerateContent?alt=sse", "{}"),
    ("/gemini/v1/models/models%2Fsecret:countTokens", "{}"),
    ("/v1beta/secret:generateContent", "{}"),
    ("/v1beta/models/%73ecret:generateContent/", "{}"),
    ("/v1beta/models/a%2Fsecret:generateContent", "{}"),
    ("/v1beta/models/[secret]:generateContent", "{}"),
    ("/v1/messages", r#"{"model":"secret","messages":[]}"#),
    ("/responses", r#"{"model":"a/secret","input":""}"#),
];

#[tokio::test]
async fn no_spelling_of_a_path_leads_around_a_doors_key_or_models() {
    let open = Upstream::always(Reply::json(200, GEMINI.answer)).await;
    let models = json!({"type": "google", "models": ["m", "secret"]});
    let config = Config::new().provider("a", &open, models).text();
    let rules = PublicDoor {
        models: Some(vec!["m".to_owned()]),
        ..PublicDoor::default()
    };
    let public = Public::open(&config, &rules);
    for (target, body) in WAYS {
        let answer = public.client().post(target, body).send().await;
        assert_eq!(answer.status, 401, "{target}");
        let answer = public.owner().post(target, body).send().await;
        assert_eq!(answer.status, 404, "{target}: {}", answer.text());
    }
    assert_eq!(open.count(), 0);
    let named = r#"{"model":"models/secret","generateContentRequest":{"model":"models/secret","model":"models/secret"}}"#;
    let target = "/v1beta/models/m:generateContent";
    public
        .owner()
        .post(target, named)
        .send()
        .await
        .expect_status(200);
    assert!(!open.only_request().text().contains("secret"));
    let with_key = format!("{target}?key={KEY}&alt=x");
    public
        .client()
        .post(&with_key, "{}")
        .send()
        .await
        .expect_status(200);
    assert_eq!(open.request(1).await.target, "/v1/models/m:generateContent");
    let fallbacks = r#"{"model":"m","messages":[],"fallbacks":[{"model":"secret"}]}"#;
    let answer = public.owner().post("/v1/messages", fallbacks).send().await;
    assert_eq!(answer.status, 400, "{}", answer.text());
}

#[tokio::test]
async fn the_models_of_a_door_are_listed_in_every_dialect() {
    let upstream = Upstream::always(Reply::json(200, chat::answer("A"))).await;
    let fields = json!({"models": ["m", "n", "secret"]});
    let config = Config::new().provider("a", &upstream, fields).text();
    let rules = PublicDoor {
        models: Some(vec!["m".to_owned(), "n".to_owned()]),
        ..PublicDoor::default()
    };
    let public = Public::open(&config, &rules);
    let owner = public.owner();
    let ids = |json: &Value, list: &str, field: &str| -> Vec<String> {
        let all = json[list].as_array().expect("a list").iter();
        all.map(|one| one[field].as_str().unwrap_or_default().to_owned())
            .collect()
    };
    let get = async |target: &str, header: &str| {
        let answer = owner.get(target).header(header, "x").send().await;
        answer.expect_status(200).json()
    };
    let openai = get("/v1/models", "x-none").await;
    assert_eq!(
        (openai["object"].as_str(), ids(&openai, "data", "id")),
        (Some("list"), vec!["m".into(), "n".into()])
    );
    let anthropic = get("/v1/models?limit=1", "anthropic-version").await;
    assert_eq!(
        (ids(&anthropic, "data", "id"), &anthropic["has_more"]),
        (vec!["m".into()], &json!(true))
    );
    assert_eq!(anthropic["data"][0]["type"], "model");
    let next = get("/v1/models?limit=1&after_id=m", "anthropic-version").await;
    assert_eq!(
        (ids(&next, "data", "id"), &next["last_id"]),
        (vec!["n".into()], &json!("n"))
    );
    for (target, header) in [
        ("/v1beta/models", "x-none"),
        ("/gemini/v1/models/", "x-none"),
        ("/v1/models?pageSize=100", "x-goog-api-client"),
    ] {
        let gemini = get(target, header).await;
        assert_eq!(
            ids(&gemini, "models", "name"),
            ["models/m", "models/n"],
            "{target}"
        );
    }
    let one = get("/v1beta/models/models%2Fm", "x-none").await;
    assert_eq!(one["name"], "models/m");
    assert_eq!(get("/v1/models/m", "anthropic-version").await["id"], "m");
    let hidden = owner
        .get("/v1beta/models/secret")
        .send()
        .await
        .expect_status(404);
    assert_eq!(hidden.error("status"), "NOT_FOUND");
}
