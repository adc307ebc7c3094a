//! The configuration of a start, read again for a reload: the same file, environment and flags.

use std::path::PathBuf;
use std::sync::Arc;

use super::banner::Origin;
use super::setup::Setup;
use super::start::GatewayArgs;
use crate::app::reload::{Fresh, Reading, Source};
use crate::config::{ConfigError, Diagnostic, Environment};

/// See the module's head.
#[derive(Clone)]
pub(super) struct Again {
    args: GatewayArgs,
    /// Of the process, without the variables of `--env-file`: those are read again.
    env: Environment,
    /// The file; `None` where there was none, and one that has come since is taken.
    file: Option<PathBuf>,
}

impl Again {
    /// How what was found at `origin` is found again; `None` for the demo, which is always the same.
    pub(super) fn of(
        args: &GatewayArgs,
        env: Environment,
        origin: &Origin,
    ) -> Option<Arc<dyn Source>> {
        let file = match origin {
            Origin::File(path) => Some(path.clone()),
            Origin::Found(_) => None,
            Origin::Demo => return None,
        };
        let args = args.clone();
        Some(Arc::new(Self { args, env, file }))
    }

    async fn setup(self) -> Result<Setup, ConfigError> {
        let Some(path) = self.file.clone() else {
            return self.args.setup(self.env).await;
        };
        if std::fs::metadata(&path).is_ok_and(|metadata| !metadata.is_file()) {
            let message = format!("{} is no file that can be read twice", path.display());
            return Err(Diagnostic::error(message).into());
        }
        let reading = tokio::task::spawn_blocking(move || self.args.setup_from(path, self.env));
        let read = reading.await;
        read.unwrap_or_else(|error| Err(Diagnostic::error(error.to_string()).into()))
    }
}

impl Source for Again {
    fn files(&self) -> Vec<PathBuf> {
        let files = self.file.iter().chain(&self.args.source.env_file);
        files.cloned().collect()
    }

    fn read(&self) -> Reading {
        let again = self.clone();
        Box::pin(async move {
            let setup = again.setup().await?;
            Ok(Fresh {
                config: setup.config,
                warnings: setup.warnings,
            })
        })
    }
}

impl std::fmt::Debug for Again {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Again")
            .field("file", &self.file)
            .finish_non_exhaustive()
    }
}
