//! An answer that somebody listens to: the bytes are the same, and [`Tap`] keeps their beginning.
//!
//! What is kept is what the client was sent, so a stream that breaks off, or whose client leaves, is kept as
//! far as it came.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body as _, Frame};

use super::Reply;
use super::body::Body;
use super::problem::Problem;
use crate::telemetry::capture::Tap;

/// See the module's head.
#[derive(Debug)]
pub struct Tapped {
    body: Body,
    tap: Tap,
}

/// Lets `tap` hear what a request is answered. An error has no headers yet.
pub fn tapped(tap: Tap, reply: Result<Reply, Problem>) -> Result<Reply, Problem> {
    let mut reply = match reply {
        Ok(reply) => reply,
        Err(problem) => {
            tap.told(problem.body.message.as_bytes());
            return Err(problem);
        }
    };
    tap.answered(&reply.headers);
    reply.body = match reply.body {
        Body::Empty => Body::Empty,
        Body::Full(bytes) => {
            tap.told(&bytes);
            Body::Full(bytes)
        }
        body => Body::Tapped(Box::new(Tapped { body, tap })),
    };
    Ok(reply)
}

impl Tapped {
    /// The answer itself.
    pub fn body(&self) -> &Body {
        &self.body
    }

    /// Its next bytes; `None` at the end.
    pub fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        if let Poll::Ready(Some(Ok(frame))) = &polled
            && let Some(bytes) = frame.data_ref()
        {
            self.tap.told(bytes);
        }
        polled
    }
}
