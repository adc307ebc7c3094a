//! Keys: which of a provider's keys a request tries, in which order.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::plan::{Ask, Keyring};
use super::{Offer, Target};
use crate::health::TargetId;

/// Where each provider's rotation stands for this request: it moves on once per request, however many
/// of the provider's models are candidates.
#[derive(Default)]
pub(super) struct Turns(Vec<(usize, usize)>);

impl Turns {
    pub(super) fn of(&mut self, place: usize, ring: &Keyring, rehearses: bool) -> usize {
        if ring.provider.keys.len() < 2 {
            return 0;
        }
        if let Some((_, turn)) = self.0.iter().find(|(known, _)| *known == place) {
            return *turn;
        }
        let turn = if rehearses {
            ring.turn.load(Ordering::Relaxed)
        } else {
            ring.turn.fetch_add(1, Ordering::Relaxed)
        };
        self.0.push((place, turn));
        turn
    }
}

/// The targets of one offer: its provider's keys in rotation, or those the alias allows.
pub(super) fn targets<'a>(
    offer: &'a Arc<Offer>,
    ring: &'a Keyring,
    turn: usize,
    ask: &'a Ask<'_>,
) -> impl Iterator<Item = Target> + 'a {
    let keys = &ring.provider.keys;
    let count = keys.len();
    let own = offer
        .rules
        .as_ref()
        .and_then(|rules| rules.alias.as_deref());
    let alias = own.or(ask.alias);
    let is_strict = alias.is_some() && (own.is_some() || ask.strict_alias);
    let is_wanted = move |place: usize| alias.is_some() && keys[place].alias.as_deref() == alias;
    let rotated = (0..count).map(move |step| (turn + step) % count);
    let preferred = rotated.clone().filter(move |place| is_wanted(*place));
    let others = rotated.filter(move |place| !is_wanted(*place) && !is_strict);
    let keyless = (count == 0 && !is_strict).then_some(None);
    preferred
        .chain(others)
        .map(Some)
        .chain(keyless)
        .map(move |key| Target {
            offer: offer.clone(),
            key,
            id: TargetId {
                provider: ring.provider.name.clone(),
                key: key.map_or(0, |place| ring.key_ids[place]),
                model: offer.name.clone(),
                service: ask.service,
            },
        })
}
