//! Reads one complete block of a stream.

use std::borrow::Cow;

/// What a block says: its `event:` name and its joined `data:` lines, both as they came.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Event<'a> {
    /// The value of the last `event:` line.
    pub name: Option<&'a [u8]>,
    /// The `data:` lines, joined by `\n`; `None` for a comment or an empty block.
    pub data: Option<Cow<'a, [u8]>>,
}

impl<'a> Event<'a> {
    /// Reads a block; `id:`, `retry:`, comments and unknown fields are ignored.
    pub fn parse(block: &'a [u8]) -> Self {
        let mut event = Event::default();
        let mut rest = block.strip_prefix(b"\xef\xbb\xbf").unwrap_or(block);
        while !rest.is_empty() {
            let end = memchr::memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
            event.take_line(&rest[..end]);
            rest = rest.get(end + 1..).unwrap_or_default();
        }
        event
    }

    fn take_line(&mut self, line: &'a [u8]) {
        if let Some(value) = field(line, b"data") {
            match &mut self.data {
                None => self.data = Some(Cow::Borrowed(value)),
                Some(data) => {
                    let data = data.to_mut();
                    data.push(b'\n');
                    data.extend_from_slice(value);
                }
            }
        } else if let Some(value) = field(line, b"event") {
            self.name = Some(value);
        }
    }
}

/// The value of `line` if its field is `name`: everything after the colon, less one leading space.
fn field<'a>(line: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let value = line.strip_prefix(name)?;
    if value.is_empty() {
        return Some(value);
    }
    let value = value.strip_prefix(b":")?;
    Some(value.strip_prefix(b" ").unwrap_or(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data(block: &str) -> Option<String> {
        Event::parse(block.as_bytes())
            .data
            .map(|data| String::from_utf8_lossy(&data).into_owned())
    }

    #[test]
    fn reads_data_with_and_without_the_space() {
        assert_eq!(data("data: {\"a\": 1}\n\n").as_deref(), Some("{\"a\": 1}"));
        assert_eq!(data("data:x\r\n\r\n").as_deref(), Some("x"));
        assert_eq!(data("data:  x\r\r").as_deref(), Some(" x"));
        assert_eq!(data("data\n\n").as_deref(), Some(""));
    }

    #[test]
    fn joins_several_data_lines() {
        assert_eq!(
            data("data: a\ndata:\ndata: b\n\n").as_deref(),
            Some("a\n\nb")
        );
    }

    #[test]
    fn comments_and_foreign_fields_say_nothing() {
        assert_eq!(data(": ping\n\n"), None);
        assert_eq!(data("id: 1\nretry: 5\ndatas: x\n\n"), None);
    }

    #[test]
    fn a_byte_order_mark_is_skipped() {
        assert_eq!(data("\u{feff}data: x\n\n").as_deref(), Some("x"));
    }

    #[test]
    fn the_event_name_is_read() {
        assert_eq!(
            Event::parse(b"event: error\ndata: {}\n\n").name,
            Some(&b"error"[..])
        );
    }
}
