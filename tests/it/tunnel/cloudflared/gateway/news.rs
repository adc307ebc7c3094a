//! What is said while the tunnel comes, goes and fails: to programs, to people, to the log and to /health.

use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;

use super::{Gateway, KEY, Start, is, public};
use crate::support::client::Endpoint;
use crate::support::{A_SECOND, Client, Reply, Upstream, chat, within};

const NEW: &str = "https://new-name.trycloudflare.com";

async fn answering() -> Upstream {
    Upstream::always(Reply::json(200, chat::answer("A"))).await
}

#[tokio::test]
async fn after_a_crash_the_new_url_is_announced() {
    let upstream = answering().await;
    let (gateway, mut run) = Start::over(&upstream).await.up().await;
    run.send("exit 2").await;
    let failed = gateway.tunnel("it waits", is("waiting")).await;
    assert_eq!(failed["url"], Value::Null);
    let mut run = gateway.standin.started().await;
    run.obey(&["host new-name.trycloudflare.com"]).await;
    run.come_up().await;
    let is_back = |tunnel: &Value| is("online")(tunnel) && tunnel["url"] == NEW;
    let tunnel = gateway.tunnel("it has the new URL", is_back).await;
    assert_eq!(tunnel["restarts"], 1);
    let health = gateway.health().await;
    assert_eq!(
        (&health["url"], &health["restarts"]),
        (&tunnel["url"], &tunnel["restarts"])
    );
    gateway.binary.tells(&["the tunnel is online", NEW]).await;
    public(&run)
        .chat(chat::ask("m"))
        .send()
        .await
        .expect_status(200);
}

#[tokio::test]
async fn noise_of_the_program_is_not_passed_on() {
    let upstream = answering().await;
    let (gateway, mut run) = Start::over(&upstream).await.up().await;
    run.obey(&["noise 20000", "lose"]).await;
    gateway.tunnel("it is degraded", is("degraded")).await;
    run.obey(&["noise 20000", "connect"]).await;
    let is_back = |tunnel: &Value| is("online")(tunnel) && tunnel["restarts"] == 1;
    gateway.tunnel("it is back", is_back).await;
    public(&run)
        .chat(chat::ask("m"))
        .send()
        .await
        .expect_status(200);
    for said in [gateway.binary.stdout(), gateway.binary.stderr()] {
        assert!(said.lines().count() < 50, "{said}");
        assert!(!said.contains("failed to dial"), "{said}");
    }
}

/// What the program prints before it gives up, and what is to be read of that.
const TROUBLES: [(&str, &str, &str); 4] = [
    ("offline", "there is no network", "HTTPS_PROXY"),
    (
        "rate-limited",
        "no more quick tunnels",
        "server.tunnel.token",
    ),
    ("api-error", "refused to give out", "--tunnel ngrok"),
    ("bad-token", "does not accept the token", "dashboard"),
];

/// A gateway whose program prints `passage` and gives up before there is a URL.
async fn failing(start: Start, passage: &str) -> Gateway {
    let gateway = start.run();
    let mut run = gateway.standin.started().await;
    run.obey(&[&format!("print {passage}")]).await;
    run.send("exit 1").await;
    gateway
}

#[tokio::test]
async fn a_failure_is_explained_to_programs_and_the_gateway_serves_on() {
    let upstream = answering().await;
    for (passage, reason, hint) in TROUBLES {
        let gateway = failing(Start::over(&upstream).await, passage).await;
        let has_failed = |tunnel: &Value| tunnel["reason"] != Value::Null;
        let tunnel = gateway.tunnel("it failed", has_failed).await;
        for (field, expected) in [("reason", reason), ("hint", hint)] {
            let text = tunnel[field].as_str().unwrap_or_default();
            assert!(text.contains(expected), "{passage}: {tunnel}");
        }
        assert_eq!(tunnel["url"], Value::Null);
        gateway.binary.tells(&["WARN", reason, hint]).await;
        let local = gateway.local().await.chat(chat::ask("m"));
        local.send().await.expect_status(200);
    }
}

#[tokio::test]
async fn a_failure_is_explained_to_people_and_holds_up_no_end() {
    let upstream = answering().await;
    // One that is tried again in a minute, and one for good.
    for (passage, reason, hint) in [TROUBLES[1], TROUBLES[3]] {
        let start = Start::over(&upstream).await.for_a_person();
        let socket = start.home.path().join("gateway.sock");
        let start = start.server("socket_path", socket.to_string_lossy());
        let mut gateway = failing(start, passage).await;
        // The log says it as well; this is the word for people.
        let words = [": tunnel: ", reason, "hint: ", hint];
        gateway.binary.tells(&words).await;
        let local = Client::new(Endpoint::Unix(socket)).with("x-api-key", KEY);
        local.chat(chat::ask("m")).send().await.expect_status(200);
        gateway.binary.signal(Signal::TERM);
        let status = within(A_SECOND * 2, "the end", gateway.binary.exit()).await;
        assert_eq!(status.code(), Some(0), "{}", gateway.binary.stderr());
        assert_eq!(gateway.files(), [""; 0]);
    }
}

#[tokio::test]
async fn a_program_that_crashes_before_its_url_is_explained() {
    let upstream = answering().await;
    let gateway = Start::over(&upstream).await.run();
    let mut run = gateway.standin.started().await;
    run.obey(&["say panic: boom"]).await;
    run.send("exit 2").await;
    let tunnel = gateway.tunnel("it waits", is("waiting")).await;
    let reason = "cloudflared ended (exit status: 2): panic: boom";
    assert_eq!(tunnel["reason"], reason);
    assert_ne!(tunnel["hint"], Value::Null);
    let local = gateway.local().await.chat(chat::ask("m"));
    local.send().await.expect_status(200);
}

#[tokio::test]
#[expect(clippy::print_stderr, reason = "a test that does not run says so")]
async fn a_real_cloudflared_without_network_is_explained() {
    const BY_THEN: Duration = Duration::from_secs(30);
    let Ok(binary) = std::env::var("AUTOGW_TEST_CLOUDFLARED") else {
        eprintln!("skipped: AUTOGW_TEST_CLOUDFLARED does not name a real cloudflared");
        return;
    };
    let upstream = answering().await;
    let start = Start::over(&upstream).await.tunnel("binary", binary);
    let start = start.tunnel("args", Value::Array(Vec::new()));
    // The network is as it is.
    let gateway = start.variable("https_proxy", "").run();
    let speaks = |tunnel: &Value| tunnel["reason"] != Value::Null || is("online")(tunnel);
    let tunnel = within(
        BY_THEN,
        "an explanation",
        gateway.tunnel("it speaks", speaks),
    )
    .await;
    // With a network there is nothing to explain.
    if !is("online")(&tunnel) {
        let reason = tunnel["reason"].as_str().unwrap_or_default();
        assert!(reason.contains("api.trycloudflare.com"), "{tunnel}");
        assert_ne!(tunnel["hint"], Value::Null, "{tunnel}");
    }
}
