//! The lookout: asks through the public URL whether the tunnel works, once it should.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use crate::config::Tunnel;
use crate::proxy::upstream::Tls;
use crate::server::probe::Probe;
use crate::telemetry::tunnel::{Check, Line, Status, Statuses};
use crate::tunnel::verify::{Question, Seen, Unseen, verify};

/// Between attempts that fail. A fresh name takes some seconds until everybody knows it.
const PAUSES: [Duration; 6] = [
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
    Duration::from_secs(8),
    Duration::from_secs(20),
    Duration::from_mins(1),
];

/// Failures in a row before it is said: the first ones are the name's, not the tunnel's.
const SAID_AFTER: usize = 3;

/// How often a tunnel that works is looked at again. ngrok counts requests: this is some 4 400 a month.
const AGAIN_AFTER: Duration = Duration::from_mins(10);

/// Watches one tunnel for as long as it is polled. `advice` is what to do if the URL leads elsewhere.
pub(super) async fn run(line: Line, probe: Arc<Probe>, advice: Option<String>) {
    let mut failures = 0;
    let mut looked_at = None;
    loop {
        let url = until_up(&line).await;
        if looked_at.as_ref() != Some(&url) {
            failures = 0;
            looked_at = Some(url.clone());
        }
        let seen = tokio::select! {
            // What comes of it would be said of another URL.
            biased;
            _ = until(&line, |status| !is_at(status, &url)) => continue,
            seen = look(&url, &probe) => seen,
        };
        let pause = match seen {
            Ok(seen) => {
                failures = 0;
                report(&line, seen);
                AGAIN_AFTER
            }
            Err(unseen) => {
                failures += 1;
                tracing::debug!(target: "autogw::tunnel", tunnel = line.tunnel().name(), url, failures, reason = %unseen, "not seen through the public URL");
                if failures >= SAID_AFTER {
                    line.check(failed(&unseen, advice.as_deref()));
                }
                PAUSES[failures.min(PAUSES.len()) - 1]
            }
        };
        // A tunnel that goes, or comes back with another URL, is looked at anew.
        let _ = timeout(pause, until(&line, |status| !is_at(status, &url))).await;
    }
}

fn report(line: &Line, seen: Seen) {
    let status = line.status();
    // ngrok's heartbeats know the way to its edge better, once there was one.
    if line.tunnel() != Tunnel::Ngrok || status.latency.is_none() {
        line.latency(seen.latency);
    }
    let check = Check::Passed {
        streams: seen.streams,
    };
    if status.check != check {
        tracing::info!(target: "autogw::tunnel", tunnel = line.tunnel().name(), url = status.url, latency_ms = u64::try_from(seen.latency.as_millis()).ok(), streams = ?seen.streams, "seen through the public URL");
    }
    line.check(check);
}

fn failed(unseen: &Unseen, advice: Option<&str>) -> Check {
    let advice = advice.filter(|_| matches!(unseen, Unseen::Elsewhere(_)));
    let reason = match advice {
        Some(advice) => format!("{unseen}; {advice}"),
        None => unseen.to_string(),
    };
    Check::Failed { reason }
}

fn is_at(status: &Status, url: &str) -> bool {
    status.is_up() && status.url.as_deref() == Some(url)
}

/// Waits until the tunnel is up, and returns its URL.
async fn until_up(line: &Line) -> String {
    loop {
        let status = until(line, |status| status.is_up() && status.url.is_some()).await;
        if let Some(url) = status.url {
            return url;
        }
    }
}

/// Waits until the tunnel is as wanted.
async fn until(line: &Line, is_wanted: impl Fn(&Status) -> bool) -> Status {
    let mut changes = line.subscribe();
    let is_wanted = |all: &Statuses| all.get(&line.tunnel()).is_some_and(&is_wanted);
    // The board cannot go while its line is held.
    let _ = changes.wait_for(is_wanted).await;
    line.status()
}

async fn look(url: &str, probe: &Probe) -> Result<Seen, Unseen> {
    let client = client(url).await;
    let client = client.map_err(|error| Unseen::Unreachable(error.to_string()))?;
    let _asked = probe.ask();
    let question = Question {
        path: probe.path(),
        proof: probe.proof(),
    };
    verify(&client, url, question, || probe.saw_first()).await
}

/// A client as others would be: through the proxy of the environment, except to this machine.
async fn client(url: &str) -> reqwest::Result<reqwest::Client> {
    let tls = (*Tls::default().client_config().await).clone();
    let builder = reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .user_agent(concat!("autogw/", env!("CARGO_PKG_VERSION")));
    let is_here = url::Url::parse(url).is_ok_and(|url| match url.host() {
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    });
    if is_here {
        builder.no_proxy().build()
    } else {
        builder.build()
    }
}
