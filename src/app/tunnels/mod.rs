//! The tunnels of a run: each opens a door of its own, and can be opened and closed while it goes on.
//!
//! ```text
//! open ─ is it possible? ─ keys ─ probe ─ door and edge ─ listener ──> accept loop   (connections)
//!                                                         └ supervisor, lookout      (work)
//! close ─ nobody new ─ a grace for those inside ─ supervisor and child end
//! ```

mod lookout;
mod way;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::client_key::{self, MadeKey, RunKeys};
use super::{Options, StartError};
use crate::config::{self, Config, Tunnel};
use crate::proxy::current::Current;
use crate::server::Limits;
use crate::server::accept;
use crate::server::door::Door;
use crate::server::edge::{Edge, Rule};
use crate::server::probe::Probe;
use crate::telemetry::tunnel::{Board, Status, Trouble};
use crate::tunnel::closing::Closing;

use way::Way;

/// How long requests under way have when a tunnel is closed by hand: closing may be an alarm.
const CLOSE_GRACE: Duration = Duration::from_secs(5);

/// How long a tunnel takes to end at most: a child's grace, its kill, its last words, and a little.
const END_WITHIN: Duration = Duration::from_secs(10);

/// How much of the connections a process may have a public door takes at most: the owner's own share is
/// not for strangers.
const SHARE: usize = 4;

/// Most connections through one public door; a quick tunnel of Cloudflare has 200 requests in flight.
const MOST_CONNECTIONS: usize = 1_000;

/// Most connections of one address that has shown no key on them. A session with ngrok has some hundred for
/// everybody, and one stranger must not take them all.
const MOST_STRANGERS: usize = 240;

/// How long a connection through a tunnel may be idle. Its edge opens another whenever it needs one.
const STRANGERS_IDLE: Duration = Duration::from_secs(15);

/// Why a tunnel is not opened.
#[derive(Debug, thiserror::Error)]
pub enum TunnelError {
    /// It cannot work as things are.
    #[error("tunnel: {}", .0.message)]
    Impossible(Trouble),
    /// It is open, or still closing.
    #[error("the tunnel through {} is open already, or has not closed yet", .0.name())]
    AlreadyOpen(Tunnel),
    /// The gateway is ending.
    #[error("tunnel: the gateway is shutting down")]
    Ending,
    /// There is no place for its socket and files.
    #[error("tunnel: {}", .0.message)]
    NoPlace(Trouble),
}

impl TunnelError {
    /// What to do about it.
    pub fn hint(&self) -> Option<&str> {
        match self {
            TunnelError::Impossible(trouble) | TunnelError::NoPlace(trouble) => {
                trouble.hint.as_deref()
            }
            TunnelError::AlreadyOpen(_) | TunnelError::Ending => None,
        }
    }
}

/// The handle of a run's tunnels. Clones are the same tunnels.
#[derive(Clone)]
pub struct Tunnels(Arc<Inner>);

struct Inner {
    current: Arc<Current>,
    options: Options,
    keys: Arc<RunKeys>,
    board: Board,
    seed: u64,
    open: Mutex<Book>,
}

/// Which tunnels there are. One is in the book from before it is opened until it has ended, so that two
/// of a kind never share a line, a socket or a file.
#[derive(Default)]
struct Book {
    opened: BTreeMap<Tunnel, Opened>,
    /// Whether the gateway takes no more.
    is_closed: bool,
}

/// A tunnel that was opened, and may have ended by itself since.
#[derive(Clone)]
struct Opened {
    /// Gone with the last who came through its door: with it ends what holds while a public door stands open.
    edge: Weak<Edge>,
    closing: Closing,
    /// The door's connections and its accept loop.
    connections: TaskTracker,
    /// Supervisor and lookout.
    work: TaskTracker,
    /// Cancelled when there is no time to end in good order: the supervisor is dropped as it stands.
    now: CancellationToken,
}

/// Whether `tunnel` can work at all, as far as that can be known without asking anybody.
pub(super) fn check(tunnel: Tunnel, settings: &config::Tunnels) -> Result<(), TunnelError> {
    way::check(tunnel, settings).map_err(TunnelError::Impossible)
}

impl Tunnels {
    /// None yet.
    pub(super) fn new(
        current: Arc<Current>,
        options: Options,
        keys: Arc<RunKeys>,
        board: Board,
        seed: u64,
    ) -> Self {
        Self(Arc::new(Inner {
            current,
            options,
            keys,
            board,
            seed,
            open: Mutex::default(),
        }))
    }

    /// How they are.
    pub fn board(&self) -> &Board {
        &self.0.board
    }

    /// Opens a tunnel; how it goes is on the board. Returns the key that was made for its door, if the
    /// owner has not been told of it before.
    ///
    /// # Errors
    /// What can be known before anybody is asked: a missing program or token, a tunnel that is open.
    pub fn open(&self, tunnel: Tunnel) -> Result<Option<MadeKey>, StartError> {
        self.open_for(tunnel, &self.0.options)
    }

    /// The same for somebody who does not sit at the terminal: a key that is made for the door goes into a file.
    ///
    /// # Errors
    /// Those of [`Tunnels::open`].
    pub(super) fn open_unseen(&self, tunnel: Tunnel) -> Result<Option<MadeKey>, StartError> {
        let options = Options {
            shows_made_key: false,
            ..self.0.options.clone()
        };
        self.open_for(tunnel, &options)
    }

    fn open_for(&self, tunnel: Tunnel, options: &Options) -> Result<Option<MadeKey>, StartError> {
        let inner = &*self.0;
        // Held throughout: nothing below waits, and nobody else opens the same one meanwhile.
        let mut book = inner.open.lock();
        book.admit(tunnel, inner.board.statuses().get(&tunnel))?;
        let gateway = inner.current.load();
        let settings = &gateway.config().tunnels;
        check(tunnel, settings)?;
        let told = inner.hand_over(gateway.config(), options)?;
        let probe = Arc::new(Probe::new().map_err(StartError::Random)?);
        let way = Way::prepare(tunnel, settings, &inner.options)?;
        let opened = inner.start(tunnel, probe, way);
        book.opened.insert(tunnel, opened);
        Ok(told)
    }

    /// Closes a tunnel: nobody new comes in at once, and what is under way has a few seconds. It counts as
    /// open until it is closed.
    ///
    /// # Cancel safety
    /// What is not finished is left to the next call, or to the end of the run.
    pub async fn close(&self, tunnel: Tunnel) {
        let opened = self.0.open.lock().opened.get(&tunnel).cloned();
        let Some(opened) = opened else {
            return;
        };
        opened.drain();
        // Whoever is still inside then goes with the tunnel.
        let _ = tokio::time::timeout(CLOSE_GRACE, opened.connections.wait()).await;
        opened.end().await;
    }

    /// Whether one is open, or on its way.
    pub(super) fn is_any_open(&self) -> bool {
        let book = self.0.open.lock();
        book.opened
            .values()
            .any(|opened| !opened.closing.drain.is_cancelled())
    }

    /// Lets go of a generation that is not in force any more.
    pub(super) fn refresh(&self) {
        let edges = self.0.all();
        let edges = edges.iter().filter_map(|opened| opened.edge.upgrade());
        edges.for_each(|edge| edge.refresh());
    }

    /// Lets nobody new in, and opens no more.
    pub(super) fn drain(&self) {
        self.0.open.lock().is_closed = true;
        self.0.all().iter().for_each(Opened::drain);
    }

    /// Waits until nobody is inside.
    pub(super) async fn empty(&self) {
        for opened in self.0.all() {
            opened.connections.wait().await;
        }
    }

    /// Ends all of them.
    pub(super) async fn end(&self) {
        let all = self.0.all();
        let ends = all.iter().map(Opened::end);
        futures_util::future::join_all(ends).await;
    }

    /// Ends all of them without a word to anybody: their programs are killed.
    pub(super) async fn abandon(&self) {
        for opened in self.0.all() {
            opened.now.cancel();
            opened.end().await;
        }
    }
}

impl Inner {
    fn all(&self) -> Vec<Opened> {
        self.open.lock().opened.values().cloned().collect()
    }

    /// Lets the owner know the key of a public door, if one was made for it; says how, if that is news.
    fn hand_over(&self, config: &Config, options: &Options) -> Result<Option<MadeKey>, StartError> {
        if client_key::is_needed_by_tunnels(config) {
            self.keys.hand_over(options)
        } else {
            Ok(None)
        }
    }

    /// How the door of a tunnel follows the configuration.
    fn rule(&self, tunnel: Tunnel, probe: Arc<Probe>) -> Rule {
        let keys = self.keys.clone();
        Box::new(move |gateway, last| {
            let config = gateway.config();
            let (origins, rules) = (&config.server.cors, &config.tunnels.door);
            let keys = keys.public(config);
            Door::public(tunnel, origins, keys, rules, probe.clone()).behind(last)
        })
    }

    fn start(&self, tunnel: Tunnel, probe: Arc<Probe>, way: Way) -> Opened {
        let rule = self.rule(tunnel, probe.clone());
        let limits = public_limits(self.options.limits);
        // Ids that no other door gives out.
        let seed = self.seed.rotate_left(16 + tunnel as u32);
        let edge = Edge::new(self.current.clone(), rule, self.board.clone(), limits, seed);
        let edge = Arc::new(edge);
        let opened = Opened {
            edge: Arc::downgrade(&edge),
            closing: Closing::default(),
            connections: TaskTracker::new(),
            work: TaskTracker::new(),
            now: CancellationToken::new(),
        };
        let line = self.board.open(tunnel);
        let lookout = lookout::run(line.clone(), probe, way.advice());
        let over = opened.closing.over.clone();
        opened.work.spawn(async move {
            over.run_until_cancelled(lookout).await;
        });
        let (listener, supervise) = way.open(line, opened.closing.clone(), self.seed);
        let (closing, now) = (opened.closing.clone(), opened.now.clone());
        opened.work.spawn(async move {
            // It is dropped here if there is no time.
            let _ = now.run_until_cancelled(supervise).await;
            // It ended by itself, or was told to: nobody will come through this door any more.
            closing.drain.cancel();
            closing.over.cancel();
        });
        opened.connections.spawn(accept::run(
            listener,
            edge,
            limits,
            opened.closing.drain.clone(),
            opened.connections.clone(),
        ));
        opened
    }
}

impl Book {
    /// Whether `tunnel` can be opened now. One that has ended by itself can.
    fn admit(&self, tunnel: Tunnel, status: Option<&Status>) -> Result<(), TunnelError> {
        if self.is_closed {
            return Err(TunnelError::Ending);
        }
        let is_there = |opened: &Opened| !opened.work.is_empty() || !opened.connections.is_empty();
        // What ends by itself is on the board a moment before its tasks are gone.
        let is_over = status.is_some_and(|status| status.phase.is_final());
        if !is_over && self.opened.get(&tunnel).is_some_and(is_there) {
            return Err(TunnelError::AlreadyOpen(tunnel));
        }
        Ok(())
    }
}

impl Opened {
    fn drain(&self) {
        self.closing.drain.cancel();
        self.connections.close();
    }

    async fn end(&self) {
        self.drain();
        self.closing.over.cancel();
        self.work.close();
        if tokio::time::timeout(END_WITHIN, self.work.wait())
            .await
            .is_err()
        {
            tracing::warn!(target: "autogw::tunnel", "a tunnel did not end in time");
        }
    }
}

/// What clients may have of us behind a public door.
fn public_limits(usual: Limits) -> Limits {
    let share = (usual.connections / SHARE).max(1);
    Limits {
        connections: share.min(MOST_CONNECTIONS),
        per_address: MOST_STRANGERS,
        idle: STRANGERS_IDLE,
        ..usual
    }
}

impl fmt::Debug for Tunnels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let open = self.0.open.lock();
        f.debug_set().entries(open.opened.keys()).finish()
    }
}
