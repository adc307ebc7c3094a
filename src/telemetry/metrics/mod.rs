//! The counts: one registry, which Prometheus and the dashboard both read.
//!
//! A request writes once, when its book is closed ([`Metrics::close`]): one look into a map for each target
//! that was tried, and then additions. Everything else (totals, sums by provider, rates, percentiles) is made
//! by who reads. Labels are bounded: a model that nobody lists, and one too many, is called `other`.

mod bill;
mod chain;
mod closing;
pub mod exposition;
mod families;
pub mod histogram;
mod reading;
mod target;
pub mod window;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwap;
use parking_lot::Mutex;

use super::log::Tail;
pub use bill::cost;
pub use closing::{Closing, Outcome, Served};
pub use histogram::{Histogram, Times};
pub use reading::{Counted, PastFailure, Reading, Tokens};
use target::TargetBook;

/// Providers that have labels of their own; more than that come only from many reloads.
const MOST_PROVIDERS: usize = 128;

/// Models, each at its provider, that have labels of their own.
const MOST_TARGETS: usize = 512;

/// What stands for everything that has no label of its own.
pub const OTHER: &str = "other";

/// What stands for a provider or model where there is none.
pub const NONE: &str = "none";

/// Provider and model.
type Names = (Arc<str>, Arc<str>);

type Targets = HashMap<Names, Arc<TargetBook>>;

/// See the module's head.
#[derive(Debug)]
pub struct Metrics {
    targets: ArcSwap<Targets>,
    /// Held while one is added.
    adding: Mutex<()>,
    /// Of requests for which nobody was asked.
    nobody: TargetBook,
    /// [`OTHER`].
    other: Arc<str>,
    watchers: AtomicU64,
    /// The log, if it is to be told of what it has lost.
    log: OnceLock<Arc<Tail>>,
    reloads: [AtomicU64; 2],
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            targets: ArcSwap::default(),
            adding: Mutex::default(),
            nobody: TargetBook::of(NONE.into(), NONE.into()),
            other: OTHER.into(),
            watchers: AtomicU64::new(0),
            log: OnceLock::new(),
            reloads: Default::default(),
        }
    }
}

impl Metrics {
    /// How many watch through the admin API.
    pub fn set_watchers(&self, watchers: usize) {
        let watchers = u64::try_from(watchers).unwrap_or(u64::MAX);
        self.watchers.store(watchers, Ordering::Relaxed);
    }

    /// Tells from now on how many lines the log has lost.
    pub fn follow_log(&self, log: Arc<Tail>) {
        // There is one log for the whole run: the first is the same as any later one.
        _ = self.log.set(log);
    }

    /// A new configuration was read, and is in force if it `is_good`.
    pub fn reloaded(&self, is_good: bool) {
        self.reloads[usize::from(is_good)].fetch_add(1, Ordering::Relaxed);
    }

    /// The names under which a target is told that may have been counted.
    pub fn known(&self, provider: &Arc<str>, model: &Arc<str>) -> (Arc<str>, Arc<str>) {
        let names = (provider.clone(), model.clone());
        if self.targets.load().contains_key(&names) {
            names
        } else {
            (names.0, OTHER.into())
        }
    }

    fn target(&self, provider: &Arc<str>, model: &Arc<str>, is_listed: bool) -> Arc<TargetBook> {
        let model = if is_listed { model } else { &self.other };
        let names = (provider.clone(), model.clone());
        let targets = self.targets.load();
        if let Some(book) = targets.get(&names) {
            return book.clone();
        }
        let rest = (names.0.clone(), self.other.clone());
        let is_full = targets.len() >= MOST_TARGETS;
        match targets.get(&rest).filter(|_| is_full) {
            Some(book) => book.clone(),
            None => self.add(names),
        }
    }

    /// The book for `names`, or for what stands for them.
    fn add(&self, names: Names) -> Arc<TargetBook> {
        let _adding = self.adding.lock();
        let targets = self.targets.load();
        let names = bounded(&targets, names);
        if let Some(book) = targets.get(&names) {
            return book.clone();
        }
        let mut targets = Targets::clone(&targets);
        let (provider, model) = names.clone();
        let book = Arc::new(TargetBook::of(provider, model));
        targets.insert(names, book.clone());
        self.targets.store(Arc::new(targets));
        book
    }

    /// All books, those of nobody last.
    fn books(&self) -> Vec<Arc<TargetBook>> {
        let mut books: Vec<_> = self.targets.load().values().cloned().collect();
        books.sort_by(|a, b| (&a.provider, &a.model).cmp(&(&b.provider, &b.model)));
        books
    }
}

/// `names`, or what stands for them where there are too many.
fn bounded(targets: &Targets, (provider, model): Names) -> Names {
    let is_new = !targets.keys().any(|(known, _)| *known == provider);
    let mut providers: Vec<_> = targets.keys().map(|(known, _)| known).collect();
    providers.sort_unstable();
    providers.dedup();
    let provider: Arc<str> = if is_new && providers.len() >= MOST_PROVIDERS {
        OTHER.into()
    } else {
        provider
    };
    if targets.len() < MOST_TARGETS && *provider != *OTHER {
        (provider, model)
    } else {
        (provider, OTHER.into())
    }
}

#[cfg(test)]
mod tests;
