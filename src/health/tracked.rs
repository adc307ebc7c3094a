//! Whatever is remembered of a target: its own vitals, and what it shares with others of its key, its place
//! and its provider. Each has a small lock of its own, held for a few instructions and never two at once.

use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;

use super::TargetId;
use super::breaker::Breaker;
use super::budget::Budget;
use super::flow::Flow;
use super::pace::Pace;
use super::rest::Rest;
use super::vitals::Vitals;

/// See the module's head.
#[derive(Debug)]
pub(super) struct Tracked {
    pub(super) id: TargetId,
    pub(super) vitals: Mutex<Vitals>,
    pub(super) key: Arc<Mutex<Key>>,
    pub(super) place: Arc<Mutex<Place>>,
    pub(super) provider: Arc<Mutex<Provider>>,
}

/// A key of a provider.
#[derive(Debug, Default)]
pub(super) struct Key {
    pub(super) rest: Rest,
    pub(super) flow: Flow,
}

/// A model at a provider, and what it is used for.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) rest: Rest,
    pub(super) breaker: Breaker,
}

/// A provider as a whole.
#[derive(Debug)]
pub(super) struct Provider {
    pub(super) cap: Option<u32>,
    pub(super) flow: Flow,
    pub(super) pace: Option<Pace>,
    pub(super) repeats: Budget,
    /// Nothing was asked of it since.
    pub(super) last_used: Option<Instant>,
}
