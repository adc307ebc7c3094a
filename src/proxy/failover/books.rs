//! What is booked of an attempt that failed: in health, in the log, in the trace, and for the client.

use super::{Failover, Run};
use crate::chat::{Failure, FailureClass};
use crate::proxy::exhausted::Failed;
use crate::proxy::problem::AttemptNote;
use crate::route::Target;
use crate::telemetry::clock::milliseconds;
use crate::telemetry::trace::Verdict;

impl Failover<'_> {
    /// Books the failure and tells the log, once.
    pub(super) fn note(&mut self, run: Run, failure: &Failure) -> Target {
        let elapsed = run.began.elapsed();
        let verdict = verdict(&run, failure);
        let Run {
            target,
            seat,
            place,
            ..
        } = run;
        let dice = self.attempt.gateway.next_dice();
        let toll = seat.failed(failure, std::time::Instant::now(), dice);
        let rested = toll.rested;
        tracing::warn!(
            target: "autogw::attempt",
            request_id = self.record.id(),
            attempt = self.record.attempts(),
            provider = &*target.id.provider,
            model = &*target.offer.name,
            key = target.key.map(|place| place + 1),
            class = failure.class.name(),
            status = failure.status,
            kind = failure.kind,
            code = failure.code,
            param = failure.param,
            elapsed_ms = milliseconds(elapsed),
            rests_ms = rested.map(|rest| milliseconds(rest.wait)),
            key_is_dead = rested.is_some_and(|rest| rest.is_dead),
            reason = failure.own_words(),
            "attempt failed"
        );
        // An upstream's words may quote the prompt: they are for whoever asks for them.
        tracing::debug!(target: "autogw::attempt", request_id = self.record.id(), words = failure.message, "the upstream said");
        let rest = rested.map(|rest| rest.wait);
        if let Some(tried) = self.record.tried(place) {
            tried.elapsed = Some(elapsed);
            tried.verdict = verdict;
            tried.status = failure.status;
            tried.rests = rest;
        }
        let note = AttemptNote {
            provider: target.id.provider.to_string(),
            model: target.offer.name.to_string(),
            class: failure.class,
            status: failure.status,
            elapsed,
        };
        self.failures.push(Failed {
            failure: failure.clone(),
            note: Some(note),
            rest,
        });
        target
    }
}

fn verdict(run: &Run, failure: &Failure) -> Verdict {
    let was_gated = run.gate.is_some_and(|gate| run.began.elapsed() >= gate);
    if was_gated && failure.class == FailureClass::Timeout {
        Verdict::Slow
    } else {
        Verdict::Failed(failure.class)
    }
}
