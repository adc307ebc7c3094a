//! Every provider at once: the way there, then its keys and models.

use futures_util::future::join_all;
use tokio::time::timeout;

use super::finding::Finding;
use super::keys::Asked;
use super::patient::Patient;
use super::{key_shape, network};
use crate::config::base_url;
use crate::provider::Provider;

/// What is found.
pub(super) async fn check(patient: &Patient) -> Vec<Finding> {
    let Some(config) = patient.config() else {
        return Vec::new();
    };
    let mut findings = key_shape::check(patient);
    if patient.is_offline {
        findings.push(Finding::note("", "nobody was asked: --offline"));
        return findings;
    }
    let asked = config
        .providers
        .iter()
        .map(|provider| in_time(patient, provider));
    findings.extend(join_all(asked).await.into_iter().flatten());
    findings.extend(unobeyed(patient, &config.providers));
    findings
}

/// One that is slow at every step does not cost what is known of the others.
async fn in_time(patient: &Patient, provider: &Provider) -> Vec<Finding> {
    let limit = patient.share(0.9);
    let found = timeout(limit, of_provider(patient, provider)).await;
    found.unwrap_or_else(|_| {
        let message = format!("it is too slow to be looked at within {limit:?}");
        let finding = Finding::warning(&*provider.name, message);
        vec![finding.fix("give it more time with --timeout; check the network")]
    })
}

async fn of_provider(patient: &Patient, provider: &Provider) -> Vec<Finding> {
    let Some(url) = &provider.base_url else {
        return vec![Finding::ok(&*provider.name, "simulated in this program")];
    };
    let way = network::go(patient, provider, url).await;
    let mut findings = way.findings;
    if way.is_open
        && let Some(asked) = Asked::new(patient, provider, url).await
    {
        findings.extend(asked.check().await);
    }
    findings
}

/// A proxy that other programs are told of by a variable, and this one is not.
fn unobeyed(patient: &Patient, providers: &[Provider]) -> Option<Finding> {
    let mut names = network::PROXIES.iter();
    let name = names.find(|name| patient.env.filled(name).is_some())?;
    let is_concerned = |provider: &&Provider| {
        let is_far = provider
            .base_url
            .as_ref()
            .is_some_and(|url| !base_url::is_private(url));
        is_far && provider.proxy.is_none()
    };
    let concerned: Vec<&str> = providers
        .iter()
        .filter(is_concerned)
        .map(|provider| &*provider.name)
        .collect();
    (!concerned.is_empty()).then(|| {
        let message = format!(
            "it is set, and not obeyed: {} are asked directly",
            concerned.join(", ")
        );
        Finding::note(*name, message).fix(format!(
            "if they are to go through it, set proxy of each to \"${{{name}}}\""
        ))
    })
}
