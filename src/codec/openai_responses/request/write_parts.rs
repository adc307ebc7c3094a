//! Parts of a message or of a tool's output, written.

use serde_json::{Value, json};

use super::super::annotation;
use super::super::node::{BARE, CONTENT, Node, is_marked};
use super::encode::Context;
use super::parts::text_type;
use crate::chat::part::{Document, Image, Source, Text};
use crate::chat::request::{Message, Role};
use crate::chat::{Content, Dialect, Part, Report};
use crate::codec::field_names::Field;
use crate::codec::media;
use crate::codec::target::Refusal;

/// Longest of a text that is only there for the name of a file.
const UNNAMED: &str = "document";

/// The text of a part, if it is one.
pub(super) fn text_of(part: &Part) -> &str {
    match &part.content {
        Content::Text(text) => &text.text,
        _ => "",
    }
}

/// Writes a part of what `role` says; `None` if nothing is left of it.
pub(super) fn write(
    cx: &Context<'_>,
    part: &Part,
    message: Option<&Message>,
    role: Role,
    report: &mut Report,
) -> Result<Option<Value>, Refusal> {
    let extra = cx.is_own.then_some(&part.extra);
    let node = Node::new(extra, &[]);
    let node = match &part.content {
        Content::Text(text) if text.text.is_empty() && !cx.is_own => return Ok(None),
        Content::Text(text) => write_text(cx, node, text, message, role, report),
        Content::Refusal(text) if role == Role::Assistant => {
            node.with("type", "refusal").with("refusal", text.as_str())
        }
        Content::Refusal(text) => node
            .with("type", text_type(role))
            .with("text", text.as_str()),
        Content::Image(image) => write_image(cx, node, image)?,
        Content::Document(document) => write_document(cx, node, document)?,
        Content::Audio(_) if cx.is_own => write_audio(node, part),
        Content::Audio(_) => return Err(refuse(cx, "sound")),
        Content::Video(_) => return Err(refuse(cx, "moving pictures")),
        Content::Foreign(foreign) if foreign.dialect == Dialect::OpenAiResponses => {
            return Ok(Some(foreign.value.clone()));
        }
        Content::Foreign(foreign) => {
            let list = cx.name(Field::Messages);
            report.drop(format!("{list}[].{}", foreign.kind));
            return Ok(None);
        }
        // Items of their own: whoever calls has taken them out.
        Content::ToolCall(_) | Content::ToolResult(_) | Content::Reasoning(_) => return Ok(None),
    };
    Ok(Some(node.into()))
}

fn refuse(cx: &Context<'_>, what: &str) -> Refusal {
    let field = cx.name(Field::Messages);
    Refusal::new(
        field,
        format!("`{field}`: the Responses API takes no {what}"),
    )
}

fn write_text(
    cx: &Context<'_>,
    node: Node,
    text: &Text,
    message: Option<&Message>,
    role: Role,
    report: &mut Report,
) -> Node {
    let node = node
        .with("type", text_type(role))
        .with("text", text.text.as_str());
    if role != Role::Assistant {
        return node;
    }
    let length = text.text.chars().count() as u64;
    let (annotations, is_short) = annotation::write_all(&text.citations, length, cx.is_own);
    if is_short {
        report.drop(cx.name(Field::Citations));
    }
    let is_bare = message.is_some_and(|message| is_marked(&message.extra, CONTENT, BARE));
    let node = if cx.is_own && is_bare {
        node
    } else {
        node.with("annotations", annotations)
    };
    let logprobs = text.logprobs.clone().filter(|_| cx.is_own);
    node.maybe("logprobs", logprobs)
}

fn write_image(cx: &Context<'_>, node: Node, image: &Image) -> Result<Node, Refusal> {
    let node = node.with("type", "input_image");
    let node = match &image.source {
        Source::Data { mime, data } => {
            let mime = if mime.is_empty() {
                media::sniff(data).unwrap_or("image/png")
            } else {
                mime
            };
            node.with_lazy("image_url", || media::data_url(mime, data))
        }
        Source::Url { url, .. } => node.with("image_url", url.as_str()),
        Source::File { dialect, id, .. } => {
            check_store(cx, *dialect)?;
            node.with("file_id", id.as_str())
        }
        Source::Text(_) => return Err(refuse(cx, "pictures in words")),
    };
    // The detail is required, except where the client went without it before.
    let detail = image.detail.as_deref();
    Ok(node.maybe("detail", detail.or((!cx.is_own).then_some("auto"))))
}

fn write_document(cx: &Context<'_>, node: Node, document: &Document) -> Result<Node, Refusal> {
    let name = document.name.as_deref();
    match &document.source {
        Source::Text(text) => {
            let titled = name.map(|name| format!("{name}\n\n{text}"));
            let text = titled.unwrap_or_else(|| text.clone());
            Ok(node.with("type", "input_text").with("text", text))
        }
        Source::Data { mime, data } => {
            let name = name.map(str::to_owned);
            let name = name.or_else(|| (!cx.is_own).then(|| file_name(mime)));
            Ok(node
                .with("type", "input_file")
                .maybe("filename", name)
                .with_lazy("file_data", || media::data_url(mime, data)))
        }
        // The API takes no name beside an address or an id.
        Source::Url { url, .. } => Ok(node
            .with("type", "input_file")
            .maybe("filename", name.filter(|_| cx.is_own))
            .with("file_url", url.as_str())),
        Source::File { dialect, id, .. } => {
            check_store(cx, *dialect)?;
            Ok(node
                .with("type", "input_file")
                .maybe("filename", name.filter(|_| cx.is_own))
                .with("file_id", id.as_str()))
        }
    }
}

/// A name by which the upstream knows what kind of file it is.
fn file_name(mime: &str) -> String {
    let ending = mime.rsplit(['/', '+']).next().unwrap_or_default();
    let is_plain = ending.bytes().all(|byte| byte.is_ascii_alphanumeric());
    match ending {
        "" | "plain" => format!("{UNNAMED}.txt"),
        ending if is_plain => format!("{UNNAMED}.{ending}"),
        _ => UNNAMED.to_owned(),
    }
}

/// Files lie in the store of one provider; both dialects of OpenAI have the same.
fn check_store(cx: &Context<'_>, dialect: Dialect) -> Result<(), Refusal> {
    if matches!(dialect, Dialect::OpenAiChat | Dialect::OpenAiResponses) {
        return Ok(());
    }
    let field = cx.name(Field::Messages);
    let message = format!("`{field}`: a file id means nothing to another provider");
    Err(Refusal::new(field, message))
}

fn write_audio(node: Node, part: &Part) -> Node {
    let Content::Audio(Source::Data { mime, data }) = &part.content else {
        return node;
    };
    let format = media::audio_format(mime);
    let format = format.unwrap_or_else(|| mime.strip_prefix("audio/").unwrap_or(mime));
    node.with("type", "input_audio")
        .with("input_audio", json!({"data": data, "format": format}))
}
