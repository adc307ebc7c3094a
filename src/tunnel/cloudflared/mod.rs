//! The public door through cloudflared: a child process that connects Cloudflare's edge to our socket.
//!
//! ```text
//! run ── command ──> child: own thread · own process group ──> autogw tunnel-child ──exec──> cloudflared
//!  │                   └ pipes ──> output: lines, facts ──> story ──┐
//!  └── life: URL → ready → ups and downs <── metrics (loopback) <───┴── trouble: why it ended
//! ```
//!
//! It ends with the gateway however that ends: a run that is stopped or dropped ends it, and on Linux the
//! kernel does where the gateway is killed (the hidden verb `tunnel-child` asks it to).
//! Where it ends by itself it is started again, with growing pauses and, for a quick tunnel, a new URL.

mod child;
mod command;
mod config_file;
mod find;
mod journal;
mod life;
mod metrics;
mod output;
mod story;
mod trouble;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use crate::config;
use crate::provider::Redactor;
use crate::telemetry::tunnel::{Line, Phase, Trouble};

use super::backoff::Pauses;
use super::closing::Closing;
use child::Child;
use config_file::ConfigFile;
use journal::Journal;
use life::Life;
use story::Story;
use trouble::{Cure, Failure};

pub use find::find;

/// How the hidden verb begins when it cannot become the program.
pub const CANNOT_EXECUTE: &str = "cannot execute";

/// Where a run of cloudflared finds and leaves its things.
#[derive(Debug, Clone)]
pub struct Place {
    /// The autogw binary, for the hidden verb that becomes the program.
    pub launcher: PathBuf,
    /// The door's Unix socket, which is listened on already.
    pub socket: PathBuf,
    /// The configuration file that is written, and removed at the end.
    pub config: PathBuf,
}

/// How long the program may take for what.
#[derive(Debug, Clone)]
pub struct Limits {
    /// To tell the URL of a quick tunnel. It gives up by itself after half of it if nobody answers.
    pub url: Duration,
    /// To be connected after that: QUIC is tried for some seconds before HTTP/2.
    pub ready: Duration,
    /// To end when told to. It takes a second of its own (`TUNNEL_GRACE_PERIOD`), and then some.
    pub grace: Duration,
    /// To be taken in again by an edge that says it does not know the quick tunnel.
    pub forgotten: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            url: Duration::from_secs(30),
            ready: Duration::from_secs(30),
            grace: Duration::from_secs(3),
            forgotten: Duration::from_mins(1),
        }
    }
}

/// How one run of the program ended.
enum Ending {
    /// As it was told to.
    Told,
    /// After having been up for so long.
    Failed(Failure, Duration, Story),
}

/// Keeps cloudflared running and connected until told to close, or until it cannot work.
///
/// # Cancel safety
/// If the future is dropped the program is killed and its configuration file removed.
pub async fn run(
    settings: config::Cloudflared,
    place: Place,
    line: Line,
    closing: Closing,
    seed: u64,
) {
    run_within(Limits::default(), settings, place, line, closing, seed).await;
}

/// The same with other limits.
pub async fn run_within(
    limits: Limits,
    settings: config::Cloudflared,
    place: Place,
    line: Line,
    closing: Closing,
    seed: u64,
) {
    let keeper = Keeper {
        redactor: Redactor::new(&settings.token),
        limits,
        settings,
        place,
        line,
        closing,
    };
    let end = match keeper.keep(Pauses::new(seed)).await {
        Ok(()) => Phase::Stopped(None),
        Err(trouble) => Phase::Failed(trouble),
    };
    keeper.line.update(|status| {
        status.phase = end;
        status.url = None;
    });
}

struct Keeper {
    limits: Limits,
    settings: config::Cloudflared,
    place: Place,
    line: Line,
    closing: Closing,
    redactor: Redactor,
}

impl Keeper {
    /// Starts the program again and again, until told to close or for ever past help.
    async fn keep(&self, mut pauses: Pauses) -> Result<(), Trouble> {
        let program = find(&self.settings)?;
        let config = ConfigFile::write(&self.place.config, &self.place.socket);
        let _config = config.map_err(|error| trouble::no_config(&error))?;
        let mut was_up = false;
        while !self.is_told() {
            let ending = self.run_once(&program, was_up).await;
            let Ending::Failed(failure, up, story) = ending else {
                break;
            };
            was_up |= up > Duration::ZERO;
            journal::last_lines(&story, &self.redactor);
            let (trouble, cure) = failure.explain(&story, &self.redactor);
            let Cure::Again(least) = cure else {
                return Err(trouble);
            };
            let pause = pauses.next(up, least);
            self.wait(pause, pauses.failures(), trouble).await;
        }
        Ok(())
    }

    /// Starts the program and stays until it has ended. `was_up` is whether an earlier run has been.
    async fn run_once(&self, program: &Path, was_up: bool) -> Ending {
        let inherited = std::env::vars_os();
        let command = command::command(program, &self.settings, &self.place, inherited);
        let mut story = Story::default();
        let (child, pipes) = match Child::start(command).await {
            Ok(started) => started,
            Err(error) => return Ending::Failed(Failure::NotStarted(error), Duration::ZERO, story),
        };
        let mut life = Life::new(self, story.subscribe(), was_up);
        let mut journal = Journal::new(Instant::now());
        // A killed program that does not end is not listened to either.
        let over = CancellationToken::new();
        let listening = pipes.listen(over.cancelled(), |line| {
            if let Some(warning) = story.hear(line) {
                journal.tell(warning, &self.redactor, Instant::now());
            }
        });
        let living = async {
            let failure = self.live(&child, &mut life).await;
            over.cancel();
            failure
        };
        let (failure, ()) = tokio::join!(living, listening);
        match failure {
            None => Ending::Told,
            Some(failure) => Ending::Failed(failure, life.up(), story),
        }
    }

    /// Stays with the program until it has ended; `None` if it was told to.
    async fn live(&self, child: &Child, life: &mut Life<'_>) -> Option<Failure> {
        let failure = tokio::select! {
            biased;
            () = self.closing.over.cancelled() => None,
            status = child.ended() => Some(Failure::Exited(status)),
            failure = life.follow() => Some(failure),
        };
        child.stop(self.limits.grace).await;
        failure
    }

    /// Waits before the next run, or until told to close.
    async fn wait(&self, pause: Duration, attempt: u32, trouble: Trouble) {
        if self.is_told() {
            return;
        }
        self.line.update(|status| {
            status.url = None;
            status.phase = Phase::Waiting {
                attempt,
                until: Instant::now() + pause,
                trouble,
            };
        });
        // Whether it was told is asked next.
        let _ = tokio::time::timeout(pause, self.closing.told()).await;
    }

    /// Whether no further run is wanted: one that runs goes on until it is over.
    fn is_told(&self) -> bool {
        self.closing.drain.is_cancelled() || self.closing.over.is_cancelled()
    }
}
