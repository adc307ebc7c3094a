//! What holds, in one line: `3 under way · errors only · PAUSED`.

use ratatui::style::Style;

use super::pen::Pen;

/// Writes `pieces` into row `y`, with points between them; what has no room is left out whole, but for the first.
pub fn listed(pen: &mut Pen<'_>, y: u16, pieces: &[(String, Style)], between: Style) {
    let mut x = 0_u16;
    for (text, style) in pieces.iter().filter(|(text, _)| !text.is_empty()) {
        if x > 0 {
            let needs = u16::try_from(super::text::columns(text)).unwrap_or(u16::MAX);
            if x.saturating_add(3).saturating_add(needs.min(24)) > pen.width() {
                continue;
            }
            x = pen.write(x, y, " · ", between);
        }
        x = pen.write(x, y, text, *style);
    }
}
