//! What survives a reload: everything that the gateway has learned, counts, or is in the middle of.
//!
//! What it knows of providers it knows by name, digest of the key, and model, never by place: those who are
//! still there after a reload are as they were, and a key that was rotated is one that nobody knows yet.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::time::Instant;

use ring::digest::{SHA256, digest};
use tokio_util::sync::CancellationToken;

use super::hedges::Hedges;
use super::house::House;
use super::idempotency::Keys;
use super::steering::Steering;
use super::translate::heavy::Gate;
use super::upstream::Tls;
use crate::config::{Config, Conversations};
use crate::health::{Caps, Health, Settings, TargetId, Unsupported};
use crate::memory::{Responses, Sessions, Thoughts};
use crate::provider::{Provider, Redactor};
use crate::telemetry::books::Books;
use crate::telemetry::capture::Capture;

/// See the module's head.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) health: Arc<Health>,
    pub(super) unsupported: Unsupported,
    /// What is remembered of conversations; nothing while that is switched off.
    pub(super) memory: Memory,
    pub(super) sessions: Sessions<TargetId>,
    pub(super) seeds: AtomicU64,
    pub(super) dice: AtomicU64,
    /// Plans so far. They have dice of their own, so that a rehearsal can foretell the next.
    pub(super) lots: AtomicU64,
    pub(super) heavy: Gate,
    pub(super) house: House,
    pub(super) idempotency: Keys,
    /// What requests write down.
    pub(super) books: Arc<Books>,
    /// What its owner has changed by hand.
    pub(super) steering: Steering,
    pub(super) hedges: Hedges,
    /// What is kept of requests for the inspector.
    pub(super) capture: Arc<Capture>,
    /// What all upstream connections are secured by.
    pub(super) tls: Arc<Tls>,
    /// Marks requests that pass through, so that a provider that leads back here is noticed.
    pub(super) via: String,
    pub(super) started: Instant,
    pub(super) is_draining: AtomicBool,
    /// Cancelled when the time to drain is over: what still streams ends with an error.
    pub(super) stop: CancellationToken,
}

impl Shared {
    /// That of a gateway that begins with `config`; `via` is its random name.
    pub(super) fn new(config: &Config, redactor: &Arc<Redactor>, via: String) -> Self {
        Self {
            health: Arc::new(Health::new(settings(config))),
            unsupported: Unsupported::default(),
            memory: Memory::new(room(config)),
            sessions: Sessions::new(config.router.affinity.ttl),
            seeds: AtomicU64::new(seed(&via)),
            dice: AtomicU64::new(seed(&via)),
            lots: AtomicU64::new(!seed(&via)),
            heavy: Gate::default(),
            house: House::new(config.router.limits),
            idempotency: Keys::default(),
            books: Arc::default(),
            steering: Steering::default(),
            hedges: Hedges::default(),
            capture: Arc::new(Capture::new(config.router.capture, redactor.clone())),
            tls: Arc::default(),
            via,
            started: Instant::now(),
            is_draining: AtomicBool::new(false),
            stop: CancellationToken::new(),
        }
    }

    /// Goes on by what `config` says.
    pub(super) fn follow(&self, config: &Config, redactor: &Arc<Redactor>, now: Instant) {
        self.health.follow(settings(config));
        self.memory.resize(room(config), now);
        self.sessions.resize(config.router.affinity.ttl, now);
        self.house.resize(config.router.limits);
        self.capture
            .configure(config.router.capture, redactor.clone());
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

    fn resize(&self, limits: Conversations, now: Instant) {
        self.thoughts.resize(limits.max_bytes, limits.ttl, now);
        self.responses.resize(limits.max_bytes, limits.ttl, now);
    }
}

/// The room for conversations that `config` gives; none where they are not to be remembered.
fn room(config: &Config) -> Conversations {
    config.router.conversations.unwrap_or(Conversations {
        max_bytes: 0,
        ttl: std::time::Duration::ZERO,
    })
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
