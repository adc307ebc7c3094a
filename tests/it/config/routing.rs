//! The keys of routing: strategies, gates, hedges, and where a route leads when it fails.

use std::time::Duration;

use autogw::config::{FallbackOn, Gate, Hedge, Router};

use super::{errors, load, warnings, with_router};

fn router(text: &str) -> Router {
    load(&with_router(text)).config.router
}

/// A file with these routes, over two providers with the models `small` and `large`.
fn with_routes(routes: &str) -> String {
    format!(
        r#"{{ "routes": [{routes}], "providers": [
            {{ "type": "demo", "models": ["small"] }}, {{ "type": "demo", "name": "big", "models": ["large"] }}] }}"#
    )
}

/// A route of this name with these fields beside its step.
fn route(name: &str, fields: &str) -> String {
    format!(
        r#"{{ "name": "{name}", {fields} "steps": [{{ "provider": "demo", "model": "small" }}] }}"#
    )
}

fn fallbacks(name: &str, to: &[(&str, &str)]) -> String {
    let entry = |(on, route): &(&str, &str)| format!(r#"{{ "on": {on}, "route": "{route}" }}"#);
    let list: Vec<String> = to.iter().map(entry).collect();
    route(name, &format!(r#""fallbacks": [{}],"#, list.join(", ")))
}

#[test]
fn everything_that_routes_is_read_without_a_word() {
    let text = with_router(
        r#"{ "strategy": "bandit", "circuit": { "ratio": 0.2 }, "hedge": {}, "affinity": { "prefix": true },
             "small_models": { "names": ["mini"] }, "bandit": {}, "weighted": { "profile": "latency" },
             "health_check": { "interval": 60 }, "limits": { "in_flight": 5 }, "continue_stream": true,
             "first_token_gate": {}, "persistence_path": "/tmp/state.json" }"#,
    );
    assert_eq!(warnings(&text), Vec::<String>::new());
    let routes = format!(
        "{}, {}",
        route("a", r#""strategy": "adaptive", "hedge": {},"#),
        fallbacks("b", &[(r#""any""#, "a"), (r#""timeout""#, "big/large")]),
    );
    assert_eq!(warnings(&with_routes(&routes)), Vec::<String>::new());
}

#[test]
fn what_nothing_acts_on_yet_is_said() {
    assert_eq!(
        warnings(&with_router(r#"{ "capture": {}, "hot_reload": true }"#)),
        ["router.hot_reload: router.hot_reload is not available yet"]
    );
}

#[test]
fn ranges_that_make_no_sense_are_refused() {
    for (text, said) in [
        (
            r#"{ "hedge": { "max_ratio": 1.5 } }"#,
            "router.hedge.max_ratio: `1.5` is not a number from 0 to 1",
        ),
        (
            r#"{ "hedge": { "after": 0 } }"#,
            "router.hedge.after: must be longer than zero",
        ),
        (
            r#"{ "bandit": { "half_life": 0 } }"#,
            "router.bandit.half_life: must be longer than zero",
        ),
        (
            r#"{ "first_token_gate": { "factor": 0 } }"#,
            "router.first_token_gate.factor: `0` is not a number from 1 to 1000",
        ),
        (
            r#"{ "circuit": { "ratio": -1 } }"#,
            "router.circuit.ratio: `-1` is not a number from 0 to 1",
        ),
        (
            r#"{ "circuit": { "threshold": 0 } }"#,
            "router.circuit.threshold: `0` is not a whole number from 1 to 100000",
        ),
        (
            r#"{ "small_models": { "names": ["m"], "factor": 0 } }"#,
            "router.small_models.factor: `0` is not a number from 1 to 1000",
        ),
        (
            r#"{ "affinity": { "ttl": 0 } }"#,
            "router.affinity.ttl: must be longer than zero",
        ),
        (
            r#"{ "health_check": { "interval": 0 } }"#,
            "router.health_check.interval: must be longer than zero",
        ),
        (
            r#"{ "limits": { "in_flight": 0 } }"#,
            "router.limits.in_flight: `0` is not a whole number from 1 to 1000000",
        ),
        (
            r#"{ "limits": { "buffered_bytes": 0 } }"#,
            "router.limits.buffered_bytes: `0` is not a size of at least one byte",
        ),
    ] {
        assert_eq!(errors(&with_router(text)), [said]);
    }
}

#[test]
fn the_gate_before_the_first_token_is_on_unless_switched_off() {
    assert_eq!(router("{}").first_token_gate, Some(Gate::default()));
    assert_eq!(
        router(r#"{ "first_token_gate": "off" }"#).first_token_gate,
        None
    );
    let gate = router(r#"{ "first_token_gate": { "least": "1s" } }"#).first_token_gate;
    let expected = Gate {
        least: Duration::from_secs(1),
        ..Gate::default()
    };
    assert_eq!(gate, Some(expected));
}

#[test]
fn a_route_hedges_as_it_says_and_off_is_never() {
    let hedge = |fields: &str| {
        let routes = with_routes(&route("a", fields));
        load(&routes).config.routes.remove(0).hedge
    };
    assert_eq!(hedge(""), None, "as the router");
    assert_eq!(hedge(r#""hedge": "off","#), Some(Hedge::NEVER));
    let own = hedge(r#""hedge": { "max_ratio": 0.5 },"#).expect("its own");
    assert_eq!((own.after, own.max_ratio), (None, 0.5));
}

#[test]
fn fallbacks_name_one_cause_or_several() {
    let routes = fallbacks(
        "a",
        &[
            (r#""context_length""#, "large"),
            (
                r#"["rate_limit", "content_filter", "timeout", "server_error"]"#,
                "big/large",
            ),
            (r#"["any"]"#, "small"),
        ],
    );
    let found = load(&with_routes(&routes))
        .config
        .routes
        .remove(0)
        .fallbacks;
    let read: Vec<(&[FallbackOn], &str)> = found.iter().map(|f| (&*f.on, &*f.route)).collect();
    assert_eq!(
        read,
        [
            (&[FallbackOn::ContextLength][..], "large"),
            (
                &[
                    FallbackOn::RateLimit,
                    FallbackOn::ContentFilter,
                    FallbackOn::Timeout,
                    FallbackOn::ServerError
                ],
                "big/large"
            ),
            (&[FallbackOn::Any], "small"),
        ]
    );
}

#[test]
fn fallbacks_that_cannot_be_meant_are_errors() {
    for (to, said) in [
        (
            (r#""any""#, "a"),
            "routes[0].fallbacks[0].route: a route cannot fall back to itself",
        ),
        (
            ("[]", "large"),
            "routes[0].fallbacks[0].on: a fallback needs at least one cause",
        ),
        (
            (r#""refusal""#, "large"),
            "routes[0].fallbacks[0].on: `refusal` is not one of context_length, rate_limit, content_filter, \
             timeout, server_error, any",
        ),
    ] {
        assert_eq!(errors(&with_routes(&fallbacks("a", &[to]))), [said]);
    }
    let routes = with_routes(&route("a", r#""fallbacks": [{ "on": "any" }],"#));
    assert_eq!(
        errors(&routes),
        ["routes[0].fallbacks[0]: `route` is missing"]
    );
}

#[test]
fn a_fallback_that_finds_nothing_is_warned_about() {
    let routes = with_routes(&fallbacks("a", &[(r#""any""#, "lagre")]));
    assert_eq!(
        warnings(&routes),
        ["routes[0].fallbacks[0].route: `lagre` is neither a route nor a model that is listed"]
    );
}

#[test]
fn routes_that_lead_to_each_other_after_one_failure_are_an_error() {
    let two = format!(
        "{}, {}",
        fallbacks("a", &[(r#""rate_limit""#, "b")]),
        fallbacks("b", &[(r#""any""#, "a")])
    );
    assert_eq!(
        errors(&with_routes(&two)),
        ["routes[0].fallbacks[0].route: these routes only lead to each other: `a` → `b` → `a`"]
    );
    let three = format!(
        "{}, {}, {}, {}",
        fallbacks("in", &[(r#""any""#, "a")]),
        fallbacks("a", &[(r#""any""#, "b")]),
        fallbacks("b", &[(r#""any""#, "c")]),
        fallbacks("c", &[(r#""timeout""#, "large"), (r#""any""#, "a")])
    );
    assert_eq!(
        errors(&with_routes(&three)),
        [
            "routes[1].fallbacks[0].route: these routes only lead to each other: `a` → `b` → `c` → `a`"
        ]
    );
}

#[test]
fn routes_that_lead_to_each_other_after_different_failures_are_sound() {
    let routes = format!(
        "{}, {}",
        fallbacks("a", &[(r#""context_length""#, "b")]),
        fallbacks("b", &[(r#""rate_limit""#, "a")])
    );
    assert_eq!(warnings(&with_routes(&routes)), Vec::<String>::new());
}
