//! Below the protocol: a cable that can be cut or swallow everything, and an ear for the last word.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf, copy_bidirectional};
use tokio::net::TcpStream;

use super::agent::Fate;

/// Carries bytes between `socket` and `inside` until `fate` wills otherwise.
pub(super) async fn cable(mut socket: TcpStream, mut inside: DuplexStream, fate: Fate) {
    tokio::select! {
        // An error is an end like any other.
        _ = copy_bidirectional(&mut socket, &mut inside) => {}
        () = fate.cut.cancelled() => {}
        // The socket stays open, and nobody reads from it.
        () = fate.freeze.cancelled() => fate.cut.cancelled().await,
    }
}

/// Passes on a TLS connection and notices its good end, which is not the same as its end.
pub(super) struct Tap<S, F> {
    stream: S,
    on_goodbye: F,
}

impl<S, F: FnMut()> Tap<S, F> {
    pub(super) fn new(stream: S, on_goodbye: F) -> Self {
        Self { stream, on_goodbye }
    }
}

impl<S: AsyncRead + Unpin, F: FnMut() + Unpin> AsyncRead for Tap<S, F> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, buf);
        if matches!(polled, Poll::Ready(Ok(()))) && buf.filled().len() == before {
            (self.on_goodbye)();
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin, F: Unpin> AsyncWrite for Tap<S, F> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
