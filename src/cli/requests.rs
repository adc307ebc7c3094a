//! `autogw requests`: the last requests of a running gateway, those that come, or one of them in full.

mod following;
mod told;

use clap::Args;
use clap_complete::engine::{ArgValueCandidates, ArgValueCompleter};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::console::Console;
use super::exit::Exit;
use super::follow::follow;
use super::names;
use super::reach::{self, ReachArgs};
use super::table;
use crate::attach::{Client, Trouble};
use crate::config::Environment;
use crate::telemetry::snapshot::{RequestDetail, RequestRow, Snapshot, is_over};
use following::Finished;

/// Show the last requests of a running gateway
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  autogw requests                      the last 20, the latest at the end
  autogw requests --failed -n 100      those of the last 100 that failed, and who failed them
  autogw requests --follow             a line for each request that ends, until Ctrl-C
  autogw requests -f --provider groq   those that came to one provider
  autogw requests --json | jq .route   one JSON object per line
  autogw requests 0a1b2c               one in full: what was tried for it, why, and how that went

No prompt, no answer and no key is in any of it.

Exit status: 0 shown, or ended with Ctrl-C; 1 no gateway answers, or no such request; 2 wrong usage.")]
pub struct RequestsArgs {
    /// The id of a request as its answer had it, or its number
    #[arg(value_name = "ID", conflicts_with_all = ["follow", "limit", "failed", "provider", "model"])]
    id: Option<String>,

    /// Print a line for each request that ends
    #[arg(long, short)]
    follow: bool,

    /// Show so many of the requests that are there already [default: 20, with --follow 0]
    #[arg(long, short = 'n', value_name = "N")]
    limit: Option<usize>,

    /// Only those that failed
    #[arg(long)]
    failed: bool,

    /// Only those that came to this provider
    #[arg(long, value_name = "NAME", add = ArgValueCandidates::new(names::providers))]
    provider: Option<String>,

    /// Only those that asked for such a model, or were served by one; a part of its name is enough
    #[arg(long, value_name = "MODEL", add = ArgValueCompleter::new(names::models))]
    model: Option<String>,

    /// Print JSON: one object per line
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    reach: ReachArgs,
}

/// How many are shown unless it is said.
const USUAL: usize = 20;

/// Runs the verb.
pub async fn run(args: &RequestsArgs, env: &Environment, console: &mut Console<'_>) -> Exit {
    let client = match args.reach.client(env) {
        Ok(client) => client,
        Err(unclear) => return unclear.tell(console),
    };
    if args.follow {
        let mut finished = Finished::new(args);
        return follow(client, "requests,lost", &mut finished, console).await;
    }
    let shown = match &args.id {
        Some(id) => one(args, &client, id, console).await,
        None => list(args, &client, console).await,
    };
    match shown {
        Ok(()) => Exit::Done,
        Err(trouble) => reach::tell(&trouble, console),
    }
}

async fn one(
    args: &RequestsArgs,
    client: &Client,
    id: &str,
    console: &mut Console<'_>,
) -> Result<(), Trouble> {
    let id = utf8_percent_encode(id, NON_ALPHANUMERIC);
    let detail: RequestDetail = client.get(&format!("/v1/requests/{id}")).await?;
    if args.json {
        console.json(&detail);
    } else {
        console.page(&told::in_full(&detail, table::width()));
    }
    Ok(())
}

async fn list(
    args: &RequestsArgs,
    client: &Client,
    console: &mut Console<'_>,
) -> Result<(), Trouble> {
    let snapshot: Snapshot = client.get("/v1/snapshot").await?;
    let latest = snapshot.requests.into_values().rev();
    let latest = latest.filter(|row| args.wants(row));
    let mut rows: Vec<RequestRow> = latest.take(args.limit.unwrap_or(USUAL)).collect();
    rows.reverse();
    if args.json {
        // Who reads no more has seen enough.
        _ = rows.iter().try_for_each(|row| console.stream_json(row));
    } else {
        console.page(&told::list(&rows, table::width()));
    }
    Ok(())
}

impl RequestsArgs {
    /// Whether `row` is among those that are asked for.
    fn wants(&self, row: &RequestRow) -> bool {
        let came_to = |name: &String| {
            row.provider.as_ref() == Some(name) || row.route.iter().any(|(one, _)| one == name)
        };
        let is_of = |model: &String| {
            let model = model.to_lowercase();
            let served = row.served.iter();
            let mut names = served.chain([&row.model]);
            names.any(|name| name.to_lowercase().contains(&model))
        };
        (!self.failed || has_failed(row))
            && self.provider.as_ref().is_none_or(came_to)
            && self.model.as_ref().is_none_or(is_of)
    }
}

/// Whether it has ended otherwise than its client hoped.
fn has_failed(row: &RequestRow) -> bool {
    let was_refused = row.status.is_some_and(|status| status >= 400);
    is_over(row) && (was_refused || row.outcome.as_deref() != Some("complete"))
}
