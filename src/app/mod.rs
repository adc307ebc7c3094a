//! The composition root: a configuration becomes a running gateway, and a signal ends it.
//!
//! ```text
//! config → client key → Gateway → listener → local door → accept loop          (start)
//!                          │ one generation of several: `current` is the one in force
//!                          ├ tunnels: a public door each, opened now or later
//!                          ├ reload: the file changes, SIGHUP, or somebody asks for it → the next generation
//!                          ├ state: what was known of keys and targets at the last stop
//!                          └ background: model listings · idle connections · TLS warm-up · probes
//! signal → drain (no new connections, /ready says 503) → running requests → error to the rest → end
//! ```

mod acts;
mod admin;
mod background;
mod client_key;
mod notify;
mod observer;
#[cfg(feature = "otlp")]
pub mod otlp;
pub mod reload;
mod run_files;
mod secured;
mod shutdown;
mod start;
mod state;
mod steward;
pub mod tunnels;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::process::{Resource, getrlimit};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::client_key::RunKeys;
pub use self::client_key::{MadeKey, made_key_file};
pub use self::notify::Notifier;
use self::notify::Pulse;
use self::reload::{Cause, Reloader, Source};
pub use self::shutdown::Signals;
pub use self::start::start;
use self::state::Keeper;
pub use self::state::recall;
pub use self::tunnels::{TunnelError, Tunnels};
use crate::config::{Home, Name};
use crate::provider::Redactor;
use crate::proxy::current::Current;
use crate::proxy::gateway::{Gateway, GatewayError};
use crate::server::Limits;
use crate::server::accept;
pub use crate::server::address::Address;
use crate::server::edge::Edge;
use crate::server::listen::{ListenError, Listener};
use crate::server::tls::{Certificate, Tls, TlsError};
use crate::telemetry::act::{Act, Refused, Told};
use crate::telemetry::bus::Bus;
use crate::telemetry::log::Redaction;
use crate::telemetry::log::Tail;
use crate::telemetry::snapshot::Reloaded;
use crate::telemetry::tunnel::Board;

/// What a start needs beside the configuration.
#[derive(Debug, Clone)]
pub struct Options {
    /// The directory of autogw's files.
    pub home: Home,
    /// `--name`: files of this run carry it.
    pub name: Option<Name>,
    /// Whether a key made for this run is shown to a person at a terminal; else it goes into a file.
    pub shows_made_key: bool,
    /// Whether a taken port that nobody chose is stepped over.
    pub may_change_port: bool,
    /// What clients may take their time for.
    pub limits: Limits,
    /// The autogw program, which becomes the programs of tunnels.
    pub launcher: PathBuf,
    /// The last lines of the log, for whoever watches.
    pub tail: Option<Arc<Tail>>,
    /// Where the configuration can be read again; `None` if nowhere.
    pub source: Option<Arc<dyn Source>>,
    /// What has to know of secrets that a reload brings, beside the gateway itself.
    pub redaction: Option<Redaction>,
    /// The service manager that is told how it goes, if there is one.
    pub notifier: Notifier,
    /// Where requests are exported to as spans, if anywhere.
    #[cfg(feature = "otlp")]
    pub otlp: Option<otlp::Settings>,
}

impl Options {
    /// The usual options, with files in `home`, and as many connections as this process may open now.
    pub fn new(home: Home) -> Self {
        Self {
            home,
            name: None,
            shows_made_key: false,
            may_change_port: false,
            limits: Limits::within(getrlimit(Resource::Nofile).current),
            launcher: own_program(),
            tail: None,
            source: None,
            redaction: None,
            notifier: Notifier::default(),
            #[cfg(feature = "otlp")]
            otlp: None,
        }
    }
}

/// This program. By its link in /proc it is found even where its file has been replaced since.
fn own_program() -> PathBuf {
    if cfg!(target_os = "linux") {
        return PathBuf::from("/proc/self/exe");
    }
    std::env::current_exe().unwrap_or_else(|_| PathBuf::from("autogw"))
}

/// Why a gateway does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The tunnel that is asked for cannot be opened.
    #[error(transparent)]
    Tunnel(#[from] TunnelError),
    /// There is nobody to ask.
    #[error("no provider is configured")]
    NoProviders,
    /// A provider cannot be reached as configured.
    #[error(transparent)]
    Gateway(#[from] GatewayError),
    /// The listener's certificate or its key cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// Nothing can be listened on.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The key made for this run has nowhere to go.
    #[error("cannot write the client key of this run to {path}: {reason}")]
    ClientKey {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The operating system gave no random numbers.
    #[error("the operating system gave no random numbers: {0}")]
    Random(getrandom::Error),
}

impl StartError {
    /// Whether the configuration must be changed (exit code 2) rather than the circumstances (1).
    pub fn is_configuration(&self) -> bool {
        matches!(
            self,
            StartError::Tunnel(TunnelError::Impossible(_))
                | StartError::NoProviders
                | StartError::Gateway(_)
                | StartError::Tls(_)
        )
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<&str> {
        match self {
            StartError::Tunnel(error) => error.hint(),
            StartError::NoProviders => Some("add a provider, or try `autogw start --demo`"),
            StartError::Tls(error) => Some(error.hint()),
            StartError::Listen(error) => Some(&error.hint),
            StartError::ClientKey { .. } => {
                Some("set `server.api_key`, or make the directory writable")
            }
            StartError::Gateway(_) | StartError::Random(_) => None,
        }
    }
}

/// A running gateway.
pub struct Running {
    current: Arc<Current>,
    address: Address,
    keys: Arc<RunKeys>,
    /// What the configured listener is behind, if anything.
    tls: Option<Arc<Tls>>,
    /// What a person should be told of the state file and the certificate.
    notes: Vec<String>,
    tunnels: Tunnels,
    reloader: Reloader,
    /// Cancelled when no new connections are wanted.
    drain: CancellationToken,
    /// Connections and the accept loop.
    connections: TaskTracker,
    /// Cancelled when background work ends.
    over: CancellationToken,
    background: TaskTracker,
    /// What is open of the admin API.
    admin: admin::Opened,
    notifier: Notifier,
}

/// What the owner is told of a reload.
fn reloading(reloader: &Reloader) -> acts::Reload {
    let reloader = reloader.clone();
    Arc::new(move || {
        let reloader = reloader.clone();
        Box::pin(async move { told(reloader.reload(Cause::Admin).await) })
    })
}

fn told(reloaded: Reloaded) -> Result<Told, Refused> {
    if reloaded.is_good {
        let mut details = reloaded.changes;
        details.extend(reloaded.needs_restart);
        return Ok(Told {
            message: reloaded.summary,
            details,
        });
    }
    Err(Refused {
        message: reloaded.summary,
        details: reloaded.errors,
        ..Refused::default()
    })
}

impl Running {
    fn serve(&self, listener: Listener, edge: Arc<Edge>, limits: Limits, keeper: Option<Keeper>) {
        let pulse = Pulse {
            notifier: self.notifier.clone(),
            edge: edge.clone(),
            limits,
        };
        pulse.spawn(&self.background, &self.over);
        self.connections.spawn(accept::run(
            listener,
            edge,
            limits,
            self.drain.clone(),
            self.connections.clone(),
        ));
        background::spawn(&self.current, &self.background, &self.over);
        if let Some(tls) = &self.tls {
            let watching = secured::watch(tls.clone());
            let over = self.over.clone();
            self.background
                .spawn(over.run_until_cancelled_owned(watching));
        }
        self.reloader.spawn(&self.background, &self.over);
        if let Some(keeper) = keeper {
            self.background.spawn(keeper.run(self.over.clone()));
        }
        tracing::info!(target: "autogw::app", address = %self.address, version = env!("CARGO_PKG_VERSION"), "listening");
    }

    /// Exports requests as spans, if somebody has said where to.
    #[cfg(feature = "otlp")]
    fn export(&self, settings: Option<otlp::Settings>) {
        if let Some(settings) = settings {
            let export = otlp::run(self.current.clone(), settings, self.over.clone());
            self.background.spawn(export);
        }
    }

    /// Where it answers.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// The client key that was made for this run, if none was configured and one is needed.
    pub fn made_key(&self) -> Option<MadeKey> {
        self.keys.made()
    }

    /// The certificate that is served with now, if there is one.
    pub fn certificate(&self) -> Option<Certificate> {
        let identity = self.tls.as_ref()?.identity();
        Some(identity.certificate().clone())
    }

    /// What a person should be told of what was kept of the last run, and of the certificate.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// The tunnels of this run.
    pub fn tunnels(&self) -> &Tunnels {
        &self.tunnels
    }

    /// What puts a new configuration in force.
    pub fn reloader(&self) -> &Reloader {
        &self.reloader
    }

    /// How the tunnels of this run are.
    pub fn board(&self) -> &Board {
        self.tunnels.board()
    }

    /// The gateway as it is now, with what it has counted and remembers.
    pub fn gateway(&self) -> Arc<Gateway> {
        self.current.load()
    }

    /// The generation in force, and those to come.
    pub fn current(&self) -> &Arc<Current> {
        &self.current
    }

    /// The socket of the admin API, if it is open.
    pub fn admin_path(&self) -> Option<&Path> {
        self.admin.socket()
    }

    /// Where it is told what changes.
    pub fn bus(&self) -> &Bus {
        self.admin.bus()
    }

    /// Does something while it runs.
    ///
    /// # Errors
    /// It names somebody who is not there, its time is none, or it cannot be done as things are.
    pub async fn act(&self, act: Act) -> Result<Told, Refused> {
        let deps = acts::Deps {
            gateway: self.gateway(),
            tunnels: self.tunnels.clone(),
            reload: reloading(&self.reloader),
        };
        Box::pin(acts::perform(deps, act)).await
    }

    /// Hides every secret of this run, the key made for it included.
    pub fn redactor(&self) -> Arc<Redactor> {
        self.current.load().redactor().clone()
    }

    /// Runs until a signal, then drains; a second signal ends at once.
    pub async fn wait_for_shutdown(self, signals: Signals) {
        self.wait_for_end(signals, std::future::pending()).await;
    }

    /// The same, and a person may say `so`, whose word is for the log.
    pub async fn wait_for_end(self, signals: Signals, so: impl Future<Output = &'static str>) {
        shutdown::when_told(self, signals, so).await;
    }

    /// Drains as on a signal.
    pub async fn stop(self) {
        shutdown::drain(&self).await;
        self.end().await;
    }

    async fn end(&self) {
        self.tunnels.end().await;
        self.over.cancel();
        self.background.close();
        self.background.wait().await;
    }
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Running")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}
