//! Signals: those that end the dashboard, and those by which the shell takes the terminal and gives it back.

use std::io;
use std::time::Duration;

use rustix::process::{Signal as Number, kill_current_process_group};
use tokio::signal::unix::{Signal as Stream, SignalKind, signal};
use tokio::time::timeout;

use super::has_terminal;

/// How long a stop takes to come, and to be over where nobody can continue what is stopped.
const STOPPING: Duration = Duration::from_millis(300);

/// See the module's head.
#[derive(Debug)]
pub(super) struct Signals {
    terminate: Stream,
    interrupt: Stream,
    hangup: Stream,
    proceed: Stream,
    /// Whether a hangup is a wish to reload as long as there is a terminal.
    may_mean_reload: bool,
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

impl Signal {
    /// Whether it is a wish to reload, which is nothing to the dashboard.
    fn is_a_wish(self, may_be: bool, has_terminal: bool) -> bool {
        self == Signal::Hangup && may_be && has_terminal
    }
}

impl Signals {
    /// Hears them from now on. In a process that `owns_gateway`, SIGHUP has the gateway reload, which hears of it too.
    pub(super) fn new(owns_gateway: bool) -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
            proceed: signal(SignalKind::from_raw(Number::CONT.as_raw()))?,
            may_mean_reload: owns_gateway,
        })
    }

    /// The next one.
    ///
    /// # Cancel safety
    /// Nothing is lost if it is dropped.
    pub(super) async fn next(&mut self) -> Signal {
        loop {
            let signal = tokio::select! {
                _ = self.terminate.recv() => Signal::End,
                _ = self.interrupt.recv() => Signal::End,
                _ = self.hangup.recv() => Signal::Hangup,
                _ = self.proceed.recv() => Signal::Continue,
            };
            if !signal.is_a_wish(self.may_mean_reload, has_terminal()) {
                return signal;
            }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hangup_ends_the_dashboard_unless_its_gateway_is_asked_to_reload() {
        for (signal, owns_gateway, has_terminal, is_a_wish) in [
            (Signal::Hangup, true, true, true),
            (Signal::Hangup, true, false, false),
            (Signal::Hangup, false, true, false),
            (Signal::End, true, true, false),
        ] {
            let case = (signal, owns_gateway, has_terminal);
            assert_eq!(
                signal.is_a_wish(owns_gateway, has_terminal),
                is_a_wish,
                "{case:?}"
            );
        }
    }
}
