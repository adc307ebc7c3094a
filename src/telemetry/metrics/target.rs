//! The book of one target: a model at its provider.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use super::chain::Chain;
use super::closing::Outcome;
use super::histogram::Histogram;
use super::reading::PastFailure;
use crate::chat::Usage;
use crate::telemetry::trace::{Cause, Verdict};

/// Failures that are remembered of one target.
const LAST_FAILURES: usize = 8;

/// See the module's head.
#[derive(Debug)]
pub(super) struct TargetBook {
    /// Its provider, as it is labelled.
    pub(super) provider: Arc<str>,
    /// Its model, as it is labelled.
    pub(super) model: Arc<str>,
    /// Attempts, and those that were not made.
    pub(super) attempts: Chain<Attempts>,
    /// How long attempts took that have served.
    pub(super) served: Histogram,
    /// How long attempts took that have failed.
    pub(super) failed: Histogram,
    /// To the first token, since the attempt began.
    pub(super) first_token: Histogram,
    /// Requests, by what was asked.
    pub(super) pages: Chain<Page>,
    /// Tokens read and written; see [`TOKENS`].
    pub(super) tokens: [AtomicU64; TOKENS.len()],
    /// What it cost, in billionths of a dollar.
    pub(super) cost: AtomicU64,
    /// Answers whose price is not known.
    pub(super) unpriced: AtomicU64,
    /// What was lost in translation.
    pub(super) dropped: AtomicU64,
    /// The last failures, the latest last.
    pub(super) failures: Mutex<VecDeque<PastFailure>>,
}

/// Kinds of tokens, in the order of [`counted`].
pub(super) const TOKENS: [&str; 5] = ["input", "output", "cached", "cache_write", "reasoning"];

/// Attempts that were made for one cause and ended in one way.
#[derive(Debug)]
pub(super) struct Attempts {
    pub(super) cause: Cause,
    pub(super) verdict: Verdict,
    pub(super) count: AtomicU64,
}

/// Requests to one endpoint.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) endpoint: &'static str,
    pub(super) counts: Chain<Count>,
    pub(super) time: Histogram,
    pub(super) first_token: Histogram,
    pub(super) overhead: Histogram,
}

/// Requests that ended in one way.
#[derive(Debug)]
pub(super) struct Count {
    pub(super) status: u16,
    pub(super) outcome: Outcome,
    pub(super) requests: AtomicU64,
}

impl TargetBook {
    pub(super) fn of(provider: Arc<str>, model: Arc<str>) -> Self {
        Self {
            provider,
            model,
            attempts: Chain::default(),
            served: Histogram::default(),
            failed: Histogram::default(),
            first_token: Histogram::default(),
            pages: Chain::default(),
            tokens: Default::default(),
            cost: AtomicU64::new(0),
            unpriced: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            failures: Mutex::default(),
        }
    }

    /// One more attempt, or one that was not made.
    pub(super) fn tried(&self, cause: Cause, verdict: Verdict) {
        let is_it = |one: &Attempts| one.cause == cause && one.verdict == verdict;
        let make = || Attempts {
            cause,
            verdict,
            count: AtomicU64::new(0),
        };
        one_more(&self.attempts.find(is_it, make).count);
    }

    /// The page of `endpoint`.
    pub(super) fn page(&self, endpoint: &'static str) -> &Page {
        let make = || Page {
            endpoint,
            counts: Chain::default(),
            time: Histogram::default(),
            first_token: Histogram::default(),
            overhead: Histogram::default(),
        };
        self.pages.find(|page| page.endpoint == endpoint, make)
    }

    /// What an answer has used.
    pub(super) fn used(&self, usage: Usage) {
        for (sum, tokens) in self.tokens.iter().zip(counted(usage)) {
            if tokens > 0 {
                sum.fetch_add(tokens, Ordering::Relaxed);
            }
        }
    }

    /// What it cost, in dollars.
    pub(super) fn cost(&self, dollars: Option<f64>) {
        match dollars {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "it is bounded, and a billionth of a dollar is nothing"
            )]
            Some(dollars) => {
                let billionths = (dollars * 1e9).clamp(0.0, 1e15) as u64;
                self.cost.fetch_add(billionths, Ordering::Relaxed);
            }
            None => one_more(&self.unpriced),
        }
    }

    /// Remembers a failure, in place of the oldest if there are too many.
    pub(super) fn remember(&self, failure: PastFailure) {
        let mut failures = self.failures.lock();
        if failures.len() >= LAST_FAILURES {
            failures.pop_front();
        }
        failures.push_back(failure);
    }
}

impl Page {
    /// One more request.
    pub(super) fn closed(&self, status: u16, outcome: Outcome, total: Duration) {
        let status = told_apart(status);
        let is_it = |one: &Count| one.status == status && one.outcome == outcome;
        let make = || Count {
            status,
            outcome,
            requests: AtomicU64::new(0),
        };
        one_more(&self.counts.find(is_it, make).requests);
        self.time.record(total);
    }
}

/// In the order of [`TOKENS`].
fn counted(usage: Usage) -> [u64; TOKENS.len()] {
    [
        usage.input,
        usage.output,
        usage.cached,
        usage.cache_write,
        usage.reasoning,
    ]
}

fn one_more(count: &AtomicU64) {
    count.fetch_add(1, Ordering::Relaxed);
}

/// A status that has a label of its own, or the first of its class: upstreams may answer anything.
fn told_apart(status: u16) -> u16 {
    match status {
        200..=206 | 300..=308 | 400..=418 | 421..=431 | 451 | 499..=511 | 520..=530 => status,
        _ => status.clamp(100, 599) / 100 * 100,
    }
}
