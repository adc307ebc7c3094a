//! The effective configuration: every value with where it comes from, below what the last reload did.
//!
//! The gateway tells it as `{"values": [{"path", "value", "source"}, …], "file"}`, redacted.

use std::borrow::Cow;

use crossterm::event::KeyEvent;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use serde_json::Value;

use super::figures::{ago, time_of_day};
use super::finder::Finder;
use super::listed::listed;
use super::page::Page;
use super::pen::Pen;
use super::scroll::{Scroll, moved};
use super::split::split;
use super::table::{self, Cell, Column, Kind, Spot, Table};
use super::text::plain;
use crate::telemetry::act::Act;
use crate::telemetry::snapshot::Reloaded;
use crate::tui::keymap::Command;
use crate::tui::pane::{Effect, Look, Pane, Wanted};
use crate::tui::theme::Tone;

/// Lines of what the last reload did, of which more would leave no room for the values.
const MOST_NEWS: u16 = 12;

const COLUMNS: &[Column] = &[
    Column {
        title: "SETTING",
        least: 22,
        most: 60,
        spare: 0,
        kind: Kind::Way,
    },
    Column {
        title: "VALUE",
        least: 14,
        most: 100,
        spare: 0,
        kind: Kind::Words,
    },
    Column {
        title: "SOURCE",
        least: 14,
        most: 40,
        spare: 1,
        kind: Kind::Way,
    },
];

/// See the module's head.
#[derive(Debug, Default)]
pub struct Config {
    finder: Finder,
    at: usize,
    scroll: Scroll,
    /// The values that were drawn last.
    shown: Vec<Setting>,
    table: Rect,
}

/// One value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Setting {
    path: String,
    value: String,
    source: String,
}

impl Pane for Config {
    fn draw(&mut self, look: &Look<'_>, area: Rect, buffer: &mut Buffer) {
        let area = area.intersection(buffer.area);
        let mut news = Page::new(look.theme, area.width);
        write_news(&mut news, look);
        let height = u16::try_from(news.length()).unwrap_or(MOST_NEWS);
        let height = height.min(MOST_NEWS).min(area.height / 2);
        let [top, rest] = split(area, height);
        news.draw(&mut Scroll::default(), top, buffer);
        let gap = u16::from(height > 0 && rest.height > 6);
        let [_, rest] = split(rest, gap);
        let [head, table] = split(rest, rest.height.min(1));
        let all = settings(look.model.config.as_ref());
        let count = all.as_ref().map(Vec::len);
        self.shown = all.unwrap_or_default();
        self.shown
            .retain(|setting| self.finder.filter().matches(&setting.fields()));
        self.draw_head(look, count, head, buffer);
        self.draw_values(look, count, table, buffer);
    }

    fn command(&mut self, command: Command, _look: &Look<'_>) -> Effect {
        if self.finder.command(command) {
            return Effect::Changed;
        }
        if let Some(at) = moved(command, self.at, self.shown.len(), self.scroll.page) {
            self.at = at;
            return Effect::Changed;
        }
        match command {
            Command::Reload => Effect::Act {
                act: Act::Reload,
                question: None,
            },
            Command::Copy | Command::Open => self.tell(command),
            _ => Effect::Ignored,
        }
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
        match table::clicked(self.table, (column, row)) {
            Some(Spot::Row(line)) if self.scroll.top + line < self.shown.len() => {
                self.at = self.scroll.top + line;
                Effect::Changed
            }
            _ => Effect::Ignored,
        }
    }

    fn wanted(&self, _look: &Look<'_>) -> Option<Wanted> {
        Some(Wanted::Config)
    }
}

impl Config {
    /// The selected value, where it is said whole.
    fn tell(&self, command: Command) -> Effect {
        let Some(setting) = self.shown.get(self.at) else {
            return Effect::Ignored;
        };
        let text = format!("{} = {}", setting.path, setting.value);
        if command == Command::Copy {
            return Effect::Copy(plain(&text), "the setting".to_owned());
        }
        Effect::Say(plain(&format!("{text}, from {}", setting.source)))
    }

    fn draw_head(&self, look: &Look<'_>, count: Option<usize>, area: Rect, buffer: &mut Buffer) {
        let theme = look.theme;
        if self.finder.draw(area, buffer, theme) {
            return;
        }
        let file = look
            .model
            .config
            .as_ref()
            .and_then(|config| config["file"].as_str());
        let file = file.unwrap_or(&look.model.snapshot.about.config);
        let mut pieces = vec![(plain(file), theme.style(Tone::Strong))];
        if let Some(count) = count {
            let words = match self.shown.len() {
                shown if shown == count => format!("{count} values"),
                shown => format!("{shown} of {count} values"),
            };
            pieces.push((words, Style::new()));
        }
        if !self.finder.text().is_empty() {
            pieces.push((
                format!("/{}", self.finder.text()),
                theme.style(Tone::Accent),
            ));
        }
        pieces.push(("secrets are not shown".to_owned(), theme.style(Tone::Quiet)));
        listed(
            &mut Pen::new(buffer, area),
            0,
            &pieces,
            theme.style(Tone::Quiet),
        );
    }

    fn draw_values(
        &mut self,
        look: &Look<'_>,
        count: Option<usize>,
        area: Rect,
        buffer: &mut Buffer,
    ) {
        let theme = look.theme;
        self.table = area;
        self.at = self.at.min(self.shown.len().saturating_sub(1));
        let page = usize::from(area.height.saturating_sub(1));
        self.scroll.follow(self.at, page, self.shown.len());
        if self.shown.is_empty() {
            let words = match count {
                None => "The gateway is asked for its configuration.",
                Some(0) => "It has nothing but defaults.",
                Some(_) => "No setting is like that. esc clears the filter.",
            };
            Pen::new(buffer, area).write(2, 1, words, theme.style(Tone::Quiet));
            return;
        }
        let rows = self.shown.iter().skip(self.scroll.top);
        let cells = rows.map(|setting| {
            let is_default = setting.source == "default";
            let tone = if is_default {
                Tone::Quiet
            } else {
                Tone::Accent
            };
            vec![
                Cell::from(setting.path.as_str()),
                Cell::new(setting.value.as_str(), theme.style(Tone::Strong)),
                Cell::new(setting.source.as_str(), theme.style(tone)),
            ]
        });
        let table = Table {
            columns: COLUMNS,
            sorted: None,
        };
        table.draw(
            cells,
            self.at.checked_sub(self.scroll.top),
            area,
            buffer,
            theme,
        );
    }
}

impl Setting {
    fn fields(&self) -> [(&'static str, Cow<'_, str>); 3] {
        [
            ("path", Cow::Borrowed(&self.path)),
            ("value", Cow::Borrowed(&self.value)),
            ("source", Cow::Borrowed(&self.source)),
        ]
    }
}

/// The values in what the gateway tells; what is odd in it is left out.
fn settings(config: Option<&Value>) -> Option<Vec<Setting>> {
    let values = config?.get("values")?.as_array()?;
    let told = values.iter().filter_map(|one| {
        let value = match one.get("value")? {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let source = one["source"].as_str().unwrap_or("-").to_owned();
        Some(Setting {
            path: one["path"].as_str()?.to_owned(),
            value,
            source,
        })
    });
    Some(told.collect())
}

/// What the last reload did.
fn write_news(page: &mut Page<'_>, look: &Look<'_>) {
    let about = &look.model.snapshot.about;
    let theme = look.theme;
    let Some(reloaded) = &about.reloaded else {
        page.heading(
            "As it was at the start",
            "it was not reloaded yet; R does, and so does saving the file",
        );
        return;
    };
    let (glyph, word, tone) = if reloaded.is_good {
        (theme.glyph(Tone::Good), "Reloaded", Tone::Good)
    } else {
        (theme.glyph(Tone::Bad), "Not reloaded", Tone::Bad)
    };
    let at = time_of_day(reloaded.at_ms);
    let when = format!(
        "at {at}, {}, by {}",
        ago(reloaded.at_ms, look.now_ms),
        reloaded.cause
    );
    page.heading(&format!("{glyph} {word}"), &when);
    page.text(&reloaded.summary, theme.style(tone));
    write_details(page, reloaded);
}

fn write_details(page: &mut Page<'_>, reloaded: &Reloaded) {
    let theme = page.theme();
    for error in &reloaded.errors {
        page.text_behind("✗ ", error, theme.style(Tone::Bad));
    }
    if !reloaded.is_good {
        page.text(
            "The configuration from before is still in force.",
            theme.style(Tone::Quiet),
        );
    }
    for change in &reloaded.needs_restart {
        let change = format!("needs a restart: {change}");
        page.text_behind("! ", &change, theme.style(Tone::Warn));
    }
    for change in &reloaded.changes {
        page.text_behind("- ", change, Style::new());
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::tui::fixture::{NOW, drawn, empty, model};
    use crate::tui::model::Model;
    use crate::tui::theme::Theme;

    fn configured() -> Model {
        let value = |n: usize| json!({ "path": format!("providers.p{n}.weight"), "value": n, "source": "default" });
        let mut values = vec![
            json!({ "path": "router.strategy", "value": "adaptive", "source": "config.json:12" }),
            json!({ "path": "server.port", "value": 8000, "source": "--port" }),
            json!({ "path": "providers.openai.keys.0", "value": "[redacted]", "source": "OPENAI_API_KEY" }),
            json!({ "path": 7, "value": null }),
            json!("odd"),
        ];
        values.extend((0..40).map(value));
        Model {
            config: Some(json!({ "values": values, "file": "/etc/autogw/config.json" })),
            ..model()
        }
    }

    fn picture(pane: &mut Config, model: &Model, size: (u16, u16)) -> String {
        drawn(pane, model, Theme::default(), size)
    }

    #[test]
    fn every_size_tells_values_with_their_sources() {
        for (width, height) in [(80, 24), (120, 40), (200, 50), (60, 15)] {
            let picture = picture(&mut Config::default(), &configured(), (width, height));
            insta::assert_snapshot!(format!("config_{width}x{height}"), picture);
        }
        insta::assert_snapshot!(
            "config_none",
            picture(&mut Config::default(), &empty(), (80, 8))
        );
    }

    #[test]
    fn a_reload_that_failed_tells_every_error() {
        let mut model = configured();
        model.snapshot.about.reloaded = Some(Reloaded {
            at_ms: NOW - 4_000,
            cause: "file".to_owned(),
            is_good: false,
            summary: "2 errors".to_owned(),
            errors: vec![
                "config.json:3: no such strategy".to_owned(),
                "config.json:9: a key is empty".to_owned(),
            ],
            needs_restart: vec!["server.port".to_owned()],
            ..Reloaded::default()
        });
        insta::assert_snapshot!(
            "config_failed",
            picture(&mut Config::default(), &model, (80, 24))
        );
    }

    #[test]
    fn reloading_is_an_act_and_a_value_is_said_whole() {
        let model = configured();
        let theme = Theme::default();
        let look = Look {
            model: &model,
            theme: &theme,
            now_ms: NOW,
        };
        let mut pane = Config::default();
        picture(&mut pane, &model, (80, 24));
        let effect = pane.command(Command::Reload, &look);
        assert_eq!(
            effect,
            Effect::Act {
                act: Act::Reload,
                question: None
            }
        );
        let said = Effect::Say("router.strategy = adaptive, from config.json:12".to_owned());
        assert_eq!(pane.command(Command::Open, &look), said);
        assert_eq!(pane.wanted(&look), Some(Wanted::Config));
    }
}
