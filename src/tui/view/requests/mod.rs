//! The requests: a live list, in which the selection stays on its request while the list moves.

mod row;

use crossterm::event::KeyEvent;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::curl;
use super::figures::count;
use super::finder::Finder;
use super::inspector::Inspector;
use super::listed::listed;
use super::pen::Pen;
use super::scroll::{Scroll, moved};
use super::split::split;
use super::table::{self, Spot, Table};
use super::text::wrapped;
use crate::telemetry::snapshot::{RequestRow, is_over};
use crate::tui::keymap::Command;
use crate::tui::model::Link;
use crate::tui::pane::{Effect, Look, Pane, Wanted};
use crate::tui::theme::Tone;
use row::{COLUMNS, Sort};
pub(super) use row::{state_word, tone};

/// See the module's head.
#[derive(Debug, Default)]
pub struct Requests {
    finder: Finder,
    has_errors_only: bool,
    sort: Sort,
    is_inverted: bool,
    /// The number of the selected request; the first one, whichever that is, if `None`.
    selected: Option<u64>,
    /// Where the selection was seen last.
    at: usize,
    scroll: Scroll,
    /// The numbers of all rows, as they were drawn last.
    shown: Vec<u64>,
    /// Where the table was drawn last.
    table: Rect,
    /// The request that is looked at closely.
    inspector: Option<Inspector>,
}

impl Pane for Requests {
    fn draw(&mut self, look: &Look<'_>, area: Rect, buffer: &mut Buffer) {
        if let Some(inspector) = &mut self.inspector {
            return inspector.draw(look, area, buffer);
        }
        let now_ms = look.now_ms;
        let all: Vec<&RequestRow> = look.model.snapshot.requests.values().collect();
        let rows = self.chosen(&all);
        let [head, table] = split(area.intersection(buffer.area), 1);
        self.settle(&rows, table);
        self.draw_head(look, all.as_slice(), rows.len(), head, buffer);
        if rows.is_empty() {
            Self::draw_empty(look, all.is_empty(), table, buffer);
        } else {
            let top = self.scroll.top;
            let cells = rows
                .iter()
                .skip(top)
                .map(|row| row::cells(row, now_ms, look.theme));
            // The latest has the least age.
            let is_ascending = self.sort.is_ascending() || self.sort == Sort::Newest;
            let descends = is_ascending == self.is_inverted;
            let sorted = Some((self.sort.column(), descends));
            let drawn = Table {
                columns: COLUMNS,
                sorted,
            };
            let selected = self.at.checked_sub(top);
            drawn.draw(cells, selected, table, buffer, look.theme);
        }
    }

    fn command(&mut self, command: Command, look: &Look<'_>) -> Effect {
        if let Some(inspector) = &mut self.inspector {
            let effect = inspector.command(command, look);
            if effect == Effect::Ignored && command == Command::Back {
                self.inspector = None;
                return Effect::Changed;
            }
            return effect;
        }
        if self.finder.command(command) {
            return Effect::Changed;
        }
        if let Some(at) = moved(command, self.at, self.shown.len(), self.scroll.page) {
            self.select(at, command);
            return Effect::Changed;
        }
        match command {
            Command::ErrorsOnly => self.has_errors_only = !self.has_errors_only,
            Command::Sort => self.sort_by(self.sort.next()),
            Command::Invert => self.is_inverted = !self.is_inverted,
            Command::Open => return self.open(),
            Command::Copy => return self.copy(look),
            _ => return Effect::Ignored,
        }
        Effect::Changed
    }

    fn typed(&mut self, key: KeyEvent, _look: &Look<'_>) -> Effect {
        if self.finder.typed(key) {
            Effect::Changed
        } else {
            Effect::Ignored
        }
    }

    fn is_typing(&self) -> bool {
        self.finder.is_typing()
    }

    fn click(&mut self, column: u16, row: u16, _look: &Look<'_>) -> Effect {
        let clicked = table::clicked(self.table, (column, row));
        let line = match clicked.filter(|_| self.inspector.is_none()) {
            Some(Spot::Row(line)) => line,
            Some(Spot::Titles) => return self.click_title(column),
            None => return Effect::Ignored,
        };
        let at = self.scroll.top.saturating_add(line);
        match self.shown.get(at) {
            None => Effect::Ignored,
            Some(number) if self.selected == Some(*number) => self.open(),
            Some(number) => {
                self.selected = Some(*number);
                self.at = at;
                Effect::Changed
            }
        }
    }

    fn offers(&self, command: Command, _look: &Look<'_>) -> bool {
        let is_page = self.inspector.is_some();
        match command {
            Command::Back => is_page || !self.finder.text().is_empty(),
            Command::Follow => is_page,
            Command::Open
            | Command::ErrorsOnly
            | Command::Filter
            | Command::Sort
            | Command::Invert => !is_page,
            _ => true,
        }
    }

    fn wanted(&self, look: &Look<'_>) -> Option<Wanted> {
        self.inspector
            .as_ref()
            .and_then(|inspector| inspector.wanted(look))
    }
}

impl Requests {
    /// Looks at one request closely, from wherever one comes.
    pub fn inspect(&mut self, number: u64) {
        self.selected = Some(number);
        self.inspector = Some(Inspector::new(number));
    }

    /// The rows that are let through, in their order.
    fn chosen<'a>(&self, all: &[&'a RequestRow]) -> Vec<&'a RequestRow> {
        let filter = self.finder.filter();
        let is_chosen = |row: &&RequestRow| {
            (!self.has_errors_only || row::is_error(row))
                && (filter.is_empty() || filter.matches(&row::fields(row)))
        };
        let mut rows: Vec<&RequestRow> = all.iter().copied().filter(is_chosen).collect();
        self.sort.sort(&mut rows, self.is_inverted);
        rows
    }

    /// Finds the selected request again, and brings it into the picture.
    fn settle(&mut self, rows: &[&RequestRow], table: Rect) {
        self.table = table;
        self.shown = rows.iter().map(|row| row.number).collect();
        let found = |number: u64| self.shown.iter().position(|one| *one == number);
        self.at = match self.selected {
            None => 0,
            // One that is gone leaves its place to its neighbour.
            Some(number) => found(number).unwrap_or(self.at),
        };
        self.at = self.at.min(rows.len().saturating_sub(1));
        let page = usize::from(table.height.saturating_sub(1));
        self.scroll.follow(self.at, page, rows.len());
    }

    fn select(&mut self, at: usize, command: Command) {
        self.at = at;
        // Who goes to the top wants to see the latest, also those to come.
        let stays = command != Command::Top;
        self.selected = self.shown.get(at).copied().filter(|_| stays);
    }

    fn sort_by(&mut self, sort: Sort) {
        self.sort = sort;
        self.is_inverted = false;
    }

    fn click_title(&mut self, column: u16) -> Effect {
        let table = Table {
            columns: COLUMNS,
            sorted: None,
        };
        let clicked = table.column_at(column, self.table);
        match clicked.and_then(Sort::of_column) {
            None => return Effect::Ignored,
            Some(sort) if sort == self.sort => self.is_inverted = !self.is_inverted,
            Some(sort) => self.sort_by(sort),
        }
        Effect::Changed
    }

    fn number(&self) -> Option<u64> {
        self.selected.or_else(|| self.shown.get(self.at).copied())
    }

    fn open(&mut self) -> Effect {
        let Some(number) = self.number() else {
            return Effect::Ignored;
        };
        self.inspect(number);
        Effect::Changed
    }

    /// The id of the selected request; where there is none, a first request to be sent.
    fn copy(&self, look: &Look<'_>) -> Effect {
        let snapshot = &look.model.snapshot;
        let mut rows = snapshot.requests.values();
        match self
            .number()
            .and_then(|number| rows.find(|row| row.number == number))
        {
            Some(row) => Effect::Copy(row.id.clone(), "the id of the request".to_owned()),
            None if snapshot.requests.is_empty() => {
                let about = &snapshot.about;
                let command = curl::first_request(about, &about.url, about.needs_key);
                Effect::Copy(command, "a first request".to_owned())
            }
            None => Effect::Ignored,
        }
    }

    fn draw_head(
        &self,
        look: &Look<'_>,
        all: &[&RequestRow],
        shown: usize,
        area: Rect,
        buffer: &mut Buffer,
    ) {
        if self.finder.draw(area, buffer, look.theme) {
            return;
        }
        let theme = look.theme;
        let (quiet, accent) = (theme.style(Tone::Quiet), theme.style(Tone::Accent));
        let live = all.iter().filter(|row| !is_over(row)).count();
        let mut pieces = vec![(
            format!("{live} under way, {} done", all.len() - live),
            Style::new(),
        )];
        if shown < all.len() {
            pieces.push((format!("{shown} shown"), Style::new()));
        }
        if !self.finder.text().is_empty() {
            pieces.push((format!("/{}", self.finder.text()), accent));
        }
        if self.has_errors_only {
            pieces.push(("errors only".to_owned(), accent));
        }
        let lost = look.model.snapshot.lost.requests;
        if lost > 0 {
            pieces.push((format!("{} not seen", count(lost)), theme.style(Tone::Warn)));
        }
        listed(&mut Pen::new(buffer, area), 0, &pieces, quiet);
    }

    fn draw_empty(look: &Look<'_>, has_none: bool, area: Rect, buffer: &mut Buffer) {
        let mut pen = Pen::new(buffer, area);
        let quiet = look.theme.style(Tone::Quiet);
        if !has_none {
            pen.write(
                2,
                1,
                "No request is like that. esc clears the filter, e shows all.",
                quiet,
            );
            return;
        }
        if look.model.link == Link::Connecting {
            pen.write(2, 1, "The gateway was not heard yet.", quiet);
            return;
        }
        pen.write(
            2,
            1,
            "No request has come yet. This is a first one:",
            Style::new(),
        );
        let about = &look.model.snapshot.about;
        let command = curl::first_request(about, &about.url, about.needs_key);
        let width = usize::from(area.width.saturating_sub(4));
        for (y, line) in (3..area.height).zip(wrapped(&command, width, 8)) {
            pen.write(2, y, &line, look.theme.style(Tone::Accent));
        }
    }
}

/// Draws the latest requests, as many as there is room for.
pub(super) fn draw_latest(look: &Look<'_>, area: Rect, buffer: &mut Buffer) {
    let room = usize::from(area.height.saturating_sub(1));
    let rows = look.model.snapshot.requests.values().rev().take(room);
    let cells = rows.map(|row| row::cells(row, look.now_ms, look.theme));
    let table = Table {
        columns: COLUMNS,
        sorted: None,
    };
    table.draw(cells, None, area, buffer, look.theme);
}

#[cfg(test)]
mod tests;
