//! Why an answer ended: `stop_reason`, read and written.

use serde_json::{Value, json};

use crate::chat::{Finish, FinishReason};

/// What the dialect says of an ending: `stop_reason`, `stop_sequence` and `stop_details` stand in an
/// answer and in `message_delta` alike.
pub fn read(reason: &str, node: &Value) -> Finish {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    Finish {
        reason: match reason {
            "stop_sequence" => FinishReason::StopSequence,
            "tool_use" => FinishReason::ToolCalls,
            "max_tokens" => FinishReason::Length,
            "model_context_window_exceeded" => FinishReason::ContextFull,
            "refusal" => FinishReason::Filtered,
            "pause_turn" => FinishReason::Paused,
            _ => FinishReason::End,
        },
        native: Some(reason.to_owned()),
        stop_sequence: text(&node["stop_sequence"]),
        explanation: text(&node["stop_details"]["explanation"]),
    }
}

/// An ending in the dialect's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stop<'a> {
    /// `stop_reason`.
    pub reason: &'static str,
    /// `stop_sequence`.
    pub sequence: Option<&'a str>,
}

impl<'a> Stop<'a> {
    /// The words for `finish`; `has_calls` and `has_refused` say what the answer holds, which clients
    /// look at no further if the reason does not agree.
    pub fn of(finish: &'a Finish, has_calls: bool, has_refused: bool) -> Self {
        let sequence = finish.stop_sequence.as_deref();
        let reason = match finish.reason {
            _ if has_refused => "refusal",
            FinishReason::StopSequence if sequence.is_some() => "stop_sequence",
            FinishReason::End | FinishReason::ToolCalls | FinishReason::StopSequence
                if has_calls =>
            {
                "tool_use"
            }
            // A text nobody names did not stop it.
            FinishReason::End | FinishReason::ToolCalls | FinishReason::StopSequence => "end_turn",
            FinishReason::Length => "max_tokens",
            FinishReason::ContextFull => "model_context_window_exceeded",
            FinishReason::Filtered => "refusal",
            FinishReason::Paused => "pause_turn",
        };
        let sequence = sequence.filter(|_| reason == "stop_sequence");
        Self { reason, sequence }
    }

    /// `stop_details`, which only a refusal has.
    pub fn details(self, finish: &Finish) -> Option<Value> {
        (self.reason == "refusal").then(
            || json!({"type": "refusal", "category": null, "explanation": finish.explanation}),
        )
    }
}
