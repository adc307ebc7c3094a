//! One attempt: the request goes to one target, and an answer or a classified failure comes back.

use std::sync::Arc;

use http::{HeaderMap, StatusCode};
use tokio::time::{Instant, timeout_at};

use super::call::{Call, Endpoint};
use super::gateway::Gateway;
use super::prepared::Prepared;
use super::receive::{Flaw, GoodBody, Receiver, read_error};
use super::tongue;
use super::translate::{self, Carried, Crossing, Refused};
use super::upstream::{Answer, Outgoing, SendError};
use super::written::{Reader, Written};
use crate::chat::{Blame, ErrorBody, Failure, FailureClass, Next, Report, Stage};
use crate::codec::gemini;
use crate::codec::openai_chat::error;
use crate::config::{Fidelity, Timeouts};
use crate::provider::classify::{self, Asked};
use crate::provider::retry_after::MAX_RETRY_AFTER;
use crate::provider::{Features, Provider};
use crate::route::{Offer, Target};

/// An answer that may be given to the client.
#[derive(Debug)]
pub struct Good {
    /// The upstream's status, a 2xx.
    pub status: StatusCode,
    /// The upstream's headers.
    pub headers: HeaderMap,
    /// What became of what did not fit.
    pub told: Told,
    /// The body, in the state it is in.
    pub body: GoodBody,
}

/// What the client is told of a request that was changed on its way.
#[derive(Debug, Default)]
pub struct Told {
    /// What was removed.
    pub dropped: Vec<String>,
    /// What became another value, as `field=value`.
    pub adjusted: Vec<String>,
    /// Why the answer ended, in the upstream's word.
    pub native_stop: Option<String>,
}

/// A request written for one target.
#[derive(Debug)]
pub struct Sheet {
    endpoint: &'static Endpoint,
    written: Written,
    told: Told,
    crossing: Option<Arc<Crossing>>,
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
    /// Writes the request for `target`, without the parameters in `refused`.
    ///
    /// # Errors
    /// The target would refuse it: it need not be asked.
    pub fn write(&self, target: &Target, refused: &[Arc<str>]) -> Result<Sheet, Failure> {
        let provider = self.gateway.provider(target);
        let reader = Reader {
            endpoint: tongue::endpoint(self.prepared, &target.offer, provider)
                .unwrap_or(self.call.endpoint),
            offer: &target.offer,
            provider,
            refused,
        };
        let is_native = reader.endpoint.dialect == self.call.endpoint.dialect;
        if is_native && !self.prepared.is_foreign() {
            let mut written = self.prepared.write(self.call, reader, self.needs);
            let dropped = std::mem::take(&mut written.dropped);
            return Ok(Sheet {
                endpoint: reader.endpoint,
                written,
                told: Told {
                    dropped,
                    ..Told::default()
                },
                crossing: None,
            });
        }
        self.translate(reader).map_err(Refused::failure)
    }

    fn translate(&self, reader: Reader<'_>) -> Result<Sheet, Refused> {
        let outgoing = translate::write(self.gateway, self.call, self.prepared, reader)?;
        let is_silent = self.prepared.fidelity(self.gateway, reader.offer) == Fidelity::Silent;
        let told = if is_silent {
            Told::default()
        } else {
            Told::of(&outgoing.report)
        };
        let streams = self.prepared.streams;
        Ok(Sheet {
            endpoint: reader.endpoint,
            written: Written::translated(self.call, streams, reader, outgoing.body),
            told,
            // A count is a number in every dialect.
            crossing: self.call.endpoint.generates().then_some(outgoing.crossing),
        })
    }

    /// Sends what was written for `target` to it.
    ///
    /// # Cancel safety
    /// Dropping the future closes the upstream connection.
    pub async fn run(&self, target: &Target, sheet: Sheet) -> Result<Good, Failure> {
        let Sheet {
            endpoint,
            written,
            mut told,
            crossing,
        } = sheet;
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
        let now = Instant::now();
        let time = Time {
            by: self.deadline.min(now + limit),
            is_cut_short: self.deadline < now + limit,
        };
        let outgoing = Outgoing {
            path: &written.path,
            key: target.key,
            headers: &written.headers,
            body: written.body,
            connect_by: now + timeouts.connect,
            answer_by: time.by,
            may_repeat: self.may_repeat(provider),
        };
        let sent = self.gateway.upstream(target).send(outgoing).await;
        let answer = sent.map_err(|error| self.unsent(&error, time))?;
        if !answer.status.is_success() {
            return Err(self.refused(answer, target).await);
        }
        let receiver = Receiver {
            endpoint,
            streams: self.prepared.streams,
            include_usage: self.prepared.head.include_usage,
            strips_usage: written.strips_usage,
            by: time.by,
            idle: timeouts.idle,
            crossing,
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
                body: self.settled(body, receiver.crossing.as_deref(), &mut told),
                told,
            }),
            Err(flaw) => Err(self.flawed(flaw, status, &headers, target, time)),
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

    fn unsent(&self, error: &SendError, time: Time) -> Failure {
        let is_unreachable = error.stage == Stage::Connect && error.class == FailureClass::Network;
        let next = if is_unreachable {
            Next::Same
        } else {
            Next::Provider
        };
        let blame = match error.class {
            FailureClass::Local => Blame::Nobody,
            FailureClass::Timeout => time.blame(),
            _ => Blame::Place,
        };
        self.failure(error.class, error.stage, next, blame, &error.message)
    }

    async fn refused(&self, answer: Answer, target: &Target) -> Failure {
        let Answer {
            status,
            headers,
            body,
        } = answer;
        let read = timeout_at(self.deadline, read_error(body))
            .await
            .unwrap_or_default();
        let body = self.gateway.clean(error::read(&read));
        let failure = classify::answer(status, &headers, body, self.asked(target));
        let wait = failure
            .retry_after
            .or_else(|| gemini::error::retry_delay(&read));
        Failure {
            retry_after: wait.map(|wait| wait.min(MAX_RETRY_AFTER)),
            ..failure
        }
    }

    fn asked<'t>(&'t self, target: &'t Target) -> Asked<'t> {
        Asked {
            model: &target.offer.name,
            retryable: self
                .gateway
                .provider(target)
                .retryable_status_codes
                .as_ref(),
        }
    }

    fn flawed(
        &self,
        flaw: Flaw,
        status: StatusCode,
        headers: &HeaderMap,
        target: &Target,
        time: Time,
    ) -> Failure {
        let failure = |class, blame, message: &str| {
            self.failure(class, Stage::Answered, Next::Provider, blame, message)
        };
        let mut failure = match flaw {
            Flaw::Error(body) => self.disguised(body, headers, target),
            Flaw::Malformed(message) => failure(FailureClass::Malformed, Blame::Place, &message),
            Flaw::Network(message) => failure(FailureClass::Network, Blame::Place, &message),
            Flaw::Timeout(message) => failure(FailureClass::Timeout, time.blame(), message),
        };
        failure.status = failure.status.or(Some(status.as_u16()));
        failure
    }

    /// An error inside a 200 is classified by the status it should have had.
    fn disguised(&self, body: ErrorBody, headers: &HeaderMap, target: &Target) -> Failure {
        let body = self.gateway.clean(body);
        classify::answer(
            classify::status_of(&body),
            headers,
            body,
            self.asked(target),
        )
    }

    fn failure(
        &self,
        class: FailureClass,
        stage: Stage,
        next: Next,
        blame: Blame,
        message: &str,
    ) -> Failure {
        Failure {
            class,
            stage,
            next,
            blame,
            status: None,
            message: self.gateway.redactor().redact(message).into_owned(),
            kind: None,
            code: None,
            param: None,
            retry_after: None,
        }
    }
}

impl Told {
    fn of(report: &Report) -> Self {
        let mut told = Self::default();
        told.add(report);
        told
    }

    fn add(&mut self, report: &Report) {
        self.dropped.extend(report.dropped().map(str::to_owned));
        let adjusted = report.adjustments().iter();
        let adjusted = adjusted.map(|adjusted| format!("{}={}", adjusted.field, adjusted.value));
        self.adjusted.extend(adjusted);
    }
}

/// The time of one attempt.
#[derive(Debug, Clone, Copy)]
struct Time {
    by: Instant,
    /// Whether the request's own deadline comes before the limit of an attempt.
    is_cut_short: bool,
}

impl Time {
    /// A target that did not have its full time is not to blame for being late.
    fn blame(self) -> Blame {
        if self.is_cut_short {
            Blame::Nobody
        } else {
            Blame::Place
        }
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
