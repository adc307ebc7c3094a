//! The one place that knows how the library starts a gateway.

use autogw::app::{self, Options};
use autogw::config::{Environment, Format, Home, from_text};
use autogw::server::Limits;
use tempfile::TempDir;

use super::client::Endpoint;

/// A running gateway and the directory of its files.
pub(crate) struct Running {
    running: app::Running,
    _home: TempDir,
}

impl Running {
    /// Where it listens.
    pub(crate) fn endpoint(&self) -> Endpoint {
        match self.running.address() {
            app::Address::Tcp(address) => Endpoint::Tcp(*address),
            app::Address::Unix(path) => Endpoint::Unix(path.clone()),
        }
    }

    /// Stops it: running requests first.
    pub(crate) async fn stop(self) {
        self.running.stop().await;
    }
}

/// Starts a gateway from the JSON text of its configuration.
pub(crate) async fn start(config: &str, limits: Limits) -> Running {
    let loaded = from_text("test.json", config, Format::Json, &Environment::empty());
    let loaded = loaded.unwrap_or_else(|error| panic!("{error:?}\n{config}"));
    let home = tempfile::tempdir().expect("a temporary directory");
    let options = Options {
        limits,
        ..Options::new(Home::at(home.path()))
    };
    let running = app::start(loaded.config, options).await;
    Running {
        running: running.unwrap_or_else(|error| panic!("{error}\n{config}")),
        _home: home,
    }
}
