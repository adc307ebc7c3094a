//! A table: columns that are as wide as there is room, of which those that matter least go first.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::text::{columns, cut, cut_start};
use crate::tui::theme::{Theme, Tone};

/// Columns before the first one, for the mark of the selected row.
const MARK: u16 = 2;

/// Columns between two.
const GAP: u16 = 1;

/// One column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// What stands above it.
    pub title: &'static str,
    /// The least it takes.
    pub least: u16,
    /// What it takes where there is room.
    pub most: u16,
    /// How early it goes where there is no room: the greatest first, and 0 never.
    pub spare: u8,
    /// What it holds.
    pub kind: Kind,
}

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Words, of which the beginning matters.
    Words,
    /// A way, of which the end matters.
    Way,
    /// A number: it stands at the right.
    Number,
}

/// What of a table a click can mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spot {
    /// The line with the titles.
    Titles,
    /// So many rows below the first one that is shown, whether there is such a row or not.
    Row(usize),
}

/// What is at `(column, row)` of the screen, of a table that was drawn in `area`.
pub fn clicked(area: Rect, (column, row): (u16, u16)) -> Option<Spot> {
    if !area.contains((column, row).into()) {
        return None;
    }
    let below = usize::from(row - area.y).checked_sub(1);
    Some(below.map_or(Spot::Titles, Spot::Row))
}

/// What stands in a column of a row: pieces, each with its style.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cell(Vec<(String, Style)>);

impl Cell {
    /// A text in a style.
    pub fn new(text: impl Into<String>, style: Style) -> Self {
        Self(vec![(text.into(), style)])
    }

    /// The same, with another text behind.
    #[must_use]
    pub fn and(mut self, text: impl Into<String>, style: Style) -> Self {
        self.0.push((text.into(), style));
        self
    }

    fn columns(&self) -> usize {
        self.0.iter().map(|(text, _)| columns(text)).sum()
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::new(text, Style::new())
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::new(text, Style::new())
    }
}

/// A table without its rows.
#[derive(Debug, Clone, Copy)]
pub struct Table<'a> {
    /// Its columns.
    pub columns: &'a [Column],
    /// The column by which it is sorted, and whether the greatest is first.
    pub sorted: Option<(usize, bool)>,
}

impl Table<'_> {
    /// Draws titles and `rows`, the cells of each in the order of the columns; `selected` counts from the first of
    /// them. Rows for which there is no room are not asked for.
    pub fn draw(
        &self,
        rows: impl IntoIterator<Item = Vec<Cell>>,
        selected: Option<usize>,
        area: Rect,
        buffer: &mut Buffer,
        theme: &Theme,
    ) {
        let area = area.intersection(buffer.area);
        if area.is_empty() {
            return;
        }
        let places = self.places(area.width);
        self.draw_titles(&places, area, buffer, theme);
        let lines = (area.y.saturating_add(1)..area.bottom()).enumerate();
        for ((count, y), cells) in lines.zip(rows) {
            let line = Rect::new(area.x, y, area.width, 1);
            self.draw_row(&places, &cells, line, buffer, theme);
            if selected == Some(count) {
                buffer.set_stringn(area.x, y, ">", 1, theme.style(Tone::Accent));
                buffer.set_style(line, theme.selected());
            }
        }
    }

    /// Whose title the column `x` of the screen is below, in a table that is drawn into `area`.
    pub fn column_at(&self, x: u16, area: Rect) -> Option<usize> {
        let places = self.places(area.width);
        let at = x.checked_sub(area.x)?;
        let found = places
            .iter()
            .find(|place| (place.x..place.x + place.width).contains(&at));
        found.map(|place| place.column)
    }

    /// Which columns are shown in `width`, and where.
    fn places(&self, width: u16) -> Vec<Place> {
        let mut shown: Vec<usize> = (0..self.columns.len()).collect();
        let room = width.saturating_sub(MARK);
        while self.least(&shown) > u32::from(room)
            && let Some(place) = self.most_spare(&shown)
        {
            shown.remove(place);
        }
        self.placed(&shown, room)
    }

    fn least(&self, shown: &[usize]) -> u32 {
        let widths = shown.iter().map(|at| u32::from(self.columns[*at].least));
        let gaps = u32::try_from(shown.len().saturating_sub(1)).unwrap_or(0) * u32::from(GAP);
        widths.sum::<u32>() + gaps
    }

    fn most_spare(&self, shown: &[usize]) -> Option<usize> {
        let spares = shown.iter().enumerate();
        let spares = spares.map(|(place, at)| (self.columns[*at].spare, place));
        let (_, place) = spares.filter(|(spare, _)| *spare > 0).max()?;
        Some(place)
    }

    /// Gives what is left of `room` to those that would take it.
    fn placed(&self, shown: &[usize], room: u16) -> Vec<Place> {
        let mut widths: Vec<u16> = shown.iter().map(|at| self.columns[*at].least).collect();
        let least = u16::try_from(self.least(shown)).unwrap_or(u16::MAX);
        let mut left = room.saturating_sub(least);
        while left > 0 {
            let before = left;
            for (width, at) in widths.iter_mut().zip(shown) {
                let grows = *width < self.columns[*at].most && left > 0;
                *width += u16::from(grows);
                left -= u16::from(grows);
            }
            if left == before {
                break;
            }
        }
        let mut x = MARK;
        let end = MARK.saturating_add(room);
        let place = |(width, column): (u16, &usize)| {
            let place = Place {
                column: *column,
                x,
                width: width.min(end.saturating_sub(x)),
            };
            x = x.saturating_add(width).saturating_add(GAP);
            place
        };
        widths.into_iter().zip(shown).map(place).collect()
    }

    fn draw_titles(&self, places: &[Place], area: Rect, buffer: &mut Buffer, theme: &Theme) {
        for place in places {
            let column = &self.columns[place.column];
            let sorted = self.sorted.filter(|(at, _)| *at == place.column);
            let arrow = match (sorted, theme.is_ascii) {
                (None, _) => "",
                (Some((_, true)), false) => "▾",
                (Some((_, false)), false) => "▴",
                (Some((_, true)), true) => "v",
                (Some((_, false)), true) => "^",
            };
            let tone = sorted.map_or(Tone::Quiet, |_| Tone::Accent);
            let cell = Cell::new(format!("{}{arrow}", column.title), theme.style(tone));
            place.draw(column.kind, &cell, area, buffer, theme);
        }
    }

    fn draw_row(
        &self,
        places: &[Place],
        cells: &[Cell],
        area: Rect,
        buffer: &mut Buffer,
        theme: &Theme,
    ) {
        for place in places {
            if let Some(cell) = cells.get(place.column) {
                place.draw(self.columns[place.column].kind, cell, area, buffer, theme);
            }
        }
    }
}

/// Where a column is.
#[derive(Debug, Clone, Copy)]
struct Place {
    column: usize,
    /// From the left of the table.
    x: u16,
    width: u16,
}

impl Place {
    fn draw(self, kind: Kind, cell: &Cell, area: Rect, buffer: &mut Buffer, theme: &Theme) {
        let mut left = usize::from(self.width.min(area.width.saturating_sub(self.x)));
        let mut x = area.x.saturating_add(self.x);
        let spare = left.saturating_sub(cell.columns());
        if kind == Kind::Number {
            x = x.saturating_add(u16::try_from(spare).unwrap_or(0));
            left -= spare;
        }
        for (text, style) in &cell.0 {
            let text = match kind {
                Kind::Way => cut_start(text, left, theme),
                Kind::Words | Kind::Number => cut(text, left, theme),
            };
            (x, _) = buffer.set_stringn(x, area.y, &text, left, *style);
            left = left.saturating_sub(columns(&text));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_click_finds_titles_and_rows_and_nothing_beside_them() {
        let area = Rect::new(2, 3, 10, 4);
        for (at, expected) in [
            ((2, 3), Some(Spot::Titles)),
            ((11, 4), Some(Spot::Row(0))),
            ((5, 6), Some(Spot::Row(2))),
            ((5, 7), None),
            ((1, 4), None),
        ] {
            assert_eq!(clicked(area, at), expected, "{at:?}");
        }
    }

    const COLUMNS: &[Column] = &[
        column("NAME", 6, 40, 0, Kind::Words),
        column("ROUTE", 6, 10, 1, Kind::Way),
        column("TOK", 5, 5, 2, Kind::Number),
    ];

    const fn column(title: &'static str, least: u16, most: u16, spare: u8, kind: Kind) -> Column {
        Column {
            title,
            least,
            most,
            spare,
            kind,
        }
    }

    fn buffer(width: u16, name: &str) -> Buffer {
        let area = Rect::new(0, 0, width, 3);
        let mut buffer = Buffer::empty(area);
        let table = Table {
            columns: COLUMNS,
            sorted: Some((2, true)),
        };
        let row = |name: &str| vec![name.into(), "groq > anthropic".into(), "12".into()];
        let rows = [row("a"), row(name), row("no room for it")];
        table.draw(rows, Some(1), area, &mut buffer, &Theme::default());
        buffer
    }

    fn cells(buffer: &Buffer, y: u16) -> impl Iterator<Item = &str> {
        let width = buffer.area.width;
        (0..width).map(move |x| buffer.cell((x, y)).map_or("", |cell| cell.symbol()))
    }

    fn drawn(width: u16, name: &str) -> Vec<String> {
        let buffer = buffer(width, name);
        let line = |y| cells(&buffer, y).collect::<String>().trim_end().to_owned();
        (0..3).map(line).collect()
    }

    #[test]
    fn what_matters_least_goes_first() {
        assert_eq!(
            drawn(21, "a long name"),
            [
                "  NAME   ROUTE   TOK▾",
                "  a      …ropic    12",
                "> a lon… …ropic    12"
            ]
        );
        assert_eq!(drawn(15, "b")[0], "  NAME   ROUTE");
        assert_eq!(drawn(9, "b")[0], "  NAME");
        assert_eq!(drawn(4, "bcd")[2], "> b…");
    }

    #[test]
    fn what_is_left_is_given_to_those_that_would_take_it() {
        let lines = drawn(60, "a name");
        assert_eq!(lines[1].len(), lines[2].len());
        assert!(lines[2].contains("…anthropic"), "{lines:?}");
        assert!(lines[2].ends_with("12"));
    }

    #[test]
    fn no_text_moves_what_stands_beside_it() {
        let column = |name: &str| cells(&buffer(40, name), 2).position(|cell| cell == "…");
        assert!(column("x").is_some());
        for name in [
            "日本語",
            "\u{1b}[2J",
            "\u{202e}abc",
            "e\u{301}",
            "❤\u{fe0f}",
        ] {
            assert_eq!(column(name), column("x"), "{name}");
        }
    }
}
