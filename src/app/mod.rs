//! The composition root: a configuration becomes a running gateway, and a signal ends it.
//!
//! ```text
//! config → client key → Gateway → listener → edge → accept loop
//!                          └ background: model listings · idle connections · TLS warm-up
//! signal → drain (no new connections, /ready says 503) → running requests → error to the rest → end
//! ```

mod background;
mod client_key;
mod shutdown;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use rustix::process::{Resource, getrlimit};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use self::client_key::MadeKey;
pub use self::shutdown::Signals;
use crate::config::{Config, Home, Name};
use crate::provider::Redactor;
use crate::proxy::gateway::{Gateway, GatewayError};
use crate::server::Limits;
use crate::server::accept;
pub use crate::server::address::Address;
use crate::server::auth::ClientKeys;
use crate::server::edge::Edge;
use crate::server::guard::Guard;
use crate::server::listen::{ListenError, Listener};
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
        }
    }
}

/// Why a gateway does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration asks for a tunnel.
    #[error("the tunnel `{0}` is not available yet")]
    Tunnel(&'static str),
    /// No provider speaks a dialect that this version speaks.
    #[error("none of the configured providers can be used by this version")]
    NoProviders,
    /// A provider cannot be reached as configured.
    #[error(transparent)]
    Gateway(#[from] GatewayError),
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
            StartError::Tunnel(_) | StartError::NoProviders | StartError::Gateway(_)
        )
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<&str> {
        match self {
            StartError::Tunnel(_) => {
                Some("remove `server.tunnel` (or `--tunnel`) until a version that has it")
            }
            StartError::NoProviders => {
                Some("add a provider that speaks the OpenAI dialect, or try `autogw start --demo`")
            }
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
    gateway: Arc<Gateway>,
    address: Address,
    made_key: Option<MadeKey>,
    /// Cancelled when no new connections are wanted.
    drain: CancellationToken,
    /// Connections and the accept loop.
    connections: TaskTracker,
    /// Cancelled when background work ends.
    over: CancellationToken,
    background: TaskTracker,
    board: Board,
}

/// Starts a gateway; it answers when the future is ready.
pub async fn start(mut config: Config, options: Options) -> Result<Running, StartError> {
    if let Some(tunnel) = config.server.tunnel {
        return Err(StartError::Tunnel(tunnel.name()));
    }
    config
        .providers
        .retain(|provider| provider.preset.is_available());
    if config.providers.is_empty() {
        return Err(StartError::NoProviders);
    }
    let made_key = client_key::make_if_needed(&mut config, &options)?;
    let seed = getrandom::u64().map_err(StartError::Random)?;
    let redactor = Arc::new(config.redactor());
    let gateway = Arc::new(Gateway::new(config, redactor, format!("{seed:016x}"))?);
    let listener = Listener::bind(&gateway.config().server.listen, options.may_change_port).await?;
    Ok(serve(gateway, listener, made_key, options.limits, seed))
}

fn serve(
    gateway: Arc<Gateway>,
    listener: Listener,
    made_key: Option<MadeKey>,
    limits: Limits,
    seed: u64,
) -> Running {
    let server = &gateway.config().server;
    let address = listener.address().clone();
    let guard = Guard::new(&address, &server.allowed_hosts, &server.cors);
    let keys = ClientKeys::new(&server.api_keys, server.accept_base64_keys);
    let edge = Arc::new(Edge::new(gateway.clone(), guard, keys, limits, seed));
    let (drain, over) = (CancellationToken::new(), CancellationToken::new());
    let (connections, background) = (TaskTracker::new(), TaskTracker::new());
    connections.spawn(accept::run(
        listener,
        edge,
        limits,
        drain.clone(),
        connections.clone(),
    ));
    background::spawn(&gateway, &background, &over);
    tracing::info!(target: "autogw::app", address = %address, version = env!("CARGO_PKG_VERSION"), "listening");
    Running {
        gateway,
        address,
        made_key,
        drain,
        connections,
        over,
        background,
        board: Board::default(),
    }
}

impl Running {
    /// Where it answers.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// The client key that was made for this run, if none was configured and one is needed.
    pub fn made_key(&self) -> Option<&MadeKey> {
        self.made_key.as_ref()
    }

    /// How the tunnels of this run are.
    pub fn board(&self) -> &Board {
        &self.board
    }

    /// Hides every secret of this run, the key made for it included.
    pub fn redactor(&self) -> Arc<Redactor> {
        Arc::clone(self.gateway.redactor())
    }

    /// Runs until a signal, then drains; a second signal ends at once.
    pub async fn wait_for_shutdown(self, signals: Signals) {
        shutdown::on_signal(self, signals).await;
    }

    /// Drains as on a signal.
    pub async fn stop(self) {
        shutdown::drain(&self).await;
        self.end().await;
    }

    async fn end(self) {
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
