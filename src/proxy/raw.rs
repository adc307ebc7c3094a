//! An answer that is passed on unread: audio, plain text.
//!
//! Nothing can be said in it, so whatever breaks it breaks the message off where it stands; a client
//! can tell that from a whole one.

use std::io;
use std::task::{Context, Poll};

use bytes::Bytes;

use super::live::broken_off;
use super::record::Record;
use super::upstream::{AnswerBody, describe};
use super::watch::{Ended, Watch};

/// Dice in the middle: so few answers are passed on unread that nothing is gained by spreading when those who
/// broke them off are asked again.
const MIDDLE: u64 = u64::MAX / 2;

/// See the module's head.
#[derive(Debug)]
pub struct Raw {
    answer: AnswerBody,
    record: Record,
    watch: Watch,
}

impl Raw {
    /// Passes `answer` on.
    pub fn new(answer: AnswerBody, record: Record, watch: Watch) -> Self {
        Self {
            answer,
            record,
            watch,
        }
    }

    /// The length the head announced.
    pub fn announced(&self) -> Option<u64> {
        self.answer.announced()
    }

    /// The next bytes; `None` at the end.
    pub fn poll_bytes(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        match self.answer.poll_chunk(cx) {
            Poll::Ready(Some(Ok(bytes))) => match self.watch.heard() {
                None => Poll::Ready(Some(Ok(bytes))),
                Some(ended) => Poll::Ready(Some(Err(self.ended(ended)))),
            },
            Poll::Ready(Some(Err(error))) => Poll::Ready(Some(Err(self.cut(&describe(&error))))),
            Poll::Ready(None) => {
                self.record.complete();
                Poll::Ready(None)
            }
            Poll::Pending => self
                .watch
                .poll(cx)
                .map(|ended| Some(Err(self.ended(ended)))),
        }
    }

    fn ended(&mut self, ended: Ended) -> io::Error {
        match ended {
            Ended::Silent => self.cut("the provider fell silent"),
            Ended::Aged | Ended::Lingered => self.broken("it has lasted as long as an answer may"),
            Ended::Stopped => self.broken("the gateway is shutting down"),
        }
    }

    /// The target is to blame.
    fn cut(&mut self, reason: &str) -> io::Error {
        self.record.broke(&broken_off(), MIDDLE);
        self.broken(reason)
    }

    fn broken(&mut self, reason: &str) -> io::Error {
        self.record.failed(http::StatusCode::BAD_GATEWAY.as_u16());
        tracing::warn!(target: "autogw::stream", request_id = self.record.id(), reason, "answer broke off");
        io::Error::other(reason.to_owned())
    }
}
