//! Decide: what would become of a request, without sending it.
//!
//! The rehearsal takes the way of a request as far as the moment where it would be sent: read, planned,
//! written for one target after the other. No key's turn moves on, no die is cast, no permit is taken and
//! no book is opened; so it may be asked as often as one likes, and foretells what the next request does.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::attempt::{Attempt, Sheet};
use super::call::Call;
use super::exhausted::{End, Exhausted, Failed};
use super::failover::line::MAX_PATIENCE;
use super::gateway::Gateway;
use super::planning::{self, Terms};
use super::prepared::Prepared;
use super::problem::Problem;
use super::question::Question;
use super::{session, shown, state, tongue};
use crate::chat::{Dialect, Failure, FailureClass, Next};
use crate::config::{FallbackOn, Strategy};
use crate::health::{Shut, Standing, TargetId};
use crate::route::plan::{Considered, Exclusion, NoTarget, Plan};
use crate::route::{Offer, Target};

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
    let terms = Terms {
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
        plan: &plan,
        now: Instant::now(),
    };
    rehearsal.answer().await
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

struct Rehearsal<'a> {
    gateway: &'a Gateway,
    call: &'a Call,
    prepared: &'a Prepared,
    plan: &'a Plan,
    now: Instant,
}

/// Whom the request goes to.
struct Chosen<'a> {
    target: &'a Target,
    sheet: Sheet,
    how: How,
}

/// How a target comes to be asked first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    /// It is the best that may be tried.
    InOrder,
    /// All breakers are open, and its is the nearest to its end.
    LastResort,
    /// Its key wakes so soon that it is waited for.
    After(Duration),
}

/// A target that is passed over when its turn comes.
struct Passed<'a> {
    target: &'a Target,
    code: &'static str,
    reason: String,
}

impl Rehearsal<'_> {
    async fn answer(&self) -> Result<Value, Hopeless> {
        let mut passed = Vec::new();
        let found = match &self.plan.no_target {
            Some(reason) => Err(self.no_target(NoTarget::clone(reason))),
            None => self.search(&mut passed).await,
        };
        let chosen = found.as_ref().ok();
        let endpoint = self.call.endpoint;
        let route = self.plan.route.as_ref();
        let decision = json!({
            "object": "routing.decision",
            "model": self.prepared.head.model,
            "endpoint": endpoint.path,
            "dialect": endpoint.dialect.name(),
            "stream": self.prepared.streams,
            "strategy": self.plan.strategy.name(),
            "route": route.map(|route| &*route.name),
            "needs": shown::features(self.plan.needs),
            "chosen": chosen.map(|chosen| self.chosen(chosen)),
            "order": chosen.map(|chosen| self.order(chosen, &passed)).unwrap_or_default(),
            "candidates": self.candidates(chosen, &passed),
            "fallbacks": self.fallbacks(),
        });
        match found {
            Ok(_) => Ok(decision),
            Err(problem) => Err(Hopeless {
                problem,
                decision: Some(decision),
            }),
        }
    }

    fn no_target(&self, reason: NoTarget) -> Problem {
        let model = self.prepared.head.model.as_deref().unwrap_or_default();
        let mut considered = self.plan.considered.iter();
        if considered.all(|one| one.verdict == Err(Exclusion::Asked)) {
            let message = format!("every provider of `{model}` is left out");
            return Problem::bad_field("exclude_providers", message);
        }
        planning::no_target(reason, self.call, self.prepared, model)
    }

    /// Whom failover would ask first.
    async fn search<'s>(&'s self, passed: &mut Vec<Passed<'s>>) -> Result<Chosen<'s>, Problem> {
        let (mut failures, mut full) = (Vec::new(), Vec::new());
        let in_order = self
            .plan
            .targets
            .iter()
            .map(|target| (target, How::InOrder));
        let open = self
            .plan
            .open
            .first()
            .map(|(target, _)| (target, How::LastResort));
        for (target, how) in in_order.chain(open).chain(self.waking()) {
            match self.write(target).await {
                Err(failure) => {
                    let is_final = failure.next == Next::Return;
                    passed.push(Passed::refusing(target, &failure));
                    failures.push(unasked(failure));
                    if is_final {
                        return Err(self.exhausted(failures, full, End::Answer));
                    }
                }
                Ok(sheet) => match self.gateway.health().no_room(&target.id, self.now) {
                    Some(shut) => {
                        match shut {
                            Shut::Open { .. } | Shut::Resting { .. } => {}
                            Shut::Full => full.push(None),
                            Shut::Paced { until } => full.push(Some(until.into())),
                        }
                        passed.push(Passed::shut(target, shut, self.now));
                    }
                    None => return Ok(Chosen { target, sheet, how }),
                },
            }
        }
        Err(self.exhausted(failures, full, End::NobodyLeft))
    }

    async fn write(&self, target: &Target) -> Result<Sheet, Failure> {
        let attempt = Attempt {
            gateway: self.gateway,
            call: self.call,
            prepared: self.prepared,
            needs: self.plan.needs,
            deadline: tokio::time::Instant::now(),
        };
        let (provider, model) = (&target.id.provider, &target.offer.name);
        let refused = self.gateway.unsupported().of(provider, model, self.now);
        let gate = self.gateway.heavy();
        let weight = attempt.weight(target);
        gate.pass(weight, || attempt.write(target, &refused)).await
    }

    /// The target whose key wakes first, if it is worth waiting for.
    fn waking(&self) -> Option<(&Target, How)> {
        let patience = MAX_PATIENCE.min(self.limit() / 4);
        let resting = self.plan.resting.iter();
        let (target, until, class) = resting.min_by_key(|(_, until, _)| *until)?;
        let wait = until.saturating_duration_since(self.now);
        let is_worth_it = *class == FailureClass::RateLimit && wait <= patience;
        is_worth_it.then_some((target, How::After(wait)))
    }

    /// The time of the whole request.
    fn limit(&self) -> Duration {
        let total = self.gateway.config().router.timeouts.total;
        let limits = [self.prepared.timeout, super::route_limit(self.plan)];
        limits.into_iter().flatten().fold(total, Duration::min)
    }

    fn exhausted(
        &self,
        failures: Vec<Failed>,
        full: Vec<Option<tokio::time::Instant>>,
        end: End,
    ) -> Problem {
        let asleep = self.plan.resting.iter();
        Exhausted {
            failures,
            asleep: asleep
                .map(|(_, until, class)| (*class, (*until).into()))
                .collect(),
            full,
            end,
        }
        .tell()
    }

    /// A target by name, and how it is spoken to.
    fn named(&self, target: &Target) -> Value {
        let mut named = self.offered(&target.offer, target.key);
        let provider = self.gateway.provider(target);
        let spoken = tongue::endpoint(self.prepared, &target.offer, provider);
        let dialect = spoken.map(|endpoint| endpoint.dialect);
        named["speaks"] = json!(dialect.map(Dialect::name));
        named["translated"] = json!(dialect != Some(self.call.endpoint.dialect));
        named
    }

    fn offered(&self, offer: &Offer, key: Option<usize>) -> Value {
        let ring = &self.gateway.keyrings()[offer.provider];
        let (key, alias) = shown::key(ring, key);
        json!({
            "provider": &*ring.provider.name,
            "model": &*offer.name,
            "upstream_model": &*offer.upstream,
            "key": key,
            "alias": alias,
            "region": ring.provider.region,
        })
    }

    fn chosen(&self, chosen: &Chosen<'_>) -> Value {
        let told = chosen.sheet.told();
        let mut named = self.named(chosen.target);
        named["dropped"] = json!(told.dropped);
        named["adjusted"] = json!(told.adjusted);
        named["reason"] = json!(self.reason(chosen));
        if let How::After(wait) = chosen.how {
            named["wait_ms"] = json!(shown::milliseconds(wait));
        }
        named
    }

    /// Why it is this one, as a sentence without its full stop.
    fn reason(&self, chosen: &Chosen<'_>) -> String {
        let target = chosen.target;
        match chosen.how {
            How::After(wait) => {
                let wait = shown::time(wait);
                format!("every key rests; its own wakes first, in {wait}, and is waited for")
            }
            How::LastResort => {
                "every breaker is open, and its own is the nearest to its end".to_owned()
            }
            How::InOrder if self.plan.targets.len() == 1 => {
                "it is the only one that may be tried".to_owned()
            }
            How::InOrder if target.id != self.plan.targets[0].id => {
                "it is the first in order that can take the request".to_owned()
            }
            How::InOrder if self.plan.kept_session => "its session goes on with it".to_owned(),
            How::InOrder if self.standing(target) == Standing::Probe => {
                "its breaker waits for a probe, and others can step in".to_owned()
            }
            How::InOrder => self.by_strategy(target),
        }
    }

    fn by_strategy(&self, target: &Target) -> String {
        let score = self.score(target).filter(|score| score.is_finite());
        match (self.plan.strategy, score) {
            (Strategy::Sequential, _) => {
                "it comes first in the order that was asked for or configured".to_owned()
            }
            (Strategy::Weighted, Some(score)) => {
                format!("the lot fell on it, in proportion to the scores; its own is {score:.2}")
            }
            (_, Some(score)) if score >= self.best_score() => {
                format!("it has the best score, {score:.2}")
            }
            (_, Some(score)) => format!(
                "it is put before better scores than its own, {score:.2}: they suit the request less, or it \
                 was not heard of for long"
            ),
            (Strategy::Bandit, None) => "it has not been tried enough to be judged".to_owned(),
            (_, None) => "nothing is known that speaks for another".to_owned(),
        }
    }

    fn standing(&self, target: &Target) -> Standing {
        self.gateway.health().standing(&target.id, self.now)
    }

    /// The best score of those that may be tried.
    fn best_score(&self) -> f64 {
        let considered = self.plan.considered.iter();
        let tried = considered.filter(|one| one.verdict.is_ok());
        tried.filter_map(|one| one.score).fold(0.0, f64::max)
    }

    fn score(&self, target: &Target) -> Option<f64> {
        let mut considered = self.plan.considered.iter();
        considered.find(|one| is(one, target))?.score
    }

    /// Who is asked, one after the other, as long as each fails.
    fn order(&self, chosen: &Chosen<'_>, passed: &[Passed<'_>]) -> Vec<Value> {
        let is_passed = |target: &&Target| {
            let mut passed = passed.iter();
            passed.all(|passed| passed.target.id != target.id)
        };
        let first = std::iter::once(chosen.target);
        let rest = self.plan.targets.iter().filter(is_passed);
        let open = self.plan.open.first().map(|(target, _)| target);
        let rest = rest.chain(open.filter(is_passed));
        let rest = rest.filter(|target| target.id != chosen.target.id);
        first
            .chain(rest)
            .map(|target| self.offered(&target.offer, target.key))
            .collect()
    }

    fn candidates(&self, chosen: Option<&Chosen<'_>>, passed: &[Passed<'_>]) -> Vec<Value> {
        let mut all = self.considered();
        all.sort_by_key(|one| one.verdict.as_ref().map_or(usize::MAX, |rank| *rank));
        all.iter()
            .map(|one| self.candidate(one, chosen, passed))
            .collect()
    }

    fn candidate(
        &self,
        one: &Considered,
        chosen: Option<&Chosen<'_>>,
        passed: &[Passed<'_>],
    ) -> Value {
        let target = self.target(one);
        let mut shown = self.named(&target);
        shown["key"] = json!(one.key.map(|place| place + 1));
        let passed = passed
            .iter()
            .find(|passed| is(one, passed.target))
            .map(|passed| (passed.code, passed.reason.clone()));
        let excluded = one.verdict.as_ref().err().map(shown::exclusion).or(passed);
        shown["chosen"] = json!(chosen.is_some_and(|chosen| is(one, chosen.target)));
        shown["rank"] = json!(one.verdict.as_ref().ok().map(|rank| rank + 1));
        shown["score"] = one.score.map_or(Value::Null, shown::rounded);
        shown["excluded"] = excluded.map_or(
            Value::Null,
            |(code, reason)| json!({ "code": code, "reason": reason }),
        );
        shown["price"] = shown::price(&one.offer);
        let view = self.gateway.health().view(&target.id, self.now);
        shown["health"] = shown::health(&view, self.standing(&target), self.now);
        shown
    }

    /// What `one` stands for; where no key was looked at, without one.
    fn target(&self, one: &Considered) -> Target {
        let ring = &self.gateway.keyrings()[one.offer.provider];
        Target {
            offer: one.offer.clone(),
            key: one.key,
            id: TargetId {
                provider: ring.provider.name.clone(),
                key: one.key.map_or(0, |place| ring.key_ids[place]),
                model: one.offer.name.clone(),
                service: self.call.endpoint.service(),
            },
        }
    }

    /// Everybody who was looked at.
    fn considered(&self) -> Vec<Considered> {
        let mut all = self.plan.considered.clone();
        let mut add = |target: &Target, verdict: Result<usize, Exclusion>| {
            if !all.iter().any(|one| is(one, target)) {
                all.push(Considered {
                    offer: target.offer.clone(),
                    key: target.key,
                    view: None,
                    score: None,
                    verdict,
                });
            }
        };
        for (rank, target) in self.plan.targets.iter().enumerate() {
            add(target, Ok(rank));
        }
        for (target, until) in &self.plan.open {
            let wait = until.saturating_duration_since(self.now);
            add(target, Err(Exclusion::Open { wait }));
        }
        for (target, until, class) in &self.plan.resting {
            let (wait, class) = (until.saturating_duration_since(self.now), *class);
            add(target, Err(Exclusion::Resting { wait, class }));
        }
        all
    }

    /// Where the route goes on when all of them fail.
    fn fallbacks(&self) -> Vec<Value> {
        let route = self.plan.route.iter();
        route
            .flat_map(|route| &route.fallbacks)
            .map(|fallback| {
                let on: Vec<_> = fallback.on.iter().map(|on| word(*on)).collect();
                json!({ "on": on, "route": fallback.route })
            })
            .collect()
    }
}

impl<'a> Passed<'a> {
    fn refusing(target: &'a Target, failure: &Failure) -> Self {
        Self {
            target,
            code: "cannot_take",
            reason: format!("it could not take the request: {}", failure.message),
        }
    }

    fn shut(target: &'a Target, shut: Shut, now: Instant) -> Self {
        let (code, reason) = match shut {
            Shut::Paced { until } => {
                let wait = shown::time(until.saturating_duration_since(now));
                (
                    "paced",
                    format!("it has had its requests of this minute; the next in {wait}"),
                )
            }
            Shut::Full | Shut::Open { .. } | Shut::Resting { .. } => (
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

fn is(one: &Considered, target: &Target) -> bool {
    one.key == target.key && one.offer == target.offer
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
