//! A race: when a target takes longer than it usually does, a second is asked, and the faster one answers.
//!
//! It costs twice, so it is opt-in, within a budget, and never where a second run would have effects. The
//! loser's connection is closed; both are booked.

use std::time::Duration;

use tokio::time::timeout;

use super::{Failover, Run};
use crate::chat::Failure;
use crate::config::Hedge;
use crate::proxy::attempt::{Attempt, Good, Sheet};
use crate::route::{RouteRules, Target};
use crate::telemetry::trace::{Cause, Verdict};

/// How a slow target of this request may be overtaken: as its route says, or the configuration. Whoever may
/// be hedged pays into the budget.
pub(super) fn rule(attempt: Attempt<'_>, route: Option<&RouteRules>) -> Option<Hedge> {
    let own = route.and_then(|route| route.hedge);
    let hedge = own.or(attempt.gateway.config().router.hedge)?;
    // A share of nothing switches it off.
    if hedge.max_ratio <= 0.0 || !attempt.call.endpoint.generates() {
        return None;
    }
    attempt.gateway.hedges().deposit(hedge.max_ratio);
    Some(hedge)
}

impl Failover<'_> {
    /// After how long `run` may be overtaken, if it may be at all.
    pub(super) fn overtaken_after(&self, run: &Run) -> Option<Duration> {
        let hedge = self.hedge?;
        if self.line.is_empty() || run.has_effects || self.has_effects_at(&run.target) {
            return None;
        }
        hedge.after.or_else(|| self.usual(run))
    }

    /// How long what is asked of the target of `run` usually takes.
    fn usual(&self, run: &Run) -> Option<Duration> {
        let permit = run.seat.permit()?;
        if self.attempt.prepared.streams {
            permit.p95()
        } else {
            permit.p95_of_whole()
        }
    }

    fn has_effects_at(&self, target: &Target) -> bool {
        let provider = self.attempt.gateway.provider(target);
        self.attempt.prepared.has_effects_at(provider)
    }

    /// Runs `first`, and a second beside it if it has not answered `after` that time. Who is left in the end
    /// comes back with what it said.
    pub(super) async fn race(
        &mut self,
        first: Run,
        mut sheet: Sheet,
        after: Duration,
    ) -> (Run, Result<Good, Failure>) {
        let attempt = self.attempt;
        let mut leader = Box::pin(attempt.run(&first.target, &mut sheet, first.leash()));
        if let Ok(result) = timeout(after, &mut leader).await {
            drop(leader);
            return (first, result);
        }
        let Some((second, mut beside)) = self.second(&first).await else {
            let result = leader.await;
            return (first, result);
        };
        let mut other = Box::pin(attempt.run(&second.target, &mut beside, second.leash()));
        let (is_first, result) = tokio::select! {
            biased;
            result = &mut leader => (true, result),
            result = &mut other => (false, result),
        };
        match (is_first, result) {
            (true, Ok(good)) => {
                drop((leader, other));
                self.lose(&second);
                (first, Ok(good))
            }
            (false, Ok(good)) => {
                drop((leader, other));
                self.lose(&first);
                self.attempt.gateway.hedges().win();
                (second, Ok(good))
            }
            (true, Err(failure)) => {
                drop(leader);
                self.give_up(first, &failure);
                let result = other.await;
                if result.is_ok() {
                    self.attempt.gateway.hedges().win();
                }
                (second, result)
            }
            (false, Err(failure)) => {
                drop(other);
                self.give_up(second, &failure);
                let result = leader.await;
                (first, result)
            }
        }
    }

    /// Begins an attempt beside `first`, if there is somebody for it, and something left in the budget.
    async fn second(&mut self, first: &Run) -> Option<(Run, Sheet)> {
        let hedges = self.attempt.gateway.hedges();
        if !self.has_attempts() || !hedges.withdraw() {
            return None;
        }
        // One per request.
        self.hedge = None;
        while let Some(target) = self.line.take_beside(&first.target) {
            if self.is_drained(&target) {
                continue;
            }
            if self.has_effects_at(&target) {
                self.line.again(target);
                break;
            }
            let seat = match self.admit(&target) {
                Ok(seat) => seat,
                Err(shut) => {
                    self.pass_over(target, shut);
                    continue;
                }
            };
            let refused = self.refused(&target);
            let (attempt, weight) = (self.attempt, self.attempt.weight(&target));
            let gate = attempt.gateway.heavy();
            let written = gate.pass(weight, || attempt.write(&target, &refused)).await;
            match written {
                Ok(sheet) if sheet.has_effects => {
                    self.line.again(target);
                    break;
                }
                Ok(sheet) => {
                    self.cause = Cause::Hedge;
                    hedges.start();
                    return Some((self.begin(target, seat, &sheet), sheet));
                }
                // Its word is not the last: the first is still under way.
                Err(failure) => drop(self.leave_out(&target, failure)),
            }
        }
        hedges.give_back();
        None
    }

    /// `run` is left to itself: the other one was faster.
    fn lose(&mut self, run: &Run) {
        if let Some(tried) = self.record.tried(run.place) {
            tried.verdict = Verdict::Lost;
            tried.elapsed = Some(run.began.elapsed());
        }
    }

    /// `run` has failed, while the other one goes on.
    fn give_up(&mut self, run: Run, failure: &Failure) {
        self.is_risky |= self.is_too_risky(&run, failure);
        let target = self.note(run, failure);
        self.line.leave(target, failure);
    }
}
