//! A page that is read: headings, lines, and texts that are broken to its width.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::pen::Pen;
use super::scroll::Scroll;
use super::text::{columns, wrapped};
use crate::tui::theme::{Theme, Tone};

/// Columns before what belongs to a heading.
const INDENT: &str = "  ";

/// Columns of the names of things.
const NAMES: usize = 12;

/// Lines that one text takes at most: more is for a file.
const MOST_LINES: usize = 20_000;

/// Pieces beside each other, each with its style.
pub type Line = Vec<(String, Style)>;

/// See the module's head.
#[derive(Debug)]
pub struct Page<'a> {
    theme: &'a Theme,
    width: usize,
    lines: Vec<Line>,
}

impl<'a> Page<'a> {
    /// An empty page of `width` columns.
    pub fn new(theme: &'a Theme, width: u16) -> Self {
        Self {
            theme,
            width: width.into(),
            lines: Vec::new(),
        }
    }

    /// Its columns without the indent.
    pub fn room(&self) -> usize {
        self.width.saturating_sub(INDENT.len())
    }

    /// How many lines it has.
    pub fn length(&self) -> usize {
        self.lines.len()
    }

    /// Its theme.
    pub fn theme(&self) -> &'a Theme {
        self.theme
    }

    /// A heading, with what is said beside it.
    pub fn heading(&mut self, text: &str, beside: &str) {
        if !self.lines.is_empty() {
            self.lines.push(Line::new());
        }
        let strong = self.theme.style(Tone::Strong);
        let quiet = self.theme.style(Tone::Quiet);
        let gap = if beside.is_empty() { "" } else { "  " };
        self.lines.push(vec![
            (text.to_owned(), strong),
            (format!("{gap}{beside}"), quiet),
        ]);
    }

    /// A line of pieces.
    pub fn line(&mut self, mut pieces: Line) {
        pieces.insert(0, (INDENT.to_owned(), Style::new()));
        self.lines.push(pieces);
    }

    /// An empty line.
    pub fn gap(&mut self) {
        self.lines.push(Line::new());
    }

    /// A text, broken where there is no room.
    pub fn text(&mut self, text: &str, style: Style) {
        self.text_behind("", text, style);
    }

    /// A text behind a mark, below whose end it goes on.
    pub fn text_behind(&mut self, mark: &str, text: &str, style: Style) {
        let before = columns(mark);
        let width = self.room().saturating_sub(before);
        for (number, line) in wrapped(text, width, MOST_LINES).into_iter().enumerate() {
            let mark = if number == 0 {
                mark.to_owned()
            } else {
                " ".repeat(before)
            };
            self.line(vec![(mark, style), (line, style)]);
        }
    }

    /// A name and what is said of it.
    pub fn named(&mut self, name: &str, text: &str, style: Style) {
        let width = self.room().saturating_sub(NAMES + 1);
        let quiet = self.theme.style(Tone::Quiet);
        for (number, line) in wrapped(text, width, MOST_LINES).into_iter().enumerate() {
            let name = if number == 0 { name } else { "" };
            let gap = NAMES.saturating_sub(columns(name)) + 1;
            let name = format!("{name}{}", " ".repeat(gap));
            self.line(vec![(name, quiet), (line, style)]);
        }
    }

    /// Draws what `scroll` shows of it, and at the right where that is, if it is not all.
    pub fn draw(self, scroll: &mut Scroll, area: Rect, buffer: &mut Buffer) {
        let length = self.lines.len();
        scroll.fit(area.height.into(), length);
        let mut pen = Pen::new(buffer, area);
        let lines = self.lines.iter().skip(scroll.top);
        for (y, line) in (0..area.height).zip(lines) {
            let pieces = line.iter();
            pieces.fold(0, |x, (text, style)| pen.write(x, y, text, *style));
        }
        if length > scroll.page {
            bar(&mut pen, *scroll, length, self.theme);
        }
    }
}

/// Where one is, at the right.
fn bar(pen: &mut Pen<'_>, scroll: Scroll, length: usize, theme: &Theme) {
    let height = usize::from(pen.height());
    let x = pen.width().saturating_sub(1);
    let size = (height * height / length.max(1)).clamp(1, height.max(1));
    let hidden = length.saturating_sub(height).max(1);
    let start = (height - size.min(height)) * scroll.top.min(hidden) / hidden;
    for y in start..start + size {
        let y = u16::try_from(y).unwrap_or(u16::MAX);
        pen.write(x, y, "█", theme.style(Tone::Quiet));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_drawn_in_any_area_from_any_place() {
        let theme = Theme::default();
        for (width, height) in [(0, 0), (1, 1), (3, 2), (40, 3), (40, 60)] {
            let area = Rect::new(0, 0, width, height);
            for top in [0, 3, usize::MAX] {
                let mut page = Page::new(&theme, width);
                page.heading("Heading", "beside");
                page.named("name", &"words ".repeat(50), Style::new());
                page.text_behind("- ", "日本 語", Style::new());
                let mut scroll = Scroll { top, page: 0 };
                let length = page.length();
                page.draw(&mut scroll, area, &mut Buffer::empty(area));
                assert!(scroll.top <= length);
            }
        }
    }
}
