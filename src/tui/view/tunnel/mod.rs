//! The tunnels: how each stands, what to do about it, and its address for people and phones.

mod page;

use crossterm::event::KeyEvent;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::curl;
use super::page::Page;
use super::pen::Pen;
use super::qr::Picture;
use super::scroll::{Scroll, moved};
use super::text::plain;
use crate::telemetry::act::{Act, TunnelAct};
use crate::telemetry::snapshot::TunnelRow;
use crate::tui::keymap::Command;
use crate::tui::pane::{Effect, Look, Pane, Wanted};
use crate::tui::theme::Tone;

/// The kinds that there are, whether they were opened or not.
const KINDS: [&str; 2] = ["cloudflared", "ngrok"];

/// Columns that the page needs beside a picture.
const BESIDE: u16 = 44;

/// See the module's head.
#[derive(Debug, Default)]
pub struct Tunnel {
    at: usize,
    scroll: Scroll,
    /// Whether the picture has the whole screen.
    is_large: bool,
    /// How often something was copied: first the address, then a curl.
    copied: usize,
    /// The lines on which each tunnel begins, as they were drawn last.
    starts: Vec<usize>,
    body: Rect,
}

impl Pane for Tunnel {
    fn draw(&mut self, look: &Look<'_>, area: Rect, buffer: &mut Buffer) {
        let area = area.intersection(buffer.area);
        let rows = rows(look);
        self.at = self.at.min(rows.len().saturating_sub(1));
        let url = rows.get(self.at).and_then(|row| row.url.as_deref());
        let picture = url.and_then(Picture::of);
        if self.is_large {
            return draw_large(url, picture.as_ref(), look, area, buffer);
        }
        let size = picture.as_ref().map(|picture| picture.size(look.theme));
        let beside = size.filter(|(width, height)| {
            area.width >= width.saturating_add(BESIDE) && area.height >= *height
        });
        let width = area.width - beside.map_or(0, |(width, _)| width + 1);
        self.draw_page(&rows, look, Rect { width, ..area }, buffer);
        if let (Some(picture), Some(_)) = (picture, beside) {
            let x = area.x.saturating_add(width).saturating_add(1);
            picture.draw(Rect { x, ..area }, buffer, look.theme);
        }
    }

    fn command(&mut self, command: Command, look: &Look<'_>) -> Effect {
        if self.is_large && matches!(command, Command::Back | Command::Picture | Command::Open) {
            self.is_large = false;
            return Effect::Changed;
        }
        let rows = rows(look);
        if let Some(at) = moved(command, self.at, rows.len(), 1) {
            self.at = at;
            self.copied = 0;
            return Effect::Changed;
        }
        let Some(row) = rows.get(self.at) else {
            return Effect::Ignored;
        };
        match command {
            Command::Picture | Command::Open if row.url.is_some() => self.is_large = true,
            Command::Picture => {
                return Effect::Say("there is no address to be drawn yet".to_owned());
            }
            Command::Copy => return self.copy(row, look),
            Command::TunnelOpen => return open(row, look),
            Command::TunnelClose => return close(row),
            Command::TunnelRestart => return restart(row),
            _ => return Effect::Ignored,
        }
        Effect::Changed
    }

    fn typed(&mut self, _key: KeyEvent, _look: &Look<'_>) -> Effect {
        Effect::Ignored
    }

    fn is_typing(&self) -> bool {
        false
    }

    fn click(&mut self, column: u16, row: u16, _look: &Look<'_>) -> Effect {
        if self.is_large || !self.body.contains((column, row).into()) {
            return Effect::Ignored;
        }
        let line = self.scroll.top + usize::from(row - self.body.y);
        let before = self.starts.partition_point(|start| *start <= line);
        match before.checked_sub(1) {
            Some(at) => {
                self.at = at;
                Effect::Changed
            }
            None => Effect::Ignored,
        }
    }

    fn offers(&self, command: Command, look: &Look<'_>) -> bool {
        let rows = rows(look);
        let row = rows.get(self.at);
        let is_open = row.is_some_and(|row| !matches!(row.state.as_str(), "" | "stopped"));
        match command {
            Command::Back => self.is_large,
            Command::Open => false,
            Command::Picture | Command::Copy => row.is_some_and(|row| row.url.is_some()),
            Command::TunnelClose | Command::TunnelRestart => is_open,
            Command::TunnelOpen => !is_open,
            _ => true,
        }
    }

    fn wanted(&self, _look: &Look<'_>) -> Option<Wanted> {
        None
    }
}

impl Tunnel {
    fn draw_page(&mut self, rows: &[TunnelRow], look: &Look<'_>, area: Rect, buffer: &mut Buffer) {
        let mut page = Page::new(look.theme, area.width.saturating_sub(2));
        self.starts.clear();
        for (at, row) in rows.iter().enumerate() {
            self.starts.push(page.length());
            page::write(&mut page, row, at == self.at, look);
        }
        self.body = area;
        let start = self.starts.get(self.at).copied().unwrap_or(0);
        let end = self
            .starts
            .get(self.at + 1)
            .copied()
            .unwrap_or(page.length());
        // All of the selected one is in the picture, or at least its beginning.
        self.scroll
            .follow(end.saturating_sub(1), area.height.into(), page.length());
        self.scroll.follow(start, area.height.into(), page.length());
        page.draw(&mut self.scroll, area, buffer);
    }

    fn copy(&mut self, row: &TunnelRow, look: &Look<'_>) -> Effect {
        let Some(url) = &row.url else {
            return Effect::Say(format!("{} has no address yet", plain(&row.kind)));
        };
        self.copied = self.copied.wrapping_add(1);
        if self.copied % 2 == 1 {
            let said = "the address; once more: a curl through it".to_owned();
            return Effect::Copy(plain(url), said);
        }
        let command = curl::first_request(&look.model.snapshot.about, url, true);
        Effect::Copy(command, "a curl through the tunnel".to_owned())
    }
}

/// The tunnels that were opened, and those that could be.
fn rows(look: &Look<'_>) -> Vec<TunnelRow> {
    let mut rows = look.model.snapshot.tunnels.clone();
    for kind in KINDS {
        if !rows.iter().any(|row| row.kind == kind) {
            let kind = kind.to_owned();
            rows.push(TunnelRow {
                kind,
                ..TunnelRow::default()
            });
        }
    }
    rows
}

/// Whether it is open, or about to be.
fn is_open(row: &TunnelRow) -> bool {
    !matches!(row.state.as_str(), "" | "stopped" | "failed")
}

fn act(row: &TunnelRow, what: TunnelAct, question: String) -> Effect {
    let act = Act::Tunnel {
        kind: row.kind.clone(),
        what,
    };
    Effect::Act {
        act,
        question: Some(question),
    }
}

fn open(row: &TunnelRow, look: &Look<'_>) -> Effect {
    let kind = plain(&row.kind);
    if is_open(row) {
        return Effect::Say(format!("{kind} is open, or about to be"));
    }
    let key = if look.model.snapshot.about.needs_key {
        " They need a client key."
    } else {
        ""
    };
    let question = format!(
        "Open a public door through {kind}? Whoever knows its address can send requests to this gateway.{key}"
    );
    act(row, TunnelAct::Open, question)
}

fn close(row: &TunnelRow) -> Effect {
    let kind = plain(&row.kind);
    if !is_open(row) {
        return Effect::Say(format!("{kind} is not open"));
    }
    let question = format!("Close {kind}? Clients that came through it are cut off.");
    act(row, TunnelAct::Close, question)
}

fn restart(row: &TunnelRow) -> Effect {
    let kind = plain(&row.kind);
    if row.state.is_empty() {
        return Effect::Say(format!("{kind} was not opened yet"));
    }
    let question = format!(
        "Restart {kind}? Clients that came through it are cut off, and its address may be another one."
    );
    act(row, TunnelAct::Restart, question)
}

fn draw_large(
    url: Option<&str>,
    picture: Option<&Picture>,
    look: &Look<'_>,
    area: Rect,
    buffer: &mut Buffer,
) {
    let theme = look.theme;
    let quiet = theme.style(Tone::Quiet);
    let mut pen = Pen::new(buffer, area);
    let Some(picture) = picture else {
        pen.write(
            2,
            1,
            "There is no address to be drawn. esc goes back.",
            quiet,
        );
        return;
    };
    let (width, height) = picture.size(theme);
    let x = area.x + area.width.saturating_sub(width) / 2;
    let y = area.y + area.height.saturating_sub(height) / 2;
    let place = Rect::new(x, y, width, height).intersection(area);
    if !picture.draw(place, buffer, theme) {
        let words = format!(
            "The picture takes {width} columns and {height} rows; there are {} and {}.",
            area.width, area.height
        );
        let mut pen = Pen::new(buffer, area);
        pen.write(2, 1, &words, Style::new());
        pen.write(2, 3, url.unwrap_or_default(), theme.style(Tone::Accent));
    }
}

#[cfg(test)]
mod tests;
