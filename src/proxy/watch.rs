//! Watches over an answer on its way to the client: silence, age, and the end of the gateway.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep};
use tokio_util::sync::WaitForCancellationFutureOwned;

use super::gateway::Gateway;

/// What ends an answer from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// The provider fell silent.
    Silent,
    /// It has lasted as long as an answer may.
    Aged,
    /// The gateway is shutting down.
    Stopped,
    /// The time granted by [`Watch::linger`] is over.
    Lingered,
}

/// See the module's head.
pub struct Watch {
    last_bytes: Instant,
    idle: Duration,
    ends_by: Instant,
    lingers_until: Option<Instant>,
    timer: Pin<Box<Sleep>>,
    stopped: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl Watch {
    /// A watch over an answer that begins now; `idle` is the longest silence.
    pub fn new(gateway: &Gateway, idle: Duration) -> Self {
        let now = Instant::now();
        let ends_by = now + gateway.config().router.timeouts.stream_total;
        Self {
            last_bytes: now,
            idle,
            ends_by,
            lingers_until: None,
            timer: Box::pin(tokio::time::sleep_until(ends_by.min(now + idle))),
            stopped: Box::pin(gateway.stopped().cancelled_owned()),
        }
    }

    /// Bytes have come. An answer that never pauses ends by its age all the same.
    pub fn heard(&mut self) -> Option<Ended> {
        self.last_bytes = Instant::now();
        (self.last_bytes >= self.ends_by).then_some(Ended::Aged)
    }

    /// Somebody else goes on with the answer, who may be silent for `idle`. Its age stays what it is.
    pub fn renew(&mut self, idle: Duration) {
        self.last_bytes = Instant::now();
        self.idle = idle;
        self.timer
            .as_mut()
            .reset(self.ends_by.min(self.last_bytes + idle));
    }

    /// All that matters has come: the rest has this long.
    pub fn linger(&mut self, time: Duration) {
        if self.lingers_until.is_none() {
            let until = self.last_bytes + time;
            self.lingers_until = Some(until);
            self.timer.as_mut().reset(until);
        }
    }

    /// Ready if something ends the answer. To be polled while nothing else is to be done.
    ///
    /// The timer is set once per silence, not once per chunk: when it fires, it looks at the clock.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Ended> {
        if self.stopped.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Ended::Stopped);
        }
        while self.timer.as_mut().poll(cx).is_ready() {
            let now = Instant::now();
            let silent_by = self.last_bytes + self.idle;
            match self.lingers_until {
                Some(until) if until <= now => return Poll::Ready(Ended::Lingered),
                _ if self.ends_by <= now => return Poll::Ready(Ended::Aged),
                _ if silent_by <= now => return Poll::Ready(Ended::Silent),
                until => {
                    let due = self
                        .ends_by
                        .min(silent_by)
                        .min(until.unwrap_or(self.ends_by));
                    self.timer.as_mut().reset(due);
                }
            }
        }
        Poll::Pending
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch")
            .field("idle", &self.idle)
            .finish_non_exhaustive()
    }
}
