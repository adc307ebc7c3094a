//! The verbs that ask a running gateway, with the real program at both ends.

use std::sync::Arc;

use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;

use crate::support::{Binary, chat, patiently};
use autogw::attach::{Client, Door};
use autogw::config::Home;
use autogw::telemetry::act::{Act, Whom};

/// A gateway of simulated providers, and the home that it shares with whoever asks it.
async fn demo() -> (Arc<TempDir>, Binary) {
    let home = Arc::new(tempfile::tempdir().expect("a directory"));
    let args = ["start", "--demo", "--port", "0", "--json"];
    let gateway = Binary::run(home.clone(), args, []);
    gateway.banner().await;
    (home, gateway)
}

/// What `words` prints, and its status.
async fn run(home: &Arc<TempDir>, words: &str) -> (Option<i32>, String, String) {
    let mut binary = Binary::run(home.clone(), words.split_whitespace(), []);
    let code = binary.exit().await.code();
    (code, binary.stdout(), binary.stderr())
}

async fn ask(gateway: &Binary) {
    gateway.client().await.chat(chat::ask("auto")).send().await;
}

#[tokio::test]
async fn a_gateway_that_runs_is_told_of() {
    let (home, gateway) = demo().await;
    let (code, out, err) = run(&home, "status --json").await;
    assert_eq!(code, Some(0), "{err}");
    let status: Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!(status["about"]["pid"], gateway.id());
    let banner = gateway.banner().await;
    assert!(banner["url"].as_str().is_some_and(|url| {
        url.trim_end_matches('/') == status["about"]["url"].as_str().unwrap_or_default()
    }));
    let (code, out, err) = run(&home, "status").await;
    assert_eq!(code, Some(0), "{err}");
    assert!(out.contains("PROVIDER") && !out.contains('\u{1b}'), "{out}");
    let (code, out, err) = run(&home, "logs --json").await;
    assert_eq!(code, Some(0), "{err}");
    assert!(out.contains("\"listening address="), "{out}");
    let (code, _, err) = run(&home, "status --name other").await;
    assert_eq!(code, Some(1), "{err}");
}

#[tokio::test]
async fn a_request_that_ends_is_followed_and_then_told_in_full() {
    let (home, gateway) = demo().await;
    let mut follower = Binary::run(home.clone(), ["requests", "--follow", "--json"], []);
    // Whether it listens already is not seen from here: what ends before it does is not told.
    let following = async {
        loop {
            ask(&gateway).await;
            if let Some(line) = follower.stdout().lines().next() {
                return line.to_owned();
            }
        }
    };
    let line = patiently("a request that is followed", following).await;
    let row: Value = serde_json::from_str(&line).expect("JSON");
    assert_eq!(row["phase"], "over");
    follower.signal(Signal::INT);
    assert_eq!(follower.exit().await.code(), Some(0));
    let id = row["id"].as_str().expect("an id");
    let (code, out, err) = run(&home, &format!("requests {id}")).await;
    assert_eq!(code, Some(0), "{err}");
    assert!(out.contains(id) && out.contains("attempts"), "{out}");
    let (code, out, err) = run(&home, "requests").await;
    assert_eq!(code, Some(0), "{err}");
    assert!(out.contains(id), "{out}");
}

#[tokio::test]
async fn a_health_check_is_quiet_and_fails_when_nobody_can_be_asked() {
    let (home, _gateway) = demo().await;
    let (code, out, err) = run(&home, "status --ready").await;
    assert_eq!((code, out.as_str(), err.as_str()), (Some(0), "", ""));
    let owner = Client::new(Door::of(&Home::at(home.path()), None));
    for provider in ["demo-fast", "demo-flaky", "demo-slow"] {
        let whom = Whom {
            provider: provider.to_owned(),
            key: None,
            model: None,
        };
        owner.act(&Act::Drain { whom }).await.expect("a drain");
    }
    let (code, out, err) = run(&home, "status --ready").await;
    assert_eq!((code, out.as_str()), (Some(1), ""), "{err}");
    assert!(err.contains("no provider"), "{err}");
    let (code, out, err) = run(&home, "status --ready --name other").await;
    assert_eq!((code, out.as_str()), (Some(1), ""), "{err}");
}

#[tokio::test]
async fn without_a_terminal_the_dashboard_says_what_to_use() {
    let home = Arc::new(tempfile::tempdir().expect("a directory"));
    for words in ["tui", "tui --demo", "start --demo --tui"] {
        let (code, out, err) = run(&home, words).await;
        assert_eq!(code, Some(2), "{words}: {err}");
        assert!(out.is_empty(), "{words}: {out}");
        for verb in [
            "autogw status",
            "autogw requests --follow",
            "autogw logs --follow",
        ] {
            assert!(err.contains(verb), "{words}: {err}");
        }
    }
    assert!(!home.path().join("run").exists(), "nothing was started");
}
