//! The survey: what stands behind each offer, and in which order it is tried.

use std::sync::Arc;
use std::time::Instant;

use super::capable::fit;
use super::choice::{self, Candidate, Order, Policy};
use super::considered::{Exclusion, Notes};
use super::keys::{Turns, note_other_keys, targets};
use super::plan::{Ask, Keyring, Plan};
use super::{Offer, Target, affinity};
use crate::config::Strategy;
use crate::health::{Health, Standing, View};

/// How targets are looked at.
pub(super) struct Survey<'a> {
    pub(super) ask: &'a Ask<'a>,
    pub(super) keyrings: &'a [Keyring],
    pub(super) health: &'a Health,
    pub(super) now: Instant,
}

impl Survey<'_> {
    /// Looks at the keys of all `offers`, and puts those in order that may be tried; the others go into `plan`.
    pub(super) fn fill(&self, plan: &mut Plan, offers: &[Arc<Offer>], notes: &mut Notes) -> Order {
        let mut candidates: Vec<Candidate> = Vec::new();
        let mut turns = Turns::default();
        for offer in offers {
            let ring = &self.keyrings[offer.provider];
            let turn = turns.of(offer.provider, ring, self.ask.rehearses);
            if notes.are_taken() {
                note_other_keys(offer, ring, self.ask, notes);
            }
            for target in targets(offer, ring, turn, self.ask) {
                // Two steps of a route may lead to one target: the first says how it is asked.
                let is_known = |known: &Candidate| known.target.id == target.id;
                if offer.rules.is_some() && candidates.iter().any(is_known) {
                    continue;
                }
                candidates.extend(self.look_at(target, plan, notes));
            }
        }
        plan.open.sort_by_key(|(_, until)| *until);
        let policy = Policy {
            strategy: plan.strategy,
            ..self.ask.policy
        };
        let mut order = choice::order(&policy, candidates);
        if let Some(session) = self.ask.session {
            plan.kept_session = affinity::keep(session, &mut order.tried);
        }
        // A person's word is the last: a session whose cache is elsewhere goes with it, too.
        if let Some(pin) = self.ask.steer.and_then(|steer| steer.pin.as_ref()) {
            plan.is_pinned = pin.put_first(&mut order, self.now);
            plan.kept_session &= !plan.is_pinned;
        }
        order
    }

    /// Sorts `target` by how it stands.
    fn look_at(&self, target: Target, plan: &mut Plan, notes: &mut Notes) -> Option<Candidate> {
        let now = self.now;
        let view = || self.health.view(&target.id, now);
        if self.ask.steer.is_some_and(|steer| steer.drains(&target.id)) {
            notes.target(&target, view, Exclusion::Drained);
            plan.drained += 1;
            return None;
        }
        match self.health.standing(&target.id, now) {
            standing @ (Standing::Ready | Standing::Probe | Standing::Suspect) => {
                let view = if self.needs_views(plan.strategy) {
                    view()
                } else {
                    View::untried()
                };
                return Some(Candidate {
                    fit: fit(&target.offer, plan.needs),
                    is_near: self.is_near(&target, plan.strategy),
                    target,
                    standing,
                    view,
                    score: None,
                });
            }
            Standing::Open { until } => {
                let wait = until.saturating_duration_since(now);
                notes.target(&target, view, Exclusion::Open { wait });
                plan.open.push((target, until));
            }
            Standing::Resting { until, class } => {
                let wait = until.saturating_duration_since(now);
                notes.target(&target, view, Exclusion::Resting { wait, class });
                plan.resting.push((target, until, class));
            }
            Standing::Unavailable => notes.target(&target, view, Exclusion::Unavailable),
        }
        None
    }

    /// Config order asks nothing of health but who stands.
    fn needs_views(&self, strategy: Strategy) -> bool {
        strategy != Strategy::Sequential || self.ask.session.is_some() || self.ask.rehearses
    }

    /// Whether `target` is where it should be, and has the key that is preferred. Under `sequential` the keys
    /// of a provider are in that order already.
    fn is_near(&self, target: &Target, strategy: Strategy) -> bool {
        let provider = &self.keyrings[target.offer.provider].provider;
        let is_there = |region: &str| provider.region.as_deref() == Some(region);
        let is_preferred = |alias: &str| {
            let key = target.key.map(|place| &provider.keys[place]);
            key.is_some_and(|key| key.alias.as_deref() == Some(alias))
        };
        let rules = target.offer.rules.as_ref();
        let has_own = rules.is_some_and(|rules| rules.alias.is_some());
        let alias = self
            .ask
            .alias
            .filter(|_| strategy != Strategy::Sequential && !has_own);
        self.ask.region.is_none_or(is_there) && alias.is_none_or(is_preferred)
    }
}
