//! Asks loopback which of the addresses that zero-config knows are model servers.
//!
//! All at once and within 300 ms: a start waits for this. A server that calls itself autogw is not a
//! provider, or the gateway would ask itself.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::Value;

use super::caller::caller;
use crate::config::discover::local_server;
use crate::config::{Discovery, Environment, Found, Probe};
use crate::provider::Preset;

/// How long a local server has for its answers.
const PATIENCE: Duration = Duration::from_millis(300);

/// Most bytes read of an answer: a listing of thousands of models is smaller.
const MAX_ANSWER: usize = 1 << 20;

/// Every provider of `discovery`, its open questions answered: those of variables first, in their order,
/// then the local servers that answered.
///
/// # Cancel safety
/// Dropping the future closes its connections and has no other effect.
pub async fn confirm(discovery: Discovery) -> Vec<Found> {
    let Discovery { found, probes, .. } = discovery;
    let Ok(client) = caller(PATIENCE).await.no_proxy().build() else {
        return found;
    };
    let answers = join_all(probes.iter().map(|probe| ask(&client, probe))).await;
    let answered = probes.iter().zip(answers);
    let answered = answered.filter_map(|(probe, found)| Some((probe.rank(), found?)));
    let mut ranked: Vec<(Rank, Found)> = found
        .into_iter()
        .enumerate()
        .map(|(at, found)| ((at, Certainty::Known), found))
        .chain(answered)
        .collect();
    ranked.sort_by_key(|(rank, _)| *rank);
    without_namesakes(ranked.into_iter().map(|(_, found)| found))
}

/// Where a provider stands: after how many of the known ones; what was asked for comes before the next.
type Rank = (usize, Certainty);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Certainty {
    Asked,
    Known,
}

impl Probe {
    fn rank(&self) -> Rank {
        match self {
            Probe::NotAutogw { after, .. } => (*after, Certainty::Asked),
            Probe::Port { .. } => (usize::MAX, Certainty::Asked),
        }
    }
}

/// The first provider of each name.
fn without_namesakes(found: impl Iterator<Item = Found>) -> Vec<Found> {
    let mut kept: Vec<Found> = Vec::new();
    for one in found {
        let is_known = |known: &Found| known.provider.name == one.provider.name;
        if !kept.iter().any(is_known) {
            kept.push(one);
        }
    }
    kept
}

/// Programs of local servers, and the command that makes each answer.
const PROGRAMS: [(&str, &str); 3] = [
    ("ollama", "ollama serve"),
    ("lms", "lms server start"),
    ("llama-server", "llama-server"),
];

/// The command that starts the first local server found on the `PATH` of `env`.
pub fn asleep(env: &Environment) -> Option<&'static str> {
    let path = env.get("PATH")?;
    let is_installed = |program: &str| {
        which::which_in_global(program, Some(path)).is_ok_and(|mut found| found.next().is_some())
    };
    PROGRAMS
        .iter()
        .find(|(program, _)| is_installed(program))
        .map(|(_, command)| *command)
}

async fn ask(client: &reqwest::Client, probe: &Probe) -> Option<Found> {
    match probe {
        Probe::Port { port, kinds } => {
            let root = format!("http://127.0.0.1:{port}");
            let models = async { get(client, &format!("{root}/v1/models")).await };
            let (models, is_autogw) = futures_util::join!(models, is_autogw(client, &root));
            let kind = kind_of(&models?, kinds)?;
            if is_autogw {
                None
            } else {
                local_server(kind, *port)
            }
        }
        Probe::NotAutogw { found, .. } => {
            let url = found.provider.base_url.as_ref()?;
            let root = url.origin().ascii_serialization();
            let is_autogw = is_autogw(client, &root).await;
            (!is_autogw).then(|| (**found).clone())
        }
    }
}

async fn is_autogw(client: &reqwest::Client, root: &str) -> bool {
    let health = get(client, &format!("{root}/health")).await;
    health.is_some_and(|text| text.contains("autogw"))
}

/// The body of a good answer, if it comes in time and is of a sane size.
async fn get(client: &reqwest::Client, url: &str) -> Option<String> {
    let mut response = client.get(url).send().await.ok()?;
    if !response.status().is_success() {
        return None;
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.ok()? {
        body.extend_from_slice(&chunk);
        if body.len() > MAX_ANSWER {
            return None;
        }
    }
    String::from_utf8(body).ok()
}

/// The kind of server that lists models like this: the one it names as owner, else the port's usual one.
fn kind_of(listing: &str, kinds: &[&'static Preset]) -> Option<&'static Preset> {
    let listing: Value = serde_json::from_str(listing).ok()?;
    let models = listing.get("data")?.as_array()?;
    let owner = models
        .first()
        .and_then(|model| model.get("owned_by")?.as_str());
    let named = kinds
        .iter()
        .find(|preset| Some(preset.kind.as_str()) == owner);
    named.or(kinds.first()).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_installed_server_that_sleeps_is_named_with_what_wakes_it() {
        use std::os::unix::fs::OpenOptionsExt as _;
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().to_string_lossy().into_owned();
        let env = Environment::empty().with("PATH", path);
        assert_eq!(asleep(&env), None);
        let mut program = std::fs::OpenOptions::new();
        let program = program.write(true).create_new(true).mode(0o755);
        program
            .open(directory.path().join("ollama"))
            .expect("a file");
        assert_eq!(asleep(&env), Some("ollama serve"));
    }
}
