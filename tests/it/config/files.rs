//! Whole files that load: the old tool's, the example, one with everything, and the generated schema.

use std::time::Duration;

use autogw::config::{self, Environment, Format, Listen, Loaded, Strategy, Tunnel};
use autogw::provider::{Feature, Models};

use super::fixture;

fn load(name: &str, format: Format, env: &Environment) -> Loaded {
    config::from_text(name, &fixture(&format!("valid/{name}")), format, env)
        .unwrap_or_else(|error| panic!("{error}"))
}

fn messages(loaded: &Loaded) -> Vec<&str> {
    loaded
        .warnings
        .iter()
        .map(|warning| warning.message.as_str())
        .collect()
}

#[test]
fn the_first_old_config_loads_unchanged() {
    let loaded = load("auto-gateway-1.json", Format::Json, &Environment::empty());
    assert_eq!(
        messages(&loaded),
        [
            "4 inline secrets: server.api_key, providers[1].api_key[0], providers[1].api_key[1] and 1 more",
        ]
    );
    let config = &loaded.config;
    assert_eq!(config.server.api_keys[0].expose(), "client-key-1");
    assert_eq!(config.router.strategy, Strategy::Adaptive);
    let local = &config.providers[0];
    assert!(local.keys.is_empty(), "null means keyless");
    assert_eq!(
        local.base_url.as_ref().map(url::Url::as_str),
        Some("http://localhost:8001/v1")
    );
    let Models::Listed(models) = &local.models else {
        panic!("the models are listed")
    };
    let features = |index: usize| models[index].features.expect("a list was given");
    assert!(features(0).has(Feature::Vision) && features(0).has(Feature::ToolCalls));
    assert!(features(1).is_empty(), "an empty list means none");
    assert_eq!(config.providers[1].keys.len(), 2);
    let tunnels = &config.tunnels;
    assert_eq!(
        tunnels
            .ngrok
            .authtoken
            .as_ref()
            .map(|token| token.secret.expose()),
        Some("ngrok-token")
    );
    assert_eq!(tunnels.cloudflared.binary.as_deref(), Some("cloudflared"));
}

#[test]
fn the_second_old_config_loads_unchanged() {
    let loaded = load("auto-gateway-2.json", Format::Json, &Environment::empty());
    assert_eq!(
        messages(&loaded),
        ["2 inline secrets: providers[0].api_key.primary, providers[0].api_key.secondary"]
    );
    let config = &loaded.config;
    assert_eq!(
        config.server.listen,
        Listen::Unix("/run/user/1000/gateway.sock".into())
    );
    let timeouts = config.router.timeouts;
    let shorthand = Duration::from_millis(45_500);
    assert_eq!(
        (timeouts.first_token, timeouts.idle, timeouts.response),
        (shorthand, shorthand, shorthand)
    );
    assert_eq!(
        timeouts.total,
        Duration::from_mins(10),
        "the shorthand leaves the rest alone"
    );
    let provider = &config.providers[0];
    assert_eq!(
        provider.base_url.as_ref().map(url::Url::as_str),
        Some("https://api.example.com/v1")
    );
    let aliases: Vec<_> = provider
        .keys
        .iter()
        .filter_map(|key| key.alias.as_deref())
        .collect();
    assert_eq!(aliases, ["primary", "secondary"]);
    let body: Vec<_> = provider
        .extra_body
        .iter()
        .map(|(k, v)| (k.as_str(), v.get()))
        .collect();
    assert_eq!(body, [("top_k", "40")]);
}

#[test]
fn the_third_old_config_loads_unchanged() {
    let env = Environment::empty().with("GROQ_API_KEY", "gsk-1");
    let loaded = load("auto-gateway-3.json", Format::Json, &env);
    assert_eq!(messages(&loaded), Vec::<&str>::new());
    assert_eq!(loaded.config.router.strategy, Strategy::Bandit);
    assert_eq!(loaded.config.server.tunnel, Some(Tunnel::Cloudflared));
    assert_eq!(loaded.config.providers[0].keys[0].secret.expose(), "gsk-1");
    assert!(
        loaded.config.providers[1].keys.is_empty(),
        "absent without a variable means keyless"
    );
    assert_eq!(
        loaded.config.tunnels.cloudflared.binary.as_deref(),
        Some("cloudflared")
    );
}

#[test]
fn every_key_of_the_schema_is_read() {
    let env = Environment::empty().with_home("/home/p");
    let loaded = load("everything.yaml", Format::Yaml, &env);
    insta::assert_debug_snapshot!("everything", loaded.config);
    insta::assert_snapshot!("everything_warnings", messages(&loaded).join("\n"));
}

#[test]
fn toml_reads_the_same_schema() {
    let env = Environment::empty().with("GROQ_API_KEY", "gsk-1");
    let loaded = load("small.toml", Format::Toml, &env);
    assert_eq!(messages(&loaded), Vec::<&str>::new());
    let config = &loaded.config;
    assert!(matches!(
        config.server.listen,
        Listen::Tcp { port: 9000, .. }
    ));
    assert_eq!(config.router.timeouts.idle, Duration::from_secs(10));
    let Models::Listed(models) = &config.providers[0].models else {
        panic!("the models are listed")
    };
    let names: Vec<&str> = models.iter().map(|model| model.name.as_str()).collect();
    assert_eq!(names, ["zeta", "alpha"], "the order of the file");
    let ollama = config.providers[1].base_url.as_ref().map(url::Url::as_str);
    assert_eq!(
        ollama,
        Some("http://gpu-box:11434/v1"),
        "a preset's path where none is given"
    );
}

#[test]
fn the_example_loads_without_a_word() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/config.json.example");
    let text = std::fs::read_to_string(path).expect("the example is there");
    let env = [
        "AUTOGW_CLIENT_KEY",
        "OPENAI_API_KEY",
        "ANTHROPIC_API_KEY",
        "GEMINI_API_KEY",
        "GROQ_API_KEY",
        "GROQ_API_KEY_2",
    ]
    .into_iter()
    .fold(Environment::empty(), |env, name| env.with(name, name));
    let loaded = config::from_text("config.json.example", &text, Format::Json, &env)
        .unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(messages(&loaded), Vec::<&str>::new());
    assert_eq!(loaded.config.providers.len(), 7);
}

#[test]
fn the_schema_in_the_assets_is_current() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/config.schema.json");
    let mut schema = serde_json::to_string_pretty(&config::schema::schema()).expect("plain data");
    schema.push('\n');
    if std::env::var_os("UPDATE_ASSETS").is_some() {
        std::fs::write(path, &schema).expect("the asset is written");
    }
    let current = std::fs::read_to_string(path).unwrap_or_default();
    assert!(current == schema, "run this test with UPDATE_ASSETS=1");
}
