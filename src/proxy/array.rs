//! A stream of events told as a JSON array, for Gemini's clients that asked for no events.
//!
//! The data of each event becomes an element, verbatim and as it comes; nothing is held back. An error is
//! the last element, and the array is closed whatever the end was.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use http_body::{Body as _, Frame};

use super::body::Body;

/// See the module's head.
#[derive(Debug)]
pub struct Array {
    events: Body,
    writer: Writer,
    is_over: bool,
}

impl Array {
    /// The same stream as an array.
    pub fn new(events: Body) -> Self {
        Self {
            events,
            writer: Writer::default(),
            is_over: false,
        }
    }

    /// The next bytes; `None` at the end.
    pub fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        while !self.is_over {
            let mut out = BytesMut::new();
            match Pin::new(&mut self.events).poll_frame(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Some(Err(error))),
                Poll::Ready(Some(Ok(frame))) => {
                    if let Ok(bytes) = frame.into_data() {
                        self.writer.feed(&bytes, &mut out);
                    }
                }
                Poll::Ready(None) => {
                    self.is_over = true;
                    self.writer.finish(&mut out);
                }
            }
            if !out.is_empty() {
                return Poll::Ready(Some(Ok(Frame::data(out.freeze()))));
            }
        }
        Poll::Ready(None)
    }
}

/// The state between the lines of a stream and the elements of an array.
#[derive(Debug, Default)]
struct Writer {
    line: Line,
    /// How many elements have begun.
    elements: u64,
    /// Whether the event under way has an element.
    is_inside: bool,
}

/// Where in a line we are.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Line {
    /// At its start.
    #[default]
    Start,
    /// At its start, where a LF would still belong to the CR before it.
    StartAfterCr,
    /// So many bytes of the field's name and its colon have matched.
    Field(usize),
    /// Behind the colon, where one space may stand.
    Space,
    /// Within data.
    Data,
    /// Within anything else.
    Other,
}

/// The only field that says something.
const FIELD: &[u8] = b"data:";

impl Writer {
    fn feed(&mut self, mut bytes: &[u8], out: &mut BytesMut) {
        while let [byte, rest @ ..] = bytes {
            match (self.line, byte) {
                (_, b'\r' | b'\n') => {
                    self.end_line(*byte);
                    bytes = rest;
                }
                (Line::Data, _) => {
                    let end = memchr::memchr2(b'\r', b'\n', bytes).unwrap_or(bytes.len());
                    out.extend_from_slice(&bytes[..end]);
                    bytes = &bytes[end..];
                }
                (Line::Space, b' ') => {
                    self.line = Line::Data;
                    bytes = rest;
                }
                (Line::Space, _) => self.line = Line::Data,
                (Line::Other, _) => bytes = rest,
                (Line::Start | Line::StartAfterCr, _) => self.line = Line::Field(0),
                (Line::Field(at), _) => {
                    self.field(at, *byte, out);
                    bytes = rest;
                }
            }
        }
    }

    fn field(&mut self, at: usize, byte: u8, out: &mut BytesMut) {
        if FIELD.get(at) != Some(&byte) {
            self.line = Line::Other;
        } else if at + 1 < FIELD.len() {
            self.line = Line::Field(at + 1);
        } else {
            self.line = Line::Space;
            self.begin(out);
        }
    }

    /// A line of data: the first of an event opens an element, the others go on with it.
    fn begin(&mut self, out: &mut BytesMut) {
        let before: &[u8] = match (self.is_inside, self.elements) {
            (true, _) => b"\n",
            (false, 0) => b"[",
            (false, _) => b",\n",
        };
        out.extend_from_slice(before);
        self.elements += u64::from(!self.is_inside);
        self.is_inside = true;
    }

    fn end_line(&mut self, ending: u8) {
        match (self.line, ending) {
            (Line::StartAfterCr, b'\n') => {}
            // An empty line ends the event.
            (Line::Start | Line::StartAfterCr, _) => self.is_inside = false,
            _ => {}
        }
        self.line = if ending == b'\r' {
            Line::StartAfterCr
        } else {
            Line::Start
        };
    }

    fn finish(&mut self, out: &mut BytesMut) {
        out.extend_from_slice(if self.elements == 0 { b"[]" } else { b"]" });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(stream: &str, cut: usize) -> String {
        let (mut writer, mut out) = (Writer::default(), BytesMut::new());
        let bytes = stream.as_bytes();
        writer.feed(&bytes[..cut], &mut out);
        writer.feed(&bytes[cut..], &mut out);
        writer.finish(&mut out);
        String::from_utf8(out.to_vec()).expect("utf-8")
    }

    #[test]
    fn events_become_elements_wherever_they_are_cut() {
        for (stream, expected) in [
            ("", "[]"),
            (": ping\n\n", "[]"),
            (
                "data: {\"a\": 1.0}\n\ndata:{\"b\":2}\r\n\r\n",
                "[{\"a\": 1.0},\n{\"b\":2}]",
            ),
            (
                "event: x\r\ndata: {\r\ndata:  }\r\n\r\n: c\r\rdata: {}",
                "[{\n },\n{}]",
            ),
            (
                "datax: 1\n\ndata: {\"é\":\"data: x\"}\r\r",
                "[{\"é\":\"data: x\"}]",
            ),
        ] {
            for cut in 0..=stream.len() {
                assert_eq!(told(stream, cut), expected, "{stream:?} at {cut}");
            }
        }
    }
}
