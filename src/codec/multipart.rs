//! Multipart bodies (audio, image edits): the small text parts are read, one is replaced, the rest is untouched.

use std::ops::Range;

use bytes::Bytes;

/// Text parts longer than this are content, not settings.
const TEXT_PART: usize = 4096;

/// More parts than any endpoint takes.
const MAX_PARTS: usize = 256;

/// Why a multipart body cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MultipartError {
    /// The content type names no boundary.
    #[error("the content type has no boundary")]
    NoBoundary,
    /// The body does not follow the format.
    #[error("the multipart body is malformed")]
    Malformed,
    /// A part that is read occurs twice.
    #[error("the part `{0}` occurs more than once")]
    Duplicate(&'static str),
}

/// A multipart body and where its parts are.
#[derive(Debug, Clone)]
pub struct Multipart {
    body: Bytes,
    parts: Vec<Part>,
}

#[derive(Debug, Clone)]
struct Part {
    name: String,
    /// From the dash-boundary of this part to that of the next.
    whole: Range<usize>,
    /// The value.
    value: Range<usize>,
}

impl Multipart {
    /// Finds the parts of `body`, whose content type is `content_type`.
    pub fn parse(content_type: &str, body: Bytes) -> Result<Self, MultipartError> {
        let boundary = boundary(content_type).ok_or(MultipartError::NoBoundary)?;
        let parts = find_parts(&body, format!("--{boundary}").as_bytes())
            .ok_or(MultipartError::Malformed)?;
        Ok(Self { body, parts })
    }

    /// The text of the part `name`, if it is there once and is text.
    pub fn text(&self, name: &'static str) -> Result<Option<String>, MultipartError> {
        let mut found = self.parts.iter().filter(|part| part.name == name);
        let first = found.next();
        if found.next().is_some() {
            return Err(MultipartError::Duplicate(name));
        }
        let value = first
            .map(|part| &self.body[part.value.clone()])
            .filter(|value| value.len() <= TEXT_PART);
        Ok(value.map(|value| String::from_utf8_lossy(value).trim().to_owned()))
    }

    /// The body with part `name` holding `value` and the parts `without` left out, as slices of the original.
    pub fn with(&self, name: &str, value: &str, without: &[&str]) -> Vec<Bytes> {
        let mut out = Vec::new();
        let mut from = 0;
        for part in &self.parts {
            if without.contains(&part.name.as_str()) {
                out.push(self.body.slice(from..part.whole.start));
                from = part.whole.end;
            } else if part.name == name {
                out.push(self.body.slice(from..part.value.start));
                out.push(Bytes::copy_from_slice(value.as_bytes()));
                from = part.value.end;
            }
        }
        out.push(self.body.slice(from..));
        out.retain(|piece| !piece.is_empty());
        out
    }
}

/// The boundary parameter of a content type, quoted or not.
fn boundary(content_type: &str) -> Option<&str> {
    let (_, parameters) = content_type.split_once(';')?;
    let mut values = parameters.split(';').filter_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        let (base, extension) = match name.trim().split_once('*') {
            Some((base, _)) => (base, true),
            None => (name.trim(), false),
        };
        base.trim_end()
            .eq_ignore_ascii_case("boundary")
            .then(|| (value.trim(), extension))
    });
    let (value, is_extended) = values.next()?;
    // With two of them (`boundary*=utf-8''B` and `boundary*0=B` of RFC 2231 are one, too) another reader may
    // take the other, and see a form that we have not read.
    if is_extended || values.next().is_some() {
        return None;
    }
    let value = value
        .strip_prefix('"')
        .and_then(|v| v.strip_suffix('"'))
        .unwrap_or(value);
    (1..=70).contains(&value.len()).then_some(value)
}

fn find_parts(body: &[u8], dash_boundary: &[u8]) -> Option<Vec<Part>> {
    let finder = memchr::memmem::Finder::new(dash_boundary);
    let mut parts = Vec::new();
    let mut at = finder.find(body)?;
    loop {
        let after = at + dash_boundary.len();
        if body[after..].starts_with(b"--") {
            return Some(parts);
        }
        let head = body.len() - body[after..].strip_prefix(b"\r\n")?.len();
        let head_end = head + memchr::memmem::find(&body[head..], b"\r\n\r\n")?;
        let value = head_end + 4;
        let next = next_boundary(body, &finder, value)?;
        if parts.len() == MAX_PARTS {
            return None;
        }
        let name = part_name(&body[head..head_end])?;
        parts.push(Part {
            name,
            whole: at..next + 2,
            value: value..next,
        });
        at = next + 2;
    }
}

/// The offset of the `\r\n` before the next dash-boundary.
///
/// A delimiter whose line break is the one that ends the part's head is refused: to some readers it
/// is no delimiter, and they would see other parts than we do.
fn next_boundary(body: &[u8], finder: &memchr::memmem::Finder<'_>, from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        let found = at + finder.find(&body[at..])?;
        if body[..found].ends_with(b"\r\n") {
            return found.checked_sub(2).filter(|end| *end >= from);
        }
        at = found + 1;
    }
}

/// The `name` of a part's `content-disposition`.
fn part_name(head: &[u8]) -> Option<String> {
    let head = std::str::from_utf8(head).ok()?;
    let line = head.lines().find(|line| {
        line.get(..20)
            .is_some_and(|start| start.eq_ignore_ascii_case("content-disposition:"))
    })?;
    line.split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim()
            .eq_ignore_ascii_case("name")
            .then(|| value.trim().trim_matches('"').to_owned())
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TYPE: &str = "multipart/form-data; boundary=\"XX\"";

    fn body() -> Bytes {
        Bytes::from_static(
            b"--XX\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\nContent-Type: audio/wav\r\n\r\n\x00--XX not it\r\n\
              --XX\r\ncontent-disposition: form-data; name=\"model\"\r\n\r\nwhisper\r\n\
              --XX\r\ncontent-disposition: form-data; name=\"alias\"\r\n\r\nk\r\n--XX--\r\n",
        )
    }

    #[test]
    fn reads_text_parts() {
        let parts = Multipart::parse(TYPE, body()).expect("valid");
        assert_eq!(parts.text("model"), Ok(Some("whisper".to_owned())));
        assert_eq!(parts.text("absent"), Ok(None));
    }

    #[test]
    fn replaces_one_part_and_drops_another() {
        let parts = Multipart::parse(TYPE, body()).expect("valid");
        let text: Vec<u8> = parts.with("model", "large-v3", &["alias"]).concat();
        let text = String::from_utf8_lossy(&text).into_owned();
        let expected = String::from_utf8_lossy(&body())
            .replace("whisper", "large-v3")
            .replace(
                "--XX\r\ncontent-disposition: form-data; name=\"alias\"\r\n\r\nk\r\n",
                "",
            );
        assert_eq!(text, expected);
    }

    #[test]
    fn two_boundaries_are_refused() {
        for second in [
            "boundary=YY",
            "BOUNDARY=XX",
            " Boundary = \"YY\"",
            "boundary*=utf-8''YY",
            "boundary*0=YY",
            "BOUNDARY*0*=YY",
            "x=\"a; boundary=YY\"",
        ] {
            let kind = format!("{TYPE}; {second}");
            assert!(Multipart::parse(&kind, body()).is_err(), "{kind}");
        }
    }

    #[test]
    fn two_models_are_refused() {
        let twice =
            b"--XX\r\ncontent-disposition: form-data; name=\"model\"\r\n\r\na\r\n".repeat(2);
        let body = Bytes::from([twice, b"--XX--".to_vec()].concat());
        assert_eq!(
            Multipart::parse(TYPE, body).expect("valid").text("model"),
            Err(MultipartError::Duplicate("model"))
        );
    }

    #[test]
    fn broken_bodies_are_refused() {
        for text in [
            "",
            "--XX",
            "--XX\r\n",
            "--XX\r\ncontent-disposition: form-data; name=\"a\"\r\n\r\nx",
            "--XX\r\n\r\nx\r\n--XX--",
            "--XX\r\ncontent-disposition: form-data; name=\"model\"\r\n\r\n--XX--\r\n",
        ] {
            assert!(
                Multipart::parse(TYPE, Bytes::from(text)).is_err(),
                "{text:?}"
            );
        }
        assert_eq!(
            Multipart::parse("multipart/form-data", body()).err(),
            Some(MultipartError::NoBoundary)
        );
    }

    #[test]
    fn an_empty_part_is_a_part() {
        let text = "--XX\r\ncontent-disposition: form-data; name=\"model\"\r\n\r\n\r\n--XX--\r\n";
        let form = Multipart::parse(TYPE, Bytes::from(text)).expect("valid");
        assert_eq!(form.text("model"), Ok(Some(String::new())));
        let filled = form.with("model", "m", &[]).concat();
        let expected = text.replace("\r\n\r\n\r\n", "\r\n\r\nm\r\n");
        assert_eq!(filled, expected.as_bytes());
    }

    proptest! {
        #[test]
        fn never_panics(
            pieces in prop::collection::vec(prop::sample::select(vec![
                "--XX", "--XX--", "--XX\r\n", "\r\n", "\r\n\r\n", "\n", "-", "x", "\u{e9}",
                "content-disposition: form-data; name=\"model\"", "Content-Disposition:; name=alias",
            ]), 0..16),
        ) {
            let text = format!("--XX\r\n{}", pieces.concat());
            for text in [text.clone(), text + "\r\n--XX--"] {
                if let Ok(form) = Multipart::parse(TYPE, Bytes::from(text)) {
                    let _ = (form.text("model"), form.text("alias"));
                    form.with("model", "m", &["alias"]);
                    form.with("alias", "", &[]);
                }
            }
        }
    }
}
