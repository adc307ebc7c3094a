//! Idle connections of one provider.

use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::link::Link;

/// Most idle connections kept per provider; a burst beyond it pays for new ones.
const MAX_IDLE: usize = 64;

/// How long a connection may idle. Common servers close after 60 to 75 seconds; being first avoids
/// sending a request into a connection that is just being closed.
const IDLE_FOR: Duration = Duration::from_secs(50);

/// A stack of idle links: the last one used is the likeliest to be alive.
#[derive(Debug, Default)]
pub(super) struct Pool {
    idle: Mutex<Vec<(Link, Instant)>>,
}

impl Pool {
    /// Takes a link that still lives, if there is one; the dead ones on top go.
    pub(super) fn take(&self, now: Instant) -> Option<Link> {
        loop {
            let (mut link, since) = self.idle.lock().pop()?;
            if now.duration_since(since) < IDLE_FOR && link.is_alive() {
                return Some(link);
            }
        }
    }

    /// Keeps a link for the next request.
    pub(super) fn put(&self, link: Link, now: Instant) {
        let mut idle = self.idle.lock();
        if idle.len() < MAX_IDLE {
            idle.push((link, now));
        }
    }

    /// Closes what has idled too long or died meanwhile.
    pub(super) fn sweep(&self, now: Instant) {
        let links = std::mem::take(&mut *self.idle.lock());
        let kept = links.into_iter().filter_map(|(mut link, since)| {
            (now.duration_since(since) < IDLE_FOR && link.is_alive()).then_some((link, since))
        });
        let kept: Vec<_> = kept.collect();
        self.idle.lock().splice(0..0, kept);
    }
}
