//! `autogw connect`: points a client here, and back again.
//!
//! ```text
//! gateway   where the gateway is · key: what is presented there · model: what is asked for
//! write     the client's own files, with a way back · steps for a person, where there is no file
//! print     variables for a shell · run: the client started with them · diff: what would be written
//! verify    one request as the client would send it
//! undo · list
//! ```

mod diff;
mod fault;
mod gateway;
mod key;
mod list;
mod model;
mod print;
mod run;
mod undo;
mod verify;
mod write;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{Args, ValueEnum};
use rustix::fs::Mode;

use super::console::Console;
use super::exit::Exit;
use super::source::SourceArgs;
use crate::clients::ledger::Ledger;
use crate::clients::recipe::{Recipe, recipes};
use crate::config::{Environment, Home};
use fault::Fault;

/// Point a client at the gateway, and back again
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  autogw connect                          the clients, which are installed, which are connected
  autogw connect claude-code              writes its own settings, and asks once as it would
  autogw connect codex --model smart      it is to ask for a route or model of yours
  autogw connect gemini-cli --dry-run     what would be written, and nothing is
  autogw connect claude-code --undo       its files are byte for byte what they were
  autogw connect claude-code --run -- -p hello      starts it connected; no file is touched
  eval \"$(autogw connect openai-sdk --print)\"       the same for one shell
  autogw connect cursor                   what to enter there; needs start --tunnel cloudflared
  autogw connect aider --url https://ai.example.com --key-file key.txt

The client key is the one of --key-file, else AUTOGW_KEY or AUTOGW_API_KEY, else the first of
server.api_key, else the one that the gateway has made for its run. It is shown by --print alone.
What files were before is kept in ~/.auto-gateway/clients until --undo.

Exit status: 0 done; 1 it failed, or the gateway does not answer as it should; 2 wrong usage.")]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub struct ConnectArgs {
    /// The client; without it they are listed
    #[arg(value_name = "CLIENT", value_parser = names(), hide_possible_values = true)]
    client: Option<String>,

    /// The gateway is here: http(s)://HOST[:PORT], as the client will reach it
    #[arg(long, value_name = "URL", help_heading = "Gateway")]
    url: Option<String>,

    /// Read the client key from this file; - is the standard input
    #[arg(long, value_name = "PATH", help_heading = "Gateway")]
    key_file: Option<PathBuf>,

    /// The model or route that the client is to ask for
    #[arg(long, short, value_name = "MODEL")]
    model: Option<String>,

    /// Print variables to be set in a shell, with the key, instead of writing files
    #[arg(long, group = "way", requires = "client")]
    print: bool,

    /// The shell that they are printed for
    #[arg(long, value_enum, value_name = "SHELL", default_value = "sh")]
    shell: Shell,

    /// Show what would be written, and write nothing
    #[arg(long, group = "way", requires = "client")]
    dry_run: bool,

    /// Start the client connected, with what follows `--`; no file is touched
    #[arg(long, group = "way", requires = "client")]
    run: bool,

    /// Put the client's files back as they were
    #[arg(long, group = "way")]
    undo: bool,

    /// With --undo: those of every client
    #[arg(long, requires = "undo", conflicts_with = "client")]
    all: bool,

    /// List the clients
    #[arg(long, group = "way", conflicts_with = "client")]
    list: bool,

    /// Do not ask the gateway when the files are written
    #[arg(long)]
    no_verify: bool,

    /// Print JSON
    #[arg(long, conflicts_with_all = ["print", "run", "dry_run"])]
    json: bool,

    #[command(flatten)]
    source: SourceArgs,

    /// Arguments of the client
    #[arg(last = true, requires = "run", value_name = "ARGS")]
    rest: Vec<OsString>,
}

/// Whose variables are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Shell {
    /// Bash, zsh and every other that is like them
    Sh,
    Fish,
}

fn names() -> PossibleValuesParser {
    PossibleValuesParser::new(recipes().iter().map(|recipe| recipe.name.as_str()))
}

/// Runs the verb. `umask` is the one that a client is started with.
pub async fn run(
    args: &ConnectArgs,
    env: Environment,
    umask: Mode,
    console: &mut Console<'_>,
) -> Exit {
    let outcome = act(args, env, umask, console).await;
    let client = args.client.as_deref();
    outcome.unwrap_or_else(|fault| fault.of(client).tell(args.json, console))
}

async fn act(
    args: &ConnectArgs,
    env: Environment,
    umask: Mode,
    console: &mut Console<'_>,
) -> Result<Exit, Fault> {
    let env = args.source.environment(env)?;
    let home = Home::of(&env).map_err(|error| Fault::failed(error.to_string()))?;
    let ledger = Ledger::open(&home);
    if args.undo {
        return undo::run(args, &ledger, &env, console);
    }
    let Some(recipe) = args.client.as_deref().and_then(Recipe::of) else {
        return Ok(list::run(args, &ledger, &env, console));
    };
    let found = gateway::find(args, recipe, &home, &env).await?;
    if !args.json {
        found.warn(console);
    }
    if args.print {
        print::run(args, recipe, &found, &env, console)
    } else if args.run {
        run::run(args, recipe, &found, &env, umask, console)
    } else if args.dry_run {
        diff::run(recipe, &found, &ledger, &env, console)
    } else {
        Box::pin(write::run(args, recipe, &found, &ledger, &env, console)).await
    }
}
