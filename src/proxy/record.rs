//! The book of one request: filled in along the way, written as one log line when it is dropped.
//!
//! Dropping is what every ending has in common: an answer read to its end, a failure, a client that
//! left, a panic. So no request goes unrecorded.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::HeaderValue;

use super::idempotency::Claim;
use crate::chat::{Failure, Usage};
use crate::health::Permit;
use crate::route::Target;

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
    /// What the target that serves it is held to.
    permit: Option<Permit>,
    /// The idempotency key that is taken for it.
    key: Option<Box<Claim>>,
    ending: Ending,
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
            permit: None,
            key: None,
            ending: Ending::Open,
        }
    }

    /// The model asked for.
    pub fn asked(&mut self, model: &str) {
        self.model = model.chars().take(MODEL_IN_LOG).collect();
    }

    /// An attempt begins; returns how many there have been.
    pub fn attempt(&mut self) -> u32 {
        self.attempts += 1;
        self.attempts
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

    /// How the answer ends is said of the target that `permit` is for.
    pub fn hold(&mut self, permit: Permit) {
        self.permit = Some(permit);
    }

    /// It is executed under an idempotency key.
    pub fn under(&mut self, key: Option<Box<Claim>>) {
        self.key = key;
    }

    /// The target that serves it has broken off.
    pub fn broke(&mut self, failure: &Failure, dice: u64) {
        if let Some(permit) = self.permit.take() {
            permit.failed(failure, Instant::now(), dice);
        }
    }

    /// It was answered here, by no target.
    pub fn answered(&mut self, status: u16) {
        self.status = status;
    }

    /// The first meaningful event is here.
    pub fn first_token(&mut self, now: Instant) {
        self.first_token = Some(now.duration_since(self.received));
        if let Some(permit) = &mut self.permit {
            permit.answered(now);
        }
    }

    /// Token counts, as far as they are known.
    pub fn usage(&mut self, usage: Option<Usage>) {
        self.usage = usage.or(self.usage);
    }

    /// The answer was handed over whole.
    pub fn complete(&mut self) {
        self.ending = Ending::Complete;
        if let Some(permit) = self.permit.take() {
            permit.completed(self.usage.map(|usage| usage.output), Instant::now());
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

impl Drop for Record {
    fn drop(&mut self) {
        let (status, outcome) = match self.ending {
            Ending::Complete => (self.status, "complete"),
            Ending::Failed => (self.status, "failed"),
            // 499: the status servers log for a client that left; it is never sent.
            Ending::Open => (499, "client left"),
        };
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
            total_ms = milliseconds(self.received.elapsed()),
            input_tokens = self.usage.map(|usage| usage.input),
            output_tokens = self.usage.map(|usage| usage.output),
            "request"
        );
    }
}

/// Whole milliseconds, as logs count them.
pub(super) fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
