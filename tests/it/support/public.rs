//! A public door without a tunnel behind it: what comes through is written by the test.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use autogw::config::{Environment, Format, PublicDoor, Tunnel, from_text};
use autogw::provider::Secret;
use autogw::proxy::current::Current;
use autogw::proxy::gateway::Gateway;
use autogw::server::Limits;
use autogw::server::accept;
use autogw::server::auth::ClientKeys;
use autogw::server::door::Door;
use autogw::server::edge::{Edge, Rule};
use autogw::server::listen::{Arrival, Listener};
use autogw::server::probe::Probe;
use autogw::telemetry::tunnel::Board;
use tempfile::TempDir;
use tokio::io::DuplexStream;
use tokio::sync::mpsc;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use super::client::{Client, Endpoint};

/// The client key of every public door of the tests.
pub(crate) const KEY: &str = "agw-key-of-the-door";

/// As much of a connection as is on its way.
const ON_ITS_WAY: usize = 64 * 1024;

/// Two doors of one gateway: the one that cloudflared comes to, and the one that ngrok comes to.
pub(crate) struct Public {
    socket: PathBuf,
    arrivals: mpsc::Sender<Arrival>,
    /// How the doors are seen to work.
    pub(crate) probe: Arc<Probe>,
    _home: TempDir,
    _drain: DropGuard,
}

impl Public {
    /// The doors of a gateway with this configuration and these rules; their key is [`KEY`].
    pub(crate) fn open(config: &str, rules: &PublicDoor) -> Self {
        Self::with_keys(config, rules, &[KEY])
    }

    /// The same with other keys.
    pub(crate) fn with_keys(config: &str, rules: &PublicDoor, keys: &[&str]) -> Self {
        Self::within(Limits::default(), config, rules, keys)
    }

    /// The same with other limits for clients; wrong keys are never held back.
    pub(crate) fn within(limits: Limits, config: &str, rules: &PublicDoor, keys: &[&str]) -> Self {
        let loaded = from_text("test.json", config, Format::Json, &Environment::empty());
        let config = loaded.expect("a valid configuration").config;
        let redactor = Arc::new(config.redactor());
        let gateway = Gateway::new(config, redactor, "via".to_owned()).expect("a gateway");
        let current = Arc::new(Current::new(gateway));
        let probe = Arc::new(Probe::new().expect("random numbers"));
        let keys: Vec<_> = keys.iter().map(|&key| Secret::new(key)).collect();
        let keys = ClientKeys::new(&keys, false);
        let home = tempfile::tempdir().expect("a temporary directory");
        let socket = home.path().join("door.sock");
        let unix = Listener::bind_unix(&socket).expect("a free path");
        let (arrivals, handed) = mpsc::channel(1);
        let drain = CancellationToken::new();
        let doors = [
            (Tunnel::Cloudflared, unix),
            (Tunnel::Ngrok, Listener::Handed(handed)),
        ];
        for (tunnel, listener) in doors {
            let (keys, rules, probe) = (keys.clone(), rules.clone(), probe.clone());
            let rule: Rule = Box::new(move |_, last| {
                Door::public(tunnel, &[], keys.clone(), &rules, probe.clone()).behind(last)
            });
            let limits = Limits {
                wrong_key: Duration::ZERO,
                ..limits
            };
            let edge = Edge::new(current.clone(), rule, Board::default(), limits, 7);
            let connections = TaskTracker::new();
            let run = accept::run(
                listener,
                Arc::new(edge),
                limits,
                drain.clone(),
                connections.clone(),
            );
            tokio::spawn(run);
        }
        Self {
            socket,
            arrivals,
            probe,
            _home: home,
            _drain: drain.drop_guard(),
        }
    }

    /// Whoever comes through cloudflared, without a key.
    pub(crate) fn client(&self) -> Client {
        Client::new(Endpoint::Unix(self.socket.clone()))
    }

    /// The same with the key.
    pub(crate) fn owner(&self) -> Client {
        self.client()
            .with("authorization", &format!("Bearer {KEY}"))
    }

    /// A connection through ngrok from `address`.
    pub(crate) async fn arrive(&self, address: SocketAddr) -> DuplexStream {
        let (near, far) = tokio::io::duplex(ON_ITS_WAY);
        let arrival = Arrival::from((far, address));
        assert!(
            self.arrivals.send(arrival).await.is_ok(),
            "the door is open"
        );
        near
    }
}
