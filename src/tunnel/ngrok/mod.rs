//! The tunnel through ngrok: its connections arrive in this process, one by one.
//!
//! ```text
//! plan ──> session: dial · heartbeats · endpoint ──> lobby ──> the door
//!             │ lost · stopped · restarted
//!             └──> supervisor: waits, and opens another · gives up · tells the board
//! ```
//!
//! The crate speaks ngrok's protocol; what keeps a tunnel alive is here, because the crate waits without
//! a limit between attempts, does not act on missed heartbeats, forgets to listen for a stop after a
//! reconnect, and keeps connections open that were dropped.
//!
//! A domain that another session holds is waited for for a minute: so long ngrok may keep a dead session
//! of our own. After that the other one is alive, and the tunnel has failed. To go on waiting would take
//! the domain from a machine that sleeps, which would then take it back; and to share it (ngrok's pooling)
//! would send half of the requests to each of two gateways, with nobody told.

mod codes;
mod dial;
mod heartbeat;
mod killable;
mod lobby;
mod plan;
mod session;
mod trouble;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio::time::timeout;

use self::codes::Remedy;
use self::lobby::Lobby;
use self::plan::Plan;
use self::session::{Ended, Session};
use self::trouble::Failure;
use super::backoff::Pauses;
use super::closing::Closing;
use crate::config::Ngrok;
use crate::telemetry::tunnel::{Line, Phase, Trouble};

pub use self::codes::{explain, is_code};
pub use self::lobby::Connection;

/// Longest pause while a domain is held, so that it is not missed for long when it is free.
const LONGEST_FOR_DOMAIN: Duration = Duration::from_secs(5);

/// How long things may take.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// Between heartbeats.
    pub every: Duration,
    /// How late a heartbeat may be. Two missed ones end a session.
    pub tolerance: Duration,
    /// How long a domain that is in use is tried again.
    pub taken: Duration,
    /// How long ngrok may take to connect and greet, and then to answer a call.
    pub answer: Duration,
}

impl Default for Pace {
    /// Heartbeats as ngrok's own agent sends them. ngrok keeps a dead session for most of a minute. A slow
    /// network has answered after 15 seconds, a firewall never will.
    fn default() -> Self {
        Self {
            every: Duration::from_secs(10),
            tolerance: Duration::from_secs(15),
            taken: Duration::from_mins(1),
            answer: Duration::from_secs(15),
        }
    }
}

/// Whether a tunnel can be opened with these settings; asks nobody.
pub fn check(settings: &Ngrok) -> Result<(), Trouble> {
    Plan::new(settings).map(drop)
}

/// Keeps a tunnel open until it is told to close, is stopped by ngrok, or cannot work. Connections go
/// through `door` with the addresses of their clients; `seed` sets the pauses apart from other gateways'.
pub async fn run<V>(settings: Ngrok, door: mpsc::Sender<V>, line: Line, closing: Closing, seed: u64)
where
    V: From<(Connection, SocketAddr)> + Send + 'static,
{
    run_at(Pace::default(), settings, door, line, closing, seed).await;
}

/// [`run`] at another pace.
pub async fn run_at<V>(
    pace: Pace,
    settings: Ngrok,
    door: mpsc::Sender<V>,
    line: Line,
    closing: Closing,
    seed: u64,
) where
    V: From<(Connection, SocketAddr)> + Send + 'static,
{
    let end = match Plan::new(&settings) {
        Ok(plan) => {
            let supervisor = Supervisor {
                plan,
                pace,
                door,
                line: line.clone(),
                closing,
                pauses: Pauses::new(seed),
                taken_since: None,
                was_up: false,
            };
            supervisor.keep().await
        }
        Err(trouble) => Err(trouble),
    };
    line.update(|status| {
        status.phase = end.map_or_else(Phase::Failed, Phase::Stopped);
        status.url = None;
    });
}

/// See the module's head.
struct Supervisor<V> {
    plan: Plan,
    pace: Pace,
    door: mpsc::Sender<V>,
    line: Line,
    closing: Closing,
    pauses: Pauses,
    /// Since when ngrok has said nothing but that the domain is in use.
    taken_since: Option<Instant>,
    was_up: bool,
}

impl<V: From<(Connection, SocketAddr)>> Supervisor<V> {
    /// Opens one session after the other, up to an end that is meant or a trouble that stays.
    async fn keep(mut self) -> Result<Option<Trouble>, Trouble> {
        loop {
            let opened = tokio::select! {
                () = self.closing.told() => return Ok(None),
                opened = Session::open(&self.plan, self.pace) => opened,
            };
            let began = Instant::now();
            let ended = match opened {
                Ok(session) => self.serve(session).await,
                Err(failure) => Some(Ended::Lost(failure)),
            };
            let up = began.elapsed();
            let pause = match ended {
                None | Some(Ended::Left) => return Ok(None),
                Some(Ended::Stopped(words)) => return Ok(Some(self.stopped(&words))),
                Some(Ended::Restart) => self.restart(up),
                Some(Ended::Lost(failure)) => self.put_off(failure, up)?,
            };
            if timeout(pause, self.closing.told()).await.is_ok() {
                return Ok(None);
            }
        }
    }

    /// Serves a session to its end; `None` when it was told to close.
    async fn serve(&mut self, mut session: Session) -> Option<Ended> {
        self.announce(session.url());
        let mut lobby = Lobby::new(self.door.clone());
        let ended = tokio::select! {
            // First, as the door closes with it: nobody behind the door is then no reason to hang up.
            biased;
            () = self.closing.told() => None,
            ended = session.serve(&mut lobby, &self.line) => Some(ended),
        };
        match &ended {
            Some(Ended::Lost(_)) => session.abandon().await,
            Some(_) => session.close().await,
            None => {
                let over = &self.closing.over;
                session.drain(&mut lobby, &self.line, over).await;
                session.close().await;
            }
        }
        ended
    }

    fn announce(&mut self, url: &str) {
        self.taken_since = None;
        let is_back = std::mem::replace(&mut self.was_up, true);
        self.line.update(|status| {
            status.phase = Phase::Online;
            status.url = Some(url.to_owned());
            if is_back {
                status.count_restart();
            }
        });
    }

    /// The pause before a session that ngrok asked for. It may not ask without end.
    fn restart(&mut self, up: Duration) -> Duration {
        self.line.phase(Phase::Starting);
        self.pauses.next(up, Duration::ZERO)
    }

    /// The pause before the next attempt; the trouble, if there is to be none.
    fn put_off(&mut self, failure: Failure, up: Duration) -> Result<Duration, Trouble> {
        let Failure { trouble, remedy } = failure;
        let is_over = match remedy {
            Remedy::Change => true,
            Remedy::Release => self.is_taken_for_good(),
            Remedy::Time | Remedy::Rest(_) => {
                self.taken_since = None;
                false
            }
        };
        if is_over {
            return Err(trouble);
        }
        let pause = self.pause(remedy, up);
        self.line.phase(Phase::Waiting {
            attempt: self.pauses.failures(),
            until: Instant::now() + pause,
            trouble,
        });
        Ok(pause)
    }

    fn is_taken_for_good(&mut self) -> bool {
        let since = self.taken_since.get_or_insert_with(Instant::now);
        since.elapsed() >= self.pace.taken
    }

    fn pause(&mut self, remedy: Remedy, up: Duration) -> Duration {
        match remedy {
            Remedy::Rest(least) => self.pauses.next(up, least),
            Remedy::Change | Remedy::Time => self.pauses.next(up, Duration::ZERO),
            Remedy::Release => self.pauses.next(up, Duration::ZERO).min(LONGEST_FOR_DOMAIN),
        }
    }

    /// That ngrok ended it is no failure, but somebody will ask why it is gone.
    fn stopped(&self, words: &str) -> Trouble {
        Trouble::new(format!("ngrok stopped it: {}", self.plan.foreign(words)))
            .with_hint("start it again when that is settled")
    }
}
