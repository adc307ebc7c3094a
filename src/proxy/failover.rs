//! Failover: one target after the other until one answers, within attempts and time.
//!
//! No decision about a failure is made here anew: its [`Next`] says where the request may go, this
//! room only keeps the books (attempts, deadline, who has been asked) and knows when to stop.

mod books;
pub(super) mod detour;
mod filtered;
mod gate;
mod healing;
pub(super) mod line;
mod race;
mod repeat;

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::attempt::{Attempt, Good, Leash, Sheet};
use super::exhausted::{End, Exhausted, Failed};
use super::planning::{self, Terms};
use super::problem::Problem;
use super::record::Record;
use super::seat::Seat;
use crate::chat::{Failure, Next};
use crate::config::Hedge;
use crate::route::Target;
use crate::route::plan::Plan;
use crate::telemetry::trace::{Cause, Verdict};
use detour::Detour;
use healing::Healing;
use line::Line;

pub(super) use line::verdict;

/// The search for a target that answers.
#[derive(Debug)]
pub struct Failover<'a> {
    attempt: Attempt<'a>,
    record: &'a mut Record,
    line: Line,
    failures: Vec<Failed>,
    /// The same target once more, so often.
    repeats: u32,
    healing: Vec<Healing>,
    /// Why the next attempt is made.
    cause: Cause,
    /// How a slow target may be overtaken, as long as none has been.
    hedge: Option<Hedge>,
    /// Whether an attempt may have been processed, with effects that a second would repeat.
    is_risky: bool,
    detour: Detour,
    /// An answer without content, for want of a better.
    spare: Option<Box<Won>>,
}

/// An answer that is the client's, and who gave it.
#[derive(Debug)]
pub struct Won {
    /// The answer.
    pub good: Good,
    /// Whose it is.
    pub target: Target,
    /// The place that it takes.
    pub seat: Seat,
    /// By which the record knows the attempt.
    pub place: usize,
}

/// An attempt under way.
#[derive(Debug)]
struct Run {
    target: Target,
    seat: Seat,
    /// By which the record knows it.
    place: usize,
    began: Instant,
    gate: Option<Duration>,
    /// Whether a second run would have effects, by what translation made of it.
    has_effects: bool,
}

/// How the search goes on after a failure.
enum After {
    /// With the next in line.
    Further,
    /// With the same target, after so long.
    Pause(Duration),
    /// Not here.
    End(End),
}

impl Run {
    fn leash(&self) -> Leash<'_> {
        Leash {
            permit: self.seat.permit(),
            gate: self.gate,
        }
    }

    fn won(self, good: Good) -> Won {
        Won {
            good,
            target: self.target,
            seat: self.seat,
            place: self.place,
        }
    }
}

impl<'a> Failover<'a> {
    /// A search along `plan`, booked in `record`.
    pub fn new(attempt: Attempt<'a>, plan: Plan, record: &'a mut Record) -> Self {
        for (target, _) in &plan.open {
            record.skip(target, Cause::First, Verdict::CircuitOpen);
        }
        let detour = Detour::of(plan.route.clone());
        Self {
            hedge: race::rule(attempt, plan.route.as_deref()),
            line: Line::of(plan),
            failures: Vec::new(),
            repeats: 0,
            healing: Vec::new(),
            cause: Cause::First,
            is_risky: false,
            detour,
            spare: None,
            attempt,
            record,
        }
    }

    /// Asks until somebody answers.
    ///
    /// # Cancel safety
    /// Dropping the future ends the attempts under way.
    pub async fn run(&mut self) -> Result<Won, Problem> {
        let end = loop {
            let end = 'line: loop {
                if let Some(end) = self.is_over() {
                    break end;
                }
                let Some((target, seat)) = self.next().await else {
                    break End::NobodyLeft;
                };
                let refused = self.refused(&target);
                let (attempt, weight) = (self.attempt, self.attempt.weight(&target));
                let gate = attempt.gateway.heavy();
                let written = gate.pass(weight, || attempt.write(&target, &refused)).await;
                let mut sheet = match written {
                    Ok(sheet) => sheet,
                    Err(failure) => match self.leave_out(&target, failure) {
                        Some(end) => break 'line end,
                        None => continue,
                    },
                };
                let run = self.begin(target, seat, &sheet);
                let (run, result) = match self.overtaken_after(&run) {
                    None => {
                        let result = attempt.run(&run.target, &mut sheet, run.leash()).await;
                        (run, result)
                    }
                    // Boxed: it has room for two attempts.
                    Some(after) => Box::pin(self.race(run, sheet, after)).await,
                };
                // Nothing of the answer is held across the pause.
                let after = match result {
                    Ok(good) => match self.settle(run, good) {
                        Some(won) => return Ok(won),
                        None => After::Further,
                    },
                    Err(failure) => self.failed(run, &failure),
                };
                match after {
                    After::Further => {}
                    After::Pause(pause) => sleep(pause).await,
                    After::End(end) => break 'line end,
                }
            };
            if !self.turns_off(end) {
                break end;
            }
        };
        match self.spare.take() {
            Some(spare) => Ok(*spare),
            None => Err(self.exhausted(end).tell()),
        }
    }

    fn exhausted(&mut self, end: End) -> Exhausted {
        Exhausted {
            failures: std::mem::take(&mut self.failures),
            asleep: self.line.asleep(),
            full: self.line.full(),
            is_drained: self.line.is_drained(),
            end,
        }
    }

    /// Whether attempts or time are used up.
    fn is_over(&self) -> Option<End> {
        if Instant::now() >= self.attempt.deadline {
            return Some(End::Late);
        }
        if self.has_attempts() {
            return None;
        }
        Some(if self.line.is_empty() {
            End::NobodyLeft
        } else {
            End::Attempts
        })
    }

    fn has_attempts(&self) -> bool {
        self.record.attempts() < self.attempt.gateway.config().router.max_attempts
    }

    /// Books an attempt that begins now.
    fn begin(&mut self, target: Target, seat: Seat, sheet: &Sheet) -> Run {
        sheet.log(self.record.id());
        let cause = std::mem::replace(&mut self.cause, Cause::Failover);
        let has_effects = sheet.has_effects;
        let place = self.record.begin(&target, cause);
        let steering = self.attempt.gateway.steering();
        if steering.fault_of(&target.id.provider).is_some()
            && let Some(tried) = self.record.tried(place)
        {
            tried.is_injected = true;
        }
        Run {
            place,
            gate: self.gate(&target, &seat, has_effects),
            began: Instant::now(),
            has_effects,
            target,
            seat,
        }
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
        self.record.skip(target, self.cause, Verdict::LeftOut);
        let is_final = failure.next == Next::Return;
        self.line.strike(target, &failure);
        self.failures.push(Failed {
            failure,
            note: None,
            rest: None,
        });
        is_final.then_some(End::Answer)
    }

    /// Books a failure and goes where it says.
    fn failed(&mut self, run: Run, failure: &Failure) -> After {
        let is_risky = self.is_too_risky(&run, failure);
        let target = self.note(run, failure);
        if self.heals(&target, failure) {
            self.line.again(target);
            self.cause = Cause::Healed;
            return After::Further;
        }
        if failure.next == Next::Return {
            return After::End(End::Answer);
        }
        if is_risky || self.is_risky {
            return After::End(End::Risk);
        }
        if self.repeats(&target, failure) {
            self.line.again(target);
            self.cause = Cause::Repeat;
            return After::Pause(self.pause());
        }
        self.line.leave(target, failure);
        After::Further
    }

    /// The answer is the client's, unless it is set aside.
    fn settle(&mut self, run: Run, good: Good) -> Option<Won> {
        self.learn(&run.target);
        self.set_aside(run, good)
    }

    /// The plan for `model`, as a detour of this request.
    fn plan(&self, model: &str) -> Option<Plan> {
        let Attempt {
            gateway,
            call,
            prepared,
            ..
        } = self.attempt;
        let dice = gateway.next_lot();
        planning::for_model(gateway, call, prepared, model, Terms::default(), dice).ok()
    }
}
