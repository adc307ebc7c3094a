//! Chaos: faults that the owner has a provider seem to have, so that whoever watches sees what the gateway makes
//! of them.
//!
//! They are played where answers come in, as if the upstream had done it: what classifies, rests, opens breakers
//! and goes elsewhere knows no difference. A status or garbage is made up here, and nothing is sent for it.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::json;
use tokio::time::{sleep, timeout_at};

use super::pool::Pool;
use super::{Answer, AnswerBody, BodyError, Outgoing, SendError, Upstream};
use crate::chat::Stage;
use crate::telemetry::act::Fault;

/// What nobody can read, whatever was asked.
const GARBAGE: &[u8] = b"\x00\x01{\"<<injected garbage>>\": [[[\xff\xfe";

/// What is done to a body.
#[derive(Debug)]
pub(super) enum Twist {
    /// It was made up: there is this much of it.
    Made(Bytes),
    /// It breaks off after so many bytes more.
    Cut(u64),
    /// It goes silent after so many bytes more.
    Stall(u64),
}

impl Upstream {
    /// Sends one attempt to a provider that seems to have `fault`.
    ///
    /// # Cancel safety
    /// Dropping the future closes the connection it was using.
    pub async fn send_into(
        &self,
        fault: Fault,
        outgoing: Outgoing<'_>,
    ) -> Result<Answer, SendError> {
        match fault {
            Fault::Latency { ms } => self.send_late(Duration::from_millis(ms), outgoing).await,
            Fault::RateLimit => Ok(self.refusal(StatusCode::TOO_MANY_REQUESTS, "rate_limit_error")),
            Fault::ServerError => {
                Ok(self.refusal(StatusCode::INTERNAL_SERVER_ERROR, "server_error"))
            }
            Fault::Garbage => Ok(self.made(StatusCode::OK, Bytes::from_static(GARBAGE))),
            Fault::Cut { after } => self.send_twisted(Twist::Cut(after), outgoing).await,
            Fault::Stall { after } => self.send_twisted(Twist::Stall(after), outgoing).await,
        }
    }

    async fn send_late(
        &self,
        by: Duration,
        mut outgoing: Outgoing<'_>,
    ) -> Result<Answer, SendError> {
        if timeout_at(outgoing.answer_by, sleep(by)).await.is_err() {
            return Err(SendError::timeout(Stage::Sent, "no answer in time"));
        }
        outgoing.connect_by += by;
        self.send(outgoing).await
    }

    async fn send_twisted(
        &self,
        twist: Twist,
        outgoing: Outgoing<'_>,
    ) -> Result<Answer, SendError> {
        let mut answer = self.send(outgoing).await?;
        answer.body.twist = Some(Box::new(twist));
        Ok(answer)
    }

    fn refusal(&self, status: StatusCode, kind: &str) -> Answer {
        let error = json!({
            "message": "a fault that the gateway's owner has injected",
            "type": kind,
            "code": "injected",
        });
        self.made(status, json!({ "error": error }).to_string().into())
    }

    fn made(&self, status: StatusCode, body: Bytes) -> Answer {
        let mut headers = HeaderMap::with_capacity(2);
        let json = HeaderValue::from_static("application/json");
        headers.insert(header::CONTENT_TYPE, json);
        Answer {
            status,
            headers,
            body: AnswerBody::made(body, &self.pool),
        }
    }
}

impl AnswerBody {
    fn made(body: Bytes, pool: &Arc<Pool>) -> Self {
        Self {
            incoming: None,
            tail: None,
            pool: pool.clone(),
            twist: Some(Box::new(Twist::Made(body))),
        }
    }

    /// The next piece of a body to which something is done.
    pub(super) fn poll_twisted(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, BodyError>>> {
        let left = match self.twist.as_deref_mut() {
            None => return self.poll_wire(cx),
            Some(Twist::Made(body)) => {
                let body = std::mem::take(body);
                return Poll::Ready((!body.is_empty()).then_some(Ok(body)));
            }
            Some(Twist::Cut(0)) => {
                // The connection is no use to anybody, as it would not be in earnest.
                self.tail = None;
                return Poll::Ready(Some(Err(BodyError::Injected)));
            }
            // Whoever reads has a limit for silence, and that wakes it.
            Some(Twist::Stall(0)) => return Poll::Pending,
            Some(Twist::Cut(left) | Twist::Stall(left)) => *left,
        };
        let polled = self.poll_wire(cx);
        let Poll::Ready(Some(Ok(mut chunk))) = polled else {
            return polled;
        };
        chunk.truncate(usize::try_from(left).unwrap_or(usize::MAX));
        if let Some(Twist::Cut(left) | Twist::Stall(left)) = self.twist.as_deref_mut() {
            *left = left.saturating_sub(chunk.len() as u64);
        }
        Poll::Ready(Some(Ok(chunk)))
    }
}
