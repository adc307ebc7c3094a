//! The gateway: everything a request needs, made once and shared by all.
//!
//! A [`Gateway`] is one *generation*: a configuration and what follows from it, which never changes but for what
//! providers list. A reload makes the next one beside it, and a request ends on the generation it began with.
//! What has to survive that is in `Shared`, and both are asked for here, as if they were one.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use arc_swap::{ArcSwap, Guard};
use http::HeaderValue;
use parking_lot::Mutex;
use ring::digest::{SHA256, digest};
use tokio_util::sync::CancellationToken;

use super::call::Endpoint;
use super::hedges::Hedges;
use super::house::House;
use super::idempotency::Keys;
use super::seat::Vacancies;
pub use super::shared::Memory;
use super::shared::Shared;
use super::steering::Steering;
use super::translate::heavy::Gate;
use super::upstream::{ConnectError, Upstream};
use crate::chat::{ErrorBody, Operation};
use crate::config::Config;
use crate::health::{Health, Standing, TargetId, Unsupported};
use crate::memory::Sessions;
use crate::provider::redact::Redactor;
use crate::provider::{Models, Provider, Secret};
use crate::route::Target;
use crate::route::dice::scattered;
use crate::route::index::Index;
use crate::route::plan::Keyring;
use crate::telemetry::books::Books;
use crate::telemetry::capture::Capture;
use crate::telemetry::live::Live;
use crate::telemetry::metrics::Metrics;
use crate::telemetry::trace::Ring;

/// Most names taken from one listing; the largest aggregators list some hundreds.
const MAX_LISTED: usize = 10_000;

/// Why a gateway cannot be made of a configuration.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// A provider cannot be reached as configured.
    #[error("provider `{provider}`: {reason}")]
    Provider {
        /// Its name.
        provider: Arc<str>,
        /// What is wrong.
        reason: String,
    },
}

/// See the module's head.
#[derive(Debug)]
pub struct Gateway {
    /// Counted from 1.
    generation: u64,
    config: Config,
    keyrings: Vec<Keyring>,
    upstreams: Vec<Arc<Upstream>>,
    index: ArcSwap<Index>,
    listings: Mutex<Vec<Option<Vec<String>>>>,
    /// Where requests wait for a place, if they may.
    vacancies: Arc<Vacancies>,
    redactor: Arc<Redactor>,
    shared: Arc<Shared>,
}

impl Gateway {
    /// Makes a gateway. `via` is what marks this instance in requests it sends on.
    pub fn new(config: Config, redactor: Arc<Redactor>, via: String) -> Result<Self, GatewayError> {
        let shared = Arc::new(Shared::new(&config, &redactor, via));
        let upstream = |provider: &Provider| {
            let made = Upstream::new(provider, &shared.tls, &shared.via);
            made.map(Arc::new).map_err(|error| failed(provider, &error))
        };
        let upstreams = config.providers.iter().map(upstream);
        let upstreams = upstreams.collect::<Result<_, _>>()?;
        let keyrings: Vec<Keyring> = config.providers.iter().cloned().map(keyring).collect();
        let listings = vec![None; keyrings.len()];
        let index = Index::build(&providers(&keyrings), &listings, &config.routes);
        Ok(Self {
            generation: 1,
            vacancies: Arc::new(Vacancies::new(keyrings.len())),
            config,
            keyrings,
            upstreams,
            index: ArcSwap::from_pointee(index),
            listings: Mutex::new(listings),
            redactor,
            shared,
        })
    }

    /// Makes the next generation; this one goes on until that is put in force. What has not changed is taken
    /// over: connections, and what providers list.
    ///
    /// # Errors
    /// A provider cannot be reached as configured.
    pub fn next(&self, config: Config, redactor: Arc<Redactor>) -> Result<Self, GatewayError> {
        let place = |provider: &Provider| {
            let mut rings = self.keyrings.iter();
            rings.position(|ring| ring.provider.name == provider.name)
        };
        let before: Vec<Option<usize>> = config.providers.iter().map(place).collect();
        let pairs = || config.providers.iter().zip(&before);
        let upstreams = pairs().map(|(provider, place)| self.next_upstream(provider, *place));
        let upstreams = upstreams.collect::<Result<_, _>>()?;
        let keyrings: Vec<Keyring> = pairs()
            .map(|(provider, place)| self.next_keyring(provider, *place))
            .collect();
        let listings = vec![None; keyrings.len()];
        let index = Index::build(&providers(&keyrings), &listings, &config.routes);
        Ok(Self {
            generation: self.generation + 1,
            vacancies: Arc::new(self.vacancies.next(&before)),
            config,
            keyrings,
            upstreams,
            index: ArcSwap::from_pointee(index),
            listings: Mutex::new(listings),
            redactor,
            shared: self.shared.clone(),
        })
    }

    fn next_upstream(
        &self,
        provider: &Provider,
        place: Option<usize>,
    ) -> Result<Arc<Upstream>, GatewayError> {
        let before = place.map(|place| (&self.keyrings[place].provider, &self.upstreams[place]));
        if let Some((same, upstream)) = before
            && **same == *provider
        {
            return Ok(upstream.clone());
        }
        let made = Upstream::new(provider, &self.shared.tls, &self.shared.via);
        let made = made.map_err(|error| failed(provider, &error))?;
        Ok(Arc::new(match before {
            Some((known, upstream)) if leads_alike(known, provider) => made.through(upstream),
            _ => made,
        }))
    }

    fn next_keyring(&self, provider: &Provider, place: Option<usize>) -> Keyring {
        let Some(before) = place.map(|place| &self.keyrings[place]) else {
            return keyring(provider.clone());
        };
        let turn = AtomicUsize::new(before.turn.load(Ordering::Relaxed));
        if *before.provider == *provider {
            return Keyring {
                provider: before.provider.clone(),
                name_header: before.name_header.clone(),
                key_ids: before.key_ids.clone(),
                turn,
            };
        }
        Keyring {
            turn,
            ..keyring(provider.clone())
        }
    }

    /// Comes into force behind `last`, with what that one has learned to the end.
    pub(super) fn succeed(&self, last: &Self) {
        let mut listings = self.listings.lock();
        let known = last.listings.lock();
        for (ring, listing) in self.keyrings.iter().zip(listings.iter_mut()) {
            let mut rings = last.keyrings.iter();
            let place = rings.position(|known| lists_alike(&known.provider, &ring.provider));
            *listing = place.and_then(|place| known[place].clone());
        }
        self.build_index(&listings);
        self.shared
            .follow(&self.config, &self.redactor, Instant::now());
        self.shared.steering.follow(&self.keyrings);
    }

    fn build_index(&self, listings: &[Option<Vec<String>>]) {
        self.index.store(Arc::new(Index::build(
            &providers(&self.keyrings),
            listings,
            &self.config.routes,
        )));
    }

    /// Which one it is, counted from 1.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// The configuration.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Providers with their keys.
    pub fn keyrings(&self) -> &[Keyring] {
        &self.keyrings
    }

    /// What is offered by whom, as of now.
    pub fn index(&self) -> Guard<Arc<Index>> {
        self.index.load()
    }

    /// Who is in trouble.
    pub fn health(&self) -> &Arc<Health> {
        &self.shared.health
    }

    /// Which parameters were refused.
    pub fn unsupported(&self) -> &Unsupported {
        &self.shared.unsupported
    }

    /// What is remembered of conversations; `None` where that is switched off.
    pub fn memory(&self) -> Option<&Memory> {
        let is_wanted = self.config.router.conversations.is_some();
        is_wanted.then_some(&self.shared.memory)
    }

    /// Who serves which session.
    pub fn sessions(&self) -> &Sessions<TargetId> {
        &self.shared.sessions
    }

    /// A number that no other answer of this instance gets, for the ids in it.
    pub fn next_seed(&self) -> u64 {
        self.shared.seeds.fetch_add(1, Ordering::Relaxed)
    }

    /// A number that nobody can foretell from the last.
    pub fn next_dice(&self) -> u64 {
        scattered(self.shared.dice.fetch_add(1, Ordering::Relaxed))
    }

    /// The same, for a plan.
    pub fn next_lot(&self) -> u64 {
        scattered(self.shared.lots.fetch_add(1, Ordering::Relaxed))
    }

    /// The number that the plan after the next `ahead` gets.
    pub fn peek_lot(&self, ahead: u64) -> u64 {
        scattered(self.shared.lots.load(Ordering::Relaxed).wrapping_add(ahead))
    }

    /// Where heavy requests wait for their translation.
    pub fn heavy(&self) -> &Gate {
        &self.shared.heavy
    }

    /// What there is room for at once.
    pub fn house(&self) -> &House {
        &self.shared.house
    }

    /// Which idempotency keys are taken.
    pub fn idempotency(&self) -> &Keys {
        &self.shared.idempotency
    }

    /// What was tried for the last requests.
    pub fn traces(&self) -> &Arc<Ring> {
        &self.shared.books.traces
    }

    /// What requests write down.
    pub fn books(&self) -> &Arc<Books> {
        &self.shared.books
    }

    /// What is counted.
    pub fn metrics(&self) -> &Arc<Metrics> {
        &self.shared.books.metrics
    }

    /// The requests under way.
    pub fn live(&self) -> &Arc<Live> {
        &self.shared.books.live
    }

    /// What its owner has changed by hand.
    pub fn steering(&self) -> &Steering {
        &self.shared.steering
    }

    /// The budget of second requests against slow targets, and how many there were.
    pub fn hedges(&self) -> &Hedges {
        &self.shared.hedges
    }

    /// What is kept of requests for the inspector.
    pub fn capture(&self) -> &Arc<Capture> {
        &self.shared.capture
    }

    /// Where requests wait for a place at a provider, if they may.
    pub fn vacancies(&self) -> Option<&Arc<Vacancies>> {
        let may_wait = !self.config.router.limits.wait.is_zero();
        may_wait.then_some(&self.vacancies)
    }

    /// Takes secrets out of texts.
    pub fn redactor(&self) -> &Arc<Redactor> {
        &self.redactor
    }

    /// What marks requests of this instance.
    pub fn via(&self) -> &str {
        &self.shared.via
    }

    /// When it was made.
    pub fn started(&self) -> Instant {
        self.shared.started
    }

    /// The provider of a target.
    pub fn provider(&self, target: &Target) -> &Arc<Provider> {
        &self.keyrings[target.offer.provider].provider
    }

    /// The connections to the provider at `place`.
    pub fn upstream_at(&self, place: usize) -> &Upstream {
        &self.upstreams[place]
    }

    /// The connections to the provider of a target.
    pub fn upstream(&self, target: &Target) -> &Upstream {
        &self.upstreams[target.offer.provider]
    }

    /// An upstream's error without key material.
    pub fn clean(&self, body: ErrorBody) -> ErrorBody {
        let clean = |text: String| self.redactor.redact(&text).into_owned();
        ErrorBody {
            message: clean(body.message),
            kind: body.kind.map(clean),
            code: body.code.map(clean),
            param: body.param.map(clean),
        }
    }

    /// Takes in what provider `place` lists, and rebuilds the index if that is news.
    pub fn learn_models(&self, place: usize, mut names: Vec<String>) {
        names.truncate(MAX_LISTED);
        let mut listings = self.listings.lock();
        if listings[place].as_ref() != Some(&names) {
            listings[place] = Some(names);
            self.build_index(&listings);
        }
    }

    /// Whether some target could be tried at `now`.
    pub fn has_usable_target(&self, now: Instant) -> bool {
        let index = self.index.load();
        let listed = index.offers().iter();
        let listed = listed.map(|offer| (&self.keyrings[offer.provider], offer.name.clone()));
        // Who has not said yet what it serves may serve anything.
        let open = self
            .keyrings
            .iter()
            .filter(|ring| index.is_open() && matches!(ring.provider.models, Models::Everything));
        let mut places = listed.chain(open.map(|ring| (ring, "".into())));
        places.any(|(ring, model)| {
            let keys: &[u64] = if ring.key_ids.is_empty() {
                &[0]
            } else {
                &ring.key_ids
            };
            keys.iter().any(|&key| {
                let provider = ring.provider.name.clone();
                let model = model.clone();
                let spoken = ring.provider.preset.dialects.first();
                let talks = spoken.and_then(|own| Endpoint::of(*own, Operation::Generate));
                let target = TargetId {
                    provider,
                    key,
                    model,
                    service: talks.map_or("", Endpoint::service),
                };
                let standing = self.shared.health.standing(&target, now);
                // Behind an open breaker it is a last resort, but one.
                !matches!(standing, Standing::Resting { .. } | Standing::Unavailable)
                    && !self.steering().is_drained(&target)
            })
        })
    }

    /// Whether the gateway is shutting down.
    pub fn is_draining(&self) -> bool {
        self.shared.is_draining.load(Ordering::Relaxed)
    }

    /// Begins to shut down: `/ready` says so from now on.
    pub fn drain(&self) {
        self.shared.is_draining.store(true, Ordering::Relaxed);
    }

    /// Ends every stream that still runs.
    pub fn stop(&self) {
        self.shared.stop.cancel();
    }

    /// Resolves when streams must end.
    pub fn stopped(&self) -> CancellationToken {
        self.shared.stop.clone()
    }

    /// Closes upstream connections that have idled too long.
    pub fn sweep(&self, now: Instant) {
        self.upstreams
            .iter()
            .for_each(|upstream| upstream.sweep(now));
    }

    /// Prepares what the first requests would otherwise wait for.
    pub async fn warm_up(&self) {
        for upstream in &self.upstreams {
            upstream.warm_up().await;
        }
    }
}

fn failed(provider: &Provider, error: &ConnectError) -> GatewayError {
    GatewayError::Provider {
        provider: provider.name.clone(),
        reason: error.to_string(),
    }
}

/// Whether connections to the one can be used for the other.
fn leads_alike(one: &Provider, other: &Provider) -> bool {
    let is_real = one.demo.is_none() && other.demo.is_none();
    is_real && (&one.base_url, &one.proxy) == (&other.base_url, &other.proxy)
}

/// Whether the one lists what the other does, as far as can be known without asking.
fn lists_alike(one: &Provider, other: &Provider) -> bool {
    let place = |provider: &Provider| {
        let address = provider.base_url.clone();
        (provider.name.clone(), address, provider.models_path.clone())
    };
    let is_open = |provider: &Provider| matches!(provider.models, Models::Everything);
    is_open(one) && is_open(other) && place(one) == place(other)
}

fn providers(keyrings: &[Keyring]) -> Vec<Arc<Provider>> {
    keyrings.iter().map(|ring| ring.provider.clone()).collect()
}

fn keyring(provider: Provider) -> Keyring {
    let key_ids = provider
        .keys
        .iter()
        .map(|key| key_id(&provider.name, &key.secret))
        .collect();
    Keyring {
        name_header: HeaderValue::from_str(&provider.name).ok(),
        provider: Arc::new(provider),
        key_ids,
        turn: AtomicUsize::new(0),
    }
}

/// An identity for a key that survives a reload and gives nothing away; never 0, which stands for no key.
fn key_id(provider: &str, secret: &Secret) -> u64 {
    let hash = digest(
        &SHA256,
        format!("{provider}\0{}", secret.expose()).as_bytes(),
    );
    let mut id = [0; 8];
    id.copy_from_slice(&hash.as_ref()[..8]);
    u64::from_le_bytes(id) | 1
}
