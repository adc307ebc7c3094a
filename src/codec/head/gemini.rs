//! The fields of a Gemini request that routing reads: proto-JSON, in camelCase or `snake_case`.

use super::{Type, member};
use crate::json::scan;
use crate::provider::{Feature, Features};

/// Top-level fields that are read, none of which may occur twice.
pub(super) const READ: [&str; 12] = [
    "model",
    "contents",
    "provider",
    "alias",
    "strict_alias",
    "extra_body",
    "tools",
    "generationConfig",
    "generation_config",
    "requests",
    "generateContentRequest",
    "generate_content_request",
];

/// Fields whose type is checked before anything is sent.
pub(super) const TYPES: [Type; 3] = [
    Type::optional("tools", b'['),
    Type::optional("generationConfig", b'{'),
    Type::optional("generation_config", b'{'),
];

/// Whether a field of this value makes a second run more than a second bill.
pub(super) fn has_effect(field: &str, value: &[u8]) -> bool {
    field == "tools" && scan::elements(value).flatten().any(has_hosted)
}

/// Everything in a tool that is not a declaration runs at the provider.
fn has_hosted(tool: &[u8]) -> bool {
    scan::members(tool).flatten().any(|field| {
        let is_declared = matches!(
            &tool[field.key..field.key_end],
            b"functionDeclarations" | b"function_declarations"
        );
        !is_declared && &tool[field.value..field.end] != b"null"
    })
}

/// The capabilities that a field of this value needs.
pub(super) fn field_needs(name: &str, value: &[u8]) -> Features {
    match name {
        "tools" if !scan::is_blank(value) => Features::NONE.with(Feature::ToolCalls),
        "generationConfig" | "generation_config" => configured(value),
        "contents" => media(value),
        _ => Features::NONE,
    }
}

fn configured(config: &[u8]) -> Features {
    scan::members(config)
        .flatten()
        .filter_map(|field| {
            let value = &config[field.value..field.end];
            match &config[field.key..field.key_end] {
                _ if scan::is_blank(value) => None,
                b"responseMimeType" | b"response_mime_type" if value != b"\"text/plain\"" => {
                    Some(Feature::Json)
                }
                b"responseSchema"
                | b"response_schema"
                | b"responseJsonSchema"
                | b"response_json_schema" => Some(Feature::Json),
                b"thinkingConfig" | b"thinking_config" => Some(Feature::Reasoning),
                _ => None,
            }
        })
        .collect()
}

/// What the parts of the contents need, by the types of their data.
fn media(contents: &[u8]) -> Features {
    // One content may stand alone, without its list.
    let list = contents.starts_with(b"[");
    let alone = (!list).then_some(contents);
    let contents = if list { contents } else { b"[]" };
    let contents = scan::elements(contents).flatten().chain(alone);
    contents
        .filter_map(|content| member(content, "parts"))
        .flat_map(|parts| scan::elements(parts).flatten())
        .filter_map(data)
        .filter_map(kind_feature)
        .collect()
}

/// The media type of a part's data, quoted.
fn data(part: &[u8]) -> Option<&[u8]> {
    let names = ["inlineData", "fileData", "inline_data", "file_data"];
    let data = names.iter().find_map(|name| member(part, name))?;
    member(data, "mimeType").or_else(|| member(data, "mime_type"))
}

fn kind_feature(kind: &[u8]) -> Option<Feature> {
    match kind {
        kind if kind.starts_with(b"\"image/") => Some(Feature::Vision),
        kind if kind.starts_with(b"\"audio/") => Some(Feature::Audio),
        kind if kind.starts_with(b"\"video/") => Some(Feature::VideoVision),
        kind if kind.starts_with(b"\"text/") => None,
        _ => Some(Feature::Media),
    }
}
