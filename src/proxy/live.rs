//! A committed stream on its way to the client.
//!
//! From here on there is no other target, unless one may go on where the first broke off ([`continuation`]):
//! if the upstream breaks, the client is told so in an error event, and nothing follows it: no invented
//! finish, no last word, no second answer (laws L9, L10).
//! The event is the end of a well-formed HTTP message, as some clients throw away what they have
//! received when the connection breaks, and would lose the very event that explains it.
//! Dropping the stream drops the upstream connection (law L11).
//!
//! [`continuation`]: super::continuation

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::continuation::{Continuation, Found, Step, is_passing, judged};
use super::failover::verdict;
use super::gateway::Gateway;
use super::problem::Problem;
use super::receive::Opened;
use super::record::Record;
use super::relay::{Broken, Relay};
use super::translate::Translator;
use super::upstream::{AnswerBody, describe};
use super::watch::{Ended, Watch};
use crate::chat::{Blame, Dialect, Failure, FailureClass, Next, Stage};
use crate::telemetry::trace::{Cause, Verdict};

/// How long an upstream may keep the connection open behind its last word: its end saves the connection for
/// the next request, but the client has all it waits for.
const LINGER: Duration = Duration::from_millis(500);

/// See the module's head.
#[derive(Debug)]
pub struct Live {
    gateway: Arc<Gateway>,
    /// That of the client.
    dialect: Dialect,
    record: Record,
    relay: Relay,
    ready: VecDeque<Bytes>,
    rest: Option<AnswerBody>,
    watch: Watch,
    /// What might go on if the upstream breaks.
    continuation: Option<Box<Continuation>>,
    /// The break that the client is told of unless somebody goes on.
    broken: Option<Box<Break>>,
    /// By which the record knows whoever was asked last to go on.
    asked: Option<usize>,
}

/// How a stream broke off.
#[derive(Debug)]
struct Break {
    problem: Problem,
    reason: Option<String>,
}

impl Live {
    /// Goes on with a stream that has begun well.
    pub fn new(
        gateway: Arc<Gateway>,
        dialect: Dialect,
        opened: Opened,
        mut record: Record,
        continuation: Option<Box<Continuation>>,
    ) -> Self {
        record.first_token(Instant::now());
        record.writes(opened.relay.events());
        let mut live = Self {
            watch: Watch::new(&gateway, opened.idle),
            gateway,
            dialect,
            record,
            relay: opened.relay,
            ready: opened.ready,
            rest: opened.rest,
            continuation,
            broken: None,
            asked: None,
        };
        if let Some(broken) = live.relay.take_break() {
            live.break_off(broken);
        } else if live.rest.is_none() {
            live.complete();
        } else if live.relay.is_done() {
            live.remember();
        }
        live
    }

    /// The next bytes for the client; `None` at the end.
    pub fn poll_bytes(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        loop {
            if let Some(bytes) = self.ready.pop_front() {
                if let Some(continuation) = &mut self.continuation {
                    continuation.hear(&bytes);
                }
                return Poll::Ready(Some(bytes));
            }
            if self.broken.is_some() {
                ready!(self.poll_continuation(cx));
                continue;
            }
            let Some(rest) = &mut self.rest else {
                return Poll::Ready(None);
            };
            match rest.poll_chunk(cx) {
                Poll::Ready(Some(Ok(chunk))) => self.take(chunk),
                Poll::Ready(Some(Err(error))) => self.cut(&describe(&error)),
                Poll::Ready(None) => self.end(),
                Poll::Pending => match self.watch.poll(cx) {
                    Poll::Ready(ended) => self.end_early(ended),
                    Poll::Pending => return Poll::Pending,
                },
            }
        }
    }

    fn take(&mut self, chunk: Bytes) {
        if let Some(ended) = self.watch.heard() {
            self.end_early(ended);
        } else if let Err(broken) = self.feed(chunk) {
            self.break_off(broken);
        } else if self.relay.is_done() {
            self.remember();
            self.watch.linger(LINGER);
        }
    }

    fn feed(&mut self, chunk: Bytes) -> Result<(), Broken> {
        let before = self.relay.events();
        let fed = self.relay.feed(chunk, &mut self.ready);
        self.record.writes(self.relay.events() - before);
        fed
    }

    fn end(&mut self) {
        match self.relay.finish(&mut self.ready) {
            Ok(()) => self.complete(),
            Err(broken) => self.break_off(broken),
        }
    }

    fn complete(&mut self) {
        self.record.usage(self.relay.usage());
        self.remember();
        self.record.complete();
        self.rest = None;
    }

    /// Before the client hears the end: it may come back at once.
    fn remember(&mut self) {
        if let Some(translator) = self.relay.translator() {
            translator.complete(&self.gateway, self.record.client(), self.record.id());
        }
    }

    fn end_early(&mut self, ended: Ended) {
        match ended {
            Ended::Lingered => self.complete(),
            Ended::Stopped => self.fail(&Problem::shutting_down(), Some("shutdown")),
            Ended::Silent => self.cut("the provider fell silent"),
            Ended::Aged => {
                // Nobody is to blame for a limit of ours: what it was held to is given back unjudged.
                self.record.let_go();
                self.continuation = None;
                self.cut("it has lasted as long as a stream may");
            }
        }
    }

    fn break_off(&mut self, broken: Broken) {
        match broken {
            Broken::Error(body) => {
                let body = self.gateway.clean(body);
                let failure = judged(&body);
                self.blame(&failure);
                if !is_passing(&failure) {
                    self.continuation = None;
                }
                // The upstream's words may quote the prompt: the client reads them, the log does not.
                self.give_up(Problem::reported(body), None);
            }
            Broken::Truncated => self.cut("it ended without a finish"),
        }
    }

    /// Whoever is responsible is held so.
    fn blame(&mut self, failure: &Failure) {
        let dice = self.gateway.next_dice();
        self.record.broke(failure, dice);
    }

    /// The connection ended or the time did. Behind the upstream's last word that is as good as an end.
    fn cut(&mut self, reason: &str) {
        if self.relay.may_end() && self.relay.finish(&mut self.ready).is_ok() {
            return self.complete();
        }
        self.blame(&broken_off());
        let message = format!("the provider's stream was interrupted: {reason}");
        self.give_up(Problem::broken_stream(message), Some(reason));
    }

    /// The upstream is of no more use. Behind its finish, or within an event, nobody can go on.
    fn give_up(&mut self, problem: Problem, reason: Option<&str>) {
        let is_open = !self.relay.observer().is_complete() && !self.relay.is_inside_event();
        if self.continuation.is_none() || !is_open {
            return self.fail(&problem, reason);
        }
        self.rest = None;
        self.record.usage(self.relay.usage());
        let reason = reason.map(str::to_owned);
        self.broken = Some(Box::new(Break { problem, reason }));
    }

    /// Looks for somebody who goes on, behind the last of what the client was told.
    fn poll_continuation(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let most = self.gateway.config().router.max_attempts;
        let left = most.saturating_sub(self.record.attempts());
        let sought = match &mut self.continuation {
            Some(continuation) => continuation.poll(&self.gateway, (self.record.id(), left), cx),
            None => Poll::Ready(None),
        };
        self.note_steps();
        if let Poll::Ready(found) = sought {
            self.settle(found);
            return Poll::Ready(());
        }
        loop {
            match ready!(self.watch.poll(cx)) {
                // It is the search that knows how long to wait for an answer.
                Ended::Silent if self.watch.heard().is_none() => {}
                Ended::Stopped => {
                    self.broken = None;
                    self.fail(&Problem::shutting_down(), Some("shutdown"));
                    return Poll::Ready(());
                }
                Ended::Silent | Ended::Aged | Ended::Lingered => {
                    self.settle(None);
                    return Poll::Ready(());
                }
            }
        }
    }

    /// Writes what the search has done into the record.
    fn note_steps(&mut self) {
        let steps = self.continuation.as_ref().map(|search| search.steps());
        for step in steps.into_iter().flatten() {
            match step {
                Step::Asked(target) => {
                    self.asked = Some(self.record.begin(&target, Cause::Continued));
                }
                Step::Shut(target, shut) => {
                    self.record.skip(&target, Cause::Continued, verdict(shut));
                }
                Step::Failed {
                    class,
                    status,
                    elapsed,
                    rests,
                } => {
                    let asked = self.asked.take();
                    if let Some(tried) = asked.and_then(|place| self.record.tried(place)) {
                        tried.verdict = Verdict::Failed(class);
                        (tried.status, tried.elapsed) = (status, Some(elapsed));
                        tried.rests = rests;
                    }
                }
            }
        }
    }

    /// The search is over.
    fn settle(&mut self, found: Option<Box<Found>>) {
        self.continuation = None;
        let Some(broken) = self.broken.take() else {
            return;
        };
        let resumed = found.and_then(|found| {
            let encoder = self.relay.translator().map(Translator::hand_over);
            found.relay(encoder).map(|relay| (found, relay))
        });
        match resumed {
            Some((found, relay)) => self.resume(*found, relay, broken.reason.as_deref()),
            None => self.fail(&broken.problem, broken.reason.as_deref()),
        }
    }

    /// Somebody goes on.
    fn resume(&mut self, mut found: Found, relay: Relay, reason: Option<&str>) {
        self.ready.extend(found.comment());
        found.seat.answered(Instant::now());
        let behind = found.behind();
        self.record.goes_on(found.seat, behind);
        if let Some(place) = self.asked.take() {
            self.record.serves(place);
        }
        tracing::warn!(
            target: "autogw::stream",
            request_id = self.record.id(),
            provider = &*found.target.id.provider,
            model = &*found.target.offer.name,
            reason,
            "stream broke off and was continued by another target"
        );
        self.record
            .served_by(found.target, http::StatusCode::OK.as_u16());
        self.relay = relay;
        self.rest = found.rest;
        self.watch.renew(found.idle);
        for said in found.said {
            if let Err(broken) = self.feed(said) {
                return self.break_off(broken);
            }
        }
        if self.rest.is_none() {
            self.end();
        } else if self.relay.is_done() {
            self.remember();
        }
    }

    fn fail(&mut self, problem: &Problem, reason: Option<&str>) {
        (self.rest, self.continuation) = (None, None);
        self.record.usage(self.relay.usage());
        self.record.failed(http::StatusCode::BAD_GATEWAY.as_u16());
        let id = self.record.id();
        tracing::warn!(
            target: "autogw::stream",
            request_id = id,
            kind = problem.body.kind,
            code = problem.body.code,
            reason,
            "stream broke off"
        );
        if self.relay.is_inside_event() {
            self.ready.push_back(Bytes::from_static(b"\n\n"));
        }
        let event = match self
            .relay
            .translator()
            .and_then(|translator| translator.fail(problem, id))
        {
            Some(event) => event,
            None => problem.event(self.dialect, id, self.relay.observer().next_number()),
        };
        self.ready.push_back(event);
    }
}

/// The failure of an answer that broke off on its way to the client.
pub(super) fn broken_off() -> Failure {
    Failure {
        class: FailureClass::Network,
        stage: Stage::Answered,
        next: Next::Return,
        blame: Blame::Place,
        status: None,
        message: String::new(),
        kind: None,
        code: None,
        param: None,
        retry_after: None,
    }
}
