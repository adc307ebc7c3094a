//! Traces: what was tried for each of the last requests, and how that went.
//!
//! The ring is bounded, holds no word of a prompt and no key, and is written once per request, when its
//! book is closed.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use http::HeaderValue;
use parking_lot::Mutex;

use crate::chat::FailureClass;

/// Requests that are remembered: minutes of an agent's work. Each new one frees the oldest, whose memory has
/// grown cold by then.
const CAPACITY: usize = 128;

/// One request.
#[derive(Debug, Clone)]
pub struct Trace {
    /// Its id, as it stands in the answer; see [`Trace::id`].
    pub request_id: HeaderValue,
    /// Whose key it came with.
    pub client: Arc<str>,
    /// The tunnel it came through.
    pub door: Option<&'static str>,
    /// What was asked.
    pub endpoint: &'static str,
    /// The model string.
    pub asked: Arc<str>,
    /// By which strategy its candidates were put in order.
    pub strategy: &'static str,
    /// When it arrived; see [`Trace::arrival`].
    pub received: Instant,
    /// What was tried, in the order in which it began.
    pub tries: Vec<Try>,
    /// The status that the client got.
    pub status: u16,
    /// `complete`, `failed` or `client left`.
    pub outcome: &'static str,
    /// To the first token.
    pub first_token: Option<Duration>,
    /// To the end.
    pub total: Duration,
    /// Tokens of the prompt.
    pub input_tokens: Option<u64>,
    /// Tokens of the answer.
    pub output_tokens: Option<u64>,
    /// The trace that its client is in, as it said.
    pub parent: Option<HeaderValue>,
}

/// One attempt, or one that was not made.
#[derive(Debug, Clone)]
pub struct Try {
    /// Whom it went to.
    pub provider: Arc<str>,
    /// For which model.
    pub model: Arc<str>,
    /// Place of the key, from 1.
    pub key: Option<usize>,
    /// Why it was made.
    pub cause: Cause,
    /// When it began, since the request arrived.
    pub began: Duration,
    /// How long it took, if it has ended.
    pub elapsed: Option<Duration>,
    /// How it ended.
    pub verdict: Verdict,
    /// The upstream's status.
    pub status: Option<u16>,
    /// How long what failed rests now.
    pub rests: Option<Duration>,
}

/// Why an attempt was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// The first choice.
    First,
    /// What was tried before it failed.
    Failover,
    /// The same target once more.
    Repeat,
    /// Without a parameter that was refused.
    Healed,
    /// What was tried before it is slow.
    Hedge,
    /// A route's fallback.
    Fallback,
    /// A stream that broke goes on.
    Continued,
}

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is under way, or was when the client left.
    Open,
    /// It has answered.
    Served,
    /// It has failed.
    Failed(FailureClass),
    /// It took longer to begin than it usually does, and somebody else was asked.
    Slow,
    /// It has answered, but a filter took all of the answer.
    Filtered,
    /// It would have refused the request, and was not asked.
    LeftOut,
    /// Its breaker is open.
    CircuitOpen,
    /// Its key began to rest just before.
    Resting,
    /// It has all it may have.
    Full,
    /// Another was faster.
    Lost,
}

impl Verdict {
    /// The word shown to people and in `x-autogw-route`.
    pub fn name(self) -> &'static str {
        match self {
            Verdict::Open => "open",
            Verdict::Served => "ok",
            Verdict::Failed(class) => class.name(),
            Verdict::Slow => "slow",
            Verdict::Filtered => "content_filter",
            Verdict::LeftOut => "left_out",
            Verdict::CircuitOpen => "circuit_open",
            Verdict::Resting => "resting",
            Verdict::Full => "full",
            Verdict::Lost => "lost",
        }
    }
}

impl Trace {
    /// Its id as text; the edge lets only visible ASCII through.
    pub fn id(&self) -> &str {
        self.request_id.to_str().unwrap_or_default()
    }

    /// When it arrived, by the clock on the wall.
    pub fn arrival(&self) -> SystemTime {
        SystemTime::now() - self.received.elapsed()
    }
}

/// The last requests.
#[derive(Debug, Default)]
pub struct Ring {
    traces: Mutex<VecDeque<Trace>>,
    /// Requests that were remembered so far; written under the lock.
    pushed: AtomicU64,
}

/// What is new in the ring.
#[derive(Debug)]
pub struct News {
    /// The new ones, the oldest first.
    pub traces: Vec<Trace>,
    /// Requests that were remembered so far.
    pub pushed: u64,
    /// How many of the new ones are forgotten already.
    pub missed: u64,
}

impl Ring {
    /// Remembers a request, in place of the oldest if there are too many.
    pub fn push(&self, trace: Trace) {
        let mut traces = self.traces.lock();
        let oldest = (traces.len() >= CAPACITY)
            .then(|| traces.pop_front())
            .flatten();
        traces.push_back(trace);
        self.pushed.fetch_add(1, Ordering::Relaxed);
        drop(traces);
        // Freed behind the lock.
        drop(oldest);
    }

    /// The request of that id, if it is remembered and `is_meant`; the latest, if there were several.
    pub fn find(&self, request_id: &str, is_meant: impl Fn(&Trace) -> bool) -> Option<Trace> {
        let traces = self.traces.lock();
        let mut latest = traces.iter().rev();
        let found = latest.find(|trace| trace.id() == request_id && is_meant(trace));
        found.cloned()
    }

    /// What came behind the first `seen`.
    pub fn since(&self, seen: u64) -> News {
        let traces = self.traces.lock();
        let pushed = self.pushed.load(Ordering::Relaxed);
        let new = pushed.saturating_sub(seen);
        let there = usize::try_from(new).map_or(traces.len(), |new| new.min(traces.len()));
        News {
            traces: traces.range(traces.len() - there..).cloned().collect(),
            pushed,
            missed: new - there as u64,
        }
    }

    /// All of them, the latest first.
    pub fn latest(&self) -> Vec<Trace> {
        self.traces.lock().iter().rev().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trace(id: u64) -> Trace {
        Trace {
            request_id: HeaderValue::from(id),
            client: "c".into(),
            door: None,
            endpoint: "/e",
            asked: "m".into(),
            strategy: "s",
            received: Instant::now(),
            tries: Vec::new(),
            status: 200,
            outcome: "complete",
            first_token: None,
            total: Duration::ZERO,
            input_tokens: None,
            output_tokens: None,
            parent: None,
        }
    }

    #[test]
    fn who_reads_on_gets_each_request_once_and_hears_what_was_missed() {
        let ring = Ring::default();
        let ids = |news: &News| -> Vec<String> {
            let ids = news.traces.iter().map(Trace::id);
            ids.map(str::to_owned).collect()
        };
        assert_eq!(ids(&ring.since(0)), Vec::<String>::new());
        (1..=3).for_each(|id| ring.push(trace(id)));
        let news = ring.since(1);
        assert_eq!(
            (ids(&news), news.pushed, news.missed),
            (vec!["2".into(), "3".into()], 3, 0)
        );
        let many = CAPACITY as u64 + 5;
        (4..4 + many).for_each(|id| ring.push(trace(id)));
        let news = ring.since(news.pushed);
        assert_eq!((news.traces.len(), news.missed), (CAPACITY, 5));
        assert!(ring.since(news.pushed).traces.is_empty());
    }
}
