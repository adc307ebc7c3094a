//! Decide: what would become of a request, without sending it.
//!
//! The rehearsal takes the way of a request as far as the moment where it would be sent: read, planned,
//! written for one target after the other. No key's turn moves on, no die is cast, no permit is taken and
//! no book is opened; so it may be asked as often as one likes, and foretells what the next request does.
//! Where a route has nobody left to ask and names another for that, the rehearsal goes on along it.

mod leg;
mod reason;
mod told;

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use self::leg::{Books, Chosen, Leg};
use super::call::Call;
use super::failover::detour::Detour;
use super::gateway::Gateway;
use super::planning::{self, Terms};
use super::prepared::Prepared;
use super::problem::Problem;
use super::question::Question;
use super::{session, state};
use crate::config::FallbackOn;
use crate::health::TargetId;
use crate::route::plan::{Exclusion, NoTarget, Plan};

/// A request that would be answered with a problem before anybody is asked.
#[derive(Debug)]
pub struct Hopeless {
    /// The problem.
    pub problem: Problem,
    /// Why none of the candidates would be asked, where there are any: the decision without a choice.
    pub decision: Option<Value>,
}

impl From<Problem> for Hopeless {
    fn from(problem: Problem) -> Self {
        Self {
            problem,
            decision: None,
        }
    }
}

/// Says what would become of the request of `question`.
///
/// # Errors
/// The problem that the request would be answered with.
pub async fn decide(gateway: &Gateway, question: Question) -> Result<Value, Box<Hopeless>> {
    let decided = rehearse(gateway, question).await;
    decided.map_err(Box::new)
}

/// The same, one after the other by `turns` and not on the threads that serve: among thousands of targets a rehearsal
/// takes a while, and whoever only asks must keep nobody waiting who wants to be answered.
///
/// # Errors
/// The problem that the request would be answered with.
pub async fn decide_aside(
    gateway: Arc<Gateway>,
    question: Question,
    turns: Arc<Semaphore>,
) -> Result<Value, Box<Hopeless>> {
    let internal = || Box::new(Hopeless::from(Problem::internal()));
    let turn = turns.acquire_owned().await.map_err(|_closed| internal())?;
    let runtime = Handle::current();
    let rehearsal = spawn_blocking(move || {
        // Its own: whoever has asked may be gone before it ends.
        let _turn = turn;
        runtime.block_on(decide(&gateway, question))
    });
    rehearsal.await.unwrap_or_else(|_panicked| Err(internal()))
}

async fn rehearse(gateway: &Gateway, question: Question) -> Result<Value, Hopeless> {
    let Question {
        call,
        excluded,
        region,
        strategy,
    } = question;
    check_names(gateway, &excluded)?;
    let mut prepared = Prepared::read(&call)?;
    state::resume(gateway, &call, &mut prepared)?;
    let session = session::last(gateway, &call, &mut prepared);
    // One moment for all of it: what is told of a target is what its place in the order came from.
    let now = Instant::now();
    let terms = Terms {
        now: Some(now),
        rehearses: true,
        excluded: &excluded,
        region: region.as_deref(),
        strategy,
        session: session.as_ref(),
    };
    let plan = planning::plan(gateway, &call, &prepared, terms)?;
    let rehearsal = Rehearsal {
        gateway,
        call: &call,
        prepared: &prepared,
        // A detour has nothing to do with the session.
        terms: Terms {
            session: None,
            ..terms
        },
        limit: limit(gateway, &prepared, &plan),
        now,
    };
    rehearsal.answer(plan).await
}

/// Who is to be left out has to be there.
fn check_names(gateway: &Gateway, excluded: &[String]) -> Result<(), Problem> {
    let index = gateway.index();
    let unknown = excluded.iter().find(|name| index.provider(name).is_none());
    unknown.map_or(Ok(()), |name| {
        let message = format!("there is no provider `{name}`");
        Err(Problem::bad_field("exclude_providers", message))
    })
}

/// The time of the whole request.
fn limit(gateway: &Gateway, prepared: &Prepared, plan: &Plan) -> Duration {
    let total = gateway.config().router.timeouts.total;
    let limits = [prepared.timeout, super::route_limit(plan)];
    limits.into_iter().flatten().fold(total, Duration::min)
}

struct Rehearsal<'a> {
    gateway: &'a Gateway,
    call: &'a Call,
    prepared: &'a Prepared,
    terms: Terms<'a>,
    limit: Duration,
    now: Instant,
}

impl Rehearsal<'_> {
    async fn answer(&self, plan: Plan) -> Result<Value, Hopeless> {
        let mut legs = Vec::new();
        let found = self.walk(plan, &mut legs).await;
        let decision = self.told(&legs, found.as_ref().ok());
        match found {
            Ok(_) => Ok(decision),
            Err(problem) => Err(Hopeless {
                problem,
                decision: Some(decision),
            }),
        }
    }

    /// Whom failover would ask first, along the plan or, as its route says, along another.
    async fn walk(&self, plan: Plan, legs: &mut Vec<Leg>) -> Result<Chosen, Problem> {
        if let Some(reason) = plan.no_target.as_ref().filter(|_| !plan.goes_around()) {
            let problem = self.no_target(&plan, NoTarget::clone(reason));
            legs.push(Leg::new(plan));
            return Err(problem);
        }
        let mut way = Way {
            detour: Detour::of(plan.route.clone()),
            lots: 0,
        };
        let mut books = Books::default();
        let mut leg = Leg::new(plan);
        loop {
            let found = leg.search(self, &mut books).await;
            legs.push(leg);
            if let Some(chosen) = found {
                return Ok(chosen);
            }
            match way.turn(self, legs, &books) {
                Some(next) => leg = next,
                None => return Err(books.tell()),
            }
        }
    }

    fn no_target(&self, plan: &Plan, reason: NoTarget) -> Problem {
        let model = self.prepared.head.model.as_deref().unwrap_or_default();
        let mut considered = plan.considered.iter();
        if considered.all(|one| one.verdict == Err(Exclusion::Asked)) {
            let message = format!("every provider of `{model}` is left out");
            return Problem::bad_field("exclude_providers", message);
        }
        planning::no_target(reason, self.call, self.prepared, model)
    }
}

/// Where it goes on when a route has nobody left.
struct Way {
    detour: Detour,
    /// Plans of detours so far: each has its lot.
    lots: u64,
}

impl Way {
    /// The next leg, if there is a way around what went wrong.
    fn turn(&mut self, on: &Rehearsal<'_>, legs: &[Leg], books: &Books) -> Option<Leg> {
        let kinds = books.kinds();
        if kinds.is_empty() {
            return None;
        }
        while let Some(name) = self.detour.next(&kinds) {
            self.lots += 1;
            let dice = on.gateway.peek_lot(self.lots);
            let plan = planning::for_model(on.gateway, on.call, on.prepared, &name, on.terms, dice);
            let plan = plan.ok().filter(|plan| plan.no_target.is_none());
            let Some(mut plan) = plan else { continue };
            let is_new = |id: &TargetId| !legs.iter().any(|leg| leg.has_refused(id));
            plan.targets.retain(|target| is_new(&target.id));
            plan.open.retain(|(target, _)| is_new(&target.id));
            if plan.targets.is_empty() && plan.open.is_empty() {
                continue;
            }
            self.detour.passes(plan.route.clone());
            let mut leg = Leg::new(plan);
            leg.around = Some((name, kinds.into_iter().flatten().collect()));
            return Some(leg);
        }
        None
    }
}

/// The word of the configuration.
pub fn word(on: FallbackOn) -> &'static str {
    match on {
        FallbackOn::ContextLength => "context_length",
        FallbackOn::RateLimit => "rate_limit",
        FallbackOn::ContentFilter => "content_filter",
        FallbackOn::Timeout => "timeout",
        FallbackOn::ServerError => "server_error",
        FallbackOn::Any => "any",
    }
}
