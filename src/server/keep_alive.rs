//! Comments in a stream that has fallen silent, for those on the way who take silence for death.
//!
//! A model may think for minutes between two events. Cloudflare waits 100 seconds, others one minute.
//! A comment goes out only between two events; chat clients skip it.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Instant, Sleep, sleep_until};

use crate::sse;

/// Silence after which a comment is sent.
const EVERY: Duration = Duration::from_secs(25);

/// The silence of one stream.
#[derive(Debug)]
pub struct KeepAlive {
    due: Instant,
    alarm: Option<Pin<Box<Sleep>>>,
    /// Whether the last bytes ended an event.
    is_between: bool,
}

impl Default for KeepAlive {
    fn default() -> Self {
        Self {
            due: Instant::now() + EVERY,
            alarm: None,
            is_between: true,
        }
    }
}

impl KeepAlive {
    /// The stream goes on with `bytes`.
    pub fn heard(&mut self, bytes: &[u8]) {
        self.due = Instant::now() + EVERY;
        self.is_between = bytes.ends_with(b"\n\n") || bytes.ends_with(b"\r\n\r\n");
    }

    /// The stream is silent: a comment, as often as one is due.
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
            if self.is_between {
                return Poll::Ready(Bytes::from_static(sse::KEEP_ALIVE));
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
        let mut silence = KeepAlive::default();
        for _ in 0..3 {
            assert_eq!(comment(&mut silence, EVERY / 2).await, None);
            assert!(comment(&mut silence, EVERY).await.is_some());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_that_goes_on_needs_none() {
        let mut silence = KeepAlive::default();
        for _ in 0..3 {
            assert_eq!(comment(&mut silence, EVERY * 2 / 3).await, None);
            silence.heard(b"data: x\n\n");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_event_is_not_torn() {
        let mut silence = KeepAlive::default();
        silence.heard(b"data: half");
        assert_eq!(comment(&mut silence, EVERY * 5).await, None);
        silence.heard(b" done\r\n\r\n");
        assert!(comment(&mut silence, EVERY * 2).await.is_some());
    }
}
