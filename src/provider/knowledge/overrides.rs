//! Overrides: what the configuration says of a model wins over the asset.

use super::{Accepts, Knowledge, known};
use crate::provider::Model;

impl Knowledge {
    /// This knowledge with what the configuration says of the model: `like` replaces all of it, the
    /// other fields one fact each.
    #[must_use]
    pub fn with(self, model: &Model) -> Self {
        let base = model.like.as_deref().and_then(known).unwrap_or(self);
        let thinking = match model.thinking {
            Some(style) => base.thinking.in_style(style, base.family),
            None => base.thinking,
        };
        Self {
            thinking,
            context: model.context.or(base.context),
            max_output: model.max_output.or(base.max_output),
            sampling: model.sampling.map_or(base.sampling, Accepts::from),
            forced_tool_choice: model
                .forced_tool_choice
                .map_or(base.forced_tool_choice, Accepts::from),
            prefill: model.prefill.unwrap_or(base.prefill),
            input_price: model.input_price.or(base.input_price),
            output_price: model.output_price.or(base.output_price),
            ..base
        }
    }
}

impl From<bool> for Accepts {
    fn from(accepts: bool) -> Self {
        if accepts {
            Accepts::Always
        } else {
            Accepts::Never
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Family, Thinking, ThinkingStyle, of};
    use super::*;
    use crate::chat::Effort;

    #[test]
    fn a_model_of_which_nothing_is_said_stays_as_it_is_known() {
        let plain = Model::named("gpt-5");
        assert_eq!(of("gpt-5").with(&plain), of("gpt-5"));
    }

    #[test]
    fn each_word_replaces_one_fact() {
        let model = Model {
            context: Some(8_192),
            max_output: Some(1_024),
            thinking: Some(ThinkingStyle::None),
            sampling: Some(true),
            forced_tool_choice: Some(false),
            prefill: Some(true),
            input_price: Some(0.0),
            ..Model::named("x")
        };
        let known = of("claude-opus-5");
        let told = known.clone().with(&model);
        assert_eq!((told.context, told.max_output), (Some(8_192), Some(1_024)));
        assert_eq!(told.thinking, Thinking::None);
        assert_eq!(told.sampling, Accepts::Always);
        assert_eq!(told.forced_tool_choice, Accepts::Never);
        assert!(told.prefill && !known.prefill);
        assert_eq!(told.input_price, Some(0.0));
        assert_eq!(told.output_price, known.output_price);
        assert_eq!(told.family, Family::Claude);
    }

    #[test]
    fn a_model_can_be_treated_as_another() {
        let model = Model {
            like: Some("claude-haiku-4-5".to_owned()),
            max_output: Some(500),
            ..Model::named("house-fast")
        };
        let told = of("house-fast").with(&model);
        let haiku = of("claude-haiku-4-5");
        assert_eq!(told.family, Family::Claude);
        assert_eq!(told.thinking, haiku.thinking);
        assert_eq!(told.max_output, Some(500));
    }

    #[test]
    fn a_style_keeps_the_levels_that_are_known() {
        let with = |name: &str, style| {
            let model = Model {
                thinking: Some(style),
                ..Model::named(name)
            };
            of(name).with(&model).thinking
        };
        assert_eq!(
            with("gpt-5.1", ThinkingStyle::Effort),
            of("gpt-5.1").thinking
        );
        assert_eq!(
            with("house", ThinkingStyle::Effort).level(Effort::Max),
            Some(Effort::High)
        );
        assert_eq!(with("house", ThinkingStyle::Budget), Thinking::ClaudeBudget);
        let gemini = with("gemini-3-pro", ThinkingStyle::Budget);
        assert_eq!(gemini.budget(Effort::Low), Some(1_024));
        assert_eq!(
            with("house", ThinkingStyle::Toggle).level(Effort::High),
            None
        );
    }
}
