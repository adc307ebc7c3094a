//! The fields of a chat request that routing reads.

use super::super::head::{Type, member};
use crate::json::scan;
use crate::provider::{Feature, Features};

/// Top-level fields that autogw reads. A duplicate of one is refused: first-wins and last-wins
/// readers would see two different requests.
pub(in crate::codec) const READ: [&str; 24] = [
    "model",
    "messages",
    "input",
    "stream",
    "stream_options",
    "provider",
    "alias",
    "strict_alias",
    "extra_body",
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "functions",
    "function_call",
    "response_format",
    "reasoning",
    "reasoning_effort",
    "store",
    "background",
    "conversation",
    "previous_response_id",
    "web_search_options",
    "search_parameters",
    "plugins",
];

/// Fields whose type is checked before anything is sent.
pub(in crate::codec) const TYPES: [Type; 4] = [
    Type::required("messages", b'['),
    Type::optional("tools", b'['),
    Type::optional("functions", b'['),
    Type::optional("response_format", b'{'),
];

/// Whether a field of this value makes a second run of the request more than a second bill.
pub(in crate::codec) fn has_effect(field: &str, value: &[u8]) -> bool {
    match field {
        "store" | "background" => value == b"true",
        // Of searches that are no tools, this is OpenAI's, and those below are xAI's and OpenRouter's.
        "conversation" | "previous_response_id" | "web_search_options" => value != b"null",
        "tools" => has_hosted_tools(value),
        "search_parameters" => !scan::is_blank(value) && member(value, "mode") != Some(b"\"off\""),
        "plugins" => !scan::is_blank(value),
        _ => false,
    }
}

/// Hosted tools run at the provider: anything that is neither a function nor free-form.
fn has_hosted_tools(tools: &[u8]) -> bool {
    let local = |tool: &[u8]| {
        matches!(
            member(tool, "type"),
            Some(b"\"function\"" | b"\"custom\"") | None
        )
    };
    scan::elements(tools).flatten().any(|tool| !local(tool))
}

/// The capabilities that a field of this value needs.
pub(in crate::codec) fn field_needs(name: &str, value: &[u8]) -> Features {
    let one = |feature| Features::NONE.with(feature);
    match name {
        "tools" | "functions" if !scan::is_blank(value) => one(Feature::ToolCalls),
        "reasoning" | "reasoning_effort" if !scan::is_blank(value) => one(Feature::Reasoning),
        "response_format" if !matches!(member(value, "type"), None | Some(b"\"text\"")) => {
            one(Feature::Json)
        }
        "messages" => media(value).collect(),
        _ => Features::NONE,
    }
}

/// The capability that a content part of this `type` needs.
pub fn part_feature(kind: &[u8]) -> Option<Feature> {
    match kind {
        b"\"image_url\"" | b"\"input_image\"" | b"\"image\"" => Some(Feature::Vision),
        b"\"input_audio\"" => Some(Feature::Audio),
        b"\"video_url\"" | b"\"input_video\"" => Some(Feature::VideoVision),
        b"\"file\"" | b"\"input_file\"" => Some(Feature::Media),
        _ => None,
    }
}

/// Whether anything, at whatever depth, has the `type` of a part that needs a capability.
fn mentions_media(messages: &[u8]) -> bool {
    const KEY: &[u8] = b"\"type\"";
    memchr::memmem::find_iter(messages, KEY).any(|at| {
        let value = messages[at + KEY.len()..].trim_ascii_start();
        let value = value.strip_prefix(b":").unwrap_or_default();
        let value = value.trim_ascii_start();
        let end = value.iter().skip(1).position(|&byte| byte == b'"');
        end.is_some_and(|end| part_feature(&value[..end + 2]).is_some())
    })
}

fn media(messages: &[u8]) -> impl Iterator<Item = Feature> {
    // Nearly every request has none, and is told apart by a search that runs at the speed of memory.
    let messages = if mentions_media(messages) {
        messages
    } else {
        b"[]"
    };
    scan::elements(messages)
        .flatten()
        .filter_map(|message| member(message, "content"))
        .filter(|content| content.starts_with(b"["))
        .flat_map(|content| scan::elements(content).flatten())
        .filter_map(|part| part_feature(member(part, "type")?))
}
