//! `router.commit_hold`: a stream that is promised before any upstream has answered.
//!
//! The client gets its 200 and a sign of life every fifteen seconds, so that nothing on the way takes the
//! silence for death; where its SDKs survive none, it gets the 200 alone. Behind that the search for a target goes on as ever; it is the status line that
//! can no longer tell how it ended, so an error event must.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

use super::Committed;
use super::body::Body;
use super::problem::Problem;
use crate::chat::Dialect;
use crate::codec::keep_alive;

/// Between signs; proxies on the way cut silent connections after a minute or so.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

type Search = Pin<Box<dyn Future<Output = Result<Committed, Problem>> + Send>>;

/// See the module's head.
pub struct Held {
    dialect: Dialect,
    request_id: String,
    state: State,
}

enum State {
    /// The first comment follows the head at once: headers alone do not wake every client.
    Promised {
        search: Search,
        beat: Interval,
    },
    Searching {
        search: Search,
        beat: Interval,
    },
    Streaming(Body),
    Over,
}

impl Held {
    /// A stream whose target is still being searched for.
    pub fn new(dialect: Dialect, request_id: &http::HeaderValue, search: Search) -> Self {
        let mut beat = interval_at(Instant::now() + KEEP_ALIVE, KEEP_ALIVE);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            dialect,
            request_id: request_id.to_str().unwrap_or_default().to_owned(),
            state: State::Promised { search, beat },
        }
    }

    fn begin(&mut self) {
        if let State::Promised { search, beat } = std::mem::replace(&mut self.state, State::Over) {
            self.state = State::Searching { search, beat };
        }
    }

    /// The next bytes for the client; `None` at the end.
    pub fn poll_bytes(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        loop {
            match &mut self.state {
                State::Over => return Poll::Ready(None),
                State::Promised { .. } => {
                    self.begin();
                    if let Some(sign) = keep_alive(self.dialect) {
                        return Poll::Ready(Some(Bytes::from_static(sign)));
                    }
                }
                State::Streaming(Body::Live(live)) => return live.poll_bytes(cx),
                State::Streaming(Body::Full(bytes)) => {
                    let bytes = std::mem::take(bytes);
                    self.state = State::Over;
                    return Poll::Ready(Some(bytes));
                }
                State::Streaming(_) => self.state = State::Over,
                State::Searching { search, beat } => match search.as_mut().poll(cx) {
                    Poll::Ready(Ok(committed)) => self.state = State::Streaming(committed.body),
                    Poll::Ready(Err(problem)) => {
                        self.state = State::Over;
                        let event = problem.event(self.dialect, &self.request_id, 0);
                        return Poll::Ready(Some(event));
                    }
                    Poll::Pending => {
                        let Some(sign) = keep_alive(self.dialect) else {
                            return Poll::Pending;
                        };
                        return beat.poll_tick(cx).map(|_| Some(Bytes::from_static(sign)));
                    }
                },
            }
        }
    }
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Held")
            .field("request_id", &self.request_id)
            .finish_non_exhaustive()
    }
}
