//! `generateContent` to the neutral form.

use serde_json::{Map, Value};

use super::message::Reader;
use super::{config, tools};
use crate::chat::extra::is_blank;
use crate::chat::{Dialect, Leftovers, Part, Request};
use crate::codec::gemini::wire;
use crate::json::fields::{BadField, Fields};

/// What belongs to the transport or to this gateway.
const NOT_OURS: &[&str] = &[
    "model",
    "stream",
    "streamOptions",
    "alias",
    "strictAlias",
    "extraBody",
];

/// What has no meaning for an answer of another vendor.
const IDLE: &[&str] = &["safetySettings"];

/// Reads the body of `generateContent`.
///
/// # Errors
/// A field is not of the type that it must be.
pub fn decode_request(body: Map<String, Value>) -> Result<Request, BadField> {
    let mut fields = wire::node_of(body, "");
    for key in NOT_OURS {
        fields.take(key);
    }
    if fields.peek_text("provider").is_some() {
        fields.take("provider");
    }
    let mut request = Request::new(Dialect::Gemini);
    let mut leftovers = Leftovers::default();
    let mut own = Map::new();

    let mut reader = Reader::new(&mut leftovers);
    request.messages = reader.contents(fields.take("contents"))?;
    request.instructions = instructions(&mut reader, &mut fields, &mut own)?;
    request.tools = tools::decode(wire::list(&mut fields, "tools"), &mut leftovers)?;
    tools::decode_choice(&mut fields, &mut request, &mut own, &mut leftovers)?;
    config::decode(&mut fields, &mut request, &mut own, &mut leftovers)?;
    request.metadata = fields.object("labels")?.map(Fields::into_rest);
    request.store = fields.boolean("store")?;
    service_tier(&mut fields, &mut request, &mut own)?;
    for key in IDLE {
        if let Some(value) = fields.take(key) {
            if !is_blank(&value) {
                leftovers.note_idle((*key).to_owned());
            }
            own.insert((*key).to_owned(), value);
        }
    }

    request.extra = leftovers.collect(fields);
    for (key, value) in own {
        request.extra.set(&key, value);
    }
    request.leftovers = leftovers;
    Ok(request)
}

/// `systemInstruction`: text, a content, or its parts.
fn instructions(
    reader: &mut Reader<'_>,
    fields: &mut Fields,
    own: &mut Map<String, Value>,
) -> Result<Vec<Part>, BadField> {
    let path = fields.path_of("systemInstruction");
    let parts = match fields.take("systemInstruction") {
        None => return Ok(Vec::new()),
        Some(Value::Object(content)) if is_content(&content) => {
            let mut content = wire::node_of(content, path.clone());
            let parts = wire::list(&mut content, "parts");
            // SDKs write some role or other here; it says nothing.
            if let Some(role) = content.take("role") {
                own.insert(
                    "systemInstruction".to_owned(),
                    [("role".to_owned(), role)]
                        .into_iter()
                        .collect::<Map<_, _>>()
                        .into(),
                );
            }
            reader.leave(content);
            parts
        }
        Some(Value::Array(parts)) => parts,
        Some(single) => vec![single],
    };
    reader.parts(parts, &format!("{path}.parts[]"))
}

/// Whether an object is a content rather than a single part.
pub(super) fn is_content(map: &Map<String, Value>) -> bool {
    map.contains_key("parts") || map.contains_key("role")
}

/// Neutral tiers have OpenAI's names.
fn service_tier(
    fields: &mut Fields,
    request: &mut Request,
    own: &mut Map<String, Value>,
) -> Result<(), BadField> {
    let Some(tier) = fields.text("serviceTier")? else {
        return Ok(());
    };
    let neutral = match wire::constant(&tier, "SERVICE_TIER_").as_str() {
        "STANDARD" => Some("default"),
        "FLEX" => Some("flex"),
        "PRIORITY" => Some("priority"),
        "UNSPECIFIED" | "" => None,
        _ => {
            fields.put_back("serviceTier", tier.into());
            return Ok(());
        }
    };
    request.service_tier = neutral.map(str::to_owned);
    own.insert("serviceTier".to_owned(), tier.into());
    Ok(())
}
