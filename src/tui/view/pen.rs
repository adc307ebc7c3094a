//! The pen: writes into a part of the screen, and never beside it.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};

use super::text::{columns as width_of, cut};
use crate::telemetry::foreign::is_treacherous;
use crate::tui::theme::Theme;

/// See the module's head. Places are columns and rows of `area`, from 0.
#[derive(Debug)]
pub struct Pen<'a> {
    buffer: &'a mut Buffer,
    area: Rect,
}

impl<'a> Pen<'a> {
    /// A pen for what `area` and `buffer` have in common.
    pub fn new(buffer: &'a mut Buffer, area: Rect) -> Self {
        let area = area.intersection(buffer.area);
        Self { buffer, area }
    }

    /// The columns that there are.
    pub fn width(&self) -> u16 {
        self.area.width
    }

    /// The rows that there are.
    pub fn height(&self) -> u16 {
        self.area.height
    }

    /// A pen for a part of this one's area.
    pub fn part(&mut self, x: u16, y: u16, width: u16, height: u16) -> Pen<'_> {
        let area = Rect {
            x: self.area.x.saturating_add(x.min(self.area.width)),
            y: self.area.y.saturating_add(y.min(self.area.height)),
            width: width.min(self.area.width.saturating_sub(x)),
            height: height.min(self.area.height.saturating_sub(y)),
        };
        Pen::new(self.buffer, area)
    }

    /// Writes as much of `text` as fits; returns the column behind it.
    pub fn write(&mut self, x: u16, y: u16, text: &str, style: impl Into<Style>) -> u16 {
        self.write_within(x, y, u16::MAX, text, style)
    }

    /// Writes as much of `text` as fits into `columns`; returns the column behind it.
    pub fn write_within(
        &mut self,
        x: u16,
        y: u16,
        columns: u16,
        text: &str,
        style: impl Into<Style>,
    ) -> u16 {
        let room = self.area.width.saturating_sub(x).min(columns);
        if y >= self.area.height || room == 0 {
            return x;
        }
        let text = cut(text, usize::from(room), &Theme::default());
        let (left, top) = (self.area.x + x, self.area.y + y);
        let (end, _) = self
            .buffer
            .set_stringn(left, top, text, usize::from(room), style);
        end - self.area.x
    }

    /// Writes `text` so that it ends before column `end`, with at most `columns`.
    pub fn write_right(
        &mut self,
        end: u16,
        y: u16,
        columns: u16,
        text: &str,
        style: impl Into<Style>,
    ) {
        let end = end.min(self.area.width);
        let text = cut(text, usize::from(columns.min(end)), &Theme::default());
        let columns = u16::try_from(width_of(&text)).unwrap_or(end);
        self.write_within(end.saturating_sub(columns), y, columns, &text, style);
    }

    /// Writes pieces one after the other; returns the column behind them.
    pub fn write_all(&mut self, x: u16, y: u16, pieces: &[(&str, Style)]) -> u16 {
        let each = pieces.iter();
        each.fold(x, |x, (text, style)| self.write(x, y, text, *style))
    }

    /// Gives `columns` of a row another style.
    pub fn paint(&mut self, x: u16, y: u16, columns: u16, style: impl Into<Style>) {
        let part = self.part(x, y, columns, 1).area;
        self.buffer.set_style(part, style);
    }

    /// Empties the area.
    pub fn clear(&mut self) {
        for position in self.area.positions() {
            self.buffer[position].reset();
        }
    }

    /// A box around the area with a title; what is inside is returned.
    pub fn frame(&mut self, title: &str, border: Style, title_style: Style) -> Pen<'_> {
        let (width, height) = (self.area.width, self.area.height);
        if width < 2 || height < 2 {
            return self.part(0, 0, 0, 0);
        }
        let line = "─".repeat(usize::from(width - 2));
        self.write(0, 0, &format!("┌{line}┐"), border);
        self.write(0, height - 1, &format!("└{line}┘"), border);
        for y in 1..height - 1 {
            self.write(0, y, "│", border);
            self.write(width - 1, y, "│", border);
        }
        if !title.is_empty() && width > 6 {
            self.write_within(2, 0, width - 4, &format!(" {title} "), title_style);
        }
        self.part(1, 1, width - 2, height - 2)
    }
}

/// Makes a whole picture harmless, whoever drew it; and ASCII, where nothing else is understood.
pub fn cleaned(buffer: &mut Buffer, is_ascii: bool) {
    for cell in &mut buffer.content {
        let symbol = cell.symbol();
        if symbol.len() == 1 && !symbol.contains(is_treacherous) {
            continue;
        }
        if symbol.chars().any(is_treacherous) {
            cell.set_symbol(" ");
        } else if is_ascii {
            let plain = in_ascii(symbol);
            cell.set_symbol(plain);
        }
    }
}

fn in_ascii(symbol: &str) -> &'static str {
    match symbol {
        "" => "",
        "│" | "┃" | "║" => "|",
        "─" | "━" | "═" | "—" | "–" => "-",
        "┌" | "┐" | "└" | "┘" | "├" | "┤" | "┬" | "┴" | "┼" | "╭" | "╮" | "╰" | "╯" | "✓" => {
            "+"
        }
        "…" | "◐" => "~",
        "·" | "•" | "░" => ".",
        "→" | "▸" | "▶" | "›" => ">",
        "←" | "‹" => "<",
        "▾" | "▼" | "↓" => "v",
        "▴" | "▲" | "↑" => "^",
        "✗" | "×" | "⊘" => "x",
        "●" => "*",
        "○" => "o",
        "█" | "▓" | "▒" | "■" => "#",
        "µ" => "u",
        _ => "?",
    }
}

/// Makes what stands in `area` pale: it is not what is now.
pub fn dimmed(buffer: &mut Buffer, area: Rect) {
    let area = area.intersection(buffer.area);
    for (x, y) in area.positions().map(|place| (place.x, place.y)) {
        if let Some(cell) = buffer.cell_mut((x, y)) {
            cell.modifier.remove(Modifier::BOLD);
            cell.modifier.insert(Modifier::DIM);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_written_beside_the_area() {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 10, 3));
        let mut pen = Pen::new(&mut buffer, Rect::new(2, 1, 5, 1));
        assert_eq!(pen.write(0, 0, "0123456789", Style::new()), 5);
        assert_eq!(pen.write(7, 0, "x", Style::new()), 7);
        pen.write(0, 1, "below", Style::new());
        pen.write_right(99, 0, 2, "ab", Style::new());
        pen.paint(3, 9, 99, Style::new());
        let expected = ["          ", "  012ab   ", "          "];
        assert_eq!(buffer, Buffer::with_lines(expected));
    }

    #[test]
    fn a_pen_beside_the_screen_writes_nothing() {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 2, 2));
        let mut pen = Pen::new(&mut buffer, Rect::new(50, 60, 10, 10));
        pen.write(0, 0, "x", Style::new());
        pen.frame("title", Style::new(), Style::new())
            .write(0, 0, "x", Style::new());
        assert_eq!(buffer, Buffer::empty(Rect::new(0, 0, 2, 2)));
    }

    #[test]
    fn a_picture_is_harmless_and_ascii_where_that_is_asked_for() {
        let mut buffer = Buffer::with_lines(["●日│é…"]);
        buffer[(5, 0)].set_symbol("\u{1b}[2J");
        cleaned(&mut buffer, true);
        let text: String = buffer
            .content
            .iter()
            .map(ratatui::buffer::Cell::symbol)
            .collect();
        assert!(text.is_ascii() && !text.contains('\u{1b}'), "{text:?}");
    }
}
