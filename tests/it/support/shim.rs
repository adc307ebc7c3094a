//! The one place that knows how the library starts a gateway.

use std::path::Path;
use std::sync::Arc;

use autogw::app::reload::Cause;
use autogw::app::{self, Options, Tunnels};
use autogw::config::{Config, Environment, Format, Home, from_text};
use autogw::provider::Redactor;
use autogw::proxy::gateway::Gateway as Facts;
use autogw::server::Limits;
use autogw::telemetry::act::{Act, Refused, Told};
use autogw::telemetry::snapshot::Reloaded;
use tempfile::TempDir;

use super::client::Endpoint;

/// A running gateway and the directory of its files.
pub(crate) struct Running {
    running: app::Running,
    home: TempDir,
}

impl Running {
    /// Where it listens.
    pub(crate) fn endpoint(&self) -> Endpoint {
        match self.running.address() {
            app::Address::Tcp(address) | app::Address::Tls(address, _) => Endpoint::Tcp(*address),
            app::Address::Unix(path) => Endpoint::Unix(path.clone()),
        }
    }

    /// Its tunnels.
    pub(crate) fn tunnels(&self) -> &Tunnels {
        self.running.tunnels()
    }

    /// What it has counted and remembers.
    pub(crate) fn facts(&self) -> Arc<Facts> {
        self.running.gateway()
    }

    /// Does something while it runs.
    pub(crate) async fn act(&self, act: Act) -> Result<Told, Refused> {
        self.running.act(act).await
    }

    /// Reads its configuration anew, as the admin API has it done.
    pub(crate) async fn reload(&self) -> Reloaded {
        self.running.reloader().reload(Cause::Admin).await
    }

    /// What hides its secrets.
    pub(crate) fn redactor(&self) -> Arc<Redactor> {
        self.running.redactor()
    }

    /// The directory of its files.
    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    /// Stops it: running requests first.
    pub(crate) async fn stop(self) {
        self.running.stop().await;
    }
}

/// Starts a gateway from the JSON text of its configuration after `change`, which does what flags do.
pub(crate) async fn start(config: &str, change: impl FnOnce(&mut Config, &mut Options)) -> Running {
    let loaded = from_text("test.json", config, Format::Json, &Environment::empty());
    let mut loaded = loaded.unwrap_or_else(|error| panic!("{error:?}\n{config}"));
    let home = tempfile::tempdir().expect("a temporary directory");
    let mut options = Options {
        limits: Limits::default(),
        ..Options::new(Home::at(home.path()))
    };
    change(&mut loaded.config, &mut options);
    let running = app::start(loaded.config, options).await;
    Running {
        running: running.unwrap_or_else(|error| panic!("{error}\n{config}")),
        home,
    }
}
