//! The gate: an answer that takes much longer to begin than is usual is left, while the client has seen nothing.
//! A stream begins with its first token; a whole answer is there at once or not at all, and gets more time, as its
//! length is part of it.

use std::time::Duration;

use super::Failover;
use crate::proxy::seat::Seat;
use crate::route::Target;

/// How many times as long as a stream a whole answer may take at least.
const WHOLE: u32 = 6;

impl Failover<'_> {
    /// How long `target` may take to begin, by its own habits, as long as somebody else could be asked.
    pub(super) fn gate(&self, target: &Target, seat: &Seat, has_effects: bool) -> Option<Duration> {
        let gate = self.attempt.gateway.config().router.first_token_gate?;
        let streams = self.attempt.prepared.streams;
        let may_leave = self.has_attempts()
            && self.line.has_other_than(target)
            && !has_effects
            && self
                .attempt
                .may_repeat(self.attempt.gateway.provider(target));
        let permit = seat.permit().filter(|_| may_leave)?;
        let (p95, least) = if streams {
            (permit.p95()?, gate.least)
        } else {
            (permit.p95_of_whole()?, gate.least * WHOLE)
        };
        let usual = Duration::try_from_secs_f64(p95.as_secs_f64() * gate.factor).ok()?;
        Some(usual.max(least))
    }
}
