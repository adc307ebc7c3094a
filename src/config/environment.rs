//! The environment as an argument: configuration never looks around by itself.
//!
//! The command line takes one from the process; tests write their own.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Variables, and the home directory that belongs to them.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    variables: BTreeMap<String, String>,
    of_file: BTreeSet<String>,
    home: Option<PathBuf>,
}

impl Environment {
    /// No variables and no home.
    pub fn empty() -> Self {
        Self::default()
    }

    /// The process's own. Variables that are not UTF-8 are left out: none of ours is.
    pub fn of_process() -> Self {
        let variables = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        Self {
            variables,
            of_file: BTreeSet::new(),
            home: directories::BaseDirs::new().map(|dirs| dirs.home_dir().to_owned()),
        }
    }

    /// The same with `name` set to `value`.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.variables.insert(name.into(), value.into());
        self
    }

    /// The same with another home directory.
    #[must_use]
    pub fn with_home(mut self, home: impl Into<PathBuf>) -> Self {
        self.home = Some(home.into());
        self
    }

    /// The same with the variables of an env file added; what is already set stays.
    #[must_use]
    pub fn with_defaults(mut self, variables: impl IntoIterator<Item = (String, String)>) -> Self {
        for (name, value) in variables {
            if !self.variables.contains_key(&name) {
                self.of_file.insert(name.clone());
                self.variables.insert(name, value);
            }
        }
        self
    }

    /// The value of `name`, be it empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str)
    }

    /// Whether `name` is set by an env file.
    pub fn is_of_file(&self, name: &str) -> bool {
        self.of_file.contains(name)
    }

    /// The value of `name` without surrounding space; an empty one counts as unset.
    pub fn filled(&self, name: &str) -> Option<&str> {
        self.get(name)
            .map(str::trim)
            .filter(|value| !value.is_empty())
    }

    /// Every name that is set.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.variables.keys().map(String::as_str)
    }

    /// The person's home directory, if there is one.
    pub fn home(&self) -> Option<&Path> {
        self.home.as_deref()
    }

    /// `path` with a leading `~/` replaced by the home directory.
    pub fn expand_home(&self, path: &str) -> PathBuf {
        match (path.strip_prefix("~/"), &self.home) {
            (Some(rest), Some(home)) => home.join(rest),
            _ => PathBuf::from(path),
        }
    }
}
