//! The strategy, what was changed by hand, and the last warnings.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::telemetry::act::{Fault, Whom};
use crate::telemetry::snapshot::LogLine;
use crate::tui::pane::Look;
use crate::tui::theme::Tone;
use crate::tui::view::figures;
use crate::tui::view::pen::Pen;
use crate::tui::view::text::columns;

/// Rows that the marks take: one more where something was changed by hand.
pub(super) fn lines(look: &Look<'_>) -> usize {
    let steering = &look.model.snapshot.steering;
    let is_steered =
        steering.pin.is_some() || !steering.drained.is_empty() || !steering.chaos.is_empty();
    1 + usize::from(is_steered)
}

/// The strategy; below it what was changed by hand.
pub(super) fn draw(look: &Look<'_>, area: Rect, buffer: &mut Buffer) {
    let theme = look.theme;
    let mut pen = Pen::new(buffer, area);
    let (quiet, strong) = (theme.style(Tone::Quiet), theme.style(Tone::Strong));
    let about = &look.model.snapshot.about;
    let by_hand = look.model.snapshot.steering.strategy.as_ref();
    let strategy = by_hand.unwrap_or(&about.strategy);
    let mut x = pen.write_all(0, 0, &[(" strategy ", quiet), (strategy, strong)]);
    if by_hand.is_some() {
        x = pen.write(x, 0, " (by hand)", theme.style(Tone::Warn));
    }
    let others = about.watchers.saturating_sub(1);
    let told = [
        (others > 0).then(|| format!("{others} more watching")),
        about.captures.then(|| "bodies are captured".to_owned()),
    ];
    // In a narrow terminal the right half is the last failure's, if there is one.
    let mut rows = look.model.snapshot.providers.iter();
    let end = if area.width < super::WITH_ERRORS && rows.any(|row| row.last_error.is_some()) {
        area.width / 2
    } else {
        area.width
    };
    for words in told.into_iter().flatten() {
        let words = format!("  ·  {words}");
        let taken = u16::try_from(columns(&words)).unwrap_or(end);
        if x.saturating_add(taken) < end {
            x = pen.write(x, 0, &words, quiet);
        }
    }
    let mut x = 1;
    for (words, tone) in by_hand_told(look) {
        x = pen.write(x, 1, &words, theme.style(tone));
        x = pen.write(x, 1, "   ", Style::new());
    }
}

fn by_hand_told(look: &Look<'_>) -> Vec<(String, Tone)> {
    let steering = &look.model.snapshot.steering;
    let left = |until: u64| figures::countdown(until, look.now_ms);
    let pin = steering.pin.iter().map(|pin| {
        let model = pin.model.as_ref().map(|model| format!("/{model}"));
        let whom = format!("{}{}", pin.provider, model.unwrap_or_default());
        (format!("pin {whom} {}", left(pin.until_ms)), Tone::Accent)
    });
    let chaos = steering.chaos.iter().map(|chaos| {
        let fault = fault(&chaos.fault);
        let words = format!("chaos {}: {fault} {}", chaos.provider, left(chaos.until_ms));
        (words, Tone::Warn)
    });
    let drained = steering.drained.iter();
    let drained = drained.map(|one| (format!("drained {}", whom(&one.whom)), Tone::Off));
    pin.chain(chaos).chain(drained).take(20).collect()
}

/// Somebody in words: `groq`, `groq key 2`, `groq/llama`.
pub(in crate::tui) fn whom(whom: &Whom) -> String {
    let key = whom.key.map(|key| format!(" key {key}"));
    let model = whom.model.as_ref().map(|model| format!("/{model}"));
    let (model, key) = (model.unwrap_or_default(), key.unwrap_or_default());
    format!("{}{model}{key}", whom.provider)
}

/// A fault in words.
pub(in crate::tui) fn fault(fault: &Fault) -> String {
    match fault {
        Fault::Latency { ms } => format!("{} later", figures::millis(*ms)),
        Fault::RateLimit => "429".to_owned(),
        Fault::ServerError => "500".to_owned(),
        Fault::Cut { after } => format!("cut after {after} bytes"),
        Fault::Stall { after } => format!("stall after {after} bytes"),
        Fault::Garbage => "garbage".to_owned(),
    }
}

fn matters(line: &&LogLine) -> bool {
    line.level == "warn" || line.level == "error"
}

/// How many lines of the log matter, `most` at most.
pub(super) fn warnings(look: &Look<'_>, most: u16) -> u16 {
    let lines = look.model.snapshot.log.iter().rev().filter(matters);
    u16::try_from(lines.take(most.into()).count()).unwrap_or(most)
}

/// The last lines of the log that matter, the latest below.
pub(super) fn draw_warnings(look: &Look<'_>, area: Rect, buffer: &mut Buffer) {
    let mut pen = Pen::new(buffer, area);
    let lines = look.model.snapshot.log.iter().rev().filter(matters);
    let lines: Vec<&LogLine> = lines.take(area.height.into()).collect();
    for (y, line) in (0..).zip(lines.iter().rev()) {
        let tone = if line.level == "error" {
            Tone::Bad
        } else {
            Tone::Warn
        };
        let style = look.theme.style(tone);
        let quiet = look.theme.style(Tone::Quiet);
        let time = figures::time_of_day(line.at_ms);
        let level = if tone == Tone::Bad {
            " ERROR "
        } else {
            " WARN  "
        };
        pen.write_all(
            1,
            y,
            &[(&time, quiet), (level, style), (&line.text, Style::new())],
        );
    }
}
