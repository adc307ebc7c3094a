//! Traces: what was tried for each of the last requests, and how that went.
//!
//! The ring is bounded, holds no word of a prompt and no key, and is written once per request, when its
//! book is closed.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use http::HeaderValue;
use parking_lot::Mutex;

use super::snapshot::CandidateRow;
use crate::chat::FailureClass;

/// Requests that are remembered: minutes of an agent's work. Each new one frees the oldest, whose memory has
/// grown cold by then.
const CAPACITY: usize = 128;

/// One request.
#[derive(Debug, Clone)]
pub struct Trace {
    /// Its number in this run; later requests have larger ones.
    pub number: u64,
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
    /// Its candidates and what became of each, if somebody watched when it was planned.
    pub candidates: Vec<CandidateRow>,
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
    /// Of the tokens of the prompt: from the provider's cache.
    pub cached_tokens: Option<u64>,
    /// What it cost in dollars, if prices are known.
    pub cost: Option<f64>,
    /// What the gateway itself took: until the first token where it streamed, without what was spent waiting
    /// for providers and for the client's body.
    pub overhead: Option<Duration>,
    /// What was lost in translation.
    pub losses: Vec<String>,
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
    /// To the first token, since it began.
    pub first_token: Option<Duration>,
    /// How long what failed rests now.
    pub rests: Option<Duration>,
    /// Whether a fault was played at its provider when it began.
    pub is_injected: bool,
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
    /// Its owner has drained it since the request was planned.
    Drained,
}

impl Cause {
    /// The word shown to people and programs.
    pub fn name(self) -> &'static str {
        match self {
            Cause::First => "first",
            Cause::Failover => "failover",
            Cause::Repeat => "repeat",
            Cause::Healed => "healed",
            Cause::Hedge => "hedge",
            Cause::Fallback => "fallback",
            Cause::Continued => "continued",
        }
    }
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
            Verdict::Drained => "drained",
        }
    }

    /// Whether somebody was asked.
    pub fn is_made(self) -> bool {
        !matches!(
            self,
            Verdict::LeftOut | Verdict::CircuitOpen | Verdict::Resting | Verdict::Full
        )
    }

    /// Whether somebody was asked and is held to have failed.
    pub fn is_failure(self) -> bool {
        matches!(self, Verdict::Failed(_) | Verdict::Slow | Verdict::Filtered)
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
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    traces: VecDeque<Trace>,
    /// How many there were in all.
    count: u64,
}

impl Ring {
    /// Remembers a request, in place of the oldest if there are too many.
    pub fn push(&self, trace: Trace) {
        let mut kept = self.kept.lock();
        let oldest = (kept.traces.len() >= CAPACITY)
            .then(|| kept.traces.pop_front())
            .flatten();
        kept.traces.push_back(trace);
        kept.count += 1;
        drop(kept);
        // Freed behind the lock.
        drop(oldest);
    }

    /// The request of that id, if it is remembered and `is_meant`; the latest, if there were several.
    pub fn find(&self, request_id: &str, is_meant: impl Fn(&Trace) -> bool) -> Option<Trace> {
        let kept = self.kept.lock();
        let mut latest = kept.traces.iter().rev();
        let found = latest.find(|trace| trace.id() == request_id && is_meant(trace));
        found.cloned()
    }

    /// The request of that number, if it is remembered.
    pub fn numbered(&self, number: u64) -> Option<Trace> {
        let kept = self.kept.lock();
        let mut all = kept.traces.iter();
        all.find(|trace| trace.number == number).cloned()
    }

    /// All of them, the latest first.
    pub fn latest(&self) -> Vec<Trace> {
        let kept = self.kept.lock();
        kept.traces.iter().rev().cloned().collect()
    }

    /// What `told` makes of those that have ended since there were `seen` of them, the oldest first, and how many
    /// there are now. Fewer than that difference were too many at once.
    pub fn since<T>(&self, seen: u64, told: impl FnMut(&Trace) -> T) -> (Vec<T>, u64) {
        let kept = self.kept.lock();
        let new = usize::try_from(kept.count.saturating_sub(seen)).unwrap_or(usize::MAX);
        let old = kept.traces.len().saturating_sub(new);
        (kept.traces.iter().skip(old).map(told).collect(), kept.count)
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
            number: id,
            cached_tokens: None,
            cost: None,
            overhead: None,
            losses: Vec::new(),
            candidates: Vec::new(),
            parent: None,
        }
    }

    #[test]
    fn who_reads_on_gets_each_request_once_and_can_tell_what_was_missed() {
        let ring = Ring::default();
        let id = |trace: &Trace| trace.id().to_owned();
        assert_eq!(ring.since(0, id), (Vec::new(), 0));
        (1..=3).for_each(|id| ring.push(trace(id)));
        assert_eq!(ring.since(1, id), (vec!["2".into(), "3".into()], 3));
        let many = CAPACITY as u64 + 5;
        (4..4 + many).for_each(|id| ring.push(trace(id)));
        let (ids, count) = ring.since(3, id);
        assert_eq!((ids.len(), count), (CAPACITY, 3 + many));
        assert_eq!(ring.since(count, id), (Vec::new(), count));
    }
}
