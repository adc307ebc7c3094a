//! `server.tunnel` and `extra.tunnels`: which settings there are, whose they are, and which of two wins.

use autogw::config::{self, Config, Environment, Format, PublicDoor, Tunnel};

use super::{errors, load, read, warnings, with_server};

/// A file whose `server.tunnel` and `extra` are these.
fn with_tunnel(tunnel: &str, extra: &str) -> String {
    format!(
        r#"{{ "server": {{ "tunnel": {tunnel} }}, "providers": [{{ "type": "demo" }}], "extra": {extra} }}"#
    )
}

fn config(tunnel: &str, extra: &str) -> Config {
    load(&with_tunnel(tunnel, extra)).config
}

fn errors_of(tunnel: &str) -> Vec<String> {
    errors(&with_tunnel(tunnel, "{}"))
}

#[test]
fn a_word_is_enough() {
    let kind = |tunnel: &str| config(tunnel, "{}").server.tunnel;
    assert_eq!(kind(r#""ngrok""#), Some(Tunnel::Ngrok));
    assert_eq!(kind(r#""cloudflared""#), Some(Tunnel::Cloudflared));
    assert_eq!(kind(r#""none""#), None);
    assert_eq!(kind("null"), None);
    assert_eq!(
        kind(r#"{ "type": "cloudflared" }"#),
        Some(Tunnel::Cloudflared)
    );
    assert_eq!(kind(r#"{ "type": "none" }"#), None);
}

#[test]
fn ngrok_has_its_settings() {
    let env = Environment::empty().with_home("/home/p");
    let text = with_tunnel(
        r#"{ "type": "ngrok", "domain": "GW.example.com", "token": "${T:-canary}", "region": "EU", "ca_file": "~/ca.pem" }"#,
        "{}",
    );
    let loaded = config::from_text("c.json", &text, Format::Json, &env).expect("valid");
    let ngrok = loaded.config.tunnels.ngrok;
    assert_eq!(ngrok.domain.as_deref(), Some("gw.example.com"));
    assert_eq!(ngrok.region.as_deref(), Some("eu"));
    assert_eq!(ngrok.ca_file, Some("/home/p/ca.pem".into()));
    let token = ngrok.authtoken.expect("a token");
    assert_eq!(token.secret.expose(), "canary");
    assert_eq!(token.origin, "server.tunnel.token");
    assert!(loaded.config.tunnels.cloudflared.token.is_none());

    let own = config(
        r#"{ "type": "ngrok", "server_addr": "Edge.lan:8443" }"#,
        "{}",
    );
    assert_eq!(
        own.tunnels.ngrok.server_addr.as_deref(),
        Some("edge.lan:8443")
    );
}

#[test]
fn cloudflared_has_its_settings() {
    let env = Environment::empty().with_home("/home/p");
    let text = with_tunnel(
        r#"{ "type": "cloudflared", "domain": "gw.example.com", "token": "${T:-canary}", "region": "us",
             "binary": "~/bin/cloudflared", "args": ["--protocol", "http2"] }"#,
        "{}",
    );
    let loaded = config::from_text("c.json", &text, Format::Json, &env).expect("valid");
    let own = loaded.config.tunnels.cloudflared;
    assert_eq!(own.domain.as_deref(), Some("gw.example.com"));
    assert_eq!(own.region.as_deref(), Some("us"));
    assert_eq!(own.binary.as_deref(), Some("/home/p/bin/cloudflared"));
    assert_eq!(own.args, ["--protocol", "http2"]);
    assert_eq!(
        own.token.map(|token| token.expose().to_owned()),
        Some("canary".to_owned())
    );
    assert!(loaded.config.tunnels.ngrok.authtoken.is_none());
}

#[test]
fn arguments_that_run_a_tunnel_name_it() {
    let own = config(
        r#"{ "type": "cloudflared", "domain": "gw.example.com", "args": ["run", "--token-file", "/t"] }"#,
        "{}",
    )
    .tunnels
    .cloudflared;
    assert!(own.is_named() && own.runs_by_args());
    assert!(
        !config(r#""cloudflared""#, "{}")
            .tunnels
            .cloudflared
            .is_named()
    );
}

#[test]
fn a_public_name_is_a_host_and_for_cloudflared_also_an_address() {
    let ngrok = |domain: &str| {
        let tunnel = format!(r#"{{ "type": "ngrok", "domain": "{domain}" }}"#);
        read(&with_tunnel(&tunnel, "{}")).map(|loaded| loaded.config.tunnels.ngrok.domain)
    };
    let cloudflared = |domain: &str| {
        let tunnel = format!(r#"{{ "type": "cloudflared", "token": "t", "domain": "{domain}" }}"#);
        read(&with_tunnel(&tunnel, "{}")).map(|loaded| loaded.config.tunnels.cloudflared.domain)
    };
    for (written, host) in [
        ("gw.example.com", "gw.example.com"),
        ("https://gw.example.com/", "gw.example.com"),
        ("gw.example.com/", "gw.example.com"),
        ("bücher.example", "xn--bcher-kva.example"),
    ] {
        assert_eq!(ngrok(written).expect("a host").as_deref(), Some(host));
        assert_eq!(cloudflared(written).expect("a host").as_deref(), Some(host));
    }
    for address in [
        "http://127.0.0.1:8080",
        "https://gw.example.com:8443",
        "https://gw.example.com/ai",
    ] {
        assert_eq!(
            cloudflared(address).expect("an address").as_deref(),
            Some(address)
        );
        assert!(ngrok(address).is_err(), "{address}");
    }
    for nonsense in [
        "two words",
        "*.example.com",
        "gw.example.com:443",
        "gw.example.com/ai",
        "https://u:p@gw.example.com",
        "https://gw.example.com/?q",
        "ftp://gw.example.com",
        "-gw.example.com",
        "https://",
        "/",
    ] {
        assert!(ngrok(nonsense).is_err(), "{nonsense}");
        assert!(cloudflared(nonsense).is_err(), "{nonsense}");
    }
}

#[test]
fn the_object_wins_over_extra_and_extra_fills_in() {
    let extra = r#"{ "tunnels": { "ngrok_authtoken": "${T:-old}", "ngrok_domain": "old.example.com",
        "cloudflared_binary": "old", "cloudflared_args": ["--old"] }, "cloudflared_binary": "older" }"#;
    let word = config(r#""ngrok""#, extra).tunnels;
    assert_eq!(word.ngrok.domain.as_deref(), Some("old.example.com"));
    let token = word.ngrok.authtoken.expect("a token");
    assert_eq!(
        (token.secret.expose(), token.origin.as_str()),
        ("old", "extra.tunnels.ngrok_authtoken")
    );
    assert_eq!(word.cloudflared.binary.as_deref(), Some("old"));
    assert_eq!(word.cloudflared.args, ["--old"]);

    let ngrok = config(r#"{ "type": "ngrok", "domain": "new.example.com" }"#, extra).tunnels;
    assert_eq!(ngrok.ngrok.domain.as_deref(), Some("new.example.com"));
    assert!(ngrok.ngrok.authtoken.is_some(), "extra fills in");
    assert_eq!(
        ngrok.cloudflared.args,
        ["--old"],
        "the other kind keeps its own"
    );

    let cloudflared = config(
        r#"{ "type": "cloudflared", "binary": "new", "args": ["--new"] }"#,
        extra,
    )
    .tunnels;
    assert_eq!(cloudflared.cloudflared.binary.as_deref(), Some("new"));
    assert_eq!(cloudflared.cloudflared.args, ["--new"]);
    assert_eq!(cloudflared.ngrok.domain.as_deref(), Some("old.example.com"));
}

#[test]
fn the_door_lets_in_what_is_written() {
    let door = |tunnel: &str| config(tunnel, "{}").tunnels.door;
    assert_eq!(door(r#""ngrok""#), PublicDoor::default());
    let open = door(r#"{ "type": "ngrok", "max_rpm": "off", "models": "smart" }"#);
    assert_eq!(open.max_rpm, None);
    assert_eq!(open.models, Some(vec!["smart".to_owned()]));
    assert!(!open.needs_no_key, "only a flag says that");
    let slow = door(r#"{ "type": "none", "max_rpm": 5, "models": ["a", "b*"] }"#);
    assert_eq!(slow.max_rpm, Some(5));
    assert_eq!(slow.models.map(|names| names.len()), Some(2));
}

#[test]
fn settings_of_the_other_kind_are_errors() {
    assert_eq!(
        errors_of(r#"{ "type": "ngrok", "args": ["-v"], "binary": "x" }"#),
        [
            "server.tunnel.args: `args` belongs to cloudflared, and the type is ngrok",
            "server.tunnel.binary: `binary` belongs to cloudflared, and the type is ngrok",
        ]
    );
    assert_eq!(
        errors_of(r#"{ "type": "cloudflared", "server_addr": "h:1", "ca_file": "/ca" }"#),
        [
            "server.tunnel.server_addr: `server_addr` belongs to ngrok, and the type is cloudflared",
            "server.tunnel.ca_file: `ca_file` belongs to ngrok, and the type is cloudflared",
        ]
    );
}

#[test]
fn settings_that_contradict_each_other_are_errors() {
    assert_eq!(
        errors_of(r#"{ "type": "cloudflared", "domain": "gw.example.com" }"#),
        ["server.tunnel.domain: `domain` needs the `token` of a named tunnel, or `run` in `args`"]
    );
    // Arguments alone make no named tunnel of it.
    assert_eq!(
        errors_of(
            r#"{ "type": "cloudflared", "domain": "gw.example.com", "args": ["--token-file", "/t"] }"#
        ),
        ["server.tunnel.domain: `domain` needs the `token` of a named tunnel, or `run` in `args`"]
    );
    assert_eq!(
        errors_of(r#"{ "type": "ngrok", "region": "eu", "server_addr": "h:1" }"#),
        ["server.tunnel.region: `region` and `server_addr` exclude each other"]
    );
    assert_eq!(
        errors_of(r#"{ "domain": "h" }"#),
        ["server.tunnel: `type` is missing"]
    );
    assert_eq!(
        errors_of("true"),
        ["server.tunnel: expected none, ngrok, cloudflared, or an object, found a boolean"]
    );
    assert_eq!(
        errors_of(r#"{ "type": "ngrok", "models": [] }"#),
        ["server.tunnel.models: an empty list lets nobody ask for anything"]
    );
}

#[test]
fn a_token_is_no_argument() {
    for args in [r#"["--token", "x"]"#, r#"["--token=x"]"#, r#"["-token=x"]"#] {
        let tunnel = format!(r#"{{ "type": "cloudflared", "args": {args} }}"#);
        assert_eq!(
            errors_of(&tunnel),
            ["server.tunnel.args: others can read arguments: a token does not belong there"]
        );
    }
    let file = r#"{ "type": "cloudflared", "args": ["run", "--token-file", "/t"] }"#;
    assert_eq!(config(file, "{}").tunnels.cloudflared.args.len(), 3);
    let word = with_tunnel(
        r#""cloudflared""#,
        r#"{ "tunnels": { "cloudflared_args": "-v" } }"#,
    );
    assert_eq!(
        errors(&word),
        ["extra.tunnels.cloudflared_args: expected a list, found a string"]
    );
}

#[test]
fn a_closed_door_keeps_what_is_clearly_about_one_kind() {
    let text = with_tunnel(
        r#"{ "type": "none", "token": "${T:-canary}", "domain": "h.example.com", "region": "eu",
             "binary": "x", "args": ["-v"], "server_addr": "edge.lan:1", "ca_file": "/ca.pem", "max_rpm": 5 }"#,
        r#"{ "tunnels": { "ngrok_domain": "old.example.com" } }"#,
    );
    let config = load(&text).config;
    assert_eq!(config.server.tunnel, None);
    let ngrok = config.tunnels.ngrok;
    assert!(ngrok.authtoken.is_none(), "it may be the other's");
    assert_eq!(ngrok.domain.as_deref(), Some("old.example.com"));
    assert_eq!(ngrok.server_addr.as_deref(), Some("edge.lan:1"));
    assert_eq!(ngrok.ca_file, Some("/ca.pem".into()));
    let cloudflared = config.tunnels.cloudflared;
    assert!(cloudflared.token.is_none(), "it may be the other's");
    assert_eq!((cloudflared.domain, cloudflared.region), (None, None));
    assert_eq!(cloudflared.binary.as_deref(), Some("x"));
    assert_eq!(cloudflared.args, ["-v"]);
    assert_eq!(
        warnings(&text),
        ["token", "domain", "region"].map(|key| format!(
            "server.tunnel.{key}: `{key}` has no effect while the type is none: whose it is is not clear"
        ))
    );
}

#[test]
fn a_closed_door_needs_no_warning_about_what_waits() {
    let own = r#"{ "type": "none", "ca_file": "/ca.pem", "binary": "x", "max_rpm": 5 }"#;
    assert_eq!(warnings(&with_tunnel(own, "{}")), Vec::<String>::new());
}

#[test]
fn a_named_tunnel_wants_its_public_name() {
    let tunnel = |rest: &str| format!(r#"{{ "type": "cloudflared", "token": "${{T:-t}}"{rest} }}"#);
    let text = with_tunnel(&tunnel(""), "{}");
    assert_eq!(
        warnings(&text),
        ["server.tunnel.token: the public address of a named tunnel is not known"]
    );
    let text = with_tunnel(&tunnel(r#", "domain": "gw.example.com""#), "{}");
    assert_eq!(warnings(&text), Vec::<String>::new());
}

#[test]
fn a_token_that_is_written_out_is_warned_about() {
    let text = with_server(r#"{ "tunnel": { "type": "ngrok", "token": "2abcCanaryToken" } }"#);
    assert_eq!(
        warnings(&text),
        ["server.tunnel.token: inline secret: server.tunnel.token"]
    );
}
