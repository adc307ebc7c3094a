//! The gateway that a client is pointed at, and the one request that verifies it.

use serde_json::{Value, json};

use super::{House, KEY, url};
use crate::support::{Reply, Upstream};

#[tokio::test]
async fn the_running_gateway_is_found_and_answers_every_client() {
    let house = House::new();
    let gateway = house.gateway().await;
    let url = url(&gateway).await;
    for client in [
        "claude-code",
        "codex",
        "gemini-cli",
        "opencode",
        "openai-sdk",
    ] {
        let said = house.connect(&format!("{client} --json")).await;
        assert!(!said.err.contains(KEY), "{}", said.err);
        let out = said.done();
        assert!(!out.contains(KEY), "{out}");
        let out: Value = serde_json::from_str(&out).expect("JSON");
        assert_eq!(out["origin"], url.as_str(), "{client}");
        assert_eq!(out["verified"]["ok"], true, "{out}");
        assert_eq!(out["verified"]["provider"], "demo", "{out}");
        // It keeps the models that it has where the gateway has some of them.
        let model = match client {
            "claude-code" => None,
            // What it calls `auto` is a mode of its own.
            "gemini-cli" => Some("any"),
            _ => Some("auto"),
        };
        assert_eq!(out["model"].as_str(), model, "{client}");
    }
    let text = house.text(".claude/settings.json");
    assert!(text.contains(&url) && text.contains(KEY), "{text}");
    assert!(!text.contains("ANTHROPIC_MODEL"), "{text}");
    let list = house.connect("").await.done();
    assert!(
        list.contains("CONNECTED TO") && list.contains(&url),
        "{list}"
    );
    assert!(!list.contains(KEY) && !gateway.stderr().contains(KEY));
}

#[tokio::test]
async fn it_is_asked_as_the_client_would_ask() {
    for (client, target, header) in [
        ("claude-code", "/v1/messages", "x-api-key"),
        ("codex", "/v1/responses", "authorization"),
        (
            "gemini-cli",
            "/v1beta/models/m:generateContent",
            "x-goog-api-key",
        ),
        ("opencode", "/v1/chat/completions", "authorization"),
    ] {
        let gateway = Upstream::always(Reply::json(200, json!({}))).await;
        let house = House::new().with("AUTOGW_KEY", KEY);
        let words = format!("{client} --model m --url {}", gateway.address());
        house.connect(&words).await.done();
        let asked = gateway.only_request();
        assert_eq!((&*asked.method, &*asked.target), ("POST", target));
        let key = asked.header(header).unwrap_or_default();
        assert_eq!(key.trim_start_matches("Bearer "), KEY, "{client}");
    }
}

#[tokio::test]
async fn what_is_wrong_is_said_with_what_to_do() {
    let house = House::new();
    let gateway = house.gateway().await;
    house.holds("wrong", "not-the-canary\n", 0o600);
    let wrong = house.path("wrong");
    let words = format!("claude-code --key-file {}", wrong.display());
    let said = house.connect(&words).await.failed(1);
    assert!(said.contains("refuses the client key"), "{said}");
    assert!(
        said.contains("--key-file") && !said.contains("not-the-canary"),
        "{said}"
    );
    let said = house.connect("codex --model demo-chta").await.failed(2);
    assert!(said.contains("did you mean `demo-chat`?"), "{said}");
    house.connect("codex --model demo-chat").await.done();
    let text = house.text(".codex/config.toml");
    assert!(text.contains("demo-chat"), "{text}");
    drop(gateway);
    let said = house
        .connect("codex --url http://127.0.0.1:9")
        .await
        .failed(1);
    assert!(said.contains("no gateway answers"), "{said}");
    assert!(said.contains("autogw start"), "{said}");
    house.connect("klaude-code").await.failed(2);
}

#[tokio::test]
async fn a_gateway_that_does_not_run_yet_is_connected_to_all_the_same() {
    let house = House::new();
    let config = format!(
        r#"{{ "server": {{ "port": 18000, "api_key": "{KEY}" }}, "providers": [{{ "type": "demo" }}] }}"#
    );
    house.holds("config.json", &config, 0o600);
    let said = house.connect("claude-code").await;
    assert!(said.err.contains("autogw start"), "{}", said.err);
    let out = said.done();
    assert!(out.contains("http://127.0.0.1:18000"), "{out}");
    let text = house.text(".claude/settings.json");
    assert!(text.contains(KEY) && text.contains("\"auto\""), "{text}");
}

#[tokio::test]
async fn a_gateway_behind_a_unix_socket_is_not_for_clients() {
    let house = House::new();
    let config = r#"{ "server": { "socket_path": "s" }, "providers": [{ "type": "demo" }] }"#;
    let path = house.path("gw.sock");
    let config = config.replace("\"s\"", &format!("\"{}\"", path.display()));
    house.holds("config.json", &config, 0o600);
    let said = house.connect("claude-code").await.failed(1);
    assert!(
        said.contains("Unix socket") && said.contains("--port"),
        "{said}"
    );
}

#[tokio::test]
async fn keys_of_this_machine_are_for_its_own_gateway() {
    let house = House::new();
    let config =
        format!(r#"{{ "server": {{ "api_key": "{KEY}" }}, "providers": [{{ "type": "demo" }}] }}"#);
    house.holds("config.json", &config, 0o600);
    let elsewhere = "claude-code --url http://ai.invalid:1 --no-verify";
    let said = house.connect(elsewhere).await;
    assert!(said.err.contains("in the clear"), "{}", said.err);
    said.done();
    assert!(!house.text(".claude/settings.json").contains(KEY));
    // Any user of this machine may listen on a port of it.
    for (url, is_given) in [
        ("http://localhost:1", false),
        ("http://127.0.0.1:8001", false),
        ("https://127.0.0.1:8000", false),
        ("http://localhost:8000", true),
        ("http://127.0.0.1:8000", true),
    ] {
        let line = format!("claude-code --url {url} --no-verify");
        house.connect(&line).await.done();
        let text = house.text(".claude/settings.json");
        assert_eq!(text.contains(KEY), is_given, "{url}");
    }
}

#[tokio::test]
async fn a_client_of_its_vendors_servers_needs_a_public_url() {
    let house = House::new();
    let gateway = house.gateway().await;
    let said = house.connect("cursor").await.failed(1);
    assert!(said.contains("--tunnel cloudflared"), "{said}");
    let said = house.connect("cursor --url https://gw.example --no-verify --key-file key");
    let said = said.await;
    assert_eq!(said.code, Some(1), "there is no such file: {}", said.err);
    house.holds("key", KEY, 0o600);
    let key = house.path("key");
    let words = format!(
        "cursor --url https://gw.example --no-verify --key-file {}",
        key.display()
    );
    let out = house.connect(&words).await.done();
    assert!(
        out.contains("https://gw.example/v1") && !out.contains(KEY),
        "{out}"
    );
    drop(gateway);
}
