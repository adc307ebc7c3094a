//! Annotations: where a text was taken from.

use serde_json::Value;

use super::node::Node;
use crate::chat::part::Citation;
use crate::chat::{Dialect, Extra};
use crate::json::fields::Fields;

/// Reads an annotation; one that names no page of the web is kept as it is.
pub(super) fn read(value: Value) -> Citation {
    let is_web = value.get("type").and_then(Value::as_str) == Some("url_citation");
    let has_url = value.get("url").is_some_and(Value::is_string);
    let Value::Object(map) = value else {
        return foreign(value);
    };
    if !is_web || !has_url {
        return foreign(Value::Object(map));
    }
    let mut fields = Fields::new(map, "");
    fields.take("type");
    let mut text = |key| fields.text(key).ok().flatten();
    let (url, title) = (text("url").unwrap_or_default(), text("title"));
    let mut count = |key| fields.count(key).ok().flatten();
    let (start, end) = (count("start_index"), count("end_index"));
    Citation::Web {
        url,
        title,
        start,
        end,
        cited: None,
        extra: Extra::from(fields.into_rest()),
    }
}

fn foreign(value: Value) -> Citation {
    Citation::Foreign {
        dialect: Dialect::OpenAiResponses,
        value,
    }
}

/// Writes an annotation; where its place is not known, it covers all `length` characters of the text.
/// `None` for what only another dialect can name.
pub(super) fn write(citation: &Citation, length: u64, keeps_extra: bool) -> Option<Value> {
    match citation {
        Citation::Web {
            url,
            title,
            start,
            end,
            cited: _,
            extra,
        } => {
            let node = Node::new(keeps_extra.then_some(extra), &[])
                .with("type", "url_citation")
                .with("start_index", start.unwrap_or(0))
                .with("end_index", end.unwrap_or(length))
                .with("url", url.as_str())
                .with("title", title.as_deref().unwrap_or_default());
            Some(node.into())
        }
        Citation::Foreign { dialect, value } => {
            (*dialect == Dialect::OpenAiResponses).then(|| value.clone())
        }
    }
}

/// The annotations of one text, and whether one of them could not be written.
pub(super) fn write_all(
    citations: &[Citation],
    length: u64,
    keeps_extra: bool,
) -> (Vec<Value>, bool) {
    let written: Vec<Value> = citations
        .iter()
        .filter_map(|citation| write(citation, length, keeps_extra))
        .collect();
    let is_short = written.len() < citations.len();
    (written, is_short)
}
