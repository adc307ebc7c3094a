//! The end of a request, as it is counted.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use super::reading::PastFailure;
use super::target::TargetBook;
use super::{Metrics, OTHER};
use crate::chat::Usage;
use crate::telemetry::trace::{Try, Verdict};

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The whole answer was handed over.
    Complete,
    /// An error was answered, or a stream ended in one.
    Failed,
    /// The client left.
    Left,
    /// It came no further than the guards.
    TurnedAway,
}

/// A request that ends.
#[derive(Debug)]
pub struct Closing<'a> {
    /// What was asked.
    pub endpoint: &'static str,
    /// The status that the client got.
    pub status: u16,
    /// How it ended.
    pub outcome: Outcome,
    /// To its end.
    pub total: Duration,
    /// To the first token.
    pub first_token: Option<Duration>,
    /// What the gateway itself took.
    pub overhead: Option<Duration>,
    /// Whoever has answered.
    pub served: Option<Served<'a>>,
    /// What was tried, in the order in which it began.
    pub tries: &'a [Try],
    /// Which of those are no invention of the client: a bit each, the first the lowest.
    pub listed: u32,
    /// What was lost in translation.
    pub dropped: usize,
}

/// Whoever has answered.
#[derive(Debug)]
pub struct Served<'a> {
    /// The provider.
    pub provider: &'a Arc<str>,
    /// The model.
    pub model: &'a Arc<str>,
    /// Whether that is no invention of the client.
    pub is_listed: bool,
    /// Token counts, as far as they are known.
    pub usage: Option<Usage>,
    /// What it cost in dollars, if prices and counts are known.
    pub cost: Option<f64>,
}

impl Outcome {
    /// Its word in logs and labels.
    pub fn name(self) -> &'static str {
        match self {
            Outcome::Complete => "complete",
            Outcome::Failed => "failed",
            Outcome::Left => "client left",
            Outcome::TurnedAway => "turned away",
        }
    }
}

impl Metrics {
    /// Counts a request that has ended, with all that was tried for it.
    pub fn close(&self, closing: &Closing<'_>) {
        let mut last: Option<Arc<TargetBook>> = None;
        for (place, tried) in closing.tries.iter().enumerate() {
            let is_listed = place < 32 && closing.listed & (1 << place) != 0;
            let book = self.target(&tried.provider, &tried.model, is_listed);
            book.attempt(tried);
            if tried.verdict.is_made() || last.is_none() {
                last = Some(book);
            }
        }
        let answered = closing.served.as_ref().map(|served| {
            let same = |book: &Arc<TargetBook>| {
                *book.provider == **served.provider && *book.model == **served.model
            };
            let book = last.take().filter(same);
            book.unwrap_or_else(|| self.target(served.provider, served.model, served.is_listed))
        });
        if let (Some(book), Some(served)) = (&answered, &closing.served) {
            book.bill(served, closing.dropped);
        }
        // Who was asked last stands for a request that nobody has answered.
        let book = answered.or(last);
        book.as_deref().unwrap_or(&self.nobody).close(closing);
    }

    /// Counts a request that came no further than the guards. `endpoint` is `None` where it was for nothing
    /// that is routed to providers.
    pub fn turned_away(&self, endpoint: Option<&'static str>, status: u16, took: Duration) {
        let page = self.nobody.page(endpoint.unwrap_or(OTHER));
        page.closed(status, Outcome::TurnedAway, took);
    }
}

impl TargetBook {
    fn attempt(&self, tried: &Try) {
        self.tried(tried.cause, tried.verdict);
        if let Some(time) = tried.first_token {
            self.first_token.record(time);
        }
        let elapsed = tried.elapsed.unwrap_or_default();
        if tried.verdict == Verdict::Served {
            self.served.record(elapsed);
        } else if tried.verdict.is_failure() {
            self.failed.record(elapsed);
            self.remember(PastFailure {
                at: SystemTime::now(),
                provider: self.provider.clone(),
                model: self.model.clone(),
                class: tried.verdict.name(),
                status: tried.status,
            });
        }
    }

    fn bill(&self, served: &Served<'_>, dropped: usize) {
        if let Some(usage) = served.usage {
            self.used(usage);
            self.cost(served.cost);
        }
        if dropped > 0 {
            self.dropped.fetch_add(dropped as u64, Ordering::Relaxed);
        }
    }

    fn close(&self, closing: &Closing<'_>) {
        let page = self.page(closing.endpoint);
        page.closed(closing.status, closing.outcome, closing.total);
        if let Some(time) = closing.first_token {
            page.first_token.record(time);
        }
        if let Some(time) = closing.overhead {
            page.overhead.record(time);
        }
    }
}
