//! Thinking: how a model is told how much to think, and what a level of effort comes to.

use std::sync::Arc;

use serde::{Deserialize, Deserializer};

use super::Family;
use crate::chat::Effort;

/// The levels every model with levels understands.
const COMMON: [Effort; 3] = [Effort::Low, Effort::Medium, Effort::High];

/// The levels of effort a model understands, the least first.
pub type Levels = Arc<[Effort]>;

/// How a model is told to think.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind", deny_unknown_fields)]
pub enum Thinking {
    /// Nothing is known: whatever the client asked for is passed on in the dialect's most common form.
    Unknown,
    /// It does not think, and every word about it is refused.
    None,
    /// It always thinks and cannot be told how much.
    Fixed,
    /// OpenAI: `reasoning_effort`, `reasoning.effort`.
    Effort {
        /// What is accepted; `none` is among them where thinking can be switched off.
        #[serde(deserialize_with = "levels")]
        levels: Levels,
        /// What an absent effort means.
        default: Effort,
    },
    /// DeepSeek and its like: `thinking{type: enabled|disabled}`, beside an effort if there are levels.
    Toggle {
        /// What is accepted as `reasoning_effort`; may be empty.
        #[serde(deserialize_with = "levels")]
        levels: Levels,
        /// Whether it thinks when the request does not say.
        on_by_default: bool,
    },
    /// Claude to 4.5: `thinking{type: enabled, budget_tokens}`, at least 1024 and less than `max_tokens`.
    ClaudeBudget,
    /// Claude from 4.6 on: `thinking{type: adaptive}` and `output_config.effort`.
    ClaudeAdaptive {
        /// What is accepted as `output_config.effort`.
        #[serde(deserialize_with = "levels")]
        levels: Levels,
        /// Whether `thinking{type: disabled}` is accepted.
        off: Off,
        /// Whether `thinking{type: enabled, budget_tokens}` still is (4.6).
        budget_ok: bool,
        /// Whether it thinks when the request does not say.
        on_by_default: bool,
    },
    /// Gemini from 3 on: `thinkingConfig.thinkingLevel`. Cannot be switched off.
    GeminiLevel {
        /// What is accepted.
        #[serde(deserialize_with = "levels")]
        levels: Levels,
    },
    /// Gemini 2.5: `thinkingConfig.thinkingBudget`; −1 leaves it to the model.
    GeminiBudget {
        /// The least budget other than 0.
        min: u64,
        /// The greatest.
        max: u64,
        /// Whether 0 switches it off.
        can_disable: bool,
        /// Whether it thinks when the request does not say.
        on_by_default: bool,
    },
}

/// Whether the thinking of an adaptive Claude can be switched off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Off {
    /// Yes, by `disabled`.
    Yes,
    /// By `disabled`, but only beside an effort of at most `high` (Opus 5).
    UpToHigh,
    /// Not quite: `between_tools` is the least, beside an effort of at most `high` (Sonnet 5.5).
    BetweenTools,
    /// No; the lowest effort is the least.
    No,
}

impl Thinking {
    /// The level that stands for `asked` in the names of this model; `None` where it knows no levels.
    pub fn level(&self, asked: Effort) -> Option<Effort> {
        match self {
            Thinking::Effort { levels, .. }
            | Thinking::Toggle { levels, .. }
            | Thinking::ClaudeAdaptive { levels, .. }
            | Thinking::GeminiLevel { levels } => {
                (!levels.is_empty()).then(|| asked.clamp_to(levels))
            }
            Thinking::Unknown => Some(asked),
            Thinking::None
            | Thinking::Fixed
            | Thinking::ClaudeBudget
            | Thinking::GeminiBudget { .. } => None,
        }
    }

    /// The budget of thinking tokens that stands for `asked`: 0 = off, −1 = as the model likes; `None`
    /// where it is not told to think by a budget.
    pub fn budget(&self, asked: Effort) -> Option<i64> {
        match *self {
            Thinking::ClaudeBudget => Some(signed(asked.to_budget())),
            Thinking::GeminiBudget {
                min,
                max,
                can_disable,
                ..
            } => Some(match asked {
                Effort::None if can_disable => 0,
                // The top of the scale is the model's to find.
                Effort::Max => -1,
                _ => signed(gemini_budget(asked).clamp(min, max.max(min))),
            }),
            _ => None,
        }
    }

    /// Whether a request with this effort makes the model think, `None` being a request that names none.
    /// Where nothing is known, a request that asks for thinking is taken to get it.
    pub fn thinks(&self, asked: Option<Effort>) -> bool {
        let is_asked = asked.is_some_and(|effort| effort != Effort::None);
        let wants_none = asked == Some(Effort::None);
        match self {
            Thinking::None => false,
            Thinking::Fixed | Thinking::GeminiLevel { .. } => true,
            Thinking::Unknown | Thinking::ClaudeBudget => is_asked,
            Thinking::Effort { levels, default } => {
                asked.unwrap_or(*default).clamp_to(levels) != Effort::None
            }
            Thinking::Toggle { on_by_default, .. } => is_asked || *on_by_default && !wants_none,
            Thinking::ClaudeAdaptive {
                off, on_by_default, ..
            } => match off {
                Off::Yes | Off::UpToHigh => is_asked || *on_by_default && !wants_none,
                Off::BetweenTools | Off::No => true,
            },
            Thinking::GeminiBudget {
                can_disable,
                on_by_default,
                ..
            } => is_asked || !can_disable || *on_by_default && !wants_none,
        }
    }
}

/// How a configured model is told to think, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ThinkingStyle {
    /// OpenAI's `reasoning_effort`.
    Effort,
    /// A budget of tokens: Claude's, or Gemini's where the model is one.
    Budget,
    /// Claude's `thinking{type: adaptive}`.
    Adaptive,
    /// Gemini's `thinkingLevel`.
    Level,
    /// DeepSeek's `thinking{type: enabled|disabled}`.
    Toggle,
    /// Not at all.
    None,
}

impl Thinking {
    /// Itself if it is of that style already, so that its levels stay; else what is common to the style.
    pub(super) fn in_style(self, style: ThinkingStyle, family: Family) -> Self {
        use ThinkingStyle as Style;
        let levels: Levels = Arc::from(COMMON);
        match (style, self) {
            (Style::Effort, known @ Thinking::Effort { .. })
            | (Style::Adaptive, known @ Thinking::ClaudeAdaptive { .. })
            | (Style::Level, known @ Thinking::GeminiLevel { .. })
            | (Style::Toggle, known @ Thinking::Toggle { .. })
            | (Style::Budget, known @ (Thinking::ClaudeBudget | Thinking::GeminiBudget { .. })) => {
                known
            }
            (Style::Effort, _) => Thinking::Effort {
                levels,
                default: Effort::Medium,
            },
            (Style::Budget, _) if family == Family::Gemini => Thinking::GeminiBudget {
                min: 512,
                max: 24_576,
                can_disable: true,
                on_by_default: true,
            },
            (Style::Budget, _) => Thinking::ClaudeBudget,
            (Style::Adaptive, _) => Thinking::ClaudeAdaptive {
                levels,
                off: Off::Yes,
                budget_ok: false,
                on_by_default: false,
            },
            (Style::Level, _) => Thinking::GeminiLevel { levels },
            (Style::Toggle, _) => Thinking::Toggle {
                levels: Arc::from([]),
                on_by_default: false,
            },
            (Style::None, _) => Thinking::None,
        }
    }
}

/// The thinking budgets of Gemini 2.5, whose scale is not Claude's.
fn gemini_budget(effort: Effort) -> u64 {
    match effort {
        Effort::None => 0,
        Effort::Minimal => 512,
        Effort::Low => 1_024,
        Effort::Medium => 8_192,
        Effort::High | Effort::Xhigh | Effort::Max => 24_576,
    }
}

fn signed(tokens: u64) -> i64 {
    i64::try_from(tokens).unwrap_or(i64::MAX)
}

/// Reads levels into what all clones of a row share.
fn levels<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Levels, D::Error> {
    Vec::<Effort>::deserialize(deserializer).map(Levels::from)
}

#[cfg(test)]
mod tests {
    use super::super::of;
    use super::*;
    use Effort::{High, Low, Max, Medium, Minimal, Xhigh};

    #[test]
    fn a_level_is_put_in_the_names_of_the_model() {
        let table = [
            ("gpt-5", Effort::None, Some(Minimal)),
            ("gpt-5.1", Effort::None, Some(Effort::None)),
            ("gpt-5.1", Xhigh, Some(High)),
            ("gpt-5.6", Max, Some(Max)),
            ("o3", Minimal, Some(Low)),
            ("gpt-5-pro", Low, Some(High)),
            ("claude-opus-4-6", Xhigh, Some(High)),
            ("claude-opus-4-7", Xhigh, Some(Xhigh)),
            ("claude-opus-5-5", Minimal, Some(Low)),
            ("gemini-3-pro-preview", Medium, Some(High)),
            ("gemini-3.1-pro-preview", Minimal, Some(Low)),
            ("gemini-3-flash", Effort::None, Some(Minimal)),
            ("gemini-4-argon", Max, Some(High)),
            ("deepseek-v4-pro", Medium, Some(High)),
            ("unheard-of", Xhigh, Some(Xhigh)),
            ("gpt-4o", High, None),
            ("grok-4", High, None),
            ("claude-sonnet-4-5", High, None),
            ("gemini-2.5-pro", High, None),
        ];
        for (model, asked, level) in table {
            assert_eq!(of(model).thinking.level(asked), level, "{model} {asked:?}");
        }
    }

    #[test]
    fn a_level_becomes_a_budget_where_the_model_counts_tokens() {
        let table = [
            ("claude-sonnet-4-5", Effort::None, Some(0)),
            ("claude-sonnet-4-5", Minimal, Some(1_024)),
            ("claude-sonnet-4-5", High, Some(16_384)),
            ("claude-sonnet-4-5", Max, Some(32_000)),
            ("gemini-2.5-flash", Effort::None, Some(0)),
            ("gemini-2.5-flash", Minimal, Some(512)),
            ("gemini-2.5-flash", Xhigh, Some(24_576)),
            ("gemini-2.5-pro", Effort::None, Some(128)),
            ("gemini-2.5-pro", High, Some(24_576)),
            ("gemini-2.5-pro", Max, Some(-1)),
            ("gemini-3-pro", High, None),
            ("gpt-5", High, None),
        ];
        for (model, asked, budget) in table {
            assert_eq!(
                of(model).thinking.budget(asked),
                budget,
                "{model} {asked:?}"
            );
        }
    }

    #[test]
    fn whether_a_request_makes_the_model_think() {
        let none = Some(Effort::None);
        // Without a word · with none · with high.
        let table = [
            ("gpt-4o", [false, false, false]),
            ("gpt-5", [true, true, true]),
            ("gpt-5.1", [false, false, true]),
            ("gpt-5.5", [true, false, true]),
            ("gpt-6.2-sol", [true, true, true]),
            ("grok-4", [true, true, true]),
            ("claude-3-5-haiku-latest", [false, false, false]),
            ("claude-sonnet-4-5", [false, false, true]),
            ("claude-opus-4-8", [false, false, true]),
            ("claude-opus-5", [true, false, true]),
            ("claude-opus-5-5", [true, true, true]),
            ("gemini-2.5-pro", [true, true, true]),
            ("gemini-2.5-flash", [true, false, true]),
            ("gemini-2.5-flash-lite", [false, false, true]),
            ("gemini-3-flash", [true, true, true]),
            ("deepseek-v4-pro", [true, false, true]),
            ("unheard-of", [false, false, true]),
        ];
        for (model, expected) in table {
            let thinking = of(model).thinking;
            let thinks = [None, none, Some(High)].map(|asked| thinking.thinks(asked));
            assert_eq!(thinks, expected, "{model}");
        }
    }
}
