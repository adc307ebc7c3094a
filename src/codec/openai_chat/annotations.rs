//! Annotations: where a text was taken from.

use serde_json::{Value, json};

use crate::chat::part::Citation;
use crate::chat::{Dialect, Extra};

/// Reads one annotation of a message; what is no page of the web stays as it is.
pub(super) fn read(annotation: Value) -> Citation {
    // OpenRouter and the Responses API put the same fields one level higher.
    let inner = annotation.get("url_citation").unwrap_or(&annotation);
    let is_web = annotation["type"] == "url_citation";
    match inner.get("url").and_then(Value::as_str) {
        Some(url) if is_web => Citation::Web {
            url: url.to_owned(),
            title: text(inner, "title"),
            start: inner.get("start_index").and_then(Value::as_u64),
            end: inner.get("end_index").and_then(Value::as_u64),
            cited: text(inner, "content"),
            extra: Extra::default(),
        },
        _ => Citation::Foreign {
            dialect: Dialect::OpenAiChat,
            value: annotation,
        },
    }
}

fn text(object: &Value, key: &str) -> Option<String> {
    object.get(key)?.as_str().map(str::to_owned)
}

/// Writes an annotation of a text that begins at character `base` of the message and has `length`
/// characters; `None` if only another dialect could name the place.
pub(super) fn write(citation: &Citation, base: u64, length: u64) -> Option<Value> {
    match citation {
        Citation::Web {
            url,
            title,
            start,
            end,
            cited,
            extra: _,
        } => {
            let mut inner = json!({
                "start_index": base.saturating_add(start.unwrap_or(0)),
                "end_index": base.saturating_add(end.unwrap_or(length)),
                "title": title.as_deref().unwrap_or_default(),
                "url": url,
            });
            if let Some(cited) = cited {
                inner["content"] = json!(cited);
            }
            Some(json!({"type": "url_citation", "url_citation": inner}))
        }
        Citation::Foreign { dialect, value } => {
            (*dialect == Dialect::OpenAiChat).then(|| value.clone())
        }
    }
}
