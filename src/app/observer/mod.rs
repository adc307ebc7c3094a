//! The observer: it looks into the books while somebody watches, and tells what has changed.
//!
//! ```text
//! task       once a second always, ten times a second while somebody watches
//! picture    what was told last: a look compares with it, and publishes the difference
//!   about · course (of the figures) · providers, standing · requests · tunnels     one idea each: books → rows
//! ```
//!
//! Nothing here is on the path of a request, and nobody waits for it. A snapshot is a look of its own: what it shows
//! was published before, so whoever has watched since before it misses nothing.

mod about;
mod course;
mod moment;
mod picture;
mod providers;
mod requests;
mod standing;
mod task;
mod tunnels;

use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Notify;

use self::moment::Moment;
use self::picture::{Depth, Picture};
use self::providers::Seen;
use self::standing::Reach;
use super::{Address, Options, Tunnels};
use crate::proxy::current::Current;
use crate::proxy::gateway::Gateway;
use crate::telemetry::bus::{Bus, Watch};
use crate::telemetry::log::Tail;
use crate::telemetry::snapshot::{ProviderDetail, Reloaded, RequestDetail, Snapshot, Steering};
use crate::telemetry::tunnel::Board;

/// What there is to look at, and what never changes.
pub(super) struct Facts {
    current: Arc<Current>,
    board: Board,
    tail: Option<Arc<Tail>>,
    /// Its random name.
    pub(super) instance: String,
    /// `--name`.
    name: Option<String>,
    /// Where it answers.
    url: String,
    /// When it was started, in milliseconds since 1970.
    started_ms: u64,
}

/// See the module's head. Clones are the same observer.
#[derive(Clone)]
pub(super) struct Observer(Arc<Inner>);

struct Inner {
    facts: Facts,
    bus: Bus,
    picture: Mutex<Picture>,
    /// Somebody has begun to watch.
    wanted: Notify,
}

impl Facts {
    /// Those of a run that begins now.
    pub(super) fn new(
        current: &Arc<Current>,
        tunnels: &Tunnels,
        address: &Address,
        options: &Options,
    ) -> Self {
        let name = options.name.as_ref();
        Self {
            instance: current.load().via().to_owned(),
            current: current.clone(),
            board: tunnels.board().clone(),
            tail: options.tail.clone(),
            name: name.map(|name| name.as_str().to_owned()),
            url: address.url().unwrap_or_else(|| format!("unix:{address}")),
            started_ms: Moment::first().now_ms(),
        }
    }

    /// The gateway as it is configured now.
    pub(super) fn gateway(&self) -> Arc<Gateway> {
        self.current.load()
    }

    /// Log lines that were lost so far.
    fn lost_lines(&self) -> u64 {
        self.tail.as_ref().map_or(0, |tail| tail.lost_lines())
    }

    /// How the last reload went.
    fn reloaded(&self) -> Option<Reloaded> {
        self.current.reloaded().map(|told| (*told).clone())
    }

    /// What was changed by hand.
    fn steering(&self, moment: Moment) -> Steering {
        self.gateway().steering().view(moment.now)
    }
}

impl Observer {
    /// An observer that has told nothing yet.
    pub(super) fn new(facts: Facts) -> Self {
        Self(Arc::new(Inner {
            facts,
            bus: Bus::default(),
            picture: Mutex::new(Picture::new()),
            wanted: Notify::new(),
        }))
    }

    /// Where it tells what has changed.
    pub(super) fn bus(&self) -> &Bus {
        &self.0.bus
    }

    /// Hears what it tells from now on.
    pub(super) fn watch(&self) -> Watch {
        let watch = self.0.bus.watch();
        self.0.wanted.notify_one();
        watch
    }

    /// What it looks at.
    pub(super) fn facts(&self) -> &Facts {
        &self.0.facts
    }

    /// How everything is now.
    pub(super) fn snapshot(&self) -> Snapshot {
        let mut picture = self.0.picture.lock();
        picture.look(&self.0.facts, &self.0.bus, Depth::Everything);
        picture.told().clone()
    }

    fn look(&self, depth: Depth) {
        let mut picture = self.0.picture.lock();
        picture.look(&self.0.facts, &self.0.bus, depth);
    }

    /// The page of a provider.
    pub(super) fn provider(&self, name: &str) -> Option<ProviderDetail> {
        let facts = &self.0.facts;
        let gateway = facts.gateway();
        let mut rings = gateway.keyrings().iter();
        let place = rings.position(|ring| *ring.provider.name == *name)?;
        let (row, moment) = {
            let mut picture = self.0.picture.lock();
            picture.look(facts, &self.0.bus, Depth::Everything);
            let told = &picture.told().providers;
            let row = told.iter().find(|row| row.name == name).cloned();
            (row?, picture.moment())
        };
        let steering = facts.steering(moment);
        let tried = gateway.health().targets();
        let seen = Seen::new(&gateway, place, &tried, &steering, Reach::Many, moment);
        Some(seen.page(row))
    }

    /// The page of a request, by its id or its number.
    pub(super) fn request(&self, id: &str) -> Option<RequestDetail> {
        let moment = self.0.picture.lock().moment().next();
        requests::page(&self.0.facts.gateway(), id, moment)
    }
}

impl fmt::Debug for Observer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Observer").finish_non_exhaustive()
    }
}
