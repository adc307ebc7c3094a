//! The providers: a row of the overview each, and the page behind it. Of a key its place, its name and its state
//! are told, and never the key.

use std::sync::Arc;
use std::time::Instant;

use super::moment::Moment;
use super::standing::{self, Known, Reach};
use crate::health::{KeyStanding, RestView, TargetId};
use crate::provider::limits;
use crate::proxy::gateway::Gateway;
use crate::proxy::shown;
use crate::route::plan::Keyring;
use crate::route::{Offer, health_score};
use crate::telemetry::act::{Fault, Whom};
use crate::telemetry::clock::{milliseconds, unix_ms};
use crate::telemetry::foreign;
use crate::telemetry::snapshot::{
    ErrorCount, KeyDetail, LastError, Limit, ProviderDetail, ProviderRow, Steering, TargetDetail,
};

/// What a look sees of one provider.
pub(super) struct Seen<'a> {
    gateway: &'a Gateway,
    ring: &'a Keyring,
    offers: Vec<Arc<Offer>>,
    targets: Vec<Known>,
    steering: &'a Steering,
    moment: Moment,
}

impl<'a> Seen<'a> {
    /// The provider at `place`. `tried` are the targets in the books, of whichever provider.
    pub(super) fn new(
        gateway: &'a Gateway,
        place: usize,
        tried: &[TargetId],
        steering: &'a Steering,
        reach: Reach,
        moment: Moment,
    ) -> Self {
        let index = gateway.index();
        let offers = index.offers().iter().filter(|o| o.provider == place);
        Self {
            gateway,
            ring: &gateway.keyrings()[place],
            offers: offers.cloned().collect(),
            targets: standing::targets(gateway, place, tried, reach, moment.now),
            steering,
            moment,
        }
    }

    /// Its row, without what is counted.
    pub(super) fn row(&self) -> ProviderRow {
        let provider = &self.ring.provider;
        let load = self
            .gateway
            .health()
            .provider_view(&provider.name, self.now());
        let load = load.unwrap_or_default();
        let keys: Vec<KeyDetail> = self.keys();
        let ready = keys.iter().filter(|key| key.state == "ready").count();
        let rests = keys.iter().filter_map(|key| key.until_ms);
        ProviderRow {
            name: provider.name.to_string(),
            kind: provider.preset.kind.clone(),
            address: shown::address(provider),
            standing: self.standing(),
            health: self.health(),
            circuit: standing::worst(&self.targets, self.needed(), self.moment),
            keys: count(keys.len()),
            keys_ready: count(ready),
            key_rests_until_ms: (ready == 0).then(|| rests.min()).flatten(),
            models: count(self.offers.len()),
            in_flight: load.in_flight,
            cap: load
                .cap
                .or(provider.max_concurrency)
                .into_iter()
                .chain(load.learned_limit)
                .min(),
            chaos: self.chaos(),
            last_error: self.last_errors().into_iter().next(),
            ..ProviderRow::default()
        }
    }

    /// Its page, around a finished row.
    pub(super) fn page(&self, row: ProviderRow) -> ProviderDetail {
        let provider = &self.ring.provider;
        let dialects = provider.preset.dialects.iter();
        ProviderDetail {
            row,
            dialects: dialects.map(|one| one.name().to_owned()).collect(),
            region: provider.region.clone(),
            weight: provider.weight,
            keys: self.keys(),
            targets: self
                .targets
                .iter()
                .map(|known| self.target(known))
                .collect(),
            errors: self.errors(),
            last_errors: self.last_errors(),
            limits: self.limits(),
        }
    }

    /// What the upstream last said of the limits of each key.
    fn limits(&self) -> Vec<Limit> {
        let ids = &self.ring.key_ids;
        let keys = ids.iter().copied().zip((1..).map(Some));
        let none = ids.is_empty().then_some((0, None));
        let told = keys.chain(none).filter_map(|(id, place)| {
            let health = self.gateway.health();
            let name = &self.ring.provider.name;
            Some((place, health.key_standing(name, id, self.now()).limits?))
        });
        told.flat_map(|(place, (limits, heard))| {
            let rows = [
                ("requests", limits.requests),
                ("tokens", limits.tokens),
                ("input tokens", limits.input_tokens),
                ("output tokens", limits.output_tokens),
            ];
            rows.map(|(what, limit)| self.limit(place, what, limit, heard))
        })
        .flatten()
        .collect()
    }

    /// One limit, if it was told how much is left of it.
    fn limit(
        &self,
        key: Option<usize>,
        what: &str,
        limit: limits::Limit,
        heard: Instant,
    ) -> Option<Limit> {
        let resets = limit.reset.and_then(|wait| heard.checked_add(wait));
        let resets = resets.filter(|at| *at > self.now());
        Some(Limit {
            key,
            what: what.to_owned(),
            remaining: limit.remaining?,
            limit: limit.limit,
            resets_ms: resets.map(|at| self.moment.ms(at)),
        })
    }

    /// Failures by class, the most frequent first.
    fn errors(&self) -> Vec<ErrorCount> {
        let reading = self.gateway.metrics().provider(&self.ring.provider.name);
        let classes = reading.attempts.by_class.into_iter();
        let mut errors: Vec<_> = classes
            .map(|(class, count)| ErrorCount {
                class: class.to_owned(),
                count,
            })
            .collect();
        errors.sort_by_key(|error| std::cmp::Reverse(error.count));
        errors
    }

    /// The last failures, the latest first.
    fn last_errors(&self) -> Vec<LastError> {
        let failures = self.gateway.metrics().failures(&self.ring.provider.name);
        let redactor = self.gateway.redactor();
        let told = failures.iter().map(|failure| LastError {
            at_ms: unix_ms(failure.at),
            class: failure.class.to_owned(),
            status: failure.status,
            model: foreign::shown(&failure.model, redactor, LONGEST_MODEL),
        });
        told.collect()
    }

    fn now(&self) -> Instant {
        self.moment.now
    }

    /// Successes that close a half-open breaker.
    fn needed(&self) -> u32 {
        self.gateway.config().router.circuit.successes
    }

    fn standing(&self) -> String {
        if self.is_drained(None, None) {
            return "drained".to_owned();
        }
        standing::best(&self.targets).to_owned()
    }

    /// That of the best of its targets, to one decimal: less is noise, and would be told with every look.
    fn health(&self) -> f64 {
        let scores = self.targets.iter().map(|known| health_score(&known.view));
        let best = scores.reduce(f64::max);
        rounded(best.unwrap_or(UNTRIED))
    }

    fn keys(&self) -> Vec<KeyDetail> {
        let provider = &self.ring.provider;
        let keys = provider.keys.iter().zip(&self.ring.key_ids).zip(1..);
        keys.map(|((key, id), place)| {
            let known = self.gateway.health();
            let known = known.key_standing(&provider.name, *id, self.now());
            self.key(place, key.alias.clone(), &known)
        })
        .collect()
    }

    fn key(&self, place: usize, alias: Option<String>, known: &KeyStanding) -> KeyDetail {
        let rest = known.rest.as_ref();
        let is_drained = self.is_drained(Some(place), None);
        let state = match rest {
            _ if is_drained => "drained",
            None => "ready",
            Some(rest) if rest.is_dead => "dead",
            Some(_) => "resting",
        };
        let until = |rest: &RestView| {
            let left = !rest.remaining.is_zero();
            left.then(|| self.moment.ms(self.now() + rest.remaining))
        };
        KeyDetail {
            place,
            alias,
            state: state.to_owned(),
            class: rest.map(|rest| rest.class.name().to_owned()),
            until_ms: rest.and_then(until),
            failures: rest.map_or(0, |rest| rest.failures),
            in_flight: known.in_flight,
            learned_cap: known.learned_limit,
        }
    }

    fn target(&self, known: &Known) -> TargetDetail {
        let (id, view) = (&known.id, &known.view);
        let offer = self.offers.iter().find(|offer| offer.name == id.model);
        let prices = offer.and_then(|offer| {
            let known = offer.knowledge();
            known.input_price.zip(known.output_price)
        });
        let key = standing::place(self.ring, id.key);
        let is_drained = self.is_drained(None, Some(&id.model));
        TargetDetail {
            model: id.model.to_string(),
            key,
            service: id.service.to_owned(),
            standing: if is_drained || self.is_drained(None, None) {
                "drained".to_owned()
            } else {
                shown::standing(known.standing).to_owned()
            },
            health: rounded(health_score(view)),
            circuit: standing::circuit(view, self.needed(), self.moment),
            until_ms: standing::until(known.standing, self.moment),
            successes: view.successes,
            failures: view.failures,
            latency_ms: view.latency.map(milliseconds),
            p95_ms: view.p95.map(milliseconds),
            tokens_per_second: view.tokens_per_second.map(rounded),
            in_flight: view.in_flight,
            prices,
        }
    }

    /// Whether its owner has said that it, this key or this model is not asked.
    fn is_drained(&self, key: Option<usize>, model: Option<&str>) -> bool {
        let is = |whom: &Whom| {
            *whom.provider == *self.ring.provider.name
                && whom.key == key
                && whom.model.as_deref() == model
        };
        self.steering.drained.iter().any(|one| is(&one.whom))
    }

    fn chaos(&self) -> Option<String> {
        let mut injected = self.steering.chaos.iter();
        let own = injected.find(|one| *one.provider == *self.ring.provider.name)?;
        Some(words(own.fault))
    }
}

/// Most characters of a model's name.
const LONGEST_MODEL: usize = 128;

/// The health of who was never tried.
const UNTRIED: f64 = 77.0;

fn words(fault: Fault) -> String {
    match fault {
        Fault::Latency { ms } => format!("latency {ms} ms"),
        Fault::RateLimit => "rate limit".to_owned(),
        Fault::ServerError => "server error".to_owned(),
        Fault::Cut { after } => format!("cut after {after} B"),
        Fault::Stall { after } => format!("stall after {after} B"),
        Fault::Garbage => "garbage".to_owned(),
    }
}

/// To one decimal.
pub(super) fn rounded(figure: f64) -> f64 {
    let rounded = (figure * 10.0).round() / 10.0;
    if rounded.is_finite() { rounded } else { 0.0 }
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
