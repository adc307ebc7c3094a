//! SIGHUP: a request for a reload, unless it means that the terminal has gone.
//!
//! Whoever runs the gateway in a terminal and closes that expects it to end, as every program does. A service has
//! no terminal, and who started it with `nohup` has said that it is to stay.

use std::fs;
use std::io;

use rustix::process::{Signal as Kind, getpid, kill_process};
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::{Cause, Reloader};

/// The terminal that this process belongs to, if it belongs to one.
const TERMINAL: &str = "/dev/tty";

/// See the module's head.
pub(super) struct Hangups {
    signal: Signal,
    /// Whether it ends with the terminal.
    ends_with_terminal: bool,
}

impl Hangups {
    /// Takes the signal over.
    pub(super) fn listen() -> io::Result<Self> {
        // To be asked before: from then on nobody ignores it.
        let ends_with_terminal = has_terminal() && !is_ignored();
        Ok(Self {
            signal: signal(SignalKind::hangup())?,
            ends_with_terminal,
        })
    }

    /// Does what each of them means.
    pub(super) async fn obey(mut self, reloader: Reloader) {
        while self.signal.recv().await.is_some() {
            if self.ends_with_terminal && !has_terminal() {
                // As if it had come by the signal that ends: a second one is as good as a second Ctrl-C.
                let _ = kill_process(getpid(), Kind::TERM);
            } else {
                reloader.reload(Cause::Signal).await;
            }
        }
    }
}

fn has_terminal() -> bool {
    fs::File::open(TERMINAL).is_ok()
}

/// Whether this process was started with the signal ignored. Where that cannot be known, it was.
fn is_ignored() -> bool {
    let status = fs::read_to_string("/proc/self/status").ok();
    status.is_none_or(|status| ignores(&status))
}

fn ignores(status: &str) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    // Its number is 1.
    mask.is_none_or(|mask| mask & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nohup_is_told_from_a_plain_start() {
        assert!(ignores("SigBlk:\t0\nSigIgn:\t0000000000001001\n"));
        assert!(!ignores("SigIgn:\t0000000000001000\nSigCgt:\t1\n"));
        assert!(ignores("nothing that can be read"));
    }
}
