//! Refused: which parameter a 400 says the upstream does not take.
//!
//! Vendors have no common way to say it, so this knows their sentences. What it finds is left out of a
//! second try and remembered for the model, therefore it is careful: only at the beginning of a message
//! is a sentence the upstream's own (further on it may quote the prompt), and what carries the
//! conversation or the shape of the answer is never named, as the answer would be to another question.

use crate::chat::ErrorBody;

/// Longer than any parameter's path.
const LONGEST_PATH: usize = 80;

/// Without these the answer would be another one than the client asked for; compared without case and
/// underscores, in every segment of a path.
const NEEDED: &[&str] = &[
    "audio",
    "background",
    "candidatecount",
    "content",
    "contents",
    "conversation",
    "file",
    "format",
    "functions",
    "functiondeclarations",
    "input",
    "instructions",
    "messages",
    "modalities",
    "model",
    "n",
    "previousresponseid",
    "prompt",
    "responseformat",
    "responsejsonschema",
    "responsemimetype",
    "responsemodalities",
    "responseschema",
    "stream",
    "system",
    "systeminstruction",
    "tools",
];

/// Sentences that name a parameter: what stands before it, what follows. An empty follow-up is any.
const SENTENCES: &[(&str, &str)] = &[
    // OpenAI, Azure.
    ("unsupported parameter: ", ""),
    ("unsupported value: ", " does not support"),
    ("unrecognized request argument supplied: ", ""),
    ("unrecognized request arguments supplied: ", ""),
    ("unknown parameter: ", ""),
    // Anthropic, and whoever validates with pydantic.
    ("", ": extra inputs are not permitted"),
    ("", " is deprecated for this model"),
    ("", " may only be set to 1 when thinking is enabled"),
    ("", " must be unset when thinking is enabled"),
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

/// Sentences of two names, of which the second is the parameter.
const SECOND: &[(&str, &str, &str)] = &[
    // Anthropic: of two that exclude each other, the first (`temperature`) stays.
    ("", " and ", " cannot both be specified"),
    // Cerebras: "body.seed: property 'body.seed' is unsupported".
    ("", ": property ", " is unsupported"),
    // xAI.
    ("model ", " does not support parameter ", ""),
    ("the model ", " does not support the parameter ", ""),
];

/// Beginnings of sentences that mean a parameter without its name.
const MEANT: &[(&str, &str)] = &[
    // Anthropic.
    ("adaptive thinking is not supported", "thinking"),
    (
        "thinking may not be enabled when tool_choice forces",
        "thinking",
    ),
    (
        "this model does not support the effort parameter",
        "output_config.effort",
    ),
    // Gemini.
    (
        "thinking level",
        "generation_config.thinking_config.thinking_level",
    ),
    (
        "budget 0 is invalid",
        "generation_config.thinking_config.thinking_budget",
    ),
];

/// The path of the parameter that the upstream refused, such as `temperature` or `reasoning.effort`, in
/// the upstream's spelling: Gemini says `generation_config.top_k` whatever the request said, so names
/// are to be compared by [`is_same_name`].
pub fn parameter(status: u16, body: &ErrorBody) -> Option<String> {
    if !matches!(status, 400 | 422) {
        return None;
    }
    let path = labelled(body).or_else(|| said(&body.message))?;
    droppable(&path)
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
fn labelled(body: &ErrorBody) -> Option<String> {
    let labels = [body.code.as_deref(), body.kind.as_deref()];
    let is_refusal = labels.into_iter().flatten().any(|label| {
        matches!(
            label,
            "unsupported_parameter" | "unsupported_value" | "unknown_parameter" | "extra_forbidden"
        )
    });
    let (path, rest) = path(body.param.as_deref().filter(|_| is_refusal)?)?;
    rest.is_empty().then(|| path.to_owned())
}

fn said(message: &str) -> Option<String> {
    let message = message.trim_start();
    pydantic(message)
        .or_else(|| unknown_name_at(message))
        .or_else(|| second(message))
        .or_else(|| first(message))
        .or_else(|| meant(message))
}

fn meant(message: &str) -> Option<String> {
    let mut sentences = MEANT.iter();
    let found = sentences.find(|(words, _)| after_ignoring_case(message, words).is_some());
    found.map(|(_, path)| (*path).to_owned())
}

fn first(message: &str) -> Option<String> {
    SENTENCES.iter().find_map(|(before, after)| {
        let (found, rest) = path(after_ignoring_case(message, before)?)?;
        after_ignoring_case(rest, after).map(|_| found.to_owned())
    })
}

fn second(message: &str) -> Option<String> {
    SECOND.iter().find_map(|(before, between, after)| {
        let (_, rest) = path(after_ignoring_case(message, before)?)?;
        let (found, rest) = path(after_ignoring_case(rest, between)?)?;
        after_ignoring_case(rest, after).map(|_| found.to_owned())
    })
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

/// The path if it can be left out, without what only the server's framework calls it.
fn droppable(path: &str) -> Option<String> {
    let path = path.strip_prefix("body.").unwrap_or(path);
    // A type of thinking that is refused leaves nothing to send under that name.
    let path = if path.starts_with("thinking.") {
        "thinking"
    } else {
        path
    };
    let mut names = path.split(['.', '[', ']']).filter(|name| !name.is_empty());
    let is_needed = names.any(|name| {
        let is_index = name.bytes().all(|byte| byte.is_ascii_digit());
        is_index || NEEDED.iter().any(|needed| is_same_name(needed, name))
    });
    (!is_needed && !path.is_empty() && path.len() <= LONGEST_PATH).then(|| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said_by(message: &str) -> Option<String> {
        let body = ErrorBody {
            message: message.to_owned(),
            ..ErrorBody::default()
        };
        parameter(400, &body)
    }

    #[test]
    fn knows_how_each_vendor_says_it() {
        let table = [
            // OpenAI
            (
                "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
                "max_tokens",
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
                "property 'store' is unsupported, did you mean 'stop'?",
                "store",
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
            (Some("unsupported_parameter"), None, "stop", Some("stop")),
            (
                Some("unsupported_value"),
                None,
                "reasoning.effort",
                Some("reasoning.effort"),
            ),
            (
                None,
                Some("extra_forbidden"),
                "body.stream_options",
                Some("stream_options"),
            ),
            (Some("unsupported_value"), None, "messages[0].role", None),
            (Some("unsupported_parameter"), None, "tools[0].strict", None),
            (Some("invalid_value"), None, "temperature", None),
            (Some("unsupported_parameter"), None, "not a path", None),
        ];
        for (code, kind, param, path) in table {
            let body = ErrorBody {
                message: "no".to_owned(),
                kind: kind.map(str::to_owned),
                code: code.map(str::to_owned),
                param: Some(param.to_owned()),
            };
            assert_eq!(parameter(400, &body).as_deref(), path, "{param}");
            assert_eq!(parameter(422, &body).as_deref(), path, "{param}");
            assert_eq!(parameter(500, &body), None);
        }
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
