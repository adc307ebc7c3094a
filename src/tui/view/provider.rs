//! The page of a provider: its keys (never their values), its targets, its failures, its limits, its course.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::acting;
use super::figures::{self, NOTHING};
use super::pen::Pen;
use super::scroll::{Scroll, moved};
use super::spark::{chart, course, gauge};
use super::standing;
use crate::telemetry::act::Whom;
use crate::telemetry::snapshot::{KeyDetail, Limit, ProviderDetail, ProviderRow, TargetDetail};
use crate::tui::keymap::Command;
use crate::tui::pane::{Effect, Look};
use crate::tui::theme::{Theme, Tone};

/// From so many columns on, there are two halves.
const WIDE: u16 = 116;

/// Rows of the course.
const COURSE: usize = 3;

/// See the module's head.
#[derive(Debug)]
pub struct Page {
    name: String,
    /// The selected key or target: keys come first.
    at: usize,
    scroll: Scroll,
    /// Where the list was drawn.
    list: Rect,
    /// Which item each of its lines is.
    items: Vec<Option<usize>>,
}

/// A line: pieces with their styles, and which item it is.
#[derive(Debug, Default)]
struct Line {
    pieces: Vec<(String, Style)>,
    item: Option<usize>,
}

impl Page {
    /// The page of the provider with that name.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            at: 0,
            scroll: Scroll::default(),
            list: Rect::default(),
            items: Vec::new(),
        }
    }

    /// Whose page it is.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Draws it.
    pub fn draw(&mut self, look: &Look<'_>, area: Rect, buffer: &mut Buffer) {
        let row = self.row(look);
        let detail = self.detail(look);
        let mut head = row.map_or_else(Vec::new, |row| head(row, look));
        if detail.is_none() {
            head.push(quiet("asking the gateway …", look.theme));
        }
        let list = detail.map_or_else(Vec::new, |detail| items(detail, look));
        let wide = detail.map_or_else(Vec::new, |detail| figures_told(detail, look));
        let title = format!("provider {}", self.name);
        let mut pen = Pen::new(buffer, area);
        let inner = pen.frame(&title, look.theme.border(), look.theme.style(Tone::Strong));
        let (width, height) = (inner.width(), inner.height());
        let inner = Rect::new(
            area.x.saturating_add(1),
            area.y.saturating_add(1),
            width,
            height,
        );
        let taken = u16::try_from(head.len()).unwrap_or(height).min(height);
        write(
            &head,
            0,
            None,
            look.theme,
            Rect {
                height: taken,
                ..inner
            },
            buffer,
        );
        let below = Rect {
            y: inner.y.saturating_add(taken),
            height: height - taken,
            ..inner
        };
        self.draw_body(list, wide, look, below, buffer);
    }

    fn draw_body(
        &mut self,
        mut list: Vec<Line>,
        wide: Vec<Line>,
        look: &Look<'_>,
        area: Rect,
        buffer: &mut Buffer,
    ) {
        let left = if area.width >= WIDE {
            let half = area.width / 2 + 4;
            let right = Rect {
                x: area.x.saturating_add(half + 1),
                width: area.width.saturating_sub(half + 1),
                ..area
            };
            write(&wide, 0, None, look.theme, right, buffer);
            Rect {
                width: half,
                ..area
            }
        } else {
            list.push(Line::default());
            list.extend(wide);
            area
        };
        self.items = list.iter().map(|line| line.item).collect();
        self.at = self.at.min(self.count().saturating_sub(1));
        self.list = left;
        self.scroll.fit(left.height.into(), list.len());
        write(
            &list,
            self.scroll.top,
            Some(self.at),
            look.theme,
            left,
            buffer,
        );
    }

    /// Does what a key means.
    pub fn command(&mut self, command: Command, look: &Look<'_>) -> Effect {
        if let Some(to) = self.moved(command) {
            self.at = to;
            let line = self.items.iter().position(|item| *item == Some(to));
            let (page, all) = (self.list.height.into(), self.items.len());
            self.scroll.follow(line.unwrap_or(0), page, all);
            return Effect::Changed;
        }
        if self.scroll.command(command, self.items.len()) {
            return Effect::Changed;
        }
        match command {
            Command::Copy => Effect::Copy(self.name.clone(), "the provider's name".to_owned()),
            Command::Pin
            | Command::Drain
            | Command::ResetBreaker
            | Command::Revive
            | Command::Chaos => acting::about(command, &self.whom(command, look), look),
            _ => Effect::Ignored,
        }
    }

    /// Selects what is clicked on.
    pub fn click(&mut self, _: u16, row: u16, _: &Look<'_>) -> Effect {
        let line = row.checked_sub(self.list.y).map(usize::from);
        let item = line
            .and_then(|line| self.items.get(line + self.scroll.top))
            .copied();
        match item.flatten() {
            Some(item) => {
                self.at = item;
                Effect::Changed
            }
            None => Effect::Ignored,
        }
    }

    /// One item up or down; beyond the first and the last one, the text itself is moved.
    fn moved(&self, command: Command) -> Option<usize> {
        let is_step = matches!(command, Command::Up | Command::Down);
        let to = moved(command, self.at, self.count(), 1).filter(|_| is_step)?;
        (to != self.at).then_some(to)
    }

    fn count(&self) -> usize {
        self.items.iter().flatten().count()
    }

    fn row<'a>(&self, look: &Look<'a>) -> Option<&'a ProviderRow> {
        let mut rows = look.model.snapshot.providers.iter();
        rows.find(|row| row.name == self.name)
    }

    fn detail<'a>(&self, look: &Look<'a>) -> Option<&'a ProviderDetail> {
        let detail = look.model.provider.as_ref();
        detail.filter(|detail| detail.row.name == self.name)
    }

    /// Whom an act is about: the selected key or model, where that makes a difference.
    fn whom(&self, command: Command, look: &Look<'_>) -> Whom {
        let mut whom = Whom {
            provider: self.name.clone(),
            ..Whom::default()
        };
        let Some(detail) = self.detail(look) else {
            return whom;
        };
        let takes_key = matches!(command, Command::Drain | Command::Revive);
        let takes_model = matches!(
            command,
            Command::Drain | Command::Pin | Command::ResetBreaker
        );
        match self.at.checked_sub(detail.keys.len()) {
            None if takes_key => whom.key = detail.keys.get(self.at).map(|key| key.place),
            Some(at) if takes_model => {
                whom.model = detail.targets.get(at).map(|target| target.model.clone());
            }
            _ => {}
        }
        whom
    }
}

fn write(
    lines: &[Line],
    top: usize,
    selected: Option<usize>,
    theme: &Theme,
    area: Rect,
    buffer: &mut Buffer,
) {
    let mut pen = Pen::new(buffer, area);
    for (y, line) in (0..area.height).zip(lines.iter().skip(top)) {
        let mut x = 0;
        for (text, style) in &line.pieces {
            x = pen.write(x, y, text, *style);
        }
        if line.item.is_some() && line.item == selected {
            pen.write(0, y, ">", theme.style(Tone::Accent));
            pen.paint(0, y, area.width, theme.selected());
        }
    }
}

fn quiet(words: &str, theme: &Theme) -> Line {
    Line {
        pieces: vec![(format!(" {words}"), theme.style(Tone::Quiet))],
        item: None,
    }
}

fn title(words: &str, theme: &Theme) -> Line {
    Line {
        pieces: vec![(format!(" {words}"), theme.style(Tone::Strong))],
        item: None,
    }
}

/// What is known without asking.
fn head(row: &ProviderRow, look: &Look<'_>) -> Vec<Line> {
    let theme = look.theme;
    let tone = standing::tone(&row.standing);
    let (breaker, breaker_tone) = standing::breaker(&row.circuit, look.now_ms);
    let state = format!(
        " {} {} {}  ",
        theme.glyph(tone),
        row.standing,
        standing::score(row.health)
    );
    let mut first = vec![
        (state, theme.style(tone)),
        (format!("breaker {breaker}  "), theme.style(breaker_tone)),
    ];
    if let Some(chaos) = &row.chaos {
        first.push((format!("chaos {chaos}  "), theme.style(Tone::Warn)));
    }
    let address = row.address.as_deref().unwrap_or("");
    first.push((format!("{} {address}", row.kind), theme.style(Tone::Quiet)));
    let ms = |ms: Option<u64>| ms.map_or_else(|| NOTHING.to_owned(), figures::millis);
    let errors = row.errors.map_or_else(
        || NOTHING.to_owned(),
        |share| format!("{}%", figures::percent(share)),
    );
    let second = format!(
        "{}/s  errors {errors}  p50 {}  p95 {}  ttft {}  {} tok/s",
        figures::rate(row.rate),
        ms(row.p50_ms),
        ms(row.p95_ms),
        ms(row.ttft_ms),
        figures::rate(row.tokens_per_second),
    );
    let third = format!(
        "tries {}  failed {}  in {}  out {}  cost {}",
        figures::count(row.attempts),
        figures::count(row.failures),
        figures::count(row.input_tokens),
        figures::count(row.output_tokens),
        figures::cost(row.cost),
    );
    let first = Line {
        pieces: first,
        item: None,
    };
    vec![first, quiet(&second, theme), quiet(&third, theme)]
}

/// Keys and targets.
fn items(detail: &ProviderDetail, look: &Look<'_>) -> Vec<Line> {
    let theme = look.theme;
    let mut lines = vec![title("KEYS", theme)];
    if detail.keys.is_empty() {
        lines.push(quiet("  none needed", theme));
    }
    let keys = detail.keys.iter().enumerate();
    lines.extend(keys.map(|(at, key)| key_line(at, key, look)));
    let legend = "MODELS              KEY HEALTH BREAKER      AVG   P95";
    lines.push(title(legend, theme));
    if detail.targets.is_empty() {
        lines.push(quiet(
            "  none is listed, none was tried: any is asked",
            theme,
        ));
    }
    let targets = (detail.keys.len()..).zip(&detail.targets);
    lines.extend(targets.map(|(at, target)| target_line(at, target, look)));
    lines
}

fn key_line(at: usize, key: &KeyDetail, look: &Look<'_>) -> Line {
    let theme = look.theme;
    let tone = standing::tone(&key.state);
    let alias = key.alias.as_deref().unwrap_or("");
    let mut why = String::new();
    if let Some(until) = key.until_ms {
        why = format!("  back in {}", figures::countdown(until, look.now_ms));
    }
    if let Some(class) = &key.class {
        why = format!("{why}  {class} ×{}", key.failures.max(1));
    }
    let cap = key.learned_cap.map(|cap| format!("/{cap}"));
    let live = format!("  {}{} live", key.in_flight, cap.unwrap_or_default());
    Line {
        pieces: vec![
            (
                fitted(&format!("  key {} {alias}", key.place), 19, theme),
                Style::new(),
            ),
            (
                format!(" {} {:<8}", theme.glyph(tone), key.state),
                theme.style(tone),
            ),
            (fitted(&live, 11, theme), theme.style(Tone::Quiet)),
            (why, theme.style(Tone::Warn)),
        ],
        item: Some(at),
    }
}

fn target_line(at: usize, target: &TargetDetail, look: &Look<'_>) -> Line {
    let theme = look.theme;
    let tone = standing::tone(&target.standing);
    let (breaker, breaker_tone) = standing::breaker(&target.circuit, look.now_ms);
    let ms = |ms: Option<u64>| ms.map_or_else(|| NOTHING.to_owned(), figures::narrow_millis);
    let times = format!("{:>5} {:>5}", ms(target.latency_ms), ms(target.p95_ms));
    let counted = |n: u32| figures::count(n.into());
    let (good, bad) = (counted(target.successes), counted(target.failures));
    let key = target
        .key
        .map_or_else(|| "  ".to_owned(), |key| format!("{key:>2}"));
    let price = target.prices.map_or_else(String::new, |(read, written)| {
        format!("  {}/{}", figures::money(read), figures::money(written))
    });
    Line {
        pieces: vec![
            (
                fitted(&format!("  {}", target.model), 23, theme),
                Style::new(),
            ),
            (key, theme.style(Tone::Quiet)),
            (
                format!(
                    " {} {:>3} ",
                    theme.glyph(tone),
                    standing::score(target.health)
                ),
                theme.style(tone),
            ),
            (format!("{breaker:<10}"), theme.style(breaker_tone)),
            (format!(" {times}  {good}✓ {bad}✗"), Style::new()),
            (price, theme.style(Tone::Quiet)),
        ],
        item: Some(at),
    }
}

/// `text` in exactly `most` columns.
fn fitted(text: &str, most: usize, theme: &Theme) -> String {
    let text = super::text::cut(text, most, theme);
    let gap = most.saturating_sub(super::text::columns(&text));
    format!("{text}{}", " ".repeat(gap))
}

/// Limits, failures and the course.
fn figures_told(detail: &ProviderDetail, look: &Look<'_>) -> Vec<Line> {
    let theme = look.theme;
    let mut lines = vec![title("RATE LIMITS", theme)];
    if detail.limits.is_empty() {
        lines.push(quiet("  it says nothing of them", theme));
    }
    lines.extend(
        detail
            .limits
            .iter()
            .take(12)
            .map(|limit| limit_line(limit, look)),
    );
    lines.push(title("FAILURES", theme));
    if detail.errors.is_empty() {
        lines.push(quiet("  none", theme));
    } else {
        let errors = detail.errors.iter().take(12);
        let errors = errors.map(|one| format!("{} ×{}", one.class, figures::count(one.count)));
        lines.push(quiet(
            &format!("  {}", errors.collect::<Vec<_>>().join("   ")),
            theme,
        ));
    }
    let last = detail.last_errors.iter().take(5);
    lines.extend(last.map(|error| {
        let words = standing::failure(error, look.now_ms);
        quiet(&format!("  {words}  {}", error.model), theme)
    }));
    let dialects = detail.dialects.join(", ");
    let region = detail.region.as_deref().unwrap_or("any");
    lines.push(quiet(
        &format!(
            "speaks {dialects}  ·  region {region}  ·  weight {:.1}",
            detail.weight
        ),
        theme,
    ));
    lines.push(title("LATENCY 5m", theme));
    let latency = chart(&course(&detail.row.history.latency_ms), 50, COURSE, theme);
    lines.extend(latency.into_iter().map(|row| Line {
        pieces: vec![(format!("   {row}"), theme.style(Tone::Busy))],
        item: None,
    }));
    lines
}

fn limit_line(limit: &Limit, look: &Look<'_>) -> Line {
    let theme = look.theme;
    let key = limit
        .key
        .map_or_else(String::new, |key| format!("key {key} "));
    let left = figures::count(limit.remaining);
    let share = limit
        .limit
        .map(|all| figures::real(limit.remaining) / figures::real(all));
    let of = limit.limit.map(|all| format!("/{}", figures::count(all)));
    let bar = share
        .map(|share| gauge(share, 8, theme))
        .unwrap_or_default();
    let resets = limit
        .resets_ms
        .map(|at| format!("  full {}", figures::countdown(at, look.now_ms)));
    let tone = match share {
        Some(share) if share < 0.1 => Tone::Warn,
        _ => Tone::Good,
    };
    Line {
        pieces: vec![
            (
                fitted(&format!("   {key}{}", limit.what), 22, theme),
                Style::new(),
            ),
            (format!(" {bar} "), theme.style(tone)),
            (format!("{left}{}", of.unwrap_or_default()), Style::new()),
            (resets.unwrap_or_default(), theme.style(Tone::Quiet)),
        ],
        item: None,
    }
}
