//! What goes on beside requests: model listings, idle connections, the first TLS set-up, probes.

mod listing;
mod probes;

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::demo;
use crate::provider::Models;
use crate::proxy::gateway::Gateway;

/// How often a provider that serves everything is asked what that is.
const LIST_EVERY: Duration = Duration::from_mins(5);

/// How soon it is asked again when it did not say.
const LIST_AGAIN: Duration = Duration::from_secs(30);

/// How often idle upstream connections are looked through.
const SWEEP_EVERY: Duration = Duration::from_secs(15);

/// Starts all background work; it ends when `over` is cancelled.
pub(super) fn spawn(gateway: &Arc<Gateway>, tasks: &TaskTracker, over: &CancellationToken) {
    let run = |work: std::pin::Pin<Box<dyn Future<Output = ()> + Send>>| {
        let over = over.clone();
        tasks.spawn(async move { over.run_until_cancelled(work).await });
    };
    run(Box::pin(sweep(gateway.clone())));
    run(Box::pin(warm_up(gateway.clone())));
    run(Box::pin(probes::revive(gateway.clone())));
    let interval = gateway
        .config()
        .router
        .health_check
        .map(|check| check.interval);
    for (place, ring) in gateway.keyrings().iter().enumerate() {
        if let (Some(interval), None) = (interval, &ring.provider.demo) {
            run(Box::pin(probes::watch(gateway.clone(), place, interval)));
        }
        match (&ring.provider.models, &ring.provider.demo) {
            (Models::Listed(_), _) => {}
            (Models::Everything, Some(_)) => {
                gateway.learn_models(place, demo::MODELS.map(str::to_owned).to_vec());
            }
            (Models::Everything, None) => run(Box::pin(list(gateway.clone(), place))),
        }
    }
}

async fn warm_up(gateway: Arc<Gateway>) {
    gateway.warm_up().await;
}

async fn sweep(gateway: Arc<Gateway>) {
    let mut beat = tokio::time::interval(SWEEP_EVERY);
    loop {
        beat.tick().await;
        gateway.sweep(Instant::now());
    }
}

/// Keeps up with what one provider lists.
async fn list(gateway: Arc<Gateway>, place: usize) {
    let provider = gateway.keyrings()[place].provider.clone();
    let client = match listing::client(&provider).await {
        Ok(client) => client,
        Err(error) => {
            return tracing::error!(target: "autogw::listing", provider = &*provider.name, %error, "cannot ask for models");
        }
    };
    loop {
        let pause = match listing::fetch(&client, &provider).await {
            Ok(names) => {
                tracing::debug!(target: "autogw::listing", provider = &*provider.name, models = names.len(), "models listed");
                gateway.learn_models(place, names);
                LIST_EVERY
            }
            Err(error) => {
                let reason = gateway.redactor().redact(&error.to_string()).into_owned();
                tracing::warn!(target: "autogw::listing", provider = &*provider.name, reason, "models could not be listed");
                LIST_AGAIN
            }
        };
        tokio::time::sleep(pause).await;
    }
}
