//! `service install`: checks, writes the unit, starts it, and waits until it answers.

use std::fs;
use std::path::{Path, PathBuf};

use super::place::{self, Machine, Scope};
use super::surroundings::{Look, Prospect};
use super::systemctl::{Systemctl, find};
use super::unit::{MARK, Unit};
use super::{InstallArgs, Problem, account};
use crate::cli::console::Console;
use crate::cli::exit::Exit;
use crate::config::write::{create_private_directory, write_public};
use crate::config::{Diagnostic, Environment};

pub(super) async fn run(
    args: &InstallArgs,
    machine: &Machine,
    env: &Environment,
    console: &mut Console<'_>,
) -> Result<Exit, Problem> {
    let scope = args.scope.scope(machine);
    let reached = Systemctl::reach(scope, env).await;
    if args.print {
        return print(
            &look(args, scope, machine, env, reached.ok().as_ref()).await,
            console,
        );
    }
    let systemctl = reached?;
    let prospect = prospect(args, scope, machine, env, &systemctl).await?;
    console.diagnostics(&prospect.warnings);
    if scope == Scope::System && place::is_hidden(&machine.program) {
        return Err(Problem::failed("the service would not start"));
    }
    let path = unit_path(&prospect.unit, machine, env)?;
    let old = fs::read_to_string(&path).ok();
    refuse_foreign(old.as_deref(), &path, args.force)?;
    if scope == Scope::System {
        grant(&prospect, machine, env, console).await?;
    }
    let text = prospect.unit.text();
    let is_new = old.as_deref() != Some(&*text);
    if is_new {
        write(&path, &text)?;
        systemctl.act(&["daemon-reload"]).await?;
    }
    let changed = is_new || !args.no_start && !is_up(&systemctl, &prospect.unit).await;
    if !changed {
        console.data(format!("{} is already up to date", path.display()));
        return Ok(Exit::Done);
    }
    console.data(format!("installed {}", path.display()));
    if args.no_start {
        let command = format!(
            "systemctl {}enable --now {}",
            scope.option_and_space(),
            prospect.unit.name
        );
        console.say(format!("start it: {command}"));
        return Ok(Exit::Done);
    }
    start(&systemctl, &prospect.unit, scope).await?;
    told(&systemctl, &prospect.unit, env, console).await;
    Ok(Exit::Done)
}

/// What the unit would be now.
pub(super) async fn prospect(
    args: &InstallArgs,
    scope: Scope,
    machine: &Machine,
    env: &Environment,
    systemctl: &Systemctl,
) -> Result<Prospect, Problem> {
    look(args, scope, machine, env, Some(systemctl))
        .await
        .look()
}

async fn look<'a>(
    args: &'a InstallArgs,
    scope: Scope,
    machine: &'a Machine,
    env: &'a Environment,
    systemctl: Option<&Systemctl>,
) -> Look<'a> {
    let given = match systemctl {
        Some(systemctl) => systemctl.environment().await,
        None => Environment::empty(),
    };
    Look {
        args,
        scope,
        shell: env,
        given,
        machine,
        systemd: systemctl.and_then(|systemctl| systemctl.version),
    }
}

/// Prints the unit, be it for a machine whose configuration is not here.
fn print(look: &Look<'_>, console: &mut Console<'_>) -> Result<Exit, Problem> {
    let unit = match look.look() {
        Ok(prospect) => {
            console.diagnostics(&prospect.warnings);
            prospect.unit
        }
        Err(problem) => {
            console.diagnostics(&[Diagnostic::warning(format!(
                "here it would not start: {}",
                problem.message()
            ))]);
            look.blind()?
        }
    };
    console.page(&unit.text());
    Ok(Exit::Done)
}

fn unit_path(unit: &Unit, machine: &Machine, env: &Environment) -> Result<PathBuf, Problem> {
    let directory = machine.units(unit.scope, env);
    let directory = directory.ok_or_else(|| Problem::failed("there is no home directory"))?;
    Ok(directory.join(unit.file_name()))
}

/// Whether this text was written here.
pub(super) fn is_ours(text: &str) -> bool {
    text.starts_with(MARK)
}

fn refuse_foreign(old: Option<&str>, path: &Path, is_forced: bool) -> Result<(), Problem> {
    match old {
        Some(old) if !is_ours(old) && !is_forced => {
            let message = format!("{} is there, and autogw has not written it", path.display());
            Err(Problem::failed(message).hint("--force replaces it; --name X makes another one"))
        }
        _ => Ok(()),
    }
}

/// Makes the user of the service, and lets it read its configuration.
async fn grant(
    prospect: &Prospect,
    machine: &Machine,
    env: &Environment,
    console: &mut Console<'_>,
) -> Result<(), Problem> {
    let group = account::ensure(&machine.path("/etc"), env).await?;
    if let Some(config) = &prospect.config
        && account::let_read(config, group, machine)?
    {
        console.say(format!(
            "{} is now readable for the group {}",
            config.display(),
            super::USER
        ));
    }
    Ok(())
}

fn write(path: &Path, text: &str) -> Result<(), Problem> {
    let written = path.parent().map_or(Ok(()), create_private_directory);
    let written = written.and_then(|()| write_public(path, text.as_bytes()));
    written.map_err(|error| Problem::writing(path, &error))
}

async fn is_up(systemctl: &Systemctl, unit: &Unit) -> bool {
    let found = systemctl
        .properties(&unit.file_name(), "ActiveState,UnitFileState")
        .await;
    let is = |name: &str, value: &str| found.get(name).is_some_and(|found| found == value);
    is("ActiveState", "active") && is("UnitFileState", "enabled")
}

/// Starts it, or starts it anew: returns when it says that it is ready.
async fn start(systemctl: &Systemctl, unit: &Unit, scope: Scope) -> Result<(), Problem> {
    let file = unit.file_name();
    systemctl.act(&["enable", &file]).await?;
    systemctl.act(&["restart", &file]).await.map_err(|problem| {
        let log = log_command(scope, unit);
        problem.hint(&format!("its log says why: `{log} -n 20`"))
    })
}

fn log_command(scope: Scope, unit: &Unit) -> String {
    format!("journalctl {}-u {}", scope.option_and_space(), unit.name)
}

/// Says where it answers, and how it is looked after.
async fn told(systemctl: &Systemctl, unit: &Unit, env: &Environment, console: &mut Console<'_>) {
    let found = systemctl.properties(&unit.file_name(), "StatusText").await;
    if let Some(status) = found.get("StatusText").filter(|text| !text.is_empty()) {
        console.data(status);
    }
    console.say(format!("log: {}", log_command(unit.scope, unit)));
    if unit.scope == Scope::User && !lingers(env).await {
        console.say(
            "it ends when you log out; so that it stays, and comes at boot: loginctl enable-linger",
        );
    }
}

/// Whether the services of this person run without a login. Where nobody knows, nothing is said.
async fn lingers(env: &Environment) -> bool {
    let (Some(program), Some(user)) = (find("loginctl", env), env.filled("USER")) else {
        return true;
    };
    let mut command = tokio::process::Command::new(program);
    command.args(["show-user", user, "--property=Linger", "--value"]);
    let output = command.stdin(std::process::Stdio::null()).output().await;
    output.map_or(true, |output| output.stdout.trim_ascii() != b"no")
}
