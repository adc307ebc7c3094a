//! Outages: the times in which a simulated provider is down, so that failover can be watched.
//!
//! They are counted from the moment the provider was made. One that closes connections also ends what is
//! under way when it begins, as a process does that is killed; the other kinds let it finish.

use tokio::time::{Instant, sleep_until};

use super::Simulation;
use super::refusal::Refusal;
use crate::provider::{Downtime, Outage};

impl Simulation {
    /// Resolves when connections are to be closed: now, or when the next outage of that kind begins.
    pub(super) async fn closes(&self) {
        let now = Instant::now();
        let kind = |outage: &&Outage| outage.how == Downtime::Closed && self.end(outage) > now;
        let outages = self.profile.outages.iter().filter(kind);
        match outages.map(|outage| self.beginning(outage)).min() {
            Some(beginning) => sleep_until(beginning).await,
            None => std::future::pending().await,
        }
    }

    /// Waits while the provider is silent, and refuses while it is unavailable.
    pub(super) async fn is_up(&self) -> Result<(), Refusal> {
        while let Some(outage) = self.outage(Instant::now()) {
            match outage.how {
                Downtime::Unavailable => return Err(Refusal::unavailable(&self.name)),
                Downtime::Silent | Downtime::Closed => sleep_until(self.end(outage)).await,
            }
        }
        Ok(())
    }

    fn outage(&self, now: Instant) -> Option<&Outage> {
        let is_on = |outage: &&Outage| self.beginning(outage) <= now && now < self.end(outage);
        self.profile.outages.iter().find(is_on)
    }

    fn beginning(&self, outage: &Outage) -> Instant {
        self.started + outage.after
    }

    fn end(&self, outage: &Outage) -> Instant {
        self.beginning(outage) + outage.lasting
    }
}
