//! A table as wide as the terminal: what matters least goes first where there is no room, and the last
//! column is broken between words.

use std::fmt::Write as _;
use std::io;

use anstyle::Style;

use crate::cli::page::{DIM, Painted};
use crate::telemetry::foreign::is_treacherous;

/// Columns where nothing says how many there are.
const USUAL: usize = 100;

/// Columns between two columns.
const GAP: usize = 2;

/// Columns that the last column is to have at least.
const LEAST: usize = 18;

/// Columns that a name is cut to at most.
const SHORTEST: usize = 12;

/// Columns of the terminal behind stdout, within reason.
pub(super) fn width() -> usize {
    let size = rustix::termios::tcgetwinsize(io::stdout());
    let columns = size.map_or(USUAL, |size| usize::from(size.ws_col));
    // A terminal that does not know says 0.
    if columns == 0 {
        USUAL
    } else {
        columns.clamp(40, 160)
    }
}

/// What stands where nothing is known.
pub(super) const NOTHING: &str = "–";

/// One column.
#[derive(Debug, Clone, Copy)]
pub(super) struct Column {
    pub(super) title: &'static str,
    pub(super) is_number: bool,
    /// Which goes first where there is no room; those of 0 stay.
    pub(super) spare: u8,
}

/// One row: a cell for each column, and what stands in the last one, which is broken.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) cells: Vec<String>,
    pub(super) last: String,
    pub(super) style: Style,
}

/// A table under construction.
#[derive(Debug, Clone)]
pub(super) struct Table {
    pub(super) columns: Vec<Column>,
    pub(super) last: &'static str,
    pub(super) rows: Vec<Row>,
}

impl Table {
    /// The table as lines of at most `width` columns. With ANSI colours.
    pub(super) fn render(mut self, width: usize) -> String {
        self.remove_empty();
        let room = width.saturating_sub(LEAST);
        while self.taken() > room
            && let Some(place) = self.most_spare()
        {
            self.remove(place);
        }
        self.shorten(room);
        let mut text = String::new();
        let titles: Vec<String> = self
            .columns
            .iter()
            .map(|column| column.title.to_owned())
            .collect();
        self.line(&mut text, &titles, self.last, DIM, width);
        for row in &self.rows {
            self.line(&mut text, &row.cells, &row.last, row.style, width);
        }
        text
    }

    /// Columns left of the last one.
    fn taken(&self) -> usize {
        let widths = (0..self.columns.len()).map(|place| self.width(place) + GAP);
        GAP + widths.sum::<usize>()
    }

    fn width(&self, place: usize) -> usize {
        let cells = self.rows.iter().map(|row| columns(&row.cells[place]));
        let title = columns(self.columns[place].title);
        cells.chain([title]).max().unwrap_or(0)
    }

    fn most_spare(&self) -> Option<usize> {
        let spare = self.columns.iter().enumerate();
        let spare = spare.filter(|(_, column)| column.spare > 0);
        spare
            .max_by_key(|(_, column)| column.spare)
            .map(|(place, _)| place)
    }

    fn remove(&mut self, place: usize) {
        self.columns.remove(place);
        for row in &mut self.rows {
            row.cells.remove(place);
        }
    }

    /// Columns in which nothing is known of anybody say nothing.
    fn remove_empty(&mut self) {
        for place in (0..self.columns.len()).rev() {
            let is_empty = |row: &Row| row.cells[place] == NOTHING;
            if self.columns[place].spare > 0 && self.rows.iter().all(is_empty) {
                self.remove(place);
            }
        }
    }

    /// Cuts the widest column where there is still no room.
    fn shorten(&mut self, room: usize) {
        let excess = self.taken().saturating_sub(room);
        let widest = (0..self.columns.len()).max_by_key(|place| self.width(*place));
        let Some(widest) = widest.filter(|_| excess > 0) else {
            return;
        };
        let most = self.width(widest).saturating_sub(excess).max(SHORTEST);
        for row in &mut self.rows {
            let cell = &mut row.cells[widest];
            if columns(cell) > most {
                let kept: String = cell.chars().take(most - 1).collect();
                *cell = format!("{kept}…");
            }
        }
    }

    fn line(&self, text: &mut String, cells: &[String], last: &str, style: Style, width: usize) {
        let mut line = " ".repeat(GAP);
        for (place, (column, cell)) in self.columns.iter().zip(cells).enumerate() {
            let gap = " ".repeat(self.width(place).saturating_sub(columns(cell)));
            let (before, after) = if column.is_number {
                (gap, String::new())
            } else {
                (String::new(), gap)
            };
            _ = write!(line, "{before}{cell}{after}{:GAP$}", "");
        }
        let indent = columns(&line);
        for (number, part) in broken(last, width.saturating_sub(indent))
            .iter()
            .enumerate()
        {
            let start = if number == 0 {
                line.clone()
            } else {
                " ".repeat(indent)
            };
            let whole = format!("{start}{part}");
            _ = writeln!(text, "{}", Painted(whole.trim_end(), style));
        }
    }
}

/// A paragraph of lines of at most `width` columns, a little to the right.
pub(super) fn paragraph(text: &str, width: usize) -> String {
    let lines = broken(text, width.saturating_sub(GAP));
    lines.iter().fold(String::new(), |mut text, line| {
        _ = writeln!(text, "{:GAP$}{line}", "");
        text
    })
}

/// `text` in lines of at most `width` columns, broken between words, and within those that are longer.
fn broken(text: &str, width: usize) -> Vec<String> {
    let width = width.max(1);
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let word: Vec<char> = word.chars().collect();
        for (number, piece) in word.chunks(width).enumerate() {
            let line = lines.last_mut().expect("one is there from the beginning");
            let gap = usize::from(!line.is_empty());
            if number > 0 || columns(line) + gap + piece.len() > width {
                if !line.is_empty() {
                    lines.push(String::new());
                }
            } else if gap > 0 {
                line.push(' ');
            }
            let line = lines.last_mut().expect("one is there from the beginning");
            line.extend(piece);
        }
    }
    lines
}

/// What others wrote, without what would do something to a terminal.
pub(super) fn plain(text: &str) -> String {
    text.chars()
        .map(|c| if is_treacherous(c) { '\u{fffd}' } else { c })
        .collect()
}

fn columns(text: &str) -> usize {
    text.chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(name: &str) -> Table {
        let column = |title, spare| Column {
            title,
            is_number: spare > 1,
            spare,
        };
        let row = |name: &str, last: &str| Row {
            cells: vec![name.to_owned(), "12".to_owned(), "closed".to_owned()],
            last: last.to_owned(),
            style: Style::new(),
        };
        Table {
            columns: vec![column("NAME", 0), column("SCORE", 2), column("BREAKER", 1)],
            last: "VERDICT",
            rows: vec![
                row(name, "chosen"),
                row(
                    "b",
                    "its key rests for 12 s as it was asked more often than it likes",
                ),
            ],
        }
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        for width in 40..120 {
            for name in [
                "a",
                "some-provider/a-model-of-some-length",
                &"x".repeat(200),
            ] {
                let text = table(name).render(width);
                let plain = anstream::adapter::strip_str(&text).to_string();
                for line in plain.lines() {
                    assert!(columns(line) <= width, "{width}: {line}");
                }
                assert!(plain.contains("chosen"), "{plain}");
            }
        }
    }

    #[test]
    fn what_matters_least_goes_first() {
        let at = |width| {
            anstream::adapter::strip_str(&table("some-provider/model").render(width)).to_string()
        };
        assert!(at(100).contains("BREAKER") && at(100).contains("SCORE"));
        assert!(at(52).contains("BREAKER") && !at(52).contains("SCORE"));
        assert!(!at(40).contains("BREAKER") && at(40).contains("NAME"));
    }

    #[test]
    fn a_column_in_which_nothing_is_known_is_left_out() {
        let render = |cells: [&str; 2]| {
            let mut table = table("a");
            for (row, cell) in table.rows.iter_mut().zip(cells) {
                cell.clone_into(&mut row.cells[1]);
            }
            anstream::adapter::strip_str(&table.render(100)).to_string()
        };
        assert!(!render([NOTHING, NOTHING]).contains("SCORE"));
        assert!(render([NOTHING, "12"]).contains("SCORE"));
    }

    #[test]
    fn long_words_are_broken_too() {
        assert_eq!(broken("ab cdefgh i", 4), ["ab", "cdef", "gh i"]);
        assert_eq!(broken("", 4), [""]);
    }

    #[test]
    fn nothing_that_others_wrote_reaches_the_terminal_as_a_command() {
        assert_eq!(plain("a\u{1b}[31mb\u{202e}"), "a\u{fffd}[31mb\u{fffd}");
    }
}
