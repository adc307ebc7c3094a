//! Watches a stream of any dialect go by: first token, usage, finish, errors. It never alters and never
//! fails the stream.

use super::{anthropic, gemini, openai_chat, openai_responses};
use crate::chat::{Dialect, ErrorBody, Usage};

/// What one event means to the gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sight {
    /// Nothing a client would miss: a comment, a role, an empty delta, a chunk nobody can read.
    Preamble,
    /// Content: text, reasoning, a tool call, a finish.
    Meaningful,
    /// The chunk of `stream_options.include_usage`: usage and no choices.
    UsageOnly,
    /// The upstream says that nothing follows.
    Done,
    /// The upstream reports a failure inside its 200.
    Error(ErrorBody),
}

/// What has been seen of a stream so far.
#[derive(Debug, Clone)]
pub enum Observer {
    /// Chunks, and `[DONE]`.
    OpenAiChat(openai_chat::stream::Observer),
    /// Typed events with numbers.
    OpenAiResponses(openai_responses::observe::Observer),
    /// Typed events.
    Anthropic(anthropic::observe::Observer),
    /// Whole answers, one after the other.
    Gemini(gemini::observe::Observer),
}

impl Observer {
    /// An observer of a stream of `dialect` that is just beginning.
    pub fn new(dialect: Dialect) -> Self {
        match dialect {
            Dialect::OpenAiChat => Self::OpenAiChat(openai_chat::stream::Observer::default()),
            Dialect::OpenAiResponses => {
                Self::OpenAiResponses(openai_responses::observe::Observer::default())
            }
            Dialect::Anthropic => Self::Anthropic(anthropic::observe::Observer::default()),
            Dialect::Gemini => Self::Gemini(gemini::observe::Observer::default()),
        }
    }

    /// Reads one complete block of the stream.
    pub fn observe(&mut self, block: &[u8]) -> Sight {
        match self {
            Self::OpenAiChat(observer) => observer.observe(block),
            Self::OpenAiResponses(observer) => observer.observe(block),
            Self::Anthropic(observer) => observer.observe(block),
            Self::Gemini(observer) => observer.observe(block),
        }
    }

    /// Reads the last bytes of an event that was too long to be held: the end may be announced there.
    pub fn observe_ending(&mut self, name: Option<&[u8]>, ending: &[u8]) {
        match self {
            Self::OpenAiResponses(observer) => observer.observe_ending(name, ending),
            Self::Gemini(observer) => observer.observe_ending(ending),
            // Their ends are small events of their own.
            Self::OpenAiChat(_) | Self::Anthropic(_) => {}
        }
    }

    /// The last token counts reported.
    pub fn usage(&self) -> Option<Usage> {
        match self {
            Self::OpenAiChat(observer) => observer.usage,
            Self::OpenAiResponses(observer) => observer.usage,
            Self::Anthropic(observer) => observer.usage(),
            Self::Gemini(observer) => observer.usage,
        }
    }

    /// Whether the upstream said that the stream is complete (law L10).
    pub fn is_complete(&self) -> bool {
        match self {
            Self::OpenAiChat(observer) => observer.is_complete(),
            Self::OpenAiResponses(observer) => observer.done,
            Self::Anthropic(observer) => observer.done,
            Self::Gemini(observer) => observer.finished,
        }
    }

    /// Whether the upstream has said that nothing follows. Gemini never says so: usage may follow a finish.
    pub fn is_done(&self) -> bool {
        match self {
            Self::OpenAiChat(observer) => observer.done,
            Self::OpenAiResponses(observer) => observer.done,
            Self::Anthropic(observer) => observer.done,
            Self::Gemini(_) => false,
        }
    }

    /// Whether the stream tells its parts by their type, so that its end must be told as well, even where
    /// the endpoint asks for none.
    pub fn is_typed(&self) -> bool {
        match self {
            Self::OpenAiChat(observer) => observer.is_typed,
            Self::OpenAiResponses(_) | Self::Anthropic(_) | Self::Gemini(_) => true,
        }
    }

    /// The number that the next event of ours would have, where events are numbered.
    pub fn next_number(&self) -> u64 {
        match self {
            Self::OpenAiResponses(observer) => observer.next_number,
            Self::OpenAiChat(_) | Self::Anthropic(_) | Self::Gemini(_) => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Pieces of which streams of all dialects are made, and some of which none is.
    const PIECES: [&str; 24] = [
        "data: ",
        "event: error\n",
        "event: response.completed\n",
        "\n",
        "\r\n",
        ": x\n",
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"type\"",
        "\"error\"",
        "\"message_delta\"",
        "\"usage\"",
        "\"candidates\"",
        "\"content\"",
        "\"parts\"",
        "\"finishReason\"",
        "\"sequence_number\"",
        "18446744073709551615",
        "null",
        "\"\\ud800\"",
    ];

    proptest! {
        #[test]
        fn nothing_that_a_stream_says_makes_an_observer_panic(
            pieces in prop::collection::vec(prop::sample::select(PIECES.to_vec()), 0..24),
            noise in prop::collection::vec(any::<u8>(), 0..12),
        ) {
            let block = [pieces.concat().as_bytes(), &noise].concat();
            for dialect in Dialect::ALL {
                let mut observer = Observer::new(dialect);
                observer.observe(&block);
                observer.observe(&[b"data: ", &block[..]].concat());
                observer.observe_ending(Some(b"response.completed"), &block);
                let _ = (observer.usage(), observer.is_complete(), observer.next_number());
            }
        }
    }
}
