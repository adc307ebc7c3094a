//! One attempt: the request goes to one target, and an answer or a classified failure comes back.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use tokio::time::{Instant, timeout_at};

use super::call::{Call, Endpoint};
use super::gateway::Gateway;
use super::prepared::Prepared;
use super::receive::{Flaw, GoodBody, Receiver, read_error};
use super::tongue;
use super::translate::{self, Calls, Carried, Crossing, Embedding, Refused, THOUGHTS};
use super::upstream::{Answer, Outgoing, SendError};
use super::written::{Reader, Written};
use crate::chat::{
    Blame, Dialect, ErrorBody, Failure, FailureClass, Next, Operation, Report, Stage,
};
use crate::codec::gemini;
use crate::codec::openai_chat::error;
use crate::config::{Fidelity, Timeouts};
use crate::provider::classify::{self, Asked};
use crate::provider::retry_after::MAX_RETRY_AFTER;
use crate::provider::{Features, Provider};
use crate::route::plan::missing;
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
    /// Whether it is told in another dialect than the upstream's.
    pub is_translated: bool,
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

impl Sheet {
    /// What the request lost on its way, notes included.
    pub fn log(&self, request_id: &str) {
        if let Some(report) = self.report.as_ref().filter(|report| !report.is_empty()) {
            let losses: Vec<_> = report.losses().iter().map(|loss| &*loss.field).collect();
            tracing::debug!(
                target: "autogw::fidelity",
                request_id,
                dropped = losses.join(","),
                adjusted = self.told.adjusted.join(","),
                "the request was changed in translation"
            );
        }
    }
}

/// Whom one call goes to, and how its answer comes back.
#[derive(Clone, Copy)]
struct Asking<'a> {
    target: &'a Target,
    endpoint: &'static Endpoint,
    crossing: Option<&'a Arc<Crossing>>,
    has_effects: bool,
}

/// A request written for one target.
#[derive(Debug)]
pub struct Sheet {
    endpoint: &'static Endpoint,
    written: Written,
    told: Told,
    report: Option<Report>,
    crossing: Option<Arc<Crossing>>,
    /// Whether a second run would have effects, by what translation made of it.
    pub has_effects: bool,
    /// Further calls, and how all their answers become one.
    embedding: Option<Box<(Vec<Written>, Embedding)>>,
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
    /// How heavy the translation for `target` is, in bytes of the body; 0 where there is none.
    pub fn weight(&self, target: &Target) -> usize {
        let provider = self.gateway.provider(target);
        let endpoint = tongue::endpoint(self.prepared, &target.offer, provider);
        let dialect = endpoint.map(|endpoint| endpoint.dialect);
        if dialect == Some(self.call.endpoint.dialect) {
            0
        } else {
            self.call.body.len()
        }
    }

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
        let missing = missing(self.needs, target.offer.features);
        let is_chat = self.call.endpoint.dialect == Dialect::OpenAiChat;
        let is_fitting = missing.is_empty() || is_chat || !self.call.endpoint.generates();
        let forgets = refused.iter().any(|refused| **refused == *THOUGHTS);
        if is_native && is_fitting && !forgets && !self.prepared.is_foreign() {
            return self.edit(reader).map_err(Refused::failure);
        }
        let sheet = match self.call.endpoint.operation {
            Operation::Embed => self.embed(reader),
            _ => self.translate(reader, missing),
        };
        sheet.map_err(Refused::failure)
    }

    /// The client's own bytes, without what was asked to be left out.
    fn edit(&self, reader: Reader<'_>) -> Result<Sheet, Refused> {
        let mut written = self.prepared.write(self.call, reader, self.needs);
        let mut report = Report::default();
        let mut lost = Report::default();
        for field in std::mem::take(&mut written.dropped) {
            // How a stream is counted changes nothing about the answer.
            if field != "stream_options" {
                lost.drop(field.clone());
            }
            report.drop(field);
        }
        translate::strictly(self.prepared.fidelity(self.gateway, reader.offer), &lost)?;
        Ok(Sheet {
            report: None,
            endpoint: reader.endpoint,
            written,
            told: self.told(&report, reader),
            crossing: None,
            has_effects: false,
            embedding: None,
        })
    }

    fn embed(&self, reader: Reader<'_>) -> Result<Sheet, Refused> {
        let calls = Calls::write(self.gateway, self.call, self.prepared, reader)?;
        let reader = Reader {
            endpoint: calls.endpoint,
            ..reader
        };
        let write = |body| Written::translated(self.call, false, reader, body);
        let mut written = calls.bodies.into_iter().map(write);
        Ok(Sheet {
            endpoint: calls.endpoint,
            written: written.next().unwrap_or_else(|| write(Bytes::new())),
            told: self.told(&calls.report, reader),
            report: Some(calls.report),
            crossing: None,
            has_effects: false,
            embedding: Some(Box::new((written.collect(), calls.embedding))),
        })
    }

    fn told(&self, report: &Report, reader: Reader<'_>) -> Told {
        match self.prepared.fidelity(self.gateway, reader.offer) {
            Fidelity::Silent => Told::default(),
            Fidelity::Warn | Fidelity::Strict => Told::of(report),
        }
    }

    fn translate(&self, reader: Reader<'_>, missing: Features) -> Result<Sheet, Refused> {
        let outgoing = translate::write(self.gateway, self.call, self.prepared, reader, missing)?;
        let told = self.told(&outgoing.report, reader);
        let streams = self.prepared.streams;
        Ok(Sheet {
            endpoint: reader.endpoint,
            written: Written::translated(self.call, streams, reader, outgoing.body),
            told,
            report: Some(outgoing.report),
            // A count is a number in every dialect.
            crossing: self.call.endpoint.generates().then_some(outgoing.crossing),
            has_effects: outgoing.has_effects,
            embedding: None,
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
            report: _,
            crossing,
            has_effects,
            embedding,
        } = sheet;
        let asking = Asking {
            has_effects,
            target,
            endpoint,
            crossing: crossing.as_ref(),
        };
        let mut good = self.ask(asking, written).await?;
        if let Some(embedding) = embedding {
            let (more, embedding) = *embedding;
            // Boxed: it has room for another call, which hardly anybody needs.
            good.body = Box::pin(self.gather(asking, good.body, more, &embedding)).await?;
        }
        good.body = self.settled(good.body, crossing.as_deref(), &mut told);
        good.is_translated = crossing.is_some();
        good.told = told;
        Ok(good)
    }

    /// One call to the target, to the point where its answer is known to be good.
    async fn ask(&self, asking: Asking<'_>, written: Written) -> Result<Good, Failure> {
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
            body: written.body,
            connect_by: now + timeouts.connect,
            answer_by: time.by,
            may_repeat: self.may_repeat(provider) && !asking.has_effects,
        };
        let sent = self.gateway.upstream(target).send(outgoing).await;
        let answer = sent.map_err(|error| self.unsent(&error, time))?;
        if !answer.status.is_success() {
            return Err(self.refused(answer, target).await);
        }
        let receiver = Receiver {
            endpoint: asking.endpoint,
            streams: self.prepared.streams,
            include_usage: self.prepared.head.include_usage,
            strips_usage: written.strips_usage,
            by: time.by,
            idle: timeouts.idle,
            crossing: asking.crossing.cloned(),
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
            if let Some(written) = more.next() {
                next = Some(self.ask(asking, written).await?.body);
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
