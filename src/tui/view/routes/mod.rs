//! The routes: which target a request for a model would go to now, who comes after it, and why.
//!
//! The gateway rehearses the decision once a second while this is shown; nothing is asked of any provider.

mod decision;

use crossterm::event::{KeyCode, KeyEvent};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use serde_json::{Value, json};

use super::acting;
use super::input::{Input, Typed};
use super::listed::listed;
use super::page::Page;
use super::pen::Pen;
use super::scroll::{Scroll, moved};
use super::split::split;
use super::table::{self, Spot, Table};
use super::text::plain;
use crate::telemetry::act::Whom;
use crate::tui::keymap::Command;
use crate::tui::pane::{Effect, Look, Pane, Wanted};
use crate::tui::theme::Tone;
use decision::{COLUMNS, Candidate};

/// Models that are offered where none was typed.
const MOST_OFFERED: usize = 120;

/// Lines of reasons below the table.
const REASONS: u16 = 9;

/// What is said until an answer comes.
const WAITING: &str = "The gateway is asked which target it would choose.";

/// What is said where nothing is asked.
const ASK: &str = "Type a model with e to see which target a request for it would go to, and why.";

/// See the module's head.
#[derive(Debug, Default)]
pub struct Routes {
    /// What was asked for last; what the gateway offers as an example, if `None`.
    model: Option<String>,
    typing: Option<Input>,
    /// Which of the offers is chosen, while one types.
    chosen: Option<usize>,
    at: usize,
    scroll: Scroll,
    reasons: Scroll,
    shown: Vec<Candidate>,
    table: Rect,
}

impl Pane for Routes {
    fn draw(&mut self, look: &Look<'_>, area: Rect, buffer: &mut Buffer) {
        let area = area.intersection(buffer.area);
        let [head, rest] = split(area, 1);
        self.draw_head(look, head, buffer);
        let decision = self.decision(look);
        self.shown = decision.map(decision::candidates).unwrap_or_default();
        self.at = self.at.min(self.shown.len().saturating_sub(1));
        match decision {
            _ if self.typing.is_some() => self.draw_choice(look, rest, buffer),
            Some(decision) if !self.shown.is_empty() => {
                let below = REASONS.min(rest.height / 2);
                // The reasons stand right below, where there is room.
                let rows = u16::try_from(self.shown.len()).unwrap_or(u16::MAX);
                let height = rows.saturating_add(1).min(rest.height - below);
                let [table, reasons] = split(rest, height);
                self.draw_candidates(look, table, buffer);
                let mut page = Page::new(look.theme, reasons.width.saturating_sub(2));
                decision::reasons(&mut page, decision, self.shown.get(self.at));
                page.draw(&mut self.reasons, reasons, buffer);
            }
            _ => self.draw_offers(look, decision, rest, buffer),
        }
    }

    fn command(&mut self, command: Command, look: &Look<'_>) -> Effect {
        if let Some(at) = moved(command, self.at, self.shown.len(), self.scroll.page) {
            self.at = at;
            self.reasons = Scroll::default();
            return Effect::Changed;
        }
        match command {
            Command::Filter | Command::Edit | Command::Open => {
                self.typing = Some(Input::new(&self.asked(look).unwrap_or_default()));
                self.chosen = None;
                Effect::Changed
            }
            Command::Right => self.next_model(look, 1),
            Command::Left => self.next_model(look, -1),
            Command::Pin | Command::Drain | Command::ResetBreaker => self.act(command, look),
            Command::Copy => match self.shown.get(self.at) {
                Some(one) => Effect::Copy(one.target(), "the target".to_owned()),
                None => Effect::Ignored,
            },
            _ => Effect::Ignored,
        }
    }

    fn typed(&mut self, key: KeyEvent, look: &Look<'_>) -> Effect {
        let chosen = self.choice(look);
        let Some(input) = &mut self.typing else {
            return Effect::Ignored;
        };
        match (key.code, self.chosen) {
            (KeyCode::Down, at) => {
                let next = at.map_or(0, |at| at + 1);
                self.chosen = Some(next.min(chosen.len().saturating_sub(1)));
                return Effect::Changed;
            }
            (KeyCode::Up, at) => {
                self.chosen = at.and_then(|at| at.checked_sub(1));
                return Effect::Changed;
            }
            _ => {}
        }
        match input.key(key) {
            Typed::Ignored => return Effect::Ignored,
            Typed::Moved => {}
            Typed::Changed => self.chosen = None,
            Typed::Left => self.typing = None,
            Typed::Done => {
                let picked = self.chosen.and_then(|at| chosen.get(at).cloned());
                let model = picked.unwrap_or_else(|| input.text().trim().to_owned());
                self.typing = None;
                self.ask(Some(model).filter(|model| !model.is_empty()));
            }
        }
        Effect::Changed
    }

    fn is_typing(&self) -> bool {
        self.typing.is_some()
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

    fn offers(&self, command: Command, _look: &Look<'_>) -> bool {
        match command {
            // Enter types as well, which its own key says better.
            Command::Open | Command::Back => false,
            Command::Pin | Command::Drain | Command::ResetBreaker | Command::Copy => {
                !self.shown.is_empty()
            }
            _ => true,
        }
    }

    fn wanted(&self, look: &Look<'_>) -> Option<Wanted> {
        let model = self.asked(look)?;
        let messages = [json!({ "role": "user", "content": "hello" })];
        Some(Wanted::Decision(
            json!({ "model": model, "messages": messages }),
        ))
    }
}

impl Routes {
    /// The model in question.
    fn asked(&self, look: &Look<'_>) -> Option<String> {
        let example = &look.model.snapshot.about.example_model;
        let example = Some(example.clone()).filter(|model| !model.is_empty());
        self.model.clone().or(example)
    }

    fn ask(&mut self, model: Option<String>) {
        self.model = model;
        self.at = 0;
        self.scroll = Scroll::default();
        self.reasons = Scroll::default();
    }

    /// The decision about that model, as far as it has come.
    fn decision<'a>(&self, look: &Look<'a>) -> Option<&'a Value> {
        let told = look.model.explained.as_ref()?;
        let model = told.get("model").and_then(Value::as_str);
        // An answer without a model is an error, which is about the last question.
        let is_its = model.is_none_or(|model| self.asked(look).as_deref() == Some(model));
        is_its.then_some(told)
    }

    /// Models that could be asked for, and those that were of late.
    fn offers(look: &Look<'_>) -> Vec<String> {
        let snapshot = &look.model.snapshot;
        let example = std::iter::once(&snapshot.about.example_model);
        let offered = snapshot.about.offers.iter();
        let asked = snapshot.requests.values().rev().map(|row| &row.model);
        let served = snapshot
            .requests
            .values()
            .rev()
            .filter_map(|row| row.served.as_ref());
        let mut offers: Vec<String> = Vec::new();
        for model in example.chain(offered).chain(asked).chain(served) {
            if offers.len() >= MOST_OFFERED {
                break;
            }
            if !model.is_empty() && !offers.contains(model) {
                offers.push(model.clone());
            }
        }
        offers
    }

    /// The offers that go with what is typed.
    fn choice(&self, look: &Look<'_>) -> Vec<String> {
        let typed = self.typing.as_ref().map(Input::text).unwrap_or_default();
        let mut offers = Self::offers(look);
        if Some(&typed) == self.asked(look).as_ref() {
            // Nobody has typed yet.
            return offers;
        }
        let typed = typed.trim().to_lowercase();
        offers.retain(|model| model.to_lowercase().contains(&typed));
        offers
    }

    /// What there is to choose from, while one types.
    fn draw_choice(&self, look: &Look<'_>, area: Rect, buffer: &mut Buffer) {
        let theme = look.theme;
        let mut pen = Pen::new(buffer, area);
        let choice = self.choice(look);
        let words = if choice.is_empty() {
            "nothing on offer is called that; enter asks all the same"
        } else {
            "enter asks for what is typed; down chooses one of these"
        };
        pen.write(2, 0, words, theme.style(Tone::Quiet));
        let page = usize::from(area.height.saturating_sub(1));
        let top = self.chosen.map_or(0, |at| (at + 1).saturating_sub(page));
        for (y, (at, model)) in (1..area.height).zip(choice.iter().enumerate().skip(top)) {
            let is_chosen = self.chosen == Some(at);
            pen.write(2, y, &plain(model), Style::new());
            if is_chosen {
                pen.write(0, y, ">", theme.style(Tone::Accent));
                pen.paint(0, y, area.width, theme.selected());
            }
        }
    }

    fn next_model(&mut self, look: &Look<'_>, step: isize) -> Effect {
        let offers = Self::offers(look);
        if offers.is_empty() {
            return Effect::Ignored;
        }
        let asked = self.asked(look);
        let at = offers
            .iter()
            .position(|model| Some(model) == asked.as_ref());
        let next = match at {
            Some(at) => at.wrapping_add_signed(step).min(offers.len() * 2),
            None => 0,
        };
        // Behind the last comes the first, and the other way round.
        let next = if next == offers.len() * 2 {
            offers.len() - 1
        } else {
            next % offers.len()
        };
        self.ask(offers.get(next).cloned());
        Effect::Changed
    }

    /// Pins or drains the selected target.
    fn act(&self, command: Command, look: &Look<'_>) -> Effect {
        let Some(one) = self.shown.get(self.at) else {
            return Effect::Ignored;
        };
        let whom = Whom {
            provider: one.provider.clone(),
            key: None,
            model: Some(one.model.clone()),
        };
        acting::about(command, &whom, look)
    }

    fn draw_head(&self, look: &Look<'_>, area: Rect, buffer: &mut Buffer) {
        let theme = look.theme;
        if let Some(input) = &self.typing {
            return input.draw("model: ", area, buffer, theme);
        }
        let asked = self.asked(look).unwrap_or_else(|| "none".to_owned());
        let quiet = theme.style(Tone::Quiet);
        let mut pieces = vec![(
            format!("model {}", plain(&asked)),
            theme.style(Tone::Strong),
        )];
        if let Some(decision) = self.decision(look) {
            let words = ["strategy", "route", "endpoint"]
                .into_iter()
                .filter_map(|name| {
                    let word = decision.get(name)?.as_str()?;
                    Some((format!("{name} {}", plain(word)), Style::new()))
                });
            pieces.extend(words);
        }
        pieces.push(("e another model".to_owned(), quiet));
        listed(&mut Pen::new(buffer, area), 0, &pieces, quiet);
    }

    fn draw_candidates(&mut self, look: &Look<'_>, area: Rect, buffer: &mut Buffer) {
        self.table = area;
        let page = usize::from(area.height.saturating_sub(1));
        self.scroll.follow(self.at, page, self.shown.len());
        let steering = &look.model.snapshot.steering;
        let rows = self.shown.iter().skip(self.scroll.top);
        let cells = rows.map(|one| one.cells(steering, look.theme));
        let table = Table {
            columns: COLUMNS,
            sorted: None,
        };
        table.draw(
            cells,
            self.at.checked_sub(self.scroll.top),
            area,
            buffer,
            look.theme,
        );
    }

    fn draw_offers(
        &mut self,
        look: &Look<'_>,
        decision: Option<&Value>,
        area: Rect,
        buffer: &mut Buffer,
    ) {
        let theme = look.theme;
        let mut page = Page::new(theme, area.width.saturating_sub(2));
        let quiet = theme.style(Tone::Quiet);
        page.gap();
        let (words, style) = match decision {
            Some(told) => (decision::refusal(told), theme.style(Tone::Bad)),
            None if self.asked(look).is_some() => (WAITING.to_owned(), quiet),
            None => (ASK.to_owned(), quiet),
        };
        page.text(&words, style);
        let offers = Self::offers(look);
        if !offers.is_empty() {
            page.heading("Models on offer", "left and right go through them");
        }
        for model in offers {
            page.text(&plain(&model), Style::new());
        }
        page.draw(&mut self.reasons, area, buffer);
    }
}

#[cfg(test)]
mod tests;
