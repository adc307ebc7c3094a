//! Parts of a message or of a tool's output, read.

use serde_json::{Map, Value};

use super::super::annotation;
use super::super::node::Kept;
use crate::chat::part::{CacheMark, Document, Foreign, Image, Source, Text};
use crate::chat::request::Role;
use crate::chat::{Content, Dialect, Leftovers, Part};
use crate::codec::media::{self, DataUrl};
use crate::json::fields::{BadField, Fields};

/// Reads a list of parts of a message of `role`, each found at `path`.
pub(super) fn read_all(
    list: Vec<Value>,
    role: Role,
    path: &'static str,
    leftovers: &mut Leftovers,
) -> Result<Vec<Part>, BadField> {
    let mut parts = Vec::with_capacity(list.len());
    for part in list {
        parts.push(match part {
            Value::String(text) => Part::text(text),
            Value::Object(map) => read(map, role, path, leftovers)?,
            _ => return Err(BadField::new(path, "an object")),
        });
    }
    Ok(parts)
}

/// The type of a text by `role`.
pub(super) fn text_type(role: Role) -> &'static str {
    match role {
        Role::Assistant => "output_text",
        Role::System | Role::Developer | Role::User | Role::Tool => "input_text",
    }
}

fn read(
    map: Map<String, Value>,
    role: Role,
    path: &str,
    leftovers: &mut Leftovers,
) -> Result<Part, BadField> {
    let kind = map.get("type").and_then(Value::as_str);
    let kind = kind.unwrap_or(text_type(role)).to_owned();
    if !is_known(&kind) {
        return Ok(Part::new(Content::Foreign(Foreign {
            dialect: Dialect::OpenAiResponses,
            kind,
            value: Value::Object(map),
        })));
    }
    let mut fields = Fields::new(map, path);
    let mut kept = Kept::default();
    let content = match kind.as_str() {
        "refusal" => Content::Refusal(fields.need_text("refusal")?),
        "input_image" | "image_url" => image(&mut fields, &mut kept)?,
        "input_file" => file(&mut fields, &mut kept)?,
        "input_audio" => audio(&mut fields)?,
        _ => {
            if kind != text_type(role) {
                kept.keep(&mut fields, "type");
            }
            text(&mut fields)?
        }
    };
    fields.take("type");
    let cache = fields
        .peek("prompt_cache_breakpoint")
        .map(|_| CacheMark::default());
    kept.keep(&mut fields, "prompt_cache_breakpoint");
    Ok(Part {
        content,
        cache,
        extra: kept.with(fields, leftovers),
    })
}

fn is_known(kind: &str) -> bool {
    matches!(
        kind,
        "input_text"
            | "output_text"
            | "text"
            | "refusal"
            | "input_image"
            | "image_url"
            | "input_file"
            | "input_audio"
    )
}

fn text(fields: &mut Fields) -> Result<Content, BadField> {
    let text = fields.need_text("text")?;
    let citations = fields.list("annotations")?.into_iter().flatten();
    let logprobs = fields.list("logprobs")?.filter(|list| !list.is_empty());
    Ok(Content::Text(Text {
        text,
        citations: citations.map(annotation::read).collect(),
        logprobs: logprobs.map(Value::Array),
        signature: None,
    }))
}

fn image(fields: &mut Fields, kept: &mut Kept) -> Result<Content, BadField> {
    let mut detail = fields.text("detail")?;
    let source = match (fields.take("image_url"), fields.text("file_id")?) {
        (Some(Value::String(url)), _) => from_url("image_url", url, kept),
        // The shape of Chat, which is sent here by mistake.
        (Some(Value::Object(mut map)), _) => {
            let url = map.shift_remove("url");
            let own = map.shift_remove("detail");
            detail = detail.or_else(|| own?.as_str().map(str::to_owned));
            match url {
                Some(Value::String(url)) => from_url("image_url", url, &mut Kept::default()),
                _ => return Err(fields.bad("image_url", "a string")),
            }
        }
        (None, Some(id)) => file_id(id),
        _ => return Err(fields.bad("image_url", "a string")),
    };
    Ok(Content::Image(Image { source, detail }))
}

fn file(fields: &mut Fields, kept: &mut Kept) -> Result<Content, BadField> {
    let name = fields.text("filename")?;
    let data = fields.text("file_data")?;
    let url = fields.text("file_url")?;
    let id = fields.text("file_id")?;
    let source = match (data, url, id) {
        (Some(data), _, _) if media::is_data_url(&data) => from_url("file_data", data, kept),
        (Some(data), _, _) => {
            kept.mark("file_data", data.as_str());
            let mime = name.as_deref().and_then(media::by_extension);
            let mime = mime.unwrap_or("application/pdf").to_owned();
            Source::Data { mime, data }
        }
        (None, Some(url), _) => Source::Url { url, mime: None },
        (None, None, Some(id)) => file_id(id),
        (None, None, None) => return Err(fields.bad("file_data", "a string")),
    };
    Ok(Content::Document(Document { source, name }))
}

fn audio(fields: &mut Fields) -> Result<Content, BadField> {
    let mut audio = fields
        .object("input_audio")?
        .ok_or_else(|| fields.bad("input_audio", "an object"))?;
    let data = audio.need_text("data")?;
    let format = audio.text("format")?.unwrap_or_default();
    let mime = media::audio_media_type(&format).map(str::to_owned);
    Ok(Content::Audio(Source::Data {
        mime: mime.unwrap_or_else(|| format!("audio/{format}")),
        data,
    }))
}

fn file_id(id: String) -> Source {
    Source::File {
        dialect: Dialect::OpenAiResponses,
        id,
        mime: None,
    }
}

/// Where a URL points; data in it is taken out. One that we would spell otherwise is kept beside.
fn from_url(key: &'static str, url: String, kept: &mut Kept) -> Source {
    let Some(found) = DataUrl::parse(&url).filter(|found| found.is_base64) else {
        return Source::Url { url, mime: None };
    };
    let (mime, data) = (found.media_type.into_owned(), found.data.to_owned());
    let ours = "data:".len() + mime.len() + ";base64,".len() + data.len();
    let is_ours = url.len() == ours
        && url
            .get("data:".len()..)
            .is_some_and(|rest| rest.starts_with(&mime));
    if !is_ours {
        kept.mark(key, url);
    }
    Source::Data { mime, data }
}
