//! The overview: the whole gateway at a glance, and the page of a provider behind it.
//!
//! ```text
//! boxes     traffic, latency, tokens and cost, with the course of five minutes
//! marks     the strategy, and what was changed by hand
//! table     a row per provider, sorted, filtered, with a selection that stays with its provider
//! latest    the latest requests, where there is room
//! warnings  the last lines of the log that matter
//! ```

mod boxes;
mod latest;
mod marks;
mod rows;

use crossterm::event::KeyEvent;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::acting;
use super::filter::Filter;
use super::input::{Input, Typed};
use super::pen::Pen;
use super::provider::Page;
use super::scroll::{Scroll, moved};
use super::table::Table;
use crate::telemetry::act::Whom;
use crate::telemetry::snapshot::ProviderRow;
use crate::tui::keymap::Command;
use crate::tui::pane::{Effect, Look, Pane, Wanted};
use crate::tui::theme::Tone;
use rows::COLUMNS;

pub(in crate::tui) use marks::{fault, whom};

/// From so many columns on, the table shows the last errors itself.
const WITH_ERRORS: u16 = 112;

/// See the module's head.
#[derive(Debug, Default)]
pub struct Overview {
    /// The provider whose page is shown.
    page: Option<Page>,
    /// The name of the selected provider: rows come and go.
    selected: Option<String>,
    /// Where it stood, for when it is gone.
    place: usize,
    filter: Input,
    is_filtering: bool,
    /// The column that is sorted by, and whether the greatest is first.
    sorted: Option<(usize, bool)>,
    scroll: Scroll,
    /// Where the table was drawn.
    table: Rect,
}

impl Overview {
    /// Shows the page of a provider.
    pub fn open(&mut self, name: &str) {
        self.selected = Some(name.to_owned());
        self.page = Some(Page::new(name));
    }

    /// The rows that are shown, in their order.
    fn shown<'a>(&self, look: &Look<'a>) -> Vec<&'a ProviderRow> {
        let filter = Filter::new(&self.filter.text());
        let all = look.model.snapshot.providers.iter();
        let mut shown: Vec<&ProviderRow> = all
            .filter(|row| filter.is_empty() || filter.matches(&rows::fields(row)))
            .collect();
        if let Some((column, is_falling)) = self.sorted {
            shown.sort_by(|a, b| {
                let order = rows::compare(column, a, b);
                if is_falling { order.reverse() } else { order }
            });
        }
        shown
    }

    /// The place of the selected row among `shown`; that of a row that is gone, while there is no other.
    fn at(&self, shown: &[&ProviderRow]) -> usize {
        let is_selected = |row: &&ProviderRow| Some(&row.name) == self.selected.as_ref();
        let found = shown.iter().position(is_selected);
        found.unwrap_or_else(|| self.place.min(shown.len().saturating_sub(1)))
    }

    fn select(&mut self, at: usize, shown: &[&ProviderRow]) {
        self.place = at;
        self.selected = shown.get(at).map(|row| row.name.clone());
    }

    fn sort_by_next(&mut self) {
        let next = self.sorted.map_or(0, |(column, _)| column + 1);
        self.sorted = (next < COLUMNS.len()).then(|| (next, rows::falls_first(next)));
    }

    fn sort_by(&mut self, column: usize) {
        self.sorted = match self.sorted {
            Some((sorted, falls)) if sorted == column => Some((column, !falls)),
            _ => Some((column, rows::falls_first(column))),
        };
    }

    fn draw_table(&mut self, look: &Look<'_>, area: Rect, buffer: &mut Buffer) {
        let shown = self.shown(look);
        let at = self.at(&shown);
        let page = usize::from(area.height.saturating_sub(1));
        self.scroll.follow(at, page, shown.len());
        self.table = area;
        let table = Table {
            columns: COLUMNS,
            sorted: self.sorted,
        };
        let visible = shown.iter().skip(self.scroll.top).take(page);
        let cells = visible.map(|row| rows::cells(row, look));
        let selected = at.checked_sub(self.scroll.top);
        table.draw(cells, selected, area, buffer, look.theme);
        if shown.is_empty() {
            self.draw_nothing(look, area, buffer);
        }
    }

    /// The selected provider's last failure, where the table has no column for it.
    fn draw_note(&self, look: &Look<'_>, area: Rect, buffer: &mut Buffer) {
        let shown = self.shown(look);
        let note = shown
            .get(self.at(&shown))
            .and_then(|row| rows::note(row, look));
        if let Some(note) = note.filter(|_| area.width < WITH_ERRORS) {
            let style = look.theme.style(Tone::Quiet);
            Pen::new(buffer, area).write_right(area.width, 0, area.width / 2, &note, style);
        }
    }

    fn draw_nothing(&self, look: &Look<'_>, area: Rect, buffer: &mut Buffer) {
        let words = if self.filter.is_empty() {
            "no provider yet: `autogw init` finds some, or start with --demo"
        } else {
            "no provider matches the filter; esc clears it"
        };
        Pen::new(buffer, area).write(2, 1, words, look.theme.style(Tone::Quiet));
    }

    fn draw_filter(&self, look: &Look<'_>, area: Rect, buffer: &mut Buffer) {
        if self.is_filtering {
            self.filter.draw("/", area, buffer, look.theme);
        } else if !self.filter.is_empty() {
            let words = format!("/{}  (esc shows all)", self.filter.text());
            Pen::new(buffer, area).write(0, 0, &words, look.theme.style(Tone::Accent));
        }
    }

    fn back(&mut self) -> Effect {
        if self.filter.is_empty() {
            return Effect::Ignored;
        }
        self.filter = Input::default();
        Effect::Changed
    }

    fn on_row(&mut self, command: Command, row: &ProviderRow, look: &Look<'_>) -> Effect {
        match command {
            Command::Open => {
                self.open(&row.name);
                Effect::Changed
            }
            Command::Copy => match &row.address {
                Some(address) => {
                    Effect::Copy(address.clone(), format!("the address of {}", row.name))
                }
                None => Effect::Copy(row.name.clone(), "the provider's name".to_owned()),
            },
            _ => {
                let whom = Whom {
                    provider: row.name.clone(),
                    ..Whom::default()
                };
                acting::about(command, &whom, look)
            }
        }
    }
}

impl Pane for Overview {
    fn draw(&mut self, look: &Look<'_>, area: Rect, buffer: &mut Buffer) {
        if let Some(page) = &mut self.page {
            page.draw(look, area, buffer);
            return;
        }
        let parts = Parts::of(area, look, self.shown(look).len());
        boxes::draw(look, parts.boxes, buffer);
        marks::draw(look, parts.marks, buffer);
        self.draw_note(look, parts.marks, buffer);
        self.draw_table(look, parts.table, buffer);
        if self.is_filtering || !self.filter.is_empty() {
            self.draw_filter(look, parts.filter(), buffer);
        }
        latest::draw(look, parts.latest, buffer);
        marks::draw_warnings(look, parts.warnings, buffer);
    }

    fn command(&mut self, command: Command, look: &Look<'_>) -> Effect {
        if let Some(page) = &mut self.page {
            return match page.command(command, look) {
                Effect::Ignored if command == Command::Back => {
                    self.page = None;
                    Effect::Changed
                }
                effect => effect,
            };
        }
        let shown = self.shown(look);
        let at = self.at(&shown);
        if let Some(to) = moved(command, at, shown.len(), self.scroll.page) {
            self.select(to, &shown);
            return Effect::Changed;
        }
        match command {
            Command::Filter => self.is_filtering = true,
            Command::Sort => self.sort_by_next(),
            Command::Invert => self.sorted = self.sorted.map(|(column, falls)| (column, !falls)),
            Command::Back => return self.back(),
            _ => {
                return match shown.get(at) {
                    Some(row) => self.on_row(command, row, look),
                    None => Effect::Ignored,
                };
            }
        }
        Effect::Changed
    }

    fn typed(&mut self, key: KeyEvent, _: &Look<'_>) -> Effect {
        match self.filter.key(key) {
            Typed::Ignored => return Effect::Ignored,
            Typed::Moved | Typed::Changed => {}
            Typed::Done => self.is_filtering = false,
            Typed::Left => {
                self.is_filtering = false;
                self.filter = Input::default();
            }
        }
        Effect::Changed
    }

    fn is_typing(&self) -> bool {
        self.is_filtering && self.page.is_none()
    }

    fn click(&mut self, column: u16, row: u16, look: &Look<'_>) -> Effect {
        if let Some(page) = &mut self.page {
            return page.click(column, row, look);
        }
        let Some(line) = row
            .checked_sub(self.table.y)
            .filter(|_| row < self.table.bottom())
        else {
            return Effect::Ignored;
        };
        let Some(line) = line.checked_sub(1) else {
            let table = Table {
                columns: COLUMNS,
                sorted: None,
            };
            if let Some(column) = table.column_at(column, self.table) {
                self.sort_by(column);
            }
            return Effect::Changed;
        };
        let shown = self.shown(look);
        let at = self.scroll.top + usize::from(line);
        let Some(row) = shown.get(at) else {
            return Effect::Ignored;
        };
        if self.selected.as_ref() == Some(&row.name) {
            self.open(&row.name);
        } else {
            self.select(at, &shown);
        }
        Effect::Changed
    }

    fn offers(&self, command: Command, look: &Look<'_>) -> bool {
        let is_page = self.page.is_some();
        match command {
            Command::Back => is_page || !self.filter.is_empty(),
            Command::Open | Command::Filter | Command::Sort | Command::Invert => !is_page,
            // Nobody has keys to take back where all of them are well.
            Command::Revive => {
                let mut rows = look.model.snapshot.providers.iter();
                rows.any(|row| row.keys_ready < row.keys)
            }
            _ => true,
        }
    }

    fn wanted(&self, _: &Look<'_>) -> Option<Wanted> {
        let page = self.page.as_ref()?;
        Some(Wanted::Provider(page.name().to_owned()))
    }
}

/// Rows that the latest requests need to be worth a look: a title, their columns, two of them.
const LATEST: u16 = 4;

/// Where what is drawn; parts for which there is no room are empty.
#[derive(Debug, Clone, Copy)]
struct Parts {
    boxes: Rect,
    marks: Rect,
    table: Rect,
    latest: Rect,
    warnings: Rect,
}

impl Parts {
    /// The parts of `area`, for so many providers.
    fn of(area: Rect, look: &Look<'_>, providers: usize) -> Self {
        // The frame around takes three rows: below 80 columns or 24 rows there is the table alone.
        let is_small = area.width < 80 || area.height < 21;
        let (boxes, warnings) = match area.height {
            _ if is_small => (0, 0),
            40.. => (9, 2),
            30.. => (7, 2),
            _ => (5, 2),
        };
        let lines = marks::lines(look).min(2);
        let marks = if is_small {
            0
        } else {
            u16::try_from(lines).unwrap_or(1)
        };
        let room = area.height.saturating_sub(boxes + warnings + marks);
        // Providers come first, with a row for the filter; what they leave is for what happens.
        let needed = u16::try_from(providers.max(1)).unwrap_or(u16::MAX);
        let table = needed.saturating_add(2).min(room);
        let rest = room - table;
        let (table, rest) = if is_small || rest < LATEST {
            (room, 0)
        } else {
            (table, rest)
        };
        let more = marks::warnings(look, rest / 3 + warnings).saturating_sub(warnings);
        let warnings = warnings + more;
        let latest = rest - more;
        let mut y = area.y;
        let mut part = |height: u16| {
            let part = Rect { y, height, ..area };
            y = y.saturating_add(height);
            part
        };
        Self {
            boxes: part(boxes),
            marks: part(marks),
            table: part(table),
            latest: part(latest),
            warnings: part(warnings),
        }
    }

    /// The last row of the table.
    fn filter(&self) -> Rect {
        let height = self.table.height.min(1);
        Rect {
            y: self.table.bottom().saturating_sub(height),
            height,
            ..self.table
        }
    }
}
