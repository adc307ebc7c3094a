//! `--run`: the client itself, connected for as long as it runs.

use std::os::unix::process::CommandExt as _;
use std::process::Command;

use rustix::fs::Mode;

use super::ConnectArgs;
use super::fault::Fault;
use super::gateway::Found;
use super::print::tell_alone;
use crate::cli::console::Console;
use crate::cli::exit::Exit;
use crate::cli::table::plain;
use crate::clients::endpoint::Endpoint;
use crate::clients::place::short;
use crate::clients::recipe::Recipe;
use crate::clients::standing::standing;
use crate::clients::template;
use crate::config::{Diagnostic, Environment};

/// Becomes the client: its streams, its signals and its status are those of this process.
pub(super) fn run(
    args: &ConnectArgs,
    recipe: &Recipe,
    found: &Found,
    env: &Environment,
    umask: Mode,
    console: &mut Console<'_>,
) -> Result<Exit, Fault> {
    let (title, name) = (&recipe.title, &recipe.name);
    let variables = template::variables(recipe, &found.endpoint);
    let arguments = template::arguments(recipe, &found.endpoint);
    let program = recipe.program.as_deref();
    let Some(program) = program.filter(|_| !variables.is_empty() || !arguments.is_empty()) else {
        let message = format!("{title} cannot be started connected");
        let hint = format!("`autogw connect {name}` says how it is connected for good");
        return Err(Fault::usage(message).hint(hint));
    };
    let Some(path) = super::list::installed(program, env) else {
        let message = format!("{title} is not installed: `{program}` is not on PATH");
        return Err(Fault::failed(message).hint("install it, or add its directory to PATH"));
    };
    tell_alone(recipe, console);
    console.diagnostics(&elsewhere(recipe, &found.endpoint, env));
    // The files that the client makes are its own affair.
    rustix::process::umask(umask);
    let mut command = Command::new(path);
    for name in &recipe.unset {
        command.env_remove(name);
    }
    let error = command
        .args(arguments)
        .args(&args.rest)
        .envs(variables)
        .exec();
    Err(Fault::failed(format!("cannot start {program}: {error}")))
}

/// What is to be said of files of its own that lead elsewhere: with some clients they win over variables.
fn elsewhere(recipe: &Recipe, endpoint: &Endpoint, env: &Environment) -> Vec<Diagnostic> {
    let files = standing(recipe, env).into_iter();
    let files = files.filter_map(|file| {
        let mut addresses = file.addresses.iter();
        let other = addresses.find(|address| !address.starts_with(&endpoint.origin))?;
        let path = plain(&short(file.path.as_deref()?, env));
        let message = format!("{path} leads to {}, and may win", plain(other));
        let hint = format!(
            "undo it with `autogw connect {name} --undo`, or connect it for good: `autogw connect {name}`",
            name = recipe.name
        );
        Some(Diagnostic::warning(message).with_hint(hint))
    });
    files.collect()
}
