//! The start, in the order of the diagram in [`super`]: what may fail comes before anybody can be answered.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::client_key::{self, RunKeys};
use super::observer::Facts;
use super::reload::Reloader;
use super::state::{self, Opened};
use super::{Options, Running, StartError, Tunnels, admin, reloading, secured, tunnels};
use crate::config::Config;
use crate::health::snapshot::Salt;
use crate::provider::Redactor;
use crate::proxy::current::Current;
use crate::proxy::gateway::Gateway;
use crate::server::address::Address;
use crate::server::door::Door;
use crate::server::edge::{Edge, Rule};
use crate::server::guard::Guard;
use crate::server::listen::{ListenError, Listener};
use crate::server::tls::Tls;
use crate::telemetry::tunnel::Board;

/// Starts a gateway; it answers when the future is ready. A tunnel that was asked for is being opened
/// then, and the board says how that goes.
pub async fn start(config: Config, options: Options) -> Result<Running, StartError> {
    can_begin(&config)?;
    let tunnel = config.server.tunnel;
    let secured = secured::open(&config.server)?;
    let core = Core::new(config, &options)?;
    let (listener, address) = secured.cover(core.bind(&options).await?);
    // Not before there is a run: the file may be that of a gateway that has the address already.
    core.hand_over_key(&options)?;
    let tunnels = core.tunnels(&options);
    let edge = core.edge(&address, secured.tls.clone(), &tunnels, &options);
    let local = (edge.clone(), secured.tls.clone());
    let reloader = core.reloader(local, &tunnels, &options);
    let (keeper, mut notes) = match restore(&core.current, &options)? {
        Some(opened) => (Some(opened.keeper), opened.notes),
        None => (None, Vec::new()),
    };
    notes.extend(secured.notes);
    let way = (address, secured.tls);
    // Boxed, as this is over soon and takes kilobytes.
    let running = core.run(way, tunnels, reloader, &options);
    let mut running = Box::pin(running).await;
    notes.append(&mut running.notes);
    running.notes = notes;
    running.serve(listener, edge, options.limits, keeper);
    #[cfg(feature = "otlp")]
    running.export(options.otlp);
    if let Some(Err(error)) = tunnel.map(|tunnel| running.tunnels.open(tunnel)) {
        Box::pin(running.stop()).await;
        return Err(error);
    }
    running.notifier.ready(&running.gateway(), &running.address);
    Ok(running)
}

/// What can be seen before anything is made.
fn can_begin(config: &Config) -> Result<(), StartError> {
    if config.providers.is_empty() {
        return Err(StartError::NoProviders);
    }
    if let Some(tunnel) = config.server.tunnel {
        tunnels::check(tunnel, &config.tunnels)?;
    }
    Ok(())
}

/// What stands behind every door.
struct Core {
    /// The configuration as it was written, without the key of this run.
    written: Config,
    keys: Arc<RunKeys>,
    needs_made_key: bool,
    redactor: Arc<Redactor>,
    current: Arc<Current>,
    seed: u64,
}

impl Core {
    /// The client key, and the first generation of the gateway.
    fn new(mut config: Config, options: &Options) -> Result<Self, StartError> {
        let written = config.clone();
        let keys = Arc::new(RunKeys::make()?);
        let needs_made_key = client_key::is_needed_locally(&config);
        if needs_made_key {
            config.server.api_keys.push(keys.spare().clone());
        }
        let secrets = config.secrets();
        let redactor = Arc::new(Redactor::new(secrets.iter().chain([keys.spare()])));
        let seed = getrandom::u64().map_err(StartError::Random)?;
        let gateway = Gateway::new(config, redactor.clone(), format!("{seed:016x}"))?;
        let current = Arc::new(Current::new(gateway));
        if let Some(tail) = &options.tail {
            current.load().metrics().follow_log(tail.clone());
        }
        Ok(Self {
            written,
            keys,
            needs_made_key,
            redactor,
            current,
            seed,
        })
    }

    async fn bind(&self, options: &Options) -> Result<(Listener, Address), ListenError> {
        let gateway = self.current.load();
        let listen = &gateway.config().server.listen;
        Listener::bind(listen, options.may_change_port).await
    }

    fn hand_over_key(&self, options: &Options) -> Result<(), StartError> {
        if self.needs_made_key {
            self.keys.hand_over(options)?;
        }
        Ok(())
    }

    fn tunnels(&self, options: &Options) -> Tunnels {
        Tunnels::new(
            self.current.clone(),
            options.clone(),
            self.keys.clone(),
            Board::new(self.redactor.clone()),
            self.seed,
        )
    }

    /// The edge behind the configured listener at `address`.
    fn edge(
        &self,
        address: &Address,
        tls: Option<Arc<Tls>>,
        tunnels: &Tunnels,
        options: &Options,
    ) -> Arc<Edge> {
        Arc::new(Edge::new(
            self.current.clone(),
            local_rule(self.keys.clone(), address.clone(), tls),
            tunnels.board().clone(),
            options.limits,
            self.seed,
        ))
    }

    fn reloader(
        &self,
        local: (Arc<Edge>, Option<Arc<Tls>>),
        tunnels: &Tunnels,
        options: &Options,
    ) -> Reloader {
        Reloader::new(
            self.written.clone(),
            self.current.clone(),
            local,
            tunnels.clone(),
            self.keys.clone(),
            options.clone(),
        )
    }

    /// A gateway that answers its owner, and nobody else yet.
    async fn run(
        self,
        (address, tls): (Address, Option<Arc<Tls>>),
        tunnels: Tunnels,
        reloader: Reloader,
        options: &Options,
    ) -> Running {
        let (over, background) = (CancellationToken::new(), TaskTracker::new());
        let facts = Facts::new(&self.current, &tunnels, &address, options);
        let grounds = admin::Grounds::new(options, &over, &background, reloading(&reloader));
        let admin = admin::open(facts, &tunnels, grounds).await;
        Running {
            current: self.current,
            address,
            keys: self.keys,
            tls,
            notes: admin.notes.clone(),
            tunnels,
            reloader,
            drain: CancellationToken::new(),
            connections: TaskTracker::new(),
            over,
            background,
            admin,
            notifier: options.notifier.clone(),
        }
    }
}

/// Lets the health of the gateway go on from where the last run stopped, if that is kept anywhere.
fn restore(current: &Arc<Current>, options: &Options) -> Result<Option<Opened>, StartError> {
    let gateway = current.load();
    let Some(path) = state::path(gateway.config(), &options.home, options.name.as_ref()) else {
        return Ok(None);
    };
    let mut salt = Salt([0; 16]);
    getrandom::fill(&mut salt.0).map_err(StartError::Random)?;
    Ok(Some(state::open(&path, current, salt)))
}

/// How the door behind the configured listener follows the configuration.
fn local_rule(keys: Arc<RunKeys>, address: Address, tls: Option<Arc<Tls>>) -> Rule {
    Box::new(move |gateway, _| {
        let server = &gateway.config().server;
        let hosts = secured::hosts(server, &address, tls.as_deref());
        let guard = Guard::new(&address, &hosts, &server.cors);
        Door::local(guard, keys.local(server))
    })
}
