//! The plan of one request: which targets, in which order.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use http::HeaderValue;

use super::choice::{self, Candidate, Policy};
use super::index::Index;
use super::wanted::Wanted;
use super::{Fluency, Offer, RouteRules, Scope, Target};
use crate::chat::FailureClass;
use crate::config::Strategy;
use crate::health::{Health, Standing, TargetId, View};
use crate::provider::{Feature, Features, Provider};

/// What a request asks of routing.
#[derive(Clone, Copy)]
pub struct Ask<'a> {
    /// What it is for, as health tells services apart.
    pub service: &'static str,
    /// The model string.
    pub model: &'a str,
    /// The provider it is pinned to.
    pub provider: Option<&'a str>,
    /// The key it wants.
    pub alias: Option<&'a str>,
    /// Whether no other key will do.
    pub strict_alias: bool,
    /// Whether targets that lack a capability stay, because the parts can be removed.
    pub may_strip: bool,
    /// What exists for whoever asks; `None` is everything.
    pub scope: Option<&'a Scope>,
    /// How well each provider, by its place, can be spoken to; `None` is not at all.
    pub fluency: &'a dyn Fn(usize) -> Option<Fluency>,
    /// How candidates are put in order.
    pub policy: Policy<'a>,
    /// Whose turn it was last in the same session: it goes on, if nothing speaks against it.
    pub session: Option<&'a TargetId>,
    /// Whether it is only asked what would happen: nothing may change by it, and everything is explained.
    pub rehearses: bool,
    /// Providers that are left out.
    pub excluded: &'a [String],
    /// Where it should run, if there is a choice.
    pub region: Option<&'a str>,
    /// Length of the body in bytes; 0 where that says nothing of the prompt.
    pub body_len: usize,
    /// A low estimate of the prompt in tokens; asked at most once, and only of a body that might be too long.
    pub prompt_tokens: Option<&'a dyn Fn() -> u64>,
}

/// What routing knows of a provider, beside its offers.
#[derive(Debug)]
pub struct Keyring {
    /// The provider.
    pub provider: Arc<Provider>,
    /// Its name as a header, if it can be one.
    pub name_header: Option<HeaderValue>,
    /// Digests of its keys, in their order.
    pub key_ids: Vec<u64>,
    /// Where the rotation of keys stands.
    pub turn: AtomicUsize,
}

/// Ordered targets, and those left out.
#[derive(Debug, Default)]
pub struct Plan {
    /// Targets, the best first.
    pub targets: Vec<Target>,
    /// Targets that rest: when they wake and why they sleep.
    pub resting: Vec<(Target, Instant, FailureClass)>,
    /// Targets behind an open breaker, the nearest to its end first: a last resort.
    pub open: Vec<(Target, Instant)>,
    /// The route that the model named.
    pub route: Option<Arc<RouteRules>>,
    /// By which strategy the targets were put in order.
    pub strategy: Strategy,
    /// All candidates, and what became of each; only for a rehearsal.
    pub considered: Vec<Considered>,
    /// What the request needs, as far as it mattered.
    pub needs: Features,
    /// Whether the session goes on where it was: its target is then the first.
    pub kept_session: bool,
    /// Why nobody is left. Only for a rehearsal, which is told by this rather than by an error as soon as
    /// there were any candidates: `considered` says what became of them.
    pub no_target: Option<NoTarget>,
}

/// A candidate of a rehearsal.
#[derive(Debug, Clone)]
pub struct Considered {
    /// The model and its provider.
    pub offer: Arc<Offer>,
    /// Its key, if it came so far that one was looked at.
    pub key: Option<usize>,
    /// What is known of it, if it came so far.
    pub view: Option<View>,
    /// What its strategy made of that.
    pub score: Option<f64>,
    /// Its place in the order, from 0, or why it is left out.
    pub verdict: Result<usize, Exclusion>,
}

/// Why a candidate is left out.
#[derive(Debug, Clone, PartialEq)]
pub enum Exclusion {
    /// The request asked for it.
    Asked,
    /// It cannot be spoken to for this, nor by translation.
    NoSpeaker,
    /// It lacks what the request needs.
    Incapable(Features),
    /// The prompt is longer than its context.
    ContextLength {
        /// The estimate of the prompt, in tokens.
        tokens: u64,
        /// What it takes.
        context: u64,
    },
    /// Its key rests.
    Resting {
        /// For how long.
        wait: Duration,
        /// Why.
        class: FailureClass,
    },
    /// Its breaker is open.
    Open {
        /// For how long.
        wait: Duration,
    },
    /// The provider said that it does not have the model.
    Unavailable,
    /// Its score is too low for its strategy.
    Score,
    /// The alias names another key.
    Alias,
}

/// Why there is no target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoTarget {
    /// Nobody offers the model.
    UnknownModel {
        /// Names like it.
        suggestions: Vec<Arc<str>>,
    },
    /// No such provider.
    UnknownProvider {
        /// Those there are.
        known: Vec<Arc<str>>,
    },
    /// The pinned provider does not offer the model.
    NotAtProvider {
        /// Names like it.
        suggestions: Vec<Arc<str>>,
    },
    /// No candidate has a key of that name.
    UnknownAlias {
        /// Those there are.
        known: Vec<String>,
    },
    /// No candidate can do what the request needs.
    Incapable {
        /// What is missing everywhere.
        missing: Features,
    },
    /// Every provider of the model says that it does not have it.
    Unavailable,
    /// No candidate can be spoken to in the client's dialect, nor in another.
    NoSpeaker,
}

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

/// Makes the plan. `needs` is asked only if a candidate's capabilities are known.
pub fn make(
    ask: &Ask<'_>,
    index: &Index,
    keyrings: &[Keyring],
    health: &Health,
    needs: impl FnOnce() -> Features,
    now: Instant,
) -> Result<Plan, NoTarget> {
    let offers = candidates(ask, index, keyrings)?;
    check_alias(ask, &offers, keyrings)?;
    let offers = speakers(ask, index, offers)?;
    let needs = if offers.iter().any(|offer| offer.features.is_some()) {
        needs()
    } else {
        Features::NONE
    };
    let offers = capable(ask, offers, needs)?;
    let mut plan = Plan {
        needs,
        route: index.route(ask.model.trim()).cloned(),
        ..Plan::default()
    };
    let mut policy = ask.policy;
    if let Some(strategy) = plan.route.as_ref().and_then(|route| route.strategy) {
        policy.strategy = strategy;
    }
    plan.strategy = policy.strategy;
    let mut candidates = Vec::new();
    let mut turns = Turns::default();
    for offer in &offers {
        let ring = &keyrings[offer.provider];
        for target in targets(
            offer,
            ring,
            turns.of(offer.provider, ring, ask.rehearses),
            ask,
        ) {
            match health.standing(&target.id, now) {
                standing @ (Standing::Ready | Standing::Probe | Standing::Suspect) => {
                    let view = match policy.strategy {
                        Strategy::Sequential => View::untried(),
                        _ => health.view(&target.id, now),
                    };
                    candidates.push(Candidate {
                        target,
                        standing,
                        view,
                        score: None,
                    });
                }
                Standing::Open { until } => plan.open.push((target, until)),
                Standing::Resting { until, class } => plan.resting.push((target, until, class)),
                Standing::Unavailable => {}
            }
        }
    }
    let ordered = choice::order(&policy, candidates).into_iter();
    plan.targets = ordered.map(|candidate| candidate.target).collect();
    plan.open.sort_by_key(|(_, until)| *until);
    if plan.targets.is_empty() && plan.resting.is_empty() && plan.open.is_empty() {
        Err(NoTarget::Unavailable)
    } else {
        Ok(plan)
    }
}

/// The offers whose providers can be spoken to, those that need no translation first. What the client or
/// a route has put in an order keeps it.
fn speakers(
    ask: &Ask<'_>,
    index: &Index,
    mut offers: Vec<Arc<Offer>>,
) -> Result<Vec<Arc<Offer>>, NoTarget> {
    let fluency = |offer: &Arc<Offer>| (ask.fluency)(offer.provider);
    offers.retain(|offer| fluency(offer).is_some());
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
fn check_alias(ask: &Ask<'_>, offers: &[Arc<Offer>], keyrings: &[Keyring]) -> Result<(), NoTarget> {
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

fn candidates(
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

fn capable(
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

/// Where each provider's rotation stands for this request: it moves on once per request, however many
/// of the provider's models are candidates.
#[derive(Default)]
struct Turns(Vec<(usize, usize)>);

impl Turns {
    fn of(&mut self, place: usize, ring: &Keyring, rehearses: bool) -> usize {
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
fn targets<'a>(
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
