//! Link: one HTTP/1.1 connection, driven by whoever uses it.
//!
//! hyper's connection is usually a task of its own, and every chunk crosses a channel and a wake-up on
//! its way to the reader. Here the request that uses a connection polls it too: no task, no
//! cross-thread hand-over, and dropping the request drops the socket at once (law L11). An idle link
//! is polled by nobody; [`Link::is_alive`] looks at it before it is used again.

use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http_body::Body as _;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;

use super::pieces::Pieces;
use super::wire::Wire;

/// Most response headers; what hyper allows by default, said here because it is a limit we rely on.
const MAX_HEADERS: usize = 100;

/// Read buffer of a connection: bounds what one stream holds (an event is some hundred bytes).
const MAX_BUFFER: usize = 128 * 1024;

type Driver = http1::Connection<TokioIo<Wire>, Pieces>;

/// A connection that has carried nothing, or whose last answer was read to its end.
#[derive(Debug)]
pub(super) struct Link {
    sender: http1::SendRequest<Pieces>,
    driver: Box<Driver>,
    /// Whether it has carried a request before: then its far end may have closed it meanwhile.
    pub(super) is_reused: bool,
}

/// Why an exchange ended without an answer.
#[derive(Debug)]
pub(super) struct ExchangeError {
    pub(super) source: hyper::Error,
    /// Whether hyper handed the request back: not a byte of it was sent.
    pub(super) is_unsent: bool,
}

impl Link {
    /// Makes a link of a fresh connection.
    pub(super) async fn new(wire: Wire) -> Result<Self, hyper::Error> {
        let (sender, driver) = http1::Builder::new()
            .max_headers(MAX_HEADERS)
            .max_buf_size(MAX_BUFFER)
            .handshake(TokioIo::new(wire))
            .await?;
        Ok(Self {
            sender,
            driver: Box::new(driver),
            is_reused: false,
        })
    }

    /// Whether an idle link can still carry a request.
    pub(super) fn is_alive(&mut self) -> bool {
        let mut cx = Context::from_waker(Waker::noop());
        Pin::new(&mut self.driver).poll(&mut cx).is_pending() && self.sender.is_ready()
    }

    /// Sends a request and waits for the head of its answer.
    ///
    /// # Cancel safety
    /// Dropping the future closes the connection.
    pub(super) async fn exchange(
        mut self,
        request: Request<Pieces>,
    ) -> Result<(Response<Incoming>, Tail), ExchangeError> {
        let mut answer = std::pin::pin!(self.sender.try_send_request(request));
        let mut driver = Some(self.driver);
        let result = std::future::poll_fn(|cx| {
            if let Some(running) = &mut driver
                && Pin::new(running).poll(cx).is_ready()
            {
                driver = None;
            }
            // Only the connection resolves the answer, and it was polled just above.
            answer
                .as_mut()
                .poll(&mut Context::from_waker(Waker::noop()))
        })
        .await;
        match result {
            Ok(response) => Ok((
                response,
                Tail {
                    sender: self.sender,
                    driver,
                },
            )),
            Err(mut error) => {
                let is_unsent = error.take_message().is_some();
                Err(ExchangeError {
                    source: error.into_error(),
                    is_unsent,
                })
            }
        }
    }
}

/// The rest of a connection while an answer's body is being read.
#[derive(Debug)]
pub(super) struct Tail {
    sender: http1::SendRequest<Pieces>,
    /// `None` once the connection is over.
    driver: Option<Box<Driver>>,
}

impl Tail {
    /// Reads the next piece of `body`, moving the connection along first.
    ///
    /// All a body ever has comes from its connection, and that is polled right here with the caller's
    /// waker; so the body itself gets a waker that does nothing, and no chunk wakes the task that is
    /// already holding it.
    pub(super) fn poll_chunk(
        &mut self,
        body: &mut Incoming,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, hyper::Error>>> {
        loop {
            if let Some(driver) = &mut self.driver
                && Pin::new(driver).poll(cx).is_ready()
            {
                self.driver = None;
            }
            let mut silent = Context::from_waker(Waker::noop());
            match Pin::new(&mut *body).poll_frame(&mut silent) {
                Poll::Ready(Some(Ok(frame))) => {
                    // Trailers say nothing that we pass on, and empty data says nothing at all.
                    if let Ok(data) = frame.into_data()
                        && !data.is_empty()
                    {
                        return Poll::Ready(Some(Ok(data)));
                    }
                }
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Some(Err(error))),
                Poll::Ready(None) => return Poll::Ready(None),
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    /// The link, if the answer was read to its end and the connection can carry another.
    pub(super) fn into_link(self) -> Option<Link> {
        let mut link = Link {
            sender: self.sender,
            driver: self.driver?,
            is_reused: true,
        };
        link.is_alive().then_some(link)
    }
}
