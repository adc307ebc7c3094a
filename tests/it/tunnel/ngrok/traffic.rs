//! What comes through the tunnel, and that too much of it does not harm it.

use futures_util::future::join_all;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::house::{Setup, client};
use crate::support::ngrok_edge::{Edge, Event};
use crate::support::patiently;

#[tokio::test]
async fn an_opened_tunnel_says_its_url_and_brings_requests() {
    let edge = Edge::start(super::house::TOKEN).await;
    let tunnel = Setup::new(&edge).open();
    let status = tunnel.up(0).await;
    assert_eq!(status.url, Some(format!("http://{}", edge.public())));
    let answer = client(&edge).get("/hello").send().await.expect_status(200);
    assert_eq!(
        answer.text(),
        "hello 203.0.113.7:4711",
        "the client that the edge reported"
    );
    let beat = |status: &autogw::telemetry::tunnel::Status| status.latency.is_some();
    tunnel.until("a heartbeat", beat).await;
}

#[tokio::test]
async fn ngrok_learns_who_connects_and_nothing_of_this_machine() {
    let edge = Edge::start(super::house::TOKEN).await;
    let mut setup = Setup::new(&edge);
    setup.settings.domain = Some("https://mine.ngrok.app/".to_owned());
    let tunnel = setup.open();
    tunnel.up(0).await;
    let (greeting, endpoint) = (&edge.calls(0)[0], &edge.calls(1)[0]);
    let agent = greeting["Extra"]["UserAgent"].as_str().expect("a name");
    assert!(agent.starts_with("autogw/"), "{agent}");
    assert_eq!(greeting["Extra"]["Hostname"], "");
    assert_eq!(endpoint["Opts"]["Domain"], "mine.ngrok.app");
    assert_eq!(endpoint["ForwardsTo"], "autogw");
    assert_eq!(endpoint["Extra"]["PoolingEnabled"], false);
}

#[tokio::test]
async fn a_large_body_comes_through() {
    let edge = Edge::start(super::house::TOKEN).await;
    let tunnel = Setup::new(&edge).open();
    tunnel.up(0).await;
    let body = vec![b'x'; 3 << 20];
    let answer = client(&edge).post("/size", "").body(body).send().await;
    assert_eq!(answer.expect_status(200).text(), (3 << 20).to_string());
}

#[tokio::test]
async fn events_arrive_as_they_are_sent() {
    let edge = Edge::start(super::house::TOKEN).await;
    let tunnel = Setup::new(&edge).open();
    tunnel.up(0).await;
    let mut stream = client(&edge).get("/events").open().await;
    assert_eq!(stream.event().await.as_deref(), Some("first"));
    tunnel.open_gate();
    assert_eq!(stream.event().await.as_deref(), Some("second"));
    assert_eq!(stream.event().await, None);
}

#[tokio::test]
async fn a_client_that_leaves_is_noticed_behind_the_door() {
    let edge = Edge::start(super::house::TOKEN).await;
    let tunnel = Setup::new(&edge).open();
    tunnel.up(0).await;
    let mut stream = client(&edge).get("/events").open().await;
    assert_eq!(stream.event().await.as_deref(), Some("first"));
    drop(stream);
    tunnel
        .counted("a client to leave", |count| count.left == 1)
        .await;
}

#[tokio::test]
async fn two_hundred_requests_go_at_once() {
    let edge = Edge::start(super::house::TOKEN).await;
    let tunnel = Setup::new(&edge).open();
    tunnel.up(0).await;
    let client = client(&edge);
    let asked = (0..200).map(|_| client.get("/wait").send());
    let all_are_in = async {
        tunnel
            .counted("200 at once", |count| count.came == 200)
            .await;
        tunnel.open_gate();
    };
    let (answers, ()) = tokio::join!(join_all(asked), all_are_in);
    for answer in answers {
        assert_eq!(answer.expect_status(200).text(), "waited");
    }
}

/// The crate ends a session that has 512 streams. Whoever knows the URL could close the tunnel.
#[tokio::test]
async fn more_connections_than_a_session_may_have_do_not_end_it() {
    let edge = Edge::start(super::house::TOKEN).await;
    let tunnel = Setup::new(&edge).open();
    tunnel.up(0).await;
    let mut visits = Vec::new();
    for _ in 0..700 {
        let mut visit = edge.visit().await;
        let asked = visit.write_all(b"GET /wait HTTP/1.1\r\n\r\n").await;
        visits.extend(asked.map(|()| visit));
    }
    let answers = visits.into_iter().map(async |mut visit| {
        let mut answer = [0; 15];
        visit
            .read_exact(&mut answer)
            .await
            .is_ok_and(|_| &answer == b"HTTP/1.1 200 OK")
    });
    let many_are_in = async {
        tunnel
            .counted("all who fit", |count| count.came >= 360)
            .await;
        edge.heartbeat().await;
        tunnel.open_gate();
    };
    let (answers, ()) = patiently("answers", async {
        tokio::join!(join_all(answers), many_are_in)
    })
    .await;
    let answered = answers.into_iter().filter(|was| *was).count();
    assert!((360..700).contains(&answered), "{answered}");
    client(&edge).get("/hello").send().await.expect_status(200);
    assert_eq!(edge.count(Event::Ended), 0);
    assert_eq!(tunnel.status().restarts, 0);
}

#[tokio::test]
async fn a_full_door_stops_neither_heartbeats_nor_the_end() {
    let edge = Edge::start(super::house::TOKEN).await;
    let mut setup = Setup::new(&edge).quick();
    (setup.room, setup.is_served) = (1, false);
    let mut tunnel = setup.open();
    tunnel.up(0).await;
    // The session's own queues hold 128.
    let mut visits = Vec::new();
    for _ in 0..300 {
        visits.push(edge.visit().await);
    }
    for _ in 0..3 {
        edge.heartbeat().await;
    }
    let status = tunnel.close().await;
    assert_eq!(status.phase.name(), "stopped");
    assert_eq!(status.restarts, 0);
    edge.saw(Event::Ended, 1).await;
    assert_eq!(edge.count(Event::Connected), 1, "its session never broke");
}
