//! The dashboard and the process it runs in: who gets the terminal, and when it is given back.
//!
//! It runs on a thread of its own and sees the gateway through its admin socket, whether that is the gateway of
//! this process or another one.

use std::io::{self, IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use tokio::sync::oneshot;

use super::console::Console;
use super::exit::Exit;
use super::table::plain;
use crate::app::{Running, Signals};
use crate::attach::Door;
use crate::config::Environment;
use crate::tui;
use crate::tui::theme::Palette;

/// How the dashboard looks, and what it may do.
#[derive(Debug, Clone, Copy, Default, Args)]
pub(super) struct LookArgs {
    /// Look, and change nothing
    #[arg(long)]
    read_only: bool,

    /// The colours; `mono` where colours are switched off, else `classic`. T shows the next ones
    #[arg(long, value_enum, value_name = "NAME")]
    theme: Option<Theme>,

    /// Draw with ASCII only; that is so where the locale is not UTF-8
    #[arg(long)]
    ascii: bool,

    /// Leave the mouse to the terminal, which can select text then; m takes it
    #[arg(long)]
    no_mouse: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Theme {
    Classic,
    ColourBlind,
    Light,
    Mono,
}

/// How the dashboard looks, and what it may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Look {
    is_read_only: bool,
    palette: Palette,
    is_ascii: bool,
    has_mouse: bool,
}

impl Look {
    /// How it looks unless somebody says otherwise.
    pub(super) fn usual(env: &Environment) -> Self {
        LookArgs::default().resolve(env)
    }

    fn options(self, door: Door, owns_gateway: bool) -> tui::Options {
        tui::Options {
            door,
            is_read_only: self.is_read_only,
            palette: self.palette,
            is_ascii: self.is_ascii,
            has_mouse: self.has_mouse,
            owns_gateway,
        }
    }
}

impl LookArgs {
    /// What the flags, the environment and the terminal make of it.
    pub(super) fn resolve(self, env: &Environment) -> Look {
        let nowhere = Door::Unix(PathBuf::new());
        let usual = tui::Options::new(nowhere, |name| env.get(name).map(str::to_owned));
        Look {
            is_read_only: self.read_only,
            palette: match self.theme {
                Some(Theme::Classic) => Palette::Classic,
                Some(Theme::ColourBlind) => Palette::ColourBlind,
                Some(Theme::Light) => Palette::Light,
                Some(Theme::Mono) => Palette::Mono,
                // `--color never`.
                None if anstream::ColorChoice::global() == anstream::ColorChoice::Never => {
                    Palette::Mono
                }
                None => usual.palette,
            },
            is_ascii: self.ascii || usual.is_ascii,
            has_mouse: !self.no_mouse,
        }
    }
}

/// There is nothing to draw on.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NoTerminal(&'static str);

/// Whether a dashboard can be drawn, and a person can answer it.
pub(super) fn terminal(env: &Environment) -> Result<(), NoTerminal> {
    if !io::stdin().is_terminal() {
        Err(NoTerminal("standard input is no terminal"))
    } else if !io::stdout().is_terminal() {
        Err(NoTerminal("standard output is no terminal"))
    } else if env.get("TERM") == Some("dumb") {
        Err(NoTerminal("TERM=dumb can show no dashboard"))
    } else {
        Ok(())
    }
}

impl NoTerminal {
    /// Says so, and what to use in its place.
    pub(super) fn tell(&self, console: &mut Console<'_>) -> Exit {
        console.error(
            self.0,
            Some(
                "without a terminal there are `autogw start`, `autogw status`, `autogw requests --follow` and \
                 `autogw logs --follow`",
            ),
        );
        Exit::Usage
    }
}

/// Why there is no dashboard, or none any more.
#[derive(Debug, thiserror::Error)]
pub(super) enum Problem {
    /// The gateway cannot be seen.
    #[error("the admin socket is not open, so there is nothing to show")]
    NoSocket,
    /// There is no thread for it.
    #[error("cannot start a thread for the dashboard: {0}")]
    Thread(io::Error),
    /// It has ended by itself.
    #[error("the dashboard failed: {0}")]
    Failed(#[from] tui::Problem),
    /// It has panicked.
    #[error("the dashboard failed in a way that nobody foresaw; the log says more")]
    Panicked,
}

impl Problem {
    /// Says so.
    pub(super) fn tell(&self, console: &mut Console<'_>) -> Exit {
        let hint = matches!(self, Problem::NoSocket)
            .then_some("another gateway of that name may have it: see `autogw status`, or choose another --name");
        console.error(plain(&self.to_string()), hint);
        Exit::Failed
    }
}

/// A dashboard that is being shown.
struct Shown {
    ended: oneshot::Receiver<Result<tui::Farewell, tui::Problem>>,
}

impl Shown {
    fn start(options: tui::Options) -> Result<Self, Problem> {
        let (ending, ended) = oneshot::channel();
        std::thread::Builder::new()
            .name("dashboard".to_owned())
            .spawn(move || {
                // Who does not wait for it any more is not told how it ended.
                _ = ending.send(tui::run(options));
            })
            .map_err(Problem::Thread)?;
        Ok(Self { ended })
    }

    /// Waits until the terminal is given back.
    ///
    /// # Cancel safety
    /// Nothing is lost, but once it is ready it must not be asked again.
    async fn ended(&mut self) -> Result<tui::Farewell, Problem> {
        match (&mut self.ended).await {
            Ok(ended) => Ok(ended?),
            Err(_) => Err(Problem::Panicked),
        }
    }
}

/// Shows the gateway at `door`, which goes on without it.
pub(super) async fn attach(door: Door, look: Look) -> Result<(), Problem> {
    let farewell = Shown::start(look.options(door, false))?.ended().await?;
    say(&farewell);
    Ok(())
}

/// How long a dashboard has to give back the terminal once the gateway is told to end.
const FAREWELL: Duration = Duration::from_secs(2);

/// Shows `running`, which ends with it; a signal ends both.
pub(super) async fn accompany(
    running: Running,
    signals: Signals,
    look: Look,
) -> Result<(), Problem> {
    let Some(path) = running.admin_path() else {
        running.stop().await;
        return Err(Problem::NoSocket);
    };
    let door = Door::Unix(path.to_owned());
    let mut shown = match Shown::start(look.options(door, true)) {
        Ok(shown) => shown,
        Err(problem) => {
            running.stop().await;
            return Err(problem);
        }
    };
    let mut left = None;
    let leaving = async {
        let ended = shown.ended().await;
        if let Ok(farewell) = &ended {
            say(farewell);
            tell("ending; requests under way are finished first, Ctrl-C does not wait");
        }
        left = Some(ended);
        "the dashboard was left"
    };
    running.wait_for_end(signals, leaving).await;
    if let Some(ended) = left {
        return ended.map(drop);
    }
    // The signal was for both, and each ends in its own time.
    let ended = tokio::time::timeout(FAREWELL, shown.ended()).await;
    let ended = ended.unwrap_or_else(|_| Ok(abandoned()));
    ended.map(|farewell| say(&farewell))
}

/// The farewell of a dashboard that waits for a terminal which takes nothing any more; that still gets its modes back.
fn abandoned() -> tui::Farewell {
    tui::abandon();
    tui::Farewell {
        why: tui::Leaving::Signal,
        summary: Vec::new(),
        panics: Vec::new(),
    }
}

/// What was seen, on the terminal that was given back.
fn say(farewell: &tui::Farewell) {
    let lines = farewell.summary.iter().chain(&farewell.panics);
    lines.for_each(|line| tell(&plain(line)));
}

fn tell(line: &str) {
    // A terminal that is gone needs no farewell.
    _ = writeln!(anstream::stderr(), "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_win_over_the_environment() {
        let env = Environment::empty().with("LANG", "C").with("NO_COLOR", "1");
        let usual = Look::usual(&env);
        assert_eq!((usual.palette, usual.is_ascii), (Palette::Mono, true));
        let flags = LookArgs {
            theme: Some(Theme::ColourBlind),
            no_mouse: true,
            ..LookArgs::default()
        };
        let look = flags.resolve(&env);
        assert_eq!(
            (look.palette, look.has_mouse),
            (Palette::ColourBlind, false)
        );
    }
}
