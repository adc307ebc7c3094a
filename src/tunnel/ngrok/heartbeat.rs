//! Whether ngrok still answers.
//!
//! The crate sends heartbeats and tells of missed ones, but does nothing about them: a connection that a
//! sleeping laptop or a forgetful router has swallowed would stay "up" for ever.

use std::error::Error;
use std::time::Duration;

use ngrok::session::HeartbeatHandler;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use super::Pace;

/// Missed heartbeats after which the connection is dead: one may be late behind a large upload.
const MISSES: u32 = 2;

#[derive(Debug, Clone, Copy)]
struct Beat {
    at: Instant,
    latency: Option<Duration>,
}

/// The heartbeats of one session.
#[derive(Debug)]
pub(super) struct Pulse {
    beats: watch::Receiver<Beat>,
    patience: Duration,
}

impl Pulse {
    /// A pulse, and what the session is to tell its heartbeats to.
    pub(super) fn new(pace: Pace) -> (Self, impl HeartbeatHandler) {
        let first = Beat {
            at: Instant::now(),
            latency: None,
        };
        let (sender, beats) = watch::channel(first);
        let patience = (pace.every + pace.tolerance) * MISSES;
        let told = move |latency: Option<Duration>| {
            if latency.is_some() {
                let at = Instant::now();
                sender.send_replace(Beat { at, latency });
            }
            async { Ok::<(), Box<dyn Error>>(()) }
        };
        (Self { beats, patience }, told)
    }

    /// How long nothing may be heard.
    pub(super) fn patience(&self) -> Duration {
        self.patience
    }

    /// The round trip of the next heartbeat; `None` when ngrok has been silent for too long.
    ///
    /// # Cancel safety
    /// Loses no heartbeat.
    pub(super) async fn beat(&mut self) -> Option<Duration> {
        let deadline = self.beats.borrow().at + self.patience;
        let beat = timeout_at(deadline, self.beats.changed()).await;
        beat.ok()?.ok()?;
        self.beats.borrow_and_update().latency
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn silence_of_two_heartbeats_is_death_and_one_is_not() {
        let (mut pulse, told) = Pulse::new(Pace::default());
        let latency = Duration::from_millis(30);
        tokio::time::advance(Duration::from_secs(49)).await;
        told.handle_heartbeat(None).await.expect("no objection");
        told.handle_heartbeat(Some(latency)).await.expect("none");
        assert_eq!(pulse.beat().await, Some(latency));
        let heard = Instant::now();
        assert_eq!(pulse.beat().await, None);
        assert_eq!(heard.elapsed(), Duration::from_secs(50));
    }
}
