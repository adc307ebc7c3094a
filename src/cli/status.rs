//! `autogw status`: how a running gateway stands, on one screen.

mod told;

use clap::Args;
use serde_json::Value;

use super::console::Console;
use super::exit::Exit;
use super::reach::{self, ReachArgs};
use super::table;
use crate::config::Environment;
use crate::telemetry::snapshot::Snapshot;

/// Say how a running gateway stands
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  autogw status                              providers, figures and tunnels on one screen
  autogw status --json | jq .totals.rate     the same for scripts
  autogw status --name team                  of the gateway that was started with --name team
  autogw status --connect http://127.0.0.1:8001 --token-file admin.token

--json prints the admin API's snapshot without its requests and log lines: now_ms, about (url,
pid, generation, reloaded, …), totals (requests, in_flight, rate, statuses, p50_ms, tokens, cost,
history, …), providers, tunnels and steering. Times are milliseconds since 1970, money US dollars.

Exit status: 0 a gateway runs; 1 none answers; 2 wrong usage.")]
pub struct StatusArgs {
    /// Print a JSON object
    #[arg(long)]
    json: bool,

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
