//! The screens behind the first one, by their names.

use crossterm::event::KeyEvent;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::requests::Requests;
use crate::tui::keymap::Command;
use crate::tui::model::Screen;
use crate::tui::pane::{Effect, Look, Pane, Wanted};

/// One of each.
#[derive(Debug, Default)]
pub struct Panes {
    requests: Requests,
    none: Blank,
}

impl Panes {
    /// The one of a screen.
    pub fn of(&mut self, screen: Screen) -> &mut dyn Pane {
        match screen {
            Screen::Requests => &mut self.requests,
            _ => &mut self.none,
        }
    }
}

/// Nothing.
#[derive(Debug, Default)]
struct Blank;

impl Pane for Blank {
    fn draw(&mut self, _: &Look<'_>, _: Rect, _: &mut Buffer) {}

    fn command(&mut self, _: Command, _: &Look<'_>) -> Effect {
        Effect::Ignored
    }

    fn typed(&mut self, _: KeyEvent, _: &Look<'_>) -> Effect {
        Effect::Ignored
    }

    fn is_typing(&self) -> bool {
        false
    }

    fn click(&mut self, _: u16, _: u16, _: &Look<'_>) -> Effect {
        Effect::Ignored
    }

    fn wanted(&self, _: &Look<'_>) -> Option<Wanted> {
        None
    }
}
