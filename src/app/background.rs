//! What goes on beside requests: model listings, idle connections, the first TLS set-up, probes.

mod listing;
mod probes;

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::demo;
use crate::provider::{Models, Provider};
use crate::proxy::current::Current;

/// How often a provider that serves everything is asked what that is.
const LIST_EVERY: Duration = Duration::from_mins(5);

/// How soon it is asked again when it did not say.
const LIST_AGAIN: Duration = Duration::from_secs(30);

/// How often idle upstream connections are looked through.
const SWEEP_EVERY: Duration = Duration::from_secs(15);

/// Starts all background work; it ends when `over` is cancelled.
pub(super) fn spawn(current: &Arc<Current>, tasks: &TaskTracker, over: &CancellationToken) {
    let run = |work: Work| {
        let over = over.clone();
        tasks.spawn(async move { over.run_until_cancelled(work).await });
    };
    run(Box::pin(sweep(current.clone())));
    run(Box::pin(probes::revive(current.clone())));
    run(Box::pin(follow(
        current.clone(),
        tasks.clone(),
        over.clone(),
    )));
}

type Work = std::pin::Pin<Box<dyn Future<Output = ()> + Send>>;

/// What is done for one provider: for as long as it stays as it is, through all generations.
struct Care {
    provider: Arc<Provider>,
    /// How often it is probed.
    interval: Option<Duration>,
    over: CancellationToken,
}

/// Begins and ends what is done for each provider as they come and go.
async fn follow(current: Arc<Current>, tasks: TaskTracker, over: CancellationToken) {
    let mut generations = current.subscribe();
    let mut cared_for: Vec<Care> = Vec::new();
    loop {
        generations.mark_unchanged();
        let gateway = current.load();
        let rings = gateway.keyrings();
        let check = gateway.config().router.health_check;
        let interval = check.map(|check| check.interval);
        cared_for.retain(|care| {
            let stays = rings.iter().any(|ring| care.is_for(&ring.provider));
            let stays = stays && care.interval == interval;
            if !stays {
                care.over.cancel();
            }
            stays
        });
        for ring in rings {
            if !cared_for.iter().any(|care| care.is_for(&ring.provider)) {
                let care = Care {
                    provider: ring.provider.clone(),
                    interval,
                    over: over.child_token(),
                };
                care.begin(&current, &tasks);
                cared_for.push(care);
            }
        }
        let warm = gateway.clone();
        tasks.spawn(
            over.clone()
                .run_until_cancelled_owned(async move { warm.warm_up().await }),
        );
        drop(gateway);
        if generations.changed().await.is_err() {
            return;
        }
    }
}

impl Care {
    fn is_for(&self, provider: &Arc<Provider>) -> bool {
        Arc::ptr_eq(&self.provider, provider)
    }

    fn begin(&self, current: &Arc<Current>, tasks: &TaskTracker) {
        let run = |work: Work| {
            tasks.spawn(self.over.clone().run_until_cancelled_owned(work));
        };
        let provider = &self.provider;
        if let (Some(interval), None) = (self.interval, &provider.demo) {
            run(Box::pin(probes::watch(
                current.clone(),
                provider.clone(),
                interval,
            )));
        }
        match (&provider.models, &provider.demo) {
            (Models::Listed(_), _) => {}
            (Models::Everything, Some(_)) => {
                current.learn_models(provider, demo::MODELS.map(str::to_owned).to_vec());
            }
            (Models::Everything, None) => run(Box::pin(list(current.clone(), provider.clone()))),
        }
    }
}

async fn sweep(current: Arc<Current>) {
    let mut beat = tokio::time::interval(SWEEP_EVERY);
    loop {
        beat.tick().await;
        current.load().sweep(Instant::now());
    }
}

/// Keeps up with what one provider lists.
async fn list(current: Arc<Current>, provider: Arc<Provider>) {
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
                current.learn_models(&provider, names);
                LIST_EVERY
            }
            Err(error) => {
                let gateway = current.load();
                let reason = gateway.redactor().redact(&error.to_string()).into_owned();
                tracing::warn!(target: "autogw::listing", provider = &*provider.name, reason, "models could not be listed");
                LIST_AGAIN
            }
        };
        tokio::time::sleep(pause).await;
    }
}
