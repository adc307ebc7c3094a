//! Images, documents and sound inside requests: data URLs, base64 and media types.
//!
//! Dialects carry the same bytes as a data URL, as bare base64 with a media type, or as a link; some
//! refuse a media type that is not what the bytes are. Only the first bytes are ever decoded to look at
//! them, and data that is fine already is borrowed, not copied.

use std::borrow::Cow;

use base64::Engine as _;
use base64::alphabet::STANDARD as STANDARD_ALPHABET;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use percent_encoding::percent_decode_str;

/// Bytes that tell what a file is; the mark of a HEIC stands last, up to byte 12.
const MARK: usize = 16;

/// A `data:` URL in its parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataUrl<'a> {
    /// The media type without parameters, normalised as [`media_type`] does; `text/plain` if left out.
    pub media_type: Cow<'a, str>,
    /// The parameters without `base64`, such as `charset=utf-8` or `name=a.pdf`; separated by `;`.
    pub parameters: &'a str,
    /// Whether the data is base64; else it is percent-encoded text.
    pub is_base64: bool,
    /// What stands behind the comma, as it came.
    pub data: &'a str,
}

impl<'a> DataUrl<'a> {
    /// Takes a data URL apart; `None` for any other URL and for one without a comma.
    pub fn parse(url: &'a str) -> Option<Self> {
        let (head, data) = after_scheme(url)?.split_once(',')?;
        let (head, is_base64) = match head.rsplit_once(';') {
            Some((before, last)) if last.trim().eq_ignore_ascii_case("base64") => (before, true),
            None if head.trim().eq_ignore_ascii_case("base64") => ("", true),
            _ => (head, false),
        };
        let (name, parameters) = head.split_once(';').unwrap_or((head, ""));
        let named = media_type(name);
        Some(Self {
            media_type: if named.is_empty() {
                Cow::Borrowed("text/plain")
            } else {
                named
            },
            parameters,
            is_base64,
            data,
        })
    }

    /// The data as standard base64, whatever it came as; `None` if it is no valid base64.
    pub fn base64(&self) -> Option<Cow<'a, str>> {
        if !self.is_base64 {
            let bytes: Vec<u8> = percent_decode_str(self.data).collect();
            return Some(Cow::Owned(STANDARD.encode(bytes)));
        }
        if !self.data.contains('%') {
            return normal_base64(self.data);
        }
        // `+`, `/` and `=` may be percent-encoded in a URL.
        let plain = percent_decode_str(self.data).decode_utf8().ok()?;
        normal_base64(&plain).map(|data| Cow::Owned(data.into_owned()))
    }

    /// The data as text, if it is UTF-8.
    pub fn text(&self) -> Option<String> {
        let bytes = if self.is_base64 {
            STANDARD.decode(self.base64()?.as_bytes()).ok()?
        } else {
            percent_decode_str(self.data).collect()
        };
        String::from_utf8(bytes).ok()
    }
}

/// Whether it begins like a data URL, in any case of letters.
pub fn is_data_url(url: &str) -> bool {
    after_scheme(url).is_some()
}

fn after_scheme(url: &str) -> Option<&str> {
    let url = url.trim_start();
    let (scheme, rest) = url.split_at_checked("data:".len())?;
    scheme.eq_ignore_ascii_case("data:").then_some(rest)
}

/// A data URL of base64 data.
pub fn data_url(media_type: &str, base64: &str) -> String {
    format!("data:{media_type};base64,{base64}")
}

/// The media type in lower case, without parameters and under its registered name (`image/jpg` is
/// `image/jpeg`).
pub fn media_type(name: &str) -> Cow<'_, str> {
    let name = name.split(';').next().unwrap_or_default().trim();
    let lower = if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(name.to_ascii_lowercase())
    } else {
        Cow::Borrowed(name)
    };
    match registered(&lower) {
        Some(registered) => Cow::Borrowed(registered),
        None => lower,
    }
}

/// The registered name of a media type that goes by others too.
fn registered(name: &str) -> Option<&'static str> {
    let registered = match name {
        "image/jpg" | "image/pjpeg" => "image/jpeg",
        "image/x-png" => "image/png",
        "audio/x-wav" | "audio/wave" | "audio/vnd.wave" => "audio/wav",
        "audio/mp3" | "audio/x-mp3" | "audio/x-mpeg" => "audio/mpeg",
        "application/x-pdf" => "application/pdf",
        _ => return None,
    };
    Some(registered)
}

/// What base64 data really is, by its first bytes: PNG, JPEG, GIF, WebP, PDF, HEIC, WAV or MP3.
pub fn sniff(base64: &str) -> Option<&'static str> {
    let length = MARK.div_ceil(3) * 4;
    let plain = |byte: &u8| !byte.is_ascii_whitespace() && *byte != b'=';
    let head: Vec<u8> = base64
        .bytes()
        .filter(plain)
        .take(length)
        .map(standard_letter)
        .collect();
    // A group of one character holds no byte.
    let whole = head.len() - usize::from(head.len() % 4 == 1);
    let bytes = LENIENT.decode(head.get(..whole)?).ok()?;
    of_bytes(&bytes)
}

fn of_bytes(bytes: &[u8]) -> Option<&'static str> {
    let second = |mark: &[u8]| bytes.get(8..).is_some_and(|rest| rest.starts_with(mark));
    let is_heic = || {
        [
            &b"heic"[..],
            b"heix",
            b"hevc",
            b"heim",
            b"heis",
            b"mif1",
            b"msf1",
        ]
        .into_iter()
        .any(second)
    };
    let found = match bytes {
        [0x89, b'P', b'N', b'G', ..] => "image/png",
        [0xFF, 0xD8, 0xFF, ..] => "image/jpeg",
        [b'G', b'I', b'F', b'8', ..] => "image/gif",
        [b'%', b'P', b'D', b'F', b'-', ..] => "application/pdf",
        [b'R', b'I', b'F', b'F', ..] if second(b"WEBP") => "image/webp",
        [b'R', b'I', b'F', b'F', ..] if second(b"WAVE") => "audio/wav",
        [_, _, _, _, b'f', b't', b'y', b'p', ..] if is_heic() => "image/heic",
        // MP3 with a tag before it, or its first frame: eleven bits set, then MPEG's layer III.
        [b'I', b'D', b'3', ..] => "audio/mpeg",
        [0xFF, second, ..] if second & 0xE6 == 0xE2 => "audio/mpeg",
        _ => return None,
    };
    Some(found)
}

/// Standard base64 with or without its padding, whatever the last bits are.
const LENIENT: GeneralPurpose = GeneralPurpose::new(&STANDARD_ALPHABET, LENIENT_CONFIG);

const LENIENT_CONFIG: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);

/// The data as standard, padded base64; borrowed if it is that already, `None` if it is not base64 at all.
/// White space is skipped, the URL-safe alphabet and missing padding are understood.
pub fn normal_base64(data: &str) -> Option<Cow<'_, str>> {
    let trimmed = data.trim_ascii();
    if is_normal(trimmed) {
        return Some(Cow::Borrowed(trimmed));
    }
    let mut letters: Vec<u8> = trimmed
        .bytes()
        .filter(|byte| !byte.is_ascii_whitespace())
        .map(standard_letter)
        .collect();
    while letters.last() == Some(&b'=') {
        letters.pop();
    }
    if letters.is_empty()
        || letters.len() % 4 == 1
        || !letters.iter().all(|letter| is_letter(*letter))
    {
        return None;
    }
    letters.resize(letters.len().next_multiple_of(4), b'=');
    String::from_utf8(letters).ok().map(Cow::Owned)
}

fn is_normal(data: &str) -> bool {
    let letters = data
        .strip_suffix("==")
        .or_else(|| data.strip_suffix('='))
        .unwrap_or(data);
    !letters.is_empty() && data.len().is_multiple_of(4) && letters.bytes().all(is_letter)
}

fn is_letter(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/')
}

/// The letter of the standard alphabet for one of the URL-safe alphabet.
fn standard_letter(byte: u8) -> u8 {
    match byte {
        b'-' => b'+',
        b'_' => b'/',
        other => other,
    }
}

/// The media type that the ending of a URL's path or of a file name promises.
pub fn by_extension(url: &str) -> Option<&'static str> {
    let path = url.split(['?', '#']).next().unwrap_or_default();
    let path = path.split_once("://").map_or(path, |(_, rest)| {
        rest.split_once('/').map_or("", |(_, path)| path)
    });
    let name = path.rsplit('/').next().unwrap_or_default();
    let (_, ending) = name.rsplit_once('.')?;
    let found = match ending.to_ascii_lowercase().as_str() {
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "heic" => "image/heic",
        "heif" => "image/heif",
        "pdf" => "application/pdf",
        "txt" | "md" => "text/plain",
        "csv" => "text/csv",
        "html" | "htm" => "text/html",
        "json" => "application/json",
        "wav" => "audio/wav",
        "mp3" => "audio/mpeg",
        "mp4" => "video/mp4",
        "mov" => "video/quicktime",
        "webm" => "video/webm",
        _ => return None,
    };
    Some(found)
}

/// The format name OpenAI gives an audio type: `wav` or `mp3`, the two it takes.
pub fn audio_format(name: &str) -> Option<&'static str> {
    match media_type(name).as_ref() {
        "audio/wav" => Some("wav"),
        "audio/mpeg" => Some("mp3"),
        _ => None,
    }
}

/// The media type of an audio format name: `wav`, `mp3` and others that providers list.
pub fn audio_media_type(format: &str) -> Option<&'static str> {
    let found = match format.to_ascii_lowercase().as_str() {
        "wav" => "audio/wav",
        "mp3" => "audio/mpeg",
        "aac" => "audio/aac",
        "flac" => "audio/flac",
        "ogg" | "opus" => "audio/ogg",
        "m4a" => "audio/mp4",
        "aiff" => "audio/aiff",
        "pcm16" | "pcm" => "audio/pcm",
        _ => return None,
    };
    Some(found)
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_data_urls_as_they_come() {
        let cases = [
            ("data:image/png;base64,AAAA", "image/png", "", true, "AAAA"),
            ("DATA:Image/JPG;Base64,AAAA", "image/jpeg", "", true, "AAAA"),
            (
                "data:text/plain;charset=utf-8;base64,AA==",
                "text/plain",
                "charset=utf-8",
                true,
                "AA==",
            ),
            (
                "data:application/pdf;name=a.pdf;base64,AAAA",
                "application/pdf",
                "name=a.pdf",
                true,
                "AAAA",
            ),
            ("data:;base64,AAAA", "text/plain", "", true, "AAAA"),
            ("data:base64,AAAA", "text/plain", "", true, "AAAA"),
            ("data:,hello%20you", "text/plain", "", false, "hello%20you"),
            (" data:text/html,a,b", "text/html", "", false, "a,b"),
        ];
        for (url, media_type, parameters, is_base64, data) in cases {
            let read = DataUrl::parse(url).expect(url);
            let wanted = DataUrl {
                media_type: media_type.into(),
                parameters,
                is_base64,
                data,
            };
            assert_eq!(read, wanted, "{url}");
        }
    }

    #[test]
    fn what_is_no_data_url_is_not_read_as_one() {
        for url in [
            "https://example.com/a.png",
            "data:image/png;base64",
            "dat",
            "",
            "däta:,x",
        ] {
            assert_eq!(DataUrl::parse(url), None, "{url}");
        }
    }

    #[test]
    fn data_comes_out_as_base64_and_as_text() {
        let read = |url| DataUrl::parse(url).expect("a data URL");
        assert_eq!(
            read("data:,hello%20you").base64().as_deref(),
            Some("aGVsbG8geW91")
        );
        assert_eq!(
            read("data:,hello%20you").text().as_deref(),
            Some("hello you")
        );
        assert_eq!(read("data:;base64,aGk").text().as_deref(), Some("hi"));
        assert_eq!(
            read("data:;base64,aGk%3D").base64().as_deref(),
            Some("aGk=")
        );
        assert_eq!(read("data:;base64,a!").base64(), None);
    }

    #[test]
    fn a_data_url_is_written_as_it_is_read() {
        let url = data_url("image/png", "AAAA");
        let read = DataUrl::parse(&url).expect("a data URL");
        assert_eq!((read.media_type.as_ref(), read.data), ("image/png", "AAAA"));
    }

    #[test]
    fn tells_files_by_their_first_bytes() {
        let cases: [(&[u8], Option<&str>); 12] = [
            (b"\x89PNG\r\n\x1a\n rest", Some("image/png")),
            (b"\xff\xd8\xff\xe0 rest", Some("image/jpeg")),
            (b"GIF89a rest", Some("image/gif")),
            (b"RIFF\x01\x02\x03\x04WEBPVP8 ", Some("image/webp")),
            (b"RIFF\x01\x02\x03\x04WAVEfmt ", Some("audio/wav")),
            (b"%PDF-1.7 rest", Some("application/pdf")),
            (b"\0\0\0\x18ftypheic rest", Some("image/heic")),
            (b"\0\0\0\x18ftypisom rest", None),
            (b"ID3\x04 rest", Some("audio/mpeg")),
            (b"\xff\xfb\x90\x00 rest", Some("audio/mpeg")),
            (b"hello", None),
            (b"", None),
        ];
        for (bytes, wanted) in cases {
            for encoded in [STANDARD.encode(bytes), URL_SAFE_NO_PAD.encode(bytes)] {
                assert_eq!(sniff(&encoded), wanted, "{bytes:?}");
            }
        }
    }

    #[test]
    fn base64_that_is_fine_is_borrowed() {
        assert!(matches!(normal_base64("AAA="), Some(Cow::Borrowed("AAA="))));
        for broken in ["", "A", "AAAAA", "A=AA", "AA!A", "===", "é"] {
            assert_eq!(normal_base64(broken), None, "{broken}");
        }
    }

    #[test]
    fn endings_promise_media_types() {
        let cases = [
            ("https://example.com/a/b.JPG?x=1.png#y", Some("image/jpeg")),
            ("scan.pdf", Some("application/pdf")),
            ("https://example.com", None),
            ("https://example.png", None),
            ("https://example.com/png", None),
        ];
        for (url, wanted) in cases {
            assert_eq!(by_extension(url), wanted, "{url}");
        }
    }

    #[test]
    fn audio_has_two_names() {
        for format in ["wav", "mp3"] {
            let named = audio_media_type(format).expect("a known format");
            assert_eq!(audio_format(named), Some(format));
        }
        assert_eq!(audio_format("audio/x-wav; rate=16000"), Some("wav"));
        assert_eq!(audio_format("audio/ogg"), None);
    }

    proptest! {
        #[test]
        fn base64_of_every_kind_becomes_the_standard_one(bytes in proptest::collection::vec(any::<u8>(), 1..60)) {
            let wanted = STANDARD.encode(&bytes);
            let padded = URL_SAFE.encode(&bytes);
            let broken = format!("{}\r\n{}", &wanted[..2], &wanted[2..]);
            for spelled in [wanted.clone(), padded, STANDARD_NO_PAD.encode(&bytes), URL_SAFE_NO_PAD.encode(&bytes), broken] {
                let read = normal_base64(&spelled);
                prop_assert_eq!(read.as_deref(), Some(wanted.as_str()));
            }
        }

        #[test]
        fn hostile_text_is_read_without_a_panic(text in ".{0,60}") {
            let _ = (sniff(&text), normal_base64(&text), by_extension(&text));
            let _ = DataUrl::parse(&format!("data:{text}")).map(|url| (url.base64(), url.text()));
        }
    }
}
