//! Where units lie, whose they are, and what they are called.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::config::{Environment, Name};

/// Whose service it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// The machine's: it runs from boot on, as a user of its own.
    System,
    /// A person's: it runs as that person.
    User,
}

impl Scope {
    /// What `systemctl` and `journalctl` are told.
    pub(super) fn option(self) -> Option<&'static str> {
        match self {
            Scope::System => None,
            Scope::User => Some("--user"),
        }
    }

    /// The same inside of a command line.
    pub(super) fn option_and_space(self) -> &'static str {
        match self {
            Scope::System => "",
            Scope::User => "--user ",
        }
    }
}

/// The machine that a service is for.
#[derive(Debug, Clone)]
pub struct Machine {
    /// Its file system.
    pub root: PathBuf,
    /// The program that the service runs.
    pub program: PathBuf,
    /// Whether whoever asks is root.
    pub is_root: bool,
}

impl Machine {
    /// This one.
    pub fn this() -> std::io::Result<Self> {
        Ok(Self {
            root: PathBuf::from("/"),
            program: std::env::current_exe()?,
            is_root: rustix::process::geteuid().is_root(),
        })
    }

    /// `path`, which is absolute, on this machine.
    pub(super) fn path(&self, path: impl AsRef<Path>) -> PathBuf {
        let path = path.as_ref();
        self.root.join(path.strip_prefix("/").unwrap_or(path))
    }

    /// The file at `path`, or the directory above it, that others than the machine's owner can change: they can
    /// put something else there.
    pub(super) fn open_to_others(&self, path: &Path) -> Option<PathBuf> {
        let owner = fs::metadata(&self.root).ok()?.uid();
        let real = fs::canonicalize(path).ok()?;
        let mut places = real
            .ancestors()
            .filter(|place| place.starts_with(&self.root));
        let is_open = |place: &&Path| {
            fs::metadata(place).is_ok_and(|found| {
                let mode = found.mode();
                let is_shared = mode & 0o002 != 0 || mode & 0o020 != 0 && found.gid() != 0;
                let is_kept = found.is_dir() && mode & 0o1000 != 0;
                ![0, owner].contains(&found.uid()) || is_shared && !is_kept
            })
        };
        places.find(is_open).map(Path::to_owned)
    }

    /// The directory of units; `None` where a person has no home.
    pub(super) fn units(&self, scope: Scope, env: &Environment) -> Option<PathBuf> {
        match scope {
            Scope::System => Some(self.path("/etc/systemd/system")),
            Scope::User => Some(person_config(env)?.join("systemd/user")),
        }
    }
}

fn person_config(env: &Environment) -> Option<PathBuf> {
    let config = env.filled("XDG_CONFIG_HOME").map(PathBuf::from);
    let config = config.filter(|directory| directory.is_absolute());
    config.or_else(|| Some(env.home()?.join(".config")))
}

/// `autogw`, or `autogw-X`.
pub(super) fn unit_name(name: Option<&Name>) -> String {
    match name {
        Some(name) => format!("autogw-{}", name.as_str()),
        None => "autogw".to_owned(),
    }
}

/// Whether the manager of the system hides `path` from its services.
pub(super) fn is_hidden(path: &Path) -> bool {
    let hidden = ["/home", "/root", "/run/user", "/tmp", "/var/tmp"];
    hidden.iter().any(|directory| path.starts_with(directory))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn what_others_can_change_is_found_above_a_file_too() {
        let root = tempfile::tempdir().expect("a directory");
        let root_path = fs::canonicalize(root.path()).expect("a path");
        let machine = Machine {
            root: root_path.clone(),
            program: PathBuf::from("/usr/local/bin/autogw"),
            is_root: true,
        };
        let directory = root_path.join("opt");
        let file = directory.join("autogw");
        fs::create_dir(&directory).expect("a directory");
        fs::write(&file, "").expect("a file");
        let link = root_path.join("link");
        std::os::unix::fs::symlink(&file, &link).expect("a link");
        let chmod = |path: &Path, mode| {
            let mode = fs::Permissions::from_mode(mode);
            fs::set_permissions(path, mode).expect("its mode");
        };
        for (of_directory, of_file, open) in [
            (0o755, 0o755, None),
            (0o755, 0o757, Some(&file)),
            (0o757, 0o755, Some(&directory)),
            (0o1777, 0o755, None),
        ] {
            chmod(&directory, of_directory);
            chmod(&file, of_file);
            for path in [&file, &link] {
                let found = machine.open_to_others(path);
                assert_eq!(found.as_ref(), open, "{of_directory:o} {of_file:o}");
            }
        }
        assert_eq!(machine.open_to_others(&root_path.join("nothing")), None);
    }
}
