//! What becomes of fields that only their own dialect knows, when a request goes to another one.

use serde_json::Value;

use super::field_names::Field;
use super::target::Refusal;
use crate::chat::{Content, Dialect, Report, Request};

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

/// Reports everything that `request` holds for its own dialect alone.
pub fn report_leftovers(request: &Request, report: &mut Report) {
    report_measures(request, report);
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

/// Measures of the texts of earlier answers, which no other dialect takes back.
fn report_measures(request: &Request, report: &mut Report) {
    let parts = request.messages.iter().flat_map(|message| &message.parts);
    let texts = parts.filter_map(|part| match &part.content {
        Content::Text(text) => Some(text),
        _ => None,
    });
    for text in texts {
        if text.logprobs.is_some() {
            report.note(Field::SaidLogprobs.name(request.dialect));
        }
    }
}

/// Refuses what would make another answer if it were left out: output that is no text, and input that is
/// held by the vendor.
///
/// # Errors
/// `request` holds such a field.
pub fn refuse_leftovers(request: &Request) -> Result<(), Refusal> {
    let mut fields = request
        .leftovers
        .iter()
        .filter(|path| match request.dialect {
            Dialect::OpenAiChat => *path == "modalities" && speaks(request),
            Dialect::Gemini => {
                matches!(
                    *path,
                    "generationConfig.responseModalities" | "cachedContent"
                )
            }
            Dialect::OpenAiResponses | Dialect::Anthropic => false,
        });
    fields.next().map_or(Ok(()), |field| {
        let message =
            format!("this model's provider has nothing like `{field}`, and without it the answer would be to another request");
        Err(Refusal::new(field, message))
    })
}

/// Whether anything but text is asked for.
fn speaks(request: &Request) -> bool {
    let modalities = request.extra.get("modalities").and_then(Value::as_array);
    modalities.is_some_and(|all| all.iter().any(|one| one != "text"))
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
    fn a_note_covers_what_is_below_it_and_nothing_beside_it() {
        let chat = |path| is_note(Dialect::OpenAiChat, path);
        assert!(chat("metadata") && chat("metadata.a") && !chat("metadata_x") && !chat("seed"));
        assert!(is_note(Dialect::Gemini, "safetySettings[].category"));
    }
}
