//! The log: one line per event, to stderr and to a daily file, without keys and without waiting.
//!
//! There is an event per request, so this is the hot path. An event is formatted once, into a buffer
//! the thread reuses, and handed to one sink per destination and to the tail, which costs a lock and a copy each;
//! background threads do the writing. A slow or full destination loses lines and counts them; it never
//! holds up a request. There are no spans: an event carries all its fields itself.

mod file;
mod levels;
mod line;
mod panic;
mod sink;
pub mod tail;

use std::cell::RefCell;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use arc_swap::ArcSwap;
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::Registry;

use crate::provider::Redactor;

pub use levels::{Levels, LevelsError};
pub use panic::install_panic_hook;

use file::DailyFile;
use line::Scratch;
use sink::{Lost, Sink};
pub use tail::Tail;

/// How a line is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// `14:01:09.120Z INFO  message key=value`
    #[default]
    Human,
    /// One JSON object per line.
    Json,
}

/// What stands at the other end of stderr.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stderr {
    /// A file, a pipe or a journal: lines carry the date.
    Stream,
    /// A person: lines carry the time of day only.
    Terminal,
    /// A person whose terminal shows colours.
    ColorTerminal,
    /// A dashboard, which owns the terminal: nothing is written there, and it reads the [`Tail`].
    Dashboard,
}

/// What [`init`] sets up.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Which events are logged.
    pub levels: Levels,
    /// How they are written, to stderr and to the file alike.
    pub format: Format,
    /// Who reads stderr.
    pub stderr: Stderr,
    /// Modules whose events are left out of stderr, because who reads it is told of them in another way.
    /// What is asked for beyond [`Level::INFO`] is not among them, and the file has all of it.
    pub told_otherwise: &'static [&'static str],
    /// Directory of the daily file; made when absent. `None` = no file.
    pub directory: Option<PathBuf>,
    /// Name of this instance, part of the file's name.
    pub name: Option<String>,
}

/// Why there is no log.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// No thread for writing it.
    #[error("cannot start a thread that writes the log")]
    Thread(#[source] io::Error),
    /// Somebody else in this process logs already.
    #[error("logging is already set up")]
    Taken,
}

/// Keeps the log alive. Dropping it writes out what is pending, for at most a second per destination.
#[derive(Debug)]
pub struct LogGuard {
    sinks: Vec<Arc<Sink>>,
    tail: Arc<Tail>,
    redactor: Redaction,
    file: Option<PathBuf>,
}

/// What the log hides, for whoever gets to know of new secrets. Clones are the same.
#[derive(Debug, Clone, Default)]
pub struct Redaction(Arc<ArcSwap<Redactor>>);

impl Redaction {
    /// From now on the log hides what `redactor` knows.
    pub fn redact_with(&self, redactor: Arc<Redactor>) {
        self.0.store(redactor);
    }
}

impl LogGuard {
    /// The file of today, unless it could not be opened.
    pub fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// The last lines.
    pub fn tail(&self) -> Arc<Tail> {
        Arc::clone(&self.tail)
    }

    /// From now on the log hides what `redactor` knows.
    pub fn redact_with(&self, redactor: Arc<Redactor>) {
        self.redactor.redact_with(redactor);
    }
}

impl LogGuard {
    /// The handle by which others tell it of secrets.
    pub fn redaction(&self) -> Redaction {
        self.redactor.clone()
    }
}

impl Drop for LogGuard {
    fn drop(&mut self) {
        for sink in &self.sinks {
            sink.close();
        }
    }
}

/// Starts logging for the whole process. A file that cannot be opened is a warning, not an error.
pub fn init(settings: Settings) -> Result<LogGuard, LogError> {
    let (file, problem) = match settings.directory.as_deref() {
        None => (None, None),
        Some(directory) => match DailyFile::open(directory, settings.name.as_deref()) {
            Ok(file) => (Some(file), None),
            Err(error) => (None, Some((directory.to_owned(), error))),
        },
    };
    let (lines, guard) = Lines::new(&settings, io::stderr(), file).map_err(LogError::Thread)?;
    let subscriber = Registry::default()
        .with(settings.levels.targets())
        .with(lines);
    tracing::subscriber::set_global_default(subscriber).map_err(|_| LogError::Taken)?;
    if let Some((directory, error)) = problem {
        let directory = directory.display();
        tracing::warn!(%directory, %error, "no log file: the directory cannot be used");
    }
    Ok(guard)
}

/// The layer: formats an event and hands it to the sinks.
struct Lines {
    format: Format,
    stderr_shows: Stderr,
    told_otherwise: &'static [&'static str],
    stderr: Option<Arc<Sink>>,
    file: Option<Arc<Sink>>,
    tail: Arc<Tail>,
    redactor: Redaction,
}

impl Lines {
    fn new(
        settings: &Settings,
        stderr: impl io::Write + Send + 'static,
        file: Option<DailyFile>,
    ) -> io::Result<(Self, LogGuard)> {
        let path = file.as_ref().map(DailyFile::path);
        let lost = Lost::default();
        let stderr = (settings.stderr != Stderr::Dashboard)
            .then(|| Sink::start("log-stderr", stderr, settings.format, lost.clone()))
            .transpose()?;
        let file = file
            .map(|file| Sink::start("log-file", file, settings.format, lost.clone()))
            .transpose()?;
        let redactor = Redaction::default();
        let tail = Arc::new(Tail::new(settings.format, lost));
        let guard = LogGuard {
            sinks: file.iter().chain(&stderr).cloned().collect(),
            tail: Arc::clone(&tail),
            redactor: redactor.clone(),
            file: path,
        };
        let lines = Self {
            format: settings.format,
            stderr_shows: settings.stderr,
            told_otherwise: settings.told_otherwise,
            stderr,
            file,
            tail,
            redactor,
        };
        Ok((lines, guard))
    }

    fn write(&self, scratch: &mut Scratch, event: &Event<'_>) {
        let now = SystemTime::now();
        scratch.format(event, self.format, now, &self.redactor.0.load());
        self.tail
            .push(event.metadata(), now, scratch.body(self.format));
        if let Some(file) = &self.file {
            file.push(scratch.line().as_bytes());
        }
        let Some(stderr) = &self.stderr else {
            return;
        };
        if self.is_told_otherwise(event.metadata()) {
            return;
        }
        let shown = match (self.format, self.stderr_shows) {
            (Format::Json, _) | (_, Stderr::Stream | Stderr::Dashboard) => scratch.line(),
            (Format::Human, Stderr::Terminal) => scratch.time_of_day_line(),
            (Format::Human, Stderr::ColorTerminal) => {
                scratch.painted_line(*event.metadata().level())
            }
        };
        stderr.push(shown.as_bytes());
    }

    /// The module decides and not the target, which is shared by events that nobody else tells.
    fn is_told_otherwise(&self, metadata: &Metadata<'_>) -> bool {
        let module = metadata.module_path();
        *metadata.level() <= Level::INFO
            && module.is_some_and(|module| self.told_otherwise.contains(&module))
    }
}

impl<S: Subscriber> Layer<S> for Lines {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        thread_local! {
            // A buffer per thread: an allocation per event would be the dearest part of it.
            static SCRATCH: RefCell<Scratch> = RefCell::default();
        }
        SCRATCH.with(|scratch| match scratch.try_borrow_mut() {
            Ok(mut scratch) => self.write(&mut scratch, event),
            // A value's own formatting logged something, or panicked: that line gets a buffer of its own.
            Err(_) => self.write(&mut Scratch::default(), event),
        });
    }
}

impl fmt::Debug for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lines").finish_non_exhaustive()
    }
}

/// The name of a level, padded for columns.
fn level_name(level: Level) -> &'static str {
    match level {
        Level::ERROR => "ERROR",
        Level::WARN => "WARN ",
        Level::INFO => "INFO ",
        Level::DEBUG => "DEBUG",
        Level::TRACE => "TRACE",
    }
}

#[cfg(test)]
mod tests {
    use parking_lot::Mutex;
    use tracing::{debug, error, info, warn};

    use super::*;
    use crate::provider::Secret;

    #[derive(Clone, Default)]
    struct Captured(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Captured {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn settings(format: Format, stderr: Stderr) -> Settings {
        Settings {
            levels: "info".parse().expect("a level"),
            format,
            stderr,
            told_otherwise: &[],
            directory: None,
            name: None,
        }
    }

    /// What reaches stderr of the events that `log` makes, with the secret `canary"key` known.
    fn logged(settings: Settings, log: impl FnOnce()) -> String {
        let captured = Captured::default();
        let (lines, guard) = Lines::new(&settings, captured.clone(), None).expect("threads start");
        guard.redact_with(Arc::new(Redactor::new(&[Secret::new("canary\"key")])));
        let subscriber = Registry::default()
            .with(settings.levels.targets())
            .with(lines);
        tracing::subscriber::with_default(subscriber, log);
        drop(guard);
        String::from_utf8(captured.0.lock().clone()).expect("lines are UTF-8")
    }

    /// The same for one event to a pipe, without its time.
    fn line(format: Format, log: impl FnOnce()) -> String {
        let text = logged(settings(format, Stderr::Stream), log);
        let time = regex::Regex::new(r"\d{4}-\S+Z").expect("a constant");
        time.replace(&text, "TIME").into_owned()
    }

    #[test]
    fn writes_the_message_first_then_the_fields() {
        let text = line(Format::Human, || {
            info!(
                model = "gpt-4o",
                attempts = 2_u32,
                ratio = 0.5,
                ok = true,
                "request served"
            );
        });
        assert_eq!(
            text,
            "TIME INFO  request served model=gpt-4o attempts=2 ratio=0.5 ok=true\n"
        );
    }

    #[test]
    fn quotes_values_that_could_be_misread() {
        let text = line(Format::Human, || {
            info!(empty = "", spaced = "a b", equals = "a=b", quoted = %"say \"hi\"", "said \"it\"");
        });
        assert_eq!(
            text,
            "TIME INFO  said \"it\" empty=\"\" spaced=\"a b\" equals=\"a=b\" quoted=\"say \\\"hi\\\"\"\n"
        );
    }

    #[test]
    fn a_value_cannot_start_a_line_or_colour_the_terminal() {
        let text = line(Format::Human, || {
            info!(
                model = "x\n14:00 ERROR forged\u{1b}[31m\u{9b}2J\u{202e}",
                "a\nb"
            );
        });
        assert_eq!(
            text,
            "TIME INFO  a\\nb model=\"x\\n14:00 ERROR forged\\u{1b}[31m\\u{9b}2J\\u{202e}\"\n"
        );
    }

    #[test]
    fn json_lines_are_json() {
        let text = line(Format::Json, || {
            warn!(model = "a\"\\\u{1b}ü", ms = 12_u64, cause = ?Some("x"), ratio = f64::NAN, "slow");
        });
        let value: serde_json::Value = serde_json::from_str(&text).expect("a JSON object");
        assert_eq!(
            value,
            serde_json::json!({
                "time": "TIME", "level": "WARN", "message": "slow", "model": "a\"\\\u{1b}ü", "ms": 12,
                "cause": "Some(\"x\")", "ratio": "not a number", "target": "autogw::telemetry::log::tests",
            })
        );
    }

    #[test]
    fn a_terminal_gets_the_time_of_day() {
        let text = logged(settings(Format::Human, Stderr::Terminal), || info!("hello"));
        let shape =
            regex::Regex::new(r"^\d\d:\d\d:\d\d\.\d{3}Z INFO  hello\n$").expect("a constant");
        assert!(shape.is_match(&text), "{text:?}");
    }

    #[test]
    fn a_colour_terminal_gets_colour_around_the_same_text() {
        let text = logged(settings(Format::Human, Stderr::ColorTerminal), || {
            error!(n = 1, "hello");
        });
        let shape = regex::Regex::new(
            "^\u{1b}\\[2m\\S+Z\u{1b}\\[0m \u{1b}\\[31mERROR\u{1b}\\[0m hello n=1\n$",
        )
        .expect("a constant");
        assert!(shape.is_match(&text), "{text:?}");
    }

    #[test]
    fn no_level_shows_a_known_secret() {
        let text = logged(settings(Format::Human, Stderr::Stream), || {
            warn!(answer = "bad key canary\"key", "upstream: canary\"key");
            info!(model = %"canary\"key", "asked with sk-abcdefgh12345");
        });
        assert!(!text.contains("canary"), "{text}");
        assert!(!text.contains("abcdefgh"), "{text}");
        assert_eq!(text.matches("[redacted]").count(), 4, "{text}");
    }

    #[test]
    fn a_panic_is_logged_without_the_key_in_it() {
        let text = logged(settings(Format::Human, Stderr::Stream), || {
            install_panic_hook();
            let caught = std::panic::catch_unwind(|| panic!("header canary\"key is odd"));
            drop(std::panic::take_hook());
            assert!(caught.is_err());
        });
        assert!(
            text.contains("ERROR panic at src/telemetry/log.rs:"),
            "{text}"
        );
        assert!(text.contains("header [redacted] is odd"), "{text}");
    }

    #[test]
    fn a_bare_level_is_for_our_own_events() {
        let mut settings = settings(Format::Human, Stderr::Stream);
        settings.levels = "debug".parse().expect("a level");
        let text = logged(settings, || {
            debug!("ours");
            debug!(target: "hyper::proto", "theirs");
            warn!(target: "hyper::proto", "their warning");
        });
        assert!(text.contains("ours") && !text.contains("theirs"), "{text}");
        assert!(text.contains("their warning target=hyper::proto"), "{text}");
    }

    #[test]
    fn what_is_told_in_another_way_is_left_to_the_file() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let mut settings = settings(Format::Human, Stderr::Terminal);
        settings.levels = "debug".parse().expect("a level");
        settings.told_otherwise = &[module_path!()];
        let stderr = Captured::default();
        let file = DailyFile::open(directory.path(), None).expect("a file");
        let path = file.path();
        let (lines, guard) = Lines::new(&settings, stderr.clone(), Some(file)).expect("threads");
        tracing::subscriber::with_default(Registry::default().with(lines), || {
            warn!("told");
            info!("told, too");
            debug!("asked for");
            crate::telemetry::tunnel::Board::default()
                .open(crate::config::Tunnel::Ngrok)
                .phase(crate::telemetry::tunnel::Phase::Online);
        });
        drop(guard);
        let file = std::fs::read_to_string(path).expect("text");
        assert!(
            file.contains(" told\n") && file.contains("told, too"),
            "{file}"
        );
        let stderr = String::from_utf8(stderr.0.lock().clone()).expect("text");
        assert!(!stderr.contains("told"), "{stderr}");
        assert!(
            stderr.contains("asked for") && stderr.contains("the tunnel is online"),
            "{stderr}"
        );
    }

    #[test]
    fn shortens_what_would_fill_the_disk() {
        let text = line(
            Format::Human,
            || warn!(page = %"<p>".repeat(10_000), "html"),
        );
        assert!(text.len() < 5_000, "{}", text.len());
    }
}
