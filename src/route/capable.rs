//! Capabilities: who can do what a request needs.

use std::sync::Arc;

use super::Offer;
use super::choice::Fit;
use super::considered::{Exclusion, Notes};
use super::plan::{Ask, NoTarget};
use crate::provider::{Feature, Features};

/// Capabilities without which a request cannot be served. The others (`json`, `reasoning`,
/// `embeddings`) are younger than the configs that list features, so they only prefer.
fn hard(needs: Features) -> Features {
    let soft = Features::NONE
        .with(Feature::Json)
        .with(Feature::Reasoning)
        .with(Feature::Embeddings);
    needs.without(soft)
}

/// What `needs` asks for and `has` lacks; `media` covers audio, as the old configs meant it.
pub fn missing(needs: Features, has: Option<Features>) -> Features {
    let Some(has) = has else {
        return Features::NONE;
    };
    let has = if has.has(Feature::Media) {
        has.with(Feature::Audio)
    } else {
        has
    };
    hard(needs).without(has)
}

/// The offers that can do what is needed, those that say so first.
pub(super) fn capable(
    ask: &Ask<'_>,
    offers: Vec<Arc<Offer>>,
    needs: Features,
    notes: &mut Notes,
) -> Result<Vec<Arc<Offer>>, NoTarget> {
    let lacks = |offer: &Arc<Offer>| missing(needs, offer.features);
    let (mut able, unable): (Vec<_>, Vec<_>) = offers
        .into_iter()
        .partition(|offer| lacks(offer).is_empty());
    if able.is_empty() && ask.may_strip {
        return Ok(unable);
    }
    for offer in &unable {
        notes.offer(offer, Exclusion::Incapable(lacks(offer)));
    }
    if able.is_empty() {
        let first = unable.first().map(lacks).unwrap_or_default();
        let everywhere = unable.iter().map(lacks).fold(first, Features::common);
        let missing = if everywhere.is_empty() {
            first
        } else {
            everywhere
        };
        return Err(NoTarget::Incapable { missing });
    }
    able.sort_by_key(|offer| fit(offer, needs));
    Ok(able)
}

/// How well `offer` suits a request that needs `needs`, beside what it cannot do without.
pub(super) fn fit(offer: &Offer, needs: Features) -> Fit {
    let Some(has) = offer.features else {
        return Fit::Good;
    };
    // A model that lists nothing but `embeddings` cannot talk, whatever else is asked of it.
    if has == Features::NONE.with(Feature::Embeddings) && !needs.has(Feature::Embeddings) {
        return Fit::Poor;
    }
    if needs.without(has).is_empty() {
        Fit::Good
    } else {
        Fit::Doubtful
    }
}
