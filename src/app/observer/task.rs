//! The task: when is looked.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::Observer;
use super::picture::Depth;

/// How often is looked while nobody watches: the windows of figures need it.
const RESTING: Duration = Duration::from_secs(1);

/// How often is looked while somebody watches.
const WATCHING: Duration = Duration::from_millis(100);

impl Observer {
    /// Looks until `over` is cancelled.
    pub(in crate::app) async fn run(self, over: CancellationToken) {
        while over.run_until_cancelled(self.pause()).await.is_some() {
            let watchers = self.bus().watchers();
            let gateway = self.facts().gateway();
            gateway.metrics().set_watchers(watchers);
            gateway.metrics().set_lost_lines(self.facts().lost_lines());
            gateway.steering().set_watched(watchers > 0);
            self.look(match watchers {
                0 => Depth::Samples,
                _ => Depth::Changes,
            });
        }
    }

    /// Waits for the next look. Somebody who begins to watch need not wait for it.
    async fn pause(&self) {
        let pause = match self.bus().watchers() {
            0 => RESTING,
            _ => WATCHING,
        };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = self.0.wanted.notified() => {}
        }
    }
}
