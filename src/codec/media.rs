//! Images, documents and sound inside requests: data URLs, base64 and media types.
//!
//! Dialects carry the same bytes as a data URL, as bare base64 with a media type, or as a link; some
//! refuse a media type that is not what the bytes are. Nothing here decodes more than the first bytes.

use std::borrow::Cow;

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
        let _ = url;
        None
    }

    /// The data as standard base64, whatever it came as; `None` if it is no valid base64.
    pub fn base64(&self) -> Option<Cow<'a, str>> {
        None
    }

    /// The data as text, if it is UTF-8.
    pub fn text(&self) -> Option<String> {
        None
    }
}

/// Whether it begins like a data URL, in any case of letters.
pub fn is_data_url(url: &str) -> bool {
    let _ = url;
    false
}

/// A data URL of base64 data.
pub fn data_url(media_type: &str, base64: &str) -> String {
    format!("data:{media_type};base64,{base64}")
}

/// The media type in lower case, without parameters and under its registered name (`image/jpg` is
/// `image/jpeg`).
pub fn media_type(name: &str) -> Cow<'_, str> {
    Cow::Borrowed(name)
}

/// What base64 data really is, by its first bytes: PNG, JPEG, GIF, WebP, PDF, HEIC, WAV or MP3.
pub fn sniff(base64: &str) -> Option<&'static str> {
    let _ = base64;
    None
}

/// The data as standard, padded base64; borrowed if it is that already, `None` if it is not base64 at all.
/// White space is skipped, the URL-safe alphabet and missing padding are understood.
pub fn normal_base64(data: &str) -> Option<Cow<'_, str>> {
    Some(Cow::Borrowed(data))
}

/// The media type that the ending of a URL's path or of a file name promises.
pub fn by_extension(url: &str) -> Option<&'static str> {
    let _ = url;
    None
}

/// The format name OpenAI gives an audio type: `wav` or `mp3`, the two it takes.
pub fn audio_format(media_type: &str) -> Option<&'static str> {
    let _ = media_type;
    None
}

/// The media type of an audio format name: `wav`, `mp3` and others that providers list.
pub fn audio_media_type(format: &str) -> Option<&'static str> {
    let _ = format;
    None
}
