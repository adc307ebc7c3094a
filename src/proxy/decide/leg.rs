//! A leg: how far a request comes along one plan, and whom it reaches.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Rehearsal;
use crate::chat::{Failure, FailureClass, Next};
use crate::config::FallbackOn;
use crate::health::{Shut, TargetId};
use crate::proxy::attempt::{Attempt, Sheet};
use crate::proxy::exhausted::{End, Exhausted, Failed};
use crate::proxy::failover::detour;
use crate::proxy::failover::line::MAX_PATIENCE;
use crate::proxy::problem::Problem;
use crate::proxy::shown;
use crate::route::Target;
use crate::route::plan::Plan;

/// See the module's head.
pub(super) struct Leg {
    pub(super) plan: Plan,
    /// Those who are passed over when their turn comes.
    pub(super) passed: Vec<Passed>,
    /// The fallback that it is, and what it is a way around.
    pub(super) around: Option<(Arc<str>, Vec<FallbackOn>)>,
}

/// Whom the request goes to.
pub(super) struct Chosen {
    pub(super) target: Target,
    pub(super) sheet: Sheet,
    pub(super) how: How,
}

/// How a target comes to be asked first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    /// It is the best that may be tried.
    InOrder,
    /// All breakers are open, and its is the nearest to its end.
    LastResort,
    /// Its key wakes so soon that it is waited for.
    After(Duration),
    /// It has no room, and is waited for, so long at most.
    WhenThereIsRoom(Duration),
}

/// A target that is passed over when its turn comes.
pub(super) struct Passed {
    pub(super) target: Target,
    pub(super) code: &'static str,
    pub(super) reason: String,
}

/// What has gone wrong so far.
#[derive(Default)]
pub(super) struct Books {
    failures: Vec<Failed>,
    asleep: Vec<(FailureClass, tokio::time::Instant)>,
    full: Vec<(Target, Option<Instant>)>,
    is_refused: bool,
    is_drained: bool,
}

impl Books {
    /// The kinds of it, as fallbacks tell them apart.
    pub(super) fn kinds(&self) -> Vec<Option<FallbackOn>> {
        let kinds = detour::kinds(self.end(), &self.failures, &self.asleep, self.full.len());
        detour::or_drained(kinds, self.end(), self.is_drained)
    }

    fn end(&self) -> End {
        if self.is_refused {
            End::Answer
        } else {
            End::NobodyLeft
        }
    }

    /// What the client is told.
    pub(super) fn tell(self) -> Problem {
        let end = self.end();
        let full = self.full.into_iter();
        Exhausted {
            failures: self.failures,
            asleep: self.asleep,
            full: full.map(|(_, until)| until.map(Into::into)).collect(),
            is_drained: self.is_drained,
            end,
        }
        .tell()
    }

    /// Whom is waited for who has no room, and for how long at most.
    fn room(&self, patience: Duration, now: Instant) -> Option<(Target, Duration)> {
        if patience.is_zero() {
            return None;
        }
        let wait = |until: Option<Instant>| {
            until.map_or(patience, |until| until.saturating_duration_since(now))
        };
        let soonest = self.full.iter().min_by_key(|(_, until)| wait(*until))?;
        let wait = wait(soonest.1);
        (wait <= patience).then(|| (soonest.0.clone(), wait))
    }
}

impl Leg {
    pub(super) fn new(plan: Plan) -> Self {
        Self {
            plan,
            passed: Vec::new(),
            around: None,
        }
    }

    /// Whether it was found on this leg that the target cannot take the request.
    pub(super) fn has_refused(&self, id: &TargetId) -> bool {
        let mut passed = self.passed.iter();
        passed.any(|passed| passed.code == CANNOT_TAKE && passed.target.id == *id)
    }

    /// Whom failover would ask first on this leg.
    pub(super) async fn search(&mut self, on: &Rehearsal<'_>, books: &mut Books) -> Option<Chosen> {
        let resting = self.plan.resting.iter();
        let asleep = resting.map(|(_, until, class)| (*class, (*until).into()));
        books.asleep.extend(asleep);
        books.is_refused = false;
        books.is_drained |= self.plan.drained > 0;
        for (target, how) in self.line(on) {
            let sheet = match self.write(on, &target).await {
                Ok(sheet) => sheet,
                Err(failure) => {
                    books.is_refused = failure.next == Next::Return;
                    self.passed.push(Passed::refusing(target, &failure));
                    books.failures.push(unasked(failure));
                    if books.is_refused {
                        return None;
                    }
                    continue;
                }
            };
            let Some(shut) = on.gateway.health().no_room(&target.id, on.now) else {
                return Some(Chosen { target, sheet, how });
            };
            match shut {
                Shut::Open { .. } | Shut::Resting { .. } => {}
                Shut::Full => books.full.push((target.clone(), None)),
                Shut::Paced { until } => books.full.push((target.clone(), Some(until))),
            }
            self.passed.push(Passed::shut(target, shut, on.now));
        }
        let patience = on.gateway.config().router.limits.wait.min(on.limit);
        let (target, wait) = books.room(patience, on.now)?;
        let sheet = self.write(on, &target).await.ok()?;
        self.passed.retain(|passed| passed.target.id != target.id);
        let how = How::WhenThereIsRoom(wait);
        Some(Chosen { target, sheet, how })
    }

    /// Those who are asked, one after the other.
    fn line(&self, on: &Rehearsal<'_>) -> Vec<(Target, How)> {
        let targets = self.plan.targets.iter();
        let in_order = targets.map(|target| (target.clone(), How::InOrder));
        let open = self.plan.open.first();
        let open = open.map(|(target, _)| (target.clone(), How::LastResort));
        in_order.chain(open).chain(self.waking(on)).collect()
    }

    async fn write(&self, on: &Rehearsal<'_>, target: &Target) -> Result<Sheet, Failure> {
        let attempt = Attempt {
            gateway: on.gateway,
            call: on.call,
            prepared: on.prepared,
            needs: self.plan.needs,
            deadline: tokio::time::Instant::now(),
        };
        let (provider, model) = (&target.id.provider, &target.offer.name);
        let refused = on.gateway.unsupported().of(provider, model, on.now);
        let gate = on.gateway.heavy();
        let weight = attempt.weight(target);
        gate.pass(weight, || attempt.write(target, &refused)).await
    }

    /// The target whose key wakes first, if it is worth waiting for.
    fn waking(&self, on: &Rehearsal<'_>) -> Option<(Target, How)> {
        let patience = MAX_PATIENCE.min(on.limit / 4);
        let resting = self.plan.resting.iter();
        let (target, until, class) = resting.min_by_key(|(_, until, _)| *until)?;
        let wait = until.saturating_duration_since(on.now);
        let is_worth_it = *class == FailureClass::RateLimit && wait <= patience;
        is_worth_it.then(|| (target.clone(), How::After(wait)))
    }
}

/// Of a target that cannot take the request.
const CANNOT_TAKE: &str = "cannot_take";

impl Passed {
    fn refusing(target: Target, failure: &Failure) -> Self {
        Self {
            target,
            code: CANNOT_TAKE,
            reason: format!("it could not take the request: {}", failure.message),
        }
    }

    fn shut(target: Target, shut: Shut, now: Instant) -> Self {
        let (code, reason) = match shut {
            Shut::Paced { until } => {
                let wait = shown::time(until.saturating_duration_since(now));
                (
                    "paced",
                    format!("it has had its requests of this minute; the next in {wait}"),
                )
            }
            Shut::Open { .. } => ("open", "its breaker is open".to_owned()),
            Shut::Resting { until, class } => {
                let wait = shown::time(until.saturating_duration_since(now));
                ("resting", format!("its key rests for {wait} ({class})"))
            }
            Shut::Full => (
                "full",
                "it has as many requests under way as it may have".to_owned(),
            ),
        };
        Self {
            target,
            code,
            reason,
        }
    }
}

/// A target that was left out without being asked.
fn unasked(failure: Failure) -> Failed {
    Failed {
        failure,
        note: None,
        rest: None,
    }
}
