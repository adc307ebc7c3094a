//! The variables that the shell has and the service has not: who installs it does not see the difference, and
//! finds a service that does not start.

use std::path::Path;

use super::{Look, Problem, SYSTEM_CONFIG, Scope};
use crate::config::{self, Config, ConfigError, Diagnostic, Environment, Source};

impl Look<'_> {
    /// The configuration, with what the shell has that may be missed.
    ///
    /// # Errors
    /// The service would not start with it; where the shell has what is missing, its name.
    pub(super) fn load(
        &self,
        source: &Source,
        inside: &Environment,
        env_file: &Path,
    ) -> Result<(Config, Vec<Diagnostic>), Problem> {
        let read = |env: &Environment| read(source, env);
        match read(inside) {
            Ok(loaded) => {
                let missed = if *source == Source::Environment {
                    self.offered(inside)
                } else {
                    Vec::new()
                };
                let mut warnings = loaded.1;
                if !missed.is_empty() {
                    let message = format!(
                        "your shell has {}, which the service will not have",
                        missed.join(", ")
                    );
                    warnings.push(Diagnostic::warning(message).with_hint(into_file(env_file)));
                }
                Ok((loaded.0, warnings))
            }
            Err(error) => Err(self.without(source, inside, env_file, error)),
        }
    }

    /// Why it does not start, seen beside what the shell has.
    fn without(
        &self,
        source: &Source,
        inside: &Environment,
        env_file: &Path,
        error: ConfigError,
    ) -> Problem {
        let missing = match source {
            Source::Environment => self.offered(inside),
            Source::File(_) => self.missing(source, inside),
        };
        if missing.is_empty() {
            return match source {
                Source::File(_) => Problem::Config(error),
                Source::Environment => Problem::usage(
                    "there is no configuration, and the service has no variables to go by",
                )
                .hint(&self.beginning(env_file)),
            };
        }
        let names = missing.join(", ");
        let message = match source {
            Source::File(path) => format!(
                "{} needs {names}, which your shell has and the service has not",
                path.display()
            ),
            Source::Environment => format!(
                "there is no configuration, and the service does not have what your shell has: {names}"
            ),
        };
        Problem::usage(message).hint(&into_file(env_file))
    }

    /// How somebody begins who has nothing.
    fn beginning(&self, env_file: &Path) -> String {
        let config = match self.scope {
            Scope::System => format!(
                "write {SYSTEM_CONFIG}/config.json (`autogw init` writes one to begin with)"
            ),
            Scope::User => "`autogw init` writes one".to_owned(),
        };
        format!(
            "{config}, or put OPENAI_API_KEY=… and the like into {}",
            env_file.display()
        )
    }

    /// Variables of the shell without which `source` cannot be used.
    fn missing(&self, source: &Source, inside: &Environment) -> Vec<String> {
        let of_shell: Vec<(&str, &str)> = self.only_in_shell(inside).collect();
        let all_but = |left_out: Option<&str>| {
            let rest = of_shell.iter().filter(|(name, _)| Some(*name) != left_out);
            rest.fold(inside.clone(), |env, (name, value)| env.with(*name, *value))
        };
        if read(source, &all_but(None)).is_err() {
            return Vec::new();
        }
        let is_needed = |name: &&str| read(source, &all_but(Some(name))).is_err();
        let names = of_shell.iter().map(|(name, _)| *name);
        names.filter(is_needed).map(str::to_owned).collect()
    }

    /// Variables of the shell that bring a provider.
    fn offered(&self, inside: &Environment) -> Vec<String> {
        let count = |env: &Environment| config::discover(env).map_or(0, |found| found.found.len());
        let before = count(inside);
        let brings =
            |(name, value): &(&str, &str)| count(&inside.clone().with(*name, *value)) > before;
        let bringing = self.only_in_shell(inside).filter(brings);
        bringing.map(|(name, _)| name.to_owned()).collect()
    }

    fn only_in_shell<'a>(
        &'a self,
        inside: &'a Environment,
    ) -> impl Iterator<Item = (&'a str, &'a str)> {
        let names = self.shell.names().filter(|name| inside.get(name).is_none());
        names.filter_map(|name| Some((name, self.shell.get(name)?)))
    }
}

/// The configuration as the service would have it. Of local servers nobody is asked: what a port offers now
/// says nothing of the next boot.
fn read(source: &Source, env: &Environment) -> Result<(Config, Vec<Diagnostic>), ConfigError> {
    match source {
        Source::File(path) => {
            let loaded = config::load(path, env)?;
            Ok((loaded.config, loaded.warnings))
        }
        Source::Environment => {
            let discovery = config::discover(env)?;
            let config = config::zero_config(discovery.found, env)?;
            Ok((config, discovery.warnings))
        }
    }
}

/// How a service comes to a variable.
fn into_file(env_file: &Path) -> String {
    format!(
        "write them to {} (mode 600, a line NAME=value each), or name a file with --env-file",
        env_file.display()
    )
}
