//! Names: who is meant by an act; if nobody is, who might have been.

use std::sync::Arc;
use std::time::Instant;

use crate::config::Strategy;
use crate::provider::Models;
use crate::proxy::gateway::Gateway;
use crate::proxy::shown;
use crate::route::plan::Keyring;
use crate::telemetry::act::{Refused, Whom};
use crate::telemetry::foreign::is_treacherous;

/// Longest name of a model that is taken from a caller.
const LONGEST: usize = 256;

/// The names that a gateway knows.
pub(super) struct Named<'a> {
    pub(super) gateway: &'a Gateway,
}

impl<'a> Named<'a> {
    /// The provider of that name.
    pub(super) fn provider(&self, name: &str) -> Result<&'a Keyring, Refused> {
        let rings = self.gateway.keyrings();
        let found = rings.iter().find(|ring| *ring.provider.name == *name);
        found.ok_or_else(|| {
            let known: Vec<Arc<str>> = rings
                .iter()
                .map(|ring| ring.provider.name.clone())
                .collect();
            unknown("provider", name, &known)
        })
    }

    /// Whether the provider has that model, as far as that is known: who serves everything may have any.
    pub(super) fn model(&self, provider: &str, model: Option<&str>) -> Result<(), Refused> {
        let ring = self.provider(provider)?;
        let Some(model) = model else { return Ok(()) };
        let index = self.gateway.index();
        let offers = index.offers().iter();
        let own = offers.filter(|offer| {
            self.gateway.keyrings()[offer.provider].provider.name == ring.provider.name
        });
        let known: Vec<Arc<str>> = own.map(|offer| offer.name.clone()).collect();
        let is_open = matches!(ring.provider.models, Models::Everything) && known.is_empty();
        // Nobody can ask for a name with control characters: it could only mislead whoever reads it.
        let is_plain = !model.contains(is_treacherous);
        let fits = is_plain && !model.is_empty() && model.len() <= LONGEST;
        if known.iter().any(|name| **name == *model) || (is_open && fits) {
            return Ok(());
        }
        Err(unknown(&format!("model of {provider}"), model, &known))
    }

    /// The digest of the key at `place`, from 1.
    pub(super) fn key(&self, provider: &str, place: usize) -> Result<u64, Refused> {
        let ring = self.provider(provider)?;
        let id = place
            .checked_sub(1)
            .and_then(|place| ring.key_ids.get(place));
        id.copied().ok_or_else(|| {
            let refused = Refused::new(format!("{provider} has no key {place}"));
            match ring.key_ids.len() {
                0 => refused.with_hint("it has no keys at all"),
                1 => refused.with_hint("it has key 1"),
                count => refused.with_hint(format!("it has keys 1 to {count}")),
            }
        })
    }

    /// Whether all that `whom` names is there; returns the digest of its key, if it names one.
    pub(super) fn whom(&self, whom: &Whom) -> Result<Option<u64>, Refused> {
        self.provider(&whom.provider)?;
        self.model(&whom.provider, whom.model.as_deref())?;
        whom.key
            .map(|place| self.key(&whom.provider, place))
            .transpose()
    }

    /// Requests under way at a provider.
    pub(super) fn in_flight(&self, provider: &str) -> u32 {
        let view = self
            .gateway
            .health()
            .provider_view(&provider.into(), Instant::now());
        view.map_or(0, |view| view.in_flight)
    }

    /// Whether nobody is left to ask.
    pub(super) fn are_all_drained(&self) -> bool {
        let rings = self.gateway.keyrings();
        rings.iter().all(|ring| {
            self.is_drained(&Whom {
                provider: ring.provider.name.to_string(),
                ..Whom::default()
            })
        })
    }

    /// Whether `whom`, or all of its provider, is drained.
    pub(super) fn is_drained(&self, whom: &Whom) -> bool {
        let steering = self.gateway.steering().view(Instant::now());
        let mut drained = steering.drained.iter().map(|one| &one.whom);
        drained.any(|one| {
            one.provider == whom.provider
                && one.key.is_none()
                && (one.model.is_none() || one.model == whom.model)
        })
    }
}

/// The strategy of that name.
pub(super) fn strategy(name: &str) -> Result<Strategy, Refused> {
    let found = Strategy::ALL
        .into_iter()
        .find(|strategy| strategy.name() == name);
    found.ok_or_else(|| {
        unknown(
            "strategy",
            name,
            &Strategy::ALL.map(|strategy| strategy.name().into()),
        )
    })
}

/// There is nobody of that name; who is named like it, or else who there is.
pub(super) fn unknown(what: &str, name: &str, known: &[Arc<str>]) -> Refused {
    /// More names than this are a list, and no hint.
    const MOST: usize = 8;
    let name: String = name.chars().take(LONGEST).collect();
    let refused = Refused::new(format!("there is no {what} `{name}`"));
    let near = shown::near(&name, known.iter().map(|name| &**name));
    if !near.is_empty() {
        return refused.with_hint(format!("did you mean {}?", near.join(" or ")));
    }
    match known.len() {
        0 => refused,
        1..=MOST => refused.with_hint(format!("there are: {}", known.join(", "))),
        count => refused.with_hint(format!(
            "there are {count}: {}, …",
            known[..MOST].join(", ")
        )),
    }
}
