//! The composition root: a configuration becomes a running gateway, and a signal ends it.
//!
//! ```text
//! config → client key → Gateway → listener → local door → accept loop
//!                          ├ tunnels: a public door each, opened now or later
//!                          ├ state: what was known of keys and targets at the last stop
//!                          └ background: model listings · idle connections · TLS warm-up · probes
//! signal → drain (no new connections, /ready says 503) → running requests → error to the rest → end
//! ```

mod background;
mod client_key;
#[cfg(feature = "otlp")]
pub mod otlp;
mod run_files;
mod shutdown;
mod state;
pub mod tunnels;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use rustix::process::{Resource, getrlimit};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::client_key::HandedOver;
pub use self::client_key::{MadeKey, made_key_file};
pub use self::shutdown::Signals;
use self::state::Keeper;
pub use self::state::recall;
pub use self::tunnels::{TunnelError, Tunnels};
use crate::config::{Config, Home, Name};
use crate::health::snapshot::Salt;
use crate::provider::Redactor;
use crate::provider::Secret;
use crate::proxy::gateway::{Gateway, GatewayError};
use crate::server::Limits;
use crate::server::accept;
pub use crate::server::address::Address;
use crate::server::auth::ClientKeys;
use crate::server::door::Door;
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
    /// The autogw program, which becomes the programs of tunnels.
    pub launcher: PathBuf,
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
        )
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<&str> {
        match self {
            StartError::Tunnel(error) => error.hint(),
            StartError::NoProviders => Some("add a provider, or try `autogw start --demo`"),
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
    made_key: Option<HandedOver>,
    /// What a person should be told of the state file.
    notes: Vec<String>,
    tunnels: Tunnels,
    /// Cancelled when no new connections are wanted.
    drain: CancellationToken,
    /// Connections and the accept loop.
    connections: TaskTracker,
    /// Cancelled when background work ends.
    over: CancellationToken,
    background: TaskTracker,
}

/// Starts a gateway; it answers when the future is ready. A tunnel that was asked for is being opened
/// then, and the board says how that goes.
pub async fn start(mut config: Config, options: Options) -> Result<Running, StartError> {
    if config.providers.is_empty() {
        return Err(StartError::NoProviders);
    }
    let tunnel = config.server.tunnel;
    if let Some(tunnel) = tunnel {
        tunnels::check(tunnel, &config.tunnels)?;
    }
    let spare_key = client_key::make_if_none(&config)?;
    let redactor = Arc::new(Redactor::new(config.secrets().iter().chain(&spare_key)));
    let needed_key = require_key(&mut config, spare_key.as_ref());
    let seed = getrandom::u64().map_err(StartError::Random)?;
    let gateway = Arc::new(Gateway::new(config, redactor, format!("{seed:016x}"))?);
    let listen = &gateway.config().server.listen;
    let (listener, address) = Listener::bind(listen, options.may_change_port).await?;
    // Not before there is a run: the file may be that of a gateway that has the address already.
    let made_key = needed_key
        .map(|key| client_key::hand_over(key, &options))
        .transpose()?;
    let board = Board::new(gateway.redactor().clone());
    let tunnels = Tunnels::new(
        gateway.clone(),
        options.clone(),
        spare_key,
        made_key.clone(),
        board.clone(),
        seed,
    );
    let edge = local_edge(&gateway, &address, board, options.limits, seed);
    let (keeper, notes) = match restore(&gateway, &options)? {
        Some(opened) => (Some(opened.keeper), opened.notes),
        None => (None, Vec::new()),
    };
    let running = Running {
        notes,
        gateway,
        address,
        made_key,
        tunnels,
        drain: CancellationToken::new(),
        connections: TaskTracker::new(),
        over: CancellationToken::new(),
        background: TaskTracker::new(),
    };
    running.serve(listener, edge, options.limits, keeper);
    #[cfg(feature = "otlp")]
    running.export(options.otlp);
    match tunnel.map(|tunnel| running.tunnels.open(tunnel)) {
        Some(Err(error)) => {
            Box::pin(running.stop()).await;
            Err(error)
        }
        _ => Ok(running),
    }
}

/// Lets the health of `gateway` go on from where the last run stopped, if that is kept anywhere.
fn restore(gateway: &Arc<Gateway>, options: &Options) -> Result<Option<state::Opened>, StartError> {
    let Some(path) = state::path(gateway.config(), &options.home, options.name.as_ref()) else {
        return Ok(None);
    };
    let mut salt = Salt([0; 16]);
    getrandom::fill(&mut salt.0).map_err(StartError::Random)?;
    Ok(Some(state::open(&path, gateway, salt)))
}

/// Makes the listener ask for `spare_key` where it must ask for one and none is configured; returns it then.
fn require_key(config: &mut Config, spare_key: Option<&Secret>) -> Option<Secret> {
    let key = spare_key.filter(|_| client_key::is_needed_locally(config))?;
    config.server.api_keys.push(key.clone());
    Some(key.clone())
}

/// The edge behind the configured listener.
fn local_edge(
    gateway: &Arc<Gateway>,
    address: &Address,
    board: Board,
    limits: Limits,
    seed: u64,
) -> Edge {
    let server = &gateway.config().server;
    let guard = Guard::new(address, &server.allowed_hosts, &server.cors);
    let keys = ClientKeys::new(&server.api_keys, server.accept_base64_keys);
    Edge::new(
        gateway.clone(),
        Door::local(guard, keys),
        board,
        limits,
        seed,
    )
}

impl Running {
    fn serve(&self, listener: Listener, edge: Edge, limits: Limits, keeper: Option<Keeper>) {
        self.connections.spawn(accept::run(
            listener,
            Arc::new(edge),
            limits,
            self.drain.clone(),
            self.connections.clone(),
        ));
        background::spawn(&self.gateway, &self.background, &self.over);
        if let Some(keeper) = keeper {
            self.background.spawn(keeper.run(self.over.clone()));
        }
        tracing::info!(target: "autogw::app", address = %self.address, version = env!("CARGO_PKG_VERSION"), "listening");
    }

    /// Exports requests as spans, if somebody has said where to.
    #[cfg(feature = "otlp")]
    fn export(&self, settings: Option<otlp::Settings>) {
        if let Some(settings) = settings {
            let export = otlp::run(self.gateway.clone(), settings, self.over.clone());
            self.background.spawn(export);
        }
    }

    /// Where it answers.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// The client key that was made for this run, if none was configured and one is needed.
    pub fn made_key(&self) -> Option<&MadeKey> {
        self.made_key.as_ref().map(|handed| &handed.key)
    }

    /// What a person should be told of what was kept of the last run.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// The tunnels of this run.
    pub fn tunnels(&self) -> &Tunnels {
        &self.tunnels
    }

    /// How the tunnels of this run are.
    pub fn board(&self) -> &Board {
        self.tunnels.board()
    }

    /// The gateway itself, with what it has counted and remembers.
    pub fn gateway(&self) -> &Arc<Gateway> {
        &self.gateway
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
