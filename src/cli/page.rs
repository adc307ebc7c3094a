//! Text for a person at a terminal: labels on the left, facts on the right, no wider than it has to be.
//!
//! What a person copies (a path, an address, a command) stays in one piece, whatever the width.

use std::fmt::{Display, Write as _};
use std::io;
use std::path::Path;

use anstyle::{AnsiColor, Style};

pub(super) const BOLD: Style = Style::new().bold();
pub(super) const DIM: Style = Style::new().dimmed();
pub(super) const GOOD: Style = AnsiColor::Green.on_default();

pub(super) const BAD: Style = AnsiColor::Yellow.on_default();
pub(super) const WORST: Style = AnsiColor::Red.on_default();
const HEADING: Style = AnsiColor::Cyan.on_default();

/// What stands below the base URL of OpenAI's SDKs.
pub(super) const OTHER_SDKS: &str = "without /v1 for Anthropic's and Google's";

/// Columns of the labels on the left.
const LABELS: usize = 13;

/// Columns of the terminal behind stderr, within reason.
pub(super) fn terminal_width() -> usize {
    const USUAL: usize = 80;
    let size = rustix::termios::tcgetwinsize(io::stderr());
    size.map_or(USUAL, |size| usize::from(size.ws_col))
        .clamp(40, 120)
}

/// Text under construction.
pub(super) struct Page {
    pub(super) text: String,
    pub(super) width: usize,
}

impl Page {
    /// An empty page of so many columns.
    pub(super) fn new(width: usize) -> Self {
        let text = String::new();
        Self { text, width }
    }

    /// Columns right of the labels.
    pub(super) fn room(&self) -> usize {
        self.width.saturating_sub(LABELS)
    }

    /// The first line, and room around it.
    pub(super) fn title(&mut self, text: impl Display) {
        self.push(format_args!("\n  {text}\n\n"));
    }

    /// A label and what belongs to it.
    pub(super) fn row(&mut self, label: &str, value: impl Display) {
        let gap = " ".repeat(LABELS.saturating_sub(2 + label.len()));
        self.push(format_args!("  {}{gap}{value}\n", Painted(label, HEADING)));
    }

    /// A label and a path.
    pub(super) fn path(&mut self, label: &str, path: &Path) {
        let path = path.display().to_string();
        self.whole(label, &path, Style::new());
    }

    /// A label and what stays in one piece, to be copied: what is too long has a line of its own.
    pub(super) fn whole(&mut self, label: &str, text: &str, style: Style) {
        if text.chars().count() <= self.room() {
            return self.row(label, Painted(text, style));
        }
        if !label.is_empty() {
            self.push(format_args!("  {}\n", Painted(label, HEADING)));
        }
        self.push(format_args!("    {}\n", Painted(text, style)));
    }

    /// A label and a sentence, broken between words where it is too long.
    pub(super) fn sentence(&mut self, label: &str, text: &str, style: Style) {
        let mut lines = Vec::new();
        let mut line = String::new();
        for word in text.split(' ') {
            if !line.is_empty() && columns(&line) + 1 + columns(word) > self.room() {
                lines.push(std::mem::take(&mut line));
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        lines.push(line);
        for (at, line) in lines.iter().enumerate() {
            self.row(if at == 0 { label } else { "" }, Painted(line, style));
        }
    }

    /// Lines of talk, broken between words where they are too long.
    pub(super) fn prose(&mut self, text: &str) {
        for line in text.lines() {
            let indent = line.len() - line.trim_start().len();
            let mut column = 0;
            for word in line[indent..].split(' ') {
                let columns = columns(word);
                if column == 0 {
                    self.text.push_str(&line[..indent]);
                    column = indent;
                } else if column + 1 + columns <= self.width {
                    self.text.push(' ');
                    column += 1;
                } else {
                    self.push(format_args!("\n{:1$}", "", indent + 2));
                    column = indent + 2;
                }
                self.text.push_str(word);
                column += columns;
            }
            self.text.push('\n');
        }
    }

    /// The title of what follows.
    pub(super) fn heading(&mut self, text: &str) {
        self.push(format_args!("\n  {}\n", Painted(text, HEADING)));
    }

    /// Lines as they are, a little to the right.
    pub(super) fn indented(&mut self, text: &str) {
        for line in text.lines() {
            self.push(format_args!("    {line}\n"));
        }
    }

    fn push(&mut self, text: std::fmt::Arguments<'_>) {
        let written = self.text.write_fmt(text);
        debug_assert!(written.is_ok(), "writing to a String cannot fail");
    }
}

/// Columns of `text` on a terminal: colours take none.
fn columns(text: &str) -> usize {
    let plain = anstream::adapter::strip_str(text).to_string();
    plain.chars().count()
}

/// A value in a style.
pub(super) struct Painted<T>(pub(super) T, pub(super) Style);

impl<T: Display> Display for Painted<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self(value, style) = self;
        write!(f, "{style}{value}{style:#}")
    }
}
