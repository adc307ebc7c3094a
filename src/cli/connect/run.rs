//! `--run`: the client itself, connected for as long as it runs.

use std::os::unix::process::CommandExt as _;
use std::process::Command;

use rustix::fs::Mode;

use super::ConnectArgs;
use super::fault::Fault;
use super::gateway::Found;
use crate::cli::exit::Exit;
use crate::clients::recipe::Recipe;
use crate::clients::template;
use crate::config::Environment;

/// Becomes the client: its streams, its signals and its status are those of this process.
pub(super) fn run(
    args: &ConnectArgs,
    recipe: &Recipe,
    found: &Found,
    env: &Environment,
    umask: Mode,
) -> Result<Exit, Fault> {
    let (title, name) = (&recipe.title, &recipe.name);
    let variables = template::variables(recipe, &found.endpoint);
    let arguments = template::arguments(recipe, &found.endpoint);
    let program = recipe.program.as_deref();
    let Some(program) = program.filter(|_| !variables.is_empty() || !arguments.is_empty()) else {
        let message = format!("{title} cannot be started connected");
        return Err(Fault::usage(message).hint(format!("autogw connect {name}")));
    };
    let Some(path) = super::list::installed(program, env) else {
        let message = format!("{title} is not installed: `{program}` is not on PATH");
        return Err(Fault::failed(message));
    };
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
