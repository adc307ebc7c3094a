//! What an encoder holds of an answer under way, counted: some of it must be told once more at the end,
//! some waits for its turn, and an upstream that never stops talking must not fill the memory.

use serde_json::Value;

use crate::chat::part::Citation;
use crate::chat::{ErrorBody, Opaque};

/// The most that is held of one answer, in bytes.
pub const MAX_HELD: usize = 64 * 1024 * 1024;

/// What a value, or a citation, takes beside its text.
const NODE: usize = 80;

/// The failure of an answer of which more would have to be held.
pub fn overflow() -> ErrorBody {
    ErrorBody {
        message: "the answer is longer than the 64 MiB this gateway holds of one".to_owned(),
        kind: Some("server_error".to_owned()),
        code: Some("answer_too_long".to_owned()),
        param: None,
    }
}

/// Bytes of `text` as a JSON string, about: control characters are six each.
pub fn text(text: &str) -> usize {
    let is_escaped = |byte: &u8| *byte < 0x20;
    text.len() + 5 * text.bytes().filter(is_escaped).count()
}

/// Bytes of `value`, about: its text, and the tree around it.
pub fn value(value: &Value) -> usize {
    let own = match value {
        Value::String(text) => text.len(),
        Value::Array(items) => items.iter().map(self::value).sum(),
        Value::Object(map) => {
            let members = map.iter();
            members
                .map(|(key, value)| key.len() + self::value(value))
                .sum()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
    };
    NODE + own
}

/// Bytes of a citation, about.
pub fn citation(citation: &Citation) -> usize {
    match citation {
        Citation::Web {
            url, title, cited, ..
        } => {
            let optional = |text: &Option<String>| text.as_ref().map_or(0, String::len);
            4 * NODE + url.len() + optional(title) + optional(cited)
        }
        Citation::Foreign { value, .. } => NODE + self::value(value),
    }
}

/// Bytes of a token, about, with the thought that travels in it.
pub fn opaque(opaque: &Opaque) -> usize {
    NODE + opaque.payload.len() + opaque.text.as_ref().map_or(0, String::len)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::chat::part::ToolKind;
    use crate::chat::{Delta, Dialect, StreamEvent};
    use crate::codec::dispatch::Encoder;
    use crate::codec::stream::StreamEncoder as _;
    use crate::codec::target::Exchange;

    #[test]
    fn everything_that_takes_room_is_counted() {
        assert_eq!(text("word"), 4);
        assert_eq!(text("\u{1}\n"), 12);
        assert!(value(&json!([{}, {}, {}])) >= 4 * NODE);
        assert!(value(&json!({"key": "text"})) >= 7);
        let web = Citation::Web {
            url: "u".repeat(1000),
            title: Some("t".repeat(1000)),
            start: None,
            end: None,
            cited: Some("c".repeat(1000)),
            extra: crate::chat::Extra::default(),
        };
        assert!(citation(&web) > 3000);
    }

    fn encoder(dialect: Dialect) -> Encoder {
        let exchange = Exchange {
            model: "served".to_owned(),
            created: 1,
            seed: 7,
            include_usage: false,
            estimated_input: 1,
            echo: serde_json::Map::new(),
            legacy_functions: false,
        };
        Encoder::new(dialect, Arc::new(exchange))
    }

    fn call(call: u32) -> Delta {
        Delta::ToolCall {
            call,
            id: format!("call_{call}"),
            name: "f".to_owned(),
            namespace: None,
            kind: ToolKind::Function,
        }
    }

    fn argue(call: u32, fragment: &str) -> Delta {
        let fragment = fragment.to_owned();
        Delta::ToolArguments { call, fragment }
    }

    /// What makes the encoder of a client hold 8 MiB more, the `n`th time.
    fn held(dialect: Dialect, n: u32, piece: &str) -> Vec<(u32, Delta)> {
        let piece = piece.to_owned();
        match dialect {
            // A thought is held until it is known whether it is signed, for each answer apart.
            Dialect::OpenAiChat => vec![(n, Delta::Reasoning(piece))],
            // It is told once more at the end, or waits behind a call that is not complete.
            Dialect::OpenAiResponses | Dialect::Anthropic => vec![(0, Delta::Text(piece))],
            Dialect::Gemini => vec![(0, call(n + 1)), (0, argue(n + 1, &piece))],
        }
    }

    #[test]
    fn no_encoder_holds_more_than_it_may() {
        let piece = "x".repeat(8 * 1024 * 1024 - 16);
        for dialect in Dialect::ALL {
            let mut encoder = encoder(dialect);
            let mut out = Vec::new();
            let mut tell = |encoder: &mut Encoder, (choice, delta)| {
                encoder.encode(StreamEvent::Delta { choice, delta }, &mut out);
                out.clear();
            };
            for delta in [call(0), argue(0, "{")] {
                tell(&mut encoder, (0, delta));
            }
            for n in 0..10 {
                assert_eq!(encoder.overflow().is_some(), n > 8, "{dialect} {n}");
                for delta in held(dialect, n, &piece) {
                    tell(&mut encoder, delta);
                }
            }
        }
    }

    #[test]
    fn what_is_told_at_once_is_not_held() {
        let piece = "x".repeat(8 * 1024 * 1024);
        for dialect in [Dialect::OpenAiChat, Dialect::Anthropic, Dialect::Gemini] {
            let mut encoder = encoder(dialect);
            let mut out = Vec::new();
            for _ in 0..10 {
                let delta = Delta::Text(piece.clone());
                encoder.encode(StreamEvent::Delta { choice: 0, delta }, &mut out);
                assert!(out.len() > piece.len(), "{dialect}");
                out.clear();
            }
            assert!(encoder.overflow().is_none(), "{dialect}");
        }
    }
}
