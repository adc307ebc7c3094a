//! `thinkingConfig`, both ways: a level from Gemini 3 on, a budget of tokens before.

use serde_json::{Map, Value};

use crate::chat::request::{Thinking, ThinkingMode};
use crate::chat::{Dialect, Effort, Leftovers, Report, Request};
use crate::codec::field_names::Field;
use crate::codec::gemini::wire;
use crate::codec::target::Target;
use crate::json::fields::{BadField, Fields};
use crate::provider::knowledge;

/// The levels that any Gemini may have.
const LEVELS: [Effort; 4] = [Effort::Minimal, Effort::Low, Effort::Medium, Effort::High];

pub(super) fn decode(
    config: &mut Fields,
    request: &mut Request,
    kept: &mut Map<String, Value>,
    leftovers: &mut Leftovers,
) -> Result<(), BadField> {
    let Some(mut fields) = wire::child(config, "thinkingConfig")? else {
        return Ok(());
    };
    kept.insert(
        "thinkingConfig".to_owned(),
        fields.clone().into_rest().into(),
    );
    let level = fields.text("thinkingLevel")?.unwrap_or_default();
    let effort = Effort::parse(&wire::constant(&level, "THINKING_LEVEL_"));
    if effort.is_none() && !level.is_empty() {
        leftovers.note(fields.path_of("thinkingLevel"));
    }
    let thinking = Thinking {
        effort,
        budget: wire::integer(&mut fields, "thinkingBudget")?,
        is_shown: fields.boolean("includeThoughts")?,
        extra: leftovers.collect(fields),
        ..Thinking::default()
    };
    request.thinking = Some(thinking);
    Ok(())
}

pub(super) fn encode(request: &Request, target: &Target<'_>, report: &mut Report) -> Option<Value> {
    let mut config = Map::new();
    let asked = request.thinking.as_ref();
    if let Some(thinking) = asked {
        amount(thinking, request.dialect, target, report, &mut config);
    }
    if is_shown(request, target) {
        config.insert("includeThoughts".to_owned(), true.into());
    }
    (!config.is_empty()).then(|| config.into())
}

/// How much, in the words of the model.
fn amount(
    thinking: &Thinking,
    dialect: Dialect,
    target: &Target<'_>,
    report: &mut Report,
    config: &mut Map<String, Value>,
) {
    let field = Field::Thinking.name(dialect);
    let level = thinking.level();
    match &target.knowledge.thinking {
        knowledge::Thinking::GeminiLevel { levels } => {
            let Some(asked) = level else {
                return;
            };
            write_level(asked, levels, field, report, config);
        }
        knowledge::Thinking::GeminiBudget {
            min,
            max,
            can_disable,
            ..
        } => {
            let budget = match (thinking.mode, thinking.budget) {
                (Some(ThinkingMode::Disabled), _) | (_, None) => {
                    level.and_then(|level| target.knowledge.thinking.budget(level))
                }
                (_, Some(budget)) => Some(limited(budget, *min, *max, *can_disable)),
            };
            let is_changed = thinking.budget.is_some() && thinking.budget != budget;
            let is_off = level == Some(Effort::None);
            let Some(budget) = budget else {
                return;
            };
            if budget != 0 && (is_changed || is_off) {
                report.adjust(field, budget);
            }
            config.insert("thinkingBudget".to_owned(), budget.into());
        }
        knowledge::Thinking::None | knowledge::Thinking::Fixed => {
            if level.is_some_and(|level| level != Effort::None) {
                report.drop(field);
            }
        }
        // Nothing is known: a budget is read by every Gemini that thinks, a level by the newer ones.
        _ => match (thinking.budget, level) {
            (Some(budget), _) => {
                config.insert("thinkingBudget".to_owned(), budget.into());
            }
            (None, Some(level)) => write_level(level, &LEVELS, field, report, config),
            (None, None) => {}
        },
    }
}

fn write_level(
    asked: Effort,
    levels: &[Effort],
    field: &'static str,
    report: &mut Report,
    config: &mut Map<String, Value>,
) {
    let level = if levels.is_empty() {
        asked.clamp_to(&LEVELS)
    } else {
        asked.clamp_to(levels)
    };
    if level != asked {
        report.adjust(field, level.name());
    }
    let name = level.name().to_ascii_uppercase();
    config.insert("thinkingLevel".to_owned(), name.into());
}

fn limited(budget: i64, min: u64, max: u64, can_disable: bool) -> i64 {
    match budget {
        ..0 => -1,
        0 if can_disable => 0,
        budget => {
            let budget = u64::try_from(budget).unwrap_or_default();
            i64::try_from(budget.clamp(min, max.max(min))).unwrap_or(i64::MAX)
        }
    }
}

/// Whether to ask for readable thoughts: when the client says so, or speaks a dialect in which they come
/// unasked.
fn is_shown(request: &Request, target: &Target<'_>) -> bool {
    let thinking = request.thinking.as_ref();
    let level = thinking.and_then(Thinking::level);
    let has_asked = thinking.is_some_and(|thinking| {
        thinking.mode != Some(ThinkingMode::Disabled) && level != Some(Effort::None)
    });
    let thinks = match &target.knowledge.thinking {
        // A model that does not think refuses the question.
        knowledge::Thinking::Unknown => has_asked,
        known => known.thinks(level) || has_asked && !matches!(known, knowledge::Thinking::None),
    };
    let is_expected = match request.dialect {
        Dialect::OpenAiChat => level != Some(Effort::None),
        Dialect::OpenAiResponses => thinking.is_some_and(|thinking| thinking.summary.is_some()),
        Dialect::Anthropic | Dialect::Gemini => has_asked,
    };
    thinks
        && thinking
            .and_then(|thinking| thinking.is_shown)
            .unwrap_or(is_expected)
}
