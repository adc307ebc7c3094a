//! The fields of a Responses request that routing reads.

use super::{Type, is_one_of, member};
use crate::json::scan;
use crate::provider::{Feature, Features};

/// Top-level fields that are read, none of which may occur twice.
pub(super) const READ: [&str; 16] = [
    "model",
    "input",
    "stream",
    "provider",
    "alias",
    "strict_alias",
    "extra_body",
    "tools",
    "tool_choice",
    "text",
    "reasoning",
    "store",
    "background",
    "conversation",
    "previous_response_id",
    "models",
];

/// Fields whose type is checked before anything is sent. `input` may be text or a list.
pub(super) const TYPES: [Type; 2] = [Type::optional("tools", b'['), Type::optional("text", b'{')];

/// Tools that the client runs: everything else runs at the provider.
const LOCAL_TOOLS: [&str; 7] = [
    "function",
    "custom",
    "namespace",
    "local_shell",
    "apply_patch",
    "tool_search",
    "additional_tools",
];

/// Whether a field of this value makes a second run more than a second bill. That an answer is stored
/// where `store` is absent is not said here.
pub(super) fn has_effect(field: &str, value: &[u8]) -> bool {
    match field {
        "store" | "background" => value == b"true",
        "conversation" | "previous_response_id" => value != b"null",
        "tools" => scan::elements(value).flatten().any(is_hosted),
        _ => false,
    }
}

fn is_hosted(tool: &[u8]) -> bool {
    member(tool, "type").is_some_and(|kind| !is_one_of(kind, &LOCAL_TOOLS))
}

/// The capabilities that a field of this value needs.
pub(super) fn field_needs(name: &str, value: &[u8]) -> Features {
    let one = |feature| Features::NONE.with(feature);
    match name {
        "tools" if !scan::is_blank(value) => one(Feature::ToolCalls),
        "reasoning" if !scan::is_blank(value) => one(Feature::Reasoning),
        "text" if asks_for_json(value) => one(Feature::Json),
        "input" => media(value),
        _ => Features::NONE,
    }
}

fn asks_for_json(text: &[u8]) -> bool {
    let kind = member(text, "format").and_then(|format| member(format, "type"));
    !matches!(kind, None | Some(b"\"text\""))
}

/// What the parts of messages and of tool results need.
fn media(input: &[u8]) -> Features {
    let items = scan::elements(input).flatten();
    let lists = items.flat_map(|item| [member(item, "content"), member(item, "output")]);
    lists
        .flatten()
        .filter(|list| list.starts_with(b"["))
        .flat_map(|list| scan::elements(list).flatten())
        .filter_map(|part| part_feature(member(part, "type")?))
        .collect()
}

fn part_feature(kind: &[u8]) -> Option<Feature> {
    match kind {
        b"\"input_image\"" => Some(Feature::Vision),
        b"\"input_audio\"" => Some(Feature::Audio),
        b"\"input_video\"" => Some(Feature::VideoVision),
        b"\"input_file\"" => Some(Feature::Media),
        _ => None,
    }
}
