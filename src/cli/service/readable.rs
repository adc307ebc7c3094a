//! Whether the user of a service of the system can read the files that it is to serve with.
//!
//! Its own directory, `/etc/auto-gateway`, is opened for its group. What lies elsewhere is somebody else's to open: a
//! key in `/etc/ssl/private` is shared with others, and certbot writes a new one each time.

use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::account::{self, Account};
use super::place::Machine;
use super::surroundings::{Prospect, SYSTEM_CONFIG};
use super::{Problem, USER};
use crate::cli::console::Console;
use crate::cli::shell;

/// Lets `account` read what `prospect` names, where that is ours to allow.
///
/// # Errors
/// It cannot read something, and would not start.
pub(super) fn grant(
    prospect: &Prospect,
    machine: &Machine,
    account: &Account,
    console: &mut Console<'_>,
) -> Result<(), Problem> {
    let own = machine.path(SYSTEM_CONFIG);
    for (setting, file) in prospect.reads() {
        let path = file.canonicalize().unwrap_or_else(|_| file.to_owned());
        let mut opened: Vec<&Path> = path.ancestors().collect();
        opened.retain(|place| place.starts_with(&own));
        if opened.is_empty() && setting.is_none() {
            opened.push(&path);
        }
        for place in opened {
            if account::let_read(place, account.group, machine)? {
                console.say(format!(
                    "{} is now readable for the group {USER}",
                    place.display()
                ));
            }
        }
        if let Some(barrier) = barrier(file, machine, account) {
            return Err(barred(setting, file, &barrier));
        }
    }
    Ok(())
}

/// What keeps somebody from reading a file.
enum Barrier {
    /// It is where services see nothing.
    Hidden(PathBuf),
    /// A directory on the way, or the file itself, is for others.
    Closed(PathBuf),
}

/// What keeps `account` from reading `file`, by its name or where links lead to.
fn barrier(file: &Path, machine: &Machine, account: &Account) -> Option<Barrier> {
    let real = file.canonicalize().ok()?;
    if machine.hides(&real) {
        return Some(Barrier::Hidden(real));
    }
    let is_closed = |place: &Path| {
        let found = fs::metadata(place);
        found.is_ok_and(|found| !may(&found, place, account))
    };
    for path in [file, &*real] {
        let mut way: Vec<&Path> = path.ancestors().collect();
        way.retain(|place| place.starts_with(&machine.root) && *place != machine.root);
        if let Some(place) = way.into_iter().rev().find(|place| is_closed(place)) {
            return Some(Barrier::Closed(place.to_owned()));
        }
    }
    None
}

/// Whether `account` may look into the file or directory `place`.
fn may(found: &Metadata, place: &Path, account: &Account) -> bool {
    let bit = if found.is_dir() { 0o1 } else { 0o4 };
    let shift = if account.user == Some(found.uid()) {
        6
    } else if account.groups.contains(&found.gid()) {
        3
    } else {
        0
    };
    found.mode() >> shift & bit != 0 || has_list(place)
}

/// Whether there are finer rights, of which the mode says nothing.
fn has_list(place: &Path) -> bool {
    let mut nothing: [u8; 0] = [];
    let length = rustix::fs::getxattr(place, "system.posix_acl_access", &mut nothing);
    length.is_ok_and(|length| length > 0)
}

fn barred(setting: Option<&str>, file: &Path, barrier: &Barrier) -> Problem {
    let what = setting.map_or(String::new(), |setting| format!(" ({setting})"));
    let why = match barrier {
        Barrier::Hidden(real) if real == file => ": homes and /tmp are hidden from it".to_owned(),
        Barrier::Hidden(real) => format!(
            ": it leads to {}, and homes and /tmp are hidden from it",
            real.display()
        ),
        Barrier::Closed(place) if place == file => String::new(),
        Barrier::Closed(place) => format!(": {} is closed to it", place.display()),
    };
    let message = format!(
        "the user `{USER}` cannot read {}{what}{why}",
        file.display()
    );
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let (from, to) = (file.to_string_lossy(), format!("{SYSTEM_CONFIG}/{name}"));
    let (from, to) = (shell::quoted(&from), shell::quoted(&to));
    let copy = format!("sudo install -D -m 640 -g {USER} {from} {to}");
    let hint = match setting {
        Some(_) => format!(
            "{copy}, name that in `server.tls`, and copy it again at each renewal (certbot: --deploy-hook)"
        ),
        None => copy,
    };
    Problem::failed(message).hint(&hint)
}
