//! Steering: what the owner has changed by hand, as far as it bears on a plan.

use std::sync::Arc;
use std::time::Instant;

use super::choice::{Candidate, Fit, Order};
use crate::config::Strategy;
use crate::health::{Standing, TargetId};

/// See the module's head.
#[derive(Debug, Clone, Default)]
pub struct Steer {
    /// Who is not asked.
    pub drained: Vec<Drain>,
    /// Who is asked first.
    pub pin: Option<Pin>,
    /// The strategy, in place of the gateway's own.
    pub strategy: Option<Strategy>,
}

/// A provider that is not asked, or a part of it: what is named has to agree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drain {
    /// The provider.
    pub provider: Arc<str>,
    /// The digest of one of its keys.
    pub key: Option<u64>,
    /// One of its models.
    pub model: Option<Arc<str>>,
}

/// Who is asked first for a while, wherever it is a candidate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pin {
    /// Its provider.
    pub provider: Arc<str>,
    /// Its model; whichever comes first of the provider's, if `None`.
    pub model: Option<Arc<str>>,
    /// Until when.
    pub until: Instant,
}

impl Steer {
    /// Whether `target` is not to be asked.
    pub fn drains(&self, target: &TargetId) -> bool {
        self.drained.iter().any(|drain| drain.covers(target))
    }
}

impl Drain {
    fn covers(&self, target: &TargetId) -> bool {
        self.provider == target.provider
            && self.key.is_none_or(|key| key == target.key)
            && self
                .model
                .as_ref()
                .is_none_or(|model| *model == target.model)
    }
}

impl Pin {
    /// Puts its place first, with all the keys of that, if it is among those that may be tried; whether it did.
    ///
    /// Who failed a moment ago, or cannot do what is asked at all, waits in its turn. A score that is too low is
    /// no reason: a person knows better.
    pub(super) fn put_first(&self, order: &mut Order, now: Instant) -> bool {
        if now >= self.until {
            return false;
        }
        let mut all = order.tried.iter().chain(&order.dropped);
        let Some(found) = all.find(|one| self.takes(one)) else {
            return false;
        };
        let place = found.target.id.clone();
        let is_there = |one: &Candidate| self.takes(one) && one.target.id.model == place.model;
        let part = |all: &mut Vec<Candidate>| std::mem::take(all).into_iter().partition(is_there);
        let (mut first, mut rest): (Vec<_>, Vec<_>) = part(&mut order.tried);
        let (scored_low, dropped): (Vec<_>, Vec<_>) = part(&mut order.dropped);
        first.extend(scored_low);
        first.append(&mut rest);
        *order = Order {
            tried: first,
            dropped,
        };
        true
    }

    fn takes(&self, one: &Candidate) -> bool {
        let id = &one.target.id;
        id.provider == self.provider
            && self.model.as_ref().is_none_or(|model| *model == id.model)
            && one.fit != Fit::Poor
            && matches!(one.standing, Standing::Ready | Standing::Probe)
    }
}
