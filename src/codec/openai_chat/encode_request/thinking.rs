//! How much to think, in the words of the host and the levels of the model.

use serde_json::{Map, json};

use super::Writer;
use crate::chat::request::{Thinking, ThinkingMode};
use crate::chat::{Dialect, Effort};
use crate::codec::field_names::Field;
use crate::provider::Quirk;
use crate::provider::knowledge::Thinking as Known;

impl Writer<'_, '_> {
    /// Whether the request makes the model think.
    pub(super) fn thinks(&self) -> bool {
        let asked = self.request.thinking.as_ref().and_then(Thinking::level);
        self.target.knowledge.thinking.thinks(asked)
    }

    pub(super) fn thinking(&mut self, thinking: Option<&Thinking>) {
        let Some(thinking) = thinking else {
            return;
        };
        let knowledge = &self.target.knowledge.thinking;
        if *knowledge == Known::Unknown && self.spelled("thinking") {
            return;
        }
        let level = thinking.level();
        if matches!(knowledge, Known::None | Known::Fixed) {
            if level.is_some_and(|level| level != Effort::None) || *knowledge == Known::Fixed {
                self.drop(Field::Thinking);
            }
            return;
        }
        if self.target.has(Quirk::ReasoningObject) {
            self.reasoning_object(thinking, level);
            return;
        }
        if self.target.has(Quirk::ThinkingType) {
            self.thinking_type(thinking, level);
        }
        let is_at_home = self.request.dialect == Dialect::OpenAiChat;
        if !is_at_home && (thinking.summary.is_some() || thinking.is_shown.is_some()) {
            self.note(Field::ShownThinking);
        }
        self.effort(level);
    }

    /// The level as `reasoning_effort`; a switch of its own has said `none` already.
    fn effort(&mut self, level: Option<Effort>) {
        let Some(asked) = level else {
            return;
        };
        if asked == Effort::None && self.out.contains_key("thinking") {
            return;
        }
        let knowledge = &self.target.knowledge.thinking;
        let given = match knowledge {
            // These know levels under other names; a Chat host of theirs maps OpenAI's.
            Known::ClaudeBudget | Known::GeminiBudget { .. } => Some(asked),
            _ => knowledge.level(asked),
        };
        if let Some(given) = given {
            if given != asked {
                self.adjust(Field::Thinking, given.name());
            }
            self.put("reasoning_effort", given.name());
        } else if !self.out.contains_key("thinking") {
            self.drop(Field::Thinking);
        }
    }

    /// DeepSeek and its like switch thinking on and off.
    fn thinking_type(&mut self, thinking: &Thinking, level: Option<Effort>) {
        let is_on = match (thinking.mode, level) {
            (_, Some(Effort::None)) | (Some(ThinkingMode::Disabled), _) => false,
            (Some(_), _) | (_, Some(_)) => true,
            (None, None) => return,
        };
        let word = if is_on { "enabled" } else { "disabled" };
        self.put("thinking", json!({ "type": word }));
    }

    /// OpenRouter's form, which also takes a budget.
    fn reasoning_object(&mut self, thinking: &Thinking, level: Option<Effort>) {
        let mut object = Map::new();
        let budget = thinking.budget.filter(|budget| *budget > 0);
        if let (None, Some(budget)) = (thinking.effort, budget) {
            object.insert("max_tokens".to_owned(), json!(budget));
        } else {
            let known = &self.target.knowledge.thinking;
            let level = level.map(|asked| known.level(asked).unwrap_or(asked));
            let level = level.map(|level| ("effort".to_owned(), json!(level.name())));
            object.extend(level);
        }
        if let Some(is_shown) = thinking.is_shown {
            object.insert("exclude".to_owned(), json!(!is_shown));
        }
        if object.is_empty() && thinking.mode.is_some() {
            object.insert("enabled".to_owned(), json!(true));
        }
        if !object.is_empty() {
            self.put("reasoning", object);
        }
    }
}
