//! One attempt: the request goes to one target, and an answer or a classified failure comes back.

mod fault;
mod sheet;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use http::{HeaderMap, Method, StatusCode};
use tokio::time::Instant;

use super::call::{Call, Endpoint};
use super::gateway::Gateway;
use super::prepared::Prepared;
use super::receive::{GoodBody, Receiver};
use super::translate::{self, Carried, Crossing, Embedding};
use super::upstream::{Answer, Outgoing};
use super::written::Written;
use crate::chat::{Blame, Failure, FailureClass, Next, Stage};
use crate::config::Timeouts;
use crate::health::Permit;
use crate::provider::{Features, Provider};
use crate::route::{Offer, Target};
use fault::Time;

pub use sheet::{Sheet, Told};

/// An answer that may be given to the client.
#[derive(Debug)]
pub struct Good {
    /// The upstream's status, a 2xx.
    pub status: StatusCode,
    /// The upstream's headers.
    pub headers: HeaderMap,
    /// When the upstream had said what had to be waited for: all of it, or the first of a stream.
    pub heard: std::time::Instant,
    /// What became of what did not fit.
    pub told: Told,
    /// Whether it is told in another dialect than the upstream's.
    pub is_translated: bool,
    /// The body, in the state it is in.
    pub body: GoodBody,
}

/// What an attempt is held to, beside the limits of its target.
#[derive(Debug, Clone, Copy, Default)]
pub struct Leash<'a> {
    /// Whose books hear of what answers say of limits; none, where an attempt is nobody's business.
    pub permit: Option<&'a Permit>,
    /// How long its answer may take to begin, where another target could be faster.
    pub gate: Option<Duration>,
}

/// Whom one call goes to, and how its answer comes back.
#[derive(Clone, Copy)]
struct Asking<'a> {
    target: &'a Target,
    leash: Leash<'a>,
    endpoint: &'static Endpoint,
    crossing: Option<&'a Arc<Crossing>>,
    has_effects: bool,
}

/// Everything an attempt needs to know.
#[derive(Debug, Clone, Copy)]
pub struct Attempt<'a> {
    /// Providers and their connections.
    pub gateway: &'a Gateway,
    /// The client's request.
    pub call: &'a Call,
    /// The same, read.
    pub prepared: &'a Prepared,
    /// What it needs, as far as routing asked.
    pub needs: Features,
    /// When the request as a whole must be answered.
    pub deadline: Instant,
}

impl Attempt<'_> {
    /// Sends what was written for `target` to it. `sheet` is used up: what is lent is not moved from future
    /// to future.
    ///
    /// # Cancel safety
    /// Dropping the future closes the upstream connection.
    pub async fn run(
        &self,
        target: &Target,
        sheet: &mut Sheet,
        leash: Leash<'_>,
    ) -> Result<Good, Failure> {
        let asking = Asking {
            has_effects: sheet.has_effects,
            target,
            leash,
            endpoint: sheet.endpoint,
            crossing: sheet.crossing.as_ref(),
        };
        let mut good = self.ask(asking, &mut sheet.written).await?;
        if let Some(embedding) = sheet.embedding.take() {
            let (more, embedding) = *embedding;
            // Boxed: it has room for another call, which hardly anybody needs.
            good.body = Box::pin(self.gather(asking, good.body, more, &embedding)).await?;
            good.heard = std::time::Instant::now();
        }
        let mut told = std::mem::take(&mut sheet.told);
        let crossing = sheet.crossing.as_deref();
        good.body = self.settled(good.body, crossing, &mut told);
        good.is_translated = crossing.is_some();
        good.told = told;
        Ok(good)
    }

    /// One call to the target, to the point where its answer is known to be good.
    async fn ask(&self, asking: Asking<'_>, written: &mut Written) -> Result<Good, Failure> {
        let target = asking.target;
        let provider = self.gateway.provider(target);
        let timeouts = timeouts(
            self.gateway.config().router.timeouts,
            provider,
            &target.offer,
        );
        let limit = if self.prepared.streams {
            timeouts.first_token
        } else {
            timeouts.response
        };
        let limit = asking.leash.gate.map_or(limit, |gate| limit.min(gate));
        let now = Instant::now();
        let time = Time {
            by: self.deadline.min(now + limit),
            is_cut_short: self.deadline < now + limit,
        };
        let outgoing = Outgoing {
            method: Method::POST,
            path: &written.path,
            key: target.key,
            headers: &written.headers,
            body: std::mem::take(&mut written.body),
            connect_by: now + timeouts.connect,
            answer_by: time.by,
            may_repeat: self.may_repeat(provider) && !asking.has_effects,
        };
        let upstream = self.gateway.upstream(target);
        let sent = match self.gateway.steering().fault_of(&target.id.provider) {
            None => upstream.send(outgoing).await,
            // Boxed: hardly any attempt needs room for it.
            Some(fault) => Box::pin(upstream.send_into(fault, outgoing)).await,
        };
        let answer = sent.map_err(|error| self.unsent(&error, time))?;
        if !answer.status.is_success() {
            return Err(self.refused(answer, target).await);
        }
        if let Some(permit) = asking.leash.permit {
            permit.heard(&answer.headers, std::time::Instant::now());
        }
        let receiver = Receiver {
            endpoint: asking.endpoint,
            streams: self.prepared.streams,
            include_usage: self.prepared.head.include_usage,
            strips_usage: written.strips_usage,
            by: time.by,
            idle: timeouts.idle,
            crossing: asking.crossing.cloned(),
            heard: OnceLock::new(),
        };
        let Answer {
            status,
            headers,
            body,
        } = answer;
        match receiver.receive(&headers, body).await {
            Ok(body) => Ok(Good {
                status,
                headers,
                heard: receiver.heard(),
                told: Told::default(),
                is_translated: false,
                body,
            }),
            Err(flaw) => Err(self.flawed(flaw, status, &headers, target, time)),
        }
    }

    /// Makes the further calls of an embedding, one after the other, and one answer of all.
    async fn gather(
        &self,
        asking: Asking<'_>,
        first: GoodBody,
        more: Vec<Written>,
        embedding: &Embedding,
    ) -> Result<GoodBody, Failure> {
        let mut answers = Vec::with_capacity(more.len() + 1);
        let (mut next, mut more) = (Some(first), more.into_iter());
        while let Some(body) = next.take() {
            if let GoodBody::Whole(bytes, _) = body {
                answers.push(bytes);
            }
            if let Some(mut written) = more.next() {
                next = Some(self.ask(asking, &mut written).await?.body);
            }
        }
        match embedding.answer(&answers) {
            Some(bytes) => Ok(GoodBody::Whole(bytes, None)),
            None => Err(self.failure(
                FailureClass::Malformed,
                Stage::Answered,
                Next::Provider,
                Blame::Place,
                "the answer holds no vectors",
            )),
        }
    }

    /// An answer that was carried over is remembered and told of before the client has it.
    fn settled(&self, body: GoodBody, crossing: Option<&Crossing>, told: &mut Told) -> GoodBody {
        let GoodBody::Carried(carried) = body else {
            return body;
        };
        let Carried {
            body,
            report,
            native_stop,
            usage,
            listener,
        } = *carried;
        told.add(&report);
        told.native_stop = native_stop;
        let bytes = serde_json::to_vec(&body).unwrap_or_default();
        let storing = crossing.and_then(|crossing| crossing.storing.clone());
        let stored = storing.map(|storing| (storing, body));
        translate::keep(self.gateway, &self.call.client, listener, stored);
        GoodBody::Whole(bytes.into(), usage)
    }

    /// Whether a request that may have been processed may be sent again.
    pub fn may_repeat(&self, provider: &Provider) -> bool {
        self.gateway.config().router.retry_ambiguous && !self.prepared.has_effects_at(provider)
    }
}

/// A route's step, or else the provider, may replace the limits of an attempt.
fn timeouts(timeouts: Timeouts, provider: &Provider, offer: &Offer) -> Timeouts {
    let step = offer.rules.as_ref().and_then(|rules| rules.timeout);
    match step.or(provider.timeout) {
        None => timeouts,
        Some(limit) => Timeouts {
            first_token: limit,
            idle: limit,
            response: limit,
            ..timeouts
        },
    }
}
