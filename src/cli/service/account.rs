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

/// Makes the user, if it is not there; returns its group.
pub(super) async fn ensure(etc: &Path, env: &Environment) -> Result<u32, Problem> {
    if let Some(group) = group(etc) {
        return Ok(group);
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
                if let Some(group) = group(etc) {
                    return Ok(group);
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

/// The number of its group, if it is there.
fn group(etc: &Path) -> Option<u32> {
    let groups = fs::read_to_string(etc.join("group")).ok()?;
    let mut lines = groups
        .lines()
        .map(|line| line.split(':').collect::<Vec<_>>());
    let line = lines.find(|fields| fields.first() == Some(&USER))?;
    line.get(2)?.parse().ok()
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
    let is_readable =
        found.mode() & 0o004 != 0 || (found.gid() == group && found.mode() & 0o040 != 0);
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
    let mode = (found.mode() & 0o707) | 0o040;
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).map_err(failed)?;
    Ok(true)
}
