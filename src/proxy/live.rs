//! A committed stream on its way to the client.
//!
//! From here on there is no other target: if the upstream breaks, the client is told so in an error
//! event, and nothing follows it: no invented finish, no last word, no second answer (laws L9, L10).
//! The event is the end of a well-formed HTTP message, as some clients throw away what they have
//! received when the connection breaks, and would lose the very event that explains it.
//! Dropping the stream drops the upstream connection (law L11).

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::gateway::Gateway;
use super::problem::Problem;
use super::receive::Opened;
use super::record::Record;
use super::relay::{Broken, Relay};
use super::upstream::{AnswerBody, describe};
use super::watch::{Ended, Watch};
use crate::chat::{Blame, Dialect, Failure, FailureClass, Next, Stage};

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
}

impl Live {
    /// Goes on with a stream that has begun well.
    pub fn new(
        gateway: Arc<Gateway>,
        dialect: Dialect,
        opened: Opened,
        mut record: Record,
    ) -> Self {
        record.first_token(Instant::now());
        let mut live = Self {
            watch: Watch::new(&gateway, opened.idle),
            gateway,
            dialect,
            record,
            relay: opened.relay,
            ready: opened.ready,
            rest: opened.rest,
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
                return Poll::Ready(Some(bytes));
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
        } else if let Err(broken) = self.relay.feed(chunk, &mut self.ready) {
            self.break_off(broken);
        } else if self.relay.is_done() {
            self.remember();
            self.watch.linger(LINGER);
        }
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
            Ended::Aged => self.cut("it has lasted as long as a stream may"),
        }
    }

    fn break_off(&mut self, broken: Broken) {
        match broken {
            Broken::Error(body) => {
                let body = self.gateway.clean(body);
                self.blame(FailureClass::Server);
                // The upstream's words may quote the prompt: the client reads them, the log does not.
                self.fail(&Problem::reported(body), None);
            }
            Broken::Truncated => self.cut("it ended without a finish"),
        }
    }

    /// The target is held responsible.
    fn blame(&mut self, class: FailureClass) {
        let dice = self.gateway.next_dice();
        self.record.broke(&broken_off(class), dice);
    }

    /// The connection ended or the time did. Behind the upstream's last word that is as good as an end.
    fn cut(&mut self, reason: &str) {
        if self.relay.may_end() && self.relay.finish(&mut self.ready).is_ok() {
            return self.complete();
        }
        self.blame(FailureClass::Network);
        let message = format!("the provider's stream was interrupted: {reason}");
        self.fail(&Problem::broken_stream(message), Some(reason));
    }

    fn fail(&mut self, problem: &Problem, reason: Option<&str>) {
        self.rest = None;
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

/// The failure of a stream behind its first token.
fn broken_off(class: FailureClass) -> Failure {
    Failure {
        class,
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
