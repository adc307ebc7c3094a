//! Candidates: who offers what a model string asks for, exists for whoever asks, and can be spoken to.

use std::sync::Arc;

use super::considered::{Exclusion, Notes};
use super::index::Index;
use super::plan::{Ask, Keyring, NoTarget};
use super::wanted::Wanted;
use super::{Offer, Scope};

pub(super) fn candidates(
    ask: &Ask<'_>,
    index: &Index,
    keyrings: &[Keyring],
) -> Result<Vec<Arc<Offer>>, NoTarget> {
    let pin = match ask.provider {
        None => None,
        Some(name) => Some(
            index
                .provider(name)
                .ok_or_else(|| NoTarget::UnknownProvider {
                    known: providers(ask, index, keyrings),
                })?,
        ),
    };
    let found = match Wanted::parse(ask.model, |name| index.has(name)) {
        Wanted::Anything => {
            let all = index.offers().iter();
            all.filter(|offer| pin.is_none_or(|place| offer.provider == place))
                .filter(|offer| exists(ask.scope, &offer.name))
                .cloned()
                .collect()
        }
        Wanted::Names(names) => {
            let mut found: Vec<Arc<Offer>> = Vec::new();
            for offer in names
                .iter()
                .flat_map(|name| offers_of(name, ask, index, pin))
            {
                if !found.contains(&offer) {
                    found.push(offer);
                }
            }
            found
        }
    };
    if !found.is_empty() {
        return Ok(found);
    }
    let mut suggestions = index.suggest(ask.model);
    suggestions.retain(|name| exists(ask.scope, name));
    Err(match pin {
        Some(_) => NoTarget::NotAtProvider { suggestions },
        None => NoTarget::UnknownModel { suggestions },
    })
}

/// The providers that whoever asks may know of: all, or those that offer something within the scope.
fn providers(ask: &Ask<'_>, index: &Index, keyrings: &[Keyring]) -> Vec<Arc<str>> {
    let offers_something = |place: usize| {
        let mut offers = index.offers().iter();
        offers.any(|offer| offer.provider == place && exists(ask.scope, &offer.name))
    };
    let rings = keyrings.iter().enumerate();
    rings
        .filter(|(place, _)| ask.scope.is_none() || offers_something(*place))
        .map(|(_, ring)| ring.provider.name.clone())
        .collect()
}

fn exists(scope: Option<&Scope>, name: &str) -> bool {
    scope.is_none_or(|scope| scope.allows(name))
}

/// Who offers `name` within the scope. A route that exists brings its steps, whatever they are called.
fn offers_of(name: &str, ask: &Ask<'_>, index: &Index, pin: Option<usize>) -> Vec<Arc<Offer>> {
    let mut offers = index.find(name, pin);
    if !(index.is_route(name) && exists(ask.scope, name)) {
        offers.retain(|offer| exists(ask.scope, &offer.name));
    }
    offers
}

/// The offers without those of providers that the request does not want.
pub(super) fn wanted(
    ask: &Ask<'_>,
    mut offers: Vec<Arc<Offer>>,
    keyrings: &[Keyring],
    notes: &mut Notes,
) -> Result<Vec<Arc<Offer>>, NoTarget> {
    if ask.excluded.is_empty() {
        return Ok(offers);
    }
    offers.retain(|offer| {
        let name = &*keyrings[offer.provider].provider.name;
        let is_excluded = ask.excluded.iter().any(|excluded| excluded == name);
        if is_excluded {
            notes.offer(offer, Exclusion::Asked);
        }
        !is_excluded
    });
    if offers.is_empty() {
        return Err(NoTarget::Unavailable);
    }
    Ok(offers)
}

/// The offers whose providers can be spoken to, those that need no translation first. What the client or
/// a route has put in an order keeps it.
pub(super) fn speakers(
    ask: &Ask<'_>,
    index: &Index,
    mut offers: Vec<Arc<Offer>>,
    notes: &mut Notes,
) -> Result<Vec<Arc<Offer>>, NoTarget> {
    let fluency = |offer: &Arc<Offer>| (ask.fluency)(offer.provider);
    offers.retain(|offer| {
        let speaks = fluency(offer).is_some();
        if !speaks {
            notes.offer(offer, Exclusion::NoSpeaker);
        }
        speaks
    });
    if offers.is_empty() {
        return Err(NoTarget::NoSpeaker);
    }
    let is_route = || offers.iter().any(|offer| offer.rules.is_some());
    let is_list = || match Wanted::parse(ask.model, |name| index.has(name)) {
        Wanted::Names(names) => names.len() > 1,
        Wanted::Anything => false,
    };
    if offers.len() > 1 && !is_route() && !is_list() {
        offers.sort_by_key(fluency);
    }
    Ok(offers)
}

/// An alias that no candidate knows is a mistake, whether or not other keys would do.
pub(super) fn check_alias(
    ask: &Ask<'_>,
    offers: &[Arc<Offer>],
    keyrings: &[Keyring],
) -> Result<(), NoTarget> {
    let Some(alias) = ask.alias else {
        return Ok(());
    };
    let mut known = aliases(offers, keyrings);
    if known.iter().any(|known| known == alias) {
        return Ok(());
    }
    if ask.scope.is_some() {
        // What keys are called is their owner's business.
        known.clear();
    }
    Err(NoTarget::UnknownAlias { known })
}

fn aliases(offers: &[Arc<Offer>], keyrings: &[Keyring]) -> Vec<String> {
    let mut known: Vec<String> = offers
        .iter()
        .flat_map(|offer| &keyrings[offer.provider].provider.keys)
        .filter_map(|key| key.alias.clone())
        .collect();
    known.sort_unstable();
    known.dedup();
    known
}
