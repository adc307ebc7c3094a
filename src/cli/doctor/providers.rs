//! Every provider at once: the way there, then its keys and models.

use futures_util::future::join_all;
use tokio::time::timeout;

use super::finding::Finding;
use super::keys::Asked;
use super::network::{ASK_THE_NAME_SERVERS, Lookup};
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
    let looked = join_all(asked).await;
    if let Some(offline) = offline(patient, &config.providers, &looked) {
        let others = looked.into_iter().filter(|one| one.unknown().is_none());
        findings.push(offline);
        findings.extend(others.flat_map(|one| one.findings));
        return findings;
    }
    findings.extend(looked.into_iter().flat_map(|one| one.findings));
    findings.extend(unobeyed(patient, &config.providers));
    findings
}

/// What was seen of one provider.
struct Looked {
    findings: Vec<Finding>,
    lookup: Lookup,
}

impl Looked {
    /// The name that nobody knows.
    fn unknown(&self) -> Option<&str> {
        match &self.lookup {
            Lookup::Unknown(host) => Some(host),
            Lookup::Known | Lookup::NotNeeded => None,
        }
    }
}

impl From<Vec<Finding>> for Looked {
    fn from(findings: Vec<Finding>) -> Self {
        Self {
            findings,
            lookup: Lookup::NotNeeded,
        }
    }
}

/// Where several names were looked up and none is known, it is one fault of the machine.
fn offline(patient: &Patient, providers: &[Provider], looked: &[Looked]) -> Option<Finding> {
    let mut hosts: Vec<&str> = looked.iter().filter_map(Looked::unknown).collect();
    hosts.sort_unstable();
    hosts.dedup();
    let is_any_known = looked.iter().any(|one| one.lookup == Lookup::Known);
    if hosts.len() < 2 || is_any_known {
        return None;
    }
    let message = "no host can be found: this machine is offline, or its DNS does not work";
    let mut proxies = providers.iter().zip(looked);
    let proxy = proxies.find_map(|(provider, one)| {
        one.unknown()?;
        network::unobeyed_proxy(patient, provider)
    });
    let fix = proxy.unwrap_or_else(|| ASK_THE_NAME_SERVERS.to_owned());
    let finding = Finding::error("network", message).fix(fix);
    Some(finding.detail(format!("not found: {}", hosts.join(", "))))
}

/// One that is slow at every step does not cost what is known of the others.
async fn in_time(patient: &Patient, provider: &Provider) -> Looked {
    let limit = patient.share(0.9);
    let found = timeout(limit, of_provider(patient, provider)).await;
    found.unwrap_or_else(|_| {
        let message = format!("it is too slow to be looked at within {limit:?}");
        let finding = Finding::warning(&*provider.name, message);
        vec![finding.fix("give it more time with --timeout; check the network")].into()
    })
}

async fn of_provider(patient: &Patient, provider: &Provider) -> Looked {
    let Some(url) = &provider.base_url else {
        return vec![Finding::ok(&*provider.name, "simulated in this program")].into();
    };
    let way = network::go(patient, provider, url).await;
    let mut findings = way.findings;
    if way.is_open
        && let Some(asked) = Asked::new(patient, provider, url).await
    {
        findings.extend(asked.check().await);
    }
    Looked {
        findings,
        lookup: way.lookup,
    }
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
            "it is set, and not obeyed: no proxy for {}",
            concerned.join(", ")
        );
        Finding::note(*name, message).fix(format!(
            "if there is to be one, set proxy of the provider to \"${{{name}}}\""
        ))
    })
}
