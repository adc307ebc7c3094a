//! Who gets in, what is there, and what the program behind the tunnel is not told.

use std::os::unix::fs::PermissionsExt as _;

use serde_json::json;

use super::{Gateway, Start, URL, public};
use crate::support::standin::Started;
use crate::support::{Config, Reply, Upstream, chat};

async fn answering() -> Upstream {
    Upstream::always(Reply::json(200, chat::answer("A"))).await
}

async fn up(upstream: &Upstream) -> (Gateway, Started) {
    Start::over(upstream).await.up().await
}

#[tokio::test]
async fn without_a_key_one_is_made_and_asked_for_at_both_doors() {
    let upstream = answering().await;
    let (gateway, run) = Start::over(&upstream).await.without_key().up().await;
    let banner = gateway.binary.banner().await;
    let file = gateway.binary.home().join("run/client.key");
    assert_eq!(
        banner["client_key"],
        json!({"state": "made", "file": file.to_string_lossy()})
    );
    let mode = std::fs::metadata(&file).expect("a file").permissions();
    assert_eq!(mode.mode() & 0o777, 0o600);
    let key = std::fs::read_to_string(&file).expect("a key");
    let bearer = format!("Bearer {}", key.trim());
    for client in [gateway.binary.client().await, run.client()] {
        client.chat(chat::ask("m")).send().await.expect_status(401);
        let owner = client.with("authorization", &bearer);
        owner.chat(chat::ask("m")).send().await.expect_status(200);
    }
    assert_eq!(upstream.count(), 2);
    let said = gateway.binary.stdout() + &gateway.binary.stderr();
    assert!(!said.contains(key.trim()), "{said}");
}

#[tokio::test]
async fn nothing_is_told_to_the_public_without_a_key() {
    let upstream = answering().await;
    let (gateway, run) = up(&upstream).await;
    for path in ["/metrics", "/health", "/ready", "/v1/models"] {
        run.client().get(path).send().await.expect_status(401);
    }
    let metrics = gateway.binary.client().await.get("/metrics");
    metrics.send().await.expect_status(401);
}

#[tokio::test]
async fn what_steers_the_gateway_is_not_there() {
    let upstream = answering().await;
    let (_gateway, run) = up(&upstream).await;
    for path in [
        "/admin",
        "/admin/reload",
        "/providers",
        "/routing/decide",
        "/logical-models",
    ] {
        for client in [run.client(), public(&run)] {
            for method in ["GET", "POST"] {
                let call = client.call(method, path).header("host", "localhost");
                call.send().await.expect_status(404);
            }
        }
    }
}

#[tokio::test]
async fn who_guesses_keys_is_slowed_down_by_the_address_that_cloudflare_saw() {
    let upstream = answering().await;
    let (_gateway, run) = up(&upstream).await;
    let guess = |address: &str, forged: &str| {
        let call = run.client().get("/v1/models").header("x-api-key", "wrong");
        call.header("cf-connecting-ip", address)
            .header("x-forwarded-for", forged)
            .send()
    };
    for turn in 0..10 {
        let answer = guess("203.0.113.7", &format!("10.0.0.{turn}")).await;
        answer.expect_status(401);
    }
    guess("203.0.113.7", "10.0.0.99").await.expect_status(429);
    guess("203.0.113.8", "203.0.113.7").await.expect_status(401);
    let owner = public(&run).get("/v1/models");
    let owner = owner.header("cf-connecting-ip", "203.0.113.7");
    owner.send().await.expect_status(200);
}

#[tokio::test]
async fn where_the_tunnel_leads_is_told_to_this_machine_only() {
    let upstream = answering().await;
    let (gateway, run) = up(&upstream).await;
    let tunnel = gateway.health().await;
    for (field, value) in [
        ("type", json!("cloudflared")),
        ("state", json!("online")),
        ("url", json!(URL)),
        ("restarts", json!(0)),
    ] {
        assert_eq!(tunnel[field], value, "{tunnel}");
    }
    let health = public(&run).get("/health").header("host", "localhost");
    let health = health.send().await.expect_status(200).json();
    assert_eq!(health.get("tunnels"), None);
}

#[tokio::test]
async fn the_program_sees_no_key_of_ours() {
    let upstream = answering().await;
    let keys = json!(["${CANARY_OF_THE_PROVIDER}", "canary-in-the-file"]);
    let config = Config::new().provider("a", &upstream, json!({ "api_key": keys }));
    let start = Start::of(config).await.server("api_key", "canary-client");
    let start = start.variable("CANARY_OF_THE_PROVIDER", "canary-provider");
    let start = start.variable("OPENAI_API_KEY", "canary-openai");
    let start = start
        .tunnel("token", "canary-token")
        .tunnel("domain", "gw.example.com");
    let gateway = start.run();
    let run = gateway.next_run().await;
    assert!(run.arguments.ends_with(&["run".to_owned()]));
    assert!(!run.arguments.join(" ").contains("canary"));
    let environment = run.environment.iter();
    let told: Vec<_> = environment
        .filter(|pair| pair.contains("canary") || pair.contains("CANARY"))
        .collect();
    assert_eq!(told, ["TUNNEL_TOKEN=canary-token"]);
    let said = gateway.binary.stdout() + &gateway.binary.stderr();
    assert!(!said.contains("canary"), "{said}");
}
