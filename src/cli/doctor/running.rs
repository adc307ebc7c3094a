//! The gateway that runs, as its admin API tells: whether it is this version with this configuration, and
//! how its providers, keys and tunnels are.

use std::path::Path;
use std::time::UNIX_EPOCH;

use tokio::time::timeout;

use super::finding::Finding;
use super::patient::Patient;
use crate::attach::{Client, Door, Trouble};
use crate::cli::figures::span;
use crate::config::AdminSocket;
use crate::telemetry::snapshot::{About, ProviderDetail, ProviderRow, Snapshot, TunnelRow};

/// Saving a file and reading it again take this long at most, in milliseconds.
const SLACK: u64 = 5_000;

/// What is found.
pub(super) async fn check(patient: &Patient) -> Vec<Finding> {
    let Some(door) = door(patient) else {
        return Vec::new();
    };
    let client = Client::new(door);
    let asked = timeout(patient.share(0.5), client.get::<Snapshot>("/v1/snapshot")).await;
    match asked {
        Err(_) => vec![silent(&client)],
        Ok(Err(trouble)) => vec![no_answer(patient, &trouble)],
        Ok(Ok(snapshot)) => of_snapshot(patient, &client, &snapshot).await,
    }
}

/// What the running gateway says of itself, if one runs.
pub(super) async fn about(patient: &Patient) -> Option<About> {
    let client = Client::new(door(patient)?);
    let asked = timeout(patient.share(0.3), client.get::<Snapshot>("/v1/snapshot")).await;
    Some(asked.ok()?.ok()?.about)
}

/// The admin socket that the configuration means; `None` if there is to be none.
fn door(patient: &Patient) -> Option<Door> {
    let usual = || Some(Door::of(patient.home.as_ref()?, patient.name.as_ref()));
    let Some(config) = patient.config() else {
        return usual();
    };
    match config.server.admin.as_ref()?.socket.as_ref()? {
        AdminSocket::Usual => usual(),
        AdminSocket::At(path) => Some(Door::Unix(path.clone())),
    }
}

fn silent(client: &Client) -> Finding {
    let message = format!("whoever listens at {} does not answer", client.door());
    Finding::error("", message).fix("restart the gateway")
}

fn no_answer(patient: &Patient, trouble: &Trouble) -> Finding {
    match trouble {
        Trouble::Absent {
            door: Door::Unix(path),
            ..
        } => absent(patient, path),
        Trouble::Absent { .. } => Finding::note("", "no gateway runs"),
        Trouble::Odd { .. } => Finding::warning("", trouble.to_string())
            .fix("restart the gateway: it may be of another version"),
        Trouble::Refused(refused) => {
            let finding = Finding::warning("", refused.message.clone());
            match &refused.hint {
                Some(hint) => finding.fix(hint.clone()),
                None => finding,
            }
        }
    }
}

fn absent(patient: &Patient, path: &Path) -> Finding {
    if path.exists() {
        let message = format!(
            "no gateway runs; {} is left of one that was killed, and replaced at the next start",
            path.display()
        );
        return Finding::note("", message);
    }
    let finding = Finding::note("", "no gateway runs");
    // Without a configuration it does not start.
    match patient.config() {
        Some(_) => finding.fix("`autogw start`"),
        None => finding,
    }
}

async fn of_snapshot(patient: &Patient, client: &Client, snapshot: &Snapshot) -> Vec<Finding> {
    let about = &snapshot.about;
    let up = span(snapshot.now_ms.saturating_sub(about.started_ms));
    let message = format!("{} runs since {up} (pid {})", about.url, about.pid);
    let mut findings = vec![Finding::ok("", message)];
    findings.extend(version(about));
    findings.extend(reloaded(about));
    findings.extend(stale(patient, about));
    for row in &snapshot.providers {
        findings.extend(standing(row));
        findings.extend(keys(patient, client, row).await);
    }
    findings.extend(snapshot.tunnels.iter().filter_map(tunnel));
    findings
}

fn version(about: &About) -> Option<Finding> {
    let own = env!("CARGO_PKG_VERSION");
    (about.version != own).then(|| {
        let message = format!("it is version {}, and this program {own}", about.version);
        Finding::warning("version", message).fix("restart the gateway")
    })
}

fn reloaded(about: &About) -> Option<Finding> {
    let reloaded = about.reloaded.as_ref()?;
    if !reloaded.is_good {
        let message = "the configuration could not be reloaded: the one before it is in force";
        let mut finding = Finding::error("reload", message)
            .fix("correct it (`autogw check`), then `autogw reload`");
        let lines = reloaded.errors.iter().flat_map(|error| error.lines());
        finding.details = lines.map(str::to_owned).collect();
        return Some(finding);
    }
    (!reloaded.needs_restart.is_empty()).then(|| {
        let message = format!(
            "changes of {} are not in force before a restart",
            reloaded.needs_restart.join(", ")
        );
        Finding::warning("reload", message).fix("restart the gateway")
    })
}

/// A file that was saved after it was last read.
fn stale(patient: &Patient, about: &About) -> Option<Finding> {
    let file = patient.file()?;
    let same = std::fs::canonicalize(&about.config).ok()? == std::fs::canonicalize(file).ok()?;
    let saved = std::fs::metadata(file).ok()?.modified().ok()?;
    let saved = saved.duration_since(UNIX_EPOCH).ok()?.as_millis();
    let read = about.reloaded.as_ref().map_or(0, |reloaded| reloaded.at_ms);
    let read = read.max(about.started_ms).saturating_add(SLACK);
    (same && saved > u128::from(read)).then(|| {
        let message = "the file was saved after the gateway last read it";
        Finding::note(file.display().to_string(), message).fix("`autogw reload`")
    })
}

fn standing(row: &ProviderRow) -> Option<Finding> {
    let last = row.last_error.as_ref().map(|error| {
        let status = error
            .status
            .map_or_else(String::new, |status| format!(" ({status})"));
        format!("last error: {}{status}", error.class.replace('_', " "))
    });
    let message = match &*row.standing {
        "open" => "its breaker is open: it failed again and again",
        "unavailable" => "it cannot be asked now",
        "drained" => {
            let finding = Finding::note(&*row.name, "it is drained, as its owner has said");
            return Some(finding.fix("`autogw tui`, then undrain it"));
        }
        _ => return None,
    };
    let fix = format!("see what is found of provider {} below", row.name);
    let finding = Finding::warning(&*row.name, message).fix(fix);
    Some(match last {
        Some(last) => finding.detail(last),
        None => finding,
    })
}

async fn keys(patient: &Patient, client: &Client, row: &ProviderRow) -> Vec<Finding> {
    if row.keys_ready >= row.keys {
        return Vec::new();
    }
    let name = percent_encoding::utf8_percent_encode(&row.name, percent_encoding::NON_ALPHANUMERIC);
    let path = format!("/v1/providers/{name}");
    let asked = timeout(patient.share(0.2), client.get::<ProviderDetail>(&path)).await;
    let Ok(Ok(detail)) = asked else {
        let message = format!("{} of {} keys can be used", row.keys_ready, row.keys);
        return vec![Finding::warning(&*row.name, message)];
    };
    let keys = detail.keys.iter();
    keys.filter_map(|key| {
        let name = key.alias.clone();
        let name = name.unwrap_or_else(|| format!("key {}", key.place));
        let subject = format!("{} [{name}]", row.name);
        let class = key
            .class
            .as_deref()
            .unwrap_or("a failure")
            .replace('_', " ");
        match &*key.state {
            "dead" => {
                let message = format!("the gateway does not use it any more, after {class}");
                let fix = "replace the key in the configuration; `autogw reload`";
                Some(Finding::error(subject, message).fix(fix))
            }
            "resting" => Some(Finding::note(subject, format!("it rests after {class}"))),
            _ => None,
        }
    })
    .collect()
}

fn tunnel(row: &TunnelRow) -> Option<Finding> {
    let reason = row.reason.as_ref().or(row.check.reason.as_ref());
    let because = reason.map_or_else(String::new, |reason| format!(": {reason}"));
    let message = format!("the tunnel is {}{because}", row.state);
    let finding = match &*row.state {
        "failed" => Finding::error(&*row.kind, message),
        "degraded" | "waiting" => Finding::warning(&*row.kind, message),
        _ if row.check.state == "failed" => {
            let message = format!(
                "a request through {} failed{because}",
                row.url.as_deref().unwrap_or("it")
            );
            Finding::warning(&*row.kind, message)
        }
        _ => return None,
    };
    Some(match &row.hint {
        Some(hint) => finding.fix(hint.clone()),
        None => finding.fix("`autogw logs` says more"),
    })
}
