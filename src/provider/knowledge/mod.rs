//! Knowledge: what is known of a model, so that a request can be put in a form it accepts.
//!
//! Vendors refuse with a 400 what they gladly took a generation earlier: a temperature, a prefilled
//! answer, a forced tool. The rows of `assets/models.json` say who takes what; a name is looked up by
//! [`of`], and an unknown newer model is taken as the newest of its line, since limits have only grown
//! tighter. What the configuration says of a model wins over the row. A model of no known family is
//! taken to accept everything.

mod lookup;
mod overrides;
mod thinking;

use serde::Deserialize;

pub use lookup::{known, of};
pub use thinking::{Levels, Off, Thinking, ThinkingStyle};

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
    /// Whether the last message may be the assistant's, to be continued. Claude refuses it from 4.6 on,
    /// and before that while it thinks.
    pub prefill: bool,
    /// Anthropic: whether a message of role `system` may stand among the others.
    pub mid_system: bool,
    /// Whether the output can be held to a JSON schema; otherwise to JSON at best.
    pub structured_output: bool,
    /// OpenAI: whether it is instructed by role `developer` rather than `system`.
    pub developer_role: bool,
    /// OpenAI: whether `max_tokens` is refused in favour of `max_completion_tokens`.
    pub max_completion_tokens: bool,
    /// OpenAI: whether it is served by the Responses API only (the pro and codex models).
    pub responses_only: bool,
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
            responses_only: false,
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
