//! What becomes of fields that only their own dialect knows, when a request goes to another one.

use crate::chat::{Dialect, Report, Request};

/// Fields whose absence changes nothing about the answer: a note, never a loss. A name stands for the
/// field and everything below it; places in lists are written `[]`.
const NOTES: [&[&str]; 4] = [
    // OpenAI Chat
    &[
        "metadata",
        "store",
        "user",
        "safety_identifier",
        "prompt_cache_retention",
        "prompt_cache_options",
        "stream_options",
        "messages[].audio",
        "messages[].annotations",
        "messages[].parsed",
        "messages[].id",
        "messages[].status",
    ],
    // OpenAI Responses
    &[
        "metadata",
        "store",
        "user",
        "safety_identifier",
        "client_metadata",
        "include",
        "prompt_cache_retention",
        "prompt_cache_options",
        "reasoning.context",
        "stream_options",
        "truncation",
        "input[].id",
        "input[].status",
        "input[].phase",
        "input[].content[].annotations",
        "input[].content[].logprobs",
    ],
    // Anthropic
    &[
        "metadata",
        "context_management",
        "inference_geo",
        "system[].citations",
        "messages[].output_config",
        "messages[].content[].caller",
        "tools[].defer_loading",
        "tools[].eager_input_streaming",
        "tools[].allowed_callers",
        "thinking.display",
        "speed",
    ],
    // Gemini
    &[
        "labels",
        "safetySettings",
        "generationConfig.audioTimestamp",
        "generationConfig.mediaResolution",
        "store",
    ],
];

/// Fields without which the answer would be another kind of thing, and that no other dialect can say.
const ESSENTIAL: [&[&str]; 4] = [
    &["audio"],
    &[],
    &[],
    &["cachedContent", "generationConfig.responseModalities"],
];

/// The field for which `request` can go to no other dialect, if there is one.
pub fn essential(request: &Request) -> Option<&str> {
    let essential = ESSENTIAL[row(request.dialect)];
    let mut leftovers = request.leftovers.iter();
    leftovers.find(|path| essential.contains(path))
}

/// Reports everything that `request` holds for its own dialect alone.
pub fn report_leftovers(request: &Request, report: &mut Report) {
    for path in request.leftovers.iter() {
        if is_note(request.dialect, path) {
            report.note(path.to_owned());
        } else {
            report.drop(path.to_owned());
        }
    }
    for path in request.leftovers.notes() {
        report.note(path.to_owned());
    }
}

/// Where a dialect stands in the tables.
fn row(dialect: Dialect) -> usize {
    match dialect {
        Dialect::OpenAiChat => 0,
        Dialect::OpenAiResponses => 1,
        Dialect::Anthropic => 2,
        Dialect::Gemini => 3,
    }
}

fn is_note(dialect: Dialect, path: &str) -> bool {
    NOTES[row(dialect)].iter().any(|note| {
        let rest = path.strip_prefix(note);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_in_sound_is_no_answer_in_text() {
        let mut request = Request::new(Dialect::OpenAiChat);
        request.leftovers.note("logit_bias".to_owned());
        assert_eq!(essential(&request), None);
        request.leftovers.note("audio".to_owned());
        assert_eq!(essential(&request), Some("audio"));
    }

    #[test]
    fn a_note_covers_what_is_below_it_and_nothing_beside_it() {
        let chat = |path| is_note(Dialect::OpenAiChat, path);
        assert!(chat("metadata") && chat("metadata.a") && !chat("metadata_x") && !chat("seed"));
        assert!(is_note(Dialect::Gemini, "safetySettings[].category"));
    }
}
