//! The dialog in the middle of the screen; a typed command at its foot.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::telemetry::act::Act;
use crate::tui::dialog::Dialog;
use crate::tui::keymap;
use crate::tui::pane::Look;
use crate::tui::prompt;
use crate::tui::theme::Tone;
use crate::tui::view::input::Input;
use crate::tui::view::pen::Pen;
use crate::tui::view::scroll::Scroll;
use crate::tui::view::text::{columns, wrapped};

/// A line with the style of its first word and of the rest.
type Line = (String, Style, String);

/// Candidates that are shown below what is typed.
const CANDIDATES: usize = 8;

/// Draws it.
pub(super) fn draw(look: &Look<'_>, dialog: &mut Dialog, body: Rect, buffer: &mut Buffer) {
    match dialog {
        Dialog::Confirm { question, .. } => confirm(look, question, body, buffer),
        Dialog::Choose { title, acts, at } => choose(look, title, acts, *at, body, buffer),
        Dialog::Prompt { input, error } => typed(look, input, error.as_deref(), body, buffer),
        Dialog::Help(scroll) => read(look, "keys", &help(look), scroll, body, buffer),
        Dialog::Note {
            title,
            lines,
            scroll,
        } => {
            let width = usize::from(body.width).saturating_sub(8).clamp(10, 110);
            let broken = lines
                .iter()
                .take(500)
                .flat_map(|line| wrapped(line, width, 20));
            let lines: Vec<Line> = broken
                .map(|line| (String::new(), Style::new(), line))
                .collect();
            read(look, title, &lines, scroll, body, buffer);
        }
    }
}

/// An empty box of at most `width` by `height` inside, in the middle of `body`.
fn boxed<'a>(
    look: &Look<'_>,
    title: &str,
    (width, height): (usize, usize),
    body: Rect,
    buffer: &'a mut Buffer,
) -> Pen<'a> {
    let width = u16::try_from(width.max(columns(title) + 4) + 2)
        .unwrap_or(u16::MAX)
        .min(body.width);
    let height = u16::try_from(height + 2)
        .unwrap_or(u16::MAX)
        .min(body.height);
    let place = Rect {
        x: body.x + (body.width - width) / 2,
        y: body.y + (body.height - height) / 2,
        width,
        height,
    };
    let mut pen = Pen::new(buffer, place);
    pen.clear();
    pen.frame(
        title,
        look.theme.style(Tone::Accent),
        look.theme.style(Tone::Strong),
    );
    let inner = Rect {
        x: place.x.saturating_add(1),
        y: place.y.saturating_add(1),
        width: width.saturating_sub(2),
        height: height.saturating_sub(2),
    };
    Pen::new(buffer, inner)
}

fn confirm(look: &Look<'_>, question: &str, body: Rect, buffer: &mut Buffer) {
    let width = usize::from(body.width).saturating_sub(6).clamp(10, 60);
    let lines = wrapped(question, width, 6);
    let wide = lines
        .iter()
        .map(|line| columns(line))
        .max()
        .unwrap_or(0)
        .max(14);
    let mut pen = boxed(look, "", (wide + 2, lines.len() + 2), body, buffer);
    for (y, line) in (0..).zip(&lines) {
        pen.write(1, y, line, Style::new());
    }
    let y = pen.height().saturating_sub(1);
    let (accent, plain) = (look.theme.style(Tone::Accent), Style::new());
    pen.write_all(
        1,
        y,
        &[
            ("y", accent),
            (" yes   ", plain),
            ("n", accent),
            (" no", plain),
        ],
    );
}

fn choose(
    look: &Look<'_>,
    title: &str,
    acts: &[(String, Act, Option<String>)],
    at: usize,
    body: Rect,
    buffer: &mut Buffer,
) {
    let wide = acts
        .iter()
        .map(|(words, ..)| columns(words))
        .max()
        .unwrap_or(0);
    let mut pen = boxed(look, title, (wide + 6, acts.len()), body, buffer);
    let page = usize::from(pen.height());
    let mut scroll = Scroll::default();
    scroll.follow(at, page, acts.len());
    let shown = acts.iter().enumerate().skip(scroll.top);
    for (y, (place, (words, ..))) in (0..pen.height()).zip(shown) {
        let digit = if place < 9 {
            (place + 1).to_string()
        } else {
            " ".to_owned()
        };
        pen.write_all(
            1,
            y,
            &[
                (&digit, look.theme.style(Tone::Accent)),
                (" ", Style::new()),
                (words, Style::new()),
            ],
        );
        if place == at {
            pen.paint(0, y, pen.width(), look.theme.selected());
        }
    }
}

/// A text that may be longer than its box.
fn read(
    look: &Look<'_>,
    title: &str,
    lines: &[Line],
    scroll: &mut Scroll,
    body: Rect,
    buffer: &mut Buffer,
) {
    let wide = lines
        .iter()
        .map(|(first, _, rest)| columns(first) + columns(rest))
        .max();
    let mut pen = boxed(
        look,
        title,
        (wide.unwrap_or(0) + 2, lines.len()),
        body,
        buffer,
    );
    scroll.fit(pen.height().into(), lines.len());
    let is_more = lines.len() > scroll.page + scroll.top;
    for (y, (first, style, rest)) in (0..pen.height()).zip(lines.iter().skip(scroll.top)) {
        pen.write_all(1, y, &[(first, *style), (rest, Style::new())]);
    }
    if is_more {
        let (end, y) = (pen.width(), pen.height().saturating_sub(1));
        pen.write_right(end, y, 8, " ↓ more ", look.theme.selected());
    }
}

/// The table of keys, as it is valid on this screen.
fn help(look: &Look<'_>) -> Vec<Line> {
    let (accent, strong) = (
        look.theme.style(Tone::Accent),
        look.theme.style(Tone::Strong),
    );
    let line = |binding: &keymap::Binding| {
        let names = binding.names();
        let gap = 16_usize.saturating_sub(columns(&names));
        (
            format!("{names}{}", " ".repeat(gap)),
            accent,
            binding.help.to_owned(),
        )
    };
    let (own, everywhere): (Vec<_>, Vec<_>) =
        keymap::on(look.model.screen).partition(|binding| !binding.is_everywhere());
    let title = |words: &str| (words.to_owned(), strong, String::new());
    let mut lines = vec![title(&format!("on {}", look.model.screen.name()))];
    lines.extend(own.into_iter().map(line));
    lines.push(title(""));
    lines.push(title("everywhere"));
    lines.extend(everywhere.into_iter().map(line));
    lines
}

fn typed(look: &Look<'_>, input: &Input, error: Option<&str>, body: Rect, buffer: &mut Buffer) {
    let snapshot = &look.model.snapshot;
    let candidates = prompt::candidates(&input.text(), snapshot);
    let shown = candidates.len().min(CANDIDATES);
    let rows = shown + 1 + usize::from(error.is_some());
    let height = u16::try_from(rows).unwrap_or(1).min(body.height);
    let place = Rect {
        y: body.bottom() - height,
        height,
        ..body
    };
    let mut pen = Pen::new(buffer, place);
    pen.clear();
    let (accent, quiet) = (
        look.theme.style(Tone::Accent),
        look.theme.style(Tone::Quiet),
    );
    let mut y = 0;
    for (word, what) in candidates.iter().take(shown) {
        pen.write(2, y, word, accent);
        pen.write(18, y, what, quiet);
        y += 1;
    }
    if let Some(error) = error {
        let bad = look.theme.style(Tone::Bad);
        pen.write_all(
            0,
            y,
            &[(look.theme.glyph(Tone::Bad), bad), (" ", bad), (error, bad)],
        );
    }
    let line = Rect {
        y: place.bottom().saturating_sub(1),
        height: place.height.min(1),
        ..place
    };
    input.draw(":", line, buffer, look.theme);
}
