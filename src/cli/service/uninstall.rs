//! `service uninstall`: stops and removes the unit; configuration and state stay.

use std::fs;
use std::io::ErrorKind;

use super::install::is_ours;
use super::place::{self, Machine, Scope};
use super::systemctl::Systemctl;
use super::{Problem, UninstallArgs};
use crate::cli::console::Console;
use crate::cli::exit::Exit;
use crate::config::{Environment, Home};

pub(super) async fn run(
    args: &UninstallArgs,
    machine: &Machine,
    env: &Environment,
    console: &mut Console<'_>,
) -> Result<Exit, Problem> {
    let scope = args.scope.scope(machine);
    let name = place::unit_name(args.scope.name.as_ref());
    let file = format!("{name}.service");
    let directory = machine.units(scope, env);
    let directory = directory.ok_or_else(|| Problem::failed("there is no home directory"))?;
    let path = directory.join(&file);
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            console.data(format!("{} is not installed", path.display()));
            return Ok(Exit::Done);
        }
        Err(error) => {
            return Err(Problem::failed(format!(
                "cannot read {}: {error}",
                path.display()
            )));
        }
    };
    if !is_ours(&text) && !args.force {
        let message = format!("{} is not a unit that autogw has written", path.display());
        return Err(Problem::failed(message).hint("--force removes it all the same"));
    }
    let reached = Systemctl::reach(scope, env).await;
    if let Ok(systemctl) = &reached {
        systemctl.act(&["disable", "--now", &file]).await?;
    }
    fs::remove_file(&path).map_err(|error| Problem::writing(&path, &error))?;
    if let Ok(systemctl) = &reached {
        systemctl.act(&["daemon-reload"]).await?;
        // Of one that failed before, nothing is to be seen any more. An error means that there was none.
        let _ = systemctl.ask(&["reset-failed", &file]).await;
    }
    console.data(format!("removed {}", path.display()));
    console.say(left(scope, &name, env));
    Ok(Exit::Done)
}

/// What stays, and where.
fn left(scope: Scope, name: &str, env: &Environment) -> String {
    match scope {
        Scope::System => format!(
            "configuration (/etc/auto-gateway), state and logs (/var/lib/{name}) and the user `{}` stay",
            super::USER
        ),
        Scope::User => match Home::of(env) {
            Ok(home) => format!(
                "configuration, state and logs stay in {}",
                home.directory().display()
            ),
            Err(_) => "configuration, state and logs stay".to_owned(),
        },
    }
}
