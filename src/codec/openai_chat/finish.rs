//! Why an answer ended, in the words of the dialect and its relatives.

use crate::chat::{ErrorBody, Finish, FinishReason};

/// Reads a `finish_reason`; `native` is what a relay says of its own upstream (`native_finish_reason`).
///
/// # Errors
/// The word says that the model failed.
pub(super) fn read(
    reason: Option<&str>,
    native: Option<String>,
    has_calls: bool,
) -> Result<Finish, ErrorBody> {
    let neutral = match reason.unwrap_or_default() {
        "length" | "max_tokens" | "model_length" => FinishReason::Length,
        "content_filter" => FinishReason::Filtered,
        failed @ ("error" | "abort" | "insufficient_system_resource") => {
            return Err(failure(failed));
        }
        // Some hosts say `stop` although they call tools, and some the other way round.
        _ if has_calls => FinishReason::ToolCalls,
        _ => FinishReason::End,
    };
    let word = reason.filter(|reason| !reason.is_empty());
    Ok(Finish {
        reason: neutral,
        native: native.or_else(|| word.map(str::to_owned)),
        ..Finish::default()
    })
}

fn failure(reason: &str) -> ErrorBody {
    ErrorBody {
        message: format!("the upstream ended its answer with `{reason}`"),
        kind: Some("server_error".to_owned()),
        code: Some(reason.to_owned()),
        param: None,
    }
}

/// The `finish_reason` of a client.
pub(super) fn word(reason: FinishReason) -> &'static str {
    match reason {
        FinishReason::End | FinishReason::StopSequence | FinishReason::Paused => "stop",
        FinishReason::ToolCalls => "tool_calls",
        FinishReason::Length | FinishReason::ContextFull => "length",
        FinishReason::Filtered => "content_filter",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_read_with_what_was_said() {
        let table = [
            ("stop", false, FinishReason::End),
            ("stop", true, FinishReason::ToolCalls),
            ("tool_calls", true, FinishReason::ToolCalls),
            ("tool_calls", false, FinishReason::End),
            ("function_call", true, FinishReason::ToolCalls),
            ("length", true, FinishReason::Length),
            ("model_length", false, FinishReason::Length),
            ("content_filter", false, FinishReason::Filtered),
            ("eos", false, FinishReason::End),
            ("", true, FinishReason::ToolCalls),
        ];
        for (word, has_calls, reason) in table {
            let finish = read(Some(word), None, has_calls).expect("no failure");
            assert_eq!(finish.reason, reason, "{word} {has_calls}");
        }
        for word in ["error", "abort", "insufficient_system_resource"] {
            assert!(read(Some(word), None, false).is_err(), "{word}");
        }
    }
}
