//! Why an answer ended, in both languages.

use crate::chat::{ErrorBody, Finish, FinishReason};
use crate::codec::gemini::wire;

/// Filters: of the vendor, of the law, of others' words.
const FILTERED: &[&str] = &[
    "SAFETY",
    "RECITATION",
    "LANGUAGE",
    "BLOCKLIST",
    "PROHIBITED_CONTENT",
    "SPII",
    "IMAGE_SAFETY",
    "IMAGE_PROHIBITED_CONTENT",
    "IMAGE_RECITATION",
];

/// The model failed: never a plain end, for nothing of worth came of it.
const FAILED: &[&str] = &[
    "MALFORMED_FUNCTION_CALL",
    "UNEXPECTED_TOOL_CALL",
    "TOO_MANY_TOOL_CALLS",
];

/// Reads a `finishReason`; `has_calls` tells whether the answer called a tool, which Gemini does not say.
pub(super) fn read(
    native: &str,
    message: Option<String>,
    has_calls: bool,
) -> Result<Finish, ErrorBody> {
    let name = wire::constant(native, "FINISH_REASON_");
    if FAILED.contains(&name.as_str()) {
        return Err(ErrorBody {
            message: message.unwrap_or_else(|| format!("the model failed: {name}")),
            kind: Some("server_error".to_owned()),
            code: Some(name.to_ascii_lowercase()),
            param: None,
        });
    }
    let reason = match name.as_str() {
        "MAX_TOKENS" => FinishReason::Length,
        filtered if FILTERED.contains(&filtered) => FinishReason::Filtered,
        _ if has_calls => FinishReason::ToolCalls,
        _ => FinishReason::End,
    };
    Ok(Finish {
        reason,
        native: Some(native.to_owned()),
        stop_sequence: None,
        explanation: message,
    })
}

/// The `finishReason` to write. A reason of Gemini's own stays what it was.
pub(crate) fn name(finish: &Finish) -> &str {
    match finish.reason {
        FinishReason::End | FinishReason::StopSequence | FinishReason::ToolCalls => "STOP",
        FinishReason::Length | FinishReason::ContextFull => "MAX_TOKENS",
        FinishReason::Filtered => match finish.native.as_deref() {
            Some(native) if FILTERED.contains(&native) => native,
            _ => "SAFETY",
        },
        FinishReason::Paused => "OTHER",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_read_as_the_table_says() {
        let table = [
            ("STOP", false, FinishReason::End),
            ("STOP", true, FinishReason::ToolCalls),
            ("stop", true, FinishReason::ToolCalls),
            ("FINISH_REASON_STOP", false, FinishReason::End),
            ("MAX_TOKENS", true, FinishReason::Length),
            ("OTHER", false, FinishReason::End),
            ("NO_IMAGE", false, FinishReason::End),
            ("FINISH_REASON_UNSPECIFIED", false, FinishReason::End),
            ("SOMETHING_NEW", false, FinishReason::End),
        ];
        for (native, has_calls, reason) in table {
            let finish = read(native, None, has_calls).expect("no failure");
            assert_eq!(finish.reason, reason, "{native}");
        }
        for native in FILTERED {
            let finish = read(native, None, false).expect("no failure");
            assert_eq!(finish.reason, FinishReason::Filtered, "{native}");
            assert_eq!(name(&finish), *native);
        }
        for native in FAILED {
            assert!(read(native, None, true).is_err(), "{native}");
        }
    }

    #[test]
    fn reasons_are_written_as_the_table_says() {
        let table = [
            (FinishReason::End, "STOP"),
            (FinishReason::StopSequence, "STOP"),
            (FinishReason::ToolCalls, "STOP"),
            (FinishReason::Length, "MAX_TOKENS"),
            (FinishReason::ContextFull, "MAX_TOKENS"),
            (FinishReason::Filtered, "SAFETY"),
            (FinishReason::Paused, "OTHER"),
        ];
        for (reason, native) in table {
            let finish = Finish {
                reason,
                native: Some("refusal".into()),
                ..Finish::default()
            };
            assert_eq!(name(&finish), native, "{reason:?}");
        }
    }
}
