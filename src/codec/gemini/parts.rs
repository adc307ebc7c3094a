//! Media in parts: `inlineData` and `fileData`, which say what they are by their media type alone.

use std::borrow::Cow;

use serde_json::{Map, Value, json};

use super::wire;
use crate::chat::Dialect;
use crate::chat::part::{Content, Document, Image, Source};
use crate::codec::media;
use crate::json::fields::{BadField, Fields};

/// Media of a part, with what is left over of its object and the key that it stood under.
#[derive(Debug)]
pub struct Media {
    /// Picture, sound, film or document.
    pub content: Content,
    /// `inlineData` or `fileData`.
    pub key: &'static str,
    /// What else the object holds.
    pub rest: Fields,
}

/// Takes the media out of a part, if it has any.
pub fn take_media(part: &mut Fields) -> Result<Option<Media>, BadField> {
    if let Some(mut blob) = wire::child(part, "inlineData")? {
        let mime = blob.text("mimeType")?.unwrap_or_default();
        let data = standard(blob.text("data")?.unwrap_or_default());
        let kind = kind(&mime);
        let source = Source::Data { mime, data };
        return Ok(Some(Media::new(kind, source, "inlineData", blob)));
    }
    if let Some(mut file) = wire::child(part, "fileData")? {
        let uri = file.text("fileUri")?.unwrap_or_default();
        let mime = file.text("mimeType")?;
        let kind = match &mime {
            Some(mime) => kind(mime),
            None if is_film(&uri) => Kind::Video,
            None => kind(media::by_extension(&uri).unwrap_or_default()),
        };
        let source = located(uri, mime);
        return Ok(Some(Media::new(kind, source, "fileData", file)));
    }
    Ok(None)
}

/// Google reads both alphabets of base64, and its SDKs write the other one.
fn standard(data: String) -> String {
    match media::normal_base64(&data) {
        Some(Cow::Owned(standard)) => standard,
        Some(Cow::Borrowed(_)) | None => data,
    }
}

impl Media {
    fn new(kind: Kind, source: Source, key: &'static str, mut rest: Fields) -> Self {
        let content = match kind {
            Kind::Image => Content::Image(Image {
                source,
                detail: None,
            }),
            Kind::Audio => Content::Audio(source),
            Kind::Video => Content::Video(source),
            Kind::Document => Content::Document(Document {
                source,
                name: rest.text("displayName").ok().flatten(),
            }),
        };
        Self { content, key, rest }
    }
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Image,
    Audio,
    Video,
    Document,
}

fn kind(mime: &str) -> Kind {
    let begins = |prefix: &str| {
        mime.get(..prefix.len())
            .is_some_and(|head| head.eq_ignore_ascii_case(prefix))
    };
    if begins("image/") {
        Kind::Image
    } else if begins("audio/") {
        Kind::Audio
    } else if begins("video/") {
        Kind::Video
    } else {
        Kind::Document
    }
}

/// Google reads films of its own site by their address.
fn is_film(uri: &str) -> bool {
    let host = uri.split("://").nth(1).unwrap_or_default();
    let host = host.split('/').next().unwrap_or_default();
    let host = host.trim_start_matches("www.").trim_start_matches("m.");
    host == "youtube.com" || host == "youtu.be"
}

fn located(uri: String, mime: Option<String>) -> Source {
    let is_stored = uri.starts_with("gs://")
        || uri.starts_with("files/")
        || uri.starts_with("https://generativelanguage.googleapis.com/");
    if is_stored {
        Source::File {
            dialect: Dialect::Gemini,
            id: uri,
            mime,
        }
    } else {
        Source::Url { url: uri, mime }
    }
}

/// The part that holds `source`; `guess` is its media type where nothing better is known, empty if it is
/// in Gemini's own words. `None` for what
/// Gemini cannot reach: ids of other stores, addresses that are not of the web.
pub fn write_media(source: &Source, guess: &str) -> Option<Map<String, Value>> {
    let part = match source {
        Source::Data { mime, data } => inline(mime, data, guess),
        Source::Text(text) => json!({ "text": text }),
        Source::Url { url, mime } => match media::DataUrl::parse(url) {
            Some(data) => inline(&data.media_type, &data.base64()?, guess),
            None if is_reachable(url) => {
                let mime = mime.as_deref().or_else(|| media::by_extension(url));
                stored(url, mime.unwrap_or(guess))
            }
            None => return None,
        },
        Source::File {
            dialect: Dialect::Gemini,
            id,
            mime,
        } => stored(id, mime.as_deref().unwrap_or_default()),
        Source::File { .. } => return None,
    };
    match part {
        Value::Object(part) => Some(part),
        _ => None,
    }
}

fn is_reachable(url: &str) -> bool {
    ["https://", "http://", "gs://"]
        .iter()
        .any(|scheme| url.starts_with(scheme))
}

fn inline(mime: &str, data: &str, guess: &str) -> Value {
    let mime = if mime.is_empty() {
        media::sniff(data).unwrap_or(guess)
    } else {
        mime
    };
    let mut blob = Map::new();
    if !mime.is_empty() {
        // Gemini's own words stay as they are: sound has its rate behind its type.
        let mime = if guess.is_empty() {
            mime.into()
        } else {
            media::media_type(mime)
        };
        blob.insert("mimeType".to_owned(), mime.into());
    }
    blob.insert("data".to_owned(), data.into());
    json!({ "inlineData": blob })
}

fn stored(uri: &str, mime: &str) -> Value {
    let mut file = Map::new();
    if !mime.is_empty() {
        file.insert("mimeType".to_owned(), mime.into());
    }
    file.insert("fileUri".to_owned(), uri.into());
    json!({ "fileData": file })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(part: Value) -> Content {
        let mut part = wire::node(part, "").expect("an object");
        take_media(&mut part).expect("media").expect("some").content
    }

    #[test]
    fn media_are_what_their_type_says() {
        let data = |mime: &str| take(json!({"inlineData": {"mimeType": mime, "data": "AAAA"}}));
        assert!(matches!(data("image/png"), Content::Image(_)));
        assert!(matches!(data("Audio/wav"), Content::Audio(_)));
        assert!(matches!(data("video/mp4"), Content::Video(_)));
        assert!(matches!(data("application/pdf"), Content::Document(_)));
        assert!(matches!(data(""), Content::Document(_)));
    }

    #[test]
    fn files_of_google_are_told_from_the_web() {
        let of = |uri: &str| match take(json!({"file_data": {"file_uri": uri}})) {
            Content::Document(document) => document.source,
            Content::Video(source) => source,
            other => panic!("{other:?}"),
        };
        let stored = "https://generativelanguage.googleapis.com/v1beta/files/abc";
        assert!(matches!(of(stored), Source::File { .. }));
        assert!(matches!(of("gs://bucket/a"), Source::File { .. }));
        assert!(matches!(of("https://example.com/a"), Source::Url { .. }));
        let film = take(json!({"fileData": {"fileUri": "https://www.youtube.com/watch?v=1"}}));
        assert!(matches!(film, Content::Video(Source::Url { .. })));
    }

    #[test]
    fn ids_of_other_stores_are_not_written() {
        let id = Source::File {
            dialect: Dialect::OpenAiChat,
            id: "file-1".into(),
            mime: None,
        };
        assert_eq!(write_media(&id, "image/png"), None);
        let local = Source::Url {
            url: "file:///etc/passwd".into(),
            mime: None,
        };
        assert_eq!(write_media(&local, "image/png"), None);
    }
}
