//! Signals: those that end the dashboard, and those by which the shell takes the terminal and gives it back.

use std::io;
use std::time::Duration;

use rustix::process::{Signal as Number, kill_current_process_group};
use tokio::signal::unix::{Signal as Stream, SignalKind, signal};
use tokio::time::timeout;

/// How long a stop takes to come, and to be over where nobody can continue what is stopped.
const STOPPING: Duration = Duration::from_millis(300);

/// See the module's head.
#[derive(Debug)]
pub(super) struct Signals {
    terminate: Stream,
    interrupt: Stream,
    hangup: Stream,
    proceed: Stream,
}

/// What a signal means here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Signal {
    /// The dashboard is to end.
    End,
    /// Its terminal is gone.
    Hangup,
    /// It was stopped, and goes on: somebody else may have drawn.
    Continue,
}

impl Signals {
    /// Hears them from now on.
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
            proceed: signal(SignalKind::from_raw(Number::CONT.as_raw()))?,
        })
    }

    /// The next one.
    ///
    /// # Cancel safety
    /// Nothing is lost if it is dropped.
    pub(super) async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.terminate.recv() => Signal::End,
            _ = self.interrupt.recv() => Signal::End,
            _ = self.hangup.recv() => Signal::Hangup,
            _ = self.proceed.recv() => Signal::Continue,
        }
    }

    /// Stops this job as the shell's Ctrl-Z does; returns when it goes on. Where no shell could continue it, it is
    /// not stopped at all.
    pub(super) async fn suspend(&mut self) {
        if kill_current_process_group(Number::TSTP).is_ok() {
            _ = timeout(STOPPING, self.proceed.recv()).await;
        }
    }
}
