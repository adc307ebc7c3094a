//! How the model is told to think: by a switch and an effort from Claude 4.6 on, by a budget before.

use serde_json::{Value, json};

use super::spoken::Writer;
use crate::chat::request::Thinking as Wish;
use crate::chat::{Dialect, Effort, Request};
use crate::codec::field_names::Field;
use crate::provider::knowledge::{Off, Thinking};

/// The fewest tokens of a budget.
pub(super) const LEAST_BUDGET: u64 = 1_024;

/// What a request says of thinking.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Plan {
    /// `thinking`, without its budget.
    pub(super) switch: Option<Value>,
    /// `thinking.budget_tokens`.
    pub(super) budget: Option<u64>,
    /// `output_config.effort`.
    pub(super) effort: Option<Effort>,
    /// Whether the model thinks.
    pub(super) thinks: bool,
}

impl Plan {
    /// The value of `thinking`.
    pub(super) fn config(&self) -> Option<Value> {
        let mut config = self.switch.clone()?;
        if let Some(budget) = self.budget {
            config["budget_tokens"] = budget.into();
        }
        Some(config)
    }
}

/// The plan for `request`; `must_not` where this one request cannot be thought about.
pub(super) fn plan(request: &Request, must_not: Option<&str>, writer: &mut Writer<'_, '_>) -> Plan {
    let style = &writer.target.knowledge.thinking;
    let wish = request.thinking.as_ref();
    let mut level = wish.and_then(Wish::level);
    if must_not.is_some() && style.thinks(level) {
        writer.report.adjust(writer.name(Field::Thinking), "none");
        level = Some(Effort::None);
    }
    let thinks = style.thinks(level);
    match style {
        Thinking::None | Thinking::Fixed => {
            if level.is_some_and(|level| (level != Effort::None) != thinks) {
                writer.lose(Field::Thinking);
            }
            Plan {
                thinks,
                ..Plan::default()
            }
        }
        Thinking::ClaudeAdaptive { off, budget_ok, .. } => {
            let mut plan = adaptive(wish, level, *off, writer);
            plan.thinks = thinks;
            // Those that still take a budget (4.6) show their thoughts unasked.
            plan.show(request, !budget_ok);
            plan
        }
        _ => budget(wish, level, thinks, writer),
    }
}

/// Claude from 4.6 on.
fn adaptive(
    wish: Option<&Wish>,
    level: Option<Effort>,
    off: Off,
    writer: &mut Writer<'_, '_>,
) -> Plan {
    let style = &writer.target.knowledge.thinking;
    let Some(level) = level else {
        let is_wished =
            wish.is_some_and(|wish| wish.budget.is_some() || wish.is_shown == Some(true));
        return Plan {
            switch: is_wished.then(|| json!({"type": "adaptive"})),
            ..Plan::default()
        };
    };
    if level == Effort::None {
        return switched_off(off, writer);
    }
    let effort = style.level(level);
    if let Some(effort) = effort.filter(|effort| *effort != level) {
        writer
            .report
            .adjust(writer.name(Field::Thinking), effort.name());
    }
    Plan {
        switch: Some(json!({"type": "adaptive"})),
        effort,
        ..Plan::default()
    }
}

/// As little as the model can.
fn switched_off(off: Off, writer: &mut Writer<'_, '_>) -> Plan {
    let style = &writer.target.knowledge.thinking;
    let kind = match off {
        // Where it is off unasked, some models refuse the word.
        Off::Yes | Off::UpToHigh if !style.thinks(None) => return Plan::default(),
        Off::Yes | Off::UpToHigh => Some("disabled"),
        Off::BetweenTools => Some("between_tools"),
        Off::No => None,
    };
    let is_off = kind == Some("disabled");
    let lowest = style.level(Effort::Minimal).filter(|_| !is_off);
    if !is_off {
        let least = kind.or(lowest.map(Effort::name)).unwrap_or("default");
        writer.report.adjust(writer.name(Field::Thinking), least);
    }
    Plan {
        switch: kind.map(|kind| json!({"type": kind})),
        effort: lowest,
        ..Plan::default()
    }
}

impl Plan {
    /// Newer models leave the thoughts out unless they are asked for. A Chat client that asks for effort
    /// has no way to say that it would read them, so it is taken to.
    fn show(&mut self, request: &Request, is_new: bool) {
        let Some(switch) = &mut self.switch else {
            return;
        };
        let wish = request.thinking.as_ref();
        let asked = wish.and_then(|wish| wish.is_shown.or(wish.summary.is_some().then_some(true)));
        let is_shown = asked.or((request.dialect == Dialect::OpenAiChat).then_some(true));
        if let Some(is_shown) = is_shown.filter(|_| is_new && switch["type"] == "adaptive") {
            switch["display"] = if is_shown { "summarized" } else { "omitted" }.into();
        }
    }
}

/// Claude to 4.5, and models of others behind this dialect.
fn budget(
    wish: Option<&Wish>,
    level: Option<Effort>,
    thinks: bool,
    writer: &mut Writer<'_, '_>,
) -> Plan {
    let Some(level) = level else {
        return Plan {
            thinks,
            ..Plan::default()
        };
    };
    if level == Effort::None {
        let is_claude = writer.target.knowledge.thinking == Thinking::ClaudeBudget;
        return Plan {
            switch: (!is_claude).then(|| json!({"type": "disabled"})),
            thinks,
            ..Plan::default()
        };
    }
    let said = wish
        .and_then(|wish| wish.budget)
        .and_then(|said| u64::try_from(said).ok());
    let tokens = said.filter(|said| *said > 0).unwrap_or(level.to_budget());
    if tokens < LEAST_BUDGET {
        writer
            .report
            .adjust(writer.name(Field::Thinking), LEAST_BUDGET);
    }
    Plan {
        switch: Some(json!({"type": "enabled"})),
        budget: Some(tokens.max(LEAST_BUDGET)),
        effort: None,
        thinks,
    }
}
