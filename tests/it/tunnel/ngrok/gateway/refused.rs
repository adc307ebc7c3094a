//! A tunnel that cannot be opened: what can be known before is said before anybody listens, and what
//! ngrok says later leaves the gateway running.

use rustix::process::Signal;
use serde_json::{Value, json};

use super::{TOKEN, answering, made_key, to, with_key};
use crate::support::ngrok_edge::{Edge, Event};
use crate::support::{Binary, Config, chat};

/// The program in front of a provider, with `server.tunnel` as given and these arguments.
fn launch(config: Config, tunnel: Value, args: &[&str]) -> Binary {
    let config = config.server("tunnel", tunnel).text();
    Binary::launch(&config, &[&["start"], args].concat())
}

#[tokio::test]
async fn a_wrong_token_is_told_to_programs_and_the_gateway_runs_on() {
    let edge = Edge::start("another-token").await;
    let upstream = answering().await;
    let mut binary = launch(Config::over([&upstream]), to(&edge), &["--json"]);
    let local = binary.client().await;
    let failed = |tunnel: &Value| tunnel["state"] == "failed";
    let tunnel = binary.tunnel("the refusal", failed).await;
    assert_eq!(tunnel["code"], "ERR_NGROK_105");
    let reason = tunnel["reason"].as_str().expect("a reason");
    assert!(reason.contains("rejected the authtoken"), "{reason}");
    let hint = tunnel["hint"].as_str().expect("a hint");
    assert!(hint.contains("server.tunnel.token"), "{hint}");
    assert!(hint.contains("dashboard.ngrok.com"), "{hint}");
    assert_eq!(
        (&tunnel["url"], &tunnel["retry_in_s"]),
        (&Value::Null, &Value::Null)
    );
    let owner = with_key(local.clone(), &made_key(binary.home()));
    owner.chat(chat::ask("m")).send().await.expect_status(200);
    let health = local.get("/health").send().await.expect_status(200).json();
    assert_eq!(health["tunnels"][0]["code"], "ERR_NGROK_105");
    binary.signal(Signal::TERM);
    assert_eq!(binary.exit().await.code(), Some(0));
    assert_eq!(edge.count(Event::Connected), 1, "it was not tried again");
}

#[tokio::test]
async fn a_wrong_token_is_told_to_people() {
    let edge = Edge::start("another-token").await;
    let upstream = answering().await;
    let config = Config::over([&upstream]);
    let mut binary = launch(config, to(&edge), &["--log-level", "off"]);
    let said = binary.says("get-started/your-authtoken").await;
    assert!(
        said.contains("error: tunnel: ngrok rejected the authtoken (ERR_NGROK_105)"),
        "{said}"
    );
    assert!(said.contains("server.tunnel.token"), "{said}");
    binary.signal(Signal::TERM);
    assert_eq!(binary.exit().await.code(), Some(0));
    assert_eq!(binary.stdout(), "");
}

#[tokio::test]
async fn what_cannot_work_is_refused_before_anybody_listens() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let garbage = folder.path().join("garbage.pem");
    std::fs::write(&garbage, "no certificate").expect("writable");
    let missing = folder.path().join("missing.pem");
    let upstream = answering().await;
    for (tunnel, what, hint) in [
        (
            json!("ngrok"),
            "ngrok needs an authtoken",
            "NGROK_AUTHTOKEN",
        ),
        (
            json!({"type": "ngrok", "token": TOKEN, "ca_file": garbage}),
            "garbage.pem holds no certificate",
            "PEM",
        ),
        (
            json!({"type": "ngrok", "token": TOKEN, "ca_file": missing}),
            "missing.pem cannot be read",
            "correct `ca_file`",
        ),
    ] {
        let mut binary = launch(Config::over([&upstream]), tunnel, &["--json"]);
        assert_eq!(binary.exit().await.code(), Some(2), "{}", binary.stderr());
        let said = binary.stderr();
        assert!(said.contains(what) && said.contains(hint), "{said}");
        assert!(!said.contains("listening"), "{said}");
        assert_eq!(binary.stdout(), "");
        assert!(!binary.home().join("run").exists(), "nothing was begun");
    }
}

#[tokio::test]
async fn an_edge_that_is_not_there_is_told_and_asked_again() {
    let edge = Edge::start(TOKEN).await;
    edge.close_port().await;
    let upstream = answering().await;
    let binary = launch(Config::over([&upstream]), to(&edge), &["--json"]);
    let waiting = |tunnel: &Value| tunnel["state"] == "waiting";
    let tunnel = binary.tunnel("the refusal", waiting).await;
    let reason = tunnel["reason"].as_str().expect("a reason");
    assert!(reason.contains("refused the connection"), "{reason}");
    assert!(tunnel["retry_in_s"].is_u64(), "{tunnel}");
    edge.open_port();
    let tunnel = binary.tunnel("the check", super::was_seen).await;
    assert_eq!(tunnel["restarts"], 0, "it never was up before");
}
