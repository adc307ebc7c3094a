//! The gateway: everything a request needs, made once and shared by all.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
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
use super::steering::Steering;
use super::translate::heavy::Gate;
use super::upstream::{Tls, Upstream};
use crate::chat::{ErrorBody, Operation};
use crate::config::{Config, Conversations};
use crate::health::{Caps, Health, Settings, Standing, TargetId, Unsupported};
use crate::memory::{Responses, Sessions, Thoughts};
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
    config: Config,
    keyrings: Vec<Keyring>,
    upstreams: Vec<Upstream>,
    index: ArcSwap<Index>,
    listings: Mutex<Vec<Option<Vec<String>>>>,
    health: Arc<Health>,
    unsupported: Unsupported,
    /// What is remembered of conversations, if anything.
    memory: Option<Memory>,
    sessions: Sessions<TargetId>,
    seeds: AtomicU64,
    dice: AtomicU64,
    /// Plans so far. They have dice of their own, so that a rehearsal can foretell the next.
    lots: AtomicU64,
    heavy: Gate,
    house: House,
    idempotency: Keys,
    /// What requests write down: it outlives every configuration.
    books: Arc<Books>,
    /// What its owner has changed by hand.
    steering: Steering,
    hedges: Hedges,
    /// What is kept of requests for the inspector.
    capture: Arc<Capture>,
    /// Where requests wait for a place, if they may.
    vacancies: Option<Arc<Vacancies>>,
    redactor: Arc<Redactor>,
    /// Marks requests that pass through, so that a provider that leads back here is noticed.
    via: String,
    started: Instant,
    is_draining: AtomicBool,
    /// Cancelled when the time to drain is over: what still streams ends with an error.
    stop: CancellationToken,
}

impl Gateway {
    /// Makes a gateway. `via` is what marks this instance in requests it sends on.
    pub fn new(config: Config, redactor: Arc<Redactor>, via: String) -> Result<Self, GatewayError> {
        let tls = Arc::new(Tls::default());
        let upstream = |provider: &Provider| {
            Upstream::new(provider, &tls, &via).map_err(|error| GatewayError::Provider {
                provider: provider.name.clone(),
                reason: error.to_string(),
            })
        };
        let upstreams = config
            .providers
            .iter()
            .map(upstream)
            .collect::<Result<_, _>>()?;
        let keyrings: Vec<Keyring> = config.providers.iter().cloned().map(keyring).collect();
        let listings = vec![None; keyrings.len()];
        let may_wait = !config.router.limits.wait.is_zero();
        let index = Index::build(&providers(&keyrings), &listings, &config.routes);
        Ok(Self {
            health: Arc::new(Health::new(settings(&config))),
            dice: AtomicU64::new(seed(&via)),
            lots: AtomicU64::new(!seed(&via)),
            unsupported: Unsupported::default(),
            memory: config.router.conversations.map(Memory::new),
            sessions: Sessions::new(config.router.affinity.ttl),
            seeds: AtomicU64::new(seed(&via)),
            heavy: Gate::default(),
            house: House::new(config.router.limits),
            idempotency: Keys::default(),
            books: Arc::default(),
            steering: Steering::default(),
            hedges: Hedges::default(),
            capture: Arc::new(Capture::new(config.router.capture, redactor.clone())),
            vacancies: may_wait.then(|| Arc::new(Vacancies::new(keyrings.len()))),
            config,
            keyrings,
            upstreams,
            index: ArcSwap::from_pointee(index),
            listings: Mutex::new(listings),
            redactor,
            via,
            started: Instant::now(),
            is_draining: AtomicBool::new(false),
            stop: CancellationToken::new(),
        })
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
        &self.health
    }

    /// Which parameters were refused.
    pub fn unsupported(&self) -> &Unsupported {
        &self.unsupported
    }

    /// What is remembered of conversations; `None` where that is switched off.
    pub fn memory(&self) -> Option<&Memory> {
        self.memory.as_ref()
    }

    /// Who serves which session.
    pub fn sessions(&self) -> &Sessions<TargetId> {
        &self.sessions
    }

    /// A number that no other answer of this instance gets, for the ids in it.
    pub fn next_seed(&self) -> u64 {
        self.seeds.fetch_add(1, Ordering::Relaxed)
    }

    /// A number that nobody can foretell from the last.
    pub fn next_dice(&self) -> u64 {
        scattered(self.dice.fetch_add(1, Ordering::Relaxed))
    }

    /// The same, for a plan.
    pub fn next_lot(&self) -> u64 {
        scattered(self.lots.fetch_add(1, Ordering::Relaxed))
    }

    /// The number that the plan after the next `ahead` gets.
    pub fn peek_lot(&self, ahead: u64) -> u64 {
        scattered(self.lots.load(Ordering::Relaxed).wrapping_add(ahead))
    }

    /// Where heavy requests wait for their translation.
    pub fn heavy(&self) -> &Gate {
        &self.heavy
    }

    /// What there is room for at once.
    pub fn house(&self) -> &House {
        &self.house
    }

    /// Which idempotency keys are taken.
    pub fn idempotency(&self) -> &Keys {
        &self.idempotency
    }

    /// What was tried for the last requests.
    pub fn traces(&self) -> &Arc<Ring> {
        &self.books.traces
    }

    /// What requests write down.
    pub fn books(&self) -> &Arc<Books> {
        &self.books
    }

    /// What is counted.
    pub fn metrics(&self) -> &Arc<Metrics> {
        &self.books.metrics
    }

    /// The requests under way.
    pub fn live(&self) -> &Arc<Live> {
        &self.books.live
    }

    /// What its owner has changed by hand.
    pub fn steering(&self) -> &Steering {
        &self.steering
    }

    /// The budget of second requests against slow targets, and how many there were.
    pub fn hedges(&self) -> &Hedges {
        &self.hedges
    }

    /// What is kept of requests for the inspector.
    pub fn capture(&self) -> &Arc<Capture> {
        &self.capture
    }

    /// Where requests wait for a place at a provider, if they may.
    pub fn vacancies(&self) -> Option<&Arc<Vacancies>> {
        self.vacancies.as_ref()
    }

    /// Takes secrets out of texts.
    pub fn redactor(&self) -> &Arc<Redactor> {
        &self.redactor
    }

    /// What marks requests of this instance.
    pub fn via(&self) -> &str {
        &self.via
    }

    /// When it was made.
    pub fn started(&self) -> Instant {
        self.started
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
            self.index.store(Arc::new(Index::build(
                &providers(&self.keyrings),
                &listings,
                &self.config.routes,
            )));
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
                let standing = self.health.standing(&target, now);
                // Behind an open breaker it is a last resort, but one.
                !matches!(standing, Standing::Resting { .. } | Standing::Unavailable)
            })
        })
    }

    /// Whether the gateway is shutting down.
    pub fn is_draining(&self) -> bool {
        self.is_draining.load(Ordering::Relaxed)
    }

    /// Begins to shut down: `/ready` says so from now on.
    pub fn drain(&self) {
        self.is_draining.store(true, Ordering::Relaxed);
    }

    /// Ends every stream that still runs.
    pub fn stop(&self) {
        self.stop.cancel();
    }

    /// Resolves when streams must end.
    pub fn stopped(&self) -> CancellationToken {
        self.stop.clone()
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

/// What is remembered of conversations.
#[derive(Debug)]
pub struct Memory {
    /// Opaque reasoning, for clients that drop it.
    pub thoughts: Thoughts,
    /// Answers of the Responses API, for upstreams that store none.
    pub responses: Responses,
}

impl Memory {
    fn new(limits: Conversations) -> Self {
        Self {
            thoughts: Thoughts::new(limits.max_bytes, limits.ttl),
            responses: Responses::new(limits.max_bytes, limits.ttl),
        }
    }
}

/// What health is kept by, as `config` says.
fn settings(config: &Config) -> Settings {
    let caps = |provider: &Provider| {
        let caps = Caps {
            max_concurrency: provider.max_concurrency,
            max_rpm: provider.max_rpm,
        };
        (provider.name.clone(), caps)
    };
    Settings {
        backoffs: config.router.backoff,
        circuit: config.router.circuit,
        half_life: config.router.bandit.half_life,
        caps: config.providers.iter().map(caps).collect(),
    }
}

/// Where an instance begins to count: `via` is its random name.
fn seed(via: &str) -> u64 {
    let hash = digest(&SHA256, via.as_bytes());
    let mut seed = [0; 8];
    seed.copy_from_slice(&hash.as_ref()[..8]);
    u64::from_le_bytes(seed)
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
