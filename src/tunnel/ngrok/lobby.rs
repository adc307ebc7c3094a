//! Where connections wait for the door.
//!
//! They must be taken from the session at once, whatever the door does: once the session's own queues
//! are full it reads nothing more, heartbeats included. And they must not be too many: muxado ends the
//! whole session when a peer opens stream 513, so that anybody who knows the URL could close the tunnel.
//! What is beyond [`MOST`] is dropped, which frees its stream, and its client gets ngrok's error page.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use ngrok::EndpointConn;
use ngrok::conn::ConnInfo as _;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::{Sleep, sleep};

/// Most connections of a session at a time. Of the 512 streams that it may have, two queues of 64 in the
/// crates may hold some that we have not seen, and a few are heartbeats and calls.
const MOST: usize = 360;

/// At most one complaint about too many connections in this time.
const COMPLAIN_EVERY: Duration = Duration::from_mins(1);

/// For ngrok to close its end of a connection after ours, which says that it has everything. It does so at
/// once, unless it is not there any more.
const FAREWELL: Duration = Duration::from_secs(1);

/// Bytes that are thrown away at a time while ngrok's end is waited for.
const SCRAPS: usize = 1024;

/// A client's connection. It has ended when both ends are closed: until then its last bytes may be in
/// queues of this process, which go with the session.
pub struct Connection {
    stream: EndpointConn,
    /// Begins when our end is closed.
    farewell: Option<Pin<Box<Sleep>>>,
    _place: OwnedSemaphorePermit,
}

/// Nobody is behind the door any more.
#[derive(Debug)]
pub(super) struct Gone;

/// The connections of one session that wait for the door.
pub(super) struct Lobby<V> {
    door: mpsc::Sender<V>,
    waiting: VecDeque<V>,
    room: Arc<Semaphore>,
    complained: Option<Instant>,
    is_closed: bool,
}

impl<V: From<(Connection, SocketAddr)>> Lobby<V> {
    /// An empty lobby before `door`.
    pub(super) fn new(door: mpsc::Sender<V>) -> Self {
        Self {
            door,
            waiting: VecDeque::new(),
            room: Arc::new(Semaphore::new(MOST)),
            complained: None,
            is_closed: false,
        }
    }

    /// Sends away those who wait, and whoever still comes.
    pub(super) fn close(&mut self) {
        self.is_closed = true;
        self.waiting.clear();
    }

    /// Takes a connection in, or drops it when there are too many or the lobby is closed.
    pub(super) fn admit(&mut self, stream: EndpointConn) {
        if self.is_closed {
            return;
        }
        let Ok(place) = self.room.clone().try_acquire_owned() else {
            return self.complain();
        };
        let address = stream.remote_addr();
        let connection = Connection {
            stream,
            farewell: None,
            _place: place,
        };
        self.waiting.push_back(V::from((connection, address)));
    }

    /// Brings the first of those that wait through the door; waits for ever while nobody waits.
    ///
    /// # Cancel safety
    /// Loses nobody.
    pub(super) async fn pass(&mut self) -> Result<(), Gone> {
        if self.waiting.is_empty() {
            std::future::pending::<()>().await;
        }
        let free = self.door.reserve().await.map_err(|_| Gone)?;
        if let Some(first) = self.waiting.pop_front() {
            free.send(first);
        }
        Ok(())
    }

    fn complain(&mut self) {
        if self
            .complained
            .is_none_or(|last| last.elapsed() > COMPLAIN_EVERY)
        {
            self.complained = Some(Instant::now());
            tracing::warn!(
                target: "autogw::tunnel", tunnel = "ngrok", most = MOST,
                "too many connections through the tunnel, new ones are dropped"
            );
        }
    }
}

impl Connection {
    /// Waits until the other end is closed, too, or for long enough.
    fn poll_farewell(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let farewell = self
            .farewell
            .get_or_insert_with(|| Box::pin(sleep(FAREWELL)));
        while farewell.as_mut().poll(cx).is_pending() {
            let mut scraps = [0; SCRAPS];
            let mut scraps = ReadBuf::new(&mut scraps);
            let read = ready!(Pin::new(&mut self.stream).poll_read(cx, &mut scraps));
            if read.is_err() || scraps.filled().is_empty() {
                break;
            }
        }
        Poll::Ready(())
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.farewell.is_none() {
            ready!(Pin::new(&mut self.stream).poll_shutdown(cx))?;
        }
        self.poll_farewell(cx).map(Ok)
    }
}
