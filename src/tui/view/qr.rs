//! An address as a picture that a phone reads, on the dashboard.

use fast_qr::{ECL, QRBuilder, QRCode};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};

use crate::tui::theme::{Palette, Theme};

/// Light modules around the code: readers need them to find it, and the standard asks for four.
const QUIET: u16 = 4;

/// Longer texts would make a picture that no screen has room for.
const LONGEST: usize = 400;

/// A code, ready to be drawn.
#[derive(Debug)]
pub(super) struct Picture(QRCode);

impl Picture {
    /// The code of `text`, if it is not too long.
    pub(super) fn of(text: &str) -> Option<Self> {
        // A screen has no stains: the least correction makes the smallest picture.
        let fits = text.len() <= LONGEST;
        fits.then(|| QRBuilder::new(text).ecl(ECL::L).build().ok().map(Self))
            .flatten()
    }

    fn modules(&self) -> u16 {
        u16::try_from(self.0.size).unwrap_or(u16::MAX / 4) + 2 * QUIET
    }

    /// Columns and rows that it takes.
    pub(super) fn size(&self, theme: &Theme) -> (u16, u16) {
        let modules = self.modules();
        if theme.is_ascii {
            (2 * modules, modules)
        } else {
            (modules, modules.div_ceil(2))
        }
    }

    /// Draws it into the corner of `area`; whether there was room for all of it.
    pub(super) fn draw(&self, area: Rect, buffer: &mut Buffer, theme: &Theme) -> bool {
        let area = area.intersection(buffer.area);
        let (width, height) = self.size(theme);
        if area.width < width || area.height < height {
            return false;
        }
        for y in 0..height {
            for x in 0..width {
                if let Some(cell) = buffer.cell_mut((area.x + x, area.y + y)) {
                    let (symbol, style) = self.cell(x, y, theme);
                    cell.set_symbol(symbol).set_style(style);
                }
            }
        }
        true
    }

    /// White on black, whatever the terminal's own colours are; without colours as the terminal has it, which on a
    /// light one is a negative, and most phones read that as well.
    fn cell(&self, x: u16, y: u16, theme: &Theme) -> (&'static str, Style) {
        let has_colours = theme.palette != Palette::Mono;
        if theme.is_ascii {
            let is_dark = self.is_dark(x / 2, y);
            return (" ", block(is_dark, has_colours));
        }
        let symbol = match (self.is_dark(x, 2 * y), self.is_dark(x, 2 * y + 1)) {
            (false, false) => "█",
            (false, true) => "▀",
            (true, false) => "▄",
            (true, true) => " ",
        };
        let paper = Style::new().fg(Color::Indexed(231)).bg(Color::Indexed(16));
        (symbol, if has_colours { paper } else { Style::new() })
    }

    fn is_dark(&self, column: u16, row: u16) -> bool {
        let at = |place: u16| place.checked_sub(QUIET).map(usize::from);
        let (Some(column), Some(row)) = (at(column), at(row)) else {
            return false;
        };
        column < self.0.size && row < self.0.size && self.0[row][column].value()
    }
}

/// A module that is drawn with the background alone.
fn block(is_dark: bool, has_colours: bool) -> Style {
    match (is_dark, has_colours) {
        (true, true) => Style::new().bg(Color::Indexed(16)),
        (false, true) => Style::new().bg(Color::Indexed(231)),
        (true, false) => Style::new(),
        (false, false) => Style::new().add_modifier(Modifier::REVERSED),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const THEMES: [(Palette, bool); 4] = [
        (Palette::Classic, false),
        (Palette::Classic, true),
        (Palette::Mono, false),
        (Palette::Mono, true),
    ];

    #[test]
    fn all_of_it_is_drawn_or_nothing() {
        let picture = Picture::of("https://alpha-bravo.trycloudflare.com").expect("it fits");
        for (palette, is_ascii) in THEMES {
            let theme = Theme { palette, is_ascii };
            let (width, height) = picture.size(&theme);
            for (less, expected) in [(0, true), (1, false)] {
                let area = Rect::new(0, 0, width - less, height);
                let mut buffer = Buffer::empty(area);
                assert_eq!(picture.draw(area, &mut buffer, &theme), expected);
                assert_eq!(buffer != Buffer::empty(area), expected);
            }
        }
    }

    #[test]
    fn every_way_of_drawing_shows_the_same_modules() {
        let picture = Picture::of("https://gw.example.com").expect("it fits");
        let size = picture.modules();
        for (palette, is_ascii) in THEMES {
            let theme = Theme { palette, is_ascii };
            let (width, height) = picture.size(&theme);
            let area = Rect::new(0, 0, width, height);
            let mut buffer = Buffer::empty(area);
            picture.draw(area, &mut buffer, &theme);
            for (x, y) in (0..size).flat_map(|x| (0..size).map(move |y| (x, y))) {
                let is_light = if is_ascii {
                    let style = buffer[(2 * x, y)].style();
                    style.bg == Some(Color::Indexed(231))
                        || style.add_modifier.contains(Modifier::REVERSED)
                } else {
                    let symbol = buffer[(x, y / 2)].symbol();
                    symbol == "█" || symbol == if y % 2 == 0 { "▀" } else { "▄" }
                };
                assert_eq!(is_light, !picture.is_dark(x, y), "{x} {y}");
            }
        }
    }

    #[test]
    fn what_no_code_can_hold_is_not_drawn() {
        assert!(Picture::of(&"x".repeat(3_000)).is_none());
    }
}
