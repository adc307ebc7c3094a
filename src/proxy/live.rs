//! A committed stream on its way to the client.
//!
//! From here on there is no other target: if the upstream breaks, the client is told so in an error
//! event, and nothing follows it: no invented finish, no `[DONE]`, no second answer (laws L9, L10).
//! The event is the end of a well-formed HTTP message, as some clients throw away what they have
//! received when the connection breaks, and would lose the very event that explains it.
//! Dropping the stream drops the upstream connection (law L11).

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Instant, Sleep};
use tokio_util::sync::WaitForCancellationFutureOwned;

use super::gateway::Gateway;
use super::problem::Problem;
use super::receive::Opened;
use super::record::Record;
use super::relay::{Broken, Relay};
use super::upstream::{AnswerBody, describe};
use crate::chat::ErrorBody;
use crate::codec::openai_chat::error;

/// How long an upstream may keep the connection open behind `[DONE]`: its end saves the connection for
/// the next request, but the client has all it waits for.
const LINGER: Duration = Duration::from_millis(500);

/// See the module's head.
pub struct Live {
    gateway: Arc<Gateway>,
    record: Record,
    relay: Relay,
    ready: VecDeque<Bytes>,
    rest: Option<AnswerBody>,
    last_bytes: Instant,
    idle: Duration,
    ends_by: Instant,
    timer: Pin<Box<Sleep>>,
    stopped: Pin<Box<WaitForCancellationFutureOwned>>,
    is_over: bool,
}

impl Live {
    /// Goes on with a stream that has begun well.
    pub fn new(gateway: Arc<Gateway>, opened: Opened, mut record: Record) -> Self {
        let now = Instant::now();
        let ends_by = now + gateway.config().router.timeouts.stream_total;
        record.first_token(now.into_std());
        let stopped = Box::pin(gateway.stopped().cancelled_owned());
        let mut live = Self {
            ends_by,
            gateway,
            record,
            relay: opened.relay,
            ready: opened.ready,
            rest: opened.rest,
            last_bytes: now,
            idle: opened.idle,
            timer: Box::pin(tokio::time::sleep_until(ends_by.min(now + opened.idle))),
            stopped,
            is_over: false,
        };
        if let Some(broken) = live.relay.take_break() {
            live.break_off(broken);
        } else if live.rest.is_none() {
            live.complete();
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
                Poll::Pending => match self.poll_limits(cx) {
                    Poll::Ready(()) => {}
                    Poll::Pending => return Poll::Pending,
                },
            }
        }
    }

    fn take(&mut self, chunk: Bytes) {
        self.last_bytes = Instant::now();
        if self.last_bytes >= self.ends_by {
            self.cut("it has lasted as long as a stream may");
        } else if let Err(broken) = self.relay.feed(chunk, &mut self.ready) {
            self.break_off(broken);
        } else if self.relay.is_done() && !self.is_over {
            self.is_over = true;
            self.timer.as_mut().reset(self.last_bytes + LINGER);
        }
    }

    fn end(&mut self) {
        match self.relay.finish(&mut self.ready) {
            Ok(()) => self.complete(),
            Err(broken) => self.break_off(broken),
        }
    }

    fn complete(&mut self) {
        self.record.usage(self.relay.observer().usage);
        self.record.complete();
        self.rest = None;
    }

    /// What ends a stream from outside: silence, its age, a shutdown. Ready if something did.
    fn poll_limits(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.stopped.as_mut().poll(cx).is_ready() {
            self.fail(&Problem::shutting_down().body);
            return Poll::Ready(());
        }
        // The timer is set once per silence, not once per chunk: when it fires, it looks at the clock.
        while self.timer.as_mut().poll(cx).is_ready() {
            if self.is_over {
                self.complete();
                return Poll::Ready(());
            }
            let due = self.ends_by.min(self.last_bytes + self.idle);
            if due <= Instant::now() {
                self.cut("the provider fell silent");
                return Poll::Ready(());
            }
            self.timer.as_mut().reset(due);
        }
        Poll::Pending
    }

    fn break_off(&mut self, broken: Broken) {
        match broken {
            Broken::Error(body) => {
                let body = self.gateway.clean(body);
                self.fail(&body);
            }
            Broken::Truncated => self.cut("it ended without a finish"),
        }
    }

    /// The connection ended or the time did. Behind `[DONE]` that is as good as an end.
    fn cut(&mut self, reason: &str) {
        if self.relay.is_done() {
            return self.complete();
        }
        let message = format!("the provider's stream was interrupted: {reason}");
        self.fail(&Problem::broken_stream(message).body);
    }

    fn fail(&mut self, body: &ErrorBody) {
        self.rest = None;
        self.record.usage(self.relay.observer().usage);
        self.record.failed(http::StatusCode::BAD_GATEWAY.as_u16());
        let id = self.record.id();
        tracing::warn!(target: "autogw::stream", request_id = id, reason = body.message.as_str(), "stream broke off");
        if self.relay.is_inside_event() {
            self.ready.push_back(Bytes::from_static(b"\n\n"));
        }
        self.ready.push_back(error_event(body, id));
    }
}

/// An error as the last event of a chat stream.
pub fn error_event(body: &ErrorBody, request_id: &str) -> Bytes {
    let json = error::write(body, request_id, &[]);
    Bytes::from(format!("data: {json}\n\n"))
}

impl fmt::Debug for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Live")
            .field("relay", &self.relay)
            .finish_non_exhaustive()
    }
}
