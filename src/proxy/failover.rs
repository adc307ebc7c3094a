//! Failover: one target after the other until one answers, within attempts and time.
//!
//! No decision about a failure is made here anew: its [`Next`] says where the request may go, this
//! file only keeps the books (attempts, deadline, who has been asked) and knows when to stop.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::attempt::{Attempt, Good};
use super::exhausted::{End, Exhausted, Failed};
use super::problem::{AttemptNote, Problem};
use super::record::{Record, milliseconds};
use crate::chat::{Failure, FailureClass, Next, Stage};
use crate::route::Target;
use crate::route::plan::Plan;

/// Longest wait for a key that rests, when there is nobody else to ask.
const MAX_PATIENCE: Duration = Duration::from_secs(2);

/// Longest pause before the same target is tried again.
const MAX_JITTER: Duration = Duration::from_millis(250);

/// The search for a target that answers.
#[derive(Debug)]
pub struct Failover<'a> {
    attempt: Attempt<'a>,
    record: &'a mut Record,
    queue: VecDeque<Target>,
    resting: Vec<Resting>,
    failures: Vec<Failed>,
    repeats_left: u32,
}

/// A target whose key rests.
#[derive(Debug)]
struct Resting {
    target: Target,
    until: Instant,
    class: FailureClass,
    /// Whether this request has tried it already: another try is then a repeat.
    was_tried: bool,
}

impl<'a> Failover<'a> {
    /// A search along `plan`, booked in `record`.
    pub fn new(attempt: Attempt<'a>, plan: Plan, record: &'a mut Record) -> Self {
        let resting = plan
            .resting
            .into_iter()
            .map(|(target, until, class)| Resting {
                target,
                until: until.into(),
                class,
                was_tried: false,
            });
        Self {
            queue: plan.targets.into(),
            resting: resting.collect(),
            failures: Vec::new(),
            repeats_left: attempt.gateway.config().router.retries,
            attempt,
            record,
        }
    }

    /// Asks until somebody answers.
    ///
    /// # Cancel safety
    /// Dropping the future ends the attempt under way.
    pub async fn run(mut self) -> Result<(Good, Target), Problem> {
        let end = loop {
            if Instant::now() >= self.attempt.deadline {
                break End::Late;
            }
            if self.record.attempts() >= self.attempt.gateway.config().router.max_attempts {
                break if self.queue.is_empty() {
                    End::NobodyLeft
                } else {
                    End::Attempts
                };
            }
            let Some(target) = self.next_target().await else {
                break End::NobodyLeft;
            };
            let number = self.record.attempt();
            let began = Instant::now();
            match self.attempt.run(&target).await {
                Ok(good) => {
                    self.attempt.gateway.health().record_success(&target.id);
                    return Ok((good, target));
                }
                Err(failure) => {
                    self.note(&target, &failure, began, number);
                    if let Some(end) = self.follow(target, failure).await {
                        break end;
                    }
                }
            }
        };
        let asleep = self
            .resting
            .iter()
            .map(|rest| (rest.class, rest.until))
            .collect();
        Err(Exhausted {
            failures: self.failures,
            asleep,
            end,
        }
        .tell())
    }

    /// The next in line, or the first to wake if that is soon.
    async fn next_target(&mut self) -> Option<Target> {
        if let Some(target) = self.queue.pop_front() {
            return Some(target);
        }
        let now = Instant::now();
        let patience = MAX_PATIENCE.min(self.attempt.deadline.saturating_duration_since(now) / 4);
        let soonest = (0..self.resting.len()).min_by_key(|place| self.resting[*place].until)?;
        let rest = &self.resting[soonest];
        if rest.class != FailureClass::RateLimit || rest.until > now + patience {
            return None;
        }
        if rest.was_tried {
            self.repeats_left = self.repeats_left.checked_sub(1)?;
        }
        let rest = self.resting.swap_remove(soonest);
        sleep_until(rest.until).await;
        Some(rest.target)
    }

    /// Books the failure and tells the log, once.
    fn note(&mut self, target: &Target, failure: &Failure, began: Instant, number: u32) {
        let rested = self.attempt.gateway.health().record_failure(
            &target.id,
            failure,
            std::time::Instant::now(),
        );
        let elapsed = began.elapsed();
        tracing::warn!(
            target: "autogw::attempt",
            request_id = self.record.id(),
            attempt = number,
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
        let note = AttemptNote {
            provider: target.id.provider.to_string(),
            model: target.offer.name.to_string(),
            class: failure.class,
            status: failure.status,
            elapsed,
        };
        self.failures.push(Failed {
            failure: failure.clone(),
            note,
            rest: rested.map(|rest| rest.wait),
        });
    }

    /// Goes where the failure says; `Some` if that is nowhere.
    async fn follow(&mut self, target: Target, failure: Failure) -> Option<End> {
        if failure.next == Next::Return {
            return Some(End::Answer);
        }
        if self.is_too_risky(&target, &failure) {
            return Some(End::Risk);
        }
        let is_last = self.queue.is_empty();
        let repeats =
            failure.next == Next::Same || (failure.class == FailureClass::Server && is_last);
        if repeats && self.repeats_left > 0 {
            self.repeats_left -= 1;
            tokio::time::sleep(self.jitter()).await;
            self.queue.push_front(target);
            return None;
        }
        match failure.next {
            Next::Key => self.remember_rest(target, &failure),
            _ => self
                .queue
                .retain(|other| !is_same_place(other, &target, &failure)),
        }
        None
    }

    /// An attempt that may have been processed is not repeated where that could have effects, or
    /// where the configuration says never.
    fn is_too_risky(&self, target: &Target, failure: &Failure) -> bool {
        let provider = self.attempt.gateway.provider(target);
        let is_half_answered = failure
            .status
            .is_none_or(|status| (200..300).contains(&status));
        match failure.stage {
            Stage::Connect => false,
            Stage::Sent => !self.attempt.may_repeat(provider),
            Stage::Answered => is_half_answered && self.attempt.prepared.has_effects_at(provider),
        }
    }

    /// A key that rests for a moment may be asked again when nobody else is left.
    fn remember_rest(&mut self, target: Target, failure: &Failure) {
        if let Some(wait) = failure.retry_after {
            self.resting.push(Resting {
                target,
                until: Instant::now() + wait.max(Duration::from_secs(1)),
                class: failure.class,
                was_tried: true,
            });
        }
    }

    /// Spreads repeats of many requests over a quarter of a second; the request id is the dice.
    fn jitter(&self) -> Duration {
        let dice = self.record.id().bytes().fold(0u64, |hash, byte| {
            hash.wrapping_mul(31).wrapping_add(u64::from(byte))
        });
        let most = u64::try_from(MAX_JITTER.as_millis()).unwrap_or(u64::MAX);
        Duration::from_millis(dice % most)
    }
}

/// Whether a failure of `target` speaks against `other` as well.
fn is_same_place(other: &Target, target: &Target, failure: &Failure) -> bool {
    let is_unreachable = failure.class == FailureClass::Network && failure.stage == Stage::Connect;
    other.offer.provider == target.offer.provider
        && (is_unreachable || other.offer.name == target.offer.name)
}
