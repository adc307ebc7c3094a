//! The local estimate of a request's input tokens: for counters of upstreams that have none, and for what
//! is told before the upstream has counted. Never fails.

use serde_json::Value;

use super::tokens::{IMAGE, IMAGE_LOW, MESSAGE, PAGE, TOOL, count_text};
use crate::chat::part::{Content, Document, Image, Source};
use crate::chat::request::{Format, Request, Tool};
use crate::chat::{Part, Role};

/// Bytes of base64 that a page of a PDF takes on average: what is not parsed can only be weighed.
const PAGE_BYTES: u64 = 64 * 1024;

/// Bytes of base64 that a second of sound takes (128 kbit/s).
const SECOND_BYTES: u64 = 22 * 1024;

/// Tokens that a second of sound costs.
const SECOND: u64 = 32;

/// The tokens that `request` costs as input, estimated.
pub fn input_tokens(request: &Request) -> u64 {
    let instructions = parts(&request.instructions);
    let messages = request.messages.iter().map(|message| {
        let own = if message.role == Role::Tool {
            0
        } else {
            MESSAGE
        };
        own + parts(&message.parts)
    });
    let tools = request.tools.iter().map(tool);
    let format = match &request.format {
        Some(Format::Schema { schema, .. }) => json(schema),
        _ => 0,
    };
    instructions + messages.sum::<u64>() + tools.sum::<u64>() + format
}

/// Whether anything in `request` costs by what it shows and not by its bytes.
pub fn holds_media(request: &Request) -> bool {
    fn any(parts: &[Part]) -> bool {
        parts.iter().any(|part| match &part.content {
            Content::Image(_) | Content::Document(_) | Content::Audio(_) | Content::Video(_) => {
                true
            }
            Content::ToolResult(result) => any(&result.parts),
            _ => false,
        })
    }
    request.messages.iter().any(|message| any(&message.parts))
}

fn parts(parts: &[Part]) -> u64 {
    parts.iter().map(part).sum()
}

fn part(part: &Part) -> u64 {
    match &part.content {
        Content::Text(text) => count_text(&text.text),
        Content::Refusal(text) => count_text(text),
        Content::Image(image) => picture(image),
        Content::Document(document) => pages(document),
        Content::Audio(source) | Content::Video(source) => sound(source),
        Content::ToolCall(call) => MESSAGE + count_text(&call.name) + count_text(&call.arguments),
        Content::ToolResult(result) => MESSAGE + parts(&result.parts),
        Content::Reasoning(reasoning) => count_text(&reasoning.text),
        Content::Foreign(foreign) => json(&foreign.value),
    }
}

fn picture(image: &Image) -> u64 {
    if image.detail.as_deref() == Some("low") {
        IMAGE_LOW
    } else {
        IMAGE
    }
}

fn pages(document: &Document) -> u64 {
    match &document.source {
        Source::Text(text) => count_text(text),
        Source::Data { data, .. } => PAGE * weight(data).div_ceil(PAGE_BYTES).max(1),
        Source::Url { .. } | Source::File { .. } => PAGE,
    }
}

fn sound(source: &Source) -> u64 {
    match source {
        Source::Data { data, .. } => SECOND * weight(data).div_ceil(SECOND_BYTES).max(1),
        _ => PAGE,
    }
}

fn weight(data: &str) -> u64 {
    data.len() as u64
}

fn tool(tool: &Tool) -> u64 {
    let (name, description, schema) = match tool {
        Tool::Function(tool) => (&tool.name, &tool.description, tool.parameters.as_ref()),
        Tool::Freeform(tool) => (&tool.name, &tool.description, tool.format.as_ref()),
        Tool::WebSearch(_) => return TOOL,
        Tool::Foreign { value, .. } => return TOOL + json(value),
    };
    let described = description.as_deref().map_or(0, count_text);
    TOOL + count_text(name) + described + schema.map_or(0, json)
}

/// JSON is counted as the text it is.
fn json(value: &Value) -> u64 {
    count_text(&value.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::{Dialect, Message};

    #[test]
    fn everything_in_a_request_counts() {
        let mut request = Request::new(Dialect::OpenAiChat);
        let mut last = input_tokens(&request);
        let text = || Part::text("a few words of text");
        request.instructions.push(text());
        let mut grown = |request: &Request| {
            let now = input_tokens(request);
            assert!(now > last, "{now} > {last}");
            last = now;
        };
        grown(&request);
        request
            .messages
            .push(Message::new(Role::User, vec![text()]));
        grown(&request);
        request
            .tools
            .push(Tool::Function(crate::chat::request::Function {
                name: "look_up".into(),
                parameters: Some(serde_json::json!({"type": "object"})),
                ..Default::default()
            }));
        grown(&request);
        request.messages[0]
            .parts
            .push(Part::new(Content::Image(Image {
                source: Source::Text(String::new()),
                detail: None,
            })));
        grown(&request);
    }
}
