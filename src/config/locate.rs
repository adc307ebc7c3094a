//! Which configuration is meant: flags, then variables, then the usual places.

use std::path::{Path, PathBuf};

use super::diagnostic::{ConfigError, Diagnostic};
use super::environment::Environment;
use super::format::Format;
use super::nearest::nearest;
use super::paths::{Home, Name};

/// What was asked for on the command line.
#[derive(Debug, Clone, Default)]
pub struct Choice {
    /// `--config PATH`
    pub config: Option<PathBuf>,
    /// `--name X`
    pub name: Option<Name>,
}

/// Where the configuration comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// This file.
    File(PathBuf),
    /// No file anywhere: what the environment offers (zero-config).
    Environment,
}

/// Where a machine's administrator puts a configuration.
const SYSTEM_DIRECTORY: &str = "/etc/auto-gateway";

/// The source that `choice` means: `--config`, `--name`, `$AUTOGW_CONFIG`, `~/.auto-gateway/config.*`,
/// `/etc/auto-gateway/config.*`, and at last the environment.
///
/// A file that was named and is not there is an error, and so are two formats side by side.
pub fn locate(choice: &Choice, env: &Environment) -> Result<Source, ConfigError> {
    locate_with(choice, env, Path::new(SYSTEM_DIRECTORY))
}

/// As [`locate`], with the system's directory as an argument.
pub fn locate_with(
    choice: &Choice,
    env: &Environment,
    system: &Path,
) -> Result<Source, ConfigError> {
    if let Some(path) = &choice.config {
        return existing(path.clone(), "given with --config");
    }
    if let Some(name) = &choice.name {
        return named(name, env);
    }
    if let Some(path) = env.filled("AUTOGW_CONFIG") {
        return existing(env.expand_home(path), "named by AUTOGW_CONFIG");
    }
    let home = Home::of(env).ok();
    for directory in [home.as_ref().map(Home::directory), Some(system)] {
        let Some(directory) = directory else { continue };
        if let Some(path) = only_one(&Home::at(directory), None)? {
            return Ok(Source::File(path));
        }
    }
    Ok(Source::Environment)
}

fn existing(path: PathBuf, how: &str) -> Result<Source, ConfigError> {
    // Anything that can be opened will do: a pipe is a file too.
    if path.exists() && !path.is_dir() {
        return Ok(Source::File(path));
    }
    Err(Diagnostic::error(format!("there is no file {} ({how})", path.display())).into())
}

fn named(name: &Name, env: &Environment) -> Result<Source, ConfigError> {
    let home = Home::of(env).map_err(|error| Diagnostic::error(error.to_string()))?;
    if let Some(path) = only_one(&home, Some(name))? {
        return Ok(Source::File(path));
    }
    let names = names_in(home.directory());
    let hint = match nearest(name.as_str(), names.iter().map(String::as_str)) {
        Some(near) => format!("did you mean `{near}`?"),
        None if names.is_empty() => {
            format!(
                "`autogw save-global FILE --name {}` makes one",
                name.as_str()
            )
        }
        None => format!("there are: {}", names.join(", ")),
    };
    let message = format!(
        "there is no configuration named `{}` in {}",
        name.as_str(),
        home.directory().display()
    );
    Err(Diagnostic::error(message).with_hint(hint).into())
}

/// The configuration of `name` in `home`, whatever its format; two are one too many.
fn only_one(home: &Home, name: Option<&Name>) -> Result<Option<PathBuf>, ConfigError> {
    let mut found = existing_formats(home, name);
    match found.as_slice() {
        [] | [_] => Ok(found.pop()),
        [first, second, ..] => {
            let message = format!(
                "two configurations side by side: {} and {}",
                first.display(),
                second.display()
            );
            Err(Diagnostic::error(message)
                .with_hint("remove one, or choose with --config".to_owned())
                .into())
        }
    }
}

/// Every configuration file of `name` in `home`, in the order of [`Format::EXTENSIONS`].
pub fn existing_formats(home: &Home, name: Option<&Name>) -> Vec<PathBuf> {
    Format::EXTENSIONS
        .iter()
        .map(|extension| home.config_file(name, extension))
        .filter(|path| path.is_file())
        .collect()
}

/// The names of the configurations in `directory`, sorted.
pub fn names_in(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries
        .filter_map(|entry| name_of(entry.file_name().to_str()?).map(str::to_owned))
        .collect();
    names.sort();
    names.dedup();
    names
}

fn name_of(file: &str) -> Option<&str> {
    let (rest, extension) = file.strip_prefix("config.")?.rsplit_once('.')?;
    Format::EXTENSIONS.contains(&extension).then_some(rest)
}
