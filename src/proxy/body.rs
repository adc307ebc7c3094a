//! The body of a reply: complete, a stream under watch, or bytes passed on unread.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};

use super::array::Array;
use super::hold::Held;
use super::live::Live;
use super::raw::Raw;
use super::tapped::Tapped;

/// See the module's head.
#[derive(Debug, Default)]
pub enum Body {
    /// Nothing (more).
    #[default]
    Empty,
    /// All of it.
    Full(Bytes),
    /// Events of an upstream.
    Live(Box<Live>),
    /// A stream that was promised before an upstream had answered.
    Held(Box<Held>),
    /// Either of them, as the elements of a JSON array.
    Array(Box<Array>),
    /// Bytes of an upstream, passed on unread.
    Raw(Box<Raw>),
    /// Any of them, listened to.
    Tapped(Box<Tapped>),
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        match &mut *self {
            Body::Empty => Poll::Ready(None),
            Body::Full(_) => match std::mem::take(&mut *self) {
                Body::Full(bytes) if !bytes.is_empty() => Poll::Ready(Some(Ok(Frame::data(bytes)))),
                _ => Poll::Ready(None),
            },
            Body::Live(live) => live
                .poll_bytes(cx)
                .map(|bytes| bytes.map(|bytes| Ok(Frame::data(bytes)))),
            Body::Held(held) => held
                .poll_bytes(cx)
                .map(|bytes| bytes.map(|bytes| Ok(Frame::data(bytes)))),
            Body::Array(array) => array.poll_frame(cx),
            Body::Raw(raw) => raw
                .poll_bytes(cx)
                .map(|bytes| bytes.map(|bytes| bytes.map(Frame::data))),
            Body::Tapped(tapped) => tapped.poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Body::Empty => true,
            Body::Full(bytes) => bytes.is_empty(),
            Body::Live(_) | Body::Held(_) | Body::Array(_) | Body::Raw(_) => false,
            Body::Tapped(tapped) => tapped.body().is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Body::Empty => SizeHint::with_exact(0),
            Body::Full(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Body::Raw(raw) => raw
                .announced()
                .map_or_else(SizeHint::default, SizeHint::with_exact),
            Body::Live(_) | Body::Held(_) | Body::Array(_) => SizeHint::default(),
            Body::Tapped(tapped) => tapped.body().size_hint(),
        }
    }
}
