//! Refused: which parameter a 400 says the upstream does not take.
//!
//! Vendors have no common way to say it, so this knows their sentences. What it finds is left out of a
//! second try, therefore it is careful: only at the beginning of a message is a sentence the upstream's
//! own (further on it may quote the prompt), and what carries the conversation or the shape of the answer
//! is never named, as the answer would be to another question. What may be remembered for the model is
//! told from what was wrong with this one request: a value, or two parameters that exclude each other.

use crate::chat::ErrorBody;

/// Longer than any parameter's path.
const LONGEST_PATH: usize = 80;

/// Without these the answer would be another one than the client asked for; compared without case and
/// underscores, in every segment of a path.
const NEEDED: &[&str] = &[
    "audio",
    "background",
    "cachedcontent",
    "candidatecount",
    "content",
    "contents",
    "conversation",
    "file",
    "format",
    "functiondeclarations",
    "functions",
    "input",
    "instructions",
    "maxcompletiontokens",
    "maxoutputtokens",
    "maxtokens",
    "mcpservers",
    "messages",
    "modalities",
    "model",
    "moderation",
    "n",
    "previousresponseid",
    "prompt",
    "responseformat",
    "responsejsonschema",
    "responsemimetype",
    "responsemodalities",
    "responseschema",
    "safetysettings",
    "store",
    "stream",
    "system",
    "systeminstruction",
    "toolchoice",
    "toolconfig",
    "tools",
];

/// Parts of these can be spared, but all of one hold what is [`NEEDED`].
const NEEDED_WHOLE: &[&str] = &["generationconfig", "outputconfig", "text"];

/// Words of a refusal that holds for what else was in the request, or for one value. To find one too
/// many costs an attempt in a later request, to overlook one costs every client the parameter.
const CONDITIONS: &[&str] = &[
    " when ",
    " if ",
    " unless ",
    " while ",
    " without ",
    " alongside ",
    " together ",
    " combination",
    " both ",
    " only ",
    "streaming",
    "supported value",
];

/// How far a refusal goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// The model takes the parameter from nobody.
    Always,
    /// Another request may well have it: a value was refused, or what stood beside it.
    ThisRequest,
}

/// A parameter that an upstream refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    /// Where it is, such as `temperature` or `reasoning.effort`, in the upstream's spelling: Gemini says
    /// `generation_config.top_k` whatever the request said, so names are to be compared by
    /// [`is_same_name`].
    pub path: String,
    /// Whether the refusal may be remembered.
    pub reach: Reach,
}

/// Sentences that name a parameter which the model never takes: what stands before it, what follows. An empty follow-up is any.
const SENTENCES: &[(&str, &str)] = &[
    // OpenAI, Azure.
    ("unsupported parameter: ", ""),
    ("unrecognized request argument supplied: ", ""),
    ("unrecognized request arguments supplied: ", ""),
    ("unknown parameter: ", ""),
    // Anthropic, and whoever validates with pydantic.
    ("", ": extra inputs are not permitted"),
    ("", " is deprecated for this model"),
    // Gemini.
    (
        "invalid json payload received. unknown name ",
        ": cannot find field",
    ),
    // Groq, Cerebras.
    ("property ", " is unsupported"),
    // xAI.
    ("argument not supported on this model: ", ""),
    ("this model does not support parameter ", ""),
    ("this model does not support the parameter ", ""),
    // Fireworks, Together, servers in Rust.
    ("extra inputs are not permitted, field: ", ""),
    ("unknown field: ", ""),
    ("unknown field ", ", expected"),
    // Several.
    ("parameter ", " is not supported"),
    ("", " is not supported for this model"),
    ("", " is not supported with this model"),
    ("", " is not supported by this model"),
    ("", " is not supported on this model"),
];

/// Sentences that name a parameter which the model did not take like this.
const AT_TIMES: &[(&str, &str)] = &[
    // OpenAI, Azure.
    ("unsupported value: ", " does not support"),
    // Anthropic.
    ("", " may only be set to 1 when thinking is enabled"),
    ("", " must be unset when thinking is enabled"),
];

/// Sentences of two names, of which the second is the parameter.
const SECOND: &[(&str, &str, &str)] = &[
    // Cerebras: "body.seed: property 'body.seed' is unsupported".
    ("", ": property ", " is unsupported"),
    // xAI.
    ("model ", " does not support parameter ", ""),
    ("the model ", " does not support the parameter ", ""),
];

/// The same, of two that exclude each other: Anthropic's first (`temperature`) stays.
const ONE_OF_TWO: &[(&str, &str, &str)] = &[("", " and ", " cannot both be specified")];

/// Beginnings of sentences that mean a parameter without its name.
const MEANT: &[(&str, &str, Reach)] = &[
    // Anthropic.
    (
        "adaptive thinking is not supported",
        "thinking",
        Reach::ThisRequest,
    ),
    (
        "thinking may not be enabled when tool_choice forces",
        "thinking",
        Reach::ThisRequest,
    ),
    (
        "this model does not support the effort parameter",
        "output_config.effort",
        Reach::Always,
    ),
    // Gemini.
    (
        "thinking level",
        "generation_config.thinking_config.thinking_level",
        Reach::ThisRequest,
    ),
    (
        "budget 0 is invalid",
        "generation_config.thinking_config.thinking_budget",
        Reach::ThisRequest,
    ),
];

/// The parameter that the upstream refused, if the request makes sense without it.
pub fn parameter(status: u16, body: &ErrorBody) -> Option<Parameter> {
    if !matches!(status, 400 | 422) {
        return None;
    }
    let (refused, reach) = labelled(body).or_else(|| said(&body.message))?;
    let (path, is_all) = droppable(&refused)?;
    let reach = match reach {
        Reach::Always if is_all && !is_conditional(&body.message) => Reach::Always,
        _ => Reach::ThisRequest,
    };
    Some(Parameter { path, reach })
}

/// Whether two spellings name the same field: `topK`, `top_k`.
pub fn is_same_name(a: &str, b: &str) -> bool {
    let letters = |name: &str| -> Vec<u8> {
        let letters = name.bytes().filter(|byte| *byte != b'_');
        letters.map(|byte| byte.to_ascii_lowercase()).collect()
    };
    letters(a) == letters(b)
}

/// By code or type, with the parameter in a field of its own.
fn labelled(body: &ErrorBody) -> Option<(String, Reach)> {
    let labels = [body.code.as_deref(), body.kind.as_deref()];
    let reach = labels.into_iter().flatten().find_map(|label| match label {
        "unsupported_parameter" | "unknown_parameter" | "extra_forbidden" => Some(Reach::Always),
        "unsupported_value" => Some(Reach::ThisRequest),
        _ => None,
    })?;
    let (path, rest) = path(body.param.as_deref()?)?;
    rest.is_empty().then(|| (path.to_owned(), reach))
}

fn said(message: &str) -> Option<(String, Reach)> {
    let message = message.trim_start();
    let always = |path| (path, Reach::Always);
    let at_times = |path| (path, Reach::ThisRequest);
    pydantic(message)
        .or_else(|| unknown_name_at(message))
        .or_else(|| second(message, SECOND))
        .map(always)
        .or_else(|| second(message, ONE_OF_TWO).map(at_times))
        .or_else(|| first(message, SENTENCES).map(always))
        .or_else(|| first(message, AT_TIMES).map(at_times))
        .or_else(|| meant(message))
}

fn meant(message: &str) -> Option<(String, Reach)> {
    let mut sentences = MEANT.iter();
    let found = sentences.find(|(words, ..)| after_ignoring_case(message, words).is_some());
    found.map(|(_, path, reach)| ((*path).to_owned(), *reach))
}

fn first(message: &str, sentences: &[(&str, &str)]) -> Option<String> {
    sentences.iter().find_map(|(before, after)| {
        let (found, rest) = path(after_ignoring_case(message, before)?)?;
        after_ignoring_case(rest, after).map(|_| found.to_owned())
    })
}

fn second(message: &str, sentences: &[(&str, &str, &str)]) -> Option<String> {
    sentences.iter().find_map(|(before, between, after)| {
        let (_, rest) = path(after_ignoring_case(message, before)?)?;
        let (found, rest) = path(after_ignoring_case(rest, between)?)?;
        after_ignoring_case(rest, after).map(|_| found.to_owned())
    })
}

/// Whether the refusal depends on more than the model.
fn is_conditional(message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    let mut beside = message.split(" with ").skip(1);
    let is_model = |with: &str| with.starts_with("this model") || with.starts_with("the model");
    CONDITIONS.iter().any(|words| message.contains(words)) || beside.any(|with| !is_model(with))
}

/// Gemini: `Invalid JSON payload received. Unknown name "x" at 'generation_config': Cannot find field.`
fn unknown_name_at(message: &str) -> Option<String> {
    let rest = after_ignoring_case(message, "invalid json payload received. unknown name ")?;
    let (name, rest) = path(rest)?;
    let (parent, _) = path(after_ignoring_case(rest, " at ")?)?;
    Some(format!("{parent}.{name}"))
}

/// vLLM shows Python: `[{'type': 'extra_forbidden', 'loc': ('body', 'x'), 'msg': …`.
fn pydantic(message: &str) -> Option<String> {
    let rest = message
        .trim_start_matches(['[', '{'])
        .strip_prefix("'type': 'extra_forbidden', 'loc': (")?;
    let (place, _) = rest.split_once(')')?;
    let names = place.split(',').map(|name| name.trim().trim_matches('\''));
    let names: Vec<&str> = names.filter(|name| !name.is_empty()).collect();
    Some(names.join("."))
}

fn after_ignoring_case<'a>(text: &'a str, beginning: &str) -> Option<&'a str> {
    let head = text.get(..beginning.len())?;
    head.eq_ignore_ascii_case(beginning)
        .then(|| &text[beginning.len()..])
}

/// A path at the beginning of `text`, quoted in some way or not at all, and what follows it.
fn path(text: &str) -> Option<(&str, &str)> {
    let quote = text.chars().next().filter(|c| "'\"`".contains(*c));
    let text = &text[quote.map_or(0, char::len_utf8)..];
    let is_part = |c: char| c.is_ascii_alphanumeric() || "_.-[]".contains(c);
    let end = text.find(|c| !is_part(c)).unwrap_or(text.len());
    // A full stop after the name ends the sentence, not the path.
    let path = text[..end].trim_end_matches('.');
    let rest = &text[path.len()..];
    let rest = match quote {
        Some(quote) => rest.strip_prefix(quote)?,
        None => rest,
    };
    let is_path = path.starts_with(|c: char| c.is_ascii_alphabetic()) && path.len() <= LONGEST_PATH;
    is_path.then_some((path, rest))
}

/// The path if it can be left out, without what only the server's framework calls it, and whether that is
/// what was refused and not more.
fn droppable(path: &str) -> Option<(String, bool)> {
    let path = path.strip_prefix("body.").unwrap_or(path);
    // A type of thinking that is refused leaves nothing to send under that name.
    let is_all = !path.starts_with("thinking.");
    let path = if is_all { path } else { "thinking" };
    let is_among = |list: &[&str], name| list.iter().any(|other| is_same_name(other, name));
    let is_index = |name: &str| name.bytes().all(|byte| byte.is_ascii_digit());
    let mut names = path.split(['.', '[', ']']).filter(|name| !name.is_empty());
    let last = names.clone().next_back()?;
    let is_needed = names.any(|name| is_index(name) || is_among(NEEDED, name));
    let can_go = !is_needed && !is_among(NEEDED_WHOLE, last) && path.len() <= LONGEST_PATH;
    can_go.then(|| (path.to_owned(), is_all))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused_by(message: &str) -> Option<Parameter> {
        let body = ErrorBody {
            message: message.to_owned(),
            ..ErrorBody::default()
        };
        parameter(400, &body)
    }

    fn said_by(message: &str) -> Option<String> {
        refused_by(message).map(|parameter| parameter.path)
    }

    #[test]
    fn knows_how_each_vendor_says_it() {
        let table = [
            // OpenAI
            (
                "Unsupported parameter: 'top_p' is not supported with this model.",
                "top_p",
            ),
            (
                "Unsupported value: 'temperature' does not support 0.2 with this model. Only the default (1) value is supported.",
                "temperature",
            ),
            ("Unrecognized request argument supplied: top_k", "top_k"),
            (
                "Unrecognized request arguments supplied: min_p, top_k",
                "min_p",
            ),
            (
                "Unknown parameter: 'reasoning.summary'.",
                "reasoning.summary",
            ),
            // Anthropic
            (
                "context_management: Extra inputs are not permitted",
                "context_management",
            ),
            (
                "output_config.effort: Extra inputs are not permitted",
                "output_config.effort",
            ),
            ("`temperature` is deprecated for this model.", "temperature"),
            (
                "`temperature` and `top_p` cannot both be specified for this model. Please use only one.",
                "top_p",
            ),
            (
                "`temperature` may only be set to 1 when thinking is enabled. Please consult our documentation",
                "temperature",
            ),
            ("`top_k` must be unset when thinking is enabled.", "top_k"),
            (
                "\"thinking.type.enabled\" is not supported for this model. Use \"thinking.type.adaptive\"",
                "thinking",
            ),
            // Gemini
            (
                "Invalid JSON payload received. Unknown name \"top_q\" at 'generation_config': Cannot find field.",
                "generation_config.top_q",
            ),
            (
                "Invalid JSON payload received. Unknown name \"serviceTier\": Cannot find field.",
                "serviceTier",
            ),
            (
                "Thinking level MINIMAL is not supported for this model.",
                "generation_config.thinking_config.thinking_level",
            ),
            (
                "This model does not support the effort parameter.",
                "output_config.effort",
            ),
            // vLLM
            (
                "[{'type': 'extra_forbidden', 'loc': ('body', 'reasoning'), 'msg': 'Extra inputs are not permitted', 'input': {}}]",
                "reasoning",
            ),
            // Groq, Cerebras
            (
                "property 'stops' is unsupported, did you mean 'stop'?",
                "stops",
            ),
            (
                "body.frequency_penalty: property 'body.frequency_penalty' is unsupported",
                "frequency_penalty",
            ),
            // xAI
            (
                "Argument not supported on this model: presencePenalty",
                "presencePenalty",
            ),
            (
                "Model grok-4-0709 does not support parameter reasoningEffort.",
                "reasoningEffort",
            ),
            ("This model does not support parameter `stop`.", "stop"),
            // Others
            (
                "Extra inputs are not permitted, field: 'safety_identifier', value: 'x'",
                "safety_identifier",
            ),
            (
                "unknown field `metadata`, expected one of `model`, `messages`",
                "metadata",
            ),
            (
                "reasoning_effort is not supported for this model",
                "reasoning_effort",
            ),
        ];
        for (message, path) in table {
            assert_eq!(said_by(message).as_deref(), Some(path), "{message}");
        }
    }

    #[test]
    fn a_labelled_parameter_needs_no_words() {
        let table = [
            (
                Some("unsupported_parameter"),
                None,
                "stop",
                Some(("stop", Reach::Always)),
            ),
            (
                Some("unsupported_value"),
                None,
                "reasoning.effort",
                Some(("reasoning.effort", Reach::ThisRequest)),
            ),
            (
                None,
                Some("extra_forbidden"),
                "body.stream_options",
                Some(("stream_options", Reach::Always)),
            ),
            (Some("unsupported_value"), None, "messages[0].role", None),
            (Some("unsupported_parameter"), None, "tools[0].strict", None),
            (Some("invalid_value"), None, "temperature", None),
            (Some("unsupported_parameter"), None, "not a path", None),
        ];
        for (code, kind, param, expected) in table {
            let expected = expected.map(|(path, reach)| Parameter {
                path: path.to_owned(),
                reach,
            });
            let body = ErrorBody {
                message: "no".to_owned(),
                kind: kind.map(str::to_owned),
                code: code.map(str::to_owned),
                param: Some(param.to_owned()),
            };
            assert_eq!(parameter(400, &body), expected, "{param}");
            assert_eq!(parameter(422, &body), expected, "{param}");
            assert_eq!(parameter(500, &body), None);
        }
    }

    #[test]
    fn what_was_wrong_with_one_request_is_told_from_what_the_model_never_takes() {
        let at_times = [
            "Unsupported value: 'reasoning_effort' does not support 'bogus' with this model.",
            "`temperature` and `top_p` cannot both be specified for this model. Please use only one.",
            "`temperature` may only be set to 1 when thinking is enabled.",
            "`top_k` must be unset when thinking is enabled.",
            "Thinking may not be enabled when tool_choice forces tool use.",
            "\"thinking.type.enabled\" is not supported for this model.",
            "thinking.disabled.budget: Extra inputs are not permitted",
            "Adaptive thinking is not supported on this model",
            "Thinking level MINIMAL is not supported for this model.",
            "Budget 0 is invalid. This model only works in thinking mode.",
            "Unsupported parameter: 'top_p' is not supported when reasoning is on.",
            "Parameter `logprobs` is not supported with tools.",
            "reasoning_effort is not supported with this model. Supported values are: 'low'.",
            "seed is not supported for this model in streaming mode",
        ];
        let always = [
            "Unsupported parameter: 'top_p' is not supported with this model.",
            "Unknown parameter: 'reasoning.summary'.",
            "Unrecognized request argument supplied: top_k",
            "context_management: Extra inputs are not permitted",
            "`temperature` is deprecated for this model.",
            "This model does not support the effort parameter.",
            "Extra inputs are not permitted, field: 'safety_identifier', value: 'x'",
        ];
        let at_times = at_times.map(|message| (message, Reach::ThisRequest));
        let always = always.map(|message| (message, Reach::Always));
        for (message, reach) in at_times.into_iter().chain(always) {
            let found = refused_by(message).map(|parameter| parameter.reach);
            assert_eq!(found, Some(reach), "{message}");
        }
    }

    #[test]
    fn a_label_does_not_outweigh_a_condition() {
        let body = ErrorBody {
            message: "'top_p' cannot be used while reasoning.".to_owned(),
            code: Some("unsupported_parameter".to_owned()),
            param: Some("top_p".to_owned()),
            ..ErrorBody::default()
        };
        let reach = parameter(400, &body).map(|parameter| parameter.reach);
        assert_eq!(reach, Some(Reach::ThisRequest));
    }

    #[test]
    fn what_carries_the_conversation_or_shapes_the_answer_is_never_left_out() {
        for message in [
            "messages.0.content.0.text.cache: Extra inputs are not permitted",
            "tools.0.custom.eager_input_streaming: Extra inputs are not permitted",
            "Unsupported parameter: 'model'",
            "Unsupported value: 'messages[0].role' does not support 'system' with this model.",
            "Unknown parameter: 'input[3].id'.",
            "Unknown parameter: 'response_format'.",
            "Unknown parameter: 'text.format'.",
            "Unknown parameter: 'text'.",
            "property 'store' is unsupported",
            "Unknown parameter: 'moderation'.",
            "Unknown parameter: 'max_output_tokens'.",
            "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
            "Unsupported parameter: 'max_completion_tokens'",
            "tool_choice is not supported for this model",
            "output_config: Extra inputs are not permitted",
            "Invalid JSON payload received. Unknown name \"maxOutputTokens\" at 'generation_config': Cannot find field.",
            "Invalid JSON payload received. Unknown name \"generationConfig\": Cannot find field.",
            "Invalid JSON payload received. Unknown name \"safetySettings\": Cannot find field.",
            "Invalid JSON payload received. Unknown name \"toolConfig\": Cannot find field.",
            "Unrecognized request argument supplied: n",
            "Unrecognized request argument supplied: stream",
            "Invalid JSON payload received. Unknown name \"const\" at 'generation_config.response_schema': Cannot find field.",
            "Invalid JSON payload received. Unknown name \"x\" at 'tools[0].function_declarations[0].parameters': Cannot find field.",
            "Invalid JSON payload received. Unknown name \"systemInstruction\": Cannot find field.",
        ] {
            assert_eq!(said_by(message), None, "{message}");
        }
    }

    #[test]
    fn words_of_the_prompt_name_nothing() {
        for message in [
            "",
            "'",
            "Invalid value for 'x': the user wrote Unsupported parameter: 'temperature'",
            "Your prompt was flagged: \"temperature: Extra inputs are not permitted\"",
            "temperature must be between 0 and 2",
            "Unsupported parameter: ",
            "Unsupported parameter: 'temp",
            "Unsupported value: 'minimal' is not supported with the 'gpt-5.1' model.",
            "это `temperature` is deprecated for this model",
            "é",
        ] {
            assert_eq!(said_by(message), None, "{message}");
        }
        let long = format!("Unsupported parameter: {}", "x".repeat(LONGEST_PATH + 1));
        assert_eq!(said_by(&long), None);
    }

    #[test]
    fn spellings_of_a_name_are_told_from_other_names() {
        assert!(is_same_name("topK", "top_k"));
        assert!(is_same_name("generationConfig", "generation_config"));
        assert!(!is_same_name("top_p", "top_k"));
    }
}
