//! What a neutral field is called in the dialect that a request came in, for reports and refusals: a
//! client is told of its own words.

use crate::chat::Dialect;

/// A neutral field that not every dialect can say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// The most tokens of the answer.
    MaxTokens,
    /// How tokens are drawn.
    Temperature,
    /// Likewise.
    TopP,
    /// Likewise.
    TopK,
    /// For the same draw again.
    Seed,
    /// Against repetition.
    FrequencyPenalty,
    /// Against repetition.
    PresencePenalty,
    /// Texts that end the answer.
    Stop,
    /// How many answers.
    Candidates,
    /// Log probabilities.
    Logprobs,
    /// The form of the answer.
    Format,
    /// How much to think.
    Thinking,
    /// How long-winded to be.
    Verbosity,
    /// Who the user is.
    User,
    /// Labels.
    Metadata,
    /// Which service is paid for.
    ServiceTier,
    /// Whether the answer is kept.
    Store,
    /// What shares a cache.
    CacheKey,
    /// Marks of what is to be cached.
    CacheMarks,
    /// Tools on offer.
    Tools,
    /// Which to use.
    ToolChoice,
    /// Whether several calls at once are welcome.
    ParallelToolCalls,
    /// Strictness of a tool's schema.
    ToolStrict,
    /// Thoughts in the conversation.
    Reasoning,
    /// Messages as such.
    Messages,
    /// Instructions.
    Instructions,
    /// Where the texts of earlier answers were taken from.
    Citations,
    /// Log probabilities of earlier answers.
    SaidLogprobs,
    /// Names of files.
    FileNames,
    /// A name for the form of the answer.
    FormatName,
    /// Strictness of its schema.
    FormatStrict,
    /// How closely to look at a picture.
    Detail,
    /// Whether thoughts are shown, and how they are summed up.
    ShownThinking,
}

impl Field {
    /// Its name in `dialect`; places in lists are written `[]`.
    pub fn name(self, dialect: Dialect) -> &'static str {
        let names = self.names();
        match dialect {
            Dialect::OpenAiChat => names[0],
            Dialect::OpenAiResponses => names[1],
            Dialect::Anthropic => names[2],
            Dialect::Gemini => names[3],
        }
    }

    /// Its names in Chat, Responses, Anthropic, Gemini.
    #[expect(clippy::too_many_lines, reason = "a table, one row a field")]
    fn names(self) -> [&'static str; 4] {
        match self {
            Field::MaxTokens => [
                "max_completion_tokens",
                "max_output_tokens",
                "max_tokens",
                "maxOutputTokens",
            ],
            Field::Temperature => ["temperature"; 4],
            Field::TopP => ["top_p", "top_p", "top_p", "topP"],
            Field::TopK => ["top_k", "top_k", "top_k", "topK"],
            Field::Seed => ["seed"; 4],
            Field::FrequencyPenalty => [
                "frequency_penalty",
                "frequency_penalty",
                "frequency_penalty",
                "frequencyPenalty",
            ],
            Field::PresencePenalty => [
                "presence_penalty",
                "presence_penalty",
                "presence_penalty",
                "presencePenalty",
            ],
            Field::Stop => ["stop", "stop", "stop_sequences", "stopSequences"],
            Field::Candidates => ["n", "n", "n", "candidateCount"],
            Field::Logprobs => ["logprobs", "top_logprobs", "logprobs", "responseLogprobs"],
            Field::Format => [
                "response_format",
                "text.format",
                "output_config.format",
                "responseSchema",
            ],
            Field::Thinking => [
                "reasoning_effort",
                "reasoning",
                "thinking",
                "thinkingConfig",
            ],
            Field::Verbosity => ["verbosity", "text.verbosity", "verbosity", "verbosity"],
            Field::User => ["user", "user", "metadata.user_id", "user"],
            Field::Metadata => ["metadata", "metadata", "metadata", "labels"],
            Field::ServiceTier => [
                "service_tier",
                "service_tier",
                "service_tier",
                "serviceTier",
            ],
            Field::Store => ["store"; 4],
            Field::CacheKey => ["prompt_cache_key"; 4],
            Field::CacheMarks => [
                "prompt_cache_breakpoint",
                "prompt_cache_breakpoint",
                "cache_control",
                "cachedContent",
            ],
            Field::Tools => ["tools"; 4],
            Field::ToolChoice => ["tool_choice", "tool_choice", "tool_choice", "toolConfig"],
            Field::ParallelToolCalls => [
                "parallel_tool_calls",
                "parallel_tool_calls",
                "tool_choice.disable_parallel_tool_use",
                "parallel_tool_calls",
            ],
            Field::ToolStrict => [
                "tools[].function.strict",
                "tools[].strict",
                "tools[].strict",
                "tools[].strict",
            ],
            Field::Reasoning => [
                "messages[].reasoning_content",
                "input[].reasoning",
                "messages[].thinking",
                "contents[].thought",
            ],
            Field::Messages => ["messages", "input", "messages", "contents"],
            Field::Instructions => ["messages", "instructions", "system", "systemInstruction"],
            Field::Citations => [
                "messages[].annotations",
                "input[].content[].annotations",
                "messages[].content[].citations",
                "contents[].parts[].citations",
            ],
            Field::SaidLogprobs => [
                "messages[].logprobs",
                "input[].content[].logprobs",
                "messages[].content[].logprobs",
                "contents[].parts[].logprobs",
            ],
            Field::FileNames => [
                "messages[].content[].file.filename",
                "input[].content[].filename",
                "messages[].content[].title",
                "contents[].parts[].inlineData.displayName",
            ],
            Field::FormatName => [
                "response_format.json_schema.name",
                "text.format.name",
                "output_config.format.name",
                "responseSchema.title",
            ],
            Field::FormatStrict => [
                "response_format.json_schema.strict",
                "text.format.strict",
                "output_config.format.strict",
                "responseSchema.strict",
            ],
            Field::Detail => [
                "messages[].content[].image_url.detail",
                "input[].content[].detail",
                "messages[].content[].detail",
                "contents[].parts[].mediaResolution",
            ],
            Field::ShownThinking => [
                "reasoning.summary",
                "reasoning.summary",
                "thinking.display",
                "thinkingConfig.includeThoughts",
            ],
        }
    }
}
