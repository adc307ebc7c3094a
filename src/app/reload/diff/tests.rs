//! What is told of two configurations, and that no key is in it.

use serde_json::{Value, json};

use super::*;
use crate::config::{Environment, Format, from_text};

fn config(value: &Value) -> Config {
    let loaded = from_text(
        "c.json",
        &value.to_string(),
        Format::Json,
        &Environment::empty(),
    );
    loaded.unwrap_or_else(|error| panic!("{error}")).config
}

/// Two providers: one with keys by name, one with keys by place.
fn base() -> Value {
    json!({
        "server": {"api_key": ["client-one", "client-two"]},
        "providers": [
            {"type": "openai_compatible", "name": "a", "base_url": "http://127.0.0.1:9/v1",
                "api_key": {"work": "canary-work", "home": "canary-home"}, "models": ["x", "y"]},
            {"type": "openai_compatible", "name": "b", "base_url": "http://127.0.0.1:9/v1",
                "api_key": ["canary-1", "canary-2"], "models": ["x", "y", "z"]}
        ],
        "routes": [{"name": "smart", "steps": [{"provider": "a", "model": "x"}]}]
    })
}

/// What is told when the base becomes what `change` makes of it.
fn told(change: impl FnOnce(&mut Value)) -> Difference {
    let before = base();
    let mut after = before.clone();
    change(&mut after);
    let told = diff(&config(&before), &config(&after));
    let text = format!("{told:?} {}", told.summary());
    assert!(
        !text.contains("canary") && !text.contains("client-"),
        "{text}"
    );
    told
}

#[track_caller]
fn assert_told(change: impl FnOnce(&mut Value), summary: &str, lines: &[&str]) {
    let told = told(change);
    assert_eq!(
        (&*told.summary(), &*told.changes),
        (
            summary,
            &lines.iter().map(ToString::to_string).collect::<Vec<_>>()[..]
        )
    );
    assert!(told.needs_restart.is_empty(), "{told:?}");
}

#[test]
fn what_is_the_same_is_told_so() {
    assert_told(|_| (), "nothing changed", &[]);
    assert_told(
        |c| c["router"] = json!({"strategy": "sequential", "retries": 1}),
        "nothing changed",
        &[],
    );
}

#[test]
fn a_setting_of_a_provider_changes_all_its_targets_and_a_key_none() {
    assert_told(
        |c| {
            c["providers"][1]["timeout"] = json!(7);
            c["providers"][0]["api_key"]["work"] = json!("canary-new");
        },
        "3 targets changed, 1 key rotated",
        &["key `work` of `a` rotated", "provider `b`: timeout"],
    );
}

#[test]
fn models_are_told_by_name() {
    assert_told(
        |c| c["providers"][1]["models"] = json!({"x": {}, "y": {"context": 5}, "new": {}}),
        "1 target added, 1 target removed, 1 target changed",
        &["provider `b`: model `y` changed, model `new` added, model `z` removed"],
    );
    assert_told(
        |c| c["providers"][0]["models"] = json!("*"),
        "1 target changed",
        &["provider `a`: every model now"],
    );
}

#[test]
fn providers_come_and_go() {
    assert_told(
        |c| {
            c["providers"][1]["name"] = json!("c");
        },
        "1 provider added, 1 provider removed",
        &["provider `c` added (3 models)", "provider `b` removed"],
    );
    assert_told(
        |c| c["providers"].as_array_mut().expect("a list").reverse(),
        "1 setting changed",
        &["the order of providers"],
    );
}

#[test]
fn keys_are_told_by_name_or_place_and_never_by_value() {
    assert_told(
        |c| c["providers"][1]["api_key"] = json!(["canary-2", "canary-3", "canary-4"]),
        "1 key added, 1 key rotated",
        &["key 2 of `b` rotated", "key 3 of `b` added"],
    );
    assert_told(
        |c| c["providers"][0]["api_key"] = json!({"home": "canary-home"}),
        "1 key removed",
        &["key `work` of `a` removed"],
    );
    assert_told(
        |c| c["server"]["api_key"] = json!(["client-one", "client-three"]),
        "1 client key rotated",
        &["client key 2 rotated"],
    );
    assert_told(
        |c| c["server"]["api_key"] = json!([]),
        "2 client keys removed",
        &["client key 1, 2 removed"],
    );
}

#[test]
fn another_order_is_a_change_although_it_has_no_name() {
    assert_told(
        |c| c["providers"][1]["api_key"] = json!(["canary-2", "canary-1"]),
        "1 setting changed",
        &["the order of keys, models or routes"],
    );
}

#[test]
fn routes_strategy_and_settings_are_told() {
    assert_told(
        |c| {
            c["routes"][0]["timeout"] = json!(3);
            let other = json!({"name": "cheap", "steps": [{"provider": "b", "model": "z"}]});
            c["routes"].as_array_mut().expect("a list").push(other);
            c["router"] = json!({"strategy": "adaptive", "retries": 0, "limits": {"in_flight": 9}});
            c["server"]["cors"] = json!(["https://a.example"]);
        },
        "1 route added, 1 route changed, strategy is adaptive, 3 settings changed",
        &[
            "route `smart` changed",
            "route `cheap` added",
            "router.strategy: sequential → adaptive",
            "router.retries",
            "router.limits",
            "server.cors",
        ],
    );
}

#[test]
fn what_cannot_follow_is_named() {
    let told = told(|c| {
        c["server"]["port"] = json!(1234);
        c["server"]["tunnel"] = json!("cloudflared");
        c["server"]["admin"] = json!({"token": "canary-admin"});
        c["router"] = json!({"persistence_path": "/elsewhere/state.json"});
    });
    let expected = [
        "router.persistence_path",
        "server.host, port or socket",
        "server.tunnel",
        "server.admin",
    ];
    assert_eq!(told.needs_restart, expected);
    assert_eq!(told.summary(), "nothing changed, 4 settings need a restart");
    assert!(told.changes.is_empty(), "{told:?}");
}

#[test]
fn a_token_of_a_tunnel_holds_from_the_next_time() {
    let told = told(|c| c["extra"] = json!({"tunnels": {"ngrok_authtoken": "canary-ngrok"}}));
    assert_eq!(
        told.changes,
        ["settings of ngrok, from the next time it is opened"]
    );
}
