//! The latest requests, where the providers leave room for them.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::tui::pane::Look;
use crate::tui::theme::Tone;
use crate::tui::view::pen::Pen;
use crate::tui::view::requests;

/// Draws a title, and as many of them as there is room for, the latest first.
pub(super) fn draw(look: &Look<'_>, area: Rect, buffer: &mut Buffer) {
    if area.height < 2 {
        return;
    }
    let quiet = look.theme.style(Tone::Quiet);
    let title = " Latest requests ";
    let rule = "─".repeat(usize::from(area.width).saturating_sub(title.len() + 1));
    Pen::new(buffer, area).write_all(0, 0, &[("─", quiet), (title, quiet), (&rule, quiet)]);
    let table = Rect {
        y: area.y.saturating_add(1),
        height: area.height - 1,
        ..area
    };
    if look.model.snapshot.requests.is_empty() {
        let words = "no request has come yet; 2 shows how to send one";
        Pen::new(buffer, table).write(2, 0, words, quiet);
        return;
    }
    requests::draw_latest(look, table, buffer);
}
