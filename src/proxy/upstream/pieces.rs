//! A request body in pieces: slices of what the client sent, with our edits between them.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

/// A body of known length; cloning it clones references.
#[derive(Debug, Clone, Default)]
pub struct Pieces {
    /// In reverse, so that the next piece is taken from the end.
    rest: Vec<Bytes>,
    length: u64,
}

impl Pieces {
    /// The body made of `pieces`, in order.
    pub fn new(mut pieces: Vec<Bytes>) -> Self {
        pieces.reverse();
        let length = pieces.iter().map(|piece| piece.len() as u64).sum();
        Self {
            rest: pieces,
            length,
        }
    }
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let next = self.rest.pop();
        self.length -= next.as_ref().map_or(0, |piece| piece.len() as u64);
        Poll::Ready(next.map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.length)
    }
}
