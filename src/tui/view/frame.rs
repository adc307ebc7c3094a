//! What stands around every screen: header, tabs, footer; and above it: toasts and the dialog.

mod asked;
mod head;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::pen::Pen;
use super::text::columns;
use crate::tui::dashboard::Manners;
use crate::tui::dialog::Dialog;
use crate::tui::keymap::{self, Binding, Command};
use crate::tui::model::Screen;
use crate::tui::pane::Look;
use crate::tui::theme::{Theme, Tone};
use crate::tui::toast::Toasts;

/// The row of the tabs.
pub const TABS_ROW: u16 = 1;

/// Smaller than this, nothing would be right.
const SMALLEST: (u16, u16) = (40, 10);

/// See the module's head.
#[derive(Debug, Clone)]
pub struct Shell<'a> {
    /// What is seen.
    pub look: &'a Look<'a>,
    /// How it behaves.
    pub manners: Manners,
    /// Whether the picture is held still.
    pub is_paused: bool,
    /// What is said in passing.
    pub toasts: &'a Toasts,
    /// The keys that mean something, each with its word.
    pub keys: Vec<(String, &'static str)>,
    /// For how long the gateway is gone.
    pub lost_ms: Option<u64>,
}

/// The keys for the footer: those of `screen` that are `offered` as it stands now.
pub fn keys(
    screen: Screen,
    is_read_only: bool,
    offered: impl Fn(Command) -> bool,
) -> Vec<(String, &'static str)> {
    let back = offered(Command::Back).then(|| ("esc".to_owned(), "back"));
    let may = |one: &&Binding| !(one.short.is_empty() || is_read_only && one.is_act());
    let named = keymap::on(screen).filter(may);
    let named = named.filter(|one| offered(one.command));
    let named = named.filter_map(|one| Some((one.keys.first()?.name(), one.short)));
    back.into_iter().chain(named).collect()
}

impl Shell<'_> {
    /// Draws what stands around, and returns where the screen goes; nowhere, if there is no room.
    pub fn draw(&self, area: Rect, buffer: &mut Buffer, dialog: Option<&Dialog>) -> Option<Rect> {
        let mut pen = Pen::new(buffer, area);
        if area.width < SMALLEST.0 || area.height < SMALLEST.1 {
            let (width, height) = SMALLEST;
            pen.write(
                0,
                0,
                &format!("needs {width}x{height}, has {}x{}", area.width, area.height),
                Style::new(),
            );
            pen.write(0, 1, "q quits", Style::new());
            return None;
        }
        head::draw(self, &mut pen.part(0, 0, area.width, 1));
        self.draw_tabs(&mut pen.part(0, TABS_ROW, area.width, 1));
        self.draw_footer(&mut pen.part(0, area.height - 1, area.width, 1), dialog);
        Some(Rect {
            y: area.y + 2,
            height: area.height - 3,
            ..area
        })
    }

    /// Draws what is above the screen.
    pub fn draw_above(&self, body: Rect, buffer: &mut Buffer, dialog: Option<&mut Dialog>) {
        self.draw_toasts(body, buffer);
        if let Some(dialog) = dialog {
            asked::draw(self.look, dialog, body, buffer);
        }
    }

    fn draw_tabs(&self, pen: &mut Pen<'_>) {
        let theme = self.look.theme;
        for (screen, x, label) in tabs() {
            let is_shown = screen == self.look.model.screen;
            let style = if is_shown {
                theme.selected().patch(theme.style(Tone::Strong))
            } else {
                theme.style(Tone::Quiet)
            };
            pen.write(x, 0, &label, style);
        }
        let mut end = pen.width();
        for (words, tone) in self.marks() {
            let taken = u16::try_from(columns(&words)).unwrap_or(end);
            pen.write_right(end, 0, taken, &words, theme.style(tone));
            end = end.saturating_sub(taken + 1);
        }
    }

    /// What is to be known on every screen, the most important at the right.
    fn marks(&self) -> Vec<(String, Tone)> {
        let lost = self.look.model.snapshot.lost;
        let dropped = [lost.requests, lost.lines, lost.events];
        let dropped = dropped.iter().fold(0_u64, |all, n| all.saturating_add(*n));
        let dropped = format!("dropped {}", super::figures::count(dropped));
        let old = self
            .lost_ms
            .map(|ms| format!("STALE {} ", super::figures::lasting(ms)));
        let marks = [
            (old.is_some(), old.unwrap_or_default(), Tone::Bad),
            (self.is_paused, "PAUSED ".to_owned(), Tone::Warn),
            (
                self.manners.is_read_only,
                "read-only".to_owned(),
                Tone::Quiet,
            ),
            (!dropped.ends_with(" 0"), dropped, Tone::Warn),
        ];
        let shown = marks.into_iter().filter(|(is_so, ..)| *is_so);
        shown.map(|(_, words, tone)| (words, tone)).collect()
    }

    /// The keys that are valid here, as many as there is room for.
    fn draw_footer(&self, pen: &mut Pen<'_>, dialog: Option<&Dialog>) {
        let theme = self.look.theme;
        let mut x = 1;
        if let Some(dialog) = dialog {
            for (key, words) in dialog.keys() {
                x = write_key(pen, x, key, words, theme);
            }
            return;
        }
        let all = &self.keys;
        // The way out and the list of all keys stand at the right, whatever else there is.
        let (last, first) = (all.len().saturating_sub(2), all.len());
        let needed: usize = all[last..first]
            .iter()
            .map(|(key, words)| taken(key, words))
            .sum();
        let end = usize::from(pen.width()).saturating_sub(needed);
        for (at, (key, words)) in all.iter().enumerate() {
            if at < last && usize::from(x) + taken(key, words) > end {
                continue;
            }
            x = write_key(pen, x, key, words, theme);
        }
    }

    fn draw_toasts(&self, body: Rect, buffer: &mut Buffer) {
        let theme = self.look.theme;
        let most = usize::from(body.width.saturating_sub(4).min(100));
        let mut bottom = body.bottom();
        for toast in self.toasts.shown().rev() {
            let lines = super::text::wrapped(&toast.text, most.saturating_sub(4).max(4), 3);
            let wide = lines.iter().map(|line| columns(line)).max().unwrap_or(0) + 4;
            let height = u16::try_from(lines.len()).unwrap_or(1);
            if bottom.saturating_sub(body.y) < height + 1 {
                return;
            }
            bottom -= height;
            let width = u16::try_from(wide).unwrap_or(body.width).min(body.width);
            let place = Rect {
                x: body.right() - width,
                y: bottom,
                width,
                height,
            };
            let mut pen = Pen::new(buffer, place);
            pen.clear();
            for (y, line) in (0..).zip(&lines) {
                let glyph = if y == 0 {
                    glyph(toast.tone, theme)
                } else {
                    " "
                };
                pen.paint(0, y, width, theme.selected());
                pen.write_all(
                    0,
                    y,
                    &[
                        (" ", theme.selected()),
                        (glyph, theme.selected()),
                        (" ", theme.selected()),
                        (line, theme.selected()),
                    ],
                );
            }
        }
    }
}

fn glyph(tone: Tone, theme: &Theme) -> &'static str {
    match tone {
        Tone::Strong | Tone::Quiet | Tone::Accent => theme.glyph(Tone::Busy),
        tone => theme.glyph(tone),
    }
}

fn taken(key: &str, words: &str) -> usize {
    columns(key) + columns(words) + 3
}

fn write_key(pen: &mut Pen<'_>, x: u16, key: &str, words: &str, theme: &Theme) -> u16 {
    let (accent, quiet) = (theme.style(Tone::Accent), theme.style(Tone::Quiet));
    pen.write_all(
        x,
        0,
        &[(key, accent), (" ", quiet), (words, quiet), ("  ", quiet)],
    )
}

/// The tabs, each with its column.
fn tabs() -> impl Iterator<Item = (Screen, u16, String)> {
    let mut x = 0;
    Screen::ALL.into_iter().map(move |screen| {
        let label = format!(" {} {} ", screen.place() + 1, screen.name());
        let at = x;
        x += u16::try_from(label.len()).unwrap_or(0);
        (screen, at, label)
    })
}

/// The tab in a column.
pub fn tab_at(column: u16) -> Option<Screen> {
    let on = |at: u16, label: &str| column >= at && usize::from(column - at) < label.len();
    tabs()
        .find(|(_, at, label)| on(*at, label))
        .map(|(screen, ..)| screen)
}
