//! The end: a signal drains, a second one does not wait.

use std::io;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::Running;

/// How long streams have to hand over their last event once they are told to end.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Waits for a signal, or for a person who says `so`, then drains; another signal ends the wait.
pub(super) async fn when_told(
    running: Running,
    mut signals: Signals,
    so: impl Future<Output = &'static str>,
) {
    let name = tokio::select! {
        // One that has ended the dashboard as well is not to be taken for a second one.
        biased;
        name = signals.next() => name,
        name = so => name,
    };
    tracing::info!(target: "autogw::app", signal = name, "draining");
    let orderly = async {
        drain(&running).await;
        running.end().await;
    };
    tokio::select! {
        () = orderly => {}
        name = signals.next() => {
            tracing::warn!(target: "autogw::app", signal = name, "stopping at once");
            running.tunnels.abandon().await;
            // What else is left goes with the runtime.
        }
    }
    tracing::info!(target: "autogw::app", "stopped");
}

/// SIGTERM and SIGINT, noticed from the moment this exists.
#[derive(Debug)]
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Takes the signals over. To be done before anybody is told that the gateway runs: a signal that
    /// comes earlier ends the process as it stands, and leaves a socket file behind.
    pub fn listen() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

/// Takes no new connections, waits for running requests, and ends what is left with an error.
///
/// New connections are refused at once rather than told 503 for a while: that is the one sign which
/// every load balancer understands at the first try, an idle gateway ends without delay, and the
/// address is free for whoever comes next. `/ready` says 503 to a request that was on its way already.
pub(super) async fn drain(running: &Running) {
    let patience = running.gateway().config().server.drain;
    running.notifier.stopping(patience);
    running.gateway().drain();
    running.drain.cancel();
    running.tunnels.drain();
    running.connections.close();
    if tokio::time::timeout(patience, empty(running)).await.is_ok() {
        return;
    }
    tracing::warn!(target: "autogw::app", connections = running.connections.len(), "drain time is over: ending what still runs");
    running.gateway().stop();
    let _ = tokio::time::timeout(LAST_WORDS, empty(running)).await;
}

/// Waits until nobody is inside, whichever door they came through.
async fn empty(running: &Running) {
    tokio::join!(running.connections.wait(), running.tunnels.empty());
}
