//! The clock of one connection: how long a head may take, how long a connection may idle, how long a
//! client may refuse to read.
//!
//! hyper's own header timeout counts idle time as head time, so a connection kept open for the next
//! request would be closed after seconds. Here the two are told apart: the head's time runs from its
//! first byte, the idle time from the end of the last answer. In the usual case, a head that arrives in
//! one piece, no timer is touched at all.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

use super::Limits;
use super::listen::Stream;

/// What the edge tells the clock of a connection.
#[derive(Debug, Default)]
pub struct Presence {
    in_flight: AtomicUsize,
    answered: AtomicUsize,
}

impl Presence {
    /// A request begins; it ends when the guard goes.
    pub fn enter(self: &Arc<Self>) -> InFlight {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        InFlight(self.clone())
    }

    /// Whether a request is being answered.
    pub fn is_busy(&self) -> bool {
        self.in_flight.load(Ordering::Relaxed) > 0
    }

    fn answered(&self) -> usize {
        self.answered.load(Ordering::Relaxed)
    }
}

/// A request that is being answered.
#[derive(Debug)]
pub struct InFlight(Arc<Presence>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.answered.fetch_add(1, Ordering::Relaxed);
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Idle,
    Head,
    Busy,
}

/// A connection with its clock.
#[derive(Debug)]
pub struct Timed {
    stream: Stream,
    presence: Arc<Presence>,
    limits: Limits,
    phase: Phase,
    /// Answers that had gone out at the last look.
    answered: usize,
    due: Instant,
    reading: Alarm,
    writing: Alarm,
    /// Whether hyper itself is waiting for the client's next byte, and so would see it leave.
    is_watched: bool,
    /// Since when the client has not taken what we have for it.
    stalled: Option<Instant>,
}

impl Timed {
    /// Puts a clock on `stream`. A connection that says nothing has the time of a head.
    pub fn new(stream: Stream, presence: Arc<Presence>, limits: Limits) -> Self {
        let due = Instant::now() + limits.head;
        let (reading, writing) = (Alarm::default(), Alarm::default());
        Self {
            stream,
            presence,
            limits,
            phase: Phase::Head,
            answered: 0,
            due,
            reading,
            writing,
            is_watched: false,
            stalled: None,
        }
    }

    /// Follows what the edge knows: a request that began or ended since the last look, or did both.
    fn look(&mut self) {
        if self.presence.is_busy() {
            self.phase = Phase::Busy;
            return;
        }
        let answered = self.presence.answered();
        if self.answered != answered {
            self.answered = answered;
            self.phase = Phase::Idle;
            self.due = Instant::now() + self.limits.idle;
        }
    }

    fn heard(&mut self) {
        if self.phase == Phase::Idle {
            self.phase = Phase::Head;
            self.due = Instant::now() + self.limits.head;
        }
    }

    fn poll_patience(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        if self.phase == Phase::Busy {
            return Poll::Pending;
        }
        let late = || io::Error::new(io::ErrorKind::TimedOut, "the client took too long");
        self.reading.poll(self.due, cx).map(|()| late())
    }

    /// Looks for a client that left while its request is being answered.
    ///
    /// hyper does that by reading on, but not while it holds bytes of a second request that the client
    /// sent without waiting. Then this look is all that would notice.
    fn poll_left(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        let Some(stream) = self.stream.tcp() else {
            return Ok(());
        };
        if self.is_watched || self.phase != Phase::Busy {
            return Ok(());
        }
        let mut byte = [0];
        match stream.poll_peek(cx, &mut ReadBuf::new(&mut byte)) {
            Poll::Ready(Ok(0)) => Err(io::Error::new(
                io::ErrorKind::ConnectionAborted,
                "the client left",
            )),
            Poll::Ready(Err(error)) => Err(error),
            Poll::Ready(Ok(_)) | Poll::Pending => Ok(()),
        }
    }

    /// Turns a write that never ends into an error.
    fn poll_stall<T>(
        &mut self,
        cx: &mut Context<'_>,
        polled: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if polled.is_ready() {
            self.stalled = None;
            return polled;
        }
        let since = *self.stalled.get_or_insert_with(Instant::now);
        let stalled = || io::Error::new(io::ErrorKind::TimedOut, "the client stopped reading");
        self.writing
            .poll(since + self.limits.write_stall, cx)
            .map(|()| Err(stalled()))
    }
}

/// A timer that is set only when somebody waits, and moved only when it would ring too late.
#[derive(Debug, Default)]
struct Alarm(Option<Pin<Box<Sleep>>>);

impl Alarm {
    fn poll(&mut self, due: Instant, cx: &mut Context<'_>) -> Poll<()> {
        let sleep = self
            .0
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(due)));
        if sleep.deadline() > due {
            sleep.as_mut().reset(due);
        }
        while sleep.as_mut().poll(cx).is_ready() {
            if Instant::now() >= due {
                return Poll::Ready(());
            }
            sleep.as_mut().reset(due);
        }
        Poll::Pending
    }
}

macro_rules! on_stream {
    ($timed:expr, $io:ident => $call:expr) => {
        match &mut $timed.stream {
            Stream::Tcp(io) => {
                let $io = Pin::new(io);
                $call
            }
            Stream::Tls(io) => {
                let $io = Pin::new(io);
                $call
            }
            Stream::Unix(io) => {
                let $io = Pin::new(io);
                $call
            }
            Stream::Handed(io) => {
                let $io = Pin::new(io);
                $call
            }
        }
    };
}

impl AsyncRead for Timed {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        self.look();
        match on_stream!(self, io => io.poll_read(cx, buf)) {
            Poll::Ready(result) => {
                if buf.filled().len() > before {
                    self.heard();
                }
                self.is_watched = false;
                Poll::Ready(result)
            }
            Poll::Pending => {
                self.is_watched = true;
                self.poll_patience(cx).map(Err)
            }
        }
    }
}

impl AsyncWrite for Timed {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = on_stream!(self, io => io.poll_write(cx, buf));
        self.poll_stall(cx, polled)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = on_stream!(self, io => io.poll_write_vectored(cx, bufs));
        self.poll_stall(cx, polled)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.look();
        if let Err(error) = self.poll_left(cx) {
            return Poll::Ready(Err(error));
        }
        // hyper does not read again after an answer if it was reading already, to see the client leave;
        // so the idle time begins here.
        if self.phase == Phase::Idle
            && let Poll::Ready(error) = self.poll_patience(cx)
        {
            return Poll::Ready(Err(error));
        }
        // Only behind TLS, where what was written may still be here.
        let polled = on_stream!(self, io => io.poll_flush(cx));
        self.poll_stall(cx, polled)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = on_stream!(self, io => io.poll_shutdown(cx));
        self.poll_stall(cx, polled)
    }
}
