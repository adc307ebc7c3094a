//! Streams between dialects: a decoder for each upstream, an encoder for each client.

use crate::chat::{ErrorBody, Report, StreamEvent};
use crate::sse::Event;

/// Reads an upstream's stream. Liberal: what it does not know it skips, and one odd field never costs a
/// whole event.
pub trait StreamDecoder {
    /// Reads one event of the stream and appends what it says to `out`.
    ///
    /// # Errors
    /// The upstream reports a failure inside its 200.
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
