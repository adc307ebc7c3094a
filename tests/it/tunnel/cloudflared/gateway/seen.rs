//! The tunnel is looked at through its public URL: with TLS, by its name, and without any key.

use serde_json::{Value, json};

use super::{Gateway, KEY, Start, URL, is};
use crate::support::Upstream;
use crate::support::front::{Front, Manner};
use crate::support::standin::Started;

/// A gateway whose public URL leads through `front`, when its tunnel is up.
async fn behind(front: &Front, with: impl FnOnce(Start) -> Start) -> (Gateway, Started) {
    let upstream = Upstream::refusing();
    let mut start = with(Start::over(&upstream).await);
    for (name, value) in front.variables() {
        start = start.variable(name, value);
    }
    let gateway = start.run();
    let run = up(&gateway, front, "alpha-bravo-charlie-delta").await;
    (gateway, run)
}

/// The next run of the program, up under this name.
async fn up(gateway: &Gateway, front: &Front, name: &str) -> Started {
    let mut run = gateway.standin.started().await;
    front.leads_to(run.public);
    run.obey(&[&format!("host {name}.trycloudflare.com")]).await;
    run.come_up().await;
    run
}

fn is_checked(tunnel: &Value) -> bool {
    tunnel["check"]["state"] != "pending"
}

/// What was said to the front, of which nothing is a key.
fn assert_no_key(front: &Front) -> String {
    let said = front.said();
    assert!(said.starts_with("POST /.well-known/autogw/"), "{said}");
    let lower = said.to_ascii_lowercase();
    for key in [KEY, "authorization", "api-key", "cookie"] {
        assert!(!lower.contains(key), "{said}");
    }
    said
}

#[tokio::test]
async fn a_tunnel_that_works_is_seen_through_its_public_url() {
    let front = Front::open(Manner::Passes).await;
    let (gateway, _run) = behind(&front, |start| start).await;
    let tunnel = gateway.tunnel("it is checked", is_checked).await;
    assert_eq!(
        tunnel["check"],
        json!({"state": "passed", "streams": "live"})
    );
    assert!(tunnel["latency_ms"].is_u64(), "{tunnel}");
    let name = URL.trim_start_matches("https://");
    assert_eq!(front.names(), [format!("{name}:443")]);
    let said = assert_no_key(&front);
    assert!(
        said.to_ascii_lowercase().contains(&format!("host: {name}")),
        "{said}"
    );
}

#[tokio::test]
async fn streams_that_are_held_back_are_told() {
    let front = Front::open(Manner::Holds).await;
    let (gateway, _run) = behind(&front, |start| start).await;
    let tunnel = gateway.tunnel("it is checked", is_checked).await;
    assert_eq!(
        tunnel["check"],
        json!({"state": "passed", "streams": "buffered"})
    );
    gateway
        .binary
        .tells(&["seen through the public URL", "streams=Buffered"])
        .await;
    assert_no_key(&front);
}

#[tokio::test]
async fn a_url_that_leads_elsewhere_is_told_with_where_it_should_lead() {
    let front = Front::open(Manner::Strange).await;
    let named = |start: Start| {
        let start = start.tunnel("token", "token-of-these-tests");
        start.tunnel("domain", "gateway.trycloudflare.com")
    };
    let (gateway, _run) = behind(&front, named).await;
    let tunnel = gateway.tunnel("it is checked", is_checked).await;
    assert!(is("online")(&tunnel));
    assert_eq!(tunnel["check"]["state"], "failed");
    let reason = tunnel["check"]["reason"].as_str().unwrap_or_default();
    let socket = gateway.binary.home().join("run/cloudflared.sock");
    let service = format!("the tunnel's service must be unix:{}", socket.display());
    for part in ["leads somewhere else", "HTTP 530", &service] {
        assert!(reason.contains(part), "{tunnel}");
    }
    let said = assert_no_key(&front);
    assert!(!said.contains("token-of-these-tests"), "{said}");
}

#[tokio::test]
async fn people_get_a_block_with_what_they_need_and_another_for_a_new_url() {
    let front = Front::open(Manner::Passes).await;
    let (gateway, mut run) = behind(&front, Start::for_a_person).await;
    let door = "Public door through cloudflared:";
    let seen = "seen through the public URL in";
    let cursor = "Override OpenAI Base URL";
    let url = format!("{URL}/v1");
    let words = [door, "open", &url, seen, cursor, &url];
    gateway.binary.tells(&words).await;
    run.send("exit 2").await;
    let _run = up(&gateway, &front, "new-name").await;
    let url = "https://new-name.trycloudflare.com/v1";
    let words = [door, "new address", url, seen, cursor, url];
    gateway.binary.tells(&words).await;
    assert!(!gateway.binary.stderr().contains(KEY));
}
