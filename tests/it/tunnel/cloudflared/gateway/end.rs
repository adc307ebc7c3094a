//! The end: however it comes, nothing of the tunnel is left.

use rustix::process::Signal;

use super::{Gateway, Start, public, script};
use crate::support::client::Opened;
use crate::support::standin::{self, Started};
use crate::support::{A_SECOND, Client, Gate, Reply, Upstream, chat, patiently, within};

/// A program that is as patient with what is under way as the real one: told to go, it goes on for as long
/// as it was given.
const PATIENT: &str = r#"trap '' TERM
"$STANDIN" "$@" &
trap 'sleep "${TUNNEL_GRACE_PERIOD%s}"; kill -KILL $!' TERM
wait; wait
"#;

/// A program that does not go when it is told to.
const STUBBORN: &str = r#"trap '' TERM
exec "$STANDIN" "$@"
"#;

impl Start {
    /// With the stand-in started by a shell in this way.
    fn by(self, way: &str) -> Self {
        let program = standin::program().display();
        let text = format!("#!/bin/sh\nSTANDIN='{program}'\n{way}");
        let program = script(self.home.path(), &text);
        self.tunnel("binary", program.to_string_lossy())
    }
}

/// A stream under way through a tunnel; it goes on when its gate opens.
struct Streaming {
    gateway: Gateway,
    run: Started,
    local: Client,
    stream: Opened,
    gate: Gate,
    _upstream: Upstream,
}

impl Streaming {
    async fn through(with: impl FnOnce(Start) -> Start) -> Self {
        let gate = Gate::new();
        let reply = Reply::stream()
            .event(&chat::token("one"))
            .pause_until(&gate)
            .event(&chat::token("two"))
            .event(&chat::finish())
            .event(chat::DONE);
        let upstream = Upstream::always(reply).await;
        let (gateway, run) = with(Start::over(&upstream).await).up().await;
        let mut stream = public(&run).chat(chat::ask_stream("m")).open().await;
        assert_eq!(stream.event().await, Some(chat::token("one")));
        Self {
            local: gateway.local().await,
            gateway,
            run,
            stream,
            gate,
            _upstream: upstream,
        }
    }

    /// The stream goes on to its end, and then everything ends in good order.
    async fn finish(mut self) {
        self.gate.open();
        let rest = self.stream.whole().await;
        assert_eq!(chat::said(&rest.events()), "two");
        assert!(rest.complete && chat::claims_completion(&rest.events()));
        let status = self.gateway.binary.exit().await;
        assert_eq!(status.code(), Some(0), "{}", self.gateway.binary.stderr());
        self.run.gone().await;
        assert_eq!(self.gateway.files(), [""; 0]);
    }
}

/// Waits until the gateway at `client` accepts no more connections.
async fn refused(client: &Client) {
    let refused = async {
        while client.try_wire().await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    patiently("new connections to be refused", refused).await;
}

#[tokio::test]
async fn a_killed_gateway_leaves_no_program() {
    let under_way = Streaming::through(|start| start).await;
    under_way.gateway.binary.signal(Signal::KILL);
    within(A_SECOND, "the program to end", under_way.run.gone()).await;
}

#[tokio::test]
async fn a_gateway_that_is_killed_before_the_tunnel_is_up_leaves_no_program() {
    let gateway = Start::over(&Upstream::refusing()).await.run();
    let run = gateway.standin.started().await;
    gateway.binary.signal(Signal::KILL);
    within(A_SECOND, "the program to end", run.gone()).await;
}

#[tokio::test]
async fn an_idle_gateway_ends_soon_and_leaves_nothing() {
    let (mut gateway, run) = Start::over(&Upstream::refusing()).await.up().await;
    assert_eq!(gateway.files().len(), 2, "{:?}", gateway.files());
    gateway.binary.signal(Signal::TERM);
    let status = within(A_SECOND * 2, "the end", gateway.binary.exit()).await;
    assert_eq!(status.code(), Some(0), "{}", gateway.binary.stderr());
    assert!(!run.is_there());
    assert_eq!(gateway.files(), [""; 0]);
}

#[tokio::test]
async fn a_gateway_ends_soon_while_the_tunnel_is_being_opened() {
    let mut gateway = Start::over(&Upstream::refusing()).await.run();
    let run = gateway.standin.started().await;
    gateway.local().await;
    gateway.binary.signal(Signal::TERM);
    let status = within(A_SECOND * 2, "the end", gateway.binary.exit()).await;
    assert_eq!(status.code(), Some(0), "{}", gateway.binary.stderr());
    assert!(!run.is_there());
    assert_eq!(gateway.files(), [""; 0]);
}

#[tokio::test]
async fn a_signal_lets_a_stream_through_the_tunnel_finish() {
    let under_way = Streaming::through(|start| start.by(PATIENT)).await;
    under_way.gateway.binary.signal(Signal::TERM);
    refused(&under_way.local).await;
    under_way.finish().await;
}

#[tokio::test]
async fn ctrl_c_is_for_the_gateway_and_not_for_the_program() {
    let under_way = Streaming::through(|start| start.by(PATIENT).typed()).await;
    under_way.gateway.binary.signal_group(Signal::INT);
    refused(&under_way.local).await;
    under_way.finish().await;
}

#[tokio::test]
async fn a_second_signal_ends_it_now_and_leaves_nothing() {
    let mut under_way = Streaming::through(|start| start).await;
    let gateway = &mut under_way.gateway;
    gateway.binary.signal(Signal::TERM);
    refused(&under_way.local).await;
    gateway.binary.signal(Signal::TERM);
    within(A_SECOND, "the end", gateway.binary.exit()).await;
    under_way.run.gone().await;
    assert_eq!(gateway.files(), [""; 0]);
    let rest = under_way.stream.whole().await;
    assert!(!chat::claims_completion(&rest.events()), "{}", rest.text());
}

#[tokio::test]
async fn a_second_signal_does_not_wait_for_a_program_that_will_not_go() {
    let start = Start::over(&Upstream::refusing()).await.by(STUBBORN);
    let (mut gateway, run) = start.up().await;
    let local = gateway.local().await;
    gateway.binary.signal(Signal::TERM);
    refused(&local).await;
    gateway.binary.signal(Signal::TERM);
    within(A_SECOND, "the end", gateway.binary.exit()).await;
    run.gone().await;
    assert_eq!(gateway.files(), [""; 0]);
}
