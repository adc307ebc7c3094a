//! Watches a stream go by: first token, usage, finish, errors. It never alters and never fails the stream.

use super::{error, usage};
use crate::chat::Usage;
use crate::codec::observe::Sight;
use crate::json::scan;
use crate::sse::Event;

/// What has been seen of a stream so far.
#[derive(Debug, Clone, Default)]
pub struct Observer {
    /// The last token counts reported.
    pub usage: Option<Usage>,
    /// Whether a choice has finished.
    pub finished: bool,
    /// Whether `[DONE]` has come.
    pub done: bool,
    /// Whether it tells its parts by their `type`, as speech and images do: then it tells its end too.
    pub is_typed: bool,
    /// Events that were neither JSON nor an error.
    pub unreadable: u64,
}

impl Observer {
    /// Whether the upstream said that the stream is complete (law L10).
    pub fn is_complete(&self) -> bool {
        self.finished || self.done
    }

    /// Reads one complete block of the stream.
    pub fn observe(&mut self, block: &[u8]) -> Sight {
        let event = Event::parse(block);
        let Some(data) = event.data else {
            return Sight::Preamble;
        };
        let data = data.trim_ascii();
        if event.name == Some(b"error") {
            return Sight::Error(error::read(data));
        }
        match data {
            b"" => Sight::Preamble,
            b"[DONE]" => {
                self.done = true;
                Sight::Done
            }
            _ => self.chunk(data),
        }
    }

    fn chunk(&mut self, data: &[u8]) -> Sight {
        let mut chunk = Chunk::default();
        for member in scan::members(data) {
            let Ok(member) = member else {
                return self.unreadable(data);
            };
            chunk.take(
                &data[member.key..member.key_end],
                &data[member.value..member.end],
            );
        }
        if chunk.is_error {
            return Sight::Error(error::read(data));
        }
        if let Some(usage) = chunk.usage.and_then(usage) {
            self.usage = Some(usage);
            if chunk.is_without_choices {
                return Sight::UsageOnly;
            }
        }
        self.finished |= chunk.finished;
        self.is_typed |= chunk.is_typed_part;
        if chunk.meaningful || chunk.finished {
            Sight::Meaningful
        } else {
            Sight::Preamble
        }
    }

    fn unreadable(&mut self, data: &[u8]) -> Sight {
        if let Some(error) = error::recognise(data) {
            Sight::Error(error)
        } else {
            self.unreadable += 1;
            Sight::Preamble
        }
    }
}

#[derive(Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own about the chunk"
)]
struct Chunk<'a> {
    is_error: bool,
    is_without_choices: bool,
    meaningful: bool,
    finished: bool,
    is_typed_part: bool,
    usage: Option<&'a [u8]>,
}

impl<'a> Chunk<'a> {
    fn take(&mut self, key: &[u8], value: &'a [u8]) {
        match key {
            b"error" => self.is_error |= error::is_reported(value),
            // vLLM's way to break off.
            b"object" => self.is_error |= value == b"\"error\"",
            b"choices" if scan::is_blank(value) => self.is_without_choices = true,
            b"choices" => scan::elements(value)
                .flatten()
                .for_each(|choice| self.choice(choice)),
            b"usage" if value.starts_with(b"{") => self.usage = Some(value),
            // Streams of other endpoints (speech, images) have typed events with their own payload.
            b"delta" | b"audio" | b"b64_json" | b"text" => {
                self.meaningful |= !scan::is_blank(value);
            }
            b"type" => {
                self.finished |= value.ends_with(b".done\"") || value.ends_with(b".completed\"");
                self.is_typed_part = is_typed_part(value);
            }
            _ => {}
        }
    }

    fn choice(&mut self, choice: &[u8]) {
        for member in scan::members(choice).flatten() {
            let value = &choice[member.value..member.end];
            match &choice[member.key..member.key_end] {
                b"delta" | b"message" => self.meaningful |= is_meaningful(value),
                b"text" => self.meaningful |= !scan::is_blank(value),
                b"finish_reason" => self.finished |= !scan::is_blank(value),
                _ => {}
            }
        }
    }
}

/// Whether the `type` of an event is that of a part, which a last event follows.
fn is_typed_part(kind: &[u8]) -> bool {
    [&b".delta\""[..], b".segment\"", b".partial_image\""]
        .iter()
        .any(|ending| kind.ends_with(ending))
}

/// Whether a delta holds more than a role: any field with something in it counts, known or not.
fn is_meaningful(delta: &[u8]) -> bool {
    scan::members(delta).flatten().any(|member| {
        &delta[member.key..member.key_end] != b"role"
            && !scan::is_blank(&delta[member.value..member.end])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sight(data: &str) -> Sight {
        Observer::default().observe(format!("data: {data}\n\n").as_bytes())
    }

    #[test]
    fn roles_and_empty_deltas_are_preamble() {
        for data in [
            r#"{"choices":[{"delta":{"role":"assistant","content":""},"finish_reason":null}]}"#,
            r#"{"choices":[{"delta":{"content":null,"tool_calls":[]}}]}"#,
            r#"{"choices":[],"prompt_filter_results":[{"x":1}]}"#,
            "not json at all",
            "",
        ] {
            assert_eq!(sight(data), Sight::Preamble, "{data}");
        }
        assert_eq!(
            Observer::default().observe(b": OPENROUTER PROCESSING\n\n"),
            Sight::Preamble
        );
    }

    #[test]
    fn content_of_any_kind_is_meaningful() {
        for data in [
            r#"{"choices":[{"delta":{"content":"x"}}]}"#,
            r#"{"choices":[{"delta":{"reasoning_content":"x"}}]}"#,
            r#"{"choices":[{"delta":{"tool_calls":[{"index":0}]}}]}"#,
            r#"{"choices":[{"delta":{"refusal":"no"}}]}"#,
            r#"{"choices":[{"text":"x"}]}"#,
            r#"{"choices":[{"delta":{},"finish_reason":"stop"}]}"#,
        ] {
            assert_eq!(sight(data), Sight::Meaningful, "{data}");
        }
    }

    #[test]
    fn the_usage_chunk_is_told_from_usage_beside_choices() {
        let counts = r#"{"prompt_tokens":1,"completion_tokens":2}"#;
        assert_eq!(
            sight(&format!(r#"{{"choices":[],"usage":{counts}}}"#)),
            Sight::UsageOnly
        );
        let beside =
            format!(r#"{{"choices":[{{"delta":{{}},"finish_reason":"stop"}}],"usage":{counts}}}"#);
        assert_eq!(sight(&beside), Sight::Meaningful);
        assert_eq!(sight(r#"{"choices":[],"usage":null}"#), Sight::Preamble);
    }

    #[test]
    fn errors_are_seen_in_every_disguise() {
        for data in [
            r#"{"error":{"message":"m"}}"#,
            r#"{"id":"x","choices":[{"delta":{"content":""},"finish_reason":"error"}],"error":{"message":"m"}}"#,
            r#"{error: {message: "m"}}"#,
            r#"{"error":"m"}"#,
            r#"{"object":"error","message":"m","code":400}"#,
        ] {
            match sight(data) {
                Sight::Error(error) => assert_eq!(error.message, "m"),
                other => panic!("{data}: {other:?}"),
            }
        }
        let named = Observer::default().observe(b"event: error\ndata: {\"message\":\"m\"}\n\n");
        assert!(matches!(named, Sight::Error(_)));
    }

    #[test]
    fn an_error_field_that_says_no_is_no_error() {
        for no in ["null", "false", "0", "\"\"", "{}", "[]"] {
            let data = format!(r#"{{"error":{no},"choices":[{{"delta":{{"content":"x"}}}}]}}"#);
            assert_eq!(sight(&data), Sight::Meaningful, "{data}");
        }
    }

    #[test]
    fn parts_told_by_their_type_need_an_end_told_likewise() {
        for (part, end) in [
            ("transcript.text.delta", "transcript.text.done"),
            ("speech.audio.delta", "speech.audio.done"),
            (
                "image_generation.partial_image",
                "image_generation.completed",
            ),
        ] {
            let mut observer = Observer::default();
            observer.observe(format!("data: {{\"type\":\"{part}\"}}\n\n").as_bytes());
            assert!(observer.is_typed && !observer.is_complete(), "{part}");
            observer.observe(format!("data: {{\"type\":\"{end}\"}}\n\n").as_bytes());
            assert!(observer.is_complete(), "{end}");
        }
    }

    #[test]
    fn completion_needs_a_finish_or_done() {
        let mut observer = Observer::default();
        observer.observe(
            b"data: {\"choices\":[{\"delta\":{\"content\":\"x\"},\"finish_reason\":null}]}\n\n",
        );
        assert!(!observer.is_complete());
        observer.observe(b"data: [DONE]\n\n");
        assert!(observer.is_complete());
    }
}
