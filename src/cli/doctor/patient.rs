//! What is looked at: the configuration as far as it can be read, and where it lives.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::clock::Sample;
use crate::cli::banner::Origin;
use crate::cli::setup::{self, Setup};
use crate::cli::source::SourceArgs;
use crate::config::{Config, ConfigError, Environment, Home, Name, Source, discover};
use crate::provider::{Redactor, Secret};

/// Everything that a check may look at.
pub(super) struct Patient {
    /// The environment, with the variables of `--env-file`.
    pub(super) env: Environment,
    /// Where autogw's files are, if there is a place.
    pub(super) home: Option<Home>,
    /// Which gateway is meant.
    pub(super) name: Option<Name>,
    /// The file of variables that was named.
    pub(super) env_file: Option<PathBuf>,
    /// The configuration, or why there is none.
    pub(super) setup: Result<Setup, ConfigError>,
    /// Whether there is no file, and the environment names no provider.
    pub(super) has_nothing: bool,
    /// Whether nobody outside of this machine is to be asked.
    pub(super) is_offline: bool,
    /// How long one check may take.
    pub(super) within: Duration,
    /// What providers said of the time.
    pub(super) samples: RefCell<Vec<Sample>>,
}

impl Patient {
    /// Reads what `source` means, as `start` would.
    pub(super) async fn meet(
        source: &SourceArgs,
        env: Environment,
        is_offline: bool,
        within: Duration,
    ) -> Self {
        let bare = SourceArgs {
            env_file: None,
            ..source.clone()
        };
        Self {
            home: Home::of(&env).ok(),
            name: source.name.clone(),
            env_file: source.env_file.clone(),
            setup: setup::resolve(&bare, env.clone()).await,
            has_nothing: has_nothing(&bare, &env),
            env,
            is_offline,
            within,
            samples: RefCell::default(),
        }
    }

    /// The configuration, if it can be used.
    pub(super) fn config(&self) -> Option<&Config> {
        self.setup.as_ref().ok().map(|setup| &setup.config)
    }

    /// The file it was read from.
    pub(super) fn file(&self) -> Option<&Path> {
        match &self.setup.as_ref().ok()?.origin {
            Origin::File(path) => Some(path),
            _ => None,
        }
    }

    /// A part of the time that one check has.
    pub(super) fn share(&self, part: f64) -> Duration {
        self.within.mul_f64(part)
    }

    /// Hides every secret of the configuration, and whatever the environment calls one.
    pub(super) fn redactor(&self) -> Redactor {
        let mut secrets: Vec<Secret> = self.config().map(Config::secrets).unwrap_or_default();
        let names = self.env.names().filter(|name| is_secret(name));
        let values = names.filter_map(|name| self.env.filled(name));
        secrets.extend(
            values
                .filter(|value| value.len() >= SHORTEST)
                .map(Secret::new),
        );
        Redactor::new(&secrets)
    }
}

fn has_nothing(source: &SourceArgs, env: &Environment) -> bool {
    let is_bare = matches!(source.locate(env), Ok(Source::Environment));
    is_bare && discover(env).is_ok_and(|discovery| discovery.found.is_empty())
}

/// A shorter value of a variable may be any word.
const SHORTEST: usize = 8;

fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    let words = ["KEY", "TOKEN", "SECRET", "PASSWORD"];
    words.iter().any(|word| name.contains(word))
}
