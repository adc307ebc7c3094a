//! The gate: a stream that takes much longer to begin than is usual is left, while the client has seen nothing.

use std::time::Duration;

use super::Failover;
use crate::proxy::seat::Seat;
use crate::route::Target;

impl Failover<'_> {
    /// How long a stream of `target` may take to begin, by its own habits, as long as somebody else could
    /// be asked.
    pub(super) fn gate(&self, target: &Target, seat: &Seat, has_effects: bool) -> Option<Duration> {
        let gate = self.attempt.gateway.config().router.first_token_gate?;
        let may_leave = self.attempt.prepared.streams
            && self.has_attempts()
            && self.line.has_other_than(target)
            && !has_effects
            && self
                .attempt
                .may_repeat(self.attempt.gateway.provider(target));
        let p95 = may_leave.then(|| seat.permit()?.p95()).flatten()?;
        let usual = Duration::try_from_secs_f64(p95.as_secs_f64() * gate.factor).ok()?;
        Some(usual.max(gate.least))
    }
}
