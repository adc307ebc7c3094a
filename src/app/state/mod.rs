//! State: what the gateway knows of keys and targets, kept across restarts.
//!
//! ```text
//! start   the file is read, and health goes on from it; one that cannot be read is set aside, loudly
//! run     every two seconds, if something changed, it is written anew; the request path knows nothing of it
//! end     once more
//! ```
//!
//! Nothing here stops the gateway: where the file cannot be written it says so once, serves on, and says so
//! when it can be again. Of two gateways with one file the first writes; the second reads, keeps its own
//! knowledge to itself, and takes over when the first has ended.

mod file;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use self::file::StateFile;
use crate::config::{Config, Home, Name};
use crate::health::snapshot::{Kept, Known, Salt, Snapshot};
use crate::health::{Clock, Health};
use crate::proxy::call::{ENDPOINTS, Endpoint};
use crate::proxy::current::Current;
use crate::proxy::gateway::Gateway;
use crate::route::plan::Keyring;

/// How often it is written at most: what a killed gateway forgets is never older.
const EVERY: Duration = Duration::from_secs(2);

/// Where the state of a run with this home and name is kept; `None` if nowhere.
pub(super) fn path(config: &Config, home: &Home, name: Option<&Name>) -> Option<PathBuf> {
    let path = config.router.persistence_path.as_ref()?;
    if *path != home.state_file(None) {
        return Some(path.clone());
    }
    // The usual place is for what is worth knowing tomorrow: simulations are not.
    let is_real = config
        .providers
        .iter()
        .any(|provider| provider.demo.is_none());
    is_real.then(|| home.state_file(name))
}

/// Lets the health of `gateway` go on from what the last run with this home and name has kept, if there is
/// anything: returns where. The file is read and nothing else: a gateway that runs meanwhile is not disturbed.
///
/// # Errors
/// What is kept cannot be read; says what and why.
pub fn recall(
    gateway: &Gateway,
    home: &Home,
    name: Option<&Name>,
) -> Result<Option<PathBuf>, String> {
    let Some(path) = path(gateway.config(), home, name) else {
        return Ok(None);
    };
    let unusable = |reason: String| format!("{} cannot be used: {reason}", path.display());
    match read(&StateFile::at(&path)).map_err(unusable)? {
        Some(snapshot) => {
            let kept = kept(&snapshot, gateway, Instant::now(), SystemTime::now());
            gateway.health().resume(&kept, Instant::now());
            Ok(Some(path))
        }
        None => Ok(None),
    }
}

fn read(file: &StateFile) -> Result<Option<Snapshot>, String> {
    let Some(bytes) = file.read().map_err(|error| error.to_string())? else {
        return Ok(None);
    };
    let snapshot = Snapshot::parse(&bytes).map_err(|error| error.to_string())?;
    Ok(Some(snapshot))
}

/// What `snapshot` says of the keys and targets that `gateway` has.
fn kept(snapshot: &Snapshot, gateway: &Gateway, now: Instant, wall: SystemTime) -> Kept {
    let health: &Health = gateway.health();
    let known = known(gateway.keyrings());
    snapshot.kept(&known, |class| health.longest_rest(class), now, wall)
}

/// Keeps the state of a gateway in its file.
#[derive(Debug)]
pub(super) struct Keeper {
    file: StateFile,
    current: Arc<Current>,
    salt: Salt,
    clock: Clock,
    /// What the file says, as far as this gateway has read or written it.
    written: Option<Snapshot>,
    trouble: Option<Trouble>,
}

/// Why nothing is kept at the moment. Each is said once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trouble {
    /// Another gateway keeps the file.
    Taken,
    /// It cannot be written.
    Unwritable,
}

/// A keeper, and what a person should be told of the file it found.
pub(super) struct Opened {
    pub(super) keeper: Keeper,
    pub(super) notes: Vec<String>,
}

/// Reads the state at `path` into the health of the gateway. `salt` is for a file that has none yet.
pub(super) fn open(path: &Path, current: &Arc<Current>, salt: Salt) -> Opened {
    let (now, wall) = (Instant::now(), SystemTime::now());
    let mut keeper = Keeper {
        file: StateFile::at(path),
        current: current.clone(),
        salt,
        clock: Clock::new(now, wall),
        written: None,
        trouble: None,
    };
    let mut notes = Vec::new();
    let is_ours = keeper.claim();
    match read(&keeper.file) {
        Ok(Some(snapshot)) => keeper.resume(&snapshot, now, wall),
        Ok(None) => {}
        // While another gateway writes it, the file is that one's affair.
        Err(reason) if is_ours => notes.push(keeper.set_aside(&reason, wall)),
        Err(reason) => {
            tracing::warn!(target: "autogw::state", path = %path.display(), reason, "the state file cannot be read");
        }
    }
    notes.extend(keeper.complaint());
    Opened { keeper, notes }
}

impl Keeper {
    /// Keeps the state until `over`, and once more then.
    pub(super) async fn run(mut self, over: CancellationToken) {
        let mut beat = interval(EVERY);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let is_over = tokio::select! {
                biased;
                () = over.cancelled() => true,
                _ = beat.tick() => false,
            };
            let keeping = tokio::task::spawn_blocking(move || {
                self.keep(Instant::now(), SystemTime::now());
                self
            });
            let Ok(keeper) = keeping.await else {
                return tracing::error!(target: "autogw::state", "the state is no longer kept");
            };
            self = keeper;
            if is_over {
                return;
            }
        }
    }

    /// Writes the file if it does not say yet what is known.
    fn keep(&mut self, now: Instant, wall: SystemTime) {
        if !self.claim() {
            return;
        }
        self.clock = self.clock.kept(now, wall);
        let kept = self.current.load().health().kept(now);
        if self.written.is_none() && kept == Kept::default() && self.trouble.is_none() {
            // Nothing has happened yet, and a file that is not there says that already.
            return;
        }
        let snapshot = Snapshot::of(kept, self.salt, &self.clock, now);
        let is_news = |written: &Snapshot| !written.says_the_same_as(&snapshot);
        if self.trouble.is_none() && !self.written.as_ref().is_none_or(is_news) {
            return;
        }
        match self.file.write(&snapshot.to_bytes()) {
            Ok(()) => {
                self.written = Some(snapshot);
                self.recovered();
            }
            Err(error) => self.unwritable(&error),
        }
    }

    /// Whether the file is for this gateway to write.
    fn claim(&mut self) -> bool {
        match self.file.claim() {
            Ok(true) => {
                if self.trouble == Some(Trouble::Taken) {
                    self.recovered();
                }
                true
            }
            Ok(false) => {
                self.say(Trouble::Taken, "another gateway keeps its state there");
                false
            }
            Err(error) => {
                self.unwritable(&error);
                false
            }
        }
    }

    fn unwritable(&mut self, error: &io::Error) {
        self.say(Trouble::Unwritable, &error.to_string());
    }

    fn say(&mut self, trouble: Trouble, reason: &str) {
        if self.trouble.replace(trouble) != Some(trouble) {
            tracing::warn!(target: "autogw::state", path = %self.file.path().display(), reason, "the state of keys and targets is not kept");
        }
    }

    fn recovered(&mut self) {
        if self.trouble.take().is_some() {
            tracing::info!(target: "autogw::state", path = %self.file.path().display(), "the state of keys and targets is kept again");
        }
    }

    /// What a person should know of the trouble there is.
    fn complaint(&self) -> Option<String> {
        let path = self.file.path().display();
        Some(match self.trouble? {
            Trouble::Taken => format!(
                "another gateway keeps its state in {path}: what this one learns is not kept while that runs"
            ),
            Trouble::Unwritable => format!("{path} cannot be written: what is learned is not kept"),
        })
    }

    fn resume(&mut self, snapshot: &Snapshot, now: Instant, wall: SystemTime) {
        self.salt = snapshot.salt().unwrap_or(self.salt);
        let gateway = self.current.load();
        let kept = kept(snapshot, &gateway, now, wall);
        gateway.health().resume(&kept, now);
        self.written = Some(snapshot.clone());
        tracing::info!(target: "autogw::state", resting = kept.rests.len(), targets = kept.pasts.len(), "state restored");
    }

    /// Moves a file that cannot be used out of the way; says so to whoever starts the gateway.
    fn set_aside(&self, reason: &str, wall: SystemTime) -> String {
        let path = self.file.path().display();
        let aside = self.file.set_aside(wall);
        let note = match &aside {
            Ok(aside) => format!(
                "the state file {path} cannot be used and was moved to {}: {reason}",
                aside.display()
            ),
            Err(error) => {
                format!("the state file {path} cannot be used ({reason}), nor moved: {error}")
            }
        };
        tracing::warn!(target: "autogw::state", "{note}");
        note
    }
}

/// Whom a state file may speak of.
fn known(keyrings: &[Keyring]) -> Known {
    let keys = |ring: &Keyring| (ring.provider.name.clone(), ring.key_ids.clone());
    Known {
        keys: keyrings.iter().map(keys).collect(),
        services: ENDPOINTS.iter().map(Endpoint::service).collect(),
    }
}
