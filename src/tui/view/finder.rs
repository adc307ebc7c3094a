//! A filter that is being typed, and the one that holds.

use crossterm::event::KeyEvent;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::filter::Filter;
use super::input::{Input, Typed};
use crate::tui::keymap::Command;
use crate::tui::theme::Theme;

/// See the module's head. What is typed holds at once; Enter keeps it, Esc takes it back.
#[derive(Debug, Clone, Default)]
pub struct Finder {
    filter: Filter,
    text: String,
    typing: Option<Input>,
}

impl Finder {
    /// What holds.
    pub fn filter(&self) -> &Filter {
        &self.filter
    }

    /// What was typed.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether keys are text now.
    pub fn is_typing(&self) -> bool {
        self.typing.is_some()
    }

    /// Begins to type, or clears; whether `command` was about that.
    pub fn command(&mut self, command: Command) -> bool {
        match command {
            Command::Filter => self.typing = Some(Input::new(&self.text)),
            Command::Back if !self.text.is_empty() => self.set(String::new()),
            _ => return false,
        }
        true
    }

    /// Takes a key; whether it meant something.
    pub fn typed(&mut self, key: KeyEvent) -> bool {
        let Some(input) = &mut self.typing else {
            return false;
        };
        match input.key(key) {
            Typed::Ignored => return false,
            Typed::Moved => {}
            Typed::Changed => {
                let text = input.text();
                self.set(text);
            }
            Typed::Done => self.typing = None,
            Typed::Left => {
                self.typing = None;
                self.set(String::new());
            }
        }
        true
    }

    fn set(&mut self, text: String) {
        self.filter = Filter::new(&text);
        self.text = text;
    }

    /// Draws what is being typed; whether there was something.
    pub fn draw(&self, area: Rect, buffer: &mut Buffer, theme: &Theme) -> bool {
        let typing = self.typing.as_ref();
        typing
            .inspect(|input| input.draw("/", area, buffer, theme))
            .is_some()
    }
}

#[cfg(test)]
mod tests {
    use crossterm::event::{KeyCode, KeyModifiers};

    use super::*;

    fn typed(finder: &mut Finder, code: KeyCode) {
        finder.typed(KeyEvent::new(code, KeyModifiers::NONE));
    }

    #[test]
    fn what_is_typed_holds_at_once_and_until_it_is_taken_back() {
        let mut finder = Finder::default();
        assert!(finder.command(Command::Filter) && finder.is_typing());
        typed(&mut finder, KeyCode::Char('a'));
        assert!(!finder.filter().is_empty());
        typed(&mut finder, KeyCode::Enter);
        assert!(!finder.is_typing() && finder.text() == "a");
        assert!(finder.command(Command::Back) && finder.filter().is_empty());
        assert!(
            !finder.command(Command::Back),
            "there is nothing left to go back from"
        );
        finder.command(Command::Filter);
        typed(&mut finder, KeyCode::Char('b'));
        typed(&mut finder, KeyCode::Esc);
        assert!(!finder.is_typing() && finder.text().is_empty());
    }
}
