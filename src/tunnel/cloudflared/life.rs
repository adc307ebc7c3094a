//! One run of the program from its start to its end: its URL, its readiness, its ups and downs.

use std::future::pending;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use crate::config;
use crate::telemetry::tunnel::{Phase, Trouble};

use super::metrics::{self, Readiness};
use super::story::Facts;
use super::trouble::{self, Failure};
use super::{Keeper, config_file};

/// How often it is asked whether it is ready yet, and how soon again at most.
const ASK_EVERY: Duration = Duration::from_millis(200);

/// How often it is asked whether it is still ready. Its own lines make that earlier.
const CHECK_EVERY: Duration = Duration::from_secs(5);

/// One run of the program.
pub(super) struct Life<'a> {
    keeper: &'a Keeper,
    facts: watch::Receiver<Facts>,
    /// Whether an earlier run has been up.
    was_up: bool,
    online_since: Option<Instant>,
    /// Since when it has been without a connection, and how often it had been refused then.
    degraded: Option<(Instant, u64)>,
}

impl<'a> Life<'a> {
    /// A run that begins, and tells these facts. `was_up` is whether an earlier one has been.
    pub(super) fn new(keeper: &'a Keeper, facts: watch::Receiver<Facts>, was_up: bool) -> Self {
        Self {
            keeper,
            facts,
            was_up,
            online_since: None,
            degraded: None,
        }
    }

    /// For how long it has been of use: zero if it never was.
    pub(super) fn up(&self) -> Duration {
        self.online_since
            .map_or(Duration::ZERO, |since| since.elapsed())
    }

    /// Follows the program until it is of no use any more. It does not see the program end.
    pub(super) async fn follow(&mut self) -> Failure {
        if self.keeper.settings.is_named() {
            self.announce(public_url(&self.keeper.settings));
        } else {
            match timeout(self.keeper.limits.url, self.quick_url()).await {
                Ok(url) => self.announce(Some(url)),
                Err(_) => return Failure::NoUrl,
            }
        }
        if timeout(self.keeper.limits.ready, self.ready())
            .await
            .is_err()
        {
            return Failure::NotReady;
        }
        self.is_online();
        self.keep().await
    }

    /// The URL by the box, or by its own word where the box is not understood.
    async fn quick_url(&mut self) -> String {
        loop {
            let facts = self
                .known(|facts| facts.url.is_some() || facts.metrics.is_some())
                .await;
            if let Some(url) = facts.url {
                return url;
            }
            if let Some(address) = facts.metrics
                && let Some(url) = metrics::quick_url(address).await
            {
                return url;
            }
            sleep(ASK_EVERY).await;
        }
    }

    /// Waits until it is connected; its own word about the URL counts from then on.
    async fn ready(&mut self) {
        let facts = self.known(|facts| facts.metrics.is_some()).await;
        let Some(address) = facts.metrics else {
            return pending().await;
        };
        while metrics::readiness(address).await != Readiness::Ready {
            sleep(ASK_EVERY).await;
        }
        if !self.keeper.settings.is_named()
            && let Some(url) = metrics::quick_url(address).await
        {
            self.keeper.line.update(|status| status.url = Some(url));
        }
    }

    /// Keeps asking, until Cloudflare has forgotten the tunnel.
    async fn keep(&mut self) -> Failure {
        let Some(address) = self.facts.borrow().metrics else {
            return pending().await;
        };
        loop {
            self.next_check().await;
            self.tell(metrics::readiness(address).await);
            if self.is_forgotten() {
                return Failure::Forgotten;
            }
        }
    }

    async fn next_check(&mut self) {
        let heard = self.facts.borrow().news;
        sleep(ASK_EVERY).await;
        let news = self.known(|facts| facts.news != heard);
        // Either way it is time.
        let _ = timeout(CHECK_EVERY, news).await;
    }

    /// The facts as soon as they are `enough`. When the program talks no more, that is never.
    async fn known(&mut self, enough: impl FnMut(&Facts) -> bool) -> Facts {
        let facts = self.facts.wait_for(enough).await;
        let facts = facts.ok().map(|facts| facts.clone());
        match facts {
            Some(facts) => facts,
            None => pending().await,
        }
    }

    fn announce(&self, url: Option<String>) {
        self.keeper.line.update(|status| {
            if url.is_some() {
                status.phase = Phase::UrlKnown;
            }
            status.url = url;
        });
    }

    fn is_online(&mut self) {
        self.online_since.get_or_insert_with(Instant::now);
        self.show_online(self.was_up);
        if !self.keeper.settings.is_named() {
            return;
        }
        let service = config_file::service(&self.keeper.place.socket);
        tracing::info!(target: "autogw::tunnel", service, "the tunnel's public host name must lead to this service");
    }

    fn tell(&mut self, readiness: Readiness) {
        let trouble = match readiness {
            Readiness::Ready => return self.is_back(),
            Readiness::Disconnected => trouble::disconnected(),
            Readiness::Silent => trouble::silent(),
        };
        let refused = self.facts.borrow().refused;
        self.degraded
            .get_or_insert_with(|| (Instant::now(), refused));
        if self.shown().as_ref() != Some(&trouble) {
            self.keeper.line.phase(Phase::Degraded(trouble));
        }
    }

    fn is_back(&mut self) {
        if self.degraded.take().is_some() {
            self.show_online(true);
        }
    }

    fn show_online(&self, is_back: bool) {
        self.keeper.line.update(|status| {
            status.phase = Phase::Online;
            if is_back {
                status.count_restart();
            }
        });
    }

    fn shown(&self) -> Option<Trouble> {
        self.keeper.line.status().phase.trouble().cloned()
    }

    /// A quick tunnel lives as long as Cloudflare remembers it, which a night without network may be too
    /// long for. A new one may be refused as well in its first moments; that passes.
    fn is_forgotten(&self) -> bool {
        let is_quick = !self.keeper.settings.is_named();
        let refused = self.facts.borrow().refused;
        let is_it = |(since, before): (Instant, u64)| {
            refused > before && since.elapsed() >= self.keeper.limits.forgotten
        };
        is_quick && self.degraded.is_some_and(is_it)
    }
}

/// The base URL of a named tunnel, as far as it was configured.
fn public_url(settings: &config::Cloudflared) -> Option<String> {
    let domain = settings.domain.as_deref()?.trim_end_matches('/');
    Some(if domain.contains("://") {
        domain.to_owned()
    } else {
        format!("https://{domain}")
    })
}
