//! Every setting, its source, and no secret.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::config::{Config, Environment, Format, from_text, schema};

const FILE: &str = r#"{
  "server": {
    "port": 9001,
    "api_key": ["canary-client-1", "${CLIENT}"],
    "admin": { "listen": "127.0.0.1:1", "token": "canary-admin" }
  },
  "router": {
    "timeout": "7s",
    "timeouts": { "idle": "90s" },
    "hedge": { "after": "1500ms" },
    "capture": false
  },
  "providers": [
    { "type": "openai",
      "api_key": { "main": "canary-main", "spare": "${SPARE:-canary-spare}" },
      "extra_headers": { "x-team": "blue", "x-api-key": "canary-header" },
      "extra_body": { "top_k": 4, "secret": "canary-body" },
      "proxy": "socks5://u:canary-proxy@127.0.0.1:1080",
      "models": { "gpt-x": { "context": 1000 } } },
    { "type": "groq" },
    { "type": "demo" }
  ],
  "routes": [{ "name": "r", "steps": [{ "provider": "groq", "model": "m" }] }]
}"#;

fn config(text: &str, env: &Environment) -> Config {
    let loaded = from_text("/etc/x/config.json", text, Format::Json, env);
    loaded.unwrap_or_else(|error| panic!("{error:?}")).config
}

fn env() -> Environment {
    let variables = [("SPARE", "canary-of-file")].map(|(name, value)| (name.into(), value.into()));
    Environment::empty()
        .with("CLIENT", "canary-client-2")
        .with("GROQ_API_KEY", "canary-groq")
        .with_defaults(variables)
}

/// Value and source by path.
fn rows(config: &Config) -> BTreeMap<String, (Value, String)> {
    let effective = config.effective();
    let rows = effective["values"].as_array().expect("a list");
    let text = |row: &Value, key: &str| row[key].as_str().expect("a text").to_owned();
    rows.iter()
        .map(|row| {
            let told = (row["value"].clone(), text(row, "source"));
            (text(row, "path"), told)
        })
        .collect()
}

#[test]
fn every_setting_says_where_it_comes_from() {
    let rows = rows(&config(FILE, &env()));
    for (path, value, source) in [
        ("server.host", json!("127.0.0.1"), "default"),
        ("server.port", json!(9001), "config.json:3"),
        (
            "server.api_key",
            json!("2 keys"),
            "config.json:4 (${CLIENT})",
        ),
        ("server.admin.token", json!("set"), "config.json:5"),
        ("server.tunnel.type", json!("none"), "default"),
        ("router.strategy", json!("sequential"), "default"),
        ("router.timeouts.idle", json!("90s"), "config.json:9"),
        ("router.timeouts.first_token", json!("7s"), "config.json:8"),
        ("router.timeouts.connect", json!("5s"), "default"),
        ("router.hedge.after", json!("1500ms"), "config.json:10"),
        ("router.hedge.max_ratio", json!(0.02), "default"),
        ("router.capture", json!("off"), "config.json:11"),
        ("providers[0].name", json!("openai"), "config.json:14"),
        (
            "providers[0].base_url",
            json!("https://api.openai.com/v1"),
            "preset openai",
        ),
        (
            "providers[0].api_key",
            json!("2 keys (main, spare)"),
            "config.json:15 (${SPARE} of the .env file)",
        ),
        (
            "providers[0].extra_headers.x-team",
            json!("blue"),
            "config.json:16",
        ),
        (
            "providers[0].extra_headers.x-api-key",
            json!("set"),
            "config.json:16",
        ),
        ("providers[0].extra_body.top_k", json!(4), "config.json:17"),
        (
            "providers[0].proxy",
            json!("socks5://***@127.0.0.1:1080"),
            "config.json:18",
        ),
        ("providers[0].models", json!(["gpt-x"]), "config.json:19"),
        (
            "providers[0].models.gpt-x.context",
            json!(1000),
            "config.json:19",
        ),
        (
            "providers[1].api_key",
            json!("set"),
            "environment GROQ_API_KEY",
        ),
        ("providers[1].weight", json!(1.0), "default"),
        (
            "providers[2].models",
            json!(["demo-chat", "demo-embed"]),
            "preset demo",
        ),
        ("routes[0].steps[0].model", json!("m"), "config.json:23"),
    ] {
        let told = rows.get(path).unwrap_or_else(|| panic!("no {path}"));
        assert_eq!(told, &(value, source.to_owned()), "{path}");
    }
}

#[test]
fn no_secret_is_a_value() {
    let effective = config(FILE, &env()).effective().to_string();
    assert!(!effective.contains("canary"), "{effective}");
    assert!(effective.contains("x-api-key"), "{effective}");
}

#[test]
fn what_the_environment_and_flags_decide_is_said() {
    let env = Environment::empty()
        .with("PORT", "81")
        .with("NGROK_AUTHTOKEN", "canary-ngrok");
    let mut config = config(r#"{ "providers": [{ "type": "demo" }] }"#, &env);
    let source = |config: &Config, path: &str| rows(config)[path].1.clone();
    assert_eq!(source(&config, "server.port"), "environment PORT");
    assert_eq!(
        source(&config, "extra.tunnels.ngrok_authtoken"),
        "environment NGROK_AUTHTOKEN"
    );
    config.origins.note("server.port", "flag --port");
    assert_eq!(source(&config, "server.port"), "flag --port");
}

#[test]
fn no_setting_of_the_schema_is_left_out() {
    let schema = schema::schema();
    let rows = rows(&config(FILE, &env()));
    let mut wanted = Vec::new();
    for section in ["server", "router"] {
        collect(section, &schema["properties"][section], &mut wanted);
    }
    let provider = &schema["properties"]["providers"]["items"]["properties"];
    let keys = provider.as_object().expect("an object").keys();
    // Only the simulated provider has a profile; the others show the rest.
    let keys = keys.filter(|key| *key != "demo");
    wanted.extend(keys.map(|key| format!("providers[0].{key}")));
    assert!(wanted.len() > 60, "{wanted:?}");
    let is_told = |path: &String| {
        let below = |known: &String| known.strip_prefix(path.as_str()).is_some_and(is_below);
        let above = |known: &String| path.strip_prefix(known.as_str()).is_some_and(is_below);
        rows.keys().any(|known| below(known) || above(known))
    };
    wanted.retain(|path| !is_told(path));
    // Short words for what is told in full, and what the other kind of listener has.
    assert_eq!(wanted, ["server.socket_path", "router.timeout"]);
}

fn is_below(rest: &str) -> bool {
    rest.is_empty() || rest.starts_with(['.', '['])
}

/// The paths of the leaves that are objects all the way down.
fn collect(path: &str, schema: &Value, leaves: &mut Vec<String>) {
    match schema["properties"].as_object() {
        None => leaves.push(path.to_owned()),
        Some(fields) => {
            for (key, field) in fields {
                collect(&format!("{path}.{key}"), field, leaves);
            }
        }
    }
}
