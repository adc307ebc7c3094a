//! The fields of a Messages request that routing reads.

use super::{Type, member};
use crate::json::scan;
use crate::provider::{Feature, Features};

/// Top-level fields that are read, none of which may occur twice.
pub(super) const READ: [&str; 16] = [
    "model",
    "messages",
    "stream",
    "provider",
    "alias",
    "strict_alias",
    "extra_body",
    "tools",
    "tool_choice",
    "thinking",
    "output_config",
    "output_format",
    "container",
    "mcp_servers",
    "models",
    "fallbacks",
];

/// Fields whose type is checked before anything is sent.
pub(super) const TYPES: [Type; 4] = [
    Type::required("messages", b'['),
    Type::optional("tools", b'['),
    Type::optional("thinking", b'{'),
    Type::optional("output_config", b'{'),
];

/// Beginnings of the types of tools that Anthropic defines and the client runs.
const LOCAL_TOOLS: [&[u8]; 6] = [
    b"\"custom\"",
    b"\"bash_",
    b"\"text_editor_",
    b"\"memory_",
    b"\"computer_",
    b"\"tool_search_",
];

/// Whether a field of this value makes a second run more than a second bill.
pub(super) fn has_effect(field: &str, value: &[u8]) -> bool {
    match field {
        "tools" => scan::elements(value).flatten().any(is_hosted),
        "container" | "mcp_servers" => !scan::is_blank(value),
        _ => false,
    }
}

fn is_hosted(tool: &[u8]) -> bool {
    let is_local =
        |kind: &[u8]| kind == b"null" || LOCAL_TOOLS.iter().any(|own| kind.starts_with(own));
    member(tool, "type").is_some_and(|kind| !is_local(kind))
}

/// The capabilities that a field of this value needs.
pub(super) fn field_needs(name: &str, value: &[u8]) -> Features {
    let one = |feature| Features::NONE.with(feature);
    match name {
        "tools" if !scan::is_blank(value) => one(Feature::ToolCalls),
        "thinking" if is_thinking(value) => one(Feature::Reasoning),
        "output_format" if !scan::is_blank(value) => one(Feature::Json),
        "output_config" => configured(value),
        "messages" => media(value),
        _ => Features::NONE,
    }
}

fn is_thinking(thinking: &[u8]) -> bool {
    !matches!(member(thinking, "type"), None | Some(b"\"disabled\""))
}

fn configured(config: &[u8]) -> Features {
    let has = |field| member(config, field).is_some_and(|value| !scan::is_blank(value));
    let asked = [
        has("format").then_some(Feature::Json),
        has("effort").then_some(Feature::Reasoning),
    ];
    asked.into_iter().flatten().collect()
}

/// What the blocks of messages need, and those of tool results among them.
fn media(messages: &[u8]) -> Features {
    let contents = scan::elements(messages)
        .flatten()
        .filter_map(|message| member(message, "content"));
    contents
        .flat_map(blocks)
        .flat_map(|block| {
            let inner = match member(block, "type") {
                Some(b"\"tool_result\"") => member(block, "content").unwrap_or_default(),
                _ => b"",
            };
            std::iter::once(block).chain(blocks(inner))
        })
        .filter_map(|block| block_feature(member(block, "type")?))
        .collect()
}

/// The blocks of a content that is a list; a text has none.
fn blocks(content: &[u8]) -> impl Iterator<Item = &[u8]> {
    let list = if content.starts_with(b"[") {
        content
    } else {
        b"[]"
    };
    scan::elements(list).flatten()
}

fn block_feature(kind: &[u8]) -> Option<Feature> {
    match kind {
        b"\"image\"" => Some(Feature::Vision),
        b"\"document\"" => Some(Feature::Media),
        _ => None,
    }
}
