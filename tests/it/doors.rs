//! Public doors: whoever comes through one is nobody's neighbour, whatever the request says.

use std::net::SocketAddr;

use autogw::config::PublicDoor;
use autogw::server::Limits;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

use crate::support::public::KEY;
use crate::support::{Config, Gate, Public, Reply, Upstream, chat, patiently};

/// What a public door may show, and what it must not.
const SHOWN: [&str; 8] = [
    "/health",
    "/live",
    "/ready",
    "/metrics",
    "/v1/models",
    "/models",
    "/v1/models/m",
    "/v1/chat/completions",
];
const HIDDEN: [&str; 10] = [
    "/admin",
    "/admin/reload",
    "/providers",
    "/providers/a/health",
    "/logical-models",
    "/routing/decide",
    "/routing/sessions/1",
    "/",
    "/favicon.ico",
    "/.well-known/autogw/00000000000000000000000000000000",
];

async fn answering() -> Upstream {
    Upstream::always(Reply::json(200, chat::answer("A"))).await
}

async fn open(rules: PublicDoor) -> (Public, Upstream) {
    let upstream = answering().await;
    let public = Public::open(&Config::over([&upstream]).text(), &rules);
    (public, upstream)
}

#[tokio::test]
async fn nothing_is_told_without_a_key() {
    let (public, upstream) = open(PublicDoor::default()).await;
    for path in SHOWN {
        for method in ["GET", "POST"] {
            let answer = public.client().call(method, path).send().await;
            assert_eq!(answer.status, 401, "{method} {path}");
        }
    }
    let asked = public.owner().chat(chat::ask("m")).send().await;
    asked.expect_status(200);
    assert_eq!(upstream.count(), 1);
}

#[tokio::test]
async fn what_steers_the_gateway_is_not_there_with_a_key_or_without() {
    let (public, _upstream) = open(PublicDoor::default()).await;
    for path in HIDDEN {
        for client in [public.client(), public.owner()] {
            for method in ["GET", "POST", "DELETE"] {
                let answer = client.call(method, path).send().await;
                assert_eq!(answer.status, 404, "{method} {path}");
                assert_eq!(answer.error("code"), "unknown_url", "{method} {path}");
            }
        }
    }
}

#[tokio::test]
async fn no_header_makes_a_stranger_a_neighbour() {
    let (public, _upstream) = open(PublicDoor::default()).await;
    let here = "127.0.0.1";
    let headers = [
        ("host", "localhost"),
        ("host", here),
        ("x-forwarded-for", here),
        ("x-forwarded-host", "localhost"),
        ("x-real-ip", here),
        ("forwarded", "for=127.0.0.1;host=localhost"),
        ("cf-connecting-ip", here),
    ];
    for (name, value) in headers {
        let health = public.client().get("/health").header(name, value);
        assert_eq!(health.send().await.status, 401, "{name}: {value}");
        let health = public.owner().get("/health").header(name, value);
        let health = health.send().await.expect_status(200).json();
        assert_eq!(health["tunnels"], Value::Null, "{name}: {value}");
    }
    let request = format!("GET /health HTTP/1.1\r\nhost: localhost\r\nx-api-key: {KEY}\r\n\r\n");
    let answer = through_ngrok(&public, "127.0.0.1:9", &request).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(!answer.contains("tunnels"), "{answer}");
}

#[tokio::test]
async fn a_neighbour_is_told_that_there_is_no_tunnel() {
    let upstream = answering().await;
    let gateway = Config::over([&upstream]).start().await;
    let health = gateway.get("/health").await;
    assert_eq!(health["tunnels"], json!([]));
}

/// One request on a connection that ngrok says comes from `address`; reads what has come of the answer
/// when its head is there.
async fn through_ngrok(public: &Public, address: &str, request: &str) -> String {
    let address: SocketAddr = address.parse().expect("an address");
    let mut wire = public.arrive(address).await;
    ask_on(&mut wire, request).await
}

/// The same on a connection that stays.
async fn ask_on(wire: &mut DuplexStream, request: &str) -> String {
    let written = wire.write_all(request.as_bytes());
    written.await.expect("the door reads");
    let mut answer = Vec::new();
    while !String::from_utf8_lossy(&answer).contains("\r\n\r\n") {
        let read = patiently("an answer", wire.read_buf(&mut answer)).await;
        assert!(read.is_ok_and(|read| read > 0), "the door answers");
    }
    String::from_utf8_lossy(&answer).into_owned()
}

fn guess(name: &str, value: &str) -> String {
    format!("GET /health HTTP/1.1\r\nhost: gw\r\nx-api-key: wrong\r\n{name}: {value}\r\n\r\n")
}

#[tokio::test]
async fn who_guesses_keys_is_slowed_down_by_the_address_that_cloudflare_saw() {
    let (public, _upstream) = open(PublicDoor::default()).await;
    let guess = |address: &str, forged: &str| {
        let call = public.client().get("/health").header("x-api-key", "wrong");
        call.header("cf-connecting-ip", address)
            .header("x-forwarded-for", forged)
            .send()
    };
    for turn in 0..10 {
        let answer = guess("203.0.113.7", &format!("10.0.0.{turn}")).await;
        answer.expect_status(401);
    }
    let answer = guess("203.0.113.7", "10.0.0.99").await.expect_status(429);
    assert_eq!(answer.error("code"), "too_many_bad_keys");
    guess("203.0.113.8", "203.0.113.7").await.expect_status(401);
    // The owner behind the same address gets in.
    let owner = public.owner().get("/health");
    let owner = owner.header("cf-connecting-ip", "203.0.113.7");
    owner.send().await.expect_status(200);
}

#[tokio::test]
async fn who_guesses_keys_is_slowed_down_by_the_address_that_ngrok_saw() {
    let (public, _upstream) = open(PublicDoor::default()).await;
    for turn in 0..10 {
        let forged = guess("cf-connecting-ip", &format!("10.0.0.{turn}"));
        let answer = through_ngrok(&public, &format!("203.0.113.7:{}", 1000 + turn), &forged).await;
        assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
    }
    let forged = guess("x-forwarded-for", "10.0.0.99");
    let answer = through_ngrok(&public, "203.0.113.7:2000", &forged).await;
    assert!(answer.starts_with("HTTP/1.1 429"), "{answer}");
    let answer = through_ngrok(&public, "203.0.113.8:2000", &forged).await;
    assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
}

#[tokio::test]
async fn the_local_door_does_not_believe_forwarded_addresses() {
    let upstream = answering().await;
    let config = Config::over([&upstream]).server("api_key", "right");
    let gateway = config.start().await;
    let guess = |address: String| {
        let call = gateway.client().get("/v1/models");
        call.header("x-api-key", "wrong")
            .header("cf-connecting-ip", &address)
            .header("x-forwarded-for", &address)
            .send()
    };
    for turn in 0..10 {
        guess(format!("203.0.113.{turn}")).await.expect_status(401);
    }
    guess("203.0.113.99".to_owned()).await.expect_status(429);
}

#[tokio::test]
async fn a_door_lets_so_many_through_and_strangers_do_not_count() {
    let rules = PublicDoor {
        max_rpm: Some(2),
        ..PublicDoor::default()
    };
    let (public, upstream) = open(rules).await;
    for _ in 0..5 {
        public
            .client()
            .get("/v1/models")
            .send()
            .await
            .expect_status(401);
    }
    for _ in 0..2 {
        let asked = public.owner().chat(chat::ask("m")).send().await;
        asked.expect_status(200);
    }
    let answer = public.owner().chat(chat::ask("m")).send().await;
    let answer = answer.expect_status(429);
    assert_eq!(answer.error("code"), "tunnel_rate_limit");
    let wait = answer.header("retry-after").expect("a time to come back");
    assert!((1..=30).contains(&wait.parse().expect("seconds")), "{wait}");
    assert_eq!(upstream.count(), 2);
}

#[tokio::test]
async fn only_the_models_of_the_list_exist() {
    let upstream = answering().await;
    let config = Config::new().provider("a", &upstream, json!({"models": ["m", "other", "big-1"]}));
    let steps = json!([{"provider": "a", "model": "other"}]);
    let config = config.set("routes", json!([{"name": "smart", "steps": steps}]));
    let rules = PublicDoor {
        models: Some(vec!["smart".to_owned(), "big-*".to_owned()]),
        ..PublicDoor::default()
    };
    let public = Public::open(&config.text(), &rules);
    let owner = public.owner();
    let listed = owner
        .get("/v1/models")
        .send()
        .await
        .expect_status(200)
        .json();
    let listed: Vec<_> = listed["data"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|m| m["id"].clone())
        .collect();
    assert_eq!(listed, ["smart", "big-1"]);
    for hidden in ["m", "other", "a/other", "M", "[m, other]", "default"] {
        let answer = owner.chat(chat::ask(hidden)).send().await;
        let answer = answer.expect_status(404);
        assert!(
            !answer.error("message").contains("other?"),
            "{}",
            answer.text()
        );
        let looked_up = owner
            .get(&format!("/v1/models/{}", hidden.replace(' ', "")))
            .send()
            .await;
        assert_eq!(looked_up.status, 404, "{hidden}");
    }
    assert_eq!(upstream.count(), 0);
    for (asked, expected) in [
        ("smart", "other"),
        ("big-1", "big-1"),
        ("auto", "big-1"),
        ("[m, big-1]", "big-1"),
    ] {
        owner.chat(chat::ask(asked)).send().await.expect_status(200);
        let seen = upstream.requests().pop().expect("it was asked").json();
        assert_eq!(seen["model"], expected, "{asked}");
    }
}

#[tokio::test]
async fn streams_come_through_event_by_event_under_the_exact_type() {
    let gate = Gate::new();
    let events = chat::stream(&["one", "two"]);
    let stream = events
        .iter()
        .enumerate()
        .fold(Reply::stream(), |reply, (at, event)| {
            let reply = if at == 2 {
                reply.pause_until(&gate)
            } else {
                reply
            };
            reply.event(event)
        });
    let upstream = Upstream::always(stream).await;
    let public = Public::open(&Config::over([&upstream]).text(), &PublicDoor::default());
    let mut opened = public.owner().chat(chat::ask_stream("m")).open().await;
    let header = |name: &str| {
        let found = opened.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    };
    assert_eq!(header("content-type"), Some("text/event-stream"));
    assert_eq!(header("content-length"), None);
    assert_eq!(header("cache-control"), Some("no-cache, no-transform"));
    while !opened.event().await.expect("an event").contains("one") {}
    gate.open();
    assert!(opened.event().await.expect("an event").contains("two"));
}

#[tokio::test]
async fn the_probe_proves_that_the_door_is_this_one() {
    let (public, _upstream) = open(PublicDoor::default()).await;
    let probe = public.probe.clone();
    let unasked = public.client().call("POST", probe.path()).send().await;
    unasked.expect_status(404);
    let _asked = probe.ask();
    let got = public.client().get(probe.path()).send().await;
    got.expect_status(404);
    let mut opened = public.client().call("POST", probe.path()).open().await;
    assert_eq!(opened.status, 200);
    let twice = public.client().call("POST", probe.path()).send().await;
    twice.expect_status(404);
    let first = opened.event().await.expect("an event");
    assert_eq!(first, format!("{} first", probe.proof()));
    probe.saw_first();
    let last = opened.event().await.expect("an event");
    assert_eq!(last, format!("{} live", probe.proof()));
    assert!(!probe.path().contains(probe.proof()));
}

#[tokio::test]
async fn a_door_without_keys_is_open_and_still_no_neighbour() {
    let upstream = answering().await;
    let rules = PublicDoor {
        needs_no_key: true,
        ..PublicDoor::default()
    };
    let public = Public::with_keys(&Config::over([&upstream]).text(), &rules, &[]);
    let client = public.client();
    client.chat(chat::ask("m")).send().await.expect_status(200);
    let health = client.get("/health").send().await.expect_status(200);
    assert_eq!(health.json()["tunnels"], Value::Null);
    client.get("/providers").send().await.expect_status(404);
}

#[tokio::test]
async fn no_other_model_is_named_to_a_provider_behind_a_list() {
    let upstream = answering().await;
    let rules = PublicDoor {
        models: Some(vec!["m".to_owned(), "spare".to_owned()]),
        ..PublicDoor::default()
    };
    let public = Public::open(&Config::over([&upstream]).text(), &rules);
    let ask = |fields: Value| {
        let mut body = chat::ask("m");
        for (name, value) in fields.as_object().expect("fields") {
            body[name] = value.clone();
        }
        public.owner().chat(body).send()
    };
    for hidden in [
        json!({"models": ["secret"], "route": "fallback"}),
        json!({"models": ["spare", "secret"]}),
        json!({"models": "secret"}),
        json!({"extra_body": {"models": ["secret"]}}),
    ] {
        let answer = ask(hidden.clone()).await;
        assert_eq!(answer.status, 400, "{hidden}");
        assert_eq!(answer.error("param"), "models", "{hidden}");
    }
    assert_eq!(upstream.count(), 0);
    ask(json!({"models": ["spare", "m"]}))
        .await
        .expect_status(200);
}

#[tokio::test]
async fn what_is_hidden_is_not_told_by_mistake() {
    let upstream = answering().await;
    let config = Config::new()
        .provider("open", &upstream, json!({"models": ["m"]}))
        .provider(
            "hidden",
            &upstream,
            json!({
                "models": ["secret"], "api_key": {"hidden-alias": "key-hidden-1"}
            }),
        )
        .router("default_model", "secret");
    let rules = PublicDoor {
        models: Some(vec!["m".to_owned()]),
        ..PublicDoor::default()
    };
    let public = Public::open(&config.text(), &rules);
    let owner = public.owner();
    for (header, value) in [
        ("x-autogw-provider", "nobody"),
        ("x-autogw-provider", "hidden"),
        ("x-autogw-alias", "nobody"),
    ] {
        let answer = owner
            .chat(chat::ask("m"))
            .header(header, value)
            .send()
            .await;
        assert!((400..500).contains(&answer.status), "{header}: {value}");
        let told = answer.text().replace(value, "");
        for name in ["hidden", "secret"] {
            assert!(!told.contains(name), "{header}: {value}: {told}");
        }
    }
    for anything in ["auto", "any"] {
        owner
            .chat(chat::ask(anything))
            .send()
            .await
            .expect_status(200);
        let seen = upstream.requests().pop().expect("it was asked").json();
        assert_eq!(seen["model"], "m", "{anything}");
    }
}

#[tokio::test]
async fn a_stranger_keeps_no_connection_and_the_owner_keeps_theirs() {
    let (public, _upstream) = open(PublicDoor::default()).await;
    for path in ["/v1/models", "/nothing"] {
        let answer = public.client().get(path).send().await;
        assert_eq!(answer.header("connection"), Some("close"), "{path}");
    }
    let mut wire = public.owner().get("/v1/models").wired().await;
    for _ in 0..2 {
        let opened = wire.answer().await;
        assert_eq!(opened.status, 200);
        let mut opened = opened;
        opened.drain().await;
        wire = opened.into_wire();
        wire.write(&public.owner().get("/v1/models").bytes()).await;
    }
}

#[tokio::test]
async fn a_request_that_was_passed_on_is_not_a_neighbours() {
    let upstream = answering().await;
    let gateway = Config::over([&upstream]).start().await;
    for header in ["cf-connecting-ip", "x-forwarded-for", "forwarded"] {
        let health = gateway
            .client()
            .get("/health")
            .header(header, "203.0.113.7");
        let health = health.send().await.expect_status(200).json();
        assert_eq!(health["tunnels"], Value::Null, "{header}");
    }
}

#[tokio::test]
async fn one_stranger_has_only_so_many_connections_and_the_owner_any_number() {
    const MOST: usize = 2;
    let upstream = answering().await;
    let limits = Limits {
        per_address: MOST,
        ..Limits::default()
    };
    let config = Config::over([&upstream]).text();
    let public = Public::within(limits, &config, &PublicDoor::default(), &[KEY]);
    let here: SocketAddr = "203.0.113.7:1".parse().expect("an address");
    let request = format!("GET /health HTTP/1.1\r\nhost: gw\r\nx-api-key: {KEY}\r\n\r\n");
    let mut kept = Vec::new();
    for _ in 0..MOST * 2 {
        let mut wire = public.arrive(here).await;
        let answer = ask_on(&mut wire, &request).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        kept.push(wire);
    }
    for _ in 0..MOST {
        kept.push(public.arrive(here).await);
    }
    let mut refused = public.arrive(here).await;
    let mut nothing = [0];
    let read = patiently("the door to close", refused.read(&mut nothing)).await;
    assert_eq!(read.expect("a closed connection"), 0);
    let answer = through_ngrok(&public, "203.0.113.8:1", &request).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}
