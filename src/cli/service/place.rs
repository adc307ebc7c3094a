//! Where units lie, whose they are, and what they are called.

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

    /// Whether the manager of this machine's system hides `path`, which lies here, from its services.
    pub(super) fn hides(&self, path: &Path) -> bool {
        let inside = path.strip_prefix(&self.root);
        inside.map_or_else(
            |_| is_hidden(path),
            |inside| is_hidden(&Path::new("/").join(inside)),
        )
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
    let real = path.canonicalize();
    let is_below = |place: &Path| {
        path.starts_with(place) || real.as_ref().is_ok_and(|real| real.starts_with(place))
    };
    // Homes may be behind a link, and are hidden where it leads to.
    let is_in =
        |place: &Path| is_below(place) || place.canonicalize().is_ok_and(|place| is_below(&place));
    let hidden = ["/home", "/root", "/run/user", "/tmp", "/var/tmp"];
    hidden.iter().any(|place| is_in(place.as_ref()))
}
