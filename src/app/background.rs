//! What goes on beside requests: model listings, idle connections, the first TLS set-up.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::demo;
use crate::provider::{Models, Provider, auth};
use crate::proxy::gateway::Gateway;
use crate::proxy::upstream::Tls;

/// How often a provider that serves everything is asked what that is.
const LIST_EVERY: Duration = Duration::from_mins(5);

/// How soon it is asked again when it did not say.
const LIST_AGAIN: Duration = Duration::from_secs(30);

/// How long a listing may take.
const LIST_WITHIN: Duration = Duration::from_secs(15);

/// How often idle upstream connections are looked through.
const SWEEP_EVERY: Duration = Duration::from_secs(15);

/// Largest listing that is read.
const MAX_LISTING: usize = 8 * 1024 * 1024;

/// Starts all background work; it ends when `over` is cancelled.
pub(super) fn spawn(gateway: &Arc<Gateway>, tasks: &TaskTracker, over: &CancellationToken) {
    let run = |work: std::pin::Pin<Box<dyn Future<Output = ()> + Send>>| {
        let over = over.clone();
        tasks.spawn(async move { over.run_until_cancelled(work).await });
    };
    run(Box::pin(sweep(gateway.clone())));
    run(Box::pin(warm_up(gateway.clone())));
    for (place, ring) in gateway.keyrings().iter().enumerate() {
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
    let client = match client(&provider).await {
        Ok(client) => client,
        Err(error) => {
            return tracing::error!(target: "autogw::listing", provider = &*provider.name, %error, "cannot ask for models");
        }
    };
    loop {
        let pause = match fetch(&client, &provider).await {
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

async fn client(provider: &Provider) -> reqwest::Result<reqwest::Client> {
    let tls = (*Tls::default().client_config().await).clone();
    let builder = reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .user_agent(concat!("autogw/", env!("CARGO_PKG_VERSION")))
        .timeout(LIST_WITHIN);
    match &provider.proxy {
        Some(proxy) => builder.proxy(reqwest::Proxy::all(proxy.as_str())?).build(),
        None => builder.no_proxy().build(),
    }
}

async fn fetch(client: &reqwest::Client, provider: &Provider) -> anyhow::Result<Vec<String>> {
    let base = provider
        .base_url
        .as_ref()
        .map_or("", |url| url.as_str())
        .trim_end_matches('/');
    let mut request = client.get(format!("{base}{}", provider.models_path));
    for (name, value) in &provider.extra_headers {
        request = request.header(name, value);
    }
    if let Some((name, value)) = provider
        .keys
        .first()
        .and_then(|key| auth::header(provider.preset.auth, &key.secret))
    {
        request = request.header(name, value);
    }
    let mut response = request.send().await.map_err(reqwest::Error::without_url)?;
    anyhow::ensure!(
        response.status().is_success(),
        "the listing answered {}",
        response.status()
    );
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        anyhow::ensure!(
            body.len() + chunk.len() <= MAX_LISTING,
            "the listing is larger than 8 MiB"
        );
        body.extend_from_slice(&chunk);
    }
    names(&serde_json::from_slice(&body)?)
        .ok_or_else(|| anyhow::anyhow!("the listing has no `data`"))
}

/// Names of `{"data": [{"id"}]}`, or of a bare list, as Together answers.
fn names(listing: &Value) -> Option<Vec<String>> {
    let entries = listing.get("data").unwrap_or(listing).as_array()?;
    let ids = entries.iter().filter_map(|entry| entry["id"].as_str());
    Some(ids.map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn reads_listings_of_both_shapes() {
        let expected = Some(vec!["a".to_owned(), "b".to_owned()]);
        assert_eq!(
            names(&json!({"object": "list", "data": [{"id": "a"}, {"id": "b"}]})),
            expected
        );
        assert_eq!(
            names(&json!([{"id": "a"}, {"id": "b"}, {"name": "c"}])),
            expected
        );
        assert_eq!(names(&json!({"error": "no"})), None);
    }
}
