//! Streams between dialects: a decoder for each upstream, an encoder for each client.

use crate::chat::{ErrorBody, Report, StreamEvent};
use crate::codec::openai_chat::error;
use crate::json::scan;
use crate::sse::Event;

/// Reads an upstream's stream. Liberal: what it does not know it skips, and one odd field never costs a
/// whole event. But what cannot be read at all may have been part of the answer, and is told.
pub trait StreamDecoder {
    /// Reads one event of the stream and appends what it says to `out`.
    ///
    /// # Errors
    /// The upstream reports a failure inside its 200, or nobody can read the event.
    fn decode(&mut self, event: &Event<'_>, out: &mut Vec<StreamEvent>) -> Result<(), ErrorBody>;

    /// Whether the upstream has said that nothing follows (`[DONE]`, `message_stop`, a terminal event).
    fn is_done(&self) -> bool;

    /// The stream has ended: appends what was held back. False if it ended before its terminal marker
    /// (law: such a stream is never closed as finished).
    fn end(&mut self, out: &mut Vec<StreamEvent>) -> bool;
}

/// Writes a client's stream. What comes out is a grammatical stream of its dialect whatever comes in.
pub trait StreamEncoder {
    /// Writes an event; whole events of the client's dialect are appended to `out`, each with its blank line.
    fn encode(&mut self, event: StreamEvent, out: &mut Vec<u8>);

    /// Ends a complete stream: closes what is open and writes the terminal events.
    fn end(&mut self, out: &mut Vec<u8>);

    /// Ends a broken stream with an error in the client's dialect, and nothing after it.
    fn fail(&mut self, error: &ErrorBody, request_id: &str, out: &mut Vec<u8>);

    /// What could not be said in the client's dialect so far.
    fn report(&mut self) -> Report;

    /// Why nothing more is taken: so much of the answer is held that more would be too much. The stream
    /// is to be failed then.
    fn overflow(&self) -> Option<ErrorBody> {
        None
    }
}

/// What to make of data in which a decoder found no object: a failure, unless it is some other JSON, which
/// says nothing.
///
/// # Errors
/// It reports an error after all, or it is not JSON.
pub fn without_object(data: &[u8]) -> Result<(), ErrorBody> {
    let data = data.trim_ascii();
    let says_nothing = data.is_empty() || data == b"[DONE]";
    if says_nothing || (!data.starts_with(b"{") && scan::validate(data).is_ok()) {
        return Ok(());
    }
    Err(error::recognise(data).unwrap_or_else(|| ErrorBody {
        message: "the provider sent an event that cannot be read".to_owned(),
        kind: Some("server_error".to_owned()),
        code: Some("unreadable_event".to_owned()),
        param: None,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::{Delta, Dialect};
    use crate::codec::dispatch::Decoder;
    use crate::codec::target::Origin;

    /// A stream of each dialect in which a word is said, with `word` as it stands in JSON.
    fn spoken(dialect: Dialect, word: &str) -> Vec<String> {
        let text = |events: &[&str]| {
            events
                .iter()
                .map(|event| event.replace('W', word))
                .collect()
        };
        match dialect {
            Dialect::OpenAiChat => text(&[r#"{"choices":[{"delta":{"content":"W"}}]}"#]),
            Dialect::OpenAiResponses => text(&[
                r#"{"type":"response.output_text.delta","output_index":0,"content_index":0,"delta":"W"}"#,
            ]),
            Dialect::Anthropic => text(&[
                r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#,
                r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"W"}}"#,
            ]),
            Dialect::Gemini => text(&[r#"{"candidates":[{"content":{"parts":[{"text":"W"}]}}]}"#]),
        }
    }

    fn hear(dialect: Dialect, events: &[Vec<u8>]) -> Result<String, ErrorBody> {
        let origin = Origin {
            provider: "p".to_owned(),
            model: "m".to_owned(),
        };
        let mut decoder = Decoder::new(dialect, origin);
        let mut out = Vec::new();
        for data in events {
            let block = [b"data: ", data.as_slice(), b"\n\n"].concat();
            decoder.decode(&Event::parse(&block), &mut out)?;
        }
        let text = out.into_iter().filter_map(|event| match event {
            StreamEvent::Delta {
                delta: Delta::Text(text),
                ..
            } => Some(text),
            _ => None,
        });
        Ok(text.collect())
    }

    #[test]
    fn half_a_character_costs_no_more_than_itself() {
        for dialect in Dialect::ALL {
            let events = spoken(dialect, "one \\ud83d two");
            let events: Vec<_> = events.into_iter().map(String::into_bytes).collect();
            let heard = hear(dialect, &events).expect("legible");
            assert_eq!(heard, "one \u{fffd} two", "{dialect:?}");
        }
    }

    #[test]
    fn bytes_that_are_no_text_cost_no_more_than_themselves() {
        for dialect in Dialect::ALL {
            let events = spoken(dialect, "one ~ two").into_iter();
            let events: Vec<Vec<u8>> = events
                .map(|event| {
                    let bytes = event.into_bytes().into_iter();
                    bytes
                        .map(|byte| if byte == b'~' { 0xff } else { byte })
                        .collect()
                })
                .collect();
            let heard = hear(dialect, &events).expect("legible");
            assert_eq!(heard, "one \u{fffd} two", "{dialect:?}");
        }
    }

    #[test]
    fn what_nobody_can_read_is_told() {
        for dialect in Dialect::ALL {
            let mut events = spoken(dialect, "one");
            let whole = events.pop().expect("an event");
            let mut events: Vec<_> = events.into_iter().map(String::into_bytes).collect();
            events.push(whole.as_bytes()[..whole.len() - 1].to_vec());
            let error = hear(dialect, &events).expect_err("cut off");
            assert_eq!(
                error.message, "the provider sent an event that cannot be read",
                "{dialect:?}"
            );
        }
    }

    #[test]
    fn an_error_of_another_shape_is_read_as_one() {
        for dialect in Dialect::ALL {
            let event = b"{error: {message: 'overloaded'}}".to_vec();
            let error = hear(dialect, &[event]).expect_err("an error");
            assert_eq!(error.message, "overloaded", "{dialect:?}");
        }
    }

    #[test]
    fn what_says_nothing_fails_no_stream() {
        for dialect in Dialect::ALL {
            for event in [
                "",
                " ",
                "null",
                "[]",
                "1",
                "\"ping\"",
                "{}",
                r#"{"type":"new"}"#,
                "[DONE]",
            ] {
                let heard = hear(dialect, &[event.as_bytes().to_vec()]);
                assert_eq!(heard, Ok(String::new()), "{dialect:?}: {event}");
            }
        }
    }
}
