//! The log: followed or held still, from a level on, and searched.

use std::borrow::Cow;

use crossterm::event::KeyEvent;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};

use super::figures::{count, time_of_day};
use super::filter::Field;
use super::finder::Finder;
use super::listed::listed;
use super::page::Line;
use super::pen::Pen;
use super::scroll::{Scroll, moved};
use super::split::split;
use super::text::{cut, plain, wrapped};
use crate::telemetry::snapshot::LogLine;
use crate::tui::keymap::Command;
use crate::tui::pane::{Effect, Look, Pane, Wanted};
use crate::tui::theme::{Theme, Tone};

/// The levels, the gravest first.
const LEVELS: [&str; 5] = ["error", "warn", "info", "debug", "trace"];

/// Lines on the screen that one line of the log takes at most.
const MOST_LINES: usize = 200;

/// Columns of a target.
const TARGET: usize = 18;

/// See the module's head.
#[derive(Debug)]
pub struct Logs {
    finder: Finder,
    /// The last of the levels that is shown, in [`LEVELS`].
    level: usize,
    follows: bool,
    wraps: bool,
    has_times: bool,
    /// The number of the selected line; the last one, whichever that is, while it follows.
    selected: Option<u64>,
    at: usize,
    /// How far long lines are pushed to the left.
    left: usize,
    scroll: Scroll,
    shown: Vec<u64>,
    /// Where the lines were drawn last, and which of them each row belongs to.
    body: Rect,
    rows: Vec<u64>,
}

impl Default for Logs {
    fn default() -> Self {
        Self {
            finder: Finder::default(),
            level: 2,
            follows: true,
            wraps: false,
            has_times: true,
            selected: None,
            at: 0,
            left: 0,
            scroll: Scroll::default(),
            shown: Vec::new(),
            body: Rect::ZERO,
            rows: Vec::new(),
        }
    }
}

impl Pane for Logs {
    fn draw(&mut self, look: &Look<'_>, area: Rect, buffer: &mut Buffer) {
        let [head, body] = split(area.intersection(buffer.area), 1);
        let all = &look.model.snapshot.log;
        let lines: Vec<&LogLine> = all.iter().filter(|line| self.is_shown(line)).collect();
        self.settle(&lines, body);
        if !self.finder.draw(head, buffer, look.theme) {
            self.draw_head(look, (lines.len(), all.len()), head, buffer);
        }
        if lines.is_empty() {
            let words = if all.is_empty() {
                "Nothing was logged yet."
            } else {
                "No line is like that: lower the level, or clear the filter with esc."
            };
            let quiet = look.theme.style(Tone::Quiet);
            Pen::new(buffer, body).write(2, 1, words, quiet);
        } else {
            self.draw_lines(&lines, look.theme, buffer);
        }
    }

    fn command(&mut self, command: Command, look: &Look<'_>) -> Effect {
        if self.finder.command(command) {
            return Effect::Changed;
        }
        if let Some(at) = moved(command, self.at, self.shown.len(), self.scroll.page) {
            self.at = at;
            self.selected = self.shown.get(at).copied();
            // Who goes to the end wants to see what comes.
            self.follows = command == Command::Bottom;
            return Effect::Changed;
        }
        match command {
            Command::LevelUp => self.level = self.level.saturating_sub(1),
            Command::LevelDown => self.level = (self.level + 1).min(LEVELS.len() - 1),
            // Warnings and errors, or all but what is for developers.
            Command::ErrorsOnly => self.level = if self.level == 1 { 2 } else { 1 },
            Command::Follow => self.follows = !self.follows,
            Command::Wrap => self.wraps = !self.wraps,
            Command::Times => self.has_times = !self.has_times,
            Command::Left => self.left = self.left.saturating_sub(8),
            Command::Right => self.left = self.left.saturating_add(8).min(100_000),
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
        if !self.body.contains((column, row).into()) {
            return Effect::Ignored;
        }
        match self.rows.get(usize::from(row - self.body.y)) {
            Some(number) => {
                self.selected = Some(*number);
                self.follows = false;
                Effect::Changed
            }
            None => Effect::Ignored,
        }
    }

    fn wanted(&self, _look: &Look<'_>) -> Option<Wanted> {
        None
    }
}

impl Logs {
    fn is_shown(&self, line: &LogLine) -> bool {
        // A level that nobody has heard of is shown.
        let level = LEVELS
            .iter()
            .position(|level| line.level.eq_ignore_ascii_case(level));
        level.unwrap_or(0) <= self.level
            && (self.finder.filter().is_empty() || self.finder.filter().matches(&fields(line)))
    }

    fn settle(&mut self, lines: &[&LogLine], body: Rect) {
        self.body = body;
        self.shown = lines.iter().map(|line| line.number).collect();
        let last = lines.len().saturating_sub(1);
        let selected = self.selected.filter(|_| !self.follows);
        self.at = match selected {
            None => last,
            // Numbers ascend: of a line that is gone, the next one takes its place.
            Some(number) => self.shown.partition_point(|one| *one < number).min(last),
        };
        self.scroll.follow(self.at, body.height.into(), lines.len());
    }

    fn draw_lines(&mut self, lines: &[&LogLine], theme: &Theme, buffer: &mut Buffer) {
        let body = self.body;
        self.rows.clear();
        let width = usize::from(body.width);
        let mut drawn: Vec<(u64, Line)> = Vec::new();
        let height = usize::from(body.height);
        if self.wraps {
            // From the selected line upwards, so that it has its place whatever those above it take.
            for line in lines[..=self.at.min(lines.len() - 1)].iter().rev() {
                let rows = self.rows_of(line, width, theme);
                drawn.splice(0..0, rows.into_iter().map(|row| (line.number, row)));
                if drawn.len() >= height {
                    break;
                }
            }
            let excess = drawn.len().saturating_sub(height);
            drawn.drain(..excess);
            for line in lines.iter().skip(self.at + 1) {
                if drawn.len() >= height {
                    break;
                }
                let rows = self.rows_of(line, width, theme);
                drawn.extend(rows.into_iter().map(|row| (line.number, row)));
            }
        } else {
            for line in lines.iter().skip(self.scroll.top).take(height) {
                drawn.push((line.number, self.one_row(line, width, theme)));
            }
        }
        let selected = self.shown.get(self.at).copied();
        let mut pen = Pen::new(buffer, body);
        for (y, (number, pieces)) in (0..body.height).zip(&drawn) {
            let all = pieces.iter();
            all.fold(0, |x, (text, style)| pen.write(x, y, text, *style));
            self.rows.push(*number);
            if Some(*number) == selected && !self.follows {
                pen.paint(0, y, body.width, theme.selected());
            }
        }
    }

    /// Time, level and target, which stand before the text.
    fn front(&self, line: &LogLine, width: usize, theme: &Theme) -> Line {
        let (word, tone) = level(&line.level);
        let mut pieces = Line::new();
        if self.has_times {
            let millis = line.at_ms % 1_000;
            let time = format!("{}.{millis:03} ", time_of_day(line.at_ms));
            pieces.push((time, theme.style(Tone::Quiet)));
        }
        let bold = if tone == Tone::Bad {
            Modifier::BOLD
        } else {
            Modifier::empty()
        };
        pieces.push((format!("{word:<5} "), theme.style(tone).add_modifier(bold)));
        if width >= 70 {
            let target = line.target.strip_prefix("autogw::").unwrap_or(&line.target);
            let target = cut(target, TARGET, theme);
            let gap = " ".repeat((TARGET + 1).saturating_sub(super::text::columns(&target)));
            pieces.push((target + &gap, theme.style(Tone::Quiet)));
        }
        pieces
    }

    fn one_row(&self, line: &LogLine, width: usize, theme: &Theme) -> Line {
        let mut pieces = self.front(line, width, theme);
        let text: String = line
            .text
            .chars()
            .skip(self.left)
            .take(width.saturating_add(1))
            .collect();
        let taken: usize = pieces
            .iter()
            .map(|(text, _)| super::text::columns(text))
            .sum();
        let text = cut(&text, width.saturating_sub(taken), theme);
        pieces.push((text, style(line, theme)));
        pieces
    }

    fn rows_of(&self, line: &LogLine, width: usize, theme: &Theme) -> Vec<Line> {
        let mut front = self.front(line, width, theme);
        let taken: usize = front
            .iter()
            .map(|(text, _)| super::text::columns(text))
            .sum();
        let mut texts = wrapped(&line.text, width.saturating_sub(taken), MOST_LINES).into_iter();
        front.push((texts.next().unwrap_or_default(), style(line, theme)));
        let below = texts.map(|text| {
            vec![
                (" ".repeat(taken), Style::new()),
                (text, style(line, theme)),
            ]
        });
        std::iter::once(front).chain(below).collect()
    }

    fn draw_head(
        &self,
        look: &Look<'_>,
        (shown, all): (usize, usize),
        area: Rect,
        buffer: &mut Buffer,
    ) {
        let theme = look.theme;
        let (quiet, plain) = (theme.style(Tone::Quiet), Style::new());
        let on = |name: &str, is_on: bool| {
            let style = if is_on {
                theme.style(Tone::Accent)
            } else {
                quiet
            };
            (
                format!("{name} {}", if is_on { "on" } else { "off" }),
                style,
            )
        };
        let level = format!("from {}", LEVELS[self.level.min(LEVELS.len() - 1)]);
        let mut pieces = vec![
            (level, theme.style(Tone::Accent)),
            on("follow", self.follows),
            on("wrap", self.wraps),
            on("times", self.has_times),
            (format!("{shown} of {all} lines"), plain),
        ];
        if !self.finder.text().is_empty() {
            let at = pieces.len().min(2);
            pieces.insert(
                at,
                (
                    format!("/{}", self.finder.text()),
                    theme.style(Tone::Accent),
                ),
            );
        }
        let lost = look.model.snapshot.lost.lines;
        let tone = if lost > 0 { Tone::Warn } else { Tone::Quiet };
        pieces.push((format!("dropped {}", count(lost)), theme.style(tone)));
        if self.left > 0 && !self.wraps {
            pieces.push((format!("from column {}", self.left), quiet));
        }
        listed(&mut Pen::new(buffer, area), 0, &pieces, quiet);
    }

    fn copy(&self, look: &Look<'_>) -> Effect {
        let lines = &look.model.snapshot.log;
        let number = self.shown.get(self.at);
        let mut lines = lines.iter();
        match lines.find(|line| Some(&line.number) == number) {
            Some(line) => Effect::Copy(plain(&line.text), "the line".to_owned()),
            None => Effect::Ignored,
        }
    }
}

fn fields(line: &LogLine) -> [Field<'_>; 3] {
    [
        ("level", Cow::Borrowed(&line.level)),
        ("target", Cow::Borrowed(&line.target)),
        ("text", Cow::Borrowed(&line.text)),
    ]
}

/// The word for a level, and how it is shown.
fn level(level: &str) -> (String, Tone) {
    let tone = match level.to_ascii_lowercase().as_str() {
        "error" => Tone::Bad,
        "warn" => Tone::Warn,
        "info" => Tone::Good,
        _ => Tone::Quiet,
    };
    (cut(&level.to_uppercase(), 5, &Theme::default()), tone)
}

fn style(line: &LogLine, theme: &Theme) -> Style {
    match line.level.as_str() {
        "error" => theme.style(Tone::Bad),
        "debug" | "trace" => theme.style(Tone::Quiet),
        _ => Style::new(),
    }
}

#[cfg(test)]
mod tests {
    use crossterm::event::{KeyCode, KeyModifiers};

    use super::*;
    use crate::telemetry::event::Event;
    use crate::tui::fixture::{NOW, drawn, empty, model, odd};
    use crate::tui::model::Model;

    fn picture(pane: &mut Logs, model: &Model, size: (u16, u16)) -> String {
        drawn(pane, model, Theme::default(), size)
    }

    fn command(pane: &mut Logs, command: Command, model: &Model) {
        let theme = Theme::default();
        let look = Look {
            model,
            theme: &theme,
            now_ms: NOW,
        };
        pane.command(command, &look);
    }

    fn line(number: u64, text: &str) -> Event {
        Event::Log(LogLine {
            number,
            level: "info".to_owned(),
            text: text.to_owned(),
            ..LogLine::default()
        })
    }

    #[test]
    fn every_size_shows_level_and_text() {
        for (width, height) in [(80, 24), (120, 40), (200, 50), (60, 15)] {
            let picture = picture(&mut Logs::default(), &model(), (width, height));
            insta::assert_snapshot!(format!("logs_{width}x{height}"), picture);
        }
        insta::assert_snapshot!(
            "logs_none",
            picture(&mut Logs::default(), &empty(), (80, 6))
        );
    }

    #[test]
    fn the_end_is_followed_until_somebody_looks_elsewhere() {
        let (mut pane, mut model) = (Logs::default(), model());
        model.snapshot.apply(line(900, "the last word"));
        assert!(picture(&mut pane, &model, (100, 12)).contains("the last word"));
        command(&mut pane, Command::PageUp, &model);
        let before = picture(&mut pane, &model, (100, 12));
        assert!(before.contains("follow off"));
        model.snapshot.apply(line(901, "one more"));
        let body = |picture: &str| picture.lines().skip(1).collect::<Vec<_>>().join("\n");
        assert_eq!(body(&picture(&mut pane, &model, (100, 12))), body(&before));
        command(&mut pane, Command::Bottom, &model);
        assert!(picture(&mut pane, &model, (100, 12)).contains("one more"));
    }

    #[test]
    fn levels_and_searches_leave_lines_out() {
        let (mut pane, model) = (Logs::default(), model());
        assert!(!picture(&mut pane, &model, (100, 40)).contains("DEBUG"));
        command(&mut pane, Command::LevelDown, &model);
        assert!(picture(&mut pane, &model, (100, 40)).contains("DEBUG"));
        command(&mut pane, Command::Filter, &model);
        let theme = Theme::default();
        let look = Look {
            model: &model,
            theme: &theme,
            now_ms: NOW,
        };
        for code in "!served".chars().map(KeyCode::Char).chain([KeyCode::Enter]) {
            pane.typed(KeyEvent::new(code, KeyModifiers::NONE), &look);
        }
        let searched = picture(&mut pane, &model, (100, 40));
        assert!(
            !searched.contains("served id") && searched.contains("/!served"),
            "{searched}"
        );
        command(&mut pane, Command::ErrorsOnly, &model);
        assert!(!picture(&mut pane, &model, (100, 40)).contains("INFO"));
    }

    #[test]
    fn a_long_line_is_broken_or_pushed() {
        let (mut pane, mut model) = (Logs::default(), model());
        let text = format!("{} the end of it", "word ".repeat(60));
        model.snapshot.apply(line(900, &text));
        assert!(!picture(&mut pane, &model, (100, 12)).contains("the end of it"));
        command(&mut pane, Command::Wrap, &model);
        assert!(picture(&mut pane, &model, (100, 12)).contains("the end of it"));
        command(&mut pane, Command::Wrap, &model);
        for _ in 0..36 {
            command(&mut pane, Command::Right, &model);
        }
        assert!(picture(&mut pane, &model, (100, 12)).contains("the end of it"));
    }

    #[test]
    fn odd_lines_do_nothing() {
        let (mut pane, model) = (Logs::default(), odd());
        for _ in 0..2 {
            let picture = picture(&mut pane, &model, (80, 24));
            assert!(!picture.contains('\u{1b}') && !picture.contains('\u{202e}'));
            command(&mut pane, Command::Wrap, &model);
        }
    }
}
