//! `autogw version`.

use clap::Args;
use serde_json::json;

use super::console::Console;
use super::exit::Exit;

/// Print the version
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  autogw version                   autogw X.Y.Z
  autogw version --json            the same for scripts

Exit status: 0 printed, 2 wrong usage.")]
pub struct VersionArgs {
    /// Print a JSON object
    #[arg(long)]
    json: bool,
}

/// Prints `autogw X.Y.Z`.
pub fn run(args: &VersionArgs, console: &mut Console<'_>) -> Exit {
    let version = env!("CARGO_PKG_VERSION");
    if args.json {
        console.data(json!({ "name": "autogw", "version": version }));
    } else {
        console.data(format_args!("autogw {version}"));
    }
    Exit::Done
}
