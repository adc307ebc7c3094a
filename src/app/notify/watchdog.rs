//! The pulse: a watchdog hears that the gateway is alive only while it answers.
//!
//! What is asked is what clients ask: a connection is handed to an accept loop, and `GET /health` goes through
//! the same door and the same runtime. It takes none of the places for connections: a full house is alive.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::Notifier;
use crate::server::Limits;
use crate::server::accept;
use crate::server::edge::Edge;
use crate::server::listen::{Arrival, Listener};

const QUESTION: &[u8] = b"GET /health HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";

/// The beginning of every answer, whatever it says.
const ANSWER: &[u8] = b"HTTP/1.1 ";

/// See the module's head.
pub(in crate::app) struct Pulse {
    pub(in crate::app) notifier: Notifier,
    pub(in crate::app) edge: Arc<Edge>,
    pub(in crate::app) limits: Limits,
}

impl Pulse {
    /// Begins to beat, if anybody wants to hear it.
    pub(in crate::app) fn spawn(self, tasks: &TaskTracker, over: &CancellationToken) {
        let Some(within) = self.notifier.watchdog() else {
            return;
        };
        let (door, arrivals) = mpsc::channel(1);
        let listener = Listener::Handed(arrivals);
        tasks.spawn(accept::run(
            listener,
            self.edge,
            self.limits,
            over.clone(),
            tasks.clone(),
        ));
        let beating = beat(self.notifier, door, within / 2);
        tasks.spawn(over.clone().run_until_cancelled_owned(beating));
    }
}

/// Asks every `pause`, and tells of each answer. Of none nothing is told: what then is done is the manager's.
async fn beat(notifier: Notifier, door: mpsc::Sender<Arrival>, pause: Duration) {
    let mut ticks = interval(pause);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        match timeout(pause, ask(&door)).await {
            Ok(Ok(())) => notifier.alive(),
            Ok(Err(error)) => {
                tracing::warn!(target: "autogw::app", %error, "the gateway does not answer itself");
            }
            Err(_) => {
                tracing::warn!(target: "autogw::app", "the gateway does not answer itself in time");
            }
        }
    }
}

async fn ask(door: &mpsc::Sender<Arrival>) -> io::Result<()> {
    let (mut near, far) = duplex(4096);
    let from = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let handed = door.send(Arrival::from((far, from))).await;
    handed.map_err(|_| io::ErrorKind::NotConnected)?;
    near.write_all(QUESTION).await?;
    answered(&mut near).await
}

async fn answered(near: &mut DuplexStream) -> io::Result<()> {
    let mut beginning = [0; ANSWER.len()];
    near.read_exact(&mut beginning).await?;
    if beginning == *ANSWER {
        Ok(())
    } else {
        Err(io::ErrorKind::InvalidData.into())
    }
}
