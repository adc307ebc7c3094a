//! The dashboard itself, without a terminal and without a clock: what comes in changes it, what it wants done comes
//! out, and it can be drawn at any time.

mod heard;
mod pointed;
mod typed;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use serde_json::Value;

use super::dialog::{Dialog, Yes};
use super::model::{Link, Model, Screen};
use super::pane::{Effect, Look, Pane, Wanted};
use super::theme::{Theme, Tone};
use super::toast::Toasts;
use super::view::overview::Overview;
use super::view::panes::Panes;
use super::view::{figures, frame};
use crate::telemetry::act::{Act, Refused, Told};
use crate::telemetry::snapshot::{ProviderDetail, RequestDetail, Snapshot};

/// What the dashboard wants done outside of it.
#[derive(Debug, Clone, PartialEq)]
pub enum Job {
    /// Something is to be asked.
    Fetch(Wanted),
    /// The gateway is to do something.
    Act(Act),
    /// A text is to go to the clipboard.
    Copy(String),
    /// The mouse is to be taken, or left.
    Mouse(bool),
    /// Everything is to be drawn anew.
    Redraw,
    /// The terminal is to go back to the shell for a while.
    Suspend,
    /// It is over.
    Quit,
}

/// What was asked has an answer.
#[derive(Debug)]
pub enum Answer {
    /// Of a provider.
    Provider(Result<Box<ProviderDetail>, String>),
    /// Of a request.
    Request(Result<Box<RequestDetail>, String>),
    /// Of the configuration.
    Config(Result<Value, String>),
    /// Of a decision.
    Decision(Result<Value, String>),
    /// Of an act.
    Act(Result<Told, Refused>),
}

/// How it begins.
#[derive(Debug, Clone, Copy, Default)]
pub struct Manners {
    /// How it looks.
    pub theme: Theme,
    /// Whether it may change nothing.
    pub is_read_only: bool,
    /// Whether the gateway ends with it.
    pub owns_gateway: bool,
    /// Whether it has the mouse.
    pub has_mouse: bool,
}

/// See the module's head.
#[derive(Debug)]
pub struct Dashboard {
    /// All that is known.
    pub model: Model,
    manners: Manners,
    overview: Overview,
    panes: Panes,
    dialog: Option<Dialog>,
    toasts: Toasts,
    /// While the picture is held still: what goes on behind it, and when it was stopped.
    behind: Option<(Box<Snapshot>, u64)>,
    /// What was asked last, and whether there is no answer yet.
    asked: Option<(Wanted, bool)>,
    /// When the gateway is looked for again.
    again_at_ms: u64,
    /// Since when, by this machine's clock, it is not heard; what is shown is from then.
    lost_ms: Option<u64>,
    /// This machine's clock.
    local_ms: u64,
    is_dirty: bool,
    jobs: Vec<Job>,
}

impl Dashboard {
    /// A dashboard that has heard nothing yet.
    pub fn new(manners: Manners, local_ms: u64) -> Self {
        Self {
            model: Model {
                snapshot: Snapshot::default(),
                link: Link::Connecting,
                screen: Screen::default(),
                clock_skew_ms: 0,
                provider: None,
                request: None,
                explained: None,
                config: None,
            },
            manners,
            overview: Overview::default(),
            panes: Panes::default(),
            dialog: None,
            toasts: Toasts::default(),
            behind: None,
            asked: None,
            again_at_ms: 0,
            lost_ms: None,
            local_ms,
            is_dirty: true,
            jobs: Vec::new(),
        }
    }

    /// Whether it looks otherwise than when it was drawn last.
    pub fn is_dirty(&self) -> bool {
        self.is_dirty
    }

    /// The terminal has another size, or had one for a moment: what was cut off then is drawn again, although the size
    /// may be what it was.
    pub fn resized(&mut self) {
        self.jobs.push(Job::Redraw);
        self.is_dirty = true;
    }

    /// Has it drawn anew.
    pub fn touch(&mut self) {
        self.is_dirty = true;
    }

    /// What was seen, in a few lines, for when it is over.
    pub fn summary(&self) -> Vec<String> {
        let (about, totals) = (&self.model.snapshot.about, &self.model.snapshot.totals);
        if about.started_ms == 0 {
            return Vec::new();
        }
        let up = self.now_ms().saturating_sub(about.started_ms);
        let failed = totals.statuses.server_errors;
        vec![
            format!(
                "autogw {} · {} · up {}",
                about.version,
                about.url,
                figures::lasting(up)
            ),
            format!(
                "{} requests, {} failed, {} failovers",
                figures::count(totals.requests),
                figures::count(failed),
                figures::count(totals.failovers)
            ),
            format!(
                "{} tokens in, {} out, {}",
                figures::count(totals.input_tokens),
                figures::count(totals.output_tokens),
                figures::money(totals.cost)
            ),
        ]
    }

    /// Takes what it wants done.
    pub fn take_jobs(&mut self) -> Vec<Job> {
        std::mem::take(&mut self.jobs)
    }

    /// Whether something fades or counts, so that the clock is to be looked at more often than once a second.
    pub fn is_counting(&self) -> bool {
        !self.toasts.is_empty()
    }

    /// Draws it.
    pub fn draw(&mut self, area: Rect, buffer: &mut Buffer) {
        self.is_dirty = false;
        let now_ms = self.now_ms();
        let (theme, model) = (self.manners.theme, &self.model);
        let look = Look {
            model,
            theme: &theme,
            now_ms,
        };
        let pane: &mut dyn Pane = match model.screen {
            Screen::Overview => &mut self.overview,
            screen => self.panes.of(screen),
        };
        let offered = |command| pane.offers(command, &look);
        let keys = frame::keys(model.screen, self.manners.is_read_only, offered);
        let shell = frame::Shell {
            look: &look,
            manners: self.manners,
            keys,
            lost_ms: self.lost_ms.map(|then| self.local_ms.saturating_sub(then)),
            is_paused: self.behind.is_some(),
            toasts: &self.toasts,
        };
        let Some(body) = shell.draw(area, buffer, self.dialog.as_ref()) else {
            return;
        };
        pane.draw(&look, body, buffer);
        if self.lost_ms.is_some() {
            super::view::pen::dimmed(buffer, body);
        }
        shell.draw_above(body, buffer, self.dialog.as_mut());
        super::view::pen::cleaned(buffer, theme.is_ascii);
    }

    /// The gateway's clock; it stands while the picture is held still, or is the last one of a gateway that is gone.
    fn now_ms(&self) -> u64 {
        match self.behind {
            Some((_, stopped_ms)) => stopped_ms,
            None => self
                .lost_ms
                .unwrap_or(self.local_ms)
                .saturating_add_signed(self.model.clock_skew_ms),
        }
    }

    /// Does something with the pane that is shown.
    fn with_pane<T>(&mut self, does: impl FnOnce(&mut dyn Pane, &Look<'_>) -> T) -> T {
        let look = Look {
            model: &self.model,
            theme: &self.manners.theme,
            now_ms: self.now_ms(),
        };
        let pane: &mut dyn Pane = match self.model.screen {
            Screen::Overview => &mut self.overview,
            screen => self.panes.of(screen),
        };
        does(pane, &look)
    }

    /// Does what came of a command.
    fn take(&mut self, effect: Effect) {
        self.is_dirty |= effect != Effect::Ignored;
        match effect {
            Effect::Ignored => {}
            Effect::Changed => self.ask_what_is_wanted(false),
            Effect::Act { act, question } => self.act(act, question),
            Effect::Choose { title, acts } => {
                if self.may_act() && !acts.is_empty() {
                    let at = 0;
                    self.dialog = Some(Dialog::Choose { title, acts, at });
                }
            }
            Effect::Wanted(wanted) => self.fetch(wanted),
            Effect::Go(screen) => self.go(screen),
            Effect::Copy(text, what) => {
                self.jobs.push(Job::Copy(text));
                self.say(&format!("copied: {what}"), Tone::Good);
            }
            Effect::Say(words) => self.say(&words, Tone::Strong),
        }
    }

    /// Has the gateway do something, once the question is answered with yes.
    fn act(&mut self, act: Act, question: Option<String>) {
        if !self.may_act() {
            return;
        }
        match question {
            None => self.jobs.push(Job::Act(act)),
            Some(question) => {
                let yes = Yes::Act(act);
                self.dialog = Some(Dialog::Confirm { question, yes });
            }
        }
    }

    /// Whether the gateway can be told something now; says why, if not.
    fn may_act(&mut self) -> bool {
        if self.manners.is_read_only {
            self.say("this dashboard is read-only", Tone::Warn);
        } else if self.model.link != Link::Live {
            self.say("there is no gateway to tell it to", Tone::Warn);
        } else {
            return true;
        }
        false
    }

    fn go(&mut self, screen: Screen) {
        self.model.screen = screen;
        self.is_dirty = true;
        self.ask_what_is_wanted(false);
    }

    fn say(&mut self, words: &str, tone: Tone) {
        self.toasts.say(words, tone, self.local_ms);
        self.is_dirty = true;
    }

    /// Asks for what the pane wants: if it is something else than before, or if it is time again.
    fn ask_what_is_wanted(&mut self, is_time: bool) {
        let Some(wanted) = self.with_pane(|pane, look| pane.wanted(look)) else {
            self.asked = None;
            return;
        };
        // The configuration changes with a reload only, which is heard of.
        let is_time = is_time && wanted != Wanted::Config;
        let is_asked = match &self.asked {
            Some((asked, is_open)) => *asked == wanted && (*is_open || !is_time),
            None => false,
        };
        if !is_asked {
            self.fetch(wanted);
        }
    }

    fn fetch(&mut self, wanted: Wanted) {
        if self.model.link == Link::Live {
            self.asked = Some((wanted.clone(), true));
            self.jobs.push(Job::Fetch(wanted));
        }
    }
}

#[cfg(test)]
mod tests;
