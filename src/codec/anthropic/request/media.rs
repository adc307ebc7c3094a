//! Where the bytes of pictures and documents are: sources read, and written for this dialect's servers.

use std::borrow::Cow;

use serde_json::{Map, Value, json};

use super::block::texts;
use crate::chat::Dialect;
use crate::chat::part::Source;
use crate::codec::anthropic::object::object;
use crate::codec::media::{self, DataUrl};

/// The source of a picture or a document; `None` if it is of a kind that only this dialect has.
pub(super) fn source(block: &Map<String, Value>) -> Option<Source> {
    let source = block.get("source")?;
    let text = |key: &str| source[key].as_str().map(str::to_owned);
    let is_image = block.get("type").is_some_and(|kind| kind == "image");
    match source["type"].as_str()? {
        "base64" => Some(Source::Data {
            mime: text("media_type").unwrap_or_default(),
            data: text("data")?,
        }),
        "url" => Some(Source::Url {
            url: text("url")?,
            mime: None,
        }),
        "file" => Some(Source::File {
            dialect: Dialect::Anthropic,
            id: text("file_id")?,
            mime: None,
        }),
        "text" if !is_image => Some(Source::Text(text("data")?)),
        "content" if !is_image && is_text(&source["content"]) => {
            Some(Source::Text(texts(&source["content"])))
        }
        _ => None,
    }
}

/// Whether a source says nothing beyond what the neutral form holds.
pub(super) fn is_plain(source: &Map<String, Value>) -> bool {
    let is_text = |key: &str| source.get(key).is_some_and(Value::is_string);
    match source.get("type").and_then(Value::as_str) {
        Some("base64") => source.len() == 3 && is_text("media_type"),
        Some("text") => {
            source.len() == 3
                && source
                    .get("media_type")
                    .is_some_and(|mime| mime == "text/plain")
        }
        Some("url" | "file") => source.len() == 2,
        _ => false,
    }
}

fn is_text(content: &Value) -> bool {
    match content {
        Value::String(_) => true,
        Value::Array(blocks) => blocks.iter().all(|block| block["text"].is_string()),
        _ => false,
    }
}

/// The source in the client's own words.
pub(super) fn own(source: &Source) -> Option<Value> {
    match source {
        Source::Data { mime, data } => {
            Some(json!({"type": "base64", "media_type": mime, "data": data}))
        }
        Source::Text(text) => {
            Some(json!({"type": "text", "media_type": "text/plain", "data": text}))
        }
        Source::Url { url, mime: _ } => Some(json!({"type": "url", "url": url})),
        Source::File { dialect, id, .. } => {
            (*dialect == Dialect::Anthropic).then(|| json!({"type": "file", "file_id": id}))
        }
    }
}

/// What a source is to this dialect.
#[derive(Debug, PartialEq)]
pub(super) enum Written {
    /// A picture, with its source.
    Image(Value),
    /// A document, with its source.
    Document(Value),
    /// Either, at an address that does not tell.
    Address(Value),
}

/// The source of another dialect's picture or document, under the media type that it really has: a wrong
/// one is refused. The error says what is wrong.
pub(super) fn translated(source: &Source) -> Result<Written, String> {
    match source {
        Source::Data { mime, data } => bytes(mime, data),
        Source::Text(text) => Ok(plain(text)),
        Source::Url { url, mime } => address(url, mime.as_deref()),
        Source::File { id, .. } => Err(format!(
            "the file `{id}` is in another provider's store; send its bytes or a URL"
        )),
    }
}

fn bytes(mime: &str, data: &str) -> Result<Written, String> {
    let data = media::normal_base64(data).ok_or("the data is not valid base64")?;
    let said = media::media_type(mime);
    let mime = media::sniff(&data).map_or(said, Cow::Borrowed);
    let source = object([
        ("type", "base64".into()),
        ("media_type", mime.as_ref().into()),
        ("data", data.as_ref().into()),
    ]);
    let source = Value::Object(source);
    match &*mime {
        "image/jpeg" | "image/png" | "image/gif" | "image/webp" => Ok(Written::Image(source)),
        "application/pdf" => Ok(Written::Document(source)),
        _ if is_written(&mime) => text(&data),
        _ => Err(format!(
            "this model's provider takes JPEG, PNG, GIF, WebP, PDF and text, not `{mime}`"
        )),
    }
}

/// Whether the media type is one of text.
fn is_written(mime: &str) -> bool {
    mime.starts_with("text/") || matches!(mime, "application/json" | "application/xml")
}

fn text(base64: &str) -> Result<Written, String> {
    let url = DataUrl {
        media_type: Cow::Borrowed("text/plain"),
        parameters: "",
        is_base64: true,
        data: base64,
    };
    let text = url.text().ok_or("the text is not UTF-8")?;
    Ok(plain(&text))
}

fn plain(text: &str) -> Written {
    Written::Document(json!({"type": "text", "media_type": "text/plain", "data": text}))
}

fn address(url: &str, mime: Option<&str>) -> Result<Written, String> {
    if let Some(data) = DataUrl::parse(url) {
        let base64 = data.base64().ok_or("the data is not valid base64")?;
        return bytes(&data.media_type, &base64);
    }
    if !url.starts_with("https://") && !url.starts_with("http://") {
        return Err("this model's provider fetches http and https URLs only".to_owned());
    }
    let source = json!({"type": "url", "url": url});
    let known = mime.or_else(|| media::by_extension(url));
    Ok(match known {
        Some(mime) if mime.starts_with("image/") => Written::Image(source),
        Some("application/pdf") => Written::Document(source),
        _ => Written::Address(source),
    })
}
