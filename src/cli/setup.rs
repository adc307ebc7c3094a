//! From what was asked for to a configuration that can be started.

use std::path::PathBuf;

use crate::config::{self, Config, ConfigError, Diagnostic, Environment, Home};

use super::banner::Origin;
use super::local;
use super::source::SourceArgs;

/// A configuration and what belongs to it.
#[derive(Debug)]
pub struct Setup {
    /// The configuration.
    pub config: Config,
    /// Where it came from.
    pub origin: Origin,
    /// The directory of autogw's files.
    pub home: Home,
    /// What should be said about it.
    pub warnings: Vec<Diagnostic>,
    /// What is to be said if it is to open a door through ngrok.
    pub authtoken_fault: Option<Diagnostic>,
}

/// The built-in demo. Of `source` only the variables count.
pub fn demo(source: &SourceArgs, env: Environment) -> Result<Setup, ConfigError> {
    let env = source.environment(env)?;
    let loaded = config::demo(&env)?;
    Ok(Setup {
        authtoken_fault: config::authtoken_fault(&loaded.config, &env),
        config: loaded.config,
        origin: Origin::Demo,
        home: home(&env)?,
        warnings: loaded.warnings,
    })
}

/// The configuration that `source` means. Local servers are asked only if there is no file.
pub async fn resolve(source: &SourceArgs, env: Environment) -> Result<Setup, ConfigError> {
    let env = source.environment(env)?;
    let home = home(&env)?;
    match source.locate(&env)? {
        config::Source::Environment => from_environment(&env, home).await,
        config::Source::File(path) => from_file(path, &env),
    }
}

/// The configuration in `path`.
pub fn from_file(path: PathBuf, env: &Environment) -> Result<Setup, ConfigError> {
    let loaded = config::load(&path, env)?;
    Ok(Setup {
        authtoken_fault: config::authtoken_fault(&loaded.config, env),
        config: loaded.config,
        origin: Origin::File(path),
        home: home(env)?,
        warnings: loaded.warnings,
    })
}

async fn from_environment(env: &Environment, home: Home) -> Result<Setup, ConfigError> {
    let mut discovery = config::discover(env)?;
    let warnings = std::mem::take(&mut discovery.warnings);
    let found = local::confirm(discovery).await;
    if found.is_empty()
        && let Some(command) = local::asleep(env)
    {
        return Err(config::nothing_found_awake(command).after(warnings));
    }
    let origins = found.iter().map(|found| found.origin.clone()).collect();
    let config = config::zero_config(found, env).map_err(|error| error.after(warnings.clone()))?;
    Ok(Setup {
        authtoken_fault: config::authtoken_fault(&config, env),
        config,
        origin: Origin::Found(origins),
        home,
        warnings,
    })
}

fn home(env: &Environment) -> Result<Home, ConfigError> {
    Home::of(env).map_err(|error| Diagnostic::error(error.to_string()).into())
}
