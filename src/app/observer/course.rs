//! The course of the figures: what is counted, sampled once a second, so that there is a last minute to tell of.

use std::collections::HashMap;

use super::moment::Moment;
use crate::proxy::gateway::Gateway;
use crate::telemetry::metrics::window::{Of, Window};
use crate::telemetry::snapshot::{ProviderRow, Totals};

/// Between samples.
const SAMPLE_EVERY_MS: u64 = 900;

/// See the module's head.
#[derive(Debug)]
pub(super) struct Course {
    all: Window,
    providers: HashMap<String, Window>,
    sampled_ms: u64,
}

impl Default for Course {
    fn default() -> Self {
        Self {
            all: Window::new(Of::Requests),
            providers: HashMap::new(),
            sampled_ms: 0,
        }
    }
}

impl Course {
    /// Samples what is counted, if it is time.
    pub(super) fn sample(&mut self, gateway: &Gateway, moment: Moment) {
        if moment.now_ms().saturating_sub(self.sampled_ms) < SAMPLE_EVERY_MS {
            return;
        }
        self.sample_now(gateway, moment);
    }

    /// Samples what is counted.
    pub(super) fn sample_now(&mut self, gateway: &Gateway, moment: Moment) {
        self.sampled_ms = moment.now_ms();
        let metrics = gateway.metrics();
        self.all.sample(moment.now, metrics.totals());
        let rings = gateway.keyrings();
        let is_here = |name: &String| rings.iter().any(|ring| *ring.provider.name == **name);
        self.providers.retain(|name, _| is_here(name));
        for ring in rings {
            let name = &*ring.provider.name;
            let reading = metrics.provider(name);
            let window = self.providers.entry(name.to_owned());
            let window = window.or_insert_with(|| Window::new(Of::Attempts));
            window.sample(moment.now, reading);
        }
    }

    /// The figures as a whole, without those of requests under way.
    pub(super) fn totals(&self) -> Totals {
        self.all.totals()
    }

    /// Writes into the row of a provider what is counted of it.
    pub(super) fn tell(&self, row: &mut ProviderRow) {
        if let Some(window) = self.providers.get(&row.name) {
            window.tell(row);
        }
    }
}
