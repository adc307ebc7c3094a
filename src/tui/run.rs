//! The loop: keys, news, answers, signals and the clock change the dashboard; it is drawn when it has changed.
//!
//! It blocks its thread and has a small runtime of its own. At most 20 frames a second are drawn, a burst of events
//! makes one frame, and nothing that is asked of the gateway is waited for here.

mod asking;
mod signals;

use std::any::Any;
use std::io::{self, IsTerminal};
use std::panic::{self, AssertUnwindSafe};
use std::pin::pin;
use std::time::Duration;

use crossterm::event::{Event, EventStream};
use tokio::time::{Instant, sleep_until};
use tokio_stream::StreamExt;

use super::dashboard::{Dashboard, Job, Manners};
use super::terminal::{Elsewhere, Terminal};
use super::theme::{Palette, Theme};
use crate::attach::{Client, Door, Feed};
use crate::telemetry::clock::now_ms;
use asking::Asking;
use signals::{Signal, Signals};

/// Between two frames.
const FRAME: Duration = Duration::from_millis(50);

/// Between two looks at the clock, while something fades.
const FAST: Duration = Duration::from_millis(250);

/// Between two looks at the clock: countdowns are in seconds.
const SLOW: Duration = Duration::from_secs(1);

/// What is there to be drawn is waited for so long after the first event of a burst.
const BURST: Duration = Duration::from_millis(8);

/// How the dashboard is run.
#[derive(Debug, Clone)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "four switches of a command line, each with its name"
)]
pub struct Options {
    /// Where the gateway is asked.
    pub door: Door,
    /// Whether nothing may be changed.
    pub is_read_only: bool,
    /// The colours; those of `NO_COLOR` are [`Palette::Mono`].
    pub palette: Palette,
    /// Whether only ASCII is shown.
    pub is_ascii: bool,
    /// Whether the mouse is taken.
    pub has_mouse: bool,
    /// Whether the gateway lives in this process, and ends when the dashboard does. Its panics go to its log then.
    pub owns_gateway: bool,
}

/// Why the dashboard has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leaving {
    /// Somebody asked for it.
    Asked,
    /// A signal did.
    Signal,
    /// The terminal is gone.
    Hangup,
}

/// What is left to tell, once the terminal is as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Farewell {
    /// Why it ended.
    pub why: Leaving,
    /// A summary, a line each.
    pub summary: Vec<String>,
    /// What other threads said as they panicked.
    pub panics: Vec<String>,
}

/// Why there is no dashboard.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// Input or output is none.
    #[error("the dashboard needs a terminal on standard input and output")]
    NoTerminal,
    /// The terminal does not do what it is asked for.
    #[error("the terminal fails: {0}")]
    Terminal(#[from] io::Error),
    /// The dashboard itself broke; the terminal is as it was.
    #[error("the dashboard broke: {0}")]
    Broken(String),
}

impl Options {
    /// What the environment says of terminals: without colours if `NO_COLOR` is set, ASCII where the locale names
    /// another encoding than UTF-8. `variable` looks one up.
    pub fn new(door: Door, variable: impl Fn(&str) -> Option<String>) -> Self {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(set);
        let is_utf8 = locale.is_none_or(|locale| {
            let locale = locale.to_lowercase();
            locale.contains("utf-8") || locale.contains("utf8")
        });
        let is_plain = set("NO_COLOR").is_some();
        Self {
            door,
            is_read_only: false,
            palette: if is_plain {
                Palette::Mono
            } else {
                Palette::Classic
            },
            is_ascii: !is_utf8 || set("TERM").is_some_and(|term| term == "linux"),
            has_mouse: true,
            owns_gateway: false,
        }
    }
}

/// Whether there is a terminal to show the dashboard in.
pub fn has_terminal() -> bool {
    io::stdin().is_terminal() && io::stdout().is_terminal()
}

/// Shows the dashboard until it is left; blocks the thread. Call it on a thread of its own where others have work.
pub fn run(options: Options) -> Result<Farewell, Problem> {
    if !has_terminal() {
        return Err(Problem::NoTerminal);
    }
    let shown = panic::catch_unwind(AssertUnwindSafe(|| show(options)));
    shown.unwrap_or_else(|panic| Err(Problem::Broken(words_of(&*panic))))
}

fn words_of(panic: &(dyn Any + Send)) -> String {
    let words = panic
        .downcast_ref::<&str>()
        .map(|words| (*words).to_owned());
    let words = words.or_else(|| panic.downcast_ref::<String>().cloned());
    words.unwrap_or_else(|| "it does not say why".to_owned())
}

fn show(options: Options) -> Result<Farewell, Problem> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let elsewhere = if options.owns_gateway {
        Elsewhere::Logged
    } else {
        Elsewhere::Kept
    };
    let _guard = runtime.enter();
    let mut terminal = Terminal::take(options.has_mouse, elsewhere)?;
    let manners = Manners {
        theme: Theme {
            palette: options.palette,
            is_ascii: options.is_ascii,
        },
        is_read_only: options.is_read_only,
        owns_gateway: options.owns_gateway,
        has_mouse: options.has_mouse,
    };
    let mut dashboard = Dashboard::new(manners, now_ms());
    let client = Client::new(options.door);
    let why = runtime.block_on(async {
        let signals = Signals::new(options.owns_gateway)?;
        follow(client, &mut dashboard, &mut terminal, signals).await
    });
    let panics = terminal.give_back();
    // What was asked and has no answer yet is not waited for.
    runtime.shutdown_background();
    Ok(Farewell {
        why: why?,
        summary: dashboard.summary(),
        panics,
    })
}

/// See the module's head.
async fn follow(
    client: Client,
    dashboard: &mut Dashboard,
    terminal: &mut Terminal,
    mut signals: Signals,
) -> io::Result<Leaving> {
    let mut events = EventStream::new();
    let mut feed = Feed::new(client.clone());
    let mut asking = Asking::new(client);
    let mut next_frame = Instant::now();
    let mut next_look = Instant::now() + SLOW;
    loop {
        let frame = pin!(sleep_until(next_frame));
        let clock = pin!(sleep_until(next_look));
        tokio::select! {
            event = events.next() => match event {
                Some(Ok(event)) => heard(dashboard, &event),
                Some(Err(_)) | None => return Ok(Leaving::Hangup),
            },
            news = feed.next() => dashboard.news(news, now_ms()),
            answer = asking.next() => dashboard.answered(answer),
            signal = signals.next() => match signal {
                Signal::End => return Ok(Leaving::Signal),
                Signal::Hangup => return Ok(Leaving::Hangup),
                Signal::Continue => terminal.enter()?,
            },
            () = frame, if dashboard.is_dirty() => {
                terminal.draw(|area, buffer| dashboard.draw(area, buffer))?;
                next_frame = Instant::now() + FRAME;
            }
            () = clock => dashboard.tick(now_ms()),
        }
        for job in dashboard.take_jobs() {
            if job == Job::Quit {
                return Ok(Leaving::Asked);
            }
            work(job, terminal, &mut asking, &mut signals).await?;
            dashboard.touch();
        }
        next_frame = next_frame
            .max(Instant::now() + BURST)
            .min(Instant::now() + FRAME);
        next_look = soonest_look(dashboard.is_counting(), next_look);
    }
}

/// When the clock is looked at next: on the second, so that all countdowns move at once.
fn soonest_look(is_counting: bool, next: Instant) -> Instant {
    let now = Instant::now();
    if is_counting {
        return if next > now {
            next.min(now + FAST)
        } else {
            now + FAST
        };
    }
    if next > now {
        return next;
    }
    let into = now_ms() % 1_000;
    now + SLOW.saturating_sub(Duration::from_millis(into)) + Duration::from_millis(2)
}

fn heard(dashboard: &mut Dashboard, event: &Event) {
    match event {
        Event::Key(key) => dashboard.key(*key, now_ms()),
        Event::Mouse(mouse) => dashboard.mouse(*mouse, now_ms()),
        Event::Paste(text) => dashboard.paste(text, now_ms()),
        Event::Resize(..) => dashboard.resized(),
        Event::FocusGained | Event::FocusLost => {}
    }
}

async fn work(
    job: Job,
    terminal: &mut Terminal,
    asking: &mut Asking,
    signals: &mut Signals,
) -> io::Result<()> {
    match job {
        Job::Fetch(wanted) => asking.fetch(wanted),
        Job::Act(act) => asking.act(act),
        Job::Copy(text) => terminal.copy(&text)?,
        Job::Mouse(has_mouse) => terminal.set_mouse(has_mouse)?,
        Job::Redraw => terminal.clear()?,
        Job::Suspend => {
            terminal.leave();
            signals.suspend().await;
            terminal.enter()?;
        }
        Job::Quit => {}
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(variables: &[(&str, &str)]) -> Options {
        let door = Door::Unix("/nowhere".into());
        Options::new(door, |name| {
            let found = variables.iter().find(|(one, _)| *one == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn the_environment_says_what_a_terminal_can_do() {
        for (variables, palette, is_ascii) in [
            (&[][..], Palette::Classic, false),
            (&[("NO_COLOR", "1")], Palette::Mono, false),
            (&[("NO_COLOR", "")], Palette::Classic, false),
            (&[("LANG", "en_GB.UTF-8")], Palette::Classic, false),
            (&[("LANG", "C")], Palette::Classic, true),
            (
                &[("LANG", "en_GB.UTF-8"), ("LC_ALL", "C")],
                Palette::Classic,
                true,
            ),
            (
                &[("LC_CTYPE", "C.utf8"), ("LANG", "C")],
                Palette::Classic,
                false,
            ),
            (&[("TERM", "linux")], Palette::Classic, true),
        ] {
            let options = options(variables);
            assert_eq!(
                (options.palette, options.is_ascii),
                (palette, is_ascii),
                "{variables:?}"
            );
        }
    }

    #[test]
    fn the_clock_is_looked_at_when_something_moves() {
        let now = Instant::now();
        assert!(soonest_look(false, now) > now);
        assert!(soonest_look(false, now) <= Instant::now() + SLOW + FAST);
        assert!(soonest_look(true, now + SLOW) <= Instant::now() + FAST);
    }
}
