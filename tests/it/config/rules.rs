//! The rules of `server` and `router`, one test each.

use std::time::Duration;

use autogw::config::{self, Environment, Format, Listen, OnUnknownModel};

use super::{errors, load, warnings, with_router, with_server};

fn listen(text: &str, env: &Environment) -> Listen {
    let loaded = config::from_text("c.json", text, Format::Json, env);
    loaded
        .unwrap_or_else(|error| panic!("{error}"))
        .config
        .server
        .listen
}

#[test]
fn the_port_of_the_file_counts_before_the_variable() {
    let env = Environment::empty().with("PORT", "9123");
    let port = |text: &str, env: &Environment| match listen(text, env) {
        Listen::Tcp {
            port,
            port_is_chosen,
            ..
        } => (port, port_is_chosen),
        Listen::Unix(_) => panic!("a TCP listener"),
    };
    assert_eq!(port(&with_server(r#"{ "port": 80 }"#), &env), (80, true));
    assert_eq!(port(&with_server("{}"), &env), (9123, true));
    assert_eq!(
        port(&with_server("{}"), &Environment::empty()),
        (8000, false)
    );
}

#[test]
fn a_variable_may_stand_for_a_number_or_a_boolean() {
    let env = Environment::empty().with("P", "7001").with("YES", "true");
    let text =
        with_server(r#"{ "port": "${P}", "accept_base64_keys": "${YES}", "drain": "${D:-5}" }"#);
    let loaded = config::from_text("c.json", &text, Format::Json, &env).expect("valid");
    assert!(matches!(
        loaded.config.server.listen,
        Listen::Tcp { port: 7001, .. }
    ));
    assert!(loaded.config.server.accept_base64_keys);
    assert_eq!(loaded.config.server.drain, Duration::from_secs(5));
}

#[test]
fn a_port_variable_that_is_no_port_is_an_error() {
    let env = Environment::empty().with("PORT", "http");
    let error = config::from_text("c.json", &with_server("{}"), Format::Json, &env)
        .expect_err("not a port");
    assert_eq!(
        error.to_string(),
        "environment variable PORT is not a port (0 to 65535)"
    );
}

#[test]
fn a_socket_path_is_used_instead_of_tcp_and_has_to_fit() {
    let env = Environment::empty().with_home("/home/p");
    let text = with_server(r#"{ "socket_path": "~/gw.sock", "port": 1 }"#);
    assert_eq!(listen(&text, &env), Listen::Unix("/home/p/gw.sock".into()));
    let long = with_server(&format!(r#"{{ "socket_path": "/{}" }}"#, "x".repeat(107)));
    assert_eq!(
        errors(&long),
        ["server.socket_path: a socket path has at most 107 bytes"]
    );
}

#[test]
fn client_keys_are_one_or_many_and_never_empty() {
    let keys = |text: &str| load(&with_server(text)).config.server.api_keys.len();
    assert_eq!(keys(r#"{ "api_key": "one" }"#), 1);
    assert_eq!(keys(r#"{ "api_key": ["one", "two"] }"#), 2);
    assert_eq!(keys(r#"{ "api_key": null }"#), 0);
    let empty = with_server(r#"{ "api_key": "" }"#);
    assert_eq!(errors(&empty), ["server.api_key: the key is empty"]);
}

#[test]
fn an_origin_has_no_path() {
    let server = load(&with_server(r#"{ "cors": ["https://a.example/", "*"] }"#))
        .config
        .server;
    assert_eq!(server.cors, ["https://a.example", "*"]);
    assert!(
        load(&with_server(r#"{ "cors": false }"#))
            .config
            .server
            .cors
            .is_empty()
    );
    let text = with_server(r#"{ "cors": ["https://a.example/app"] }"#);
    assert_eq!(
        errors(&text),
        ["server.cors[0]: `https://a.example/app` is not an origin"]
    );
}

#[test]
fn single_timeouts_win_over_the_shorthand() {
    let text = with_router(r#"{ "timeout": 10, "timeouts": { "idle": "3s" } }"#);
    let timeouts = load(&text).config.router.timeouts;
    assert_eq!(timeouts.idle, Duration::from_secs(3));
    assert_eq!(timeouts.first_token, Duration::from_secs(10));
    assert_eq!(timeouts.connect, Duration::from_secs(5));
}

#[test]
fn one_bound_of_a_backoff_makes_room_for_itself() {
    let text =
        with_router(r#"{ "backoff": { "network": { "first": "2m" }, "quota": { "max": "5s" } } }"#);
    let backoff = load(&text).config.router.backoff;
    assert_eq!(backoff.network.max, Duration::from_mins(2));
    assert_eq!(backoff.quota.first, Duration::from_secs(5));
}

#[test]
fn the_default_policy_needs_a_default_model() {
    let text = with_router(r#"{ "on_unknown_model": "default", "default_model": "m" }"#);
    assert_eq!(
        load(&text).config.router.on_unknown_model,
        OnUnknownModel::Default
    );
    let text = with_router(r#"{ "on_unknown_model": "default" }"#);
    assert_eq!(
        errors(&text),
        ["router.on_unknown_model: `default` needs router.default_model"]
    );
}

#[test]
fn health_state_is_kept_unless_the_path_is_null() {
    let env = Environment::empty().with_home("/home/p");
    let path = |text: &str| {
        let loaded = config::from_text("c.json", text, Format::Json, &env).expect("valid");
        loaded.config.router.persistence_path
    };
    assert_eq!(
        path(&with_router("{}")),
        Some("/home/p/.auto-gateway/state.json".into())
    );
    assert_eq!(path(&with_router(r#"{ "persistence_path": null }"#)), None);
    assert_eq!(
        path(&with_router(r#"{ "persistence_path": "~/s" }"#)),
        Some("/home/p/s".into())
    );
}

#[test]
fn parts_that_are_off_are_not_warned_about() {
    let text = with_router(
        r#"{ "strategy": "sequential", "fidelity": "warn", "capture": "off", "hedge": false, "continue_stream": false,
             "hot_reload": false, "persistence_path": null, "limits": null }"#,
    );
    assert_eq!(warnings(&text), Vec::<String>::new());
    let text = with_server(r#"{ "tunnel": "none", "tls": "off", "admin": null }"#);
    assert_eq!(warnings(&text), Vec::<String>::new());
}

#[test]
fn available_parts_are_not_warned_about() {
    let text = with_router(
        r#"{ "retries": 0, "max_attempts": 2, "timeout": 5, "commit_hold": "5s", "default_model": "m",
             "on_unknown_model": "error", "backoff": { "auth": {} }, "strip_unsupported": true, "retry_ambiguous": true }"#,
    );
    assert_eq!(warnings(&text), Vec::<String>::new());
}

#[test]
fn unknown_keys_under_extra_only_warn() {
    let text = r#"{ "providers": [{ "type": "demo" }], "extra": { "note": 1, "tunnels": { "region": "eu" } } }"#;
    assert_eq!(
        warnings(text),
        [
            "extra.note: unknown key `note`",
            "extra.tunnels.region: unknown key `region`"
        ]
    );
}

#[test]
fn comments_and_trailing_commas_are_json_and_nothing_looser_is() {
    assert!(super::read("// c\n{ \"providers\": [ { \"type\": \"demo\", }, ], /* c */ }").is_ok());
    for text in [
        "{ 'providers': [] }",
        "{ providers: [] }",
        "{ \"server\": {} \"router\": {} }",
        "{ \"server\": { \"port\": 0x50 } }",
        "{ \"server\": { \"port\": +80 } }",
        "{ \"server\": { \"port\": NaN } }",
        "{} {}",
    ] {
        let error = super::read(text).expect_err(text);
        assert!(
            error.diagnostics[0].message.starts_with("not valid JSON: "),
            "{error}"
        );
    }
}

#[test]
fn an_empty_file_is_a_file_without_providers() {
    for (format, text) in [
        (Format::Json, "// nothing"),
        (Format::Yaml, "# nothing"),
        (Format::Toml, ""),
        (Format::Json, "{}"),
    ] {
        let error =
            config::from_text("c", text, format, &Environment::empty()).expect_err("nobody to ask");
        assert!(
            error
                .to_string()
                .ends_with("no providers: there is nobody to ask"),
            "{error}"
        );
    }
}

#[test]
fn a_byte_order_mark_is_passed_over() {
    assert!(super::read("\u{feff}{ \"providers\": [{ \"type\": \"demo\" }] }").is_ok());
}

#[test]
fn nesting_and_aliases_have_limits() {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(super::read(&deep).is_err());
    let yaml = |text: &str| config::from_text("c.yaml", text, Format::Yaml, &Environment::empty());
    assert!(yaml(&"[".repeat(100_000)).is_err());
    let level = |level: usize| {
        let before = format!("*a{}", level - 1);
        format!(
            "a{level}: &a{level} [{}]\n",
            [before.as_str(); 10].join(", ")
        )
    };
    let levels: String = (1..10).map(level).collect();
    let bomb = format!("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n{levels}");
    let error = yaml(&bomb).expect_err("a bomb");
    assert!(error.to_string().contains("too many values"), "{error}");
    assert!(yaml("a: 1\n---\nb: 2\n").is_err(), "two documents");
}
