//! A decision as it is told: the choice, the order after it, and every candidate with its reason.

use serde_json::{Value, json};

use super::leg::{Chosen, How, Leg};
use super::{Rehearsal, reason, word};
use crate::chat::Dialect;
use crate::config::FallbackOn;
use crate::health::TargetId;
use crate::proxy::{shown, tongue};
use crate::route::plan::Considered;
use crate::route::{Offer, Target};
use crate::telemetry::clock::milliseconds;

impl Rehearsal<'_> {
    /// The decision. The last of `legs`, of which there is at least one, is that of the choice, if there is any.
    pub(super) fn told(&self, legs: &[Leg], chosen: Option<&Chosen>) -> Value {
        let endpoint = self.call.endpoint;
        let first = legs.first().map(|leg| &leg.plan);
        let route = first.and_then(|plan| plan.route.as_ref());
        let last = legs.last();
        let of_choice = last.zip(chosen);
        let candidates = legs.iter().zip(1..).flat_map(|(leg, count)| {
            let chosen = chosen.filter(|_| count == legs.len());
            self.candidates(leg, chosen)
        });
        json!({
            "object": "routing.decision",
            "model": self.prepared.head.model,
            "endpoint": endpoint.path,
            "dialect": endpoint.dialect.name(),
            "stream": self.prepared.streams,
            "strategy": last.map(|leg| leg.plan.strategy.name()),
            // What the owner has changed by hand, as far as it bore on this.
            "steered": last.map(|leg| json!({
                "pinned": leg.plan.is_pinned,
                "strategy": leg.plan.is_switched,
            })),
            "route": route.map(|route| &*route.name),
            "needs": first.map(|plan| shown::features(plan.needs)),
            "chosen": of_choice.map(|(leg, chosen)| self.chosen(leg, chosen)),
            "order": of_choice.map(|(leg, chosen)| self.order(leg, chosen)).unwrap_or_default(),
            "candidates": candidates.collect::<Vec<_>>(),
            "detours": legs.iter().filter_map(detour).collect::<Vec<_>>(),
            "fallbacks": fallbacks(legs),
        })
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

    fn chosen(&self, leg: &Leg, chosen: &Chosen) -> Value {
        let told = chosen.sheet.told();
        let mut named = self.named(&chosen.target);
        named["dropped"] = json!(told.dropped);
        named["adjusted"] = json!(told.adjusted);
        named["reason"] = json!(reason::of(self, leg, chosen));
        if let How::After(wait) | How::WhenThereIsRoom(wait) = chosen.how {
            named["wait_ms"] = json!(milliseconds(wait));
        }
        named
    }

    /// Who is asked, one after the other, as long as each fails.
    fn order(&self, leg: &Leg, chosen: &Chosen) -> Vec<Value> {
        let is_tried = |target: &&Target| {
            let mut passed = leg.passed.iter().map(|passed| &passed.target);
            target.id != chosen.target.id && passed.all(|passed| passed.id != target.id)
        };
        let first = std::iter::once(&chosen.target);
        let open = leg.plan.open.first().map(|(target, _)| target);
        let rest = leg.plan.targets.iter().chain(open).filter(is_tried);
        first
            .chain(rest)
            .map(|target| self.offered(&target.offer, target.key))
            .collect()
    }

    fn candidates(&self, leg: &Leg, chosen: Option<&Chosen>) -> Vec<Value> {
        let mut all: Vec<&Considered> = leg.plan.considered.iter().collect();
        all.sort_by_key(|one| one.verdict.as_ref().map_or(usize::MAX, |rank| *rank));
        all.into_iter()
            .map(|one| self.candidate(leg, one, chosen))
            .collect()
    }

    fn candidate(&self, leg: &Leg, one: &Considered, chosen: Option<&Chosen>) -> Value {
        let target = self.target(one);
        let mut shown = self.named(&target);
        shown["key"] = json!(one.key.map(|place| place + 1));
        let passed = leg
            .passed
            .iter()
            .find(|passed| is(one, &passed.target))
            .map(|passed| (passed.code, passed.reason.clone()));
        let is_chosen = chosen.is_some_and(|chosen| is(one, &chosen.target));
        let excluded = one.verdict.as_ref().err().map(shown::exclusion).or(passed);
        let excluded = excluded.filter(|_| !is_chosen);
        shown["chosen"] = json!(is_chosen);
        shown["rank"] = json!(one.verdict.as_ref().ok().map(|rank| rank + 1));
        shown["score"] = one.score.map_or(Value::Null, shown::rounded);
        shown["excluded"] = excluded.map_or(
            Value::Null,
            |(code, reason)| json!({ "code": code, "reason": reason }),
        );
        shown["price"] = shown::price(&one.offer);
        let (health, now) = (self.gateway.health(), self.now);
        let (view, standing) = (
            health.view(&target.id, now),
            health.standing(&target.id, now),
        );
        shown["health"] = shown::health(&view, standing, now);
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
}

fn is(one: &Considered, target: &Target) -> bool {
    one.key == target.key && one.offer == target.offer
}

/// The way that the request takes before anybody is asked.
fn detour(leg: &Leg) -> Option<Value> {
    let (name, on) = leg.around.as_ref()?;
    Some(json!({ "on": words(on), "route": &**name }))
}

/// Where the routes go on when everybody fails.
fn fallbacks(legs: &[Leg]) -> Vec<Value> {
    let is_passed = |name: &str| {
        legs.iter().any(|leg| {
            let route = leg.plan.route.as_ref().map(|route| &*route.name);
            let around = leg.around.as_ref().map(|(name, _)| &**name);
            [route, around].contains(&Some(name))
        })
    };
    // Those of the route that was left last come first.
    let routes = legs.iter().rev().filter_map(|leg| leg.plan.route.as_ref());
    routes
        .flat_map(|route| &route.fallbacks)
        .filter(|fallback| !is_passed(&fallback.route))
        .map(|fallback| json!({ "on": words(&fallback.on), "route": fallback.route }))
        .collect()
}

fn words(on: &[FallbackOn]) -> Vec<&'static str> {
    let mut words: Vec<_> = on.iter().map(|on| word(*on)).collect();
    words.sort_unstable();
    words.dedup();
    words
}
