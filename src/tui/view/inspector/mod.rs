//! The inspector: one request, and why it went as it did.
//!
//! Its page is asked for once a second; what the list tells of it meanwhile is taken from there.

mod page;
mod waterfall;

use crossterm::event::KeyEvent;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::curl;
use super::page::Page;
use super::scroll::Scroll;
use crate::telemetry::snapshot::{Phase, RequestDetail, RequestRow};
use crate::tui::keymap::Command;
use crate::tui::pane::{Effect, Look, Pane, Wanted};

/// See the module's head.
#[derive(Debug)]
pub struct Inspector {
    number: u64,
    scroll: Scroll,
    /// Whether the end is kept in sight while it grows; until somebody says so, that depends on whether it does.
    follows: Option<bool>,
    length: usize,
    /// How often something was copied: first the id, then a curl.
    copied: usize,
}

impl Inspector {
    /// The page of the request with that number.
    pub fn new(number: u64) -> Self {
        Self {
            number,
            scroll: Scroll::default(),
            follows: None,
            length: 0,
            copied: 0,
        }
    }

    /// Whose page it is.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// What is known of it: its page, with what the list tells of it if that is later.
    fn known(&self, look: &Look<'_>) -> Known {
        let row = look.model.snapshot.requests.get(&self.number);
        let detail = look.model.request.as_ref();
        let detail = detail.filter(|detail| detail.row.number == self.number);
        match (detail, row) {
            (Some(detail), row) => {
                let mut detail = detail.clone();
                let is_later = |row: &&RequestRow| row.phase >= detail.row.phase;
                if let Some(row) = row.filter(is_later) {
                    detail.row = row.clone();
                }
                Known::Page(Box::new(detail))
            }
            (None, Some(row)) => Known::Row(Box::new(row.clone())),
            (None, None) => Known::Nothing,
        }
    }

    fn follows(&self, detail: &RequestDetail) -> bool {
        let grows = detail.row.phase == Phase::Streaming && detail.captured.is_some();
        self.follows.unwrap_or(grows)
    }

    fn copy(&mut self, look: &Look<'_>) -> Effect {
        let id = match self.known(look) {
            Known::Page(detail) => detail.row.id,
            Known::Row(row) => row.id,
            Known::Nothing => return Effect::Ignored,
        };
        self.copied = self.copied.wrapping_add(1);
        if self.copied % 2 == 1 {
            let said = "the id of the request; once more: a curl that asks for it".to_owned();
            return Effect::Copy(id, said);
        }
        let command = curl::past_request(&look.model.snapshot.about, &id);
        Effect::Copy(command, "a curl that asks for the request".to_owned())
    }
}

/// What is known of a request.
#[derive(Debug)]
enum Known {
    Page(Box<RequestDetail>),
    Row(Box<RequestRow>),
    Nothing,
}

impl Pane for Inspector {
    fn draw(&mut self, look: &Look<'_>, area: Rect, buffer: &mut Buffer) {
        let area = area.intersection(buffer.area);
        // A column at the right is for where one is.
        let mut page = Page::new(look.theme, area.width.saturating_sub(2));
        match self.known(look) {
            Known::Page(detail) => {
                page::write(&mut page, &detail, look);
                if self.follows(&detail) {
                    self.scroll.top = usize::MAX;
                }
            }
            Known::Row(row) => page::write_row(&mut page, &row, look),
            Known::Nothing => page::write_nothing(&mut page, self.number),
        }
        self.length = page.length();
        page.draw(&mut self.scroll, area, buffer);
    }

    fn command(&mut self, command: Command, look: &Look<'_>) -> Effect {
        if self.scroll.command(command, self.length) {
            self.follows = Some(command == Command::Bottom);
            return Effect::Changed;
        }
        match command {
            Command::Follow => {
                let follows = match self.known(look) {
                    Known::Page(detail) => self.follows(&detail),
                    Known::Row(_) | Known::Nothing => false,
                };
                self.follows = Some(!follows);
                Effect::Changed
            }
            Command::Copy => self.copy(look),
            _ => Effect::Ignored,
        }
    }

    fn typed(&mut self, _key: KeyEvent, _look: &Look<'_>) -> Effect {
        Effect::Ignored
    }

    fn is_typing(&self) -> bool {
        false
    }

    fn click(&mut self, _column: u16, _row: u16, _look: &Look<'_>) -> Effect {
        Effect::Ignored
    }

    fn wanted(&self, _look: &Look<'_>) -> Option<Wanted> {
        Some(Wanted::Request(self.number))
    }
}

#[cfg(test)]
mod tests;
