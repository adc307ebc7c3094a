//! The lookout: asks through the public URL whether the tunnel works, once it should.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use crate::config::Tunnel;
use crate::proxy::upstream::Tls;
use crate::server::probe::Probe;
use crate::telemetry::tunnel::{Check, Line, Status, Statuses, Trouble};
use crate::tunnel::ngrok;
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

/// Why nothing is seen of a tunnel whose URL nobody told. It is said behind "not reachable through the
/// public URL".
const NO_NAME: &str = "its public host name is not known: add `server.tunnel.domain`";

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
    let reason = match unseen {
        Unseen::Elsewhere { status, code } => {
            let told = code.as_deref().and_then(ngrok::explain);
            told.map_or_else(
                || with(unseen.to_string(), advice),
                |told| by_ngrok(status.as_u16(), &told),
            )
        }
        _ => unseen.to_string(),
    };
    Check::Failed { reason }
}

/// What ngrok says itself in place of this gateway.
fn by_ngrok(status: u16, told: &Trouble) -> String {
    let message = format!("HTTP {status}: {}", told.message);
    with(message, told.hint.as_deref())
}

fn with(reason: String, advice: Option<&str>) -> String {
    match advice {
        Some(advice) => format!("{reason}; {advice}"),
        None => reason,
    }
}

fn is_at(status: &Status, url: &str) -> bool {
    status.is_up() && status.url.as_deref() == Some(url)
}

/// Waits until the tunnel is up, and returns its URL. What has none cannot be looked at, and that is said.
async fn until_up(line: &Line) -> String {
    loop {
        let status = until(line, Status::is_up).await;
        if let Some(url) = status.url {
            return url;
        }
        line.check(Check::Failed {
            reason: NO_NAME.to_owned(),
        });
        // Coming back makes it pending, and can be quicker than this looks.
        let is_news = |status: &Status| status.url.is_some() || status.check == Check::Pending;
        until(line, is_news).await;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::tunnel::{Board, Phase};

    const ADVICE: &str = "look there";

    fn reason(status: u16, code: Option<&str>) -> String {
        let unseen = Unseen::Elsewhere {
            status: reqwest::StatusCode::from_u16(status).expect("a status"),
            code: code.map(str::to_owned),
        };
        match failed(&unseen, Some(ADVICE)) {
            Check::Failed { reason } => reason,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_ngrok_answers_itself_is_explained() {
        assert_eq!(
            reason(404, Some("ERR_NGROK_3200")),
            "HTTP 404: ngrok knows of no agent behind the URL (ERR_NGROK_3200); \
             see https://dashboard.ngrok.com/endpoints"
        );
        assert_eq!(
            reason(404, Some("ERR_NGROK_1")),
            "it leads somewhere else: HTTP 404 (ERR_NGROK_1); look there"
        );
        assert_eq!(
            reason(200, None),
            "it leads somewhere else: HTTP 200; look there"
        );
    }

    #[tokio::test]
    async fn that_a_tunnel_without_a_name_cannot_be_seen_is_said_whenever_it_is_up() {
        let line = Board::default().open(Tunnel::Cloudflared);
        let probe = Arc::new(Probe::new().expect("random numbers"));
        let looking = tokio::spawn(run(line.clone(), probe, None));
        let is_said = |status: &Status| matches!(&status.check, Check::Failed { reason } if reason == NO_NAME);
        for _ in 0..2 {
            line.phase(Phase::Online);
            timeout(Duration::from_secs(10), until(&line, is_said))
                .await
                .expect("it is said");
            line.phase(Phase::Degraded(Trouble::default()));
            assert_eq!(line.status().check, Check::Pending);
        }
        looking.abort();
    }
}
