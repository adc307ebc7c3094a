//! The book of one request: filled in along the way, written as one log line when it is dropped.
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
use crate::telemetry::trace::{Cause, Ring, Trace, Try, Verdict};

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
    request_id: HeaderValue,
    client: Arc<str>,
    door: Option<&'static str>,
    endpoint: &'static str,
    model: String,
    received: Instant,
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
    /// The try that serves it.
    serving: Option<usize>,
    /// Where it is remembered.
    ring: Option<Arc<Ring>>,
    /// The trace that its client is in.
    parent: Option<HeaderValue>,
}

impl Record {
    /// Opens the book. `door` is the tunnel that the request came through.
    pub fn new(
        request_id: HeaderValue,
        client: Arc<str>,
        door: Option<&'static str>,
        endpoint: &'static str,
        received: Instant,
    ) -> Self {
        Self {
            request_id,
            client,
            door,
            endpoint,
            model: String::new(),
            received,
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
            serving: None,
            ring: None,
            parent: None,
        }
    }

    /// The model asked for.
    pub fn asked(&mut self, model: &str) {
        let most = model.char_indices().nth(MODEL_IN_LOG);
        let end = most.map_or(model.len(), |(end, _)| end);
        model[..end].clone_into(&mut self.model);
    }

    /// What was tried for it is remembered in `ring`.
    pub fn traced(&mut self, ring: &Arc<Ring>) {
        self.ring = Some(ring.clone());
    }

    /// It belongs to a trace of its client, as `traceparent` says.
    pub fn continues(&mut self, parent: Option<&HeaderValue>) {
        self.parent = parent.cloned();
    }

    /// Its candidates are in order.
    pub fn planned(&mut self, strategy: Strategy) {
        self.strategy = strategy;
    }

    /// An attempt begins; returns its place among the tries.
    pub fn begin(&mut self, target: &Target, cause: Cause) -> usize {
        self.attempts += 1;
        self.tries.begin(target, cause, self.received.elapsed())
    }

    /// `target` is not asked.
    pub fn skip(&mut self, target: &Target, cause: Cause, verdict: Verdict) {
        let at = self.received.elapsed();
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

    /// A target has answered.
    pub fn served_by(&mut self, target: Target, status: u16) {
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
        let elapsed = self.received.elapsed();
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
        self.first_token = Some(now.duration_since(self.received));
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
        &self.request_id
    }

    /// The request's id as text; the edge lets only visible ASCII through.
    pub fn id(&self) -> &str {
        self.request_id.to_str().unwrap_or_default()
    }

    /// Whose key it came with.
    pub fn client(&self) -> &Arc<str> {
        &self.client
    }

    /// When the request's head had arrived.
    pub fn received(&self) -> Instant {
        self.received
    }
}

impl Record {
    /// The model string; where that is the name of the model that served, it is not written down again.
    fn asked_for(&self) -> Arc<str> {
        let served = self.provider.as_ref().map(|target| &target.offer.name);
        let same = served.filter(|name| ***name == self.model);
        same.map_or_else(|| self.model.as_str().into(), Arc::clone)
    }

    fn trace(&mut self, status: u16, outcome: &'static str, total: Duration) -> Trace {
        if let Some(tried) = self.serving.and_then(|place| self.tries.at(place)) {
            tried.status = tried.status.or(Some(self.status));
            tried.elapsed = Some(total.saturating_sub(tried.began));
        }
        Trace {
            request_id: self.request_id.clone(),
            client: self.client.clone(),
            door: self.door,
            endpoint: self.endpoint,
            strategy: self.strategy.name(),
            received: self.received,
            status,
            outcome,
            first_token: self.first_token,
            total,
            input_tokens: self.usage.map(|usage| usage.input),
            output_tokens: self.usage.map(|usage| usage.output),
            asked: self.asked_for(),
            tries: self.tries.take(),
            parent: self.parent.take(),
        }
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        let (status, outcome) = match self.ending {
            Ending::Complete => (self.status, "complete"),
            Ending::Failed => (self.status, "failed"),
            // 499: the status servers log for a client that left; it is never sent.
            Ending::Open => (499, "client left"),
        };
        let total = self.received.elapsed();
        let target = self.provider.as_ref();
        let was_answered = target.is_some() && self.ending != Ending::Open;
        if let Some(key) = self.key.take().filter(|_| was_answered) {
            key.executed();
        }
        tracing::info!(
            target: "autogw::request",
            request_id = self.request_id.to_str().unwrap_or_default(),
            client = &*self.client,
            door = self.door,
            endpoint = self.endpoint,
            model = self.model.as_str(),
            provider = target.map(|target| &*target.id.provider),
            served = target.map(|target| &*target.offer.name),
            attempts = self.attempts,
            status,
            outcome,
            ttft_ms = self.first_token.map(milliseconds),
            total_ms = milliseconds(total),
            input_tokens = self.usage.map(|usage| usage.input),
            output_tokens = self.usage.map(|usage| usage.output),
            "request"
        );
        if let Some(ring) = self.ring.take() {
            ring.push(self.trace(status, outcome, total));
        }
    }
}

/// Whole milliseconds, as logs count them.
pub(super) fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
