//! The options that say which running gateway is meant, how it is told that none answers, and where its listener is
//! reached.

use std::path::{Path, PathBuf};

use clap::Args;
use clap_complete::engine::ArgValueCandidates;

use super::console::Console;
use super::exit::Exit;
use super::names;
use super::table::plain;
use crate::attach::{Client, Door, Trouble};
use crate::config::{Environment, Home, Name};
use crate::provider::Secret;

/// Which running gateway is meant.
#[derive(Debug, Clone, Default, Args)]
pub struct ReachArgs {
    /// The gateway that was started with this --name
    #[arg(long, value_name = "NAME", conflicts_with = "connect", add = ArgValueCandidates::new(names::configurations))]
    pub name: Option<Name>,

    #[command(flatten)]
    pub(super) connect: ConnectArgs,
}

/// A place of a gateway other than the usual one.
#[derive(Debug, Clone, Default, Args)]
pub struct ConnectArgs {
    /// The gateway whose admin API is here: unix:PATH or http://HOST:PORT
    #[arg(long, value_name = "WHERE")]
    pub connect: Option<String>,

    /// Read the token that goes with http://… from this file; without it `AUTOGW_ADMIN_TOKEN` counts, else
    /// what a gateway of this home has made
    #[arg(long, value_name = "PATH", requires = "connect")]
    pub token_file: Option<PathBuf>,
}

/// Why it is not known where to ask, or with what.
#[derive(Debug)]
pub(super) struct Unclear(String);

impl Unclear {
    /// Says so.
    pub(super) fn tell(&self, console: &mut Console<'_>) -> Exit {
        console.error(plain(&self.0), None);
        Exit::Usage
    }
}

impl ReachArgs {
    /// Whom to ask.
    pub(super) fn client(&self, env: &Environment) -> Result<Client, Unclear> {
        let door = self.connect.door(self.name.as_ref(), env)?;
        Ok(Client::new(door))
    }
}

impl ConnectArgs {
    /// Where to ask: what is connected to, else the gateway of that name, whether it runs or not.
    pub(super) fn door(&self, name: Option<&Name>, env: &Environment) -> Result<Door, Unclear> {
        let home = Home::of(env);
        let Some(place) = &self.connect else {
            let home = home.map_err(|error| Unclear(error.to_string()))?;
            return Ok(Door::of(&home, name));
        };
        let token = self.token(env, home.ok().as_ref())?;
        Door::parse(place, token).map_err(|error| Unclear(error.to_string()))
    }

    /// The one that is named, else the one that a gateway of this home has written for this run.
    fn token(&self, env: &Environment, home: Option<&Home>) -> Result<Option<String>, Unclear> {
        if let Some(path) = &self.token_file {
            return read_token(path).map(Some);
        }
        if let Some(token) = env.filled("AUTOGW_ADMIN_TOKEN") {
            return Ok(Some(token.trim().to_owned()));
        }
        let made = home.map(|home| home.run().join("admin.token"));
        Ok(made.and_then(|path| read_token(&path).ok()))
    }
}

/// Longest file that is taken for a token.
const LONGEST_TOKEN: usize = 4096;

fn read_token(path: &Path) -> Result<String, Unclear> {
    let unclear = |why: String| {
        Unclear(format!(
            "cannot read a token from {}: {why}",
            path.display()
        ))
    };
    let text = std::fs::read_to_string(path).map_err(|error| unclear(error.to_string()))?;
    let token = text.trim();
    let is_one = !token.is_empty()
        && token.len() <= LONGEST_TOKEN
        && token.bytes().all(|byte| byte.is_ascii_graphic());
    if is_one {
        Ok(token.to_owned())
    } else {
        Err(unclear("it holds something else".to_owned()))
    }
}

/// Says why there is no answer.
pub(super) fn tell(trouble: &Trouble, console: &mut Console<'_>) -> Exit {
    const START: &str =
        "start one with `autogw start`, or say which one is meant with --name or --connect";
    let message = plain(&trouble.to_string());
    match trouble {
        Trouble::Absent { .. } => console.error(message, Some(START)),
        Trouble::Odd { .. } => console.error(message, None),
        Trouble::Refused(refused) => {
            let hint = refused.hint.as_deref().map(plain);
            // The excerpts of a file have lines of their own.
            for line in refused.details.iter().flat_map(|detail| detail.lines()) {
                console.say(plain(line));
            }
            console.error(message, hint.as_deref());
        }
    }
    Exit::Failed
}

/// Where a host that is bound can be reached from here.
pub(super) fn reachable(host: &str) -> String {
    match host.trim_matches(['[', ']']) {
        "0.0.0.0" => "127.0.0.1".to_owned(),
        "::" => "[::1]".to_owned(),
        ip if ip.contains(':') => format!("[{ip}]"),
        name => name.to_owned(),
    }
}

/// The key that a running gateway has left for programs of its owner.
pub(super) fn made_key(path: &Path) -> Option<Secret> {
    let text = std::fs::read_to_string(path).ok()?;
    let key = text.trim();
    (!key.is_empty()).then(|| Secret::new(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(home: &Path) -> Environment {
        Environment::empty().with("AUTOGW_HOME", home.to_string_lossy())
    }

    #[test]
    fn without_an_option_it_is_the_usual_socket() {
        let args = ReachArgs {
            name: Some("team".parse().expect("a name")),
            ..ReachArgs::default()
        };
        let client = args.client(&env(Path::new("/h"))).expect("a client");
        assert_eq!(client.door().to_string(), "unix:/h/run/admin.team.sock");
    }

    #[test]
    fn a_token_comes_from_a_file_or_the_environment() {
        let home = tempfile::tempdir().expect("a directory");
        let file = home.path().join("token");
        std::fs::write(&file, "from-file\n").expect("a file");
        let args = |token_file| ConnectArgs {
            connect: Some("http://127.0.0.1:1".to_owned()),
            token_file,
        };
        let env = env(home.path());
        let token = |args: ConnectArgs, env: &Environment| match args.door(None, env) {
            Ok(Door::Tcp { token, .. }) => token,
            other => panic!("{other:?}"),
        };
        assert_eq!(token(args(None), &env), None);
        let set = env.clone().with("AUTOGW_ADMIN_TOKEN", "from-env");
        assert_eq!(token(args(None), &set).as_deref(), Some("from-env"));
        assert_eq!(token(args(Some(file)), &set).as_deref(), Some("from-file"));
        std::fs::create_dir(home.path().join("run")).expect("a directory");
        std::fs::write(home.path().join("run/admin.token"), "made").expect("a file");
        assert_eq!(token(args(None), &env).as_deref(), Some("made"));
    }

    #[test]
    fn what_is_no_token_is_not_sent() {
        let home = tempfile::tempdir().expect("a directory");
        let file = home.path().join("token");
        for text in ["", "two words", "line\nline", &"x".repeat(5000)] {
            std::fs::write(&file, text).expect("a file");
            assert!(read_token(&file).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_bound_everywhere_is_reached_here() {
        for (host, name) in [
            ("0.0.0.0", "127.0.0.1"),
            ("::", "[::1]"),
            ("[::1]", "[::1]"),
            ("localhost", "localhost"),
        ] {
            assert_eq!(reachable(host), name);
        }
    }
}
