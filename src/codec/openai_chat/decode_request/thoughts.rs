//! Thoughts of a message of the assistant, and what must come back beside its texts and calls.

use serde_json::Value;

use crate::chat::part::{Content, Reasoning};
use crate::chat::{Opaque, OpaqueKind, Part};
use crate::codec::openai_chat::spelling::Spelling;
use crate::codec::openai_chat::{annotations, details};
use crate::json::fields::{BadField, Fields};

/// Thoughts, under any of the names they go by, with what must come back beside them.
pub(super) fn thoughts(
    fields: &mut Fields,
    spelling: &mut Spelling,
) -> Result<Vec<Part>, BadField> {
    let mut text = fields.text("reasoning_content")?;
    if let Some(Value::String(other)) = fields.peek("reasoning") {
        let name = if text.is_some() { "both" } else { "reasoning" };
        spelling.note("reasoning_content", name);
        text = text.or_else(|| Some(other.clone()));
        fields.take("reasoning");
    }
    let details = fields.list("reasoning_details")?.unwrap_or_default();
    let has_details = !details.is_empty();
    let (sealed, own) = details::split(details);
    let mut thoughts = sealed;
    if !own.is_empty() {
        let text = text.take().unwrap_or_else(|| {
            spelling.note("reasoning_content", "none");
            details::text(&own)
        });
        let opaque = Opaque::unsealed(OpaqueKind::Details, Value::Array(own).to_string());
        thoughts.insert(
            0,
            Reasoning {
                text,
                opaque: Some(opaque),
            },
        );
    } else if !has_details {
        let text = text.filter(|text| !text.is_empty());
        thoughts.extend(text.map(|text| Reasoning { text, opaque: None }));
    }
    let part = |thought| Part::new(Content::Reasoning(thought));
    Ok(thoughts.into_iter().map(part).collect())
}

/// Annotations and the state of a text, which belong to the last text of the message.
pub(super) fn text_extras(fields: &mut Fields, parts: &mut [Part]) {
    let mut texts = parts.iter_mut().filter_map(|part| match &mut part.content {
        Content::Text(text) => Some(text),
        _ => None,
    });
    let Some(text) = texts.next_back() else {
        return;
    };
    if let Some(Value::Array(list)) = fields.peek("annotations")
        && !list.is_empty()
    {
        text.citations = list.iter().cloned().map(annotations::read).collect();
        fields.take("annotations");
    }
    text.signature = take_signature(fields);
}

/// The state Gemini gives with texts and calls, in the place its own Chat endpoint puts it.
pub(super) fn take_signature(fields: &mut Fields) -> Option<Opaque> {
    let extra = fields.peek("extra_content")?;
    let slot = extra.pointer("/google/thought_signature")?.as_str()?;
    let signature = Opaque::open(slot, OpaqueKind::Thought);
    let is_all = extra.as_object().is_some_and(|map| map.len() == 1)
        && extra["google"]
            .as_object()
            .is_some_and(|map| map.len() == 1);
    if is_all {
        fields.take("extra_content");
    }
    signature
}
