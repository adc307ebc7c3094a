//! Continuation: `router.continue_stream`, a stream that broke is gone on with by another target.
//!
//! ```text
//! bytes for the client ── Ear: what was told ── (the stream breaks) ── Search: who goes on
//!                                                                          │
//!        the client's encoder <── Splice: its words behind the old ones <──┘
//! ```
//!
//! Only where nothing can come of it that one model alone would not have said: plain words of one answer,
//! no form that they must have, no effects, a model that takes a prefix. Once per stream, and in every
//! other case the client is told of the break, as without it.

mod ear;
mod fit;
mod seam;
mod search;
mod splice;
mod steps;

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::time::Instant;

use super::attempt::Good;
use super::call::Call;
use super::gateway::Gateway;
use super::prepared::Prepared;
use super::receive::GoodBody;
use super::tongue;
use crate::chat::{Dialect, ErrorBody, Failure, FailureClass};
use crate::provider::classify::{self, Asked};
use crate::route::Target;
use crate::route::plan::Plan;
use ear::Ear;
pub use search::Found;
use search::Request;
pub use splice::Splice;
pub use steps::Step;
use steps::Steps;

/// Who might go on, in the order of the plan; kept only where it may come to that.
#[derive(Debug)]
pub struct Spare(Vec<Target>);

/// See the module's head.
pub struct Continuation {
    ear: Ear,
    state: State,
    steps: Steps,
}

enum State {
    /// The stream runs.
    Listening(Box<Request>),
    /// It broke, and somebody is asked.
    Searching(Search),
    Over,
}

/// Comes to its end with whoever goes on, if anybody does.
type Search = Pin<Box<dyn Future<Output = Option<Box<Found>>> + Send>>;

impl Spare {
    /// The targets of `plan`, if the configuration lets them continue each other's streams.
    pub fn of(
        gateway: &Gateway,
        call: &Call,
        prepared: &Prepared,
        plan: &Plan,
    ) -> Option<Box<Self>> {
        let may_be = gateway.config().router.continue_stream
            && prepared.streams
            && plan.targets.len() > 1
            && call.endpoint.generates()
            && tongue::holds_a_conversation(call.endpoint);
        may_be.then(|| Box::new(Self(plan.targets.clone())))
    }

    /// Those behind `served`: who stands before it has failed.
    fn behind(self, served: &Target) -> Vec<Target> {
        let mut targets = self.0.into_iter();
        targets.find(|target| target.id == served.id);
        let is_other = |target: &Target| {
            target.id.provider != served.id.provider || target.offer.name != served.offer.name
        };
        targets.filter(is_other).collect()
    }
}

impl Continuation {
    /// What may continue the answer of `served`, if anything.
    pub fn new(
        gateway: &Gateway,
        (call, prepared): (Call, Prepared),
        (good, served): (&Good, &Target),
        spare: Spare,
    ) -> Option<Box<Self>> {
        let dialect = call.endpoint.dialect;
        // Its events are numbered and named by who wrote them.
        let is_foreign = dialect == Dialect::OpenAiResponses && !good.is_translated;
        let is_stream = matches!(good.body, GoodBody::Stream(_));
        let has_effects = prepared.has_effects_at(gateway.provider(served));
        let targets = spare.behind(served);
        if is_foreign || !is_stream || has_effects || targets.is_empty() {
            return None;
        }
        let request = Request {
            by: Instant::now() + gateway.config().router.timeouts.stream_total,
            needs: prepared.needs(),
            call,
            prepared,
            targets,
        };
        Some(Box::new(Self {
            ear: Ear::new(dialect),
            state: State::Listening(Box::new(request)),
            steps: Steps::default(),
        }))
    }

    /// The client is given these bytes.
    pub fn hear(&mut self, bytes: &[u8]) {
        self.ear.hear(bytes);
    }

    /// Looks for somebody who goes on from what was heard, among `most` of them; nobody if that is not safe.
    /// What it has done to that end is for [`Continuation::steps`].
    pub fn poll(
        &mut self,
        gateway: &Arc<Gateway>,
        (request_id, most): (&str, u32),
        cx: &mut Context<'_>,
    ) -> Poll<Option<Box<Found>>> {
        if matches!(self.state, State::Listening(_))
            && let State::Listening(request) = std::mem::replace(&mut self.state, State::Over)
        {
            let Some(told) = self.ear.told().filter(|_| most > 0) else {
                return Poll::Ready(None);
            };
            let notes = (request_id.to_owned(), self.steps.clone());
            let search = request.search(gateway.clone(), told, notes, most);
            self.state = State::Searching(Box::pin(search));
        }
        match &mut self.state {
            State::Searching(search) => search.as_mut().poll(cx),
            State::Listening(_) | State::Over => Poll::Ready(None),
        }
    }

    /// What the search has done since this was last asked.
    pub fn steps(&self) -> Vec<Step> {
        self.steps.take()
    }
}

/// What an error within a stream says of its target, as if it had been the whole answer.
pub fn judged(body: &ErrorBody) -> Failure {
    let asked = Asked {
        model: "",
        upstream: "",
        retryable: None,
    };
    let status = classify::status_of(body);
    classify::answer(status, &http::HeaderMap::new(), body.clone(), asked)
}

/// Whether another target might not have had this trouble.
pub fn is_passing(failure: &Failure) -> bool {
    matches!(
        failure.class,
        FailureClass::RateLimit
            | FailureClass::Quota
            | FailureClass::Timeout
            | FailureClass::Network
            | FailureClass::Server
    )
}

impl fmt::Debug for Continuation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Continuation").finish_non_exhaustive()
    }
}
