//! One attempt: the request goes to one target, and an answer or a classified failure comes back.

use http::{HeaderMap, StatusCode};
use tokio::time::Instant;

use super::call::Call;
use super::gateway::Gateway;
use super::prepared::Prepared;
use super::receive::{Flaw, GoodBody, Receiver, read_error};
use super::upstream::{Answer, Outgoing, SendError};
use crate::chat::{ErrorBody, Failure, FailureClass, Next, Stage};
use crate::codec::openai_chat::error;
use crate::config::Timeouts;
use crate::provider::{Features, Provider, classify};
use crate::route::{Offer, Target};

/// An answer that may be given to the client.
#[derive(Debug)]
pub struct Good {
    /// The upstream's status, a 2xx.
    pub status: StatusCode,
    /// The upstream's headers.
    pub headers: HeaderMap,
    /// What was removed from the request.
    pub dropped: Vec<String>,
    /// The body, in the state it is in.
    pub body: GoodBody,
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
    /// Sends the request to `target`.
    ///
    /// # Cancel safety
    /// Dropping the future closes the upstream connection.
    pub async fn run(&self, target: &Target) -> Result<Good, Failure> {
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
        let by = self.deadline.min(now + limit);
        let written = self
            .prepared
            .write(self.call, &target.offer, provider, self.needs);
        let outgoing = Outgoing {
            path: self.call.endpoint.path,
            key: target.key,
            headers: &written.headers,
            body: written.body,
            connect_by: now + timeouts.connect,
            answer_by: by,
            may_repeat: !self.prepared.head.has_effects,
        };
        let sent = self.gateway.upstream(target).send(outgoing).await;
        let answer = sent.map_err(|error| self.unsent(&error))?;
        if !answer.status.is_success() {
            return Err(self.refused(answer, provider).await);
        }
        let receiver = Receiver {
            endpoint: self.call.endpoint,
            streams: self.prepared.streams,
            include_usage: self.prepared.head.include_usage,
            strips_usage: written.strips_usage,
            by,
            idle: timeouts.idle,
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
                dropped: written.dropped,
                body,
            }),
            Err(flaw) => Err(self.flawed(flaw, status, &headers, provider)),
        }
    }

    fn unsent(&self, error: &SendError) -> Failure {
        let is_unreachable = error.stage == Stage::Connect && error.class == FailureClass::Network;
        let next = if is_unreachable {
            Next::Same
        } else {
            Next::Provider
        };
        self.failure(error.class, error.stage, next, &error.message)
    }

    async fn refused(&self, answer: Answer, provider: &Provider) -> Failure {
        let Answer {
            status,
            headers,
            body,
        } = answer;
        let body = self.gateway.clean(error::read(&read_error(body).await));
        classify::answer(
            status,
            &headers,
            body,
            provider.retryable_status_codes.as_ref(),
        )
    }

    fn flawed(
        &self,
        flaw: Flaw,
        status: StatusCode,
        headers: &HeaderMap,
        provider: &Provider,
    ) -> Failure {
        let failure =
            |class, message: &str| self.failure(class, Stage::Answered, Next::Provider, message);
        let mut failure = match flaw {
            Flaw::Error(body) => self.disguised(body, headers, provider),
            Flaw::Malformed(message) => failure(FailureClass::Malformed, &message),
            Flaw::Network(message) => failure(FailureClass::Network, &message),
            Flaw::Timeout(message) => failure(FailureClass::Timeout, message),
        };
        failure.status = failure.status.or(Some(status.as_u16()));
        failure
    }

    /// An error inside a 200 is classified by the status it should have had.
    fn disguised(&self, body: ErrorBody, headers: &HeaderMap, provider: &Provider) -> Failure {
        let body = self.gateway.clean(body);
        let status = classify::status_of(&body);
        classify::answer(
            status,
            headers,
            body,
            provider.retryable_status_codes.as_ref(),
        )
    }

    fn failure(&self, class: FailureClass, stage: Stage, next: Next, message: &str) -> Failure {
        let message = self.gateway.redactor().redact(message).into_owned();
        Failure {
            class,
            stage,
            next,
            status: None,
            message,
            kind: None,
            code: None,
            param: None,
            retry_after: None,
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
