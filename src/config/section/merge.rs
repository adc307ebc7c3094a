//! `extra_body` and `extra_headers`: what is merged into each request of a provider.

use http::{HeaderName, HeaderValue};
use serde_json::json;
use serde_json::value::RawValue;

use crate::config::node::Value;
use crate::config::read::{At, Item, Read};
use crate::config::report::Report;
use crate::config::secrets::secret_header;

/// Fields that decide what is asked and where it goes: only the client sets them.
const PROTECTED_FIELDS: [&str; 4] = ["model", "messages", "input", "stream"];

/// Headers that frame the request or choose its destination: only the gateway sets them.
const PROTECTED_HEADERS: [&str; 6] = [
    "host",
    "content-length",
    "transfer-encoding",
    "connection",
    "te",
    "upgrade",
];

/// `extra_body`, each value as JSON text.
#[derive(Debug, Default)]
pub(super) struct ExtraBody(pub(super) Vec<(String, Box<RawValue>)>);

impl Read for ExtraBody {
    fn read(at: &At<'_>, report: &mut Report) -> Option<Self> {
        let items = at.entries("an object", report)?;
        Some(Self(
            items
                .iter()
                .filter_map(|item| field(item, report))
                .collect(),
        ))
    }

    fn schema() -> serde_json::Value {
        json!({
            "type": "object",
            "propertyNames": { "not": { "enum": PROTECTED_FIELDS } },
        })
    }
}

fn field(item: &Item<'_>, report: &mut Report) -> Option<(String, Box<RawValue>)> {
    if PROTECTED_FIELDS.contains(&item.key) {
        let message = format!(
            "`{}` cannot be set here: it belongs to the client",
            item.key
        );
        report.error(&item.key_place, message);
        return None;
    }
    let raw = RawValue::from_string(item.value.node.to_json());
    let raw = raw.map_err(|_| item.value.expected("a JSON value", report));
    Some((item.key.to_owned(), raw.ok()?))
}

/// `extra_headers`, marked sensitive: they often hold a key.
#[derive(Debug, Default)]
pub(super) struct ExtraHeaders(pub(super) Vec<(HeaderName, HeaderValue)>);

impl Read for ExtraHeaders {
    fn read(at: &At<'_>, report: &mut Report) -> Option<Self> {
        let items = at.entries("an object", report)?;
        Some(Self(
            items
                .iter()
                .filter_map(|item| header(item, report))
                .collect(),
        ))
    }

    fn schema() -> serde_json::Value {
        json!({
            "type": "object",
            "additionalProperties": { "type": ["string", "number"] },
        })
    }
}

fn header(item: &Item<'_>, report: &mut Report) -> Option<(HeaderName, HeaderValue)> {
    let name = HeaderName::from_bytes(item.key.as_bytes()).ok();
    if name.is_none() {
        report.error(&item.key_place, "not a header name");
    }
    let name = name?;
    if PROTECTED_HEADERS.contains(&name.as_str()) {
        report.error(
            &item.key_place,
            format!("`{name}` cannot be set: it belongs to the gateway"),
        );
        return None;
    }
    let header = (name, header_value(&item.value, report)?);
    if let Some(secret) = secret_header(&header) {
        item.value.note_secret(&secret, report);
    }
    Some(header)
}

/// A header value out of a string or a number.
pub(super) fn header_value(at: &At<'_>, report: &mut Report) -> Option<HeaderValue> {
    let text = match &at.node.value {
        Value::Text(text) => &text.text,
        Value::Number(text) => text,
        _ => {
            at.expected("a string", report);
            return None;
        }
    };
    let Ok(mut value) = HeaderValue::from_str(text.trim()) else {
        report.error(&at.place(), "has characters that no header can carry");
        return None;
    };
    value.set_sensitive(true);
    Some(value)
}
