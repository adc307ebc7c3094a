//! What goes wrong, in words, and whether it is tried again.

use std::path::PathBuf;
use std::time::Duration;

use autogw::config::Ngrok;
use autogw::telemetry::tunnel::{Phase, Status, Trouble};
use autogw::tunnel::ngrok::check;

use tokio::io::AsyncReadExt as _;
use tokio::net::TcpListener;

use super::house::{Setup, TOKEN, client, settings};
use crate::support::ngrok_edge::{Edge, Event};
use crate::support::patiently;

const TAKEN: &str = "The endpoint 'https://mine.ngrok.app' is already online. Either\n\
    1. stop your existing endpoint first, or\n\nERR_NGROK_334\r\n";

fn is_waiting(status: &Status) -> bool {
    matches!(status.phase, Phase::Waiting { .. })
}

#[track_caller]
fn failure(status: Status) -> Trouble {
    match status.phase {
        Phase::Failed(trouble) => trouble,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_wrong_token_is_said_and_not_tried_again() {
    let edge = Edge::start("another-token").await;
    let mut tunnel = Setup::new(&edge).open();
    let trouble = failure(tunnel.ended().await);
    assert_eq!(trouble.code.as_deref(), Some("ERR_NGROK_105"));
    assert_eq!(
        trouble.message,
        "ngrok rejected the authtoken (ERR_NGROK_105): it does not look like a proper ngrok authtoken"
    );
    assert_eq!(
        trouble.hint.as_deref(),
        Some(
            "it came from NGROK_AUTHTOKEN (50 characters); \
             yours is at https://dashboard.ngrok.com/get-started/your-authtoken"
        )
    );
    assert_eq!(edge.count(Event::Connected), 1);
}

#[tokio::test]
async fn a_domain_in_use_is_waited_for() {
    let edge = Edge::start(TOKEN).await;
    edge.refuse_endpoints(2, TAKEN);
    let tunnel = Setup::new(&edge).open();
    let status = tunnel.until("the refusal", is_waiting).await;
    let trouble = status.phase.trouble().expect("a reason");
    assert_eq!(
        trouble.message,
        "the domain is in use by another agent (ERR_NGROK_334): \
         The endpoint 'https://mine.ngrok.app' is already online"
    );
    let status = tunnel.up(0).await;
    assert_eq!(status.restarts, 0, "it never was up before");
    assert_eq!(
        edge.count(Event::Goodbye),
        2,
        "refused sessions end in good order"
    );
}

#[tokio::test]
async fn a_domain_that_stays_in_use_is_given_up() {
    let edge = Edge::start(TOKEN).await;
    edge.refuse_endpoints(100, TAKEN);
    let mut setup = Setup::new(&edge);
    setup.pace.taken = Duration::from_millis(300);
    let mut tunnel = setup.open();
    let trouble = failure(tunnel.ended().await);
    assert_eq!(trouble.code.as_deref(), Some("ERR_NGROK_334"));
    assert!(edge.count(Event::Admitted) > 1, "it was tried again before");
}

#[tokio::test]
async fn a_limit_of_sessions_is_waited_for() {
    let edge = Edge::start(TOKEN).await;
    let words =
        "Your account is limited to 3 simultaneous ngrok agent sessions.\n\nERR_NGROK_108\n";
    edge.refuse_greetings(1, words);
    let tunnel = Setup::new(&edge).open();
    let status = tunnel.until("the refusal", is_waiting).await;
    let trouble = status.phase.trouble().expect("a reason");
    assert_eq!(
        trouble.message,
        "ngrok admits no more agents of this account (ERR_NGROK_108): \
         Your account is limited to 3 simultaneous ngrok agent sessions"
    );
    tunnel.up(0).await;
}

#[tokio::test]
async fn a_domain_of_somebody_else_is_said_and_not_tried_again() {
    let edge = Edge::start(TOKEN).await;
    edge.refuse_endpoints(
        1,
        "This domain is reserved for another account.\n\nERR_NGROK_320\n",
    );
    let trouble = failure(Setup::new(&edge).open().ended().await);
    assert_eq!(trouble.code.as_deref(), Some("ERR_NGROK_320"));
    assert_eq!(edge.count(Event::Connected), 1);
}

#[tokio::test]
async fn what_nobody_foresaw_is_said_in_ngroks_words_and_tried_again() {
    let edge = Edge::start(TOKEN).await;
    edge.refuse_greetings(1, "Something\u{1b}[31m new\u{7}.\r\n\r\nERR_NGROK_7777\r\n");
    let tunnel = Setup::new(&edge).open();
    let status = tunnel.until("the refusal", is_waiting).await;
    let trouble = status.phase.trouble().expect("a reason");
    assert_eq!(
        trouble.message,
        "ngrok refused (ERR_NGROK_7777): Something [31m new"
    );
    let page = "see https://ngrok.com/docs/errors/err_ngrok_7777";
    assert_eq!(trouble.hint.as_deref(), Some(page));
    tunnel.up(0).await;
}

#[tokio::test]
async fn an_announcement_that_is_no_url_is_not_shown_as_one() {
    let edge = Edge::start(TOKEN).await;
    edge.announce("javascript:alert(1)\u{1b}[2J");
    let tunnel = Setup::new(&edge).open();
    let status = tunnel.until("the refusal", is_waiting).await;
    assert_eq!(status.url, None);
    let trouble = status.phase.trouble().expect("a reason");
    assert_eq!(
        trouble.message,
        "ngrok announced `javascript:alert(1) [2J`, which is no URL"
    );
}

#[tokio::test]
async fn a_port_where_nobody_is_is_said() {
    let edge = Edge::start(TOKEN).await;
    edge.close_port().await;
    let tunnel = Setup::new(&edge).open();
    let status = tunnel.until("the refusal", is_waiting).await;
    let trouble = status.phase.trouble().expect("a reason");
    let address = edge.address();
    assert_eq!(
        trouble.message,
        format!("ngrok at {address} refused the connection")
    );
    assert_eq!(
        trouble.hint.as_deref(),
        Some("check `server_addr` of the tunnel")
    );
}

#[tokio::test]
async fn a_port_that_says_nothing_is_given_up_in_time() {
    let edge = Edge::start(TOKEN).await;
    let silent = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = silent.local_addr().expect("an address").port();
    let mut setup = Setup::new(&edge);
    setup.settings.server_addr = Some(format!("localhost:{port}"));
    setup.pace.answer = Duration::from_millis(200);
    let tunnel = setup.open();
    let (mut connection, _) = silent.accept().await.expect("a connection");
    let status = tunnel.until("the end of patience", is_waiting).await;
    let trouble = status.phase.trouble().expect("a reason");
    let message = format!("ngrok at localhost:{port} did not answer within 200ms");
    assert_eq!(trouble.message, message);
    // Whoever has an address of one's own does not need port 443.
    let hint = "check `server_addr` of the tunnel";
    assert_eq!(trouble.hint.as_deref(), Some(hint));
    let closed = patiently("the end", connection.read_to_end(&mut Vec::new())).await;
    closed.expect("a closed connection");
}

#[tokio::test]
async fn a_call_that_is_not_answered_is_given_up_in_time() {
    let edge = Edge::start(TOKEN).await;
    edge.ignore_endpoints(1);
    let mut setup = Setup::new(&edge);
    setup.pace.answer = Duration::from_millis(500);
    let tunnel = setup.open();
    let status = tunnel.until("the end of patience", is_waiting).await;
    let trouble = status.phase.trouble().expect("a reason");
    assert!(trouble.message.ends_with("within 500ms"), "{trouble:?}");
    edge.saw(Event::Ended, 1).await;
    tunnel.up(0).await;
}

#[tokio::test]
async fn an_edge_that_nobody_vouches_for_is_not_trusted() {
    let edge = Edge::start(TOKEN).await;
    // A certificate, but not the authority's; and none, which leaves ngrok's own authority.
    let authorities = [Some(Edge::ca_file().with_file_name("server.pem")), None];
    for authority in authorities {
        let mut setup = Setup::new(&edge);
        setup.settings.ca_file = authority;
        let tunnel = setup.open();
        let status = tunnel.until("the refusal", is_waiting).await;
        let trouble = status.phase.trouble().expect("a reason");
        assert!(
            trouble.message.starts_with("no secure connection to ngrok"),
            "{trouble:?}"
        );
        assert!(trouble.message.contains("UnknownIssuer"), "{trouble:?}");
        assert!(
            trouble
                .hint
                .as_deref()
                .is_some_and(|hint| hint.contains("ca_file"))
        );
    }
    assert_eq!(
        edge.count(Event::Connected),
        0,
        "the token was sent to nobody"
    );
}

#[tokio::test]
async fn settings_that_cannot_work_fail_at_once() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let garbage = folder.path().join("garbage.pem");
    std::fs::write(&garbage, "no certificate").expect("writable");
    let with_ca = |file: PathBuf| Ngrok {
        ca_file: Some(file),
        ..settings("localhost:1".to_owned())
    };
    let cases = [
        (
            Ngrok::default(),
            "ngrok needs an authtoken",
            "NGROK_AUTHTOKEN",
        ),
        (
            with_ca(folder.path().join("missing.pem")),
            "cannot be read",
            "correct `ca_file`",
        ),
        (with_ca(garbage), "holds no certificate", "PEM"),
        (
            settings("no address".to_owned()),
            "is no address",
            "host:port",
        ),
    ];
    let edge = Edge::start(TOKEN).await;
    for (settings, words, advice) in cases {
        let trouble = check(&settings).expect_err("a trouble");
        assert!(trouble.message.contains(words), "{trouble:?}");
        let hint = trouble.hint.as_deref().unwrap_or_default();
        assert!(hint.contains(advice), "{trouble:?}");
        let mut setup = Setup::new(&edge);
        setup.settings = settings;
        assert_eq!(failure(setup.open().ended().await), trouble);
    }
    assert!(check(&settings(edge.address())).is_ok());
}

#[tokio::test]
async fn a_token_is_hidden_also_in_what_ngrok_says() {
    let log = super::ear::listen();
    let edge = Edge::start(TOKEN).await;
    edge.refuse_greetings(1, &format!("Look at {TOKEN}!\n\nERR_NGROK_7777\n"));
    // Connections that are cut are noticed at once: heartbeats in a hurry would give up on an edge that is slow.
    let mut tunnel = Setup::new(&edge).open();
    let status = tunnel.until("the refusal", is_waiting).await;
    let trouble = status.phase.trouble().expect("a reason");
    assert_eq!(
        trouble.message,
        "ngrok refused (ERR_NGROK_7777): Look at [redacted]!"
    );
    tunnel.up(0).await;
    client(&edge).get("/hello").send().await.expect_status(200);
    edge.cut();
    tunnel.up(1).await;
    edge.stop_endpoint(&format!("because of {TOKEN}"), Some("ERR_NGROK_999"))
        .await;
    tunnel.ended().await;
    let said = log.text();
    assert!(
        said.contains("because of [redacted] ERR_NGROK_999"),
        "{said}"
    );
    for middle in ["canary7f3a", "LooksLikeOne"] {
        assert!(!said.contains(middle), "{said}");
    }
}
