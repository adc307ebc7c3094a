//! Watches a Gemini stream: whole answers, one after the other, of which the last has a finish.

use crate::chat::Usage;
use crate::codec::head::member;
use crate::codec::observe::Sight;
use crate::codec::openai_chat::{error, number};
use crate::json::scan;
use crate::sse::Event;

/// What has been seen of a stream so far.
#[derive(Debug, Clone, Default)]
pub struct Observer {
    /// The last counts; each chunk repeats them as they grow.
    pub usage: Option<Usage>,
    /// Whether a candidate has finished, or the prompt was blocked.
    pub finished: bool,
}

/// Reads the value of `usageMetadata`; `None` if it holds no counts.
pub fn usage(json: &[u8]) -> Option<Usage> {
    let (mut usage, mut is_counted) = (Usage::default(), false);
    for field in scan::members(json).flatten() {
        let Some(count) = number(&json[field.value..field.end]) else {
            continue;
        };
        match &json[field.key..field.key_end] {
            b"promptTokenCount" | b"toolUsePromptTokenCount" => {
                usage.input = usage.input.saturating_add(count);
            }
            b"candidatesTokenCount" => usage.output = usage.output.saturating_add(count),
            b"thoughtsTokenCount" => {
                usage.output = usage.output.saturating_add(count);
                usage.reasoning = count;
            }
            b"cachedContentTokenCount" => usage.cached = count,
            _ => continue,
        }
        is_counted = true;
    }
    is_counted.then_some(usage)
}

impl Observer {
    /// Reads one complete block of the stream.
    pub fn observe(&mut self, block: &[u8]) -> Sight {
        let event = Event::parse(block);
        match event.data {
            Some(data) if event.name == Some(b"error") => Sight::Error(error::read(&data)),
            Some(data) => self.chunk(data.trim_ascii()),
            // An error comes as it would come alone: without `data:`, over several lines.
            None => error::bare(block).map_or(Sight::Preamble, Sight::Error),
        }
    }

    fn chunk(&mut self, data: &[u8]) -> Sight {
        let mut is_meaningful = false;
        for field in scan::members(data) {
            let Ok(field) = field else {
                return error::recognise(data).map_or(Sight::Preamble, Sight::Error);
            };
            let value = &data[field.value..field.end];
            match &data[field.key..field.key_end] {
                b"error" if error::is_reported(value) => return Sight::Error(error::read(data)),
                b"candidates" => is_meaningful |= self.candidates(value),
                b"promptFeedback" => {
                    let reason = member(value, "blockReason");
                    self.finished |= reason.is_some_and(|reason| !scan::is_blank(reason));
                }
                b"usageMetadata" => self.usage = usage(value).or(self.usage),
                _ => {}
            }
        }
        if is_meaningful || self.finished {
            Sight::Meaningful
        } else {
            Sight::Preamble
        }
    }

    /// Whether one of them holds more than an empty text.
    fn candidates(&mut self, candidates: &[u8]) -> bool {
        let mut is_meaningful = false;
        for candidate in scan::elements(candidates).flatten() {
            let finish = member(candidate, "finishReason");
            self.finished |= finish.is_some_and(|reason| !scan::is_blank(reason));
            let parts = member(candidate, "content").and_then(|content| member(content, "parts"));
            let mut parts = scan::elements(parts.unwrap_or(b"[]")).flatten();
            is_meaningful |= parts.any(says_something);
        }
        is_meaningful
    }

    /// The end of an event too long to be held, which is one with an image: its finish stands behind it.
    pub fn observe_ending(&mut self, ending: &[u8]) {
        let value = |name: &[u8]| {
            let at = memchr::memmem::rfind(ending, name)?;
            ending[at + name.len()..]
                .trim_ascii_start()
                .strip_prefix(b":")
        };
        let finish = value(b"\"finishReason\"");
        self.finished |= finish.is_some_and(|value| value.trim_ascii_start().starts_with(b"\""));
    }
}

/// Whether a part is anything but an empty text. A flag alone says nothing.
fn says_something(part: &[u8]) -> bool {
    scan::members(part).flatten().any(|field| {
        let value = &part[field.value..field.end];
        &part[field.key..field.key_end] != b"thought" && !scan::is_blank(value)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sight(data: &str) -> (Sight, Observer) {
        let mut observer = Observer::default();
        let sight = observer.observe(format!("data: {data}\n\n").as_bytes());
        (sight, observer)
    }

    #[test]
    fn parts_are_content_and_empty_text_is_not() {
        for data in [
            r#"{"candidates":[{"content":{"parts":[{"text":"x"}]}}]}"#,
            r#"{"candidates":[{"content":{"parts":[{"text":"","thoughtSignature":"s"}]}}]}"#,
            r#"{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f","args":{}}}]}}]}"#,
        ] {
            let (sight, observer) = sight(data);
            assert_eq!(
                (sight, observer.finished),
                (Sight::Meaningful, false),
                "{data}"
            );
        }
        for data in [
            r#"{"candidates":[{"content":{"parts":[{"text":"","thought":true}]}}]}"#,
            r#"{"candidates":[],"usageMetadata":{"promptTokenCount":1}}"#,
            r#"{"promptFeedback":{"safetyRatings":[]}}"#,
        ] {
            assert_eq!(sight(data).0, Sight::Preamble, "{data}");
        }
    }

    #[test]
    fn a_finish_or_a_blocked_prompt_is_the_end() {
        for data in [
            r#"{"candidates":[{"content":{"parts":[{"text":""}]},"finishReason":"STOP"}]}"#,
            r#"{"promptFeedback":{"blockReason":"SAFETY"}}"#,
        ] {
            let (sight, observer) = sight(data);
            assert_eq!(
                (sight, observer.finished),
                (Sight::Meaningful, true),
                "{data}"
            );
        }
        let mut long = Observer::default();
        long.observe_ending(br#"AAAA"}}]},"finishReason" : "STOP"}]}"#);
        assert!(long.finished);
    }

    #[test]
    fn counts_add_up() {
        let text = br#"{"promptTokenCount":10,"toolUsePromptTokenCount":2,"candidatesTokenCount":5,
            "thoughtsTokenCount":3,"cachedContentTokenCount":4,"totalTokenCount":20}"#;
        let expected = Usage {
            input: 12,
            output: 8,
            cached: 4,
            cache_write: 0,
            reasoning: 3,
        };
        assert_eq!(usage(text), Some(expected));
        assert_eq!(usage(b"{}"), None);
    }

    #[test]
    fn an_error_is_seen_with_and_without_its_field() {
        let error = "{\n  \"error\": {\n \"code\": 503, \"message\": \"m\", \"status\": \"UNAVAILABLE\"\n }\n}";
        for block in [
            format!("{error}\n\n"),
            format!("data: {}\n\n", error.replace('\n', "")),
            format!("[{error}]\n"),
        ] {
            let Sight::Error(error) = Observer::default().observe(block.as_bytes()) else {
                panic!("{block}")
            };
            let expected = (Some("UNAVAILABLE"), Some("503"));
            assert_eq!((error.kind.as_deref(), error.code.as_deref()), expected);
        }
    }
}
