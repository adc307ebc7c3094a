//! The user of a service of the system, and what it may read.
//!
//! A user that lasts, rather than one that systemd invents for each run: it can be given the right to read a
//! configuration that nobody else may read, and a reload reads the file that was edited, not a copy of the start.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::Path;
use std::process::Stdio;

use tokio::process::Command;

use super::Problem;
use super::place::Machine;
use super::systemctl::find;
use super::unit::USER;
use crate::cli::shell::quoted;
use crate::config::Environment;

/// The user, as far as files ask who somebody is.
#[derive(Debug)]
pub(super) struct Account {
    /// Its number, if it is known.
    pub(super) user: Option<u32>,
    /// The group of its name.
    pub(super) group: u32,
    /// All groups that it is in.
    pub(super) groups: Vec<u32>,
}

/// Makes the user, if it is not there.
pub(super) async fn ensure(etc: &Path, env: &Environment) -> Result<Account, Problem> {
    if let Some(account) = account(etc) {
        return Ok(account);
    }
    let line = format!("u {USER} - \"autogw gateway\" /var/lib/{USER}");
    let ways: [(&str, &[&str]); 2] = [
        ("systemd-sysusers", &["--inline", &line]),
        (
            "useradd",
            &[
                "--system",
                "--user-group",
                "--no-create-home",
                "--home-dir",
                "/var/lib/autogw",
                "--shell",
                "/usr/sbin/nologin",
                USER,
            ],
        ),
    ];
    let mut said = "there is neither systemd-sysusers nor useradd on PATH".to_owned();
    for (name, arguments) in ways {
        let Some(program) = find(name, env) else {
            continue;
        };
        let output = Command::new(program)
            .args(arguments)
            .stdin(Stdio::null())
            .output()
            .await;
        match output {
            Ok(output) if output.status.success() => {
                if let Some(account) = account(etc) {
                    return Ok(account);
                }
                said = format!("{name} made no group `{USER}`");
            }
            Ok(output) => {
                said = format!("{name}: {}", String::from_utf8_lossy(&output.stderr).trim());
            }
            Err(error) => said = format!("{name}: {error}"),
        }
    }
    Err(Problem::failed(format!(
        "cannot make the user `{USER}`: {said}"
    )))
}

/// What `etc` says of it, if it is there.
fn account(etc: &Path) -> Option<Account> {
    let lines = |name: &str| -> Vec<Vec<String>> {
        let text = fs::read_to_string(etc.join(name)).unwrap_or_default();
        let fields = |line: &str| line.split(':').map(str::to_owned).collect();
        text.lines().map(fields).collect()
    };
    let number = |fields: &[String]| fields.get(2)?.parse().ok();
    let is_it = |fields: &&Vec<String>| fields.first().is_some_and(|name| name == USER);
    let (users, all) = (lines("passwd"), lines("group"));
    let group = number(all.iter().find(is_it)?)?;
    let has_it = |fields: &&Vec<String>| {
        let members = fields.get(3).map(String::as_str).unwrap_or_default();
        members.split(',').any(|member| member == USER)
    };
    let others = all
        .iter()
        .filter(has_it)
        .filter_map(|fields| number(fields));
    Some(Account {
        user: users.iter().find(is_it).and_then(|fields| number(fields)),
        group,
        groups: others.chain([group]).collect(),
    })
}

/// Lets `group` read `path`, and nobody beside who could before; returns whether anything had to change.
pub(super) fn let_read(path: &Path, group: u32, machine: &Machine) -> Result<bool, Problem> {
    let failed = |error: std::io::Error| {
        Problem::failed(format!(
            "cannot let {USER} read {}: {error}",
            path.display()
        ))
    };
    let path = &fs::canonicalize(path).map_err(failed)?;
    let found = fs::metadata(path).map_err(failed)?;
    // A directory is read by who may enter it.
    let (all, its) = if found.is_dir() {
        (0o001, 0o050)
    } else {
        (0o004, 0o040)
    };
    let is_readable =
        found.mode() & all != 0 || (found.gid() == group && found.mode() & its == its);
    if is_readable {
        return Ok(false);
    }
    // What root changes here would be whatever somebody has put there meanwhile.
    if let Some(open) = path
        .parent()
        .and_then(|above| machine.open_to_others(above))
    {
        let message = format!(
            "others can put another file in the place of {}: its rights stay as they are",
            path.display()
        );
        let open = quoted(&open.to_string_lossy());
        let hint = format!("sudo chown root {open} && sudo chmod go-w {open}");
        return Err(Problem::failed(message).hint(&hint));
    }
    chown(path, None, Some(group)).map_err(failed)?;
    // Not what its last group could do: that one is another now.
    let mode = (found.mode() & 0o707) | its;
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).map_err(failed)?;
    Ok(true)
}
