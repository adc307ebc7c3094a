//! The line: who is asked next, who sleeps, who is behind an open breaker, and who has no room.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::Failover;
use crate::chat::{Failure, FailureClass, Next, Stage};
use crate::health::{Permit, Shut, Turn};
use crate::proxy::seat::Seat;
use crate::route::Target;
use crate::route::plan::Plan;
use crate::telemetry::trace::{Cause, Verdict};

/// Longest wait for a key that rests, when there is nobody else to ask.
pub(in crate::proxy) const MAX_PATIENCE: Duration = Duration::from_secs(2);

/// A key that others put to rest over and over is not waited for for ever.
const MOST_NAPS: u32 = 3;

/// See the module's head.
#[derive(Debug)]
pub(super) struct Line {
    queue: VecDeque<Target>,
    resting: Vec<Resting>,
    /// Behind an open breaker, the nearest to its end last.
    open: Vec<Target>,
    /// Without room, and when there will be, where that is known.
    full: Vec<(Target, Option<Instant>)>,
    /// Whether nobody is left but who was behind an open breaker: one of them is asked all the same.
    is_insisting: bool,
    /// Until when this request waits for room.
    waits_until: Option<Instant>,
    /// How often it has waited for a key that it had not tried.
    naps: u32,
    /// Whether somebody is left out whom the owner has drained.
    is_drained: bool,
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

impl Line {
    /// The line that `plan` makes.
    pub(super) fn of(plan: Plan) -> Self {
        let resting = plan.resting.into_iter();
        let open = plan.open.into_iter().rev();
        Self {
            is_drained: plan.drained > 0,
            queue: plan.targets.into(),
            open: open.map(|(target, _)| target).collect(),
            resting: resting
                .map(|(target, until, class)| Resting {
                    target,
                    until: until.into(),
                    class,
                    was_tried: false,
                })
                .collect(),
            full: Vec::new(),
            is_insisting: false,
            waits_until: None,
            naps: 0,
        }
    }

    /// Whether nobody stands in it.
    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Whether somebody stands in it who is not at the place of `target`.
    pub(super) fn has_other_than(&self, target: &Target) -> bool {
        self.queue.iter().any(|other| !is_same_place(other, target))
    }

    /// `target` is next.
    pub(super) fn again(&mut self, target: Target) {
        self.queue.push_front(target);
    }

    /// Takes out who is best asked beside `target`: the next, of another provider if there is one.
    pub(super) fn take_beside(&mut self, target: &Target) -> Option<Target> {
        let is_elsewhere = |other: &Target| other.offer.provider != target.offer.provider;
        let place = self.queue.iter().position(is_elsewhere).unwrap_or(0);
        self.queue.remove(place)
    }

    /// Goes on in the line of another plan. What slept or was full in this one still may wake or empty.
    pub(super) fn turn_to(&mut self, plan: Plan) {
        let mut other = Self::of(plan);
        other.resting.append(&mut self.resting);
        other.full.append(&mut self.full);
        other.waits_until = self.waits_until;
        other.naps = self.naps;
        other.is_drained |= self.is_drained;
        *self = other;
    }

    /// Nobody is asked whom `failure` of `target` speaks against as well.
    pub(super) fn strike(&mut self, target: &Target, failure: &Failure) {
        let stays = |other: &Target| !is_struck(other, target, failure);
        self.queue.retain(stays);
        self.resting.retain(|rest| stays(&rest.target));
        self.full.retain(|(other, _)| stays(other));
    }

    /// After `failure`, `target` is not asked again, unless its key rests for a moment only.
    pub(super) fn leave(&mut self, target: Target, failure: &Failure) {
        if failure.next != Next::Key {
            self.strike(&target, failure);
        } else if let Some(wait) = failure.retry_after {
            self.resting.push(Resting {
                target,
                until: Instant::now() + wait.max(Duration::from_secs(1)),
                class: failure.class,
                was_tried: true,
            });
        }
    }

    /// Whether somebody is left out whom the owner has drained.
    pub(super) fn is_drained(&self) -> bool {
        self.is_drained
    }

    /// Keys that rest: why, and until when.
    pub(super) fn asleep(&self) -> Vec<(FailureClass, Instant)> {
        let resting = self.resting.iter();
        resting.map(|rest| (rest.class, rest.until)).collect()
    }

    /// Who had no room, as far as it is known when there will be.
    pub(super) fn full(&self) -> Vec<Option<Instant>> {
        self.full.iter().map(|(_, until)| *until).collect()
    }
}

impl Failover<'_> {
    /// The next who lets the request in: in their order, then past an open breaker, then who wakes soon, then
    /// who has room again.
    pub(super) async fn next(&mut self) -> Option<(Target, Seat)> {
        loop {
            if let Some(target) = self.line.queue.pop_front() {
                if self.is_drained(&target) {
                    continue;
                }
                match self.admit(&target) {
                    Ok(seat) => return Some((target, seat)),
                    Err(shut) => self.pass_over(target, shut),
                }
            } else if let Some(target) = self.line.open.pop() {
                if self.is_drained(&target) {
                    continue;
                }
                self.line.is_insisting = true;
                self.line.open.clear();
                self.line.queue.push_back(target);
            } else if let Some(target) = self.wakes().await {
                self.line.queue.push_back(target);
            } else if self.line.full.is_empty() {
                return None;
            } else {
                // Boxed: hardly anybody waits.
                return Box::pin(self.room()).await;
            }
        }
    }

    /// Whether `target` was drained since this was planned: then it is passed over for good.
    pub(super) fn is_drained(&mut self, target: &Target) -> bool {
        let is_drained = self.attempt.gateway.steering().is_drained(&target.id);
        if is_drained {
            self.record.skip(target, self.cause, Verdict::Drained);
            if matches!(self.cause, Cause::Repeat | Cause::Healed) {
                self.cause = Cause::Failover;
            }
            self.line.is_drained = true;
        }
        is_drained
    }

    /// Lets this request through to `target`, past an open breaker if nobody else is left.
    pub(super) fn admit(&self, target: &Target) -> Result<Seat, Shut> {
        let (health, now) = (self.attempt.gateway.health(), std::time::Instant::now());
        let turn = match self.cause {
            Cause::Repeat | Cause::Healed => Turn::Again,
            _ => Turn::First,
        };
        let permit: Permit = if self.line.is_insisting {
            health.insist_for(&target.id, turn, now)
        } else {
            health.admit_for(&target.id, turn, now)
        }?;
        let vacancies = self.attempt.gateway.vacancies();
        Ok(Seat::new(permit, vacancies, target.offer.provider))
    }

    /// `target` is not asked now. Behind an open breaker it stays a last resort; whose key rests, or who has no
    /// room, is waited for if nobody else is left, and that is soon or the configuration allows it.
    pub(super) fn pass_over(&mut self, target: Target, shut: Shut) {
        self.record.skip(&target, self.cause, verdict(shut));
        // Who is asked instead has not been asked before.
        if matches!(self.cause, Cause::Repeat | Cause::Healed) {
            self.cause = Cause::Failover;
        }
        match shut {
            Shut::Resting { until, class } => self.line.resting.push(Resting {
                target,
                until: until.into(),
                class,
                was_tried: false,
            }),
            // Who is insisted on is let through; if not, there is nobody left.
            Shut::Open { .. } if self.line.is_insisting => {}
            Shut::Open { .. } => self.line.open.push(target),
            Shut::Full => self.line.full.push((target, None)),
            Shut::Paced { until } => self.line.full.push((target, Some(until.into()))),
        }
    }

    /// The first to wake, if that is soon: this waits for it.
    async fn wakes(&mut self) -> Option<Target> {
        let now = Instant::now();
        let patience = MAX_PATIENCE.min(self.attempt.deadline.saturating_duration_since(now) / 4);
        let resting = &self.line.resting;
        let soonest = (0..resting.len()).min_by_key(|place| resting[*place].until)?;
        let rest = &resting[soonest];
        if rest.class != FailureClass::RateLimit || rest.until > now + patience {
            return None;
        }
        if rest.was_tried {
            let provider = rest.target.id.provider.clone();
            if !self.may_repeat(&provider) {
                return None;
            }
            self.cause = Cause::Repeat;
        } else if self.line.naps >= MOST_NAPS {
            return None;
        } else {
            self.line.naps += 1;
        }
        let rest = self.line.resting.swap_remove(soonest);
        sleep_until(rest.until).await;
        Some(rest.target)
    }

    /// Waits until one of those without room has some, for as long as the configuration says.
    async fn room(&mut self) -> Option<(Target, Seat)> {
        let wait = self.attempt.gateway.config().router.limits.wait;
        let vacancies = self.attempt.gateway.vacancies()?.clone();
        let latest = Instant::now() + wait;
        let until = *self.line.waits_until.get_or_insert(latest);
        let until = until.min(self.attempt.deadline);
        loop {
            let mut places: Vec<usize> = self.line.full.iter().map(at).collect();
            places.sort_unstable();
            places.dedup();
            // Listened to before they are asked, so that nothing is missed in between.
            let told = vacancies.listen(&places);
            if let Some(found) = self.admit_one() {
                return Some(found);
            }
            let now = Instant::now();
            let known = self.line.full.iter().map(|(_, until)| *until);
            let is_known = known.clone().all(|until| until.is_some());
            let wake = known.flatten().filter(|until| *until > now).min();
            if now >= until || (is_known && wake.is_none_or(|wake| wake > until)) {
                return None;
            }
            tokio::select! {
                () = told => {}
                () = sleep_until(wake.map_or(until, |wake| wake.min(until))) => {}
            }
        }
    }

    /// The first of those without room that lets the request in by now.
    fn admit_one(&mut self) -> Option<(Target, Seat)> {
        for (target, until) in std::mem::take(&mut self.line.full) {
            if !self.is_drained(&target) {
                self.line.full.push((target, until));
            }
        }
        for place in 0..self.line.full.len() {
            match self.admit(&self.line.full[place].0) {
                Ok(seat) => return Some((self.line.full.remove(place).0, seat)),
                Err(Shut::Paced { until } | Shut::Resting { until, .. }) => {
                    self.line.full[place].1 = Some(until.into());
                }
                Err(Shut::Full | Shut::Open { .. }) => self.line.full[place].1 = None,
            }
        }
        None
    }
}

/// What the trace says of a target that was not asked.
pub(in crate::proxy) fn verdict(shut: Shut) -> Verdict {
    match shut {
        Shut::Open { .. } => Verdict::CircuitOpen,
        Shut::Resting { .. } => Verdict::Resting,
        Shut::Full | Shut::Paced { .. } => Verdict::Full,
    }
}

/// The place of the provider of one without room.
fn at((target, _): &(Target, Option<Instant>)) -> usize {
    target.offer.provider
}

fn is_same_place(other: &Target, target: &Target) -> bool {
    other.offer.provider == target.offer.provider && other.offer.name == target.offer.name
}

/// Whether a failure of `target` speaks against `other` as well.
fn is_struck(other: &Target, target: &Target, failure: &Failure) -> bool {
    let is_unreachable = failure.class == FailureClass::Network && failure.stage == Stage::Connect;
    is_same_place(other, target)
        || (is_unreachable && other.offer.provider == target.offer.provider)
}
