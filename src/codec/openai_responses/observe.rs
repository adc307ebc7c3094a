//! Watches a Responses stream: what has begun, what it cost, how it ended.

use crate::chat::{ErrorBody, Usage};
use crate::codec::head::member;
use crate::codec::observe::Sight;
use crate::codec::openai_chat::{error, number, usage};
use crate::json::scan;
use crate::sse::Event;

/// What has been seen of a stream so far.
#[derive(Debug, Clone, Default)]
pub struct Observer {
    /// The counts of the last event that carried the response.
    pub usage: Option<Usage>,
    /// Whether the response has ended: completed or incomplete.
    pub done: bool,
    /// One more than the last `sequence_number`.
    pub next_number: u64,
}

/// Events that say nothing a client would miss if it never came to anything.
const PREAMBLE: [&[u8]; 5] = [
    b"response.created",
    b"response.queued",
    b"response.in_progress",
    b"response.output_item.added",
    b"response.content_part.added",
];

impl Observer {
    /// Reads one complete block of the stream.
    pub fn observe(&mut self, block: &[u8]) -> Sight {
        let event = Event::parse(block);
        let Some(data) = event.data else {
            return Sight::Preamble;
        };
        let data = data.trim_ascii();
        if data.is_empty() {
            return Sight::Preamble;
        }
        // Some servers close with OpenAI's older marker; it says nothing new.
        if data == b"[DONE]" {
            return Sight::Preamble;
        }
        let next = self.next_number;
        let sight = self.event(event.name, data);
        // An error is not passed on: what is told in its place has its number.
        if matches!(sight, Sight::Error(_)) {
            self.next_number = next;
        }
        sight
    }

    fn event(&mut self, name: Option<&[u8]>, data: &[u8]) -> Sight {
        let (mut kind, mut response, mut is_error) = (None, None, false);
        for member in scan::members(data) {
            let Ok(member) = member else {
                return error::recognise(data).map_or(Sight::Preamble, Sight::Error);
            };
            let value = &data[member.value..member.end];
            match &data[member.key..member.key_end] {
                b"type" => kind = scan::string(value),
                b"response" => response = Some(value),
                b"sequence_number" => self.count(value),
                b"error" => is_error = error::is_reported(value),
                _ => {}
            }
        }
        let kind = kind.as_deref().map(str::as_bytes).or(name);
        match kind.unwrap_or_default() {
            b"error" => Sight::Error(error::read(data)),
            b"response.failed" => Sight::Error(failed(response.unwrap_or(data))),
            b"response.completed" | b"response.incomplete" => {
                self.done = true;
                self.usage = response
                    .and_then(|it| usage(member(it, "usage")?))
                    .or(self.usage);
                Sight::Meaningful
            }
            _ if is_error => Sight::Error(error::read(data)),
            kind if PREAMBLE.contains(&kind) => Sight::Preamble,
            _ => Sight::Meaningful,
        }
    }

    fn count(&mut self, value: &[u8]) {
        if let Some(number) = number(value) {
            self.next_number = number.saturating_add(1);
        }
    }

    /// The end of an event too long to be held: the last one repeats all that was said.
    pub fn observe_ending(&mut self, name: Option<&[u8]>, ending: &[u8]) {
        let is_last = matches!(name, Some(b"response.completed" | b"response.incomplete"));
        if is_last {
            self.done = true;
            let found = memchr::memmem::rfind(ending, b"\"usage\"");
            let value = found.map(|at| ending[at + b"\"usage\"".len()..].trim_ascii_start());
            let value = value.and_then(|value| value.strip_prefix(b":"));
            self.usage = value.and_then(first_object).and_then(usage).or(self.usage);
        }
    }
}

/// The object that `text` begins with, whatever follows it.
fn first_object(text: &[u8]) -> Option<&[u8]> {
    let text = text.trim_ascii_start();
    let ends = memchr::memchr_iter(b'}', text);
    // Usage is two levels deep and flat otherwise: a few tries find its end.
    ends.take(8)
        .map(|end| &text[..=end])
        .find(|object| text.starts_with(b"{") && scan::validate(object).is_ok())
}

/// The error of a response that failed.
fn failed(response: &[u8]) -> ErrorBody {
    match member(response, "error").filter(|value| error::is_reported(value)) {
        Some(_) => error::read(response),
        None => ErrorBody {
            message: "the upstream reported a failure without an error".to_owned(),
            ..ErrorBody::default()
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sight(observer: &mut Observer, data: &str) -> Sight {
        observer.observe(format!("event: x\ndata: {data}\n\n").as_bytes())
    }

    #[test]
    fn a_response_ends_with_its_counts_and_numbers() {
        let mut observer = Observer::default();
        let preamble = r#"{"type":"response.created","response":{"error":null,"usage":null},"sequence_number":0}"#;
        assert_eq!(sight(&mut observer, preamble), Sight::Preamble);
        let delta = r#"{"type":"response.output_text.delta","delta":"x","sequence_number":1}"#;
        assert_eq!(sight(&mut observer, delta), Sight::Meaningful);
        assert!(!observer.done);
        let end =
            r#"{"type":"response.completed","response":{"error":null,"usage":{"input_tokens":9,
            "input_tokens_details":{"cached_tokens":4,"cache_write_tokens":1},"output_tokens":5,
            "output_tokens_details":{"reasoning_tokens":2}}},"sequence_number":7}"#
                .replace('\n', "");
        assert_eq!(sight(&mut observer, &end), Sight::Meaningful);
        let usage = Usage {
            input: 9,
            output: 5,
            cached: 4,
            cache_write: 1,
            reasoning: 2,
        };
        assert_eq!(
            (observer.done, observer.usage, observer.next_number),
            (true, Some(usage), 8)
        );
    }

    #[test]
    fn failures_are_seen_in_every_form() {
        for data in [
            r#"{"type":"error","code":"c","message":"m","param":null,"sequence_number":3}"#,
            r#"{"type":"response.failed","response":{"status":"failed","error":{"code":"c","message":"m"}}}"#,
            r#"{"error":{"message":"m","code":"c"}}"#,
        ] {
            let Sight::Error(error) = sight(&mut Observer::default(), data) else {
                panic!("{data}")
            };
            assert_eq!(
                (error.message.as_str(), error.code.as_deref()),
                ("m", Some("c"))
            );
        }
    }

    #[test]
    fn an_event_nobody_knows_is_content() {
        let data = r#"{"type":"response.new_thing.delta","x":1}"#;
        assert_eq!(sight(&mut Observer::default(), data), Sight::Meaningful);
    }

    #[test]
    fn a_long_last_event_is_known_by_its_name_and_its_end() {
        let mut observer = Observer::default();
        let ending = br#"xx"}],"usage":{"input_tokens":3,"input_tokens_details":{"cached_tokens":1},"output_tokens":2}},"sequence_number":9}"#;
        observer.observe_ending(Some(b"response.completed"), ending);
        assert!(observer.done);
        assert_eq!(
            observer
                .usage
                .map(|usage| (usage.input, usage.cached, usage.output)),
            Some((3, 1, 2))
        );
        let mut other = Observer::default();
        other.observe_ending(Some(b"response.output_item.done"), ending);
        assert!(!other.done && other.usage.is_none());
    }
}
