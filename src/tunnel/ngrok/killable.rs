//! The connection to ngrok, with a switch that ends it from outside.
//!
//! The crate has no way to give a session up: a peer that fell silent, and tasks of the crate that hold
//! on to the connection, would keep it for ever. So the connection is ours, and the switch closes its
//! socket at once, whoever still waits on it.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// Ends one connection, at the latest when it is dropped.
#[derive(Debug, Default)]
pub(super) struct Switch(Fuse);

/// What a connection is protected with.
#[derive(Debug, Clone, Default)]
pub(super) struct Fuse {
    cut: CancellationToken,
    over: CancellationToken,
}

impl Switch {
    /// Lets connections be made that this switch ends.
    pub(super) fn fuse(&self) -> Fuse {
        self.0.clone()
    }

    /// Ends the connection.
    pub(super) fn trip(&self) {
        self.0.cut.cancel();
    }

    /// Comes back when the connection has ended, from either side.
    pub(super) async fn over(&self) {
        self.0.over.cancelled().await;
    }
}

impl Drop for Switch {
    fn drop(&mut self) {
        self.trip();
    }
}

impl Fuse {
    /// `stream`, until the switch is tripped.
    pub(super) fn protect<S>(&self, stream: S) -> Killable<S> {
        Killable {
            stream: Some(stream),
            cut_read: Box::pin(self.cut.clone().cancelled_owned()),
            cut_write: Box::pin(self.cut.clone().cancelled_owned()),
            over: self.over.clone(),
        }
    }
}

/// A connection that ends when its switch is tripped.
pub(super) struct Killable<S> {
    stream: Option<S>,
    /// One for the task that reads and one for the task that writes: each wakes only its last asker.
    cut_read: Pin<Box<WaitForCancellationFutureOwned>>,
    cut_write: Pin<Box<WaitForCancellationFutureOwned>>,
    over: CancellationToken,
}

impl<S: AsyncWrite + Unpin> Killable<S> {
    /// Closes the socket, and not merely this end of it: the other half may wait in another task.
    fn close<T>(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        if let Some(mut stream) = self.stream.take() {
            // With TLS's own goodbye if the socket takes it now. A peer that is not there gets none.
            let _ = Pin::new(&mut stream).poll_shutdown(cx);
        }
        self.over.cancel();
        Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()))
    }

    /// Does `work` on the stream on behalf of the task that writes.
    fn write<T>(
        &mut self,
        cx: &mut Context<'_>,
        work: impl FnOnce(Pin<&mut S>, &mut Context<'_>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if self.cut_write.as_mut().poll(cx).is_ready() {
            return self.close(cx);
        }
        match &mut self.stream {
            Some(stream) => work(Pin::new(stream), cx),
            None => self.close(cx),
        }
    }
}

impl<S> Drop for Killable<S> {
    fn drop(&mut self) {
        self.over.cancel();
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Killable<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.cut_read.as_mut().poll(cx).is_ready() {
            return self.close(cx);
        }
        let Some(stream) = &mut self.stream else {
            return self.close(cx);
        };
        let room = buf.remaining();
        let polled = Pin::new(stream).poll_read(cx, buf);
        match &polled {
            Poll::Ready(Ok(())) if room > 0 && buf.remaining() == room => self.over.cancel(),
            Poll::Ready(Err(_)) => self.over.cancel(),
            Poll::Ready(Ok(())) | Poll::Pending => {}
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Killable<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.write(cx, |stream, cx| stream.poll_write(cx, buf))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.write(cx, AsyncWrite::poll_flush)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.write(cx, AsyncWrite::poll_shutdown)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    #[tokio::test]
    async fn a_tripped_switch_wakes_both_halves_and_closes_the_socket() {
        let switch = Switch::default();
        let (near, mut far) = tokio::io::duplex(1);
        let (mut reader, mut writer) = tokio::io::split(switch.fuse().protect(near));
        let reading = tokio::spawn(async move { reader.read_u8().await });
        let writing = tokio::spawn(async move { writer.write_all(b"more than fits").await });
        assert_eq!(far.read_u8().await.expect("a byte"), b'm');
        switch.trip();
        let ended = |result: io::Result<()>| result.expect_err("it has ended").kind();
        let read = reading.await.expect("no panic").map(drop);
        assert_eq!(ended(read), io::ErrorKind::ConnectionAborted);
        let written = writing.await.expect("no panic");
        assert_eq!(ended(written), io::ErrorKind::ConnectionAborted);
        switch.over().await;
        let mut rest = Vec::new();
        far.read_to_end(&mut rest).await.expect("an end");
    }

    #[tokio::test]
    async fn the_end_is_known_when_the_peer_closes() {
        let switch = Switch::default();
        let (near, far) = tokio::io::duplex(1);
        let mut near = switch.fuse().protect(near);
        drop(far);
        assert_eq!(near.read(&mut [0]).await.expect("an end"), 0);
        switch.over().await;
    }
}
