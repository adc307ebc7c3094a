//! The book of one request: filled in along the way, and told when it is dropped: to the log, to the counts, to
//! the ring of traces. Its row in the table of live requests is there as long as it is.
//!
//! Dropping is what every ending has in common: an answer read to its end, a failure, a client that
//! left, a panic. So no request goes unrecorded.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::HeaderValue;

use super::idempotency::Claim;
use super::seat::Seat;
use super::tries::Tries;
use crate::chat::{Failure, Usage};
use crate::config::Strategy;
use crate::route::Target;
use crate::route::plan::MOST_WATCHED;
use crate::telemetry::books::Books;
use crate::telemetry::clock::milliseconds;
use crate::telemetry::live::{Arrival, Row};
use crate::telemetry::metrics::{self, Closing, Outcome, Served};
use crate::telemetry::snapshot::CandidateRow;
use crate::telemetry::trace::{Cause, Trace, Try, Verdict};

/// Longest model name written into a log line.
const MODEL_IN_LOG: usize = 128;

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    /// Nobody has said yet: if it stays so, the client left.
    Open,
    /// The whole answer was handed over.
    Complete,
    /// An error was answered, or a stream ended in one.
    Failed,
}

/// See the module's head.
#[derive(Debug)]
pub struct Record {
    /// Where all of it is told.
    books: Arc<Books>,
    /// Who asked what, and when; others may look at it while the request is under way.
    row: Arc<Row>,
    provider: Option<Target>,
    attempts: u32,
    status: u16,
    first_token: Option<Duration>,
    usage: Option<Usage>,
    /// Output tokens of whoever serves it now.
    own_output: Option<u64>,
    /// Output tokens of those whose answer it goes on with.
    behind: u64,
    /// The idempotency key that is taken for it.
    key: Option<Box<Claim>>,
    /// What the target that serves it is held to.
    seat: Option<Seat>,
    ending: Ending,
    strategy: Strategy,
    tries: Tries,
    /// Its candidates, if somebody watches.
    candidates: Vec<CandidateRow>,
    /// The try that serves it.
    serving: Option<usize>,
    /// Whether it is remembered.
    is_traced: bool,
    /// When all of its body was here, since it was received.
    read: Duration,
    /// What was spent waiting for providers.
    waited: Duration,
    /// When an answer was ready for the client, since it was received.
    answered: Option<Duration>,
    /// What was lost in translation.
    losses: Vec<String>,
    /// The trace that its client is in.
    parent: Option<HeaderValue>,
}

impl Record {
    /// Opens the book, which is told to `books`. `door` is the tunnel that the request came through.
    pub fn new(
        books: &Arc<Books>,
        request_id: HeaderValue,
        client: Arc<str>,
        door: Option<&'static str>,
        endpoint: &'static str,
        received: Instant,
    ) -> Self {
        let row = books.live.enter(Arrival {
            request_id,
            client,
            door,
            endpoint,
            received,
        });
        Self {
            books: books.clone(),
            row,
            provider: None,
            attempts: 0,
            status: 0,
            first_token: None,
            usage: None,
            own_output: None,
            behind: 0,
            key: None,
            seat: None,
            ending: Ending::Open,
            strategy: Strategy::default(),
            tries: Tries::default(),
            candidates: Vec::new(),
            serving: None,
            is_traced: false,
            read: Duration::ZERO,
            waited: Duration::ZERO,
            answered: None,
            losses: Vec::new(),
            parent: None,
        }
    }

    /// The model asked for.
    pub fn asked(&mut self, model: &str) {
        let most = model.char_indices().nth(MODEL_IN_LOG);
        let end = most.map_or(model.len(), |(end, _)| end);
        self.row.asks_for(&model[..end]);
    }

    /// What was tried for it is remembered.
    pub fn traced(&mut self) {
        self.is_traced = true;
    }

    /// All of its body is here: what came before was the client's time.
    pub fn is_read(&mut self) {
        self.read = self.row.received.elapsed();
    }

    /// It belongs to a trace of its client, as `traceparent` says.
    pub fn continues(&mut self, parent: Option<&HeaderValue>) {
        self.parent = parent.cloned();
    }

    /// Its candidates are in order.
    pub fn planned(&mut self, strategy: Strategy) {
        self.strategy = strategy;
    }

    /// These were considered, beside those of an earlier plan; none, if nobody watches.
    pub fn considered(&mut self, candidates: Vec<CandidateRow>) {
        let room = MOST_WATCHED.saturating_sub(self.candidates.len());
        self.candidates.extend(candidates.into_iter().take(room));
    }

    /// An attempt begins; returns its place among the tries.
    pub fn begin(&mut self, target: &Target, cause: Cause) -> usize {
        self.attempts += 1;
        self.row.tries(&target.id.provider, &target.offer.name);
        self.tries.begin(target, cause, self.row.received.elapsed())
    }

    /// `target` is not asked.
    pub fn skip(&mut self, target: &Target, cause: Cause, verdict: Verdict) {
        let at = self.row.received.elapsed();
        self.tries.skip(target, cause, at, verdict);
    }

    /// The try at `place`, if it is remembered.
    pub fn tried(&mut self, place: usize) -> Option<&mut Try> {
        self.tries.at(place)
    }

    /// What was tried so far.
    pub fn tries(&self) -> &[Try] {
        self.tries.all()
    }

    /// Whether `target` has failed, or could not take the request.
    pub fn has_failed(&self, target: &Target) -> bool {
        self.tries.has_failed(target)
    }

    /// The try at `place` is the one that answers.
    pub fn serves(&mut self, place: usize) {
        self.serving = Some(place);
        if let Some(tried) = self.tries.at(place) {
            tried.verdict = Verdict::Served;
        }
    }

    /// Attempts so far.
    pub fn attempts(&self) -> u32 {
        self.attempts
    }

    /// What an upstream had to say was here at `at`; what came before was spent waiting for one or another.
    pub fn heard(&mut self, at: Instant) {
        let at = at.saturating_duration_since(self.row.received);
        self.waited = self.tries.waited(at);
    }

    /// What was lost in translation.
    pub fn lost(&mut self, losses: Vec<String>) {
        self.losses = losses;
    }

    /// So many more events of the answer have come.
    pub fn writes(&self, events: u64) {
        self.row.writes(events);
    }

    /// A target has answered.
    pub fn served_by(&mut self, target: Target, status: u16) {
        if self.answered.is_none() {
            self.answered = Some(self.row.received.elapsed());
        }
        self.provider = Some(target);
        self.status = status;
    }

    /// How the answer ends is said of the target that `seat` is at.
    pub fn hold(&mut self, seat: impl Into<Seat>) {
        self.seat = Some(seat.into());
    }

    /// Another target goes on, at `seat`, behind so many output tokens that are not its own.
    pub fn goes_on(&mut self, seat: Seat, behind: u64) {
        self.hold(seat);
        (self.behind, self.own_output) = (behind, None);
    }

    /// It is executed under an idempotency key.
    pub fn under(&mut self, key: Option<Box<Claim>>) {
        self.key = key;
    }

    /// How it ends says nothing about the target that serves it.
    pub fn let_go(&mut self) {
        self.seat = None;
    }

    /// The target that serves it has broken off.
    pub fn broke(&mut self, failure: &Failure, dice: u64) {
        let toll = self
            .seat
            .take()
            .map(|seat| seat.failed(failure, Instant::now(), dice));
        let elapsed = self.row.received.elapsed();
        let tried = self.serving.take().and_then(|place| self.tries.at(place));
        if let Some(tried) = tried {
            tried.verdict = Verdict::Failed(failure.class);
            tried.elapsed = Some(elapsed.saturating_sub(tried.began));
            tried.rests = toll.and_then(|toll| toll.rested).map(|rest| rest.wait);
        }
    }

    /// It was answered here, by no target.
    pub fn answered(&mut self, status: u16) {
        self.status = status;
    }

    /// The first meaningful event is here.
    pub fn first_token(&mut self, now: Instant) {
        let after = now.duration_since(self.row.received);
        self.first_token = Some(after);
        self.row.first_token(after);
        if let Some(tried) = self.serving.and_then(|place| self.tries.at(place)) {
            tried.first_token = Some(after.saturating_sub(tried.began));
        }
        if let Some(seat) = &mut self.seat {
            seat.answered(now);
        }
    }

    /// Token counts, as far as they are known.
    pub fn usage(&mut self, usage: Option<Usage>) {
        if let Some(usage) = usage {
            self.usage = Some(usage);
            self.own_output = Some(usage.output.saturating_sub(self.behind));
        }
    }

    /// The answer was handed over whole.
    pub fn complete(&mut self) {
        self.ending = Ending::Complete;
        if let Some(seat) = self.seat.take() {
            seat.completed(self.own_output, Instant::now());
        }
    }

    /// The client was told of a failure.
    pub fn failed(&mut self, status: u16) {
        self.status = status;
        self.ending = Ending::Failed;
    }

    /// The request's id.
    pub fn request_id(&self) -> &HeaderValue {
        &self.row.request_id
    }

    /// The request's id as text; the edge lets only visible ASCII through.
    pub fn id(&self) -> &str {
        self.row.request_id.to_str().unwrap_or_default()
    }

    /// Whose key it came with.
    pub fn client(&self) -> &Arc<str> {
        &self.row.client
    }

    /// When the request's head had arrived.
    pub fn received(&self) -> Instant {
        self.row.received
    }
}

impl Record {
    /// The model string; where that is the name of the model that served, it is not written down again.
    fn asked_for(&self) -> Arc<str> {
        let served = self.provider.as_ref().map(|target| &target.offer.name);
        let same = served.filter(|name| ***name == *self.row.asked());
        same.map_or_else(|| self.row.asked().into(), Arc::clone)
    }

    /// What the gateway itself took of it, if anybody has answered.
    fn overhead(&self) -> Option<Duration> {
        let ours = self.answered?.saturating_sub(self.read);
        Some(ours.saturating_sub(self.waited))
    }

    /// What it cost in dollars, if prices and counts are known.
    fn cost(&self) -> Option<f64> {
        metrics::cost(self.usage?, self.provider.as_ref()?.offer.knowledge())
    }

    /// Settles the try that has served.
    fn settle(&mut self, total: Duration) {
        if let Some(tried) = self.serving.and_then(|place| self.tries.at(place)) {
            tried.status = tried.status.or(Some(self.status));
            tried.elapsed = Some(total.saturating_sub(tried.began));
        }
    }

    fn count(&self, status: u16, outcome: Outcome, total: Duration, cost: Option<f64>) {
        let served = self.provider.as_ref().map(|target| Served {
            provider: &target.id.provider,
            model: &target.offer.name,
            is_listed: target.offer.is_listed,
            usage: self.usage,
            cost,
        });
        self.books.metrics.close(&Closing {
            endpoint: self.row.endpoint,
            status,
            outcome,
            total,
            first_token: self.first_token,
            overhead: self.overhead(),
            served,
            tries: self.tries.all(),
            listed: self.tries.listed(),
            dropped: self.losses.len(),
        });
    }

    fn trace(
        &mut self,
        status: u16,
        outcome: Outcome,
        total: Duration,
        cost: Option<f64>,
    ) -> Trace {
        let row = &self.row;
        Trace {
            number: row.number,
            request_id: row.request_id.clone(),
            client: row.client.clone(),
            door: row.door,
            endpoint: row.endpoint,
            strategy: self.strategy.name(),
            received: row.received,
            status,
            outcome: outcome.name(),
            first_token: self.first_token,
            total,
            input_tokens: self.usage.map(|usage| usage.input),
            output_tokens: self.usage.map(|usage| usage.output),
            cached_tokens: self.usage.map(|usage| usage.cached),
            cost,
            overhead: self.overhead(),
            losses: std::mem::take(&mut self.losses),
            asked: self.asked_for(),
            tries: self.tries.take(),
            candidates: std::mem::take(&mut self.candidates),
            parent: self.parent.take(),
        }
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        let (status, outcome) = match self.ending {
            Ending::Complete => (self.status, Outcome::Complete),
            Ending::Failed => (self.status, Outcome::Failed),
            // 499: the status servers log for a client that left; it is never sent.
            Ending::Open => (499, Outcome::Left),
        };
        let row = &self.row;
        let total = row.received.elapsed();
        let target = self.provider.as_ref();
        let was_answered = target.is_some() && self.ending != Ending::Open;
        if let Some(key) = self.key.take().filter(|_| was_answered) {
            key.executed();
        }
        tracing::info!(
            target: "autogw::request",
            request_id = self.id(),
            client = &*row.client,
            door = row.door,
            endpoint = row.endpoint,
            model = row.asked(),
            provider = target.map(|target| &*target.id.provider),
            served = target.map(|target| &*target.offer.name),
            attempts = self.attempts,
            status,
            outcome = outcome.name(),
            ttft_ms = self.first_token.map(milliseconds),
            total_ms = milliseconds(total),
            input_tokens = self.usage.map(|usage| usage.input),
            output_tokens = self.usage.map(|usage| usage.output),
            "request"
        );
        self.settle(total);
        let cost = self.cost();
        self.count(status, outcome, total, cost);
        if self.is_traced {
            let trace = self.trace(status, outcome, total, cost);
            self.books.traces.push(trace);
        }
        // Last, so that a request is always seen in one place or the other.
        self.books.live.leave(&self.row);
    }
}
