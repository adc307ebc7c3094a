//! Keys and pasted text: to the dialog, to a pane that is being typed into, or through the keymap.

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use super::{Dashboard, Job};
use crate::tui::dialog::{Dialog, Outcome, Yes};
use crate::tui::keymap::{self, Command};
use crate::tui::model::{Link, Screen};
use crate::tui::pane::Effect;
use crate::tui::prompt::Order;
use crate::tui::theme::{Palette, Tone};
use crate::tui::view::acting;
use crate::tui::view::scroll::Scroll;

/// Letters that are taken of what is pasted.
const LONGEST_PASTE: usize = 400;

impl Dashboard {
    /// Takes a key.
    pub fn key(&mut self, key: KeyEvent, local_ms: u64) {
        // Repeats are what a held key sends; releases mean nothing here.
        if key.kind == KeyEventKind::Release {
            return;
        }
        self.local_ms = local_ms;
        // Terminals write Alt as Esc and the key: who is quick with Esc means both, one after the other.
        if key.modifiers.contains(KeyModifiers::ALT) && !self.is_for_line(key) {
            self.key(KeyEvent::new(KeyCode::Esc, KeyModifiers::NONE), local_ms);
            let modifiers = key.modifiers - KeyModifiers::ALT;
            return self.key(KeyEvent { modifiers, ..key }, local_ms);
        }
        if self.dialog.is_some() {
            self.key_for_dialog(key);
        } else if self.with_pane(|pane, _| pane.is_typing()) {
            let effect = self.with_pane(|pane, look| pane.typed(key, look));
            self.take(effect);
        } else if let Some(command) = keymap::command(key, self.model.screen) {
            self.command(command);
        }
    }

    /// Whether a key with Alt edits the line that is typed: a word to the left, say, or a letter of `AltGr`.
    fn is_for_line(&mut self, key: KeyEvent) -> bool {
        let is_line = match &self.dialog {
            Some(dialog) => matches!(dialog, Dialog::Prompt { .. }),
            None => self.with_pane(|pane, _| pane.is_typing()),
        };
        let has_control = key.modifiers.contains(KeyModifiers::CONTROL);
        let moves = match key.code {
            KeyCode::Char(letter) => has_control || "bfd".contains(letter),
            _ => true,
        };
        is_line && moves
    }

    /// Takes what is pasted: as letters, where letters are taken, and nowhere else.
    pub fn paste(&mut self, text: &str, local_ms: u64) {
        let is_prompt = matches!(self.dialog, Some(Dialog::Prompt { .. }));
        let is_typing = self.dialog.is_none() && self.with_pane(|pane, _| pane.is_typing());
        if !is_prompt && !is_typing {
            return;
        }
        for c in text.trim().chars().take(LONGEST_PASTE) {
            let c = if c.is_control() { ' ' } else { c };
            self.key(
                KeyEvent::new(KeyCode::Char(c), KeyModifiers::NONE),
                local_ms,
            );
        }
    }

    fn key_for_dialog(&mut self, key: KeyEvent) {
        let Some(mut dialog) = self.dialog.take() else {
            return;
        };
        self.is_dirty = true;
        let stops = key.code == KeyCode::Char('c') && key.modifiers == KeyModifiers::CONTROL;
        match dialog.key(key, self.model.screen, &self.model.snapshot) {
            Outcome::Open => self.dialog = Some(dialog),
            // Whoever presses Ctrl-C a second time means it.
            Outcome::Closed if stops && is_about_quitting(&dialog) => self.jobs.push(Job::Quit),
            Outcome::Closed => {}
            Outcome::Yes(Yes::Quit) => self.jobs.push(Job::Quit),
            Outcome::Yes(Yes::Act(act)) => self.act(act, None),
            Outcome::Chosen(act, question) => self.act(act, question),
            Outcome::Order(order) => self.order(order),
        }
    }

    fn order(&mut self, order: Order) {
        match order {
            Order::Command(command) => self.command(command),
            Order::Go(screen) => self.go(screen),
            Order::Act(act) => self.act(act, None),
            Order::Palette(palette) => self.set_palette(palette),
            Order::Provider(name) => {
                self.overview.open(&name);
                self.go(Screen::Overview);
            }
        }
    }

    /// Does what a key means: here what is the same everywhere, the rest in the pane.
    pub(super) fn command(&mut self, command: Command) {
        self.is_dirty = true;
        let screen = self.model.screen;
        match command {
            Command::Quit => self.quit(),
            Command::Help => self.dialog = Some(Dialog::Help(Scroll::default())),
            Command::Screen(digit) => self.go(Screen::of_digit(digit).unwrap_or(screen)),
            Command::NextScreen => self.go(screen.turned(1)),
            Command::PreviousScreen => self.go(screen.turned(Screen::ALL.len() - 1)),
            Command::Pause => self.pause(),
            Command::Mouse => self.toggle_mouse(),
            Command::Theme => self.set_palette(self.manners.theme.palette.next()),
            Command::Redraw => self.jobs.push(Job::Redraw),
            Command::Suspend => self.suspend(),
            Command::Prompt => self.dialog = Some(Dialog::prompt()),
            _ => self.command_of_pane(command),
        }
    }

    fn command_of_pane(&mut self, command: Command) {
        let effect = self.with_pane(|pane, look| pane.command(command, look));
        let effect = match (effect, command) {
            (Effect::Ignored, Command::Strategy) => {
                self.with_pane(|_, look| acting::strategies(look))
            }
            (Effect::Ignored, Command::Reload) => Effect::Act {
                act: crate::telemetry::act::Act::Reload,
                question: None,
            },
            // Nothing to go back from: what is said in passing goes.
            (Effect::Ignored, Command::Back) if self.toasts.clear() => Effect::Changed,
            (effect, _) => effect,
        };
        self.take(effect);
    }

    /// Asks only if somebody would be cut off.
    fn quit(&mut self) {
        let live = self.model.snapshot.totals.in_flight;
        if self.manners.owns_gateway && live > 0 && self.model.link == Link::Live {
            let question = format!(
                "The gateway ends with the dashboard, and {live} requests are under way. Quit?"
            );
            let yes = Yes::Quit;
            self.dialog = Some(Dialog::Confirm { question, yes });
        } else {
            self.jobs.push(Job::Quit);
        }
    }

    fn pause(&mut self) {
        match self.behind.take() {
            Some((behind, _)) => self.model.snapshot = *behind,
            None => self.behind = Some((Box::new(self.model.snapshot.clone()), self.now_ms())),
        }
    }

    fn toggle_mouse(&mut self) {
        self.manners.has_mouse = !self.manners.has_mouse;
        self.jobs.push(Job::Mouse(self.manners.has_mouse));
        self.say(
            if self.manners.has_mouse {
                "the mouse is the dashboard's; Shift-drag selects text"
            } else {
                "the mouse is the terminal's: select what you like"
            },
            Tone::Strong,
        );
    }

    fn set_palette(&mut self, palette: Palette) {
        self.manners.theme.palette = palette;
        self.say(&format!("theme {}", palette.name()), Tone::Strong);
    }

    /// A gateway in the same process would stop serving.
    fn suspend(&mut self) {
        if self.manners.owns_gateway {
            self.say(
                "the gateway lives in this process, and would stop too",
                Tone::Warn,
            );
        } else {
            self.jobs.push(Job::Suspend);
        }
    }
}

fn is_about_quitting(dialog: &Dialog) -> bool {
    matches!(dialog, Dialog::Confirm { yes: Yes::Quit, .. })
}
