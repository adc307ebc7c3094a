//! Capabilities: who can do what a request needs.

use std::sync::Arc;

use super::Offer;
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

pub(super) fn capable(
    ask: &Ask<'_>,
    offers: Vec<Arc<Offer>>,
    needs: Features,
) -> Result<Vec<Arc<Offer>>, NoTarget> {
    let lacks = |offer: &Arc<Offer>| missing(needs, offer.features);
    let (mut able, unable): (Vec<_>, Vec<_>) = offers
        .into_iter()
        .partition(|offer| lacks(offer).is_empty());
    if able.is_empty() {
        let first = unable.first().map(lacks).unwrap_or_default();
        let everywhere = unable.iter().map(lacks).fold(first, Features::common);
        let missing = if everywhere.is_empty() {
            first
        } else {
            everywhere
        };
        return if ask.may_strip {
            Ok(unable)
        } else {
            Err(NoTarget::Incapable { missing })
        };
    }
    let lacks_soft = |offer: &Arc<Offer>| {
        offer
            .features
            .is_some_and(|has| !needs.without(has).is_empty())
    };
    able.sort_by_key(|offer| (is_for_embeddings_only(offer, needs), lacks_soft(offer)));
    Ok(able)
}

/// A model that lists nothing but `embeddings` cannot talk, whatever else is asked of it.
fn is_for_embeddings_only(offer: &Offer, needs: Features) -> bool {
    let only = Features::NONE.with(Feature::Embeddings);
    offer.features == Some(only) && !needs.has(Feature::Embeddings)
}
