//! Context: who takes a prompt of this length.

use std::sync::Arc;

use super::Offer;
use super::considered::{Exclusion, Notes};
use super::plan::Ask;

/// Fewest bytes that a token is taken for, before the tokens are estimated at all.
const BYTES: u64 = 2;

/// The offers without those whose context is known to be too small, unless nobody would be left: then the
/// upstream says so itself, or knows better.
pub(super) fn that_take(
    ask: &Ask<'_>,
    offers: Vec<Arc<Offer>>,
    notes: &mut Notes,
) -> Vec<Arc<Offer>> {
    let Some(count) = ask.prompt_tokens.filter(|_| offers.len() > 1) else {
        return offers;
    };
    let length = u64::try_from(ask.body_len).unwrap_or(u64::MAX);
    let context = |offer: &Arc<Offer>| offer.knowledge().context;
    let might_be_short = |context: u64| context.saturating_mul(BYTES) < length;
    if !offers.iter().filter_map(context).any(might_be_short) {
        return offers;
    }
    let tokens = count();
    let too_small = |offer: &Arc<Offer>| context(offer).filter(|context| *context < tokens);
    if offers.iter().all(|offer| too_small(offer).is_some()) {
        return offers;
    }
    let keeps = |offer: &Arc<Offer>| match too_small(offer) {
        None => true,
        Some(context) => {
            notes.offer(offer, Exclusion::ContextLength { tokens, context });
            false
        }
    };
    let mut offers = offers;
    offers.retain(keeps);
    offers
}
