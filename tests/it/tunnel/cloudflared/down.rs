//! What goes wrong, what is said about it, and how it comes back.

use std::time::Duration;

use autogw::config::{Cloudflared, Tunnel};
use autogw::telemetry::tunnel::{Phase, Status};
use autogw::tunnel::cloudflared::Limits;

use super::{Kept, SOON, URL, close, script};
use crate::support::standin::{Standin, Started};
use crate::support::within;

#[tokio::test]
async fn after_a_crash_it_comes_back_with_a_new_url() {
    let standin = Standin::listen().await;
    let mut kept = Kept::open(standin.settings());
    let mut run = standin.started().await;
    run.come_up().await;
    kept.online().await;
    run.obey(&["say panic: boom", "say goroutine 1 [running]:"])
        .await;
    run.send("exit 2").await;
    let (trouble, pause) = kept.waiting().await;
    assert_eq!(
        trouble.message,
        "cloudflared ended (exit status: 2): panic: boom"
    );
    assert!(pause < Duration::from_secs(1), "{pause:?}");
    assert_eq!(kept.status().url, None);
    run.gone().await;
    let mut again = standin.started().await;
    again.obey(&["host new-name.trycloudflare.com"]).await;
    again.come_up().await;
    let status = kept.online().await;
    assert_eq!(
        status.url.as_deref(),
        Some("https://new-name.trycloudflare.com")
    );
    assert_eq!(status.restarts, 1);
    close(kept, &again).await;
    assert!(!run.is_there());
}

#[tokio::test]
async fn a_crash_before_the_url_is_explained() {
    let standin = Standin::listen().await;
    let mut kept = Kept::open(standin.settings());
    let mut run = standin.started().await;
    run.send("exit 1").await;
    let (trouble, _) = kept.waiting().await;
    assert_eq!(trouble.message, "cloudflared ended (exit status: 1)");
    assert!(trouble.hint.is_some());
    let mut again = standin.started().await;
    again.come_up().await;
    assert_eq!(kept.online().await.restarts, 0, "it never was up before");
    close(kept, &again).await;
}

/// The failure of a program that prints `passage` and exits.
async fn failing_with(passage: &str, status: u8) -> (Kept, Started) {
    let standin = Standin::listen().await;
    let kept = Kept::open(standin.settings());
    let mut run = standin.started().await;
    run.obey(&[&format!("print {passage}")]).await;
    run.send(&format!("exit {status}")).await;
    (kept, run)
}

#[tokio::test]
async fn no_network_is_explained() {
    let (mut kept, _run) = failing_with("offline", 1).await;
    let (trouble, _) = kept.waiting().await;
    assert!(
        trouble.message.contains("there is no network"),
        "{trouble:?}"
    );
    assert!(!trouble.message.contains("https://api."), "{trouble:?}");
    kept.close().await;
}

#[tokio::test]
async fn a_rate_limit_is_explained_and_given_a_minute() {
    for passage in ["rate-limited", "rate-limited-text"] {
        let (mut kept, _run) = failing_with(passage, 1).await;
        let (trouble, pause) = kept.waiting().await;
        assert_eq!(trouble.code.as_deref(), Some("1015"));
        assert!(pause > Duration::from_secs(50), "{pause:?}");
        // A long pause holds nobody up.
        kept.close().await;
    }
}

#[tokio::test]
async fn a_refusal_of_the_service_is_explained() {
    let (mut kept, _run) = failing_with("api-error", 1).await;
    let (trouble, _) = kept.waiting().await;
    assert!(
        trouble.message.contains("refused to give out"),
        "{trouble:?}"
    );
    kept.close().await;
}

#[tokio::test]
async fn a_bad_token_is_not_tried_again() {
    let (kept, _run) = failing_with("bad-token", 255).await;
    let trouble = kept.failed().await;
    assert!(trouble.message.contains("token"), "{trouble:?}");
    assert!(
        trouble
            .hint
            .is_some_and(|hint| hint.contains("server.tunnel.token"))
    );
}

#[tokio::test]
async fn arguments_that_it_does_not_know_are_not_tried_again() {
    let standin = Standin::listen().await;
    let mut settings = standin.settings();
    settings.args.push("--quantum".to_owned());
    let trouble = Kept::open(settings).failed().await;
    assert!(
        trouble.message.ends_with("not defined: -quantum"),
        "{trouble:?}"
    );
}

#[tokio::test]
async fn what_cannot_be_executed_is_not_tried_again() {
    let home = tempfile::tempdir().expect("a temporary directory");
    let binary = script(home.path(), "#!/nowhere/interpreter\n");
    let settings = Cloudflared {
        binary: Some(binary.to_string_lossy().into_owned()),
        ..Cloudflared::default()
    };
    let trouble = Kept::open(settings).failed().await;
    assert!(
        trouble.message.contains("no program that runs here"),
        "{trouble:?}"
    );
    assert!(trouble.message.contains("No such file"), "{trouble:?}");
}

#[tokio::test]
async fn a_missing_program_is_said_with_how_to_install_it() {
    let settings = Cloudflared {
        binary: Some("cloudflared-of-nobody".to_owned()),
        ..Cloudflared::default()
    };
    let trouble = Kept::open(settings).failed().await;
    assert_eq!(trouble.message, "`cloudflared-of-nobody` is not on PATH");
    assert!(
        trouble
            .hint
            .is_some_and(|hint| hint.contains("cloudflared"))
    );
}

#[tokio::test]
async fn without_a_url_in_time_it_is_started_again() {
    let standin = Standin::listen().await;
    // Long enough for a loaded machine to start a program.
    let limits = Limits {
        url: Duration::from_secs(2),
        ..Limits::default()
    };
    let mut kept = Kept::open_within(limits, standin.settings());
    let run = standin.started().await;
    let (trouble, _) = kept.waiting().await;
    assert!(
        trouble.message.contains("did not say its public URL"),
        "{trouble:?}"
    );
    assert!(!run.is_there());
    kept.close().await;
}

#[tokio::test]
async fn without_a_connection_in_time_it_is_started_again() {
    let standin = Standin::listen().await;
    let limits = Limits {
        ready: SOON,
        ..Limits::default()
    };
    let mut kept = Kept::open_within(limits, standin.settings());
    let mut run = standin.started().await;
    run.obey(&["metrics"]).await;
    run.send("box").await;
    let (trouble, _) = kept.waiting().await;
    assert!(trouble.message.contains("did not reach"), "{trouble:?}");
    assert_eq!(kept.status().url, None);
    run.gone().await;
    // Who says nothing about itself cannot be known to be connected.
    let mut again = standin.started().await;
    again.send("box").await;
    let says_where = |status: &Status| {
        let trouble = status.phase.trouble();
        trouble.is_some_and(|trouble| trouble.message.contains("did not say where"))
    };
    kept.until("the other failure", says_where).await;
    kept.close().await;
}

#[tokio::test]
async fn a_lost_connection_shows_and_comes_back() {
    let standin = Standin::listen().await;
    let mut kept = Kept::open(standin.settings());
    let mut run = standin.started().await;
    run.come_up().await;
    kept.online().await;
    run.obey(&["lose"]).await;
    let is_degraded = |status: &Status| matches!(status.phase, Phase::Degraded(_));
    let status = kept.until("the loss", is_degraded).await;
    assert_eq!(status.url.as_deref(), Some(URL));
    let trouble = status.phase.trouble().expect("a reason");
    assert!(
        trouble.message.contains("lost its connection"),
        "{trouble:?}"
    );
    run.obey(&["connect"]).await;
    assert_eq!(kept.online().await.restarts, 1);
    close(kept, &run).await;
}

#[tokio::test]
async fn a_quick_tunnel_that_is_forgotten_is_replaced() {
    let standin = Standin::listen().await;
    let limits = Limits {
        forgotten: SOON,
        ..Limits::default()
    };
    let mut kept = Kept::open_within(limits, standin.settings());
    let mut run = standin.started().await;
    run.come_up().await;
    kept.online().await;
    run.obey(&["lose"]).await;
    let is_degraded = |status: &Status| matches!(status.phase, Phase::Degraded(_));
    kept.until("the loss", is_degraded).await;
    run.send("refuse").await;
    let (trouble, _) = kept.waiting().await;
    assert!(trouble.message.contains("does not know"), "{trouble:?}");
    let mut again = standin.started().await;
    again.come_up().await;
    kept.online().await;
    close(kept, &again).await;
    assert!(!run.is_there());
}

#[tokio::test]
#[expect(clippy::print_stderr, reason = "a test that does not run says so")]
async fn a_real_cloudflared_without_network_is_explained() {
    const BY_THEN: Duration = Duration::from_secs(30);
    let Some(binary) = std::env::var_os("AUTOGW_TEST_CLOUDFLARED") else {
        eprintln!("skipped: AUTOGW_TEST_CLOUDFLARED does not name a real cloudflared");
        return;
    };
    let settings = Cloudflared {
        binary: Some(binary.to_string_lossy().into_owned()),
        ..Cloudflared::default()
    };
    let mut kept = Kept::open(settings);
    let speaks = |status: &Status| status.phase.trouble().is_some() || status.is_up();
    let seen = kept.seen.wait_for(|all| speaks(&all[&Tunnel::Cloudflared]));
    let seen = within(BY_THEN, "an explanation", seen).await;
    let status = seen.expect("the tunnel holds its line")[&Tunnel::Cloudflared].clone();
    // With a network there is nothing to explain.
    if let Some(trouble) = status.phase.trouble() {
        assert!(
            trouble.message.contains("api.trycloudflare.com"),
            "{trouble:?}"
        );
        assert!(trouble.hint.is_some());
    }
    kept.close().await;
}
