//! Who gets in: with a key and without, from here and from there.

use std::os::unix::fs::PermissionsExt as _;

use serde_json::json;

use super::{Open, Process, answering};
use crate::support::{Config, chat};

#[tokio::test]
async fn a_tunnel_makes_a_key_and_asks_for_it_everywhere() {
    let upstream = answering().await;
    let process = Process::before(&upstream).await;
    let file = process.binary.home().join("run/client.key");
    let mode = file.metadata().expect("a key was made").permissions();
    assert_eq!(mode.mode() & 0o777, 0o600);
    let banner = process.binary.banner().await;
    assert_eq!(
        banner["client_key"],
        json!({ "state": "made", "file": file })
    );
    let key = process.key();
    for stranger in [&process.local, &process.stranger()] {
        let asked = stranger.chat(chat::ask("m")).send().await;
        assert_eq!(asked.expect_status(401).error("code"), "invalid_api_key");
        for path in ["/metrics", "/v1/models"] {
            stranger.get(path).send().await.expect_status(401);
        }
        let guess = stranger.chat(chat::ask("m")).header("x-api-key", "guess");
        guess.send().await.expect_status(401);
        let owner = stranger.chat(chat::ask("m")).header("x-api-key", &key);
        let answer = owner.send().await.expect_status(200);
        assert_eq!(answer.json(), chat::answer("A"));
    }
    assert_eq!(upstream.count(), 2);
}

#[tokio::test]
async fn what_steers_the_gateway_is_not_there_through_the_tunnel() {
    let upstream = answering().await;
    let open = Open::before(&upstream).await;
    for path in [
        "/admin",
        "/admin/reload",
        "/providers",
        "/providers/a/health",
        "/routing/decide",
        "/logical-models",
        "//admin",
        "/%61dmin",
    ] {
        for client in [open.stranger(), open.owner()] {
            for method in ["GET", "POST"] {
                let answer = client.call(method, path).send().await;
                assert_eq!(answer.status, 404, "{method} {path}");
            }
        }
    }
    // A whole URL in place of a path names another host, not another door; and nobody resolves dots.
    for target in ["http://localhost/providers", "/v1/../providers"] {
        let call = open.owner().get(target).header("host", "localhost");
        call.send().await.expect_status(404);
    }
}

#[tokio::test]
async fn how_the_tunnel_is_is_told_to_this_machine_only() {
    let upstream = answering().await;
    let process = Process::before(&upstream).await;
    let tunnel = process.health().await;
    assert_eq!(tunnel["type"], "ngrok");
    assert_eq!(tunnel["state"], "online");
    assert_eq!(tunnel["url"], format!("http://{}", process.edge.public()));
    assert!(tunnel["latency_ms"].is_u64(), "{tunnel}");
    assert_eq!(tunnel["restarts"], 0);
    assert_eq!(
        tunnel["check"],
        json!({ "state": "passed", "streams": "live" })
    );
    process
        .stranger()
        .get("/health")
        .send()
        .await
        .expect_status(401);
    let health = process.owner().get("/health").send().await;
    let health = health.expect_status(200).json();
    assert_eq!(health["status"], "ok");
    assert_eq!(health.get("tunnels"), None);
}

#[tokio::test]
async fn no_header_of_a_stranger_makes_it_a_neighbour() {
    let upstream = answering().await;
    let open = Open::before(&upstream).await;
    for (name, value) in [
        ("host", "localhost"),
        ("x-forwarded-for", "127.0.0.1"),
        ("forwarded", "for=127.0.0.1"),
        ("cf-connecting-ip", "127.0.0.1"),
    ] {
        let health = open.stranger().get("/health").header(name, value);
        assert_eq!(health.send().await.status, 401, "{name}");
        let health = open.owner().get("/health").header(name, value);
        let health = health.send().await.expect_status(200).json();
        assert_eq!(health.get("tunnels"), None, "{name}");
    }
}

#[tokio::test]
async fn who_knows_that_it_is_public_can_let_everybody_in() {
    let upstream = answering().await;
    let args = ["--i-know-this-is-public", "--log-format", "json"];
    let process = Process::with(Config::over([&upstream]), &args).await;
    for client in [&process.local, &process.stranger()] {
        client.chat(chat::ask("m")).send().await.expect_status(200);
    }
    assert!(!process.binary.home().join("run/client.key").exists());
    let health = process.stranger().get("/health").send().await;
    let health = health.expect_status(200).json();
    assert_eq!(health.get("tunnels"), None, "open, but no neighbour");
    process
        .stranger()
        .get("/providers")
        .send()
        .await
        .expect_status(404);
    let banner = process.binary.banner().await;
    assert_eq!(banner["client_key"]["state"], "public");
    let warnings = banner["warnings"].to_string();
    assert!(warnings.contains("open to everybody"), "{warnings}");
    let log = process.binary.says("open to everybody").await;
    assert!(log.contains("WARN"), "{log}");
}

#[tokio::test]
async fn keys_of_the_configuration_stay_required_also_of_who_knows_that_it_is_public() {
    let upstream = answering().await;
    let config = Config::over([&upstream]).server("api_key", "mine");
    let process = Process::with(config, &["--i-know-this-is-public"]).await;
    let asked = process.stranger().chat(chat::ask("m"));
    asked.clone().send().await.expect_status(401);
    let asked = asked.header("x-api-key", "mine");
    asked.send().await.expect_status(200);
}

#[tokio::test]
async fn the_doors_own_limits_hold_at_the_door_and_nowhere_else() {
    let upstream = answering().await;
    let config = Config::new().provider("a", &upstream, json!({"models": ["m", "dear"]}));
    let config = config.server("api_key", "mine");
    let edge = super::Edge::start(super::TOKEN).await;
    let mut tunnel = super::to(&edge);
    tunnel["max_rpm"] = json!(3);
    tunnel["models"] = json!("m");
    let gateway = config.server("tunnel", tunnel).start().await;
    super::until(&gateway, "the check", super::has_passed).await;
    let far = super::client(&edge).with("x-api-key", "mine");
    let near = gateway.client().with("x-api-key", "mine");
    let hidden = far.chat(chat::ask("dear")).send().await.expect_status(404);
    assert_eq!(hidden.error("code"), "model_not_found");
    let listed = far.get("/v1/models").send().await.expect_status(200).json();
    assert_eq!(listed["data"].as_array().map(Vec::len), Some(1), "{listed}");
    far.chat(chat::ask("m")).send().await.expect_status(200);
    let late = far.chat(chat::ask("m")).send().await.expect_status(429);
    assert_eq!(late.error("code"), "tunnel_rate_limit");
    assert!(late.header("retry-after").is_some());
    for model in ["m", "dear"] {
        near.chat(chat::ask(model)).send().await.expect_status(200);
    }
    assert_eq!(upstream.count(), 3);
}
