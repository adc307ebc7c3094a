//! `autogw service`: the gateway as a service of systemd, which starts it, watches it and lets it end in peace.
//!
//! ```text
//! surroundings  what the service will find: its variables, its configuration, what it may see
//! unit          the file that systemd reads; quote: how it reads it
//! tunnel        whether it finds what its tunnel needs
//! account       the user of a service of the system; readable: the files that it may read
//! systemctl     the manager itself
//! install · uninstall · status
//! ```

mod account;
mod install;
mod place;
mod quote;
mod readable;
mod status;
mod surroundings;
mod systemctl;
mod tunnel;
mod uninstall;
mod unit;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use super::console::Console;
use super::exit::Exit;
use crate::config::{ConfigError, Environment, Name};

pub use place::{Machine, Scope};
pub use status::{State, state};
pub use unit::{USER, Unit};

/// Run the gateway as a service of systemd
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  sudo autogw service install            for this machine, from boot on, as a user of its own
  autogw service install --user          for you, with your configuration
  autogw service install --print         the unit, for another machine
  autogw service status                  whether it is installed, runs and answers
  autogw service uninstall               stop and remove it; configuration and state stay

A service does not have the variables of your shell. It reads them from /etc/auto-gateway/env
(--user: ~/.auto-gateway/env), lines of NAME=value. `systemctl reload autogw` reads the
configuration anew, `journalctl -u autogw` shows the log.")]
pub struct ServiceArgs {
    #[command(subcommand)]
    act: Act,
}

#[derive(Debug, Clone, Subcommand)]
enum Act {
    Install(InstallArgs),
    Uninstall(UninstallArgs),
    Status(StatusArgs),
}

/// Whose service is meant.
#[derive(Debug, Clone, Default, Args)]
pub struct ScopeArgs {
    /// The service of the person who asks
    #[arg(long, conflicts_with = "system")]
    pub user: bool,

    /// The service of the machine; what root gets without --user
    #[arg(long)]
    pub system: bool,

    /// The service `autogw-NAME`, which runs config.NAME.json
    #[arg(long, value_name = "NAME")]
    pub name: Option<Name>,
}

/// Install the service and start it
#[derive(Debug, Clone, Default, Args)]
#[command(after_help = "\
Examples:
  sudo autogw service install                          /etc/auto-gateway/config.json, as user autogw
  sudo autogw service install --config /srv/gw.yaml    another file
  autogw service install --user --env-file ~/keys.env  for you, with the variables of this file
  autogw service install --system --print              only show the unit

The configuration is checked first, as the service will find it. Where the service belongs to the
machine, the user `autogw` is made, and the configuration becomes readable for its group, as do
files of server.tls in /etc/auto-gateway; those elsewhere have to be readable for it already.

Exit status: 0 it runs, 1 failed, 2 wrong usage or configuration.")]
pub struct InstallArgs {
    #[command(flatten)]
    #[expect(
        missing_docs,
        reason = "a doc comment here would replace the help of the verb"
    )]
    pub scope: ScopeArgs,

    /// Use this configuration file
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Read variables from this file, at each start
    #[arg(long, value_name = "FILE")]
    pub env_file: Option<PathBuf>,

    /// Do not start it, now or at boot
    #[arg(long)]
    pub no_start: bool,

    /// Print the unit and change nothing
    #[arg(long)]
    pub print: bool,

    /// Replace a unit of this name that autogw has not written
    #[arg(long)]
    pub force: bool,
}

/// Stop the service and remove it; configuration and state stay
#[derive(Debug, Clone, Default, Args)]
#[command(after_help = "\
Examples:
  sudo autogw service uninstall          that of this machine
  autogw service uninstall --user        yours

Exit status: 0 it is gone, 1 failed, 2 wrong usage.")]
pub struct UninstallArgs {
    #[command(flatten)]
    #[expect(
        missing_docs,
        reason = "a doc comment here would replace the help of the verb"
    )]
    pub scope: ScopeArgs,

    /// Remove a unit of this name that autogw has not written
    #[arg(long)]
    pub force: bool,
}

/// Say whether the service is installed, runs and answers
#[derive(Debug, Clone, Default, Args)]
#[command(after_help = "\
Examples:
  autogw service status --user
  autogw service status --json | jq .active

Exit status: 0 it runs, 1 it does not, 2 wrong usage.")]
pub struct StatusArgs {
    #[command(flatten)]
    #[expect(
        missing_docs,
        reason = "a doc comment here would replace the help of the verb"
    )]
    pub scope: ScopeArgs,

    /// Print a JSON object
    #[arg(long)]
    pub json: bool,
}

/// Why it is not done.
#[derive(Debug)]
pub(in crate::cli) enum Problem {
    /// What was read cannot be used.
    Config(ConfigError),
    /// Anything else.
    Told {
        exit: Exit,
        message: String,
        hint: Option<String>,
    },
}

impl Problem {
    fn failed(message: impl Into<String>) -> Self {
        Self::new(Exit::Failed, message.into())
    }

    fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message.into())
    }

    fn new(exit: Exit, message: String) -> Self {
        Problem::Told {
            exit,
            message,
            hint: None,
        }
    }

    fn writing(path: &Path, error: &std::io::Error) -> Self {
        let problem = Self::failed(format!("cannot write {}: {error}", path.display()));
        if error.kind() == std::io::ErrorKind::PermissionDenied {
            return problem
                .hint("as root it can: `sudo autogw service …`; or --user for a service of yours");
        }
        problem
    }

    fn hint(self, text: &str) -> Self {
        match self {
            Problem::Told { exit, message, .. } => Problem::Told {
                exit,
                message,
                hint: Some(text.to_owned()),
            },
            other @ Problem::Config(_) => other,
        }
    }

    /// The same with `text`, if it cannot be helped otherwise.
    fn or_hint(self, text: &str) -> Self {
        match &self {
            Problem::Told {
                exit: Exit::Failed,
                hint: None,
                ..
            } => self.hint(text),
            _ => self,
        }
    }

    fn message(&self) -> String {
        match self {
            Problem::Config(error) => error.to_string(),
            Problem::Told { message, .. } => message.clone(),
        }
    }

    fn tell(&self, console: &mut Console<'_>) -> Exit {
        match self {
            Problem::Config(error) => {
                console.config_error(error);
                Exit::Usage
            }
            Problem::Told {
                exit,
                message,
                hint,
            } => {
                console.error(message, hint.as_deref());
                *exit
            }
        }
    }
}

impl ScopeArgs {
    fn scope(&self, machine: &Machine) -> Scope {
        if self.system || (machine.is_root && !self.user) {
            Scope::System
        } else {
            Scope::User
        }
    }
}

/// What whoever is not root is told of a service of the machine.
const AS_ROOT: &str =
    "that of the machine is root's: `sudo autogw service …`; or --user for one of yours";

impl Act {
    fn scope(&self) -> &ScopeArgs {
        match self {
            Act::Install(args) => &args.scope,
            Act::Uninstall(args) => &args.scope,
            Act::Status(args) => &args.scope,
        }
    }
}

/// Runs the verb.
pub async fn run(args: &ServiceArgs, env: &Environment, console: &mut Console<'_>) -> Exit {
    match Machine::this() {
        Ok(machine) => run_on(&machine, args, env, console).await,
        Err(error) => {
            console.error(format!("this program cannot be found: {error}"), None);
            Exit::Failed
        }
    }
}

/// The same on another machine, as tests have one.
pub async fn run_on(
    machine: &Machine,
    args: &ServiceArgs,
    env: &Environment,
    console: &mut Console<'_>,
) -> Exit {
    let done = match &args.act {
        // Boxed: it reads a configuration many times over.
        Act::Install(args) => Box::pin(install::run(args, machine, env, console)).await,
        Act::Uninstall(args) => uninstall::run(args, machine, env, console).await,
        Act::Status(args) => Ok(status::run(args, machine, env, console).await),
    };
    let is_barred = !machine.is_root && args.act.scope().scope(machine) == Scope::System;
    done.unwrap_or_else(|problem| {
        let problem = if is_barred {
            problem.or_hint(AS_ROOT)
        } else {
            problem
        };
        problem.tell(console)
    })
}
