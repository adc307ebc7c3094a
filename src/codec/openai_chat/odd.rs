//! Requests in odd shapes: the body of another vendor, or half of one, posted to the Chat endpoint.
//!
//! They cannot pass as bytes, so they are decoded and encoded. This is asked of every request, before
//! anything else is read: only the top level, the first tool and the first message are looked at.

use crate::json::raw::RawObject;
use crate::json::scan;

/// Fields that only other vendors have at the top of a request.
pub(super) const FIELDS: [&str; 13] = [
    "contents",
    "input",
    "system",
    "systemInstruction",
    "system_instruction",
    "instructions",
    "generationConfig",
    "generation_config",
    "toolConfig",
    "tool_config",
    "stop_sequences",
    "max_tokens_to_sample",
    "output_config",
];

/// Types of parts that Chat does not have.
const PARTS: [&[u8]; 9] = [
    b"\"image\"",
    b"\"document\"",
    b"\"tool_use\"",
    b"\"tool_result\"",
    b"\"redacted_thinking\"",
    b"\"input_text\"",
    b"\"output_text\"",
    b"\"input_image\"",
    b"\"input_file\"",
];

/// Whether the body is not quite one of Chat.
pub fn is_odd(body: &RawObject) -> bool {
    body.iter().any(|(name, value)| match name {
        Some("tools") => first(value).is_some_and(is_odd_tool),
        Some("messages") => first(value).is_some_and(is_odd_message),
        Some(name) => FIELDS.contains(&name) && value != b"null",
        None => false,
    })
}

/// The list from its first element on. Where that ends is for its members to say: a long first message is
/// walked once less.
fn first(list: &[u8]) -> Option<&[u8]> {
    list.strip_prefix(b"[")
}

/// A function of Chat has its name one level deeper; hosted tools have a type of their own.
fn is_odd_tool(tool: &[u8]) -> bool {
    let (mut is_nested, mut is_flat) = (false, false);
    for member in scan::members(tool).map_while(Result::ok) {
        match &tool[member.key..member.key_end] {
            b"function" | b"custom" => is_nested = true,
            b"input_schema" | b"functionDeclarations" | b"function_declarations" => return true,
            b"parameters" => is_flat = true,
            _ => {}
        }
    }
    is_flat && !is_nested
}

fn is_odd_message(message: &[u8]) -> bool {
    let mut members = scan::members(message).map_while(Result::ok);
    members.any(|member| {
        let value = &message[member.value..member.end];
        match &message[member.key..member.key_end] {
            b"parts" => value.starts_with(b"["),
            b"content" if value.starts_with(b"[") => {
                scan::elements(value).map_while(Result::ok).any(is_odd_part)
            }
            _ => false,
        }
    })
}

fn is_odd_part(part: &[u8]) -> bool {
    let mut members = scan::members(part).map_while(Result::ok);
    // It mostly stands before the text, which is then not walked again.
    let kind = members.find(|member| &part[member.key..member.key_end] == b"type");
    kind.is_some_and(|kind| PARTS.contains(&&part[kind.value..kind.end]))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn is(text: &str) -> bool {
        is_odd(&RawObject::parse(Bytes::copy_from_slice(text.as_bytes())).expect("valid"))
    }

    #[test]
    fn bodies_of_other_vendors_are_recognised() {
        for text in [
            r#"{"contents":[{"parts":[{"text":"a"}]}]}"#,
            r#"{"model":"m","input":"a"}"#,
            r#"{"model":"m","system":"a","messages":[]}"#,
            r#"{"messages":[],"stop_sequences":["a"]}"#,
            r#"{"messages":[{"role":"user","parts":[{"text":"a"}]}]}"#,
            r#"{"messages":[{"role":"user","content":[{"type":"image","source":{}}]}]}"#,
            r#"{"messages":[],"tools":[{"name":"f","input_schema":{}}]}"#,
            r#"{"messages":[],"tools":[{"type":"function","name":"f","parameters":{}}]}"#,
            r#"{"messages":[],"tools":[{"functionDeclarations":[]}]}"#,
        ] {
            assert!(is(text), "{text}");
        }
    }

    #[test]
    fn bodies_of_chat_are_not() {
        for text in [
            r#"{"model":"m","messages":[{"role":"user","content":"a"}],"input":null}"#,
            r#"{"messages":[{"role":"user","content":[{"type":"text","text":"\"tool_use\""},{"type":"image_url"}]}]}"#,
            r#"{"messages":[],"tools":[{"type":"function","function":{"name":"f","parameters":{}}}]}"#,
            r#"{"messages":[],"tools":[{"type":"custom","custom":{"name":"f"}}]}"#,
            r#"{"messages":[],"tools":[{"type":"web_search"}]}"#,
            r#"{"messages":"x","tools":7}"#,
            "{}",
        ] {
            assert!(!is(text), "{text}");
        }
    }
}
