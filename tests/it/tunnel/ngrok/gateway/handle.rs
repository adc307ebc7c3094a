//! Tunnels that are opened and closed while the gateway runs.

use autogw::app::{MadeKey, StartError, TunnelError};
use autogw::config::Tunnel;
use autogw::telemetry::tunnel::{Phase, Status};
use serde_json::json;

use super::{TOKEN, answering, client, has_passed, made_key, to, until, with_key};
use crate::support::ngrok_edge::{Edge, Event};
use crate::support::{Client, Config, Gate, Gateway, Reply, Upstream, chat, patiently};

/// A gateway that could open a tunnel to an edge, and has not.
struct Closed {
    edge: Edge,
    gateway: Gateway,
}

impl Closed {
    async fn before(upstream: &Upstream) -> Self {
        Self::with(Config::over([upstream])).await
    }

    /// The same with another configuration.
    async fn with(config: Config) -> Self {
        let edge = Edge::start(TOKEN).await;
        let config = config.server("tunnel", to(&edge)).text();
        // As `--tunnel none` does.
        let gateway = Gateway::start_as(&config, |config, _| config.server.tunnel = None).await;
        Self { edge, gateway }
    }

    fn try_open(&self) -> Result<Option<MadeKey>, StartError> {
        self.gateway.tunnels().open(Tunnel::Ngrok)
    }

    /// Opens the tunnel and waits until it has been seen to work; returns the key that was made for it.
    async fn open(&self) -> Option<MadeKey> {
        let made = self.try_open().expect("a tunnel that can be opened");
        until(&self.gateway, "the check", has_passed).await;
        made
    }

    async fn close(&self) {
        let tunnels = self.gateway.tunnels();
        patiently("the tunnel to close", tunnels.close(Tunnel::Ngrok)).await;
    }

    /// How the tunnel is now.
    fn status(&self) -> Status {
        let tunnels = self.gateway.tunnels();
        tunnels.board().statuses()[&Tunnel::Ngrok].clone()
    }

    fn owner(&self) -> Client {
        with_key(client(&self.edge), &made_key(self.gateway.home()))
    }
}

#[track_caller]
fn assert_is_open(refused: Result<Option<MadeKey>, StartError>) {
    let error = refused.expect_err("a tunnel that is open");
    assert!(
        matches!(
            error,
            StartError::Tunnel(TunnelError::AlreadyOpen(Tunnel::Ngrok))
        ),
        "{error}"
    );
}

#[tokio::test]
async fn a_door_that_is_opened_later_asks_for_a_key_and_the_local_one_still_does_not() {
    let upstream = answering().await;
    let closed = Closed::before(&upstream).await;
    assert!(!closed.gateway.home().join("run/client.key").exists());
    let Some(MadeKey::Kept(file)) = closed.open().await else {
        panic!("a key is made for the door");
    };
    assert_eq!(file, closed.gateway.home().join("run/client.key"));
    let key = made_key(closed.gateway.home());
    assert_eq!(closed.gateway.redact(&key), "[redacted]");
    closed.gateway.ask().await.expect_status(200);
    let strange = client(&closed.edge).chat(chat::ask("m")).send().await;
    strange.expect_status(401);
    let owner = closed.owner().chat(chat::ask("m")).send().await;
    owner.expect_status(200);
    let health = closed.gateway.get("/health").await;
    assert_eq!(health["tunnels"][0]["state"], "online");
}

#[tokio::test]
async fn a_tunnel_that_is_open_is_not_opened_again() {
    let upstream = answering().await;
    let closed = Closed::before(&upstream).await;
    closed.try_open().expect("a tunnel that can be opened");
    assert_is_open(closed.try_open());
    until(&closed.gateway, "the check", has_passed).await;
    assert_is_open(closed.try_open());
    assert_eq!(closed.edge.count(Event::Bound), 1);
}

#[tokio::test]
async fn a_closed_tunnel_leads_nowhere_and_can_be_opened_again() {
    let upstream = answering().await;
    let closed = Closed::before(&upstream).await;
    assert!(closed.open().await.is_some());
    let key = made_key(closed.gateway.home());
    for sessions in 1..=3 {
        closed.close().await;
        let status = closed.status();
        assert_eq!((status.phase, status.url), (Phase::Stopped(None), None));
        closed.edge.saw(Event::Ended, sessions).await;
        let gone = closed.owner().get("/v1/models").send().await;
        gone.expect_status(404);
        closed.gateway.ask().await.expect_status(200);
        assert!(closed.open().await.is_none(), "its owner knows the key");
        assert_eq!(made_key(closed.gateway.home()), key);
        let owner = closed.owner().chat(chat::ask("m")).send().await;
        owner.expect_status(200);
    }
    assert_eq!(closed.edge.count(Event::Goodbye), 3);
}

#[tokio::test]
async fn closing_a_tunnel_that_is_not_open_does_nothing() {
    let upstream = answering().await;
    let closed = Closed::before(&upstream).await;
    closed.close().await;
    closed.gateway.ask().await.expect_status(200);
    assert_eq!(closed.edge.events(), []);
}

#[tokio::test]
async fn what_runs_when_a_tunnel_is_closed_has_a_moment_to_finish() {
    let gate = Gate::new();
    let reply = Reply::stream()
        .event(&chat::token("one"))
        .pause_until(&gate)
        .event(&chat::token("two"))
        .event(&chat::finish())
        .event(chat::DONE);
    let upstream = Upstream::always(reply).await;
    let closed = Closed::before(&upstream).await;
    closed.open().await;
    let mut stream = closed.owner().chat(chat::ask_stream("m")).open().await;
    assert_eq!(stream.event().await, Some(chat::token("one")));
    let leaving = async {
        closed.edge.saw(Event::Unbound, 1).await;
        assert_is_open(closed.try_open());
        gate.open();
        stream.whole().await
    };
    let (rest, ()) = tokio::join!(leaving, closed.close());
    assert_eq!(chat::said(&rest.events()), "two");
    assert!(rest.complete && chat::claims_completion(&rest.events()));
    assert_eq!(closed.status().phase, Phase::Stopped(None));
    closed.open().await;
}

/// A dashboard that goes away in the middle of it must not leave half a tunnel behind.
#[tokio::test]
async fn a_closing_that_is_given_up_is_finished_by_the_next_one() {
    let upstream = Upstream::always(Reply::silence()).await;
    let closed = Closed::before(&upstream).await;
    closed.open().await;
    let waiting = closed.owner().chat(chat::ask("m")).wired().await;
    upstream.request(0).await;
    let tunnels = closed.gateway.tunnels();
    tokio::select! {
        () = tunnels.close(Tunnel::Ngrok) => panic!("a request is under way"),
        () = closed.edge.saw(Event::Unbound, 1) => {}
    }
    assert_is_open(closed.try_open());
    drop(waiting);
    closed.close().await;
    closed.edge.saw(Event::Ended, 1).await;
    closed.open().await;
}

#[tokio::test]
async fn a_tunnel_that_ngrok_stopped_can_be_opened_again() {
    let upstream = answering().await;
    let closed = Closed::before(&upstream).await;
    closed.open().await;
    for _ in 0..3 {
        closed.edge.order(5, json!({})).await;
        let stopped = |status: &Status| matches!(status.phase, Phase::Stopped(_));
        until(&closed.gateway, "the stop", stopped).await;
        closed.open().await;
        let owner = closed.owner().chat(chat::ask("m")).send().await;
        owner.expect_status(200);
    }
}

#[tokio::test]
async fn a_tunnel_that_failed_can_be_opened_again() {
    let upstream = answering().await;
    let closed = Closed::before(&upstream).await;
    closed
        .edge
        .refuse_greetings(1, "Your account is suspended.\n\nERR_NGROK_102\n");
    closed.try_open().expect("nothing is known yet");
    let failed = |status: &Status| matches!(status.phase, Phase::Failed(_));
    until(&closed.gateway, "the refusal", failed).await;
    closed.open().await;
}

#[tokio::test]
async fn a_stop_ends_a_tunnel_that_was_opened_later() {
    let upstream = answering().await;
    let Closed { edge, gateway } = {
        let closed = Closed::before(&upstream).await;
        closed.open().await;
        closed
    };
    let tunnels = gateway.tunnels();
    gateway.stop().await;
    edge.saw(Event::Ended, 1).await;
    assert_eq!(edge.count(Event::Goodbye), 1);
    let status = tunnels.board().statuses()[&Tunnel::Ngrok].clone();
    assert_eq!(status.phase, Phase::Stopped(None));
}

#[tokio::test]
async fn nothing_is_captured_while_it_is_open_and_what_was_is_forgotten() {
    let upstream = answering().await;
    let config = Config::over([&upstream]).router("capture", json!({}));
    let closed = Closed::with(config).await;
    let ask = async |id: &str| {
        let call = closed.gateway.chat(chat::ask("m"));
        call.header("x-request-id", id).send().await;
    };
    ask("before").await;
    assert!(closed.gateway.captured("before").is_some());
    closed.try_open().expect("a tunnel that can be opened");
    // It is still being opened.
    ask("opening").await;
    let captured = |id: &str| closed.gateway.captured(id);
    assert_eq!((captured("before"), captured("opening")), (None, None));
    until(&closed.gateway, "the check", has_passed).await;
    let call = closed.owner().chat(chat::ask("m"));
    let through = call.header("x-request-id", "through").send().await;
    through.expect_status(200);
    assert_eq!(captured("through"), None);
    closed.close().await;
    let again = async {
        while closed.gateway.captured("after").is_none() {
            ask("after").await;
        }
    };
    patiently("capture to go on", again).await;
    assert_eq!((captured("before"), captured("opening")), (None, None));
}
