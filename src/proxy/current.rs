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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Environment, Format, from_text};
    use crate::telemetry::act::Whom;

    fn gateway(keys: &str, last: Option<&Gateway>) -> Gateway {
        let text = format!(
            r#"{{"providers": [{{"type": "openai_compatible", "name": "a", "models": ["m"],
            "base_url": "http://127.0.0.1:9/v1", "api_key": {keys}}}]}}"#
        );
        let loaded = from_text("test", &text, Format::Json, &Environment::empty());
        let config = loaded.expect("a valid configuration").config;
        let redactor = Arc::new(config.redactor());
        let made = match last {
            Some(last) => last.next(config, redactor),
            None => Gateway::new(config, redactor, "via".to_owned()),
        };
        made.expect("a gateway")
    }

    #[test]
    fn a_key_that_is_drained_stays_so_wherever_it_stands_and_is_shown_there() {
        let current = Current::new(gateway(r#"["key-one", "key-two"]"#, None));
        let (gone, moved) = (1, 2);
        for place in [gone, moved] {
            let id = current.load().keyrings()[0].key_ids[place - 1];
            let whom = Whom {
                provider: "a".to_owned(),
                key: Some(place),
                model: None,
            };
            assert!(current.load().steering().drain(&whom, Some(id)));
        }
        let next = gateway(r#"["key-two", "key-three"]"#, Some(&current.load()));
        current.store(Arc::new(next));
        let steering = current.load().steering().view(std::time::Instant::now());
        let drained: Vec<_> = steering.drained.iter().map(|one| one.whom.key).collect();
        assert_eq!(drained, [Some(1)]);
        assert_eq!(current.generation(), 2);
    }
}
