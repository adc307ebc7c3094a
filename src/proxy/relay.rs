//! Relay: the state machine between an upstream's bytes and the client's. No IO, no clock.
//!
//! Whole events are forwarded as the slices they came in; only an event cut by the network is held
//! until its rest arrives (half an event is of use to nobody). An error event is held back for good:
//! the caller writes one that is known to be free of key material.

use std::collections::VecDeque;

use bytes::{Buf as _, Bytes, BytesMut};

use super::translate::Translator;
use crate::chat::{Dialect, ErrorBody, Usage};
use crate::codec::observe::{Observer, Sight};
use crate::codec::openai_chat::error;
use crate::json::scan;
use crate::sse::{Event, Splitter};

/// Of a longer event only the beginning is read, and it is passed on unless that is an error's: memory
/// per stream is bounded (invariant I6).
pub const MAX_HELD: usize = 256 * 1024;

/// Where a stream is translated an event is of use only whole; none of text is that long, and pictures
/// come in one piece.
const MAX_TRANSLATED: usize = 16 * 1024 * 1024;

/// Of an event too long to be held this much of its end is read: a finish and the counts stand there.
const ENDING: usize = 8 * 1024;

/// Why a stream is no good, or no good any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Broken {
    /// The upstream says so.
    Error(ErrorBody),
    /// It ended without a finish or `[DONE]`.
    Truncated,
}

/// See the module's head.
#[derive(Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own about the stream"
)]
pub struct Relay {
    splitter: Splitter,
    observer: Observer,
    /// The event that has begun but not ended.
    tail: BytesMut,
    /// Whether the client has an event without its end: an over-long one whose rest is passed on
    /// unread, or a last one that lacks its blank line.
    is_inside_event: bool,
    /// Whether the usage chunk is ours to take out.
    strips_usage: bool,
    /// Whether the end must be announced by a finish or `[DONE]`.
    needs_marker: bool,
    /// Whether something a client would miss has been seen; of a translated stream, whether it was told.
    is_meaningful: bool,
    /// A break that was found behind the first token, in the same chunk.
    broken: Option<Broken>,
    /// Of the over-long event that the client is being given.
    long: Option<Box<Long>>,
    dialect: Dialect,
    /// What stands between upstream and client where they speak different dialects.
    translator: Option<Box<Translator>>,
    /// Whether the client has been told the end of a translated stream.
    has_ended: bool,
    /// Events with content that have come.
    events: u64,
}

/// What is kept of an event too long to be held.
#[derive(Debug)]
struct Long {
    name: Option<Vec<u8>>,
    ending: Vec<u8>,
}

impl Long {
    fn begun(beginning: &[u8]) -> Self {
        let name = Event::parse(beginning).name.map(<[u8]>::to_vec);
        let mut long = Self {
            name,
            ending: Vec::new(),
        };
        long.take(beginning);
        long
    }

    fn take(&mut self, part: &[u8]) {
        self.ending
            .extend_from_slice(&part[part.len().saturating_sub(ENDING)..]);
        let surplus = self.ending.len().saturating_sub(ENDING);
        self.ending.drain(..surplus);
    }
}

impl Relay {
    /// A relay for a stream that is just beginning.
    pub fn new(dialect: Dialect, strips_usage: bool, needs_marker: bool) -> Self {
        Self {
            splitter: Splitter::default(),
            observer: Observer::new(dialect),
            tail: BytesMut::new(),
            is_inside_event: false,
            strips_usage,
            needs_marker,
            is_meaningful: false,
            broken: None,
            long: None,
            dialect,
            translator: None,
            has_ended: false,
            events: 0,
        }
    }

    /// The same, for a client of another dialect.
    #[must_use]
    pub fn translated(self, translator: Translator) -> Self {
        Self {
            translator: Some(Box::new(translator)),
            strips_usage: false,
            ..self
        }
    }

    /// Events that have come so far, those that only begin or end a native stream not counted.
    pub fn events(&self) -> u64 {
        self.events
    }

    /// Takes the next bytes and puts what the client may have into `out`.
    pub fn feed(&mut self, mut chunk: Bytes, out: &mut VecDeque<Bytes>) -> Result<(), Broken> {
        if let Some(mut translator) = self.translator.take() {
            let mut told = Vec::new();
            let result = self.translate(&mut translator, &chunk, &mut told);
            self.translator = Some(translator);
            push(out, told.into());
            return result;
        }
        if (self.is_inside_event || !self.tail.is_empty()) && !self.finish_begun(&mut chunk, out)? {
            return Ok(());
        }
        let (mut start, mut at) = (0, 0);
        while let Some(end) = self.splitter.next(&chunk, at) {
            match self.look(&chunk[at..end]) {
                Ok(true) => {}
                Ok(false) => {
                    push(out, chunk.slice(start..at));
                    start = end;
                }
                Err(broken) => {
                    push(out, chunk.slice(start..at));
                    return Err(broken);
                }
            }
            at = end;
        }
        push(out, chunk.slice(start..at));
        self.hold(&chunk[at..], out)
    }

    /// Tells whole events of `chunk` in the client's dialect, and holds the one that has only begun.
    fn translate(
        &mut self,
        translator: &mut Translator,
        chunk: &[u8],
        told: &mut Vec<u8>,
    ) -> Result<(), Broken> {
        let mut at = 0;
        while let Some(end) = self.splitter.next(chunk, at) {
            if self.tail.is_empty() {
                self.tell(translator, &chunk[at..end], told)?;
            } else {
                self.tail.extend_from_slice(&chunk[at..end]);
                let block = self.tail.split();
                self.tell(translator, &block, told)?;
            }
            at = end;
        }
        self.tail.extend_from_slice(&chunk[at..]);
        if self.tail.len() > MAX_TRANSLATED {
            return Err(Broken::Error(ErrorBody {
                message: "the provider sent an event of more than 16 MiB".to_owned(),
                ..ErrorBody::default()
            }));
        }
        Ok(())
    }

    fn tell(
        &mut self,
        translator: &mut Translator,
        block: &[u8],
        told: &mut Vec<u8>,
    ) -> Result<(), Broken> {
        if let Sight::Error(error) = self.observer.observe(block) {
            return Err(Broken::Error(error));
        }
        self.events += 1;
        let result = translator.feed(block, told);
        // A finish that was told is as good as content; some decoders hold it back to the end.
        let has_finish = self.observer.is_complete() && !self.is_done();
        self.is_meaningful |= has_finish || translator.has_content();
        result.map_err(Broken::Error)?;
        if self.is_done() {
            self.close(translator, told)?;
        }
        Ok(())
    }

    /// Tells the client the end, once.
    fn close(&mut self, translator: &mut Translator, told: &mut Vec<u8>) -> Result<(), Broken> {
        if !self.has_ended && !translator.end(told) {
            return Err(Broken::Truncated);
        }
        self.has_ended = true;
        self.is_meaningful |= translator.has_content();
        Ok(())
    }

    /// The same as [`finish`](Self::finish) where the stream is translated.
    fn finish_translated(
        &mut self,
        translator: &mut Translator,
        told: &mut Vec<u8>,
    ) -> Result<(), Broken> {
        let rest = self.tail.split();
        if is_whole(&rest) {
            self.tell(translator, &rest, told)?;
        } else if let Some(error) = error::bare(&rest) {
            return Err(Broken::Error(error));
        }
        if !self.observer.is_complete() {
            return Err(Broken::Truncated);
        }
        self.close(translator, told)
    }

    /// Ends the event that an earlier chunk began; false if it goes on beyond this chunk.
    fn finish_begun(
        &mut self,
        chunk: &mut Bytes,
        out: &mut VecDeque<Bytes>,
    ) -> Result<bool, Broken> {
        let end = self.splitter.next(chunk, 0);
        let part = chunk.split_to(end.unwrap_or(chunk.len()));
        if self.is_inside_event {
            self.go_on(&part, end.is_some());
            push(out, part);
            self.is_inside_event = end.is_none();
        } else if end.is_some() {
            self.tail.extend_from_slice(&part);
            let block = self.tail.split().freeze();
            if self.look(&block)? {
                push(out, block);
            }
        } else {
            self.hold(&part, out)?;
        }
        Ok(end.is_some() && chunk.has_remaining())
    }

    /// An over-long event goes on: it is passed on unread, but for its end.
    fn go_on(&mut self, part: &[u8], is_last: bool) {
        if let Some(long) = &mut self.long {
            long.take(part);
        }
        if is_last && let Some(long) = self.long.take() {
            self.observer
                .observe_ending(long.name.as_deref(), &long.ending);
        }
    }

    fn hold(&mut self, part: &[u8], out: &mut VecDeque<Bytes>) -> Result<(), Broken> {
        self.tail.extend_from_slice(part);
        if self.tail.len() > MAX_HELD {
            let beginning = self.tail.split().freeze();
            if let Some(error) = error_at_beginning(&beginning) {
                return Err(Broken::Error(error));
            }
            self.is_inside_event = true;
            self.is_meaningful = true;
            self.long = Some(Box::new(Long::begun(&beginning)));
            push(out, beginning);
        }
        Ok(())
    }

    /// Reads one event; false if the client is not to see it.
    fn look(&mut self, block: &[u8]) -> Result<bool, Broken> {
        match self.observer.observe(block) {
            Sight::Preamble | Sight::Done => Ok(true),
            Sight::Meaningful => {
                self.events += 1;
                self.is_meaningful = true;
                Ok(true)
            }
            Sight::UsageOnly => Ok(!self.strips_usage),
            Sight::Error(error) => Err(Broken::Error(error)),
        }
    }

    /// The upstream closed the stream in good order. What is left is passed on if it is a whole event
    /// that only lacks its blank line; half an event is dropped.
    pub fn finish(&mut self, out: &mut VecDeque<Bytes>) -> Result<(), Broken> {
        if let Some(mut translator) = self.translator.take() {
            let mut told = Vec::new();
            let result = self.finish_translated(&mut translator, &mut told);
            self.translator = Some(translator);
            push(out, told.into());
            return result;
        }
        let rest = self.tail.split().freeze();
        if is_whole(&rest) && self.look(&rest)? {
            self.is_inside_event = Event::parse(&rest).data.is_some();
            push(out, rest);
        } else if let Some(error) = error::bare(&rest) {
            return Err(Broken::Error(error));
        }
        let needs_end = self.needs_marker || self.observer.is_typed();
        if needs_end && !self.observer.is_complete() {
            Err(Broken::Truncated)
        } else {
            Ok(())
        }
    }

    /// Whether something a client would miss has been seen: from here on there is no other target.
    pub fn is_meaningful(&self) -> bool {
        self.is_meaningful
    }

    /// Whether an event has begun that is held until its end is here.
    pub fn holds_event(&self) -> bool {
        !self.tail.is_empty()
    }

    /// Whether the client has been given an event without its end: what is written next needs a blank
    /// line before it.
    pub fn is_inside_event(&self) -> bool {
        self.is_inside_event
    }

    /// Whether the upstream has said that nothing follows.
    pub fn is_done(&self) -> bool {
        self.observer.is_done()
    }

    /// Whether an end is as good as one that was announced: the dialect has no word for it, and a finish was
    /// seen.
    pub fn may_end(&self) -> bool {
        let has_no_word = self.dialect == Dialect::Gemini;
        self.is_done() || (has_no_word && self.observer.is_complete() && !self.holds_event())
    }

    /// The dialect of the stream.
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Whether an end without any content is a failure.
    pub fn needs_content(&self) -> bool {
        self.needs_marker
    }

    /// Keeps a break for whoever reads on.
    pub fn break_later(&mut self, broken: Broken) {
        self.broken = Some(broken);
    }

    /// The break that was kept, once.
    pub fn take_break(&mut self) -> Option<Broken> {
        self.broken.take()
    }

    /// A document in place of a stream, told as one: nothing follows.
    ///
    /// # Errors
    /// It is no answer.
    pub fn tell_whole(
        &mut self,
        document: &Bytes,
        out: &mut VecDeque<Bytes>,
    ) -> Result<(), ErrorBody> {
        let mut told = Vec::new();
        if let Some(translator) = &mut self.translator {
            translator.tell_whole(document, &mut told)?;
        }
        (self.has_ended, self.is_meaningful) = (true, true);
        push(out, told.into());
        Ok(())
    }

    /// The token counts reported.
    pub fn usage(&self) -> Option<Usage> {
        let translated = self
            .translator
            .as_ref()
            .and_then(|translator| translator.usage());
        translated.or(self.observer.usage())
    }

    /// What stands between upstream and client, if anything.
    pub fn translator(&mut self) -> Option<&mut Translator> {
        self.translator.as_deref_mut()
    }

    /// What has been seen.
    pub fn observer(&self) -> &Observer {
        &self.observer
    }
}

fn push(out: &mut VecDeque<Bytes>, bytes: Bytes) {
    if !bytes.is_empty() {
        out.push_back(bytes);
    }
}

/// The error that an event reports whose end is not here.
fn error_at_beginning(block: &[u8]) -> Option<ErrorBody> {
    let event = Event::parse(block);
    let data = event.data.unwrap_or_default();
    let is_error = event.name == Some(b"error") || error::begins(&data);
    is_error.then(|| error::read_beginning(&data))
}

/// Whether the bytes behind the last blank line may be passed on: an event that only lacks its own blank
/// line, or the second half of the line ending before.
fn is_whole(block: &[u8]) -> bool {
    if block.iter().all(|byte| matches!(byte, b'\r' | b'\n')) {
        return true;
    }
    let data = Event::parse(block).data;
    data.is_some_and(|data| data.as_ref() == b"[DONE]" || scan::validate(&data).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &str = "\u{feff}data: {\"choices\":[{\"delta\":{\"role\":\"assistant\"}}]}\r\n\r\n: ping\n\n\
        data: {\"choices\":[{\"delta\":{\"content\":\"grüße\"}}]}\n\n\
        data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n\
        data: {\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":4}}\n\n\
        data: [DONE]\n\n";

    /// Plays `stream` cut at `cuts`; what the client got, and the verdict.
    fn play(
        stream: &[u8],
        cuts: &[usize],
        strips_usage: bool,
    ) -> (Vec<u8>, Result<(), Broken>, Relay) {
        let mut relay = Relay::new(Dialect::OpenAiChat, strips_usage, true);
        let mut out = VecDeque::new();
        let mut at = 0;
        for cut in cuts.iter().copied().chain([stream.len()]) {
            if let Err(broken) = relay.feed(Bytes::copy_from_slice(&stream[at..cut]), &mut out) {
                return (Vec::from(out).concat(), Err(broken), relay);
            }
            at = cut;
        }
        let verdict = relay.finish(&mut out);
        (Vec::from(out).concat(), verdict, relay)
    }

    fn without_usage() -> Vec<u8> {
        let start = STREAM
            .find("data: {\"choices\":[],\"usage\"")
            .expect("there");
        let end = STREAM.find("data: [DONE]").expect("there");
        [&STREAM.as_bytes()[..start], &STREAM.as_bytes()[end..]].concat()
    }

    #[test]
    fn bytes_are_equal_wherever_they_are_cut() {
        for cut in 0..=STREAM.len() {
            let (bytes, verdict, relay) = play(STREAM.as_bytes(), &[cut], false);
            assert_eq!(
                (bytes.as_slice(), verdict),
                (STREAM.as_bytes(), Ok(())),
                "cut at {cut}"
            );
            assert_eq!(relay.observer().usage().map(|usage| usage.output), Some(4));
        }
    }

    #[test]
    fn exactly_the_usage_chunk_is_taken_out_wherever_it_is_cut() {
        let expected = without_usage();
        for cut in 0..STREAM.len() {
            let (bytes, verdict, _) =
                play(STREAM.as_bytes(), &[cut, (cut + 7).min(STREAM.len())], true);
            assert_eq!((&bytes, verdict), (&expected, Ok(())), "cut at {cut}");
        }
    }

    #[test]
    fn a_stream_cut_anywhere_before_its_finish_is_truncated() {
        let finish = STREAM
            .find("data: {\"choices\":[{\"delta\":{},\"finish")
            .expect("there");
        for end in 0..finish {
            let (bytes, verdict, _) = play(&STREAM.as_bytes()[..end], &[], true);
            assert_eq!(verdict, Err(Broken::Truncated), "ended at {end}");
            assert!(STREAM.as_bytes().starts_with(&bytes));
        }
    }

    #[test]
    fn a_last_event_without_its_blank_line_is_still_an_event() {
        let stream = STREAM.trim_end();
        let (bytes, verdict, relay) = play(stream.as_bytes(), &[], false);
        assert_eq!((bytes.as_slice(), verdict), (stream.as_bytes(), Ok(())));
        assert!(relay.is_done());
    }

    #[test]
    fn an_error_event_is_held_back_and_what_came_before_is_not() {
        let stream = "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\ndata: {error: {message: \"a, b: c\"}}\n\ndata: [DONE]\n\n";
        for cut in 0..stream.len() {
            let (bytes, verdict, relay) = play(stream.as_bytes(), &[cut], true);
            let Err(Broken::Error(error)) = verdict else {
                panic!("no error at {cut}")
            };
            assert_eq!(error.message, "a, b: c");
            assert_eq!(
                bytes,
                &stream.as_bytes()[..stream.find("data: {error").expect("there")]
            );
            assert!(relay.is_meaningful());
        }
    }

    #[test]
    fn an_event_of_ten_megabytes_passes_without_being_held() {
        let big = format!(
            "data: {{\"choices\":[{{\"delta\":{{\"content\":\"{}\"}}}}]}}\n\n{}",
            "x".repeat(10_000_000),
            without_usage_text()
        );
        let mut relay = Relay::new(Dialect::OpenAiChat, true, true);
        let mut out = VecDeque::new();
        let mut seen = Vec::new();
        for chunk in big.as_bytes().chunks(16_384) {
            relay
                .feed(Bytes::copy_from_slice(chunk), &mut out)
                .expect("fine");
            assert!(relay.tail.capacity() <= 2 * MAX_HELD);
            out.drain(..)
                .for_each(|piece| seen.extend_from_slice(&piece));
        }
        relay.finish(&mut out).expect("complete");
        assert!(seen == big.as_bytes());
    }

    #[test]
    fn an_error_too_long_to_hold_is_an_error_all_the_same() {
        let long = "x".repeat(2 * MAX_HELD);
        for beginning in [
            r#"data: {"error":{"code":429,"message":"slow down "#,
            r#"data: {"id":"i","choices":[],"error" : {"message":"slow down "#,
            r#"data: {error: {message: "slow down "#,
            "event: error\ndata: {\"message\":\"slow down ",
        ] {
            for preamble in [
                "",
                &STREAM[..STREAM.find("data: {\"choices\":[]").expect("there")],
            ] {
                let stream = format!("{preamble}{beginning}{long}");
                let cuts: Vec<_> = (1..stream.len()).step_by(10_000).collect();
                let (bytes, verdict, _) = play(stream.as_bytes(), &cuts, true);
                let Err(Broken::Error(error)) = verdict else {
                    panic!("{beginning}: {verdict:?}")
                };
                assert!(error.message.len() < 1000, "{beginning}");
                assert_eq!(bytes, preamble.as_bytes(), "{beginning}");
            }
        }
    }

    #[test]
    fn a_long_event_that_denies_an_error_passes() {
        let stream = format!(
            "data: {{\"error\":null,\"choices\":[{{\"delta\":{{\"content\":\"{}\"}}}}]}}\n\ndata: [DONE]\n\n",
            "\\\"error\\\"".repeat(MAX_HELD)
        );
        let cuts: Vec<_> = (1..stream.len()).step_by(10_000).collect();
        let (bytes, verdict, _) = play(stream.as_bytes(), &cuts, true);
        assert!(verdict == Ok(()) && bytes == stream.as_bytes());
    }

    fn without_usage_text() -> String {
        String::from_utf8(without_usage())
            .expect("utf-8")
            .trim_start_matches('\u{feff}')
            .to_owned()
    }
}
