//! An address as a picture that a phone reads.

use std::fmt::Write as _;

use anstyle::{Ansi256Color, Color, Style};
use fast_qr::{ECL, QRBuilder, QRCode};

/// Light modules around the code: readers need them to find it, and the standard asks for four.
const QUIET: usize = 4;

/// White on black, whatever the terminal's own colours are: light modules are drawn, dark ones left out.
/// Without colours the picture is right on a dark terminal, and a negative, which most phones read as
/// well, on a light one.
const PAPER: Style = Style::new()
    .fg_color(Some(Color::Ansi256(Ansi256Color(231))))
    .bg_color(Some(Color::Ansi256(Ansi256Color(16))));

/// A code, ready to be drawn.
pub(super) struct Picture(QRCode);

impl Picture {
    /// The code of `text`, if it is not too long for any.
    pub(super) fn of(text: &str) -> Option<Self> {
        // A screen has no stains: the least correction makes the smallest picture.
        QRBuilder::new(text).ecl(ECL::L).build().ok().map(Self)
    }

    /// How many columns it takes.
    pub(super) fn width(&self) -> usize {
        self.0.size + 2 * QUIET
    }

    /// Its lines, two rows of modules in each.
    pub(super) fn lines(&self) -> impl Iterator<Item = String> {
        (0..self.width()).step_by(2).map(|row| self.line(row))
    }

    fn line(&self, row: usize) -> String {
        let mut line = PAPER.render().to_string();
        for column in 0..self.width() {
            line.push(
                match (self.is_dark(row, column), self.is_dark(row + 1, column)) {
                    (false, false) => '█',
                    (false, true) => '▀',
                    (true, false) => '▄',
                    (true, true) => ' ',
                },
            );
        }
        _ = write!(line, "{}", PAPER.render_reset());
        line
    }

    fn is_dark(&self, row: usize, column: usize) -> bool {
        let within = QUIET..QUIET + self.0.size;
        within.contains(&row)
            && within.contains(&column)
            && self.0[row - QUIET][column - QUIET].value()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: &str) -> Vec<String> {
        let picture = Picture::of(text).expect("it fits");
        let lines = picture.lines();
        lines
            .map(|line| anstream::adapter::strip_str(&line).to_string())
            .collect()
    }

    #[test]
    fn there_is_quiet_all_around() {
        let lines = plain("https://alpha-bravo-charlie-delta.trycloudflare.com");
        let width = lines[0].chars().count();
        assert!(lines.iter().all(|line| line.chars().count() == width));
        let quiet = "█".repeat(QUIET);
        assert!(
            lines
                .iter()
                .all(|line| line.starts_with(&quiet) && line.ends_with(&quiet))
        );
        let light = |line: &String| line.chars().all(|c| c == '█');
        assert!(lines[..2].iter().all(light) && lines[lines.len() - 2..].iter().all(light));
        assert!(!light(&lines[2]), "the finder patterns begin here");
    }

    #[test]
    fn the_colours_do_not_depend_on_the_terminal() {
        let picture = Picture::of("https://gw.example.com").expect("it fits");
        for line in picture.lines() {
            assert!(
                line.starts_with("\u{1b}[38;5;231m\u{1b}[48;5;16m"),
                "{line:?}"
            );
            assert!(line.ends_with("\u{1b}[0m"), "{line:?}");
        }
    }

    #[test]
    fn what_no_code_can_hold_is_not_drawn() {
        assert!(Picture::of(&"x".repeat(3000)).is_none());
    }
}
