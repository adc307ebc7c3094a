//! The pages of providers and logical models: what is there, how it is, and nothing that is secret.

use autogw::config::PublicDoor;
use serde_json::{Value, json};

use crate::support::{Config, Gateway, Public, Reply, Upstream, chat};

/// The middle of every secret here.
const CANARY: &str = "canary5d1b";

fn secret(name: &str) -> String {
    format!("sk-{name}-{CANARY}-0123456789abcd")
}

/// Every page that tells of providers `a` and of the route `smart`.
const PAGES: [&str; 9] = [
    "/providers",
    "/providers/a",
    "/providers/a/models",
    "/providers/a/health",
    "/providers/a/metrics",
    "/logical-models",
    "/logical-models/smart",
    "/logical-models/auto",
    "/routing/requests",
];

fn routed(upstream: &Upstream) -> Config {
    let steps = json!([{"provider": "a", "model": "m", "alias": "work", "timeout": "3s"}]);
    Config::new()
        .provider(
            "a",
            upstream,
            json!({
                "api_key": {"work": secret("work"), "home": secret("home")},
                "region": "eu",
                "models": {"m": ["vision"], "n": []}
            }),
        )
        .set(
            "routes",
            json!([{"name": "smart", "strategy": "adaptive", "steps": steps}]),
        )
}

async fn started() -> (Gateway, Upstream) {
    let upstream = Upstream::always(Reply::json(200, chat::answer("A"))).await;
    let gateway = routed(&upstream).start().await;
    (gateway, upstream)
}

fn names(list: &Value) -> Vec<&str> {
    let list = list.as_array().expect("a list");
    list.iter().filter_map(|one| one["name"].as_str()).collect()
}

#[tokio::test]
async fn a_provider_is_told_with_its_keys_by_name() {
    let (gateway, upstream) = started().await;
    let all = gateway.get("/providers").await;
    assert_eq!(names(&all["data"]), ["a"]);
    let one = gateway.get("/providers/a").await;
    assert_eq!(one, all["data"][0]);
    assert_eq!(one["type"], "openai_compatible");
    assert_eq!(one["base_url"], upstream.base_url());
    assert_eq!(one["region"], "eu");
    assert_eq!(one["models"], 2);
    assert_eq!(one["dialects"], json!(["openai_chat"]));
    let keys = one["keys"].as_array().expect("keys");
    let told: Vec<_> = keys
        .iter()
        .map(|key| (&key["key"], &key["alias"], &key["state"]))
        .collect();
    let (first, second, ready) = (json!(1), json!(2), json!("ready"));
    let (work, home) = (json!("work"), json!("home"));
    assert_eq!(told, [(&first, &work, &ready), (&second, &home, &ready)]);
}

#[tokio::test]
async fn models_are_told_with_what_is_known_of_them() {
    let (gateway, _upstream) = started().await;
    let models = gateway.get("/providers/a/models").await;
    assert_eq!(names(&models["data"]), ["m", "n"]);
    assert_eq!(models["data"][0]["features"], json!(["vision"]));
}

#[tokio::test]
async fn what_happened_shows_in_health_and_metrics() {
    let upstream = Upstream::answering(|_, turn| match turn {
        0 => Reply::json(429, chat::error("slow", "rate_limit_error", None))
            .header("retry-after", "60"),
        _ => Reply::json(200, chat::answer("A")),
    })
    .await;
    let gateway = routed(&upstream).start().await;
    gateway.ask().await.expect_status(200);
    let health = gateway.get("/providers/a/health").await;
    let resting: Vec<_> = health["keys"]
        .as_array()
        .expect("keys")
        .iter()
        .map(|key| &key["state"])
        .collect();
    assert_eq!(resting, [&json!("resting"), &json!("ready")]);
    assert_eq!(health["keys"][0]["class"], "rate_limit");
    let wait = health["keys"][0]["wait_ms"].as_u64().expect("a wait");
    assert!((50_000..=60_000).contains(&wait), "{wait}");
    let targets = health["targets"].as_array().expect("targets");
    let target = |key: u64| {
        let mut targets = targets.iter();
        let found = targets.find(|target| target["model"] == "m" && target["key"] == key);
        found.expect("a target")
    };
    assert_eq!(targets.len(), 4, "two models with two keys");
    assert_eq!(target(1)["health"]["standing"], "resting");
    assert_eq!(target(2)["health"]["success"], 1.0);
    let metrics = gateway.get("/providers/a/metrics").await;
    assert_eq!(metrics["successes"], 1);
    assert_eq!(metrics["in_flight"], 0);
}

#[tokio::test]
async fn a_key_that_is_refused_again_and_again_is_dead() {
    let error = chat::error("no", "invalid_request_error", Some("invalid_api_key"));
    let upstream = Upstream::always(Reply::json(401, error)).await;
    let gateway = Config::over([&upstream]).start().await;
    let state = || async { gateway.get("/providers/a").await["keys"][0]["state"].clone() };
    gateway.ask().await;
    let mut tries = 0;
    while state().await != "dead" {
        gateway.ask().await;
        tries += 1;
        assert!(tries < 1000, "{}", state().await);
    }
}

#[tokio::test]
async fn routes_are_told_with_their_steps_and_auto_with_everything() {
    let (gateway, _upstream) = started().await;
    let all = gateway.get("/logical-models").await;
    assert_eq!(names(&all["data"]), ["smart", "auto"]);
    let smart = gateway.get("/logical-models/smart").await;
    assert_eq!(smart["strategy"], "adaptive");
    let step = &smart["steps"][0];
    assert_eq!(
        (&step["provider"], &step["model"]),
        (&json!("a"), &json!("m"))
    );
    assert_eq!(
        (&step["alias"], &step["timeout_s"]),
        (&json!("work"), &json!(3.0))
    );
    let auto = gateway.get("/logical-models/auto").await;
    assert_eq!(auto["steps"].as_array().map(Vec::len), Some(2));
}

#[tokio::test]
async fn what_is_not_there_is_a_404_with_the_names_that_are_near() {
    let (gateway, _upstream) = started().await;
    for (path, near) in [
        ("/providers/A", "`a`"),
        ("/providers/A/health", "`a`"),
        ("/logical-models/smrt", "`smart`"),
        ("/logical-models/auot", "`auto`"),
        ("/routing/requests/none", "`none`"),
    ] {
        let answer = gateway.client().get(path).send().await.expect_status(404);
        assert_eq!(answer.error("code"), "not_found", "{path}");
        assert!(
            answer.error("message").contains(near),
            "{path}: {}",
            answer.text()
        );
    }
    for path in ["/providers/", "/logical-models/"] {
        gateway.client().get(path).send().await.expect_status(200);
    }
    for path in [
        "/providers/a/keys",
        "/providers/a/b/c",
        "/routing",
        "/routing/requests/a/b",
    ] {
        let answer = gateway.client().get(path).send().await.expect_status(404);
        assert_eq!(answer.error("code"), "unknown_url", "{path}");
    }
}

#[tokio::test]
async fn odd_names_are_found_by_their_encoding() {
    let upstream = Upstream::always(Reply::json(200, chat::answer("A"))).await;
    for (name, path) in [
        ("a b", "a%20b"),
        ("a/b", "a%2Fb"),
        ("a?b#c", "a%3Fb%23c"),
        ("a%41", "a%2541"),
        ("\"q\" <b>", "%22q%22%20%3Cb%3E"),
        ("a:b", "a:b"),
    ] {
        let gateway = Config::new()
            .provider(name, &upstream, json!({"api_key": "k"}))
            .start()
            .await;
        for page in ["", "/models", "/health", "/metrics"] {
            let target = format!("/providers/{path}{page}?x=1");
            let told = gateway.get(&target).await;
            assert!(
                told.to_string().contains(&json!(name).to_string()),
                "{target}: {told}"
            );
        }
    }
    let gateway = Config::over([&upstream]).start().await;
    for broken in ["/providers/%ff", "/logical-models/%ff"] {
        let answer = gateway.client().get(broken).send().await;
        assert_eq!(answer.status, 400, "{broken}");
    }
}

#[tokio::test]
async fn only_what_is_meant_is_done() {
    let (gateway, _upstream) = started().await;
    for page in PAGES {
        let head = gateway.client().call("HEAD", page).open().await;
        assert_eq!(head.status, 200, "{page}");
        for method in ["POST", "PUT", "DELETE", "PATCH"] {
            let answer = gateway
                .client()
                .call(method, page)
                .send()
                .await
                .expect_status(405);
            assert_eq!(answer.header("allow"), Some("GET"), "{method} {page}");
        }
    }
    let answer = gateway
        .client()
        .get("/routing/decide")
        .send()
        .await
        .expect_status(405);
    assert_eq!(answer.header("allow"), Some("POST"));
}

#[tokio::test]
async fn they_want_the_key_that_everything_wants() {
    let upstream = Upstream::always(Reply::json(200, chat::answer("A"))).await;
    let gateway = routed(&upstream)
        .server("api_key", "client-key")
        .start()
        .await;
    for page in PAGES {
        gateway.client().get(page).send().await.expect_status(401);
        let owner = gateway.client().with("x-api-key", "client-key");
        owner.get(page).send().await.expect_status(200);
    }
    let decide = gateway.client().post("/routing/decide", r#"{"model":"m"}"#);
    decide.send().await.expect_status(401);
}

#[tokio::test]
async fn no_spelling_leads_past_a_public_door() {
    let upstream = Upstream::always(Reply::json(200, chat::answer("A"))).await;
    let public = Public::open(&routed(&upstream).text(), &PublicDoor::default());
    for page in PAGES
        .iter()
        .chain(&["/routing/decide", "/routing/sessions/x"])
    {
        let (first, rest) = page[1..].split_at(1);
        for spelling in [
            format!("/{page}"),
            format!("/.{page}"),
            format!("/v1/..{page}"),
            format!("/v1/models/..{page}"),
            format!("/openai/v1/..{page}"),
            format!("/openai/v1/%2e%2e{page}"),
            format!("/v1/..%2f{first}{rest}"),
            format!("/v1{page}"),
            format!("/v1/{page}"),
            format!("/gemini{page}"),
            format!("/gemini/v1beta/models/..{page}"),
            format!("/%2f{first}{rest}"),
            format!("/%{:x}{rest}", first.as_bytes()[0]),
            page.to_uppercase(),
            format!("{page};/v1/"),
            format!("{page}//"),
            format!("http://localhost{page}"),
        ] {
            for method in ["GET", "POST", "DELETE"] {
                let call = public.owner().call(method, &spelling);
                let answer = call.body(br#"{"model":"smart"}"#.to_vec()).send().await;
                assert!(
                    (400..500).contains(&answer.status),
                    "{method} {spelling}: {}",
                    answer.status
                );
                let text = answer.text();
                assert!(!text.contains("\"candidates\""), "{method} {spelling}");
                assert!(!text.contains("upstream_model"), "{method} {spelling}");
                assert!(!text.contains("\"data\""), "{method} {spelling}");
            }
        }
    }
}

#[tokio::test]
async fn nothing_of_it_is_behind_a_public_door() {
    let upstream = Upstream::always(Reply::json(200, chat::answer("A"))).await;
    let public = Public::open(&routed(&upstream).text(), &PublicDoor::default());
    let decide = [
        "/routing/decide",
        "/routing/requests/x",
        "/routing/sessions/x",
    ];
    for page in PAGES.iter().chain(&decide) {
        for spelling in [
            (*page).to_owned(),
            format!("{page}/"),
            format!("{page}?x=1"),
        ] {
            for client in [public.client(), public.owner()] {
                for method in ["GET", "POST", "DELETE"] {
                    let answer = client.call(method, &spelling).send().await;
                    assert_eq!(answer.status, 404, "{method} {spelling}");
                }
            }
        }
    }
}

#[tokio::test]
async fn no_page_shows_a_key_or_what_it_could_be_told_by() {
    let upstream = Upstream::answering(|_, turn| match turn % 3 {
        0 => Reply::json(
            401,
            chat::error(&secret("work"), "invalid_request_error", None),
        ),
        1 => Reply::json(429, chat::error(&secret("home"), "rate_limit_error", None)),
        _ => Reply::json(200, chat::answer("A")),
    })
    .await;
    let proxy = format!("http://user:{}@{}", secret("proxy"), upstream.address());
    let gateway = routed(&upstream)
        .provider(
            "u",
            &upstream,
            json!({
                "api_key": secret("proxied"), "proxy": proxy,
                "extra_headers": {"x-team-token": secret("header"), "user-agent": secret("agent")},
                "extra_body": {"metadata": {"token": secret("body")}}
            }),
        )
        .server("admin", json!({"token": secret("admin")}))
        .set(
            "extra",
            json!({"tunnels": {"ngrok_authtoken": secret("ngrok")}}),
        )
        .start()
        .await;
    for _ in 0..6 {
        gateway.ask().await;
    }
    let more = [
        "/providers/u",
        "/providers/u/health",
        "/providers/u/metrics",
    ];
    for page in PAGES.iter().chain(&more) {
        let told = gateway.get(page).await.to_string();
        assert!(!told.contains(CANARY), "{page}: {told}");
    }
    let question = json!({"model": "m", "messages": [{"role": "user", "content": "x"}]});
    let told = gateway
        .client()
        .post("/routing/decide", question)
        .send()
        .await;
    assert!(!told.text().contains(CANARY), "{}", told.text());
}

#[tokio::test]
async fn a_session_is_told_to_its_client_and_can_be_forgotten() {
    let upstream = Upstream::always(Reply::json(200, chat::answer("A"))).await;
    let config = routed(&upstream).server("api_key", json!(["one", "two"]));
    let gateway = config.start().await;
    let (one, two) = (
        gateway.client().with("x-api-key", "one"),
        gateway.client().with("x-api-key", "two"),
    );
    let page = "/routing/sessions/s%2F1";
    one.get(page).send().await.expect_status(404);
    let ask = one.chat(chat::ask("m")).header("x-session-id", "s/1");
    ask.send().await.expect_status(200);
    let told = one.get(page).send().await.expect_status(200).json();
    assert_eq!(told["id"], "s/1");
    let stay = &told["models"][0];
    assert_eq!(
        (&stay["asked"], &stay["provider"]),
        (&json!("m"), &json!("a"))
    );
    assert_eq!((&stay["key"], &stay["alias"]), (&json!(1), &json!("work")));
    let question = json!({"model": "m", "session": "s/1"});
    for _ in 0..3 {
        let decided = one.post("/routing/decide", question.clone()).send().await;
        assert_eq!(
            decided.json()["chosen"]["key"],
            1,
            "it goes on with its key"
        );
    }
    two.get(page).send().await.expect_status(404);
    two.call("DELETE", page).send().await.expect_status(404);
    one.call("DELETE", page).send().await.expect_status(200);
    one.get(page).send().await.expect_status(404);
    let put = one.call("PUT", page).send().await.expect_status(405);
    assert_eq!(put.header("allow"), Some("GET, DELETE"));
}
