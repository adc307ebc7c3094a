//! The generation in force: who begins something asks for it once, and ends with what it was given.

use std::fmt;
use std::sync::Arc;

use arc_swap::{ArcSwap, ArcSwapOption};
use parking_lot::Mutex;
use tokio::sync::watch;

use super::gateway::Gateway;
use crate::provider::Provider;
use crate::telemetry::snapshot::Reloaded;

/// See the module's head.
pub struct Current {
    gateway: ArcSwap<Gateway>,
    /// The number of the generation, for who waits for the next.
    generation: watch::Sender<u64>,
    reloaded: ArcSwapOption<Reloaded>,
    /// Held while a generation is replaced, and while one learns what the next must know as well.
    turning: Mutex<()>,
}

impl Current {
    /// Begins with `gateway`.
    pub fn new(gateway: impl Into<Arc<Gateway>>) -> Self {
        let gateway = gateway.into();
        Self {
            generation: watch::Sender::new(gateway.generation()),
            gateway: ArcSwap::new(gateway),
            reloaded: ArcSwapOption::empty(),
            turning: Mutex::new(()),
        }
    }

    /// The generation in force.
    pub fn load(&self) -> Arc<Gateway> {
        self.gateway.load_full()
    }

    /// Whether `gateway` is the generation in force.
    pub fn is(&self, gateway: &Arc<Gateway>) -> bool {
        Arc::ptr_eq(&self.gateway.load(), gateway)
    }

    /// Puts `next` in force, which was made of the generation before it.
    pub fn store(&self, next: Arc<Gateway>) {
        let generation = next.generation();
        {
            let _turn = self.turning.lock();
            next.succeed(&self.gateway.load());
            self.gateway.store(next);
        }
        self.generation.send_replace(generation);
    }

    /// `provider` lists these models. Nobody hears of it who does not have the provider as it is now.
    pub fn learn_models(&self, provider: &Arc<Provider>, names: Vec<String>) {
        let _turn = self.turning.lock();
        let gateway = self.gateway.load();
        let rings = gateway.keyrings();
        let place = rings
            .iter()
            .position(|ring| Arc::ptr_eq(&ring.provider, provider));
        if let Some(place) = place {
            gateway.learn_models(place, names);
        }
    }

    /// Which generation is in force, counted from 1.
    pub fn generation(&self) -> u64 {
        *self.generation.borrow()
    }

    /// Hears of every generation from now on; a slow listener misses some.
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.generation.subscribe()
    }

    /// How the last reload went; `None` if there was none.
    pub fn reloaded(&self) -> Option<Arc<Reloaded>> {
        self.reloaded.load_full()
    }

    /// Remembers how a reload went.
    pub fn told(&self, reloaded: Reloaded) {
        self.reloaded.store(Some(Arc::new(reloaded)));
    }
}

impl fmt::Debug for Current {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Current")
            .field("generation", &self.generation())
            .finish_non_exhaustive()
    }
}
