//! Removal of what no target can take (`router.strip_unsupported`): named parts go, the rest stays in order.

use bytes::Bytes;
use serde_json::{Value, json};

use super::request::part_feature;
use crate::json::raw::{Edit, RawObject};
use crate::provider::{Feature, Features};

/// Fields that say which tools there are and how to call them.
pub const TOOL_FIELDS: [&str; 5] = [
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "functions",
    "function_call",
];

/// Removes what needs one of `missing` from the request and returns the names of what was removed.
///
/// A message that would be left empty keeps a line that says what was there.
pub fn strip(body: &RawObject, missing: Features, edit: &mut Edit<'_>) -> Vec<String> {
    let mut removed = Vec::new();
    if missing.has(Feature::ToolCalls) {
        for field in TOOL_FIELDS {
            if body.get(field).is_some() {
                edit.remove(field);
                removed.push(field.to_owned());
            }
        }
    }
    if let Some(messages) = body
        .get("messages")
        .and_then(|text| serde_json::from_slice::<Value>(text).ok())
    {
        let (messages, kinds) = strip_messages(messages, missing);
        if !kinds.is_empty() {
            edit.set("messages", Bytes::from(messages.to_string()));
            removed.extend(kinds.into_iter().map(|kind| format!("messages.{kind}")));
        }
    }
    removed
}

fn strip_messages(mut messages: Value, missing: Features) -> (Value, Vec<String>) {
    let mut kinds: Vec<String> = Vec::new();
    for message in messages.as_array_mut().into_iter().flatten() {
        let Some(parts) = message["content"].as_array_mut() else {
            continue;
        };
        let before = kinds.len();
        let had_parts = !parts.is_empty();
        parts.retain(|part| match lacking(part, missing) {
            Some(kind) => {
                kinds.push(kind);
                false
            }
            None => true,
        });
        if had_parts && parts.is_empty() {
            let what = kinds[before..].join(", ");
            parts.push(json!({ "type": "text", "text": format!("[removed: {what}]") }));
        }
    }
    kinds.sort_unstable();
    kinds.dedup();
    (messages, kinds)
}

fn lacking(part: &Value, missing: Features) -> Option<String> {
    let kind = part["type"].as_str()?;
    let feature = part_feature(format!("\"{kind}\"").as_bytes())?;
    missing.has(feature).then(|| kind.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stripped(text: &str, missing: &[Feature]) -> (Value, Vec<String>) {
        let body = RawObject::parse(Bytes::copy_from_slice(text.as_bytes())).expect("valid");
        let mut edit = body.edit();
        let removed = strip(&body, missing.iter().copied().collect(), &mut edit);
        let bytes: Vec<u8> = edit.finish().iter().flatten().copied().collect();
        (serde_json::from_slice(&bytes).expect("valid"), removed)
    }

    #[test]
    fn removes_images_and_names_them() {
        let text = r#"{"messages":[{"role":"user","content":[{"type":"text","text":"a"},{"type":"image_url"}]}]}"#;
        let (body, removed) = stripped(text, &[Feature::Vision]);
        assert_eq!(
            body["messages"][0]["content"],
            json!([{"type":"text","text":"a"}])
        );
        assert_eq!(removed, ["messages.image_url"]);
    }

    #[test]
    fn never_leaves_an_empty_message() {
        let (body, _) = stripped(
            r#"{"messages":[{"content":[{"type":"image_url"}]}]}"#,
            &[Feature::Vision],
        );
        assert_eq!(
            body["messages"][0]["content"][0]["text"],
            "[removed: image_url]"
        );
    }

    #[test]
    fn removes_tools_with_what_refers_to_them() {
        let (body, removed) = stripped(
            r#"{"tools":[{}],"tool_choice":"auto","x":1}"#,
            &[Feature::ToolCalls],
        );
        assert_eq!(body, json!({"x":1}));
        assert_eq!(removed, ["tools", "tool_choice"]);
    }
}
