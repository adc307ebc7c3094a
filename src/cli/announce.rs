//! What `start` says about tunnels while the gateway runs: to a person what is news, to a program every
//! change.
//!
//! ```text
//! telemetry::tunnel::Board ── follow ──> news: what, and when ──> text, qr ──┬── speaker ──> stderr
//!                                   └──> each change, as JSON ───────────────┘          └──> stdout
//! ```
//!
//! Statuses are absolute, so whatever was missed or held back is made good by the next word.

mod news;
mod qr;
mod speaker;
mod text;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::watch;

use super::banner::ClientKey;
use super::page::terminal_width;
use crate::config::Tunnel;
use crate::provider::Redactor;
use crate::telemetry::foreign;
use crate::telemetry::tunnel::{Check, Phase, Status, Statuses, Trouble};

use news::Line;

pub use speaker::Speaker;

/// The modules whose log lines say what a person is told here.
pub const TOLD: &[&str] = &["autogw::telemetry::tunnel", "autogw::app::tunnels::lookout"];

/// What an announcement needs beside the status.
#[derive(Debug, Clone)]
pub struct Facts {
    /// What clients have to present at a public door; `Open` is a key that has not been told.
    pub client_key: ClientKey,
    /// The name to give to Cursor.
    pub cursor_model: String,
    /// Whether the address is drawn as a QR code, too.
    pub shows_qr: bool,
}

/// Who listens.
#[derive(Debug)]
pub enum Audience {
    /// Somebody at a terminal, or reading what it said.
    Person(Facts),
    /// A program that reads a JSON object per line.
    Program,
}

/// Tells what becomes of the tunnels.
#[derive(Debug)]
pub struct Announcer {
    audience: Audience,
    redactor: Arc<Redactor>,
    /// The tunnel that the banner spoke of.
    introduced: Option<Tunnel>,
    lines: BTreeMap<Tunnel, Line>,
    /// What a program was told last.
    known: BTreeMap<Tunnel, Status>,
}

/// What goes to which stream.
#[derive(Debug, PartialEq, Eq)]
pub enum Words {
    /// A line of data.
    Data(String),
    /// Talk, with ANSI colours.
    Talk(String),
}

impl Announcer {
    /// Nothing has been said yet, but for the banner's word that a tunnel is being opened.
    pub fn new(
        audience: Audience,
        introduced: Option<(Tunnel, Status)>,
        redactor: Arc<Redactor>,
    ) -> Self {
        Self {
            audience,
            redactor,
            introduced: introduced.as_ref().map(|(tunnel, _)| *tunnel),
            lines: BTreeMap::new(),
            known: introduced.into_iter().collect(),
        }
    }

    /// Has `speaker` say what there is to be said, from now on and without an end. `board` is the gateway's.
    ///
    /// # Cancel safety
    ///
    /// Dropping it between two words loses nothing.
    pub async fn follow(
        &mut self,
        board: &mut watch::Receiver<Statuses>,
        speaker: &Speaker,
    ) -> Infallible {
        loop {
            // What changes until there is room is heard as one change.
            let room = speaker.room().await;
            let words = self.news(board);
            if !words.is_empty() {
                room.send(words);
            }
            match self.due() {
                None => changed(board).await,
                Some(due) => tokio::select! {
                    () = changed(board) => {}
                    () = tokio::time::sleep_until(due.into()) => {}
                },
            }
        }
    }

    /// What there is to say of `board` now, on this terminal.
    pub fn news(&mut self, board: &mut watch::Receiver<Statuses>) -> Vec<Words> {
        let statuses = board.borrow_and_update().clone();
        self.hear(&statuses, Instant::now(), terminal_width())
    }

    /// What there is to say at `now`, on a terminal of `width` columns, when the tunnels are like this.
    pub fn hear(&mut self, statuses: &Statuses, now: Instant, width: usize) -> Vec<Words> {
        let statuses = statuses.iter();
        let statuses = statuses.map(|(tunnel, status)| (*tunnel, self.cleaned(status)));
        let statuses: Vec<(Tunnel, Status)> = statuses.collect();
        let mut words = Vec::new();
        for (tunnel, status) in statuses {
            let word = match &self.audience {
                Audience::Program => self.datum(tunnel, status),
                Audience::Person(_) => self.talk(tunnel, &status, now, width),
            };
            words.extend(word);
        }
        words
    }

    /// When there may be something to say without anything new to hear.
    pub fn due(&self) -> Option<Instant> {
        self.lines.values().filter_map(Line::due).min()
    }

    fn datum(&mut self, tunnel: Tunnel, status: Status) -> Option<Words> {
        let known = self.known.get(&tunnel);
        if known.is_some_and(|known| says_the_same(known, &status)) {
            return None;
        }
        let line = serde_json::json!({ "tunnel": status.to_json(tunnel) });
        self.known.insert(tunnel, status);
        Some(Words::Data(line.to_string()))
    }

    fn talk(
        &mut self,
        tunnel: Tunnel,
        status: &Status,
        now: Instant,
        width: usize,
    ) -> Option<Words> {
        let introduced = self.introduced == Some(tunnel);
        let line = self.lines.entry(tunnel);
        let line = line.or_insert_with(|| Line::new(introduced, status, now));
        line.hear(status, now);
        let telling = line.tell(now)?;
        let Audience::Person(facts) = &self.audience else {
            return None;
        };
        let text = text::render(telling, tunnel, line.status(), facts, now, width);
        Some(Words::Talk(text))
    }

    /// `status` without secrets, and with nothing in its texts that a terminal would obey: some of them
    /// come from the other end of a wire.
    fn cleaned(&self, status: &Status) -> Status {
        let clean = |text: &str| foreign::shown(text, &self.redactor, LONGEST);
        let trouble = |trouble: &Trouble| Trouble {
            code: trouble.code.as_deref().map(clean),
            message: clean(&trouble.message),
            hint: trouble.hint.as_deref().map(clean),
        };
        Status {
            phase: match &status.phase {
                Phase::Degraded(why) => Phase::Degraded(trouble(why)),
                Phase::Failed(why) => Phase::Failed(trouble(why)),
                Phase::Stopped(why) => Phase::Stopped(why.as_ref().map(trouble)),
                Phase::Waiting {
                    attempt,
                    until,
                    trouble: why,
                } => Phase::Waiting {
                    attempt: *attempt,
                    until: *until,
                    trouble: trouble(why),
                },
                plain @ (Phase::Starting | Phase::UrlKnown | Phase::Online) => plain.clone(),
            },
            url: status.url.as_deref().map(clean),
            check: match &status.check {
                Check::Failed { reason } => Check::Failed {
                    reason: clean(reason),
                },
                other => other.clone(),
            },
            ..status.clone()
        }
    }
}

/// Whether nothing changed but the latency: it does so with every heartbeat.
fn says_the_same(a: &Status, b: &Status) -> bool {
    (&a.phase, &a.url, a.restarts, &a.check) == (&b.phase, &b.url, b.restarts, &b.check)
}

/// The next change of the board. The last word of a gateway that is gone was spoken: then never.
async fn changed(board: &mut watch::Receiver<Statuses>) {
    if board.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Longest text that is shown: a quote, and what is said of it.
const LONGEST: usize = 400;

#[cfg(test)]
mod tests;
