//! The one place that knows how the library starts a gateway.

use autogw::app::{self, Address, Options};
use autogw::config::{Environment, Format, Home, from_text};

use super::client::Endpoint;

/// A running gateway, and the directory its files would go to.
pub(crate) struct Running {
    running: app::Running,
    _home: tempfile::TempDir,
}

impl Running {
    /// Where it listens.
    pub(crate) fn endpoint(&self) -> Endpoint {
        match self.running.address() {
            Address::Tcp(address) => Endpoint::Tcp(*address),
            Address::Unix(path) => Endpoint::Unix(path.clone()),
        }
    }

    /// Stops it: running requests first.
    pub(crate) async fn stop(self) {
        self.running.stop().await;
    }
}

/// Starts a gateway from the JSON text of its configuration.
pub(crate) async fn start(config: &str) -> Running {
    let loaded = from_text("test.json", config, Format::Json, &Environment::empty());
    let loaded = loaded.unwrap_or_else(|error| panic!("{error:?}\n{config}"));
    let home = tempfile::tempdir().expect("a temporary directory");
    let options = Options::new(Home::at(home.path()));
    let running = app::start(loaded.config, options)
        .await
        .expect("the gateway starts");
    Running {
        running,
        _home: home,
    }
}
