//! Reload: a new configuration takes the place of the one in force while requests go on.
//!
//! ```text
//! file changed, SIGHUP, admin API → read and resolve as at the start → diff → client keys → next generation
//!   a bad one: every error is told, and nothing has changed
//!   a good one: its secrets are hidden first, then it is in force, for requests that come from then on
//! ```
//!
//! What cannot follow without a restart stays as it runs, and is named. Requests under way end on the generation
//! they began with. There is never more than one reload at a time.

mod diff;
mod hangup;
mod source;
mod watch;

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use parking_lot::Mutex as Lock;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::client_key::{self, MadeKey, RunKeys};
use super::{Options, StartError, Tunnels};
use crate::config::{Config, ConfigError, Diagnostic, Severity, Style};
use crate::provider::{Redactor, Secret};
use crate::proxy::current::Current;
use crate::server::edge::Edge;
use crate::server::tls::{self, Identity, Tls};
use crate::telemetry::clock::now_ms;
use crate::telemetry::snapshot::Reloaded;

use diff::Difference;
use source::Fingerprint;
pub use source::{Fresh, Reading, Source};

/// Secrets of the past that stay hidden, however often keys are rotated.
const MOST_SECRETS: usize = 10_000;

/// What asked for a reload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// The file has changed.
    File,
    /// SIGHUP.
    Signal,
    /// Somebody, through the admin API.
    Admin,
}

impl Cause {
    /// Its name in logs and snapshots.
    pub fn name(self) -> &'static str {
        match self {
            Cause::File => "file",
            Cause::Signal => "signal",
            Cause::Admin => "admin",
        }
    }
}

/// See the module's head. Clones are the same.
#[derive(Clone)]
pub struct Reloader(Arc<Inner>);

struct Inner {
    current: Arc<Current>,
    /// The edge behind the configured listener.
    edge: Arc<Edge>,
    /// What it is behind.
    tls: Option<Arc<Tls>>,
    tunnels: Tunnels,
    keys: Arc<RunKeys>,
    options: Options,
    /// Held by the reload that is under way.
    turn: Mutex<Turn>,
    /// The files as they were last read.
    seen: Lock<Fingerprint>,
}

/// What one reload leaves to the next.
struct Turn {
    /// The configuration as it was written, of which that in force was made.
    written: Config,
    /// All that must be hidden, the latest at the end.
    secrets: Vec<Secret>,
    /// Hides them.
    redactor: Arc<Redactor>,
}

/// Why a configuration cannot take the place of the one in force.
enum Bad {
    Config(ConfigError),
    Start(StartError),
    Ending,
}

impl Reloader {
    /// Of a run that began with `written`.
    pub(super) fn new(
        written: Config,
        current: Arc<Current>,
        (edge, tls): (Arc<Edge>, Option<Arc<Tls>>),
        tunnels: Tunnels,
        keys: Arc<RunKeys>,
        options: Options,
    ) -> Self {
        let mut secrets = vec![keys.spare().clone()];
        secrets.extend(written.secrets());
        let redactor = current.load().redactor().clone();
        let mut inner = Inner {
            current,
            edge,
            tls,
            tunnels,
            keys,
            options,
            turn: Mutex::new(Turn {
                written,
                secrets,
                redactor,
            }),
            seen: Lock::default(),
        };
        inner.seen = Lock::new(Fingerprint::of(&inner.files()));
        Self(Arc::new(inner))
    }

    /// Reloads when the file changes, and on SIGHUP, until `over`.
    pub(super) fn spawn(&self, tasks: &TaskTracker, over: &CancellationToken) {
        let watching = watch::run(self.clone());
        tasks.spawn(over.clone().run_until_cancelled_owned(watching));
        match hangup::Hangups::listen() {
            Ok(hangups) => {
                let obeying = hangups.obey(self.clone());
                tasks.spawn(over.clone().run_until_cancelled_owned(obeying));
            }
            Err(error) => {
                tracing::warn!(target: "autogw::reload", %error, "SIGHUP cannot be listened for");
            }
        }
    }

    /// Reads the configuration anew and puts it in force, if it can be used; says what came of it.
    ///
    /// # Cancel safety
    /// What is dropped has changed nothing.
    pub async fn reload(&self, cause: Cause) -> Reloaded {
        let mut turn = self.0.turn.lock().await;
        let under_way = self.0.options.notifier.reloading();
        let reloaded = self.0.turn(&mut turn, cause).await;
        let gateway = self.0.current.load();
        under_way.end(&gateway, reloaded.is_good);
        gateway.metrics().reloaded(reloaded.is_good);
        tell(&reloaded, gateway.generation());
        self.0.current.told(reloaded.clone());
        reloaded
    }

    /// What the files say, if that is not what they said when they were read last.
    fn news(&self) -> Option<Fingerprint> {
        let now = Fingerprint::of(&self.0.files());
        (*self.0.seen.lock() != now).then_some(now)
    }
}

impl Inner {
    /// Those of the configuration, and of the certificate that it names.
    fn files(&self) -> Vec<std::path::PathBuf> {
        let Some(source) = &self.options.source else {
            return Vec::new();
        };
        let mut files = source.files();
        if self.tls.is_some()
            && let Some(tls) = &self.current.load().config().server.tls
        {
            files.extend([tls.cert.clone(), tls.key.clone()]);
        }
        files
    }

    async fn turn(&self, turn: &mut Turn, cause: Cause) -> Reloaded {
        let mut reloaded = Reloaded {
            at_ms: now_ms(),
            cause: cause.name().to_owned(),
            ..Reloaded::default()
        };
        let Some(source) = &self.options.source else {
            reloaded.is_good = true;
            "nothing to reload: there is no configuration file".clone_into(&mut reloaded.summary);
            return reloaded;
        };
        // Before it is read: what changes meanwhile is news again.
        *self.seen.lock() = Fingerprint::of(&self.files());
        let replaced = match source.read().await {
            Ok(fresh) => {
                let warnings = fresh.warnings.iter().map(Diagnostic::headline);
                reloaded.warnings = warnings.collect();
                self.replace(turn, fresh.config)
            }
            Err(error) => Err(Bad::Config(error)),
        };
        match replaced {
            Ok(difference) => {
                reloaded.is_good = true;
                reloaded.summary = difference.summary();
                reloaded.changes = difference.changes;
                reloaded.needs_restart = difference.needs_restart;
                reloaded.warnings.extend(difference.warnings);
            }
            Err(bad) => {
                "the configuration cannot be used; the one before stays in force"
                    .clone_into(&mut reloaded.summary);
                reloaded.errors = errors(&bad, &turn.redactor);
            }
        }
        reloaded
    }

    /// Puts `fresh` in force.
    fn replace(&self, turn: &mut Turn, mut fresh: Config) -> Result<Difference, Bad> {
        let last = self.current.load();
        if last.is_draining() {
            return Err(Bad::Ending);
        }
        if fresh.providers.is_empty() {
            return Err(Bad::Start(StartError::NoProviders));
        }
        let mut difference = diff::diff(&turn.written, &fresh);
        stay(&mut fresh, &turn.written);
        let renewed = self.renewed(&fresh, &mut difference)?;
        if difference.changes.is_empty() {
            return Ok(difference);
        }
        let redactor = self.hide(turn, &fresh);
        let mut config = fresh.clone();
        let note = self.admit(&mut config, last.config()).map_err(Bad::Start)?;
        difference.changes.extend(note);
        let next = last.next(config, redactor);
        let next = next.map_err(|error| Bad::Start(error.into()))?;
        if let (Some(tls), Some(identity)) = (&self.tls, renewed) {
            tls.renew(identity);
        }
        self.current.store(Arc::new(next));
        turn.written = fresh;
        self.edge.refresh();
        self.tunnels.refresh();
        Ok(difference)
    }

    /// The certificate that `fresh` names, if that is another than the one in force.
    fn renewed(
        &self,
        fresh: &Config,
        difference: &mut Difference,
    ) -> Result<Option<Identity>, Bad> {
        let (Some(tls), Some(files)) = (&self.tls, tls::files(&fresh.server)) else {
            return Ok(None);
        };
        let identity = Identity::load(files, SystemTime::now());
        let identity = identity.map_err(|error| Bad::Start(error.into()))?;
        let certificate = identity.certificate();
        difference.warnings.clone_from(&certificate.warnings);
        if tls.is(&identity) {
            return Ok(None);
        }
        difference.renew(certificate);
        Ok(Some(identity))
    }

    /// Hides the secrets of `fresh` wherever something is shown, beside those that were there before.
    fn hide(&self, turn: &mut Turn, fresh: &Config) -> Arc<Redactor> {
        for secret in fresh.secrets() {
            if !turn.secrets.contains(&secret) {
                turn.secrets.push(secret);
            }
        }
        // The first is the key of this run.
        let too_many = turn.secrets.len().saturating_sub(MOST_SECRETS);
        turn.secrets.drain(1..=too_many);
        let redactor = Arc::new(Redactor::new(&turn.secrets));
        if let Some(log) = &self.options.redaction {
            log.redact_with(redactor.clone());
        }
        self.tunnels.board().redact_with(redactor.clone());
        turn.redactor = redactor.clone();
        redactor
    }

    /// Settles who is let in by `config`, behind that of `last`: no door that others can reach loses its lock.
    /// Returns what is to be said of it.
    fn admit(&self, config: &mut Config, last: &Config) -> Result<Option<String>, StartError> {
        let keys = &mut config.server.api_keys;
        if !keys.is_empty() {
            if self.keys.made().is_some() && !keys.contains(self.keys.spare()) {
                keys.push(self.keys.spare().clone());
            }
            return Ok(None);
        }
        let was_closed = !last.server.api_keys.is_empty();
        let stays_closed = was_closed && self.tunnels.is_any_open();
        let is_open_to_all = config.tunnels.door.needs_no_key;
        if is_open_to_all || !(stays_closed || client_key::is_needed_locally(config)) {
            return Ok(None);
        }
        config.server.api_keys.push(self.keys.spare().clone());
        // Nobody looks at the place where it was shown at the start.
        let options = Options {
            shows_made_key: false,
            ..self.options.clone()
        };
        let place = match self.keys.hand_over(&options)?.or_else(|| self.keys.made()) {
            Some(MadeKey::Kept(path)) => format!("it is in {}", path.display()),
            _ => "it was shown at the start".to_owned(),
        };
        let note = format!("without server.api_key, clients need the key of this run: {place}");
        Ok(was_closed.then_some(note))
    }
}

/// What is wrong, without secrets: those of a file that cannot be used are known to nobody else.
fn errors(bad: &Bad, redactor: &Redactor) -> Vec<String> {
    let errors: Vec<String> = match bad {
        Bad::Config(error) => {
            let errors = error.diagnostics.iter();
            let errors = errors.filter(|one| one.severity == Severity::Error);
            errors.map(|one| one.render(Style::Plain)).collect()
        }
        Bad::Start(error) => vec![error.to_string()],
        Bad::Ending => vec!["the gateway is shutting down".to_owned()],
    };
    let clean = |text: &String| redactor.redact(text.trim_end()).into_owned();
    errors.iter().map(clean).collect()
}

/// Leaves what cannot follow as it runs, so that nobody is told of a listener that is not there.
fn stay(fresh: &mut Config, running: &Config) {
    let (server, runs) = (&mut fresh.server, &running.server);
    server.listen = runs.listen.clone();
    if server.tls.is_some() != runs.tls.is_some() {
        server.tls.clone_from(&runs.tls);
    }
    server.tunnel = runs.tunnel;
    server.admin.clone_from(&runs.admin);
    fresh
        .router
        .persistence_path
        .clone_from(&running.router.persistence_path);
    // A door that was closed does not open because its keys have gone.
    fresh.tunnels.door.needs_no_key &= running.tunnels.door.needs_no_key;
}

/// The one log line of a reload.
fn tell(reloaded: &Reloaded, generation: u64) {
    let list = |lines: &[String]| (!lines.is_empty()).then(|| lines.join("; "));
    let cause = &*reloaded.cause;
    if !reloaded.is_good {
        // The excerpts of a file have lines of their own, which a log has not.
        let errors: Vec<String> = reloaded
            .errors
            .iter()
            .map(|error| in_a_line(error))
            .collect();
        return tracing::error!(
            target: "autogw::reload", cause, errors = errors.join("; "), "not reloaded: {}", reloaded.summary
        );
    }
    tracing::info!(
        target: "autogw::reload",
        cause,
        generation,
        changes = list(&reloaded.changes),
        needs_restart = list(&reloaded.needs_restart),
        warnings = list(&reloaded.warnings),
        "reloaded: {}",
        reloaded.summary
    );
}

/// An error with its excerpt, as `message (file:line:column)`.
fn in_a_line(error: &str) -> String {
    let mut lines = error.lines().map(str::trim);
    let first = lines.next().unwrap_or_default();
    let message = first.strip_prefix("error: ").unwrap_or(first);
    match lines.find_map(|line| line.strip_prefix("--> ")) {
        Some(place) => format!("{message} ({place})"),
        None => message.to_owned(),
    }
}

impl fmt::Debug for Reloader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reloader").finish_non_exhaustive()
    }
}
