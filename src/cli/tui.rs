//! `autogw tui`: the dashboard of the gateway that runs, or of one that is started for it.

use clap::Args;

use super::console::Console;
use super::dashboard::{self, LookArgs};
use super::exit::Exit;
use super::reach::ConnectArgs;
use super::start::{self, GatewayArgs, Show};
use crate::attach::{Client, Trouble};
use crate::config::Environment;

/// See and steer the gateway in a dashboard
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  autogw tui                     the gateway that runs here; where none runs, one is started
  autogw tui --demo              the same with simulated providers: no key, no network
  autogw tui --name team         the gateway that was started with --name team
  autogw tui --read-only         looks, and changes nothing
  autogw tui --connect http://127.0.0.1:8001 --token-file admin.token
  ssh HOST -t autogw tui         the gateway of another machine

? shows the keys, q quits. A gateway that was started for the dashboard ends with it, as with
Ctrl-C: running requests are finished first. One that ran before goes on, and when it restarts, the
dashboard finds it again. The options of `start` count only where a gateway is started.

For scripts there are `autogw status`, `autogw requests --follow` and `autogw logs --follow`.

Exit status: 0 left, 1 failed, 2 wrong usage or configuration, or no terminal.")]
pub struct TuiArgs {
    #[command(flatten)]
    look: LookArgs,

    #[command(flatten)]
    connect: ConnectArgs,

    #[command(flatten)]
    gateway: GatewayArgs,
}

/// Runs the verb.
pub async fn run(args: &TuiArgs, env: Environment, console: &mut Console<'_>) -> Exit {
    if let Err(none) = dashboard::terminal(&env) {
        return none.tell(console);
    }
    let is_told_where = args.connect.connect.is_some();
    if is_told_where && (args.gateway.asks_for_more() || args.gateway.source.name.is_some()) {
        let message =
            "--connect is for a gateway that runs, the options of `start` for one that does not";
        console.error(message, Some("leave out one of them"));
        return Exit::Usage;
    }
    let name = args.gateway.source.name.as_ref();
    let door = match args.connect.door(name, &env) {
        Ok(door) => door,
        Err(unclear) => return unclear.tell(console),
    };
    let look = args.look.resolve(&env);
    let client = Client::new(door.clone());
    if !is_told_where && !is_there(&client).await {
        let seen = start::run_seen(&args.gateway, Show::Dashboard(look), env, console);
        return Box::pin(seen).await;
    }
    if args.gateway.asks_for_more() {
        console.say("a gateway runs already: the options of `start` are left out");
    }
    match dashboard::attach(door, look).await {
        Ok(()) => Exit::Done,
        Err(problem) => problem.tell(console),
    }
}

/// Whether anybody answers there. A socket may be what a gateway that was killed has left.
async fn is_there(client: &Client) -> bool {
    let answer = client.get::<serde::de::IgnoredAny>("/v1/snapshot").await;
    !matches!(answer, Err(Trouble::Absent { .. }))
}
