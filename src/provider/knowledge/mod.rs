//! Knowledge: what is known of a model, so that a request can be put in a form it accepts.
//!
//! Vendors refuse with a 400 what they gladly took a generation earlier: a temperature, a prefilled
//! answer, a forced tool. The rows of `assets/models.json` say who takes what; a name is looked up by
//! [`of`], and an unknown newer model is taken as the newest of its line, since limits have only grown
//! tighter. What the configuration says of a model wins over the row. A model of no known family is
//! taken to accept everything.

mod lookup;

use std::sync::Arc;

use serde::Deserialize;

use crate::chat::Effort;

pub use lookup::of;

/// What is known of one model. Cheap to clone.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own, read by a different rule"
)]
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Knowledge {
    /// Whose model it is: opaque reasoning is only read by its own family.
    pub family: Family,
    /// Context window in tokens, input and output together unless the vendor counts input alone.
    pub context: Option<u64>,
    /// Most output tokens of one answer, thinking included.
    pub max_output: Option<u64>,
    /// How it is told to think.
    pub thinking: Thinking,
    /// When `temperature`, `top_p`, `top_k`, penalties and logprobs are accepted.
    pub sampling: Accepts,
    /// Whether `temperature` and `top_p` refuse each other's company: Claude from 4.1 to 4.6.
    pub one_of_temperature_and_top_p: bool,
    /// When stop sequences are accepted; OpenAI's reasoning models refuse them from o3 on.
    pub stop: Accepts,
    /// When a tool may be forced (`required`, or one by name).
    pub forced_tool_choice: Accepts,
    /// Whether the last message may be the assistant's, to be continued; Claude refuses it from 4.6 on.
    pub prefill: bool,
    /// Anthropic: whether a message of role `system` may stand among the others.
    pub mid_system: bool,
    /// Whether the output can be held to a JSON schema; otherwise to JSON at best.
    pub structured_output: bool,
    /// OpenAI: whether it is instructed by role `developer` rather than `system`.
    pub developer_role: bool,
    /// OpenAI: whether `max_tokens` is refused in favour of `max_completion_tokens`.
    pub max_completion_tokens: bool,
    /// OpenAI: whether tools and reasoning go together in the Responses API only.
    pub tools_need_responses: bool,
    /// Gemini from 3 on: a function call must carry its thought signature (or the sentinel that skips the
    /// check), function responses may hold images in their `parts`, and media have a resolution level.
    pub thought_signatures: bool,
    /// Gemini from 2.5 on: `parametersJsonSchema` and `responseJsonSchema` are understood, otherwise only
    /// the older `Schema` is.
    pub json_schema: bool,
    /// Fewest tokens of a prompt that are worth a cache marker.
    pub min_cache: Option<u64>,
    /// Price of a million input tokens in US dollars.
    pub input_price: Option<f64>,
    /// Price of a million output tokens in US dollars.
    pub output_price: Option<f64>,
    /// Price of a million input tokens that were read from a cache, in US dollars.
    pub cached_price: Option<f64>,
    /// Price of a million input tokens that were written to a cache, in US dollars; the shortest lifetime.
    pub cache_write_price: Option<f64>,
}

/// Whose model it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Family {
    /// OpenAI's GPT, reasoning or not, the o-series and the open weights included.
    Gpt,
    /// Anthropic's Claude.
    Claude,
    /// Google's Gemini.
    Gemini,
    /// Google's open Gemma.
    Gemma,
    /// DeepSeek.
    Deepseek,
    /// Grok, by xAI.
    Grok,
    /// Mistral, Magistral, Codestral and the like.
    Mistral,
    /// Alibaba's Qwen.
    Qwen,
    /// Meta's Llama.
    Llama,
    /// Moonshot's Kimi.
    Kimi,
    /// Zhipu's GLM.
    Glm,
    /// Anybody else's.
    Other,
}

/// When a parameter is accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Accepts {
    /// Always.
    Always,
    /// Only in a request that does not make the model think; see [`Thinking::thinks`].
    WhileNotThinking,
    /// Never: a 400.
    Never,
}

impl Accepts {
    /// Whether it is accepted in a request of which `thinks` says whether the model thinks.
    pub fn when(self, thinks: bool) -> bool {
        match self {
            Accepts::Always => true,
            Accepts::WhileNotThinking => !thinks,
            Accepts::Never => false,
        }
    }
}

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
        #[serde(deserialize_with = "lookup::levels")]
        levels: Levels,
        /// What an absent effort means.
        default: Effort,
    },
    /// DeepSeek and its like: `thinking{type: enabled|disabled}`, beside an effort if there are levels.
    Toggle {
        /// What is accepted as `reasoning_effort`; may be empty.
        #[serde(deserialize_with = "lookup::levels")]
        levels: Levels,
        /// Whether it thinks when the request does not say.
        on_by_default: bool,
    },
    /// Claude to 4.5: `thinking{type: enabled, budget_tokens}`, at least 1024 and less than `max_tokens`.
    ClaudeBudget,
    /// Claude from 4.6 on: `thinking{type: adaptive}` and `output_config.effort`.
    ClaudeAdaptive {
        /// What is accepted as `output_config.effort`.
        #[serde(deserialize_with = "lookup::levels")]
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
        #[serde(deserialize_with = "lookup::levels")]
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

impl Knowledge {
    /// What is known of a model of no family: nothing, so that everything is tried.
    pub fn nothing() -> Self {
        Self {
            family: Family::Other,
            context: None,
            max_output: None,
            thinking: Thinking::Unknown,
            sampling: Accepts::Always,
            one_of_temperature_and_top_p: false,
            stop: Accepts::Always,
            forced_tool_choice: Accepts::Always,
            prefill: true,
            mid_system: false,
            structured_output: true,
            developer_role: false,
            max_completion_tokens: false,
            tools_need_responses: false,
            thought_signatures: false,
            json_schema: true,
            min_cache: None,
            input_price: None,
            output_price: None,
            cached_price: None,
            cache_write_price: None,
        }
    }
}
