//! Why an attempt gave no answer, as one classified failure.

use http::{HeaderMap, StatusCode};
use tokio::time::{Instant, timeout_at};

use super::Attempt;
use crate::chat::{Blame, ErrorBody, Failure, FailureClass, Next, Stage};
use crate::codec::gemini;
use crate::codec::openai_chat::error;
use crate::provider::classify::{self, Asked};
use crate::provider::retry_after::MAX_RETRY_AFTER;
use crate::proxy::receive::{Flaw, read_error};
use crate::proxy::upstream::{Answer, SendError};
use crate::route::Target;

/// The time of one attempt.
#[derive(Debug, Clone, Copy)]
pub(super) struct Time {
    pub(super) by: Instant,
    /// Whether the request's own deadline comes before the limit of an attempt.
    pub(super) is_cut_short: bool,
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

impl Attempt<'_> {
    pub(super) fn unsent(&self, error: &SendError, time: Time) -> Failure {
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

    pub(super) async fn refused(&self, answer: Answer, target: &Target) -> Failure {
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
            upstream: &target.offer.upstream,
            retryable: self
                .gateway
                .provider(target)
                .retryable_status_codes
                .as_ref(),
        }
    }

    pub(super) fn flawed(
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

    pub(super) fn failure(
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
