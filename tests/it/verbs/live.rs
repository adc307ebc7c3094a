//! `check --live`: one request per target, and nothing of a key in what is said.

use autogw::cli::check::{self, CheckArgs};
use autogw::cli::exit::Exit;
use autogw::config::Environment;
use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};

use super::{Output, serve};

/// Takes only `good`, knows only `m`, and answers with key fragments as some do.
fn upstream() -> Router {
    Router::new()
        .route(
            "/v1/models",
            get(async |headers: HeaderMap| answer(&headers, "m")),
        )
        .route(
            "/v1/chat/completions",
            post(async |headers: HeaderMap, body: String| {
                let body: serde_json::Value = serde_json::from_str(&body).unwrap_or_default();
                assert_eq!(
                    (&body["max_tokens"], &body["top_k"]),
                    (&1.into(), &4.into())
                );
                answer(&headers, body["model"].as_str().unwrap_or_default())
            }),
        )
        .route(
            "/v1/embeddings",
            post(async |headers: HeaderMap, body: String| {
                assert!(body.contains(r#""input":"hi""#), "{body}");
                answer(&headers, "m")
            }),
        )
        .route(
            "/v1/messages",
            post(async |headers: HeaderMap, body: String| {
                assert!(body.contains(r#""max_tokens""#), "{body}");
                assert!(headers.contains_key("anthropic-version"));
                keyed(&headers, "x-api-key")
            }),
        )
        .route(
            "/v1beta/models/g%2Fm:generateContent",
            post(async |headers: HeaderMap, body: String| {
                assert!(body.contains(r#""contents""#), "{body}");
                keyed(&headers, "x-goog-api-key")
            }),
        )
}

/// Takes only `good` in the header `name`.
fn keyed(headers: &HeaderMap, name: &str) -> (StatusCode, &'static str) {
    if headers.get(name).is_some_and(|key| key == "good") {
        (StatusCode::OK, "{}")
    } else {
        (StatusCode::UNAUTHORIZED, "no key sk-canary")
    }
}

fn answer(headers: &HeaderMap, model: &str) -> (StatusCode, &'static str) {
    if headers
        .get("authorization")
        .is_none_or(|key| key != "Bearer good")
    {
        return (
            StatusCode::UNAUTHORIZED,
            "Incorrect API key provided: sk-canary",
        );
    }
    match model {
        "m" => (StatusCode::OK, "{}"),
        _ => (StatusCode::NOT_FOUND, "no such model for sk-canary"),
    }
}

async fn check(providers: &str, json: bool) -> (Exit, Output) {
    let root = tempfile::tempdir().expect("a directory");
    let path = root.path().join("config.json");
    std::fs::write(&path, format!("{{ \"providers\": [{providers}] }}")).expect("written");
    let args = CheckArgs {
        file: Some(path),
        live: true,
        json,
        ..CheckArgs::default()
    };
    let mut output = Output::default();
    let exit = check::run(&args, Environment::empty(), &mut output.console()).await;
    (exit, output)
}

/// The lines about targets, without their times.
fn lines(output: &Output) -> Vec<String> {
    let lines = output.out();
    let lines = lines.lines().filter(|line| line.contains(" ms"));
    lines
        .map(|line| {
            let words = line.split(' ').filter(|word| word.parse::<u64>().is_err());
            words.collect::<Vec<_>>().join(" ")
        })
        .collect()
}

#[tokio::test]
async fn every_target_is_asked_once() {
    let address = serve(upstream()).await;
    let provider = |name: &str, rest: &str| {
        format!(
            r#"{{ "type": "openai_compatible", "name": "{name}", "base_url": "http://{address}/v1",
                 "extra_body": {{ "top_k": 4 }}, {rest} }}"#
        )
    };
    let providers = [
        provider(
            "a",
            r#""api_key": { "x": "good", "y": "bad" }, "models": ["m", "n"]"#,
        ),
        provider("b", r#""api_key": "good""#),
        provider(
            "c",
            r#""api_key": ["good"], "models": { "e": ["embeddings"] }"#,
        ),
        format!(
            r#"{{ "type": "google", "api_key": ["good", "bad"], "base_url": "http://{address}/v1beta",
                 "models": {{ "g": {{ "upstream": "g/m" }} }} }}"#
        ),
        format!(
            r#"{{ "type": "anthropic", "api_key": "good", "base_url": "http://{address}",
                 "models": ["c"] }}"#
        ),
        r#"{ "type": "openai_compatible", "name": "dead", "base_url": "http://127.0.0.1:1" }"#
            .to_owned(),
    ];
    let (exit, output) = check(&providers.join(","), false).await;
    assert_eq!(exit, Exit::Failed);
    assert_eq!(
        lines(&output),
        [
            "- a/m [x]: ok, ms",
            "- a/n [x]: failed, ms: HTTP 404: model or address not found",
            "- a/m [y]: failed, ms: HTTP 401: the key was refused",
            "- a/n [y]: failed, ms: HTTP 401: the key was refused",
            "- b/* [key 1]: ok, ms",
            "- c/e [key 1]: ok, ms",
            "- google/g [key 1]: ok, ms",
            "- google/g [key 2]: failed, ms: HTTP 401: the key was refused",
            "- anthropic/c [key 1]: ok, ms",
            "- dead/*: failed, ms: cannot connect",
        ]
    );
    assert!(!output.out().contains("canary") && !output.err().contains("canary"));
}

#[tokio::test]
async fn all_well_is_done_and_says_so_as_json() {
    let address = serve(upstream()).await;
    let providers = format!(
        r#"{{ "type": "openai_compatible", "name": "b", "base_url": "http://{address}/v1", "api_key": "good" }},
           {{ "type": "demo", "models": ["demo-chat"] }}"#
    );
    let (exit, output) = check(&providers, true).await;
    assert_eq!(exit, Exit::Done);
    let json = output.json();
    assert_eq!(json["ok"], true);
    assert_eq!(json["live"][0]["model"], "*");
    assert_eq!(json["live"][1]["provider"], "demo");
    assert!(json["live"][0]["ms"].is_u64());
}
