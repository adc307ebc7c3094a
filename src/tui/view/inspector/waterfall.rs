//! Where the time of a request went: bars below each other, to one scale.

use ratatui::style::Style;

use super::page::is_skipped;
use crate::telemetry::snapshot::RequestDetail;
use crate::tui::theme::{Theme, Tone};
use crate::tui::view::figures::millis;
use crate::tui::view::page::Line;
use crate::tui::view::text::cut;

/// Columns of the names before the bars.
const NAMES: usize = 16;

/// Columns of the times behind them.
const TIMES: usize = 9;

/// Bars narrower than this say nothing.
const LEAST: usize = 8;

/// One bar.
struct Bar {
    name: String,
    from_ms: u64,
    to_ms: u64,
    tone: Tone,
    glyph: &'static str,
}

/// The bars of `detail`, of which the last ended after `total_ms`, in lines of `room` columns.
pub(super) fn waterfall(
    detail: &RequestDetail,
    total_ms: u64,
    room: usize,
    theme: &Theme,
) -> Vec<Line> {
    let width = room.saturating_sub(NAMES + TIMES + 2).max(LEAST);
    let bars = bars(detail, total_ms);
    let ends = bars.iter().map(|bar| bar.to_ms);
    let scale = ends.max().unwrap_or(0).max(1);
    bars.iter()
        .map(|bar| bar.line(scale, width, theme))
        .collect()
}

fn bars(detail: &RequestDetail, total_ms: u64) -> Vec<Bar> {
    let first = detail.attempts.iter().map(|attempt| attempt.began_ms).min();
    let mut bars = vec![Bar {
        name: "queue".to_owned(),
        from_ms: 0,
        to_ms: first.unwrap_or(total_ms),
        tone: Tone::Quiet,
        glyph: "░",
    }];
    let made = detail.attempts.iter().enumerate();
    for (place, attempt) in made.filter(|(_, one)| !is_skipped(one)) {
        let end = attempt
            .elapsed_ms
            .map(|ms| attempt.began_ms.saturating_add(ms));
        bars.push(Bar {
            name: format!("{} {}", place + 1, attempt.provider),
            from_ms: attempt.began_ms,
            to_ms: end.unwrap_or(total_ms).max(attempt.began_ms),
            tone: if attempt.is_failure {
                Tone::Bad
            } else {
                Tone::Good
            },
            glyph: if attempt.is_failure { "▒" } else { "█" },
        });
    }
    if let Some(ttft) = detail.row.ttft_ms {
        bars.push(Bar {
            name: "first token".to_owned(),
            from_ms: ttft,
            to_ms: ttft,
            tone: Tone::Accent,
            glyph: "▓",
        });
        bars.push(Bar {
            name: "stream".to_owned(),
            from_ms: ttft,
            to_ms: total_ms.max(ttft),
            tone: Tone::Busy,
            glyph: "▓",
        });
    }
    bars
}

impl Bar {
    fn line(&self, scale: u64, width: usize, theme: &Theme) -> Line {
        let at = |ms: u64| {
            let wide = u128::from(ms) * width as u128 / u128::from(scale);
            usize::try_from(wide).unwrap_or(width).min(width)
        };
        let start = at(self.from_ms).min(width.saturating_sub(1));
        // What took no time is seen as well.
        let size = at(self.to_ms).saturating_sub(start).max(1);
        let rest = width.saturating_sub(start + size);
        let took = match self.to_ms.saturating_sub(self.from_ms) {
            0 if self.from_ms > 0 => format!("at {}", millis(self.from_ms)),
            ms => millis(ms),
        };
        let name = cut(&self.name, NAMES - 1, theme);
        let gap = NAMES.saturating_sub(crate::tui::view::text::columns(&name));
        vec![
            (name, Style::new()),
            (" ".repeat(gap + start), Style::new()),
            (self.glyph.repeat(size), theme.style(self.tone)),
            (" ".repeat(rest + 1), Style::new()),
            (took, theme.style(Tone::Quiet)),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::snapshot::{AttemptRow, RequestRow};
    use crate::tui::view::text::columns;

    #[test]
    fn no_bar_leaves_its_line_whatever_the_times_are() {
        let attempt = |began_ms, elapsed_ms| AttemptRow {
            began_ms,
            elapsed_ms,
            ..AttemptRow::default()
        };
        for (began, elapsed, ttft, total) in [
            (0, None, None, 0),
            (1, Some(120), Some(812), 4_000),
            (u64::MAX, Some(u64::MAX), Some(u64::MAX), 1),
            (0, Some(0), Some(u64::MAX), u64::MAX),
        ] {
            let detail = RequestDetail {
                row: RequestRow {
                    ttft_ms: ttft,
                    ..RequestRow::default()
                },
                attempts: vec![attempt(began, elapsed), attempt(0, elapsed)],
                ..RequestDetail::default()
            };
            for room in [0, 20, 40, 200] {
                for line in waterfall(&detail, total, room, &Theme::default()) {
                    let bar: usize = line[..4].iter().map(|(text, _)| columns(text)).sum();
                    let least = NAMES + LEAST + 1;
                    assert!(bar <= room.max(least + 1), "{bar} in {room}");
                }
            }
        }
    }
}
