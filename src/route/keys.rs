//! Keys: which of a provider's keys a request tries, in which order.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::considered::Notes;
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
    let (alias, is_strict) = alias(offer, ask);
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

/// The key that is wanted, and whether no other will do. What a route says goes first.
fn alias<'a>(offer: &'a Offer, ask: &'a Ask<'_>) -> (Option<&'a str>, bool) {
    let rules = offer.rules.as_ref();
    let own = rules.and_then(|rules| rules.alias.as_deref());
    let alias = own.or(ask.alias);
    (
        alias,
        alias.is_some() && (own.is_some() || ask.strict_alias),
    )
}

/// Notes which keys of an offer an alias rules out.
pub(super) fn note_other_keys(
    offer: &Arc<Offer>,
    ring: &Keyring,
    ask: &Ask<'_>,
    notes: &mut Notes,
) {
    let (alias, is_strict) = alias(offer, ask);
    if !is_strict {
        return;
    }
    let keys = &ring.provider.keys;
    if keys.is_empty() {
        notes.key(offer, None);
    }
    for (place, key) in keys.iter().enumerate() {
        if key.alias.as_deref() != alias {
            notes.key(offer, Some(place));
        }
    }
}
