//! `~/.auto-gateway`: where files lie, and what they may be called.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::environment::Environment;

/// The directory that holds the configuration, the state, the logs and the sockets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Home {
    directory: PathBuf,
    /// `$XDG_RUNTIME_DIR`, for sockets whose path would be too long.
    runtime: Option<PathBuf>,
}

/// Longest path of a socket: `sun_path` has 104 bytes on macOS and 108 on Linux, the last one a zero.
const LONGEST_SOCKET: usize = 103;

/// There is no place for files.
#[derive(Debug, Error)]
#[error("there is no home directory; set AUTOGW_HOME to a directory for autogw's files")]
pub struct NoHome;

impl Home {
    /// `$AUTOGW_HOME`, else `~/.auto-gateway`.
    pub fn of(env: &Environment) -> Result<Self, NoHome> {
        let runtime = env.filled("XDG_RUNTIME_DIR").map(PathBuf::from);
        let runtime = runtime.filter(|directory| directory.is_absolute());
        let directory = if let Some(home) = env.filled("AUTOGW_HOME") {
            env.expand_home(home)
        } else {
            let home = env.home().filter(|home| home.is_absolute());
            home.ok_or(NoHome)?.join(".auto-gateway")
        };
        Ok(Self { directory, runtime })
    }

    /// This directory.
    pub fn at(directory: impl Into<PathBuf>) -> Self {
        Self {
            directory: directory.into(),
            runtime: None,
        }
    }

    /// The directory itself.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// `config.json`, or `config.NAME.json`, with the extension given.
    pub fn config_file(&self, name: Option<&Name>, extension: &str) -> PathBuf {
        self.directory.join(file_name("config", name, extension))
    }

    /// `state.json`, or `state.NAME.json`.
    pub fn state_file(&self, name: Option<&Name>) -> PathBuf {
        self.directory.join(file_name("state", name, "json"))
    }

    /// The directory of the log files.
    pub fn logs(&self) -> PathBuf {
        self.directory.join("logs")
    }

    /// The directory of sockets and of keys made for one run.
    pub fn run(&self) -> PathBuf {
        self.directory.join("run")
    }

    /// The socket of the admin API: `run/admin.sock`, or `run/admin.NAME.sock`. Where that is too long for a
    /// socket it lies in `$XDG_RUNTIME_DIR`, under a name that is this directory's own.
    pub fn admin_socket(&self, name: Option<&Name>) -> PathBuf {
        let usual = self.run().join(file_name("admin", name, "sock"));
        match &self.runtime {
            Some(runtime) if usual.as_os_str().len() > LONGEST_SOCKET => {
                let digest = ring::digest::digest(
                    &ring::digest::SHA256,
                    usual.as_os_str().as_encoded_bytes(),
                );
                let mut name = String::new();
                for byte in &digest.as_ref()[..8] {
                    _ = write!(name, "{byte:02x}");
                }
                runtime.join("autogw").join(format!("{name}.sock"))
            }
            _ => usual,
        }
    }
}

fn file_name(stem: &str, name: Option<&Name>, extension: &str) -> String {
    match name {
        Some(Name(name)) => format!("{stem}.{name}.{extension}"),
        None => format!("{stem}.{extension}"),
    }
}

/// The `X` of `--name X`: letters, digits, `-`, `_` and at most one dot inside, so that it can be part of
/// a file name and never a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name(String);

/// A name that cannot be part of a file name.
#[derive(Debug, Error)]
#[error(
    "`{0}` is not a configuration name: use letters, digits, `-`, `_` and at most one dot inside"
)]
pub struct BadName(String);

/// Longest name: file names have 255 bytes, and some are ours.
const MAX_NAME: usize = 64;

impl Name {
    /// The name itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::str::FromStr for Name {
    type Err = BadName;

    fn from_str(text: &str) -> Result<Self, BadName> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        let is_good = !text.is_empty()
            && text.len() <= MAX_NAME
            && text.bytes().all(allowed)
            && text.matches('.').count() <= 1
            && !text.starts_with(['.', '-'])
            && !text.ends_with('.');
        if is_good {
            Ok(Self(text.to_owned()))
        } else {
            Err(BadName(text.to_owned()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn autogw_home_replaces_the_directory_under_home() {
        let env = Environment::empty().with_home("/home/p");
        let home = Home::of(&env).expect("a home");
        assert_eq!(home.directory(), Path::new("/home/p/.auto-gateway"));
        let home = Home::of(&env.with("AUTOGW_HOME", "~/gw")).expect("a home");
        assert_eq!(home.directory(), Path::new("/home/p/gw"));
        assert!(Home::of(&Environment::empty()).is_err());
    }

    #[test]
    fn the_admin_socket_has_a_path_that_a_socket_can_have() {
        let name: Name = "team".parse().expect("a name");
        let env = Environment::empty().with("XDG_RUNTIME_DIR", "/run/user/1000");
        let short = Home::of(&env.clone().with("AUTOGW_HOME", "/h")).expect("a home");
        assert_eq!(short.admin_socket(None), Path::new("/h/run/admin.sock"));
        assert_eq!(
            short.admin_socket(Some(&name)),
            Path::new("/h/run/admin.team.sock")
        );
        let deep = format!("/{}", "d".repeat(100));
        let deep = Home::of(&env.with("AUTOGW_HOME", deep)).expect("a home");
        let (one, other) = (deep.admin_socket(None), deep.admin_socket(Some(&name)));
        assert!(one.starts_with("/run/user/1000/autogw"), "{one:?}");
        assert_ne!(one, other);
        assert_eq!(one, deep.admin_socket(None));
    }

    #[test]
    fn names_are_part_of_a_file_name_and_never_a_path() {
        let home = Home::at("/h");
        let name: Name = "team-a_1.eu".parse().expect("a name");
        assert_eq!(
            home.config_file(Some(&name), "yaml"),
            Path::new("/h/config.team-a_1.eu.yaml")
        );
        assert_eq!(home.state_file(None), Path::new("/h/state.json"));
        for bad in [
            "",
            "a/b",
            "..",
            "a.b.c",
            ".a",
            "a.",
            "-a",
            "a b",
            "ä",
            &"x".repeat(65),
        ] {
            assert!(bad.parse::<Name>().is_err(), "{bad}");
        }
    }
}
