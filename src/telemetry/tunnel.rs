//! How the tunnels are: one board that their supervisors write on, and everybody else reads.
//!
//! Values are absolute, so a reader that missed some is right again with the next one.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::config::Tunnel;
use crate::provider::Redactor;

/// The target of log lines about tunnels.
pub const TARGET: &str = "autogw::tunnel";

/// How one tunnel is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// What it is doing.
    pub phase: Phase,
    /// Since when.
    pub since: Instant,
    /// Its public base URL without a slash at the end, as soon as it is known and as long as it holds.
    pub url: Option<String>,
    /// Round trip to its edge, or through it and back.
    pub latency: Option<Duration>,
    /// How often it came back: was up again after having been up before.
    pub restarts: u32,
    /// What a request through the public URL showed.
    pub check: Check,
}

/// What a tunnel is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Phase {
    /// It is being opened for the first time, or again without having failed.
    Starting,
    /// Its URL is known, and does not answer yet.
    UrlKnown,
    /// It is up.
    Online,
    /// Its program runs without a connection to its edge.
    Degraded(Trouble),
    /// It failed, and is opened again at `until`; `attempt` counts from 1.
    Waiting {
        /// Failures in a row.
        attempt: u32,
        /// When it goes on.
        until: Instant,
        /// What happened.
        trouble: Trouble,
    },
    /// It failed in a way that waiting does not mend.
    Failed(Trouble),
    /// It was closed: here, or by its provider for the reason given.
    Stopped(Option<Trouble>),
}

/// What went wrong with a tunnel, for people.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Trouble {
    /// The provider's own code, e.g. `ERR_NGROK_105`.
    pub code: Option<String>,
    /// One sentence without a full stop.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Trouble {
    /// What happened, and no more.
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            ..Self::default()
        }
    }

    /// The same, with what to do about it.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same, with its provider's code.
    #[must_use]
    pub fn with_code(mut self, code: impl Into<String>) -> Self {
        self.code = Some(code.into());
        self
    }
}

/// What a request through the public URL showed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Check {
    /// Nothing yet.
    #[default]
    Pending,
    /// It reached this gateway and came back.
    Passed {
        /// Whether the first event of a stream came before the last was sent.
        streams: Streams,
    },
    /// It did not.
    Failed {
        /// Why, for people.
        reason: String,
    },
}

/// How a stream comes through a tunnel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Streams {
    /// Event by event.
    Live,
    /// All at the end: something on the way holds them back.
    Buffered,
}

impl Status {
    fn starting() -> Self {
        Self {
            phase: Phase::Starting,
            since: Instant::now(),
            url: None,
            latency: None,
            restarts: 0,
            check: Check::Pending,
        }
    }

    /// Draws the conclusions from what has changed since `before`.
    fn follow_from(&mut self, before: &Self) {
        if self.phase != before.phase {
            self.since = Instant::now();
        }
        if self.url != before.url {
            self.latency = None;
        }
        if self.url != before.url || self.is_up() != before.is_up() {
            self.check = Check::Pending;
        }
    }

    /// Hides secrets in what others have said.
    fn hide(&mut self, redactor: &Redactor) {
        let hide = |text: &mut String| {
            if let Cow::Owned(clean) = redactor.redact(text) {
                *text = clean;
            }
        };
        if let Some(trouble) = self.phase.trouble_mut() {
            hide(&mut trouble.message);
            trouble
                .code
                .iter_mut()
                .chain(&mut trouble.hint)
                .for_each(hide);
        }
        if let Check::Failed { reason } = &mut self.check {
            hide(reason);
        }
    }

    /// One more time that it came back.
    pub fn count_restart(&mut self) {
        self.restarts = self.restarts.saturating_add(1);
    }

    /// Whether requests can come through.
    pub fn is_up(&self) -> bool {
        matches!(self.phase, Phase::Online)
    }
}

impl Phase {
    /// Its name for programs.
    pub fn name(&self) -> &'static str {
        match self {
            Phase::Starting => "starting",
            Phase::UrlKnown => "url-known",
            Phase::Online => "online",
            Phase::Degraded(_) => "degraded",
            Phase::Waiting { .. } => "waiting",
            Phase::Failed(_) => "failed",
            Phase::Stopped(_) => "stopped",
        }
    }

    /// Whether nothing follows by itself.
    pub fn is_final(&self) -> bool {
        matches!(self, Phase::Failed(_) | Phase::Stopped(_))
    }

    fn trouble_mut(&mut self) -> Option<&mut Trouble> {
        match self {
            Phase::Degraded(trouble) | Phase::Waiting { trouble, .. } | Phase::Failed(trouble) => {
                Some(trouble)
            }
            Phase::Stopped(trouble) => trouble.as_mut(),
            Phase::Starting | Phase::UrlKnown | Phase::Online => None,
        }
    }

    /// What went wrong, if something did.
    pub fn trouble(&self) -> Option<&Trouble> {
        match self {
            Phase::Degraded(trouble) | Phase::Waiting { trouble, .. } | Phase::Failed(trouble) => {
                Some(trouble)
            }
            Phase::Stopped(trouble) => trouble.as_ref(),
            Phase::Starting | Phase::UrlKnown | Phase::Online => None,
        }
    }
}

/// The tunnels that were opened in this run, by kind.
pub type Statuses = BTreeMap<Tunnel, Status>;

/// Where the supervisors of tunnels write. Clones are the same board.
///
/// It hides secrets: reasons are often the words of others, who may quote what they were sent.
#[derive(Debug, Clone, Default)]
pub struct Board {
    statuses: watch::Sender<Statuses>,
    redactor: Arc<ArcSwap<Redactor>>,
}

impl Board {
    /// An empty board that hides what `redactor` knows.
    pub fn new(redactor: Arc<Redactor>) -> Self {
        let statuses = watch::Sender::default();
        Self {
            statuses,
            redactor: Arc::new(ArcSwap::new(redactor)),
        }
    }

    /// From now on it hides what `redactor` knows.
    pub fn redact_with(&self, redactor: Arc<Redactor>) {
        self.redactor.store(redactor);
    }

    /// How they are now.
    pub fn statuses(&self) -> Statuses {
        self.statuses.borrow().clone()
    }

    /// Every state from now on; a slow reader misses some of them.
    pub fn subscribe(&self) -> watch::Receiver<Statuses> {
        self.statuses.subscribe()
    }

    /// A tunnel is about to be opened: returns the pen for its line, which starts afresh.
    pub fn open(&self, tunnel: Tunnel) -> Line {
        self.statuses.send_modify(|all| {
            all.insert(tunnel, Status::starting());
        });
        Line {
            board: self.clone(),
            tunnel,
        }
    }
}

/// The line of one tunnel on the board.
#[derive(Debug, Clone)]
pub struct Line {
    board: Board,
    tunnel: Tunnel,
}

impl Line {
    /// Whose line it is.
    pub fn tunnel(&self) -> Tunnel {
        self.tunnel
    }

    /// Every state of the board from now on.
    pub fn subscribe(&self) -> watch::Receiver<Statuses> {
        self.board.subscribe()
    }

    /// How it is now.
    pub fn status(&self) -> Status {
        let all = self.board.statuses.borrow();
        all.get(&self.tunnel)
            .cloned()
            .unwrap_or_else(Status::starting)
    }

    /// Several things change at once: nobody sees one without the others.
    ///
    /// A URL that is new has not been checked, nor has one that comes back; the log tells of phases and
    /// URLs, and only once of the same trouble.
    pub fn update(&self, change: impl FnOnce(&mut Status)) {
        let mut turned = None;
        self.board.statuses.send_if_modified(|all| {
            let status = all.entry(self.tunnel).or_insert_with(Status::starting);
            let before = status.clone();
            change(status);
            status.follow_from(&before);
            status.hide(&self.board.redactor.load());
            let has_changed = *status != before;
            turned = has_changed.then(|| (before, status.clone()));
            has_changed
        });
        if let Some((before, status)) = turned {
            self.log(&before, &status);
        }
    }

    /// It does something else from now on.
    pub fn phase(&self, phase: Phase) {
        self.update(|status| status.phase = phase);
    }

    /// It takes so long to its edge and back.
    pub fn latency(&self, latency: Duration) {
        self.update(|status| status.latency = Some(latency));
    }

    /// A request through the public URL showed this.
    pub fn check(&self, check: Check) {
        self.update(|status| status.check = check);
    }

    fn log(&self, before: &Status, status: &Status) {
        let (name, phase, url) = (self.tunnel.name(), status.phase.name(), &status.url);
        let (url, restarts) = (url.as_deref(), status.restarts);
        match status.phase.trouble() {
            None if (phase, url) == (before.phase.name(), before.url.as_deref()) => {}
            None => {
                tracing::info!(target: TARGET, tunnel = name, url, restarts, "the tunnel is {phase}");
            }
            Some(trouble) if before.phase.trouble() == Some(trouble) => {
                tracing::debug!(target: TARGET, tunnel = name, reason = trouble.message, "the tunnel is still {phase}");
            }
            Some(trouble) => tracing::warn!(
                target: TARGET, tunnel = name, url, restarts, code = trouble.code,
                reason = trouble.message, hint = trouble.hint, "the tunnel is {phase}"
            ),
        }
    }
}

/// The tunnels for programs: a list, in the order of their kinds.
pub fn to_json(statuses: &Statuses) -> Value {
    let entries = statuses.iter();
    entries
        .map(|(tunnel, status)| status.to_json(*tunnel))
        .collect()
}

impl Status {
    /// One tunnel for programs.
    pub fn to_json(&self, tunnel: Tunnel) -> Value {
        let trouble = self.phase.trouble();
        let retry_in = match self.phase {
            Phase::Waiting { until, .. } => {
                Some(until.saturating_duration_since(Instant::now()).as_secs())
            }
            _ => None,
        };
        let latency = self.latency.map(|latency| latency.as_millis());
        json!({
            "type": tunnel.name(),
            "state": self.phase.name(),
            "url": self.url,
            "latency_ms": latency.and_then(|ms| u64::try_from(ms).ok()),
            "restarts": self.restarts,
            "check": self.check.to_json(),
            "code": trouble.and_then(|trouble| trouble.code.as_deref()),
            "reason": trouble.map(|trouble| trouble.message.as_str()),
            "hint": trouble.and_then(|trouble| trouble.hint.as_deref()),
            "retry_in_s": retry_in,
        })
    }
}

impl Check {
    fn to_json(&self) -> Value {
        match self {
            Check::Pending => json!({ "state": "pending" }),
            Check::Passed { streams } => json!({
                "state": "passed",
                "streams": match streams {
                    Streams::Live => "live",
                    Streams::Buffered => "buffered",
                },
            }),
            Check::Failed { reason } => json!({ "state": "failed", "reason": reason }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::Secret;

    const PASSED: Check = Check::Passed {
        streams: Streams::Live,
    };

    fn up_at(url: &str) -> impl FnOnce(&mut Status) {
        move |status| {
            status.phase = Phase::Online;
            status.url = Some(url.to_owned());
        }
    }

    #[test]
    fn a_new_url_has_not_been_checked() {
        let line = Board::default().open(Tunnel::Ngrok);
        line.update(up_at("https://a"));
        line.check(PASSED);
        line.update(up_at("https://a"));
        assert_eq!(line.status().check, PASSED);
        line.update(up_at("https://b"));
        assert_eq!(line.status().check, Check::Pending);
    }

    #[test]
    fn a_url_that_comes_back_has_not_been_checked() {
        let line = Board::default().open(Tunnel::Ngrok);
        line.update(up_at("https://a"));
        line.check(PASSED);
        line.phase(Phase::Degraded(Trouble::default()));
        assert_eq!(line.status().check, Check::Pending);
        line.check(PASSED);
        line.update(up_at("https://a"));
        assert_eq!(line.status().check, Check::Pending);
    }

    #[test]
    fn what_others_quote_of_secrets_is_hidden() {
        let redactor = Redactor::new(&[Secret::new("canary-of-the-board")]);
        let line = Board::new(Arc::new(redactor)).open(Tunnel::Ngrok);
        let trouble = Trouble {
            code: Some("canary-of-the-board".to_owned()),
            message: "it was canary-of-the-board".to_owned(),
            hint: Some("not canary-of-the-board".to_owned()),
        };
        line.check(Check::Failed {
            reason: "canary-of-the-board".to_owned(),
        });
        let check = to_json(&line.board.statuses()).to_string();
        for phase in [
            Phase::Failed(trouble.clone()),
            Phase::Stopped(Some(trouble.clone())),
            Phase::Degraded(trouble),
        ] {
            line.phase(phase);
            let shown = to_json(&line.board.statuses()).to_string() + &check;
            assert!(shown.contains("it was [redacted]"), "{shown}");
            assert!(!shown.contains("canary"), "{shown}");
        }
    }

    #[test]
    fn readers_hear_of_changes_and_of_nothing_else() {
        let board = Board::default();
        let line = board.open(Tunnel::Cloudflared);
        let mut reader = board.subscribe();
        line.phase(Phase::Starting);
        assert!(!reader.has_changed().expect("the board is there"));
        line.phase(Phase::Online);
        assert!(reader.has_changed().expect("the board is there"));
        assert!(reader.borrow_and_update()[&Tunnel::Cloudflared].is_up());
    }

    #[test]
    fn a_tunnel_that_is_opened_again_starts_afresh() {
        let board = Board::default();
        let line = board.open(Tunnel::Ngrok);
        line.update(Status::count_restart);
        line.phase(Phase::Stopped(None));
        let again = board.open(Tunnel::Ngrok);
        assert_eq!(again.status().restarts, 0);
        assert_eq!(again.status().phase, Phase::Starting);
    }
}
