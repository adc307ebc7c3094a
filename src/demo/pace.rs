//! Answers in time: response bodies that send each piece when its moment has come, and may break off.

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http_body::Frame;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use tokio::time::{Instant, sleep};

use crate::provider::DemoProfile;

/// The body of every response of a demo provider.
pub(super) type Body = UnsyncBoxBody<Bytes, Cut>;

/// The end of a connection in the middle of a body: what the server is given instead of the next bytes.
#[derive(Debug, thiserror::Error)]
#[error("the demo provider cut the connection")]
pub(super) struct Cut;

/// One thing a timed body does.
pub(super) enum Step {
    /// Sends `bytes` when `at` has passed since the body began.
    Send { at: Duration, bytes: Bytes },
    /// Breaks the connection off.
    Cut,
}

impl Step {
    /// Sends `bytes` without delay.
    pub(super) fn now(bytes: Bytes) -> Self {
        Self::Send {
            at: Duration::ZERO,
            bytes,
        }
    }
}

/// When the token after `tokens` others is due, counted from the first.
pub(super) fn due(profile: &DemoProfile, tokens: usize) -> Duration {
    if profile.tokens_per_second <= 0.0 {
        return Duration::ZERO;
    }
    let tokens = f64::from(u32::try_from(tokens).unwrap_or(u32::MAX));
    Duration::try_from_secs_f64(tokens / profile.tokens_per_second).unwrap_or(Duration::MAX)
}

/// A body that is there at once.
pub(super) fn whole(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into())
        .map_err(|never: Infallible| match never {})
        .boxed_unsync()
}

/// A body that goes through `steps`, its time beginning now. Pieces that are due together leave together.
pub(super) fn timed(steps: Vec<Step>) -> Body {
    let began = Instant::now();
    let frames = stream::unfold(steps.into_iter(), move |mut steps| async move {
        let frame = take(steps.next()?, began).await;
        Some((frame, steps))
    });
    StreamBody::new(frames).boxed_unsync()
}

async fn take(step: Step, began: Instant) -> Result<Frame<Bytes>, Cut> {
    match step {
        Step::Send { at, bytes } => {
            let wait = at.saturating_sub(began.elapsed());
            if !wait.is_zero() {
                sleep(wait).await;
            }
            Ok(Frame::data(bytes))
        }
        Step::Cut => {
            // The server flushes when a body has nothing ready; without this pause it would throw away
            // what the client is meant to see before the end.
            tokio::task::yield_now().await;
            Err(Cut)
        }
    }
}
