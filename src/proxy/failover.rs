//! Failover: one target after the other until one answers, within attempts and time.
//!
//! No decision about a failure is made here anew: its [`Next`] says where the request may go, this
//! file only keeps the books (attempts, deadline, who has been asked) and knows when to stop.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::attempt::{Attempt, Good, Leash};
use super::exhausted::{End, Exhausted, Failed};
use super::problem::{AttemptNote, Problem};
use super::record::{Record, milliseconds};
use super::translate::THOUGHTS;
use crate::chat::{ErrorBody, Failure, FailureClass, Next, Stage};
use crate::config::Fidelity;
use crate::health::{Permit, Shut};
use crate::provider::refused::{self, Parameter, Reach};
use crate::route::Target;
use crate::route::plan::Plan;

/// Longest wait for a key that rests, when there is nobody else to ask.
const MAX_PATIENCE: Duration = Duration::from_secs(2);

/// Most parameters that one request is healed of: each costs an attempt.
const MAX_HEALINGS: usize = 3;

/// Longest pause before the same target is tried again.
const MAX_JITTER: Duration = Duration::from_millis(250);

/// The search for a target that answers.
#[derive(Debug)]
pub struct Failover<'a> {
    attempt: Attempt<'a>,
    record: &'a mut Record,
    queue: VecDeque<Target>,
    resting: Vec<Resting>,
    /// Behind an open breaker, the nearest to its end last.
    open: Vec<Target>,
    /// Whether nobody is left but who was behind an open breaker: one of them is asked all the same.
    is_insisting: bool,
    failures: Vec<Failed>,
    repeats_left: u32,
    healing: Vec<Healing>,
    /// Whether a second run of what was sent last would have effects, by what translation made of it.
    has_effects: bool,
}

/// A parameter that a target refused, and is asked without.
#[derive(Debug)]
struct Healing {
    provider: Arc<str>,
    model: Arc<str>,
    parameter: Arc<str>,
    reach: Reach,
}

impl Healing {
    fn is_at(&self, target: &Target) -> bool {
        self.provider == target.id.provider && self.model == target.offer.name
    }
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
            open: plan
                .open
                .into_iter()
                .rev()
                .map(|(target, _)| target)
                .collect(),
            resting: resting.collect(),
            is_insisting: false,
            failures: Vec::new(),
            repeats_left: attempt.gateway.config().router.retries,
            healing: Vec::new(),
            has_effects: false,
            attempt,
            record,
        }
    }

    /// Asks until somebody answers.
    ///
    /// # Cancel safety
    /// Dropping the future ends the attempt under way.
    pub async fn run(mut self) -> Result<(Good, Target, Permit), Problem> {
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
            let refused = self.refused(&target);
            let (attempt, weight) = (self.attempt, self.attempt.weight(&target));
            let gate = attempt.gateway.heavy();
            let written = gate.pass(weight, || attempt.write(&target, &refused)).await;
            let sheet = match written {
                Ok(sheet) => sheet,
                Err(failure) => match self.leave_out(&target, failure) {
                    Some(end) => break end,
                    None => continue,
                },
            };
            let permit = match self.admit(&target) {
                Ok(permit) => permit,
                Err(shut) => {
                    self.pass_over(target, shut);
                    continue;
                }
            };
            sheet.log(self.record.id());
            self.has_effects = sheet.has_effects;
            let number = self.record.attempt();
            let began = Instant::now();
            let leash = Leash {
                permit: Some(&permit),
                gate: None,
            };
            match self.attempt.run(&target, sheet, leash).await {
                Ok(good) => {
                    self.learn(&target);
                    return Ok((good, target, permit));
                }
                Err(failure) => {
                    self.note(&target, permit, &failure, began, number);
                    if self.heals(&target, &failure) {
                        self.queue.push_front(target);
                        continue;
                    }
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
        if let Some(target) = self.open.pop() {
            self.is_insisting = true;
            self.open.clear();
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

    /// Lets this request through to `target`, past an open breaker if nobody else is left.
    fn admit(&self, target: &Target) -> Result<Permit, Shut> {
        let (health, now) = (self.attempt.gateway.health(), std::time::Instant::now());
        if self.is_insisting {
            health.insist(&target.id, now)
        } else {
            health.admit(&target.id, now)
        }
    }

    /// `target` is not asked now; behind an open breaker it stays a last resort.
    fn pass_over(&mut self, target: Target, shut: Shut) {
        if matches!(shut, Shut::Open { .. }) && !self.is_insisting {
            self.open.push(target);
        }
    }

    /// The parameters that `target` has refused, in this request or of late.
    fn refused(&self, target: &Target) -> Vec<Arc<str>> {
        let gateway = self.attempt.gateway;
        let (provider, model) = (&target.id.provider, &target.offer.name);
        let now = std::time::Instant::now();
        let mut refused = gateway.unsupported().of(provider, model, now);
        let own = self.healing.iter().filter(|healing| healing.is_at(target));
        refused.extend(own.map(|healing| healing.parameter.clone()));
        refused
    }

    /// A target that would refuse the request is not asked.
    fn leave_out(&mut self, target: &Target, failure: Failure) -> Option<End> {
        tracing::debug!(
            target: "autogw::attempt",
            request_id = self.record.id(),
            provider = &*target.id.provider,
            model = &*target.offer.name,
            param = failure.param,
            "target left out: it could not take the request"
        );
        let is_final = failure.next == Next::Return;
        self.queue
            .retain(|other| !is_same_place(other, target, &failure));
        self.failures.push(Failed {
            failure,
            note: None,
            rest: None,
        });
        is_final.then_some(End::Answer)
    }

    /// Whether the failure names a parameter without which the same target may be asked once more.
    fn heals(&mut self, target: &Target, failure: &Failure) -> bool {
        let fidelity = self
            .attempt
            .prepared
            .fidelity(self.attempt.gateway, &target.offer);
        let body = ErrorBody {
            message: failure.message.clone(),
            kind: failure.kind.clone(),
            code: failure.code.clone(),
            param: failure.param.clone(),
        };
        // Thoughts are refused by the conversation they are in, which the next request is not.
        let thoughts = || Parameter {
            path: THOUGHTS.to_owned(),
            reach: Reach::ThisRequest,
        };
        let parameter = failure
            .status
            .and_then(|status| refused::parameter(status, &body))
            .or_else(|| is_thoughts(failure).then(thoughts));
        let Some(Parameter { path, reach }) = parameter.filter(|_| fidelity != Fidelity::Strict)
        else {
            return false;
        };
        let mut own = self.healing.iter().filter(|healing| healing.is_at(target));
        if self.healing.len() >= MAX_HEALINGS || own.any(|healing| *healing.parameter == path) {
            return false;
        }
        self.healing.push(Healing {
            provider: target.id.provider.clone(),
            model: target.offer.name.clone(),
            parameter: path.into(),
            reach,
        });
        true
    }

    /// The request went through: what it went through without was to blame. Only what the model takes from
    /// nobody is remembered, as the next request may be another client's.
    fn learn(&self, target: &Target) {
        let now = std::time::Instant::now();
        let parameters = self.healing.iter().filter(|healing| healing.is_at(target));
        for healing in parameters.filter(|healing| healing.reach == Reach::Always) {
            let unsupported = self.attempt.gateway.unsupported();
            if unsupported.record(&healing.provider, &healing.model, &healing.parameter, now) {
                tracing::info!(
                    target: "autogw::attempt",
                    provider = &*healing.provider,
                    model = &*healing.model,
                    parameter = &*healing.parameter,
                    "this parameter is refused here; it is left out from now on"
                );
            }
        }
    }

    /// Books the failure and tells the log, once.
    fn note(
        &mut self,
        target: &Target,
        permit: Permit,
        failure: &Failure,
        began: Instant,
        number: u32,
    ) {
        let dice = self.attempt.gateway.next_dice();
        let toll = permit.failed(failure, std::time::Instant::now(), dice);
        let rested = toll.rested;
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
            note: Some(note),
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
            Stage::Sent => self.has_effects || !self.attempt.may_repeat(provider),
            Stage::Answered => {
                is_half_answered
                    && (self.has_effects || self.attempt.prepared.has_effects_at(provider))
            }
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

/// Whether the upstream did not accept the state of a thought: OpenAI has a code for it, Anthropic names
/// the signature.
fn is_thoughts(failure: &Failure) -> bool {
    let is_code = failure.code.as_deref() == Some("invalid_encrypted_content");
    let words = failure.message.to_ascii_lowercase();
    let is_signature = words.contains("invalid `signature` in `thinking` block");
    failure.status == Some(400) && (is_code || is_signature)
}

/// Whether a failure of `target` speaks against `other` as well.
fn is_same_place(other: &Target, target: &Target, failure: &Failure) -> bool {
    let is_unreachable = failure.class == FailureClass::Network && failure.stage == Stage::Connect;
    other.offer.provider == target.offer.provider
        && (is_unreachable || other.offer.name == target.offer.name)
}
