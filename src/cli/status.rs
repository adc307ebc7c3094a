//! `autogw status`: how a running gateway stands, on one screen.

mod told;

use clap::Args;
use serde_json::Value;

use super::console::Console;
use super::exit::Exit;
use super::reach::{self, ReachArgs};
use super::table;
use crate::config::Environment;
use crate::telemetry::snapshot::{ProviderRow, Snapshot};

/// Say how a running gateway stands
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  autogw status                              providers, figures and tunnels on one screen
  autogw status --json | jq .totals.rate     the same for scripts
  autogw status --name team                  of the gateway that was started with --name team
  autogw status --ready && echo well         for health checks: no word, and 0 if it can serve
  autogw status --connect http://127.0.0.1:8001 --token-file admin.token

--json prints the admin API's snapshot without its requests and log lines: now_ms, about (url,
pid, generation, reloaded, …), totals (requests, in_flight, rate, statuses, p50_ms, tokens, cost,
history, …), providers, tunnels and steering. Times are milliseconds since 1970, money US dollars.

Exit status: 0 a gateway runs (with --ready: it takes requests, and has a provider to ask); 1 none
answers; 2 wrong usage.")]
pub struct StatusArgs {
    /// Print a JSON object
    #[arg(long)]
    json: bool,

    /// Print nothing, and fail if it is ending or has no provider to ask
    #[arg(long, conflicts_with = "json")]
    ready: bool,

    #[command(flatten)]
    reach: ReachArgs,
}

/// Runs the verb.
pub async fn run(args: &StatusArgs, env: &Environment, console: &mut Console<'_>) -> Exit {
    let client = match args.reach.client(env) {
        Ok(client) => client,
        Err(unclear) => return unclear.tell(console),
    };
    match client.get::<Snapshot>("/v1/snapshot").await {
        Ok(snapshot) if args.ready => match hindrance(&snapshot) {
            None => Exit::Done,
            Some(why) => {
                console.error(why, None);
                Exit::Failed
            }
        },
        Ok(snapshot) if args.json => {
            console.json(&data(snapshot));
            Exit::Done
        }
        Ok(snapshot) => {
            console.page(&told::screen(&snapshot, table::width()));
            Exit::Done
        }
        Err(trouble) => reach::tell(&trouble, console),
    }
}

/// Why the gateway cannot serve a request now, if it cannot: as its page `/ready` sees it.
fn hindrance(snapshot: &Snapshot) -> Option<&'static str> {
    if snapshot.about.is_draining {
        return Some("the gateway is ending");
    }
    // Behind an open breaker a provider is a last resort, but one.
    let can_be_asked =
        |row: &ProviderRow| !matches!(row.standing.as_str(), "resting" | "unavailable" | "drained");
    let has_one = snapshot.providers.iter().any(can_be_asked);
    (!has_one).then_some("the gateway has no provider that can be asked now")
}

/// The snapshot without what other verbs are for.
fn data(mut snapshot: Snapshot) -> Value {
    snapshot.requests.clear();
    snapshot.log.clear();
    let mut value = serde_json::to_value(snapshot).unwrap_or_default();
    if let Some(fields) = value.as_object_mut() {
        for name in ["requests", "log", "lost"] {
            fields.shift_remove(name);
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(is_draining: bool, standings: &[&str]) -> Snapshot {
        let mut snapshot = Snapshot::default();
        snapshot.about.is_draining = is_draining;
        let rows = standings.iter().map(|&standing| ProviderRow {
            standing: standing.to_owned(),
            ..ProviderRow::default()
        });
        snapshot.providers = rows.collect();
        snapshot
    }

    #[test]
    fn it_is_ready_while_somebody_can_be_asked_and_it_does_not_end() {
        for standing in ["ready", "probe", "suspect", "open"] {
            let snapshot = seen(false, &["resting", standing]);
            assert_eq!(hindrance(&snapshot), None, "{standing}");
            assert!(hindrance(&seen(true, &[standing])).is_some());
        }
        assert!(hindrance(&seen(false, &["resting", "unavailable", "drained"])).is_some());
        assert!(hindrance(&seen(false, &[])).is_some());
    }
}
