//! The plan of one request: which targets, in which order.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Instant;

use http::HeaderValue;

use super::candidates::{candidates, check_alias, speakers, wanted};
use super::capable::capable;
use super::choice::{Order, Policy};
use super::considered::Notes;
use super::context;
use super::index::Index;
use super::steer::Steer;
use super::survey::Survey;
use super::{Fluency, Offer, RouteRules, Scope, Target};
use crate::chat::FailureClass;
use crate::config::Strategy;
use crate::health::{Health, TargetId};
use crate::provider::{Features, Provider};

pub use super::capable::missing;
pub use super::considered::{Considered, Exclusion, MOST_WATCHED};

/// What a request asks of routing.
#[derive(Clone, Copy)]
pub struct Ask<'a> {
    /// What it is for, as health tells services apart.
    pub service: &'static str,
    /// The model string.
    pub model: &'a str,
    /// The provider it is pinned to.
    pub provider: Option<&'a str>,
    /// The key it wants.
    pub alias: Option<&'a str>,
    /// Whether no other key will do.
    pub strict_alias: bool,
    /// Whether targets that lack a capability stay, because the parts can be removed.
    pub may_strip: bool,
    /// What exists for whoever asks; `None` is everything.
    pub scope: Option<&'a Scope>,
    /// How well each provider, by its place, can be spoken to; `None` is not at all.
    pub fluency: &'a dyn Fn(usize) -> Option<Fluency>,
    /// How candidates are put in order.
    pub policy: Policy<'a>,
    /// Whose turn it was last in the same session: it goes on, if nothing speaks against it.
    pub session: Option<&'a TargetId>,
    /// Whether it is only asked what would happen: nothing may change by it, and everything is explained.
    pub rehearses: bool,
    /// Providers that are left out.
    pub excluded: &'a [String],
    /// Where it should run, if there is a choice.
    pub region: Option<&'a str>,
    /// Length of the body in bytes; 0 where that says nothing of the prompt.
    pub body_len: usize,
    /// A low estimate of the prompt in tokens; asked at most once, and only of a body that might be too long.
    pub prompt_tokens: Option<&'a dyn Fn() -> u64>,
    /// What its owner has changed by hand.
    pub steer: Option<&'a Steer>,
    /// What becomes of so many candidates is noted: of some while somebody watches, of all in a rehearsal.
    pub noted: usize,
}

/// What routing knows of a provider, beside its offers.
#[derive(Debug)]
pub struct Keyring {
    /// The provider.
    pub provider: Arc<Provider>,
    /// Its name as a header, if it can be one.
    pub name_header: Option<HeaderValue>,
    /// Digests of its keys, in their order.
    pub key_ids: Vec<u64>,
    /// Where the rotation of keys stands.
    pub turn: AtomicUsize,
}

/// Ordered targets, and those left out.
#[derive(Debug, Default)]
pub struct Plan {
    /// Targets, the best first.
    pub targets: Vec<Target>,
    /// Targets that rest: when they wake and why they sleep.
    pub resting: Vec<(Target, Instant, FailureClass)>,
    /// Targets behind an open breaker, the nearest to its end first: a last resort.
    pub open: Vec<(Target, Instant)>,
    /// The route that the model named.
    pub route: Option<Arc<RouteRules>>,
    /// By which strategy the targets were put in order.
    pub strategy: Strategy,
    /// Whether that is one that the owner has chosen by hand.
    pub is_switched: bool,
    /// All candidates, and what became of each; only for a rehearsal, or the first of them while somebody watches.
    pub considered: Vec<Considered>,
    /// What the request needs, as far as it mattered.
    pub needs: Features,
    /// Whether the session goes on where it was: its target is then the first.
    pub kept_session: bool,
    /// Whether its owner has pinned the first.
    pub is_pinned: bool,
    /// How many are left out as their owner has drained them.
    pub drained: usize,
    /// Why nobody is left. For a rehearsal, which is told by this rather than by an error as soon as there were
    /// any candidates: `considered` says what became of them. And where all are drained, but there is a way around.
    pub no_target: Option<Box<NoTarget>>,
}

/// Why there is no target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoTarget {
    /// Nobody offers the model.
    UnknownModel {
        /// Names like it.
        suggestions: Vec<Arc<str>>,
    },
    /// No such provider.
    UnknownProvider {
        /// Those there are.
        known: Vec<Arc<str>>,
    },
    /// The pinned provider does not offer the model.
    NotAtProvider {
        /// Names like it.
        suggestions: Vec<Arc<str>>,
    },
    /// No candidate has a key of that name.
    UnknownAlias {
        /// Those there are.
        known: Vec<String>,
    },
    /// No candidate can do what the request needs.
    Incapable {
        /// What is missing everywhere.
        missing: Features,
    },
    /// Every provider of the model says that it does not have it.
    Unavailable,
    /// No candidate can be spoken to in the client's dialect, nor in another.
    NoSpeaker,
    /// The owner has drained every candidate that would do.
    Drained,
}

impl Plan {
    /// Whether all are drained, and the route may name another for that.
    pub fn goes_around(&self) -> bool {
        let is_drained = self.no_target.as_deref() == Some(&NoTarget::Drained);
        let route = self.route.as_ref().filter(|_| is_drained);
        route.is_some_and(|route| !route.fallbacks.is_empty())
    }
}

/// Makes the plan. `needs` is asked only if a candidate's capabilities are known.
pub fn make(
    ask: &Ask<'_>,
    index: &Index,
    keyrings: &[Keyring],
    health: &Health,
    needs: impl FnOnce() -> Features,
    now: Instant,
) -> Result<Plan, NoTarget> {
    let offers = candidates(ask, index, keyrings)?;
    check_alias(ask, &offers, keyrings)?;
    let route = index.route(ask.model.trim()).cloned();
    let own = route.as_ref().and_then(|route| route.strategy);
    // What a request or its route asks for is asked for by name: only the gateway's own is switched.
    let switched = ask.steer.and_then(|steer| steer.strategy);
    let chosen = ask.policy.insisted.or(own);
    let mut plan = Plan {
        strategy: chosen.or(switched).unwrap_or(ask.policy.strategy),
        is_switched: chosen.is_none() && switched.is_some(),
        route,
        ..Plan::default()
    };
    let mut notes = Notes::wanted(ask);
    let order = match usable(ask, index, keyrings, offers, needs, &mut notes) {
        Ok((offers, needs)) => {
            plan.needs = needs;
            let survey = Survey {
                ask,
                keyrings,
                health,
                now,
            };
            survey.fill(&mut plan, &offers, &mut notes)
        }
        Err(reason) => {
            plan.no_target = Some(Box::new(reason));
            Order::default()
        }
    };
    plan.considered = notes.of(&order.tried, &order.dropped);
    // Who is dropped has no lot, but is better than nobody.
    let order = order.tried.into_iter().chain(order.dropped);
    plan.targets = order.map(|candidate| candidate.target).collect();
    let is_empty = plan.targets.is_empty() && plan.resting.is_empty() && plan.open.is_empty();
    if is_empty && plan.no_target.is_none() {
        let is_drained = plan.drained > 0;
        let reason = if is_drained {
            NoTarget::Drained
        } else {
            NoTarget::Unavailable
        };
        plan.no_target = Some(Box::new(reason));
    }
    let goes_on = plan.goes_around();
    match plan.no_target.take_if(|_| !ask.rehearses && !goes_on) {
        Some(reason) => Err(*reason),
        None => Ok(plan),
    }
}

/// The offers that would do, whatever their health, and what the request needs of them.
fn usable(
    ask: &Ask<'_>,
    index: &Index,
    keyrings: &[Keyring],
    offers: Vec<Arc<Offer>>,
    needs: impl FnOnce() -> Features,
    notes: &mut Notes,
) -> Result<(Vec<Arc<Offer>>, Features), NoTarget> {
    let offers = wanted(ask, offers, keyrings, notes)?;
    let offers = speakers(ask, index, offers, notes)?;
    let needs = if offers.iter().any(|offer| offer.features.is_some()) {
        needs()
    } else {
        Features::NONE
    };
    let offers = capable(ask, offers, needs, notes)?;
    Ok((context::that_take(ask, offers, notes), needs))
}

#[cfg(test)]
mod tests;
