//! `autogw reload`: has a running gateway read its configuration anew.

use clap::Args;
use serde_json::json;

use super::console::Console;
use super::exit::Exit;
use super::reach::{self, ReachArgs};
use super::table::plain;
use crate::attach::Trouble;
use crate::config::Environment;
use crate::telemetry::act::Act;

/// Have a running gateway read its configuration anew
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  autogw reload                what has changed, or every error of a file that cannot be used
  autogw reload --name team    the gateway that was started with --name team
  autogw reload --json         {\"message\": …, \"details\": […]}, or {\"error\": {…}}

A file that cannot be used changes nothing. Requests under way end as they began. What needs a
restart is named. SIGHUP does the same, and so does a change of the file, unless router.hot_reload
is false.

Exit status: 0 the file is in force; 1 it is not, or no gateway answers; 2 wrong usage.")]
pub struct ReloadArgs {
    /// Print what came of it as JSON
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    reach: ReachArgs,
}

/// Runs the verb.
pub async fn run(args: &ReloadArgs, env: &Environment, console: &mut Console<'_>) -> Exit {
    let client = match args.reach.client(env) {
        Ok(client) => client,
        Err(unclear) => return unclear.tell(console),
    };
    match client.act(&Act::Reload).await {
        Ok(told) if args.json => {
            console.json(&told);
            Exit::Done
        }
        Ok(told) => {
            console.data(plain(&told.message));
            for detail in &told.details {
                console.data(format_args!("  {}", plain(detail)));
            }
            Exit::Done
        }
        Err(Trouble::Refused(refused)) if args.json => {
            console.json(&json!({ "error": refused }));
            Exit::Failed
        }
        Err(trouble) => reach::tell(&trouble, console),
    }
}
