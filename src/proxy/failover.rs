//! Failover: one target after the other until one answers, within attempts and time.
//!
//! No decision about a failure is made here anew: its [`Next`] says where the request may go, this
//! file only keeps the books (attempts, deadline, who has been asked) and knows when to stop.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::attempt::{Attempt, Good};
use super::problem::{AttemptNote, Problem};
use super::record::Record;
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

/// An attempt that failed.
#[derive(Debug)]
struct Failed {
    failure: Failure,
    note: AttemptNote,
    /// How long what failed rests now.
    rest: Option<Duration>,
}

/// What a failure leads to.
enum Verdict {
    Continue,
    Stop,
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
        let most = self.attempt.gateway.config().router.max_attempts;
        while self.record.attempts() < most && Instant::now() < self.attempt.deadline {
            let Some(target) = self.next_target().await else {
                break;
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
                    if let Verdict::Stop = self.follow(target, failure).await {
                        break;
                    }
                }
            }
        }
        Err(self.give_up())
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
            key = target.key,
            class = failure.class.name(),
            status = failure.status,
            elapsed_ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX),
            rests_ms = rested.map(|rest| u64::try_from(rest.wait.as_millis()).unwrap_or(u64::MAX)),
            key_is_dead = rested.is_some_and(|rest| rest.is_dead),
            reason = failure.message.as_str(),
            "attempt failed"
        );
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

    async fn follow(&mut self, target: Target, failure: Failure) -> Verdict {
        if failure.next == Next::Return || self.is_too_risky(&failure) {
            return Verdict::Stop;
        }
        let is_last = self.is_last_for(&target, &failure);
        let repeats =
            failure.next == Next::Same || (failure.class == FailureClass::Server && is_last);
        if repeats && self.repeats_left > 0 {
            self.repeats_left -= 1;
            tokio::time::sleep(self.jitter()).await;
            self.queue.push_front(target);
            return Verdict::Continue;
        }
        match failure.next {
            Next::Key => self.remember_rest(target, &failure),
            _ => self
                .queue
                .retain(|other| !is_same_place(other, &target, &failure)),
        }
        Verdict::Continue
    }

    /// An attempt that may have been processed is not repeated where that could have effects, or
    /// where the configuration says never.
    fn is_too_risky(&self, failure: &Failure) -> bool {
        let is_ambiguous = match failure.stage {
            Stage::Connect => false,
            Stage::Sent => true,
            Stage::Answered => failure
                .status
                .is_none_or(|status| (200..300).contains(&status)),
        };
        let router = &self.attempt.gateway.config().router;
        is_ambiguous
            && (self.attempt.prepared.head.has_effects
                || (failure.stage == Stage::Sent && !router.retry_ambiguous))
    }

    fn is_last_for(&self, target: &Target, failure: &Failure) -> bool {
        self.queue
            .iter()
            .all(|other| is_same_place(other, target, failure))
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

    /// What the client is told when nobody answered: the most telling of what happened.
    fn give_up(self) -> Problem {
        let is_late = Instant::now() >= self.attempt.deadline;
        let rests: Vec<_> = self.failures.iter().map(|failed| failed.rest).collect();
        let (failures, notes): (Vec<_>, Vec<_>) = self
            .failures
            .into_iter()
            .map(|failed| (failed.failure, failed.note))
            .unzip();
        let wait = shortest_wait(&rests, &self.resting);
        let classes: Vec<_> = failures
            .iter()
            .map(|failure| failure.class)
            .chain(self.resting.iter().map(|rest| rest.class))
            .collect();
        let all = |wanted: &[FailureClass]| {
            !classes.is_empty() && classes.iter().all(|class| wanted.contains(class))
        };
        let problem = match failures.last().cloned() {
            Some(last) if last.next == Next::Return => Problem::rejected(last),
            Some(last) if all(&[FailureClass::Model, FailureClass::Capability]) => {
                Problem::rejected(last)
            }
            _ if all(&[FailureClass::RateLimit, FailureClass::Quota]) => {
                Problem::rate_limited(wait)
            }
            _ if all(&[FailureClass::Timeout]) || (is_late && classes.is_empty()) => {
                Problem::timed_out()
            }
            _ if all(&[FailureClass::Auth]) => Problem::keys_refused(),
            Some(_) if is_late => Problem::timed_out(),
            Some(last) => Problem::all_failed(&last.message),
            None => Problem::all_failed("every key of its providers rests"),
        };
        problem.after(notes)
    }
}

/// Whether a failure of `target` speaks against `other` as well.
fn is_same_place(other: &Target, target: &Target, failure: &Failure) -> bool {
    let is_unreachable = failure.class == FailureClass::Network && failure.stage == Stage::Connect;
    other.offer.provider == target.offer.provider
        && (is_unreachable || other.offer.name == target.offer.name)
}

/// The soonest that any key can be asked again: what its upstream said, or else the rest we gave it.
fn shortest_wait(rests: &[Option<Duration>], resting: &[Resting]) -> Option<Duration> {
    let now = Instant::now();
    let asleep = resting
        .iter()
        .map(|rest| rest.until.saturating_duration_since(now));
    rests.iter().flatten().copied().chain(asleep).min()
}
