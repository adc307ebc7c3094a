//! Watches a Messages stream: what has begun, what it cost, whether it ended.

use crate::chat::Usage;
use crate::codec::head::member;
use crate::codec::observe::Sight;
use crate::codec::openai_chat::{count, error, number};
use crate::json::scan;
use crate::sse::Event;

/// What has been seen of a stream so far.
#[derive(Debug, Clone, Default)]
pub struct Observer {
    counts: Counts,
    /// Whether `message_stop` has come.
    pub done: bool,
}

/// The counts as they are written: each event gives some of them, all cumulative.
#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    input: Option<u64>,
    output: Option<u64>,
    cache_read: Option<u64>,
    cache_creation: Option<u64>,
    thinking: Option<u64>,
}

impl Counts {
    fn take(&mut self, usage: &[u8]) {
        for field in scan::members(usage).flatten() {
            let value = &usage[field.value..field.end];
            let count = match &usage[field.key..field.key_end] {
                b"input_tokens" => &mut self.input,
                b"output_tokens" => &mut self.output,
                b"cache_read_input_tokens" => &mut self.cache_read,
                b"cache_creation_input_tokens" => &mut self.cache_creation,
                b"output_tokens_details" => {
                    self.thinking = Some(count(value, b"thinking_tokens"));
                    continue;
                }
                _ => continue,
            };
            *count = number(value).or(*count);
        }
    }

    fn sum(self) -> Option<Usage> {
        self.input.or(self.output)?;
        let cached = self.cache_read.unwrap_or(0);
        let cache_write = self.cache_creation.unwrap_or(0);
        let fresh = self.input.unwrap_or(0);
        Some(Usage {
            input: fresh.saturating_add(cached).saturating_add(cache_write),
            output: self.output.unwrap_or(0),
            cached,
            cache_write,
            reasoning: self.thinking.unwrap_or(0),
        })
    }
}

/// Reads the value of a `usage` field; `None` if it holds no counts.
pub fn usage(json: &[u8]) -> Option<Usage> {
    let mut counts = Counts::default();
    counts.take(json);
    counts.sum()
}

impl Observer {
    /// The counts so far.
    pub fn usage(&self) -> Option<Usage> {
        self.counts.sum()
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
        let (mut kind, mut parts, mut is_error) = (None, Parts::default(), false);
        for member in scan::members(data) {
            let Ok(member) = member else {
                return error::recognise(data).map_or(Sight::Preamble, Sight::Error);
            };
            let value = &data[member.value..member.end];
            match &data[member.key..member.key_end] {
                b"type" => kind = scan::string(value),
                b"message" => parts.message = Some(value),
                b"content_block" => parts.block = Some(value),
                b"usage" => parts.usage = Some(value),
                b"error" => is_error = error::is_reported(value),
                _ => {}
            }
        }
        let kind = kind.as_deref().map(str::as_bytes).or(event.name);
        match kind.unwrap_or_default() {
            b"error" => Sight::Error(error::read(data)),
            _ if is_error => Sight::Error(error::read(data)),
            kind => self.event(kind, &parts),
        }
    }

    fn event(&mut self, kind: &[u8], parts: &Parts<'_>) -> Sight {
        let in_message = parts.message.and_then(|message| member(message, "usage"));
        for usage in [in_message, parts.usage].into_iter().flatten() {
            self.counts.take(usage);
        }
        match kind {
            b"message_start" | b"ping" | b"" => Sight::Preamble,
            b"content_block_start" if parts.block.is_some_and(is_empty_block) => Sight::Preamble,
            b"message_stop" => {
                self.done = true;
                Sight::Meaningful
            }
            _ => Sight::Meaningful,
        }
    }
}

/// The parts of an event that are looked into.
#[derive(Default)]
struct Parts<'a> {
    message: Option<&'a [u8]>,
    block: Option<&'a [u8]>,
    usage: Option<&'a [u8]>,
}

/// Whether a block has begun in which nothing stands yet. A tool call has its name from the start.
fn is_empty_block(block: &[u8]) -> bool {
    let text = match member(block, "type") {
        Some(b"\"text\"") => member(block, "text"),
        Some(b"\"thinking\"") => member(block, "thinking"),
        _ => return false,
    };
    text.is_none_or(scan::is_blank)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn play(events: &[&str]) -> (Vec<Sight>, Observer) {
        let mut observer = Observer::default();
        let sights = events.iter().map(|data| {
            let block = format!("event: x\ndata: {data}\n\n");
            observer.observe(block.as_bytes())
        });
        let sights = sights.collect();
        (sights, observer)
    }

    #[test]
    fn the_start_of_an_empty_block_is_no_content() {
        let (sights, _) = play(&[
            r#"{"type":"message_start","message":{"content":[],"usage":{"input_tokens":3}}}"#,
            r#"{"type": "ping"}"#,
            r#"{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}"#,
            r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#,
        ]);
        assert!(
            sights.iter().all(|sight| *sight == Sight::Preamble),
            "{sights:?}"
        );
        let (sights, _) = play(&[
            r#"{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"t","name":"f","input":{}}}"#,
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"s"}}"#,
            r#"{"type":"never_heard_of"}"#,
        ]);
        assert!(
            sights.iter().all(|sight| *sight == Sight::Meaningful),
            "{sights:?}"
        );
    }

    #[test]
    fn counts_add_up_to_what_was_read_and_written() {
        let (_, observer) = play(&[
            r#"{"type":"message_start","message":{"usage":{"input_tokens":3,"cache_read_input_tokens":10,"cache_creation_input_tokens":5,"output_tokens":1}}}"#,
            r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":9,"output_tokens_details":{"thinking_tokens":4}}}"#,
        ]);
        let usage = Usage {
            input: 18,
            output: 9,
            cached: 10,
            cache_write: 5,
            reasoning: 4,
        };
        assert_eq!(observer.usage(), Some(usage));
        assert!(!observer.done, "a stop reason is not the end");
        assert!(play(&[r#"{"type":"message_stop"}"#]).1.done);
        assert_eq!(super::usage(b"{}"), None);
    }

    #[test]
    fn an_error_event_is_an_error() {
        let (sights, _) =
            play(&[r#"{"type":"error","error":{"type":"overloaded_error","message":"m"}}"#]);
        let [Sight::Error(error)] = &sights[..] else {
            panic!("{sights:?}")
        };
        assert_eq!(
            (error.kind.as_deref(), error.message.as_str()),
            (Some("overloaded_error"), "m")
        );
    }
}
