//! How a tunnel lives and ends: breaks, orders, the good end.

use std::time::{Duration, Instant};

use autogw::telemetry::tunnel::{Phase, Status};
use serde_json::json;
use tokio::runtime::Handle;

use super::house::{Setup, TOKEN, client};
use crate::support::ngrok_edge::{Edge, Event};
use crate::support::within;

/// Back "at once", on a loaded machine.
const SOON: Duration = Duration::from_secs(5);

fn is_waiting(status: &Status) -> bool {
    matches!(status.phase, Phase::Waiting { .. })
}

/// Nothing came after the good end of the session.
fn assert_said_goodbye(edge: &Edge) {
    let events = edge.events();
    assert_eq!(
        events[events.len() - 3..],
        [Event::Unbound, Event::Goodbye, Event::Ended]
    );
}

#[tokio::test]
async fn a_cut_connection_is_back_at_once() {
    let edge = Edge::start(TOKEN).await;
    let tunnel = Setup::new(&edge).open();
    let before = tunnel.up(0).await;
    edge.cut();
    let broken = tunnel.until("the break to be noticed", is_waiting).await;
    let trouble = broken.phase.trouble().expect("a reason");
    assert_eq!(trouble.message, "the connection to ngrok was lost");
    let after = within(SOON, "the tunnel to be back", tunnel.up(1)).await;
    assert_eq!(after.url, before.url);
    client(&edge).get("/hello").send().await.expect_status(200);
}

#[tokio::test]
async fn a_request_that_a_cut_interrupts_ends() {
    let edge = Edge::start(TOKEN).await;
    let tunnel = Setup::new(&edge).open();
    tunnel.up(0).await;
    let mut stream = client(&edge).get("/events").open().await;
    assert_eq!(stream.event().await.as_deref(), Some("first"));
    edge.cut();
    assert_eq!(stream.event().await, None);
    tunnel
        .counted("the house to see it", |count| count.left == 1)
        .await;
}

#[tokio::test]
async fn an_edge_that_is_away_is_asked_again_until_it_is_back() {
    let edge = Edge::start(TOKEN).await;
    let tunnel = Setup::new(&edge).open();
    tunnel.up(0).await;
    edge.close_port().await;
    edge.cut();
    let third = |status: &Status| matches!(status.phase, Phase::Waiting { attempt: 3, .. });
    let status = tunnel.until("three failures", third).await;
    let trouble = status.phase.trouble().expect("a reason");
    assert!(
        trouble.message.ends_with("refused the connection"),
        "{trouble:?}"
    );
    edge.open_port();
    within(SOON, "the tunnel to be back", tunnel.up(1)).await;
    client(&edge).get("/hello").send().await.expect_status(200);
}

#[tokio::test]
async fn a_connection_that_swallows_everything_is_given_up() {
    let edge = Edge::start(TOKEN).await;
    let tunnel = Setup::new(&edge).quick().open();
    tunnel.up(0).await;
    edge.freeze();
    let status = within(
        SOON,
        "the silence to be noticed",
        tunnel.until("it", is_waiting),
    )
    .await;
    let trouble = status.phase.trouble().expect("a reason");
    assert_eq!(trouble.message, "ngrok has not been heard for 2s");
    within(SOON, "the tunnel to be back", tunnel.up(1)).await;
    client(&edge).get("/hello").send().await.expect_status(200);
}

#[tokio::test]
async fn another_url_is_announced() {
    let edge = Edge::start(TOKEN).await;
    let tunnel = Setup::new(&edge).open();
    tunnel.up(0).await;
    edge.announce("https://another.ngrok.app");
    edge.cut();
    let status = tunnel.up(1).await;
    assert_eq!(status.url.as_deref(), Some("https://another.ngrok.app"));
}

#[tokio::test]
async fn a_stop_from_the_dashboard_is_obeyed_for_good() {
    let edge = Edge::start(TOKEN).await;
    let mut tunnel = Setup::new(&edge).open();
    tunnel.up(0).await;
    assert_eq!(edge.order(5, json!({})).await, json!({}));
    let status = tunnel.ended().await;
    assert_eq!(
        (reason(&status), &status.url),
        ("ngrok stopped it: from its dashboard or API", &None)
    );
    edge.saw(Event::Ended, 1).await;
    assert_said_goodbye(&edge);
}

#[tokio::test]
async fn a_restart_from_the_dashboard_opens_another_session() {
    let edge = Edge::start(TOKEN).await;
    let tunnel = Setup::new(&edge).open();
    tunnel.up(0).await;
    assert_eq!(edge.order(4, json!({})).await, json!({}));
    within(SOON, "the tunnel to be back", tunnel.up(1)).await;
    edge.saw(Event::Ended, 1).await;
    assert_eq!(edge.count(Event::Goodbye), 1);
    client(&edge).get("/hello").send().await.expect_status(200);
}

#[tokio::test]
async fn an_update_is_declined_and_changes_nothing() {
    let edge = Edge::start(TOKEN).await;
    let tunnel = Setup::new(&edge).open();
    tunnel.up(0).await;
    let update = json!({"Version": "9.9.9", "PermitMajorVersion": true});
    let answer = edge.order(6, update).await;
    let words = answer["Error"].as_str().expect("an error");
    assert!(words.contains("does not update itself"), "{words}");
    client(&edge).get("/hello").send().await.expect_status(200);
    assert_eq!(tunnel.status().restarts, 0);
}

/// After a reconnect of its own, the crate would not hear of it.
#[tokio::test]
async fn an_endpoint_that_ngrok_stops_is_gone_for_good_also_after_a_break() {
    let edge = Edge::start(TOKEN).await;
    let mut tunnel = Setup::new(&edge).open();
    tunnel.up(0).await;
    edge.cut();
    tunnel.up(1).await;
    edge.stop_endpoint("stopped by a person", Some("ERR_NGROK_999"))
        .await;
    let status = tunnel.ended().await;
    assert_eq!(status.url, None);
    assert!(
        reason(&status).contains("stopped by a person"),
        "{status:?}"
    );
    edge.saw(Event::Ended, 2).await;
    assert_eq!(edge.count(Event::Bound), 2);
    assert_eq!(edge.count(Event::Goodbye), 1);
}

#[tokio::test]
async fn a_drained_tunnel_brings_nobody_new_and_lets_the_rest_finish() {
    let edge = Edge::start(TOKEN).await;
    let mut tunnel = Setup::new(&edge).open();
    tunnel.up(0).await;
    let mut stream = client(&edge).get("/events").open().await;
    assert_eq!(stream.event().await.as_deref(), Some("first"));
    tunnel.closing.drain.cancel();
    edge.saw(Event::Unbound, 1).await;
    client(&edge).get("/hello").send().await.expect_status(404);
    tunnel.open_gate();
    assert_eq!(stream.event().await.as_deref(), Some("second"));
    assert_eq!(edge.count(Event::Goodbye), 0);
    tunnel.closing.over.cancel();
    assert_eq!(tunnel.ended().await.phase, Phase::Stopped(None));
    edge.saw(Event::Ended, 1).await;
    assert_said_goodbye(&edge);
}

#[tokio::test]
async fn a_session_that_breaks_while_it_drains_is_not_replaced() {
    let edge = Edge::start(TOKEN).await;
    let mut tunnel = Setup::new(&edge).open();
    tunnel.up(0).await;
    tunnel.closing.drain.cancel();
    edge.saw(Event::Unbound, 1).await;
    edge.cut();
    assert_eq!(tunnel.ended().await.phase, Phase::Stopped(None));
    assert_eq!(edge.count(Event::Connected), 1);
}

#[tokio::test]
async fn it_ends_in_time_whatever_it_waits_for() {
    let edge = Edge::start(TOKEN).await;
    // A port where nobody says a word.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let mut connecting = Setup::new(&edge);
    let port = silent.local_addr().expect("an address").port();
    connecting.settings.server_addr = Some(format!("localhost:{port}"));
    let mut connecting = connecting.open();
    let (_held, _) = silent.accept().await.expect("a connection");
    assert_in_time(&mut connecting).await;

    edge.close_port().await;
    let mut waiting = Setup::new(&edge).open();
    let long = |status: &Status| matches!(status.phase, Phase::Waiting { attempt: 4, .. });
    waiting.until("a pause of a second", long).await;
    assert_in_time(&mut waiting).await;
    edge.open_port();

    let mut frozen = Setup::new(&edge).open();
    frozen.up(0).await;
    edge.freeze();
    let began = Instant::now();
    assert_eq!(frozen.close().await.phase, Phase::Stopped(None));
    assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
    edge.cut();
    edge.saw(Event::Ended, 1).await;
}

async fn assert_in_time(tunnel: &mut super::house::Tunnel) {
    let began = Instant::now();
    tunnel.closing.drain.cancel();
    assert_eq!(tunnel.ended().await.phase, Phase::Stopped(None));
    assert!(
        began.elapsed() < Duration::from_secs(1),
        "{:?}",
        began.elapsed()
    );
}

/// The crate's own tasks hold on to a connection that was dropped.
#[tokio::test]
async fn nothing_runs_on_after_the_end() {
    let edge = Edge::start(TOKEN).await;
    let alive = || Handle::current().metrics().num_alive_tasks();
    let before = alive();
    let mut tunnel = Setup::new(&edge).quick().open();
    for restarts in 0..4 {
        tunnel.up(restarts).await;
        client(&edge).get("/hello").send().await.expect_status(200);
        if restarts == 2 {
            edge.freeze();
        } else {
            edge.cut();
        }
        tunnel.until("the break", is_waiting).await;
    }
    tunnel.up(4).await;
    tunnel.close().await;
    drop(tunnel);
    edge.cut();
    edge.saw(Event::Ended, 5).await;
    within(SOON, "all tasks to end", async {
        while alive() > before {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

/// Why ngrok stopped it.
fn reason(status: &Status) -> &str {
    match &status.phase {
        Phase::Stopped(Some(trouble)) => &trouble.message,
        other => panic!("it was not stopped by ngrok: {other:?}"),
    }
}
