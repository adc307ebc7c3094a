//! The service manager, as `systemctl` reaches it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use tokio::process::Command;

use super::Problem;
use super::place::Scope;
use crate::config::Environment;

/// A service manager that answers.
#[derive(Debug, Clone)]
pub(super) struct Systemctl {
    program: PathBuf,
    scope: Scope,
    /// Its version, if it could be made out.
    pub(super) version: Option<u32>,
}

impl Systemctl {
    /// The one of `scope`.
    ///
    /// # Errors
    /// There is none, or it does not answer.
    pub(super) async fn reach(scope: Scope, env: &Environment) -> Result<Self, Problem> {
        let Some(program) = find("systemctl", env) else {
            return Err(nobody("there is no systemctl on PATH"));
        };
        let mut reached = Self {
            program,
            scope,
            version: None,
        };
        let version = reached
            .ask(&["show", "--property=Version", "--value"])
            .await;
        let version = version.map_err(|refused| silent(scope, &refused))?;
        if version.trim().is_empty() {
            // As in a chroot, where it takes every order and does nothing.
            return Err(silent(scope, "systemctl says nothing"));
        }
        reached.version = number(&version);
        Ok(reached)
    }

    /// What `systemctl` prints for `arguments`.
    ///
    /// # Errors
    /// It could not be run, or failed: what it said.
    pub(super) async fn ask(&self, arguments: &[&str]) -> Result<String, String> {
        let mut command = Command::new(&self.program);
        command
            .args(self.scope.option())
            .args(["--no-pager", "--no-ask-password"])
            .args(arguments)
            .stdin(std::process::Stdio::null());
        let output = command.output().await;
        let output = output.map_err(|error| format!("{}: {error}", self.program.display()))?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        let said = said.lines().map(str::trim).filter(|line| !line.is_empty());
        Err(said.collect::<Vec<_>>().join("; "))
    }

    /// Does what `arguments` ask for.
    ///
    /// # Errors
    /// See [`Systemctl::ask`]; told with the command.
    pub(super) async fn act(&self, arguments: &[&str]) -> Result<(), Problem> {
        match self.ask(arguments).await {
            Ok(_) => Ok(()),
            Err(said) => {
                let command = arguments.join(" ");
                let scope = self.scope.option_and_space();
                Err(Problem::failed(format!(
                    "`systemctl {scope}{command}` failed: {said}"
                )))
            }
        }
    }

    /// The properties of `unit`.
    pub(super) async fn properties(&self, unit: &str, names: &str) -> BTreeMap<String, String> {
        let property = format!("--property={names}");
        let shown = self.ask(&["show", &property, unit]).await;
        let shown = shown.unwrap_or_default();
        let pairs = shown.lines().filter_map(|line| line.split_once('='));
        pairs
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect()
    }

    /// The variables that its services begin with.
    pub(super) async fn environment(&self) -> Environment {
        let shown = self.ask(&["show-environment"]).await.unwrap_or_default();
        let pairs = shown.lines().filter_map(|line| line.split_once('='));
        pairs.fold(Environment::empty(), |env, (name, value)| {
            // What has odd characters is written as a shell would: none of ours has.
            env.with(name, value)
        })
    }
}

/// The program `name` on the path of `env`.
pub(super) fn find(name: &str, env: &Environment) -> Option<PathBuf> {
    which::which_in(name, env.filled("PATH"), "/").ok()
}

/// `252` of `252.38-1~deb12u1`.
fn number(version: &str) -> Option<u32> {
    let digits = version.trim().trim_start_matches('v');
    let end = digits.find(|c: char| !c.is_ascii_digit());
    digits[..end.unwrap_or(digits.len())].parse().ok()
}

fn nobody(why: &str) -> Problem {
    let hint = if cfg!(target_os = "macos") {
        "on macOS a launchd agent does it: ~/Library/LaunchAgents/autogw.plist with ProgramArguments \
         `autogw start` and KeepAlive"
    } else {
        "`autogw service install --print` prints the unit for a machine with systemd; elsewhere have \
         `autogw start` run by what starts your services, in a container by the container's engine"
    };
    Problem::failed(format!("there is no systemd here: {why}")).hint(hint)
}

fn silent(scope: Scope, said: &str) -> Problem {
    match scope {
        Scope::System => nobody(said),
        Scope::User => Problem::failed(format!("no systemd answers for this person: {said}")).hint(
            "log in as that person (not by su or sudo), or have it run always: `loginctl enable-linger`; \
             `autogw service install --print` prints the unit",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_the_number_at_the_beginning() {
        for (text, expected) in [
            ("252.38-1~deb12u1\n", Some(252)),
            ("v257", Some(257)),
            ("255", Some(255)),
            ("", None),
            ("later", None),
        ] {
            assert_eq!(number(text), expected, "{text}");
        }
    }
}
