//! What of the program's talk reaches our log: warnings, at debug level, a few at a time.
//!
//! It can write tens of thousands of lines a second; a person reads the first ones.

use std::time::{Duration, Instant};

use crate::provider::Redactor;
use crate::telemetry::foreign::{self, LONGEST_QUOTE};

use super::story::Story;

/// Lines in a [`WINDOW`].
const MOST: u32 = 20;

/// The window in which lines are counted.
const WINDOW: Duration = Duration::from_secs(10);

/// The part of the log that is the program's.
#[derive(Debug)]
pub(super) struct Journal {
    since: Instant,
    lines: u32,
    left_out: u32,
}

impl Journal {
    /// Nothing was told yet.
    pub(super) fn new(now: Instant) -> Self {
        Self {
            since: now,
            lines: 0,
            left_out: 0,
        }
    }

    /// Writes a warning of the program to the log, if there is room.
    pub(super) fn tell(&mut self, warning: &str, redactor: &Redactor, now: Instant) {
        if self.has_room(now) {
            tracing::debug!(target: "autogw::tunnel", said = foreign::shown(warning, redactor, LONGEST_QUOTE), "cloudflared");
        }
    }

    fn has_room(&mut self, now: Instant) -> bool {
        if now.duration_since(self.since) >= WINDOW {
            if self.left_out > 0 {
                let left_out = self.left_out;
                tracing::debug!(target: "autogw::tunnel", left_out, "cloudflared said more than is logged");
            }
            *self = Self::new(now);
        }
        self.lines = self.lines.saturating_add(1);
        let has_room = self.lines <= MOST;
        self.left_out += u32::from(!has_room);
        has_room
    }
}

/// Writes the last lines of a run that failed to the log.
pub(super) fn last_lines(story: &Story, redactor: &Redactor) {
    if !tracing::enabled!(target: "autogw::tunnel", tracing::Level::DEBUG) {
        return;
    }
    for line in story.recent() {
        tracing::debug!(target: "autogw::tunnel", said = foreign::shown(line, redactor, LONGEST_QUOTE), "cloudflared, before it ended");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_room_for_a_few_in_every_window() {
        let now = Instant::now();
        let mut journal = Journal::new(now);
        let in_a_burst =
            |journal: &mut Journal, now| (0..1000).filter(|_| journal.has_room(now)).count();
        assert_eq!(in_a_burst(&mut journal, now), 20);
        assert_eq!(in_a_burst(&mut journal, now), 0);
        assert_eq!(in_a_burst(&mut journal, now + WINDOW), 20);
    }
}
