//! What is counted, read at one moment: absolute values since the start.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use super::Metrics;
use super::closing::Outcome;
use super::histogram::{Times, approximate};
use super::target::TargetBook;
use crate::telemetry::snapshot::Statuses;
use crate::telemetry::trace::{Cause, Verdict};

/// The figures of a provider, or of all.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Reading {
    /// Requests; of a provider, those it answered or was the last to be asked for.
    pub requests: u64,
    /// How they were answered.
    pub statuses: Statuses,
    /// Attempts.
    pub attempts: Counted,
    /// Tokens read and written.
    pub tokens: Tokens,
    /// What it cost in dollars, as far as prices are known.
    pub cost: f64,
    /// Answers whose price is not known.
    pub unpriced: u64,
    /// What was lost in translation.
    pub dropped: u64,
    /// How long it took: of a provider its attempts that served, of all the requests that were complete or failed
    /// or left.
    pub time: Times,
    /// To the first token: of a provider since it was asked, of all since the request arrived.
    pub first_token: Times,
    /// What the gateway itself took.
    pub overhead: Times,
}

/// Attempts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counted {
    /// Those that were made.
    pub made: u64,
    /// Those of them that failed.
    pub failed: u64,
    /// Those of them that answered.
    pub served: u64,
    /// The failed ones by class.
    pub by_class: BTreeMap<&'static str, u64>,
    /// At the same target again.
    pub repeats: u64,
    /// Elsewhere after a failure.
    pub failovers: u64,
    /// Beside a slow one.
    pub hedges: u64,
    /// Those of them that won.
    pub hedges_won: u64,
    /// Streams that were gone on with.
    pub continued: u64,
}

/// Tokens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tokens {
    /// Read, cached ones included.
    pub input: u64,
    /// Written, reasoning included.
    pub output: u64,
    /// Of those read: from the caches of providers.
    pub cached: u64,
    /// Of those read: written to the caches of providers.
    pub cache_write: u64,
    /// Of those written: reasoning.
    pub reasoning: u64,
}

/// A failed attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastFailure {
    /// When its request ended.
    pub at: SystemTime,
    /// Who failed.
    pub provider: Arc<str>,
    /// The model that was asked.
    pub model: Arc<str>,
    /// The word for it, e.g. `rate_limit`.
    pub class: &'static str,
    /// The upstream's status.
    pub status: Option<u16>,
}

impl Metrics {
    /// The figures of the gateway as a whole.
    pub fn totals(&self) -> Reading {
        let mut all = Reading::default();
        for book in &self.books() {
            all.add(book, Whose::All);
        }
        all.add(&self.nobody, Whose::All);
        all
    }

    /// The figures of one provider; zeros where nobody has asked it.
    pub fn provider(&self, name: &str) -> Reading {
        let mut own = Reading::default();
        for book in self.books_of(name) {
            own.add(&book, Whose::Provider);
        }
        own
    }

    /// The figures of one model of a provider.
    pub fn model(&self, provider: &str, model: &str) -> Reading {
        let mut own = Reading::default();
        for book in self.books_of(provider) {
            if *book.model == *model {
                own.add(&book, Whose::Provider);
            }
        }
        own
    }

    /// The last failures of a provider, the latest first.
    pub fn failures(&self, provider: &str) -> Vec<PastFailure> {
        let mut all = Vec::new();
        for book in self.books_of(provider) {
            all.extend(book.failures.lock().iter().cloned());
        }
        all.sort_by_key(|failure| std::cmp::Reverse(failure.at));
        all.truncate(16);
        all
    }

    fn books_of<'a>(&self, provider: &'a str) -> impl Iterator<Item = Arc<TargetBook>> + use<'a> {
        let books = self.books().into_iter();
        books.filter(move |book| *book.provider == *provider)
    }
}

/// Whose figures are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whose {
    Provider,
    All,
}

impl Reading {
    fn add(&mut self, book: &TargetBook, whose: Whose) {
        self.add_requests(book, whose);
        self.add_attempts(book);
        let [input, output, cached, cache_write, reasoning] = &book.tokens;
        self.tokens.input += read(input);
        self.tokens.output += read(output);
        self.tokens.cached += read(cached);
        self.tokens.cache_write += read(cache_write);
        self.tokens.reasoning += read(reasoning);
        self.cost += dollars(&book.cost);
        self.unpriced += read(&book.unpriced);
        self.dropped += read(&book.dropped);
        if whose == Whose::Provider {
            book.served.add_to(&mut self.time);
            book.first_token.add_to(&mut self.first_token);
        }
    }

    fn add_requests(&mut self, book: &TargetBook, whose: Whose) {
        // What is for no endpoint of a provider is no request in this sense.
        let pages = book
            .pages
            .iter()
            .filter(|page| page.endpoint != super::OTHER);
        for page in pages {
            for count in page.counts.iter() {
                let requests = read(&count.requests);
                self.requests += requests;
                *place(&mut self.statuses, count.status, count.outcome) += requests;
            }
            page.overhead.add_to(&mut self.overhead);
            if whose == Whose::All {
                page.time.add_to(&mut self.time);
                page.first_token.add_to(&mut self.first_token);
            }
        }
    }

    fn add_attempts(&mut self, book: &TargetBook) {
        let sums = &mut self.attempts;
        for one in book.attempts.iter().filter(|one| one.verdict.is_made()) {
            let count = read(&one.count);
            sums.made += count;
            let has_served = one.verdict == Verdict::Served;
            if has_served {
                sums.served += count;
            } else if one.verdict.is_failure() {
                sums.failed += count;
                *sums.by_class.entry(one.verdict.name()).or_default() += count;
            }
            match one.cause {
                Cause::First | Cause::Healed => {}
                Cause::Repeat => sums.repeats += count,
                Cause::Failover | Cause::Fallback => sums.failovers += count,
                Cause::Hedge => {
                    sums.hedges += count;
                    sums.hedges_won += if has_served { count } else { 0 };
                }
                Cause::Continued => sums.continued += if has_served { count } else { 0 },
            }
        }
    }
}

/// Where a request is counted that ended so.
fn place(statuses: &mut Statuses, status: u16, outcome: Outcome) -> &mut u64 {
    match (outcome, status) {
        (Outcome::Left, _) => &mut statuses.left,
        (_, 429) => &mut statuses.rate_limited,
        (_, 400..=499) => &mut statuses.client_errors,
        (Outcome::Complete, 0..=399) => &mut statuses.ok,
        _ => &mut statuses.server_errors,
    }
}

/// As it is now.
pub(super) fn read(count: &AtomicU64) -> u64 {
    count.load(Ordering::Relaxed)
}

/// Billionths of a dollar as dollars.
pub(super) fn dollars(billionths: &AtomicU64) -> f64 {
    approximate(read(billionths)) / 1e9
}
