//! How a tunnel is told to end: first to bring nobody new, then to go.

use tokio_util::sync::CancellationToken;

/// The two signals of an end, in their order.
#[derive(Debug, Clone, Default)]
pub struct Closing {
    /// Cancelled when no new connections are wanted; those there are go on.
    pub drain: CancellationToken,
    /// Cancelled when the tunnel is to be closed, whatever still runs through it.
    pub over: CancellationToken,
}

impl Closing {
    /// Comes back when nobody new is to be let in.
    pub async fn told(&self) {
        tokio::select! {
            () = self.drain.cancelled() => {}
            () = self.over.cancelled() => {}
        }
    }
}
