//! The options that say which configuration is meant: the same for every verb.

use std::path::PathBuf;

use clap::Args;
use clap_complete::engine::ArgValueCandidates;

use super::names;
use crate::config::{Choice, ConfigError, Environment, Name, Source, locate};

/// Which configuration is meant.
#[derive(Debug, Clone, Default, Args)]
pub struct SourceArgs {
    /// Use this configuration file
    #[arg(long, value_name = "PATH", conflicts_with = "name")]
    pub config: Option<PathBuf>,

    /// Use ~/.auto-gateway/config.NAME.json (or .yaml, .yml, .toml)
    #[arg(long, value_name = "NAME", add = ArgValueCandidates::new(names::configurations))]
    pub name: Option<Name>,

    /// Read variables from this .env file first; what is already set stays
    #[arg(long, value_name = "PATH")]
    pub env_file: Option<PathBuf>,
}

impl SourceArgs {
    /// The environment with the variables of `--env-file` added.
    pub fn environment(&self, env: Environment) -> Result<Environment, ConfigError> {
        match &self.env_file {
            Some(path) => env.with_file(path),
            None => Ok(env),
        }
    }

    /// The source that is meant.
    pub fn locate(&self, env: &Environment) -> Result<Source, ConfigError> {
        let choice = Choice {
            config: self.config.clone(),
            name: self.name.clone(),
        };
        locate(&choice, env)
    }
}
