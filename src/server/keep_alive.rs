//! Signs of life in a stream that has fallen silent, for those on the way who take silence for death.
//!
//! A model may think for minutes between two events. Cloudflare waits 100 seconds, others one minute.
//! A sign goes out only between two events, and only one that the dialect's clients skip.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Instant, Sleep, sleep_until};

/// Silence after which a sign is sent.
const EVERY: Duration = Duration::from_secs(25);

/// The silence of one stream.
#[derive(Debug)]
pub struct KeepAlive {
    sign: &'static [u8],
    due: Instant,
    alarm: Option<Pin<Box<Sleep>>>,
    tail: Tail,
}

/// The last bytes of a stream, however they were cut.
#[derive(Debug, Default)]
struct Tail {
    bytes: [u8; 4],
    /// Whether anything came at all.
    has_begun: bool,
}

impl Tail {
    fn take(&mut self, bytes: &[u8]) {
        self.has_begun |= !bytes.is_empty();
        let from = bytes.len().saturating_sub(self.bytes.len());
        for byte in &bytes[from..] {
            self.bytes.rotate_left(1);
            self.bytes[3] = *byte;
        }
    }

    /// Whether a sign would tear nothing: at the beginning, and behind an empty line.
    fn is_between_events(&self) -> bool {
        let ends = [&b"\n\n"[..], b"\r\r", b"\r\n\r\n"];
        !self.has_begun || ends.iter().any(|end| self.bytes.ends_with(end))
    }
}

impl KeepAlive {
    /// The silence of a stream that begins now, to be broken by `sign`.
    pub fn new(sign: &'static [u8]) -> Self {
        Self {
            sign,
            due: Instant::now() + EVERY,
            alarm: None,
            tail: Tail::default(),
        }
    }

    /// The stream goes on with `bytes`.
    pub fn heard(&mut self, bytes: &[u8]) {
        self.due = Instant::now() + EVERY;
        self.tail.take(bytes);
    }

    /// The stream is silent: a sign, as often as one is due.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Bytes> {
        let alarm = self
            .alarm
            .get_or_insert_with(|| Box::pin(sleep_until(self.due)));
        while alarm.as_mut().poll(cx).is_ready() {
            if Instant::now() < self.due {
                alarm.as_mut().reset(self.due);
                continue;
            }
            self.due = Instant::now() + EVERY;
            alarm.as_mut().reset(self.due);
            if self.tail.is_between_events() {
                return Poll::Ready(Bytes::from_static(self.sign));
            }
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    async fn comment(silence: &mut KeepAlive, within: Duration) -> Option<Bytes> {
        let comment = poll_fn(|cx| silence.poll(cx));
        tokio::time::timeout(within, comment).await.ok()
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_stream_gets_a_comment_again_and_again() {
        let mut silence = KeepAlive::new(crate::sse::KEEP_ALIVE);
        for _ in 0..3 {
            assert_eq!(comment(&mut silence, EVERY / 2).await, None);
            assert!(comment(&mut silence, EVERY).await.is_some());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_that_goes_on_needs_none() {
        let mut silence = KeepAlive::new(crate::sse::KEEP_ALIVE);
        for _ in 0..3 {
            assert_eq!(comment(&mut silence, EVERY * 2 / 3).await, None);
            silence.heard(b"data: x\n\n");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_event_is_not_torn() {
        let mut silence = KeepAlive::new(crate::sse::KEEP_ALIVE);
        silence.heard(b"data: half");
        assert_eq!(comment(&mut silence, EVERY * 5).await, None);
        silence.heard(b" done\r\n\r\n");
        assert!(comment(&mut silence, EVERY * 2).await.is_some());
    }

    #[test]
    fn an_event_ends_wherever_it_was_cut() {
        for end in ["\n\n", "\r\r", "\r\n\r\n"] {
            let stream = format!("data: x{end}");
            let mut tail = Tail::default();
            for (at, byte) in stream.bytes().enumerate() {
                assert_eq!(tail.is_between_events(), at == 0, "{stream:?} at {at}");
                tail.take(&[byte]);
            }
            assert!(tail.is_between_events(), "{stream:?}");
        }
    }
}
