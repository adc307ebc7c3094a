//! A request, written for one target: the body as slices of what the client sent, its path, its headers.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::call::{Call, Endpoint};
use super::nested;
use super::prepared::{Payload, Prepared};
use super::upstream::Pieces;
use crate::chat::Dialect;
use crate::codec::head::PROTECTED;
use crate::codec::openai_chat::strip::{TOOL_FIELDS, strip};
use crate::config::ConflictResolution;
use crate::json::raw::{Edit, RawObject};
use crate::provider::{Feature, Features, Provider, Quirk};
use crate::route::Offer;
use crate::route::plan::missing;

/// Fields that are ours, not the upstream's.
const CONTROL: [&str; 4] = ["provider", "alias", "strict_alias", "extra_body"];

/// The header that names the version of Anthropic's interface.
pub static VERSION: HeaderName = HeaderName::from_static("anthropic-version");
static BETA: HeaderName = HeaderName::from_static("anthropic-beta");

/// What is asked for where the client names no version.
pub const DEFAULT_VERSION: HeaderValue = HeaderValue::from_static("2023-06-01");

/// Everything but what may stand in a path segment as it is.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// A request written for one target.
#[derive(Debug)]
pub struct Written {
    /// Where it goes below the provider's base URL; borrowed if it is the endpoint's own path.
    pub path: Cow<'static, str>,
    /// The body.
    pub body: Pieces,
    /// Headers that go with it.
    pub headers: HeaderMap,
    /// Whether the usage chunk is asked for by us and is to be taken out again.
    pub strips_usage: bool,
    /// What was removed from the request.
    pub dropped: Vec<String>,
}

/// For whom a request is written.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a> {
    /// The endpoint there, in the dialect that was chosen.
    pub endpoint: &'static Endpoint,
    /// The model.
    pub offer: &'a Offer,
    /// Whose it is.
    pub provider: &'a Provider,
    /// Parameters that it refused of late.
    pub refused: &'a [Arc<str>],
}

impl Written {
    /// A request whose `body` was translated for `reader`.
    pub fn translated(call: &Call, streams: bool, reader: Reader<'_>, body: Bytes) -> Self {
        let mut headers = forwarded(call, reader);
        if streams {
            let events = HeaderValue::from_static("text/event-stream");
            headers.insert(header::ACCEPT, events);
        }
        Self {
            path: path(reader, streams),
            body: Pieces::new(vec![body]),
            headers,
            strips_usage: false,
            dropped: Vec::new(),
        }
    }
}

impl Prepared {
    /// Writes the request for `reader`.
    pub fn write(&self, call: &Call, reader: Reader<'_>, needs: Features) -> Written {
        let mut headers = forwarded(call, reader);
        let path = path(reader, self.streams);
        match &self.payload {
            Payload::Json(object) => {
                if self.streams {
                    let events = HeaderValue::from_static("text/event-stream");
                    headers.insert(header::ACCEPT, events);
                }
                let (body, dropped, strips_usage) = self.write_json(object, reader, needs);
                Written {
                    path,
                    body,
                    headers,
                    strips_usage,
                    dropped,
                }
            }
            Payload::Form { form, content_type } => {
                headers.insert(header::CONTENT_TYPE, content_type.clone());
                let body = Pieces::new(form.with("model", &model(reader.offer), &CONTROL));
                Written {
                    path,
                    body,
                    headers,
                    strips_usage: false,
                    dropped: Vec::new(),
                }
            }
        }
    }

    fn write_json(
        &self,
        object: &RawObject,
        reader: Reader<'_>,
        needs: Features,
    ) -> (Pieces, Vec<String>, bool) {
        let Reader {
            endpoint,
            offer,
            provider,
            refused,
        } = reader;
        let mut edit = object.edit();
        if endpoint.dialect == Dialect::Gemini {
            nested::rename(object, &model(offer), &mut edit);
        } else {
            if object.get("model") != Some(&offer.upstream_json) {
                edit.set("model", offer.upstream_json.clone());
            }
            if self.streams && self.head.stream.is_none() {
                edit.set("stream", "true");
            }
        }
        self.remove_control_fields(&mut edit);
        let mut dropped = Vec::new();
        let mut strips_usage = false;
        if endpoint.dialect == Dialect::OpenAiChat {
            dropped = self.strip_missing(object, missing(needs, offer.features), &mut edit);
            dropped.extend(self.resolve_conflict(object, offer, &mut edit));
            if self.streams && endpoint.generates() {
                strips_usage = self.ask_for_usage(object, provider, &mut edit, &mut dropped);
            }
        }
        dropped.extend(nested::leave_out(object, refused, &mut edit));
        self.merge_extras(&mut edit, provider, &dropped);
        (Pieces::new(edit.finish()), dropped, strips_usage)
    }

    /// Asks for the usage of a stream, if the client did not; true if the chunk is ours to take out.
    fn ask_for_usage(
        &self,
        object: &RawObject,
        provider: &Provider,
        edit: &mut Edit<'_>,
        dropped: &mut Vec<String>,
    ) -> bool {
        let given = object.get("stream_options");
        if provider.preset.quirks.contains(&Quirk::NoStreamOptions) {
            if given.is_some() {
                edit.remove("stream_options");
                dropped.push("stream_options".to_owned());
            }
            return false;
        }
        if !self.head.include_usage {
            edit.set("stream_options", asking_for_usage(given));
        }
        !self.head.include_usage
    }

    fn remove_control_fields(&self, edit: &mut Edit<'_>) {
        for field in CONTROL {
            // OpenRouter's `provider` object stays.
            if field != "provider" || self.has_pin_in_body() {
                edit.remove(field);
            }
        }
    }

    fn has_pin_in_body(&self) -> bool {
        match &self.payload {
            Payload::Json(object) => object
                .get("provider")
                .is_some_and(|value| value.starts_with(b"\"") || value == b"null"),
            Payload::Form { .. } => true,
        }
    }

    /// The client's field wins over its `extra_body`, and that over the provider's; what was taken out
    /// does not come back.
    fn merge_extras(&self, edit: &mut Edit<'_>, provider: &Provider, dropped: &[String]) {
        for (field, value) in &self.head.extra_body {
            if !PROTECTED.contains(&field.as_str()) && !dropped.contains(field) {
                edit.set_default(field, value.clone());
            }
        }
        for (field, value) in &provider.extra_body {
            if !dropped.contains(field) {
                edit.set_default(field, Bytes::copy_from_slice(value.get().as_bytes()));
            }
        }
    }

    /// A step of a route may say which of tools and response format stays when a request has both.
    fn resolve_conflict(
        &self,
        object: &RawObject,
        offer: &Offer,
        edit: &mut Edit<'_>,
    ) -> Vec<String> {
        let Some(keep) = offer.rules.as_ref().and_then(|rules| rules.keep) else {
            return Vec::new();
        };
        let needs = self.all_needs(object);
        if !needs.has(Feature::ToolCalls) || !needs.has(Feature::Json) {
            return Vec::new();
        }
        let loses: &[&str] = match keep {
            ConflictResolution::Tools => &["response_format"],
            ConflictResolution::Format => &TOOL_FIELDS,
        };
        let lost = loses
            .iter()
            .filter(|field| object.get(field).is_some() || self.has_extra(field));
        lost.map(|field| {
            edit.remove(field);
            (*field).to_owned()
        })
        .collect()
    }

    fn strip_missing(
        &self,
        object: &RawObject,
        missing: Features,
        edit: &mut Edit<'_>,
    ) -> Vec<String> {
        if missing.is_empty() {
            return Vec::new();
        }
        let mut dropped = strip(object, missing, edit);
        if missing.has(Feature::ToolCalls) {
            let extra = |field: &&str| object.get(field).is_none() && self.has_extra(field);
            dropped.extend(TOOL_FIELDS.into_iter().filter(extra).map(str::to_owned));
        }
        dropped
    }
}

/// `stream_options` with `include_usage`, whatever else the client put there kept.
fn asking_for_usage(given: Option<&[u8]>) -> Bytes {
    let given = given.and_then(|text| RawObject::parse(Bytes::copy_from_slice(text)).ok());
    let Some(given) = given else {
        return Bytes::from_static(b"{\"include_usage\":true}");
    };
    let mut edit = given.edit();
    edit.set("include_usage", "true");
    edit.finish().concat().into()
}

/// The name of the model there.
fn model(offer: &Offer) -> String {
    serde_json::from_slice(&offer.upstream_json).unwrap_or_default()
}

/// Where the request goes. Streams of Google's are always asked for as events.
fn path(reader: Reader<'_>, streams: bool) -> Cow<'static, str> {
    let Some(verb) = reader.endpoint.path.strip_prefix("/models:") else {
        return Cow::Borrowed(reader.endpoint.path);
    };
    let verb = if streams {
        "streamGenerateContent?alt=sse"
    } else {
        verb
    };
    Cow::Owned(gemini_path(&model(reader.offer), verb))
}

/// The path of `verb` for a model of Google's, whose name is one segment of it.
pub fn gemini_path(model: &str, verb: &str) -> String {
    let (kind, name) = match model.strip_prefix("tunedModels/") {
        Some(tuned) => ("tunedModels", tuned),
        None => ("models", model.strip_prefix("models/").unwrap_or(model)),
    };
    let name = utf8_percent_encode(name, SEGMENT);
    format!("/{kind}/{name}:{verb}")
}

/// Client headers that the upstream may see. Everything else stays here: credentials, cookies, addresses,
/// and whatever else a client's surroundings add.
fn forwarded(call: &Call, reader: Reader<'_>) -> HeaderMap {
    let dialect = reader.endpoint.dialect;
    let is_native = call.endpoint.dialect == dialect;
    let own = &reader.provider.preset.forward_headers;
    let is_forwarded = |name: &HeaderName| match name.as_str() {
        "openai-beta" => is_native && dialect != Dialect::Anthropic && dialect != Dialect::Gemini,
        "anthropic-version" | "anthropic-beta" => is_native && dialect == Dialect::Anthropic,
        name => own.iter().any(|own| own == name),
    };
    let mut headers = HeaderMap::new();
    for (name, value) in &call.headers {
        if is_forwarded(name) {
            headers.append(name, value.clone());
        }
    }
    if dialect == Dialect::Anthropic {
        complete_version(reader.provider, &mut headers);
    }
    headers
}

/// Anthropic refuses requests without a version; a configured one is set with the other headers.
fn complete_version(provider: &Provider, headers: &mut HeaderMap) {
    let is_configured =
        |name: &HeaderName| provider.extra_headers.iter().any(|(own, _)| own == name);
    for name in [&VERSION, &BETA] {
        if is_configured(name) {
            headers.remove(name);
        }
    }
    if !is_configured(&VERSION) && !headers.contains_key(&VERSION) {
        headers.insert(&VERSION, DEFAULT_VERSION);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_one_segment_of_a_path() {
        for (model, path) in [
            ("gemini-3.5_x", "/models/gemini-3.5_x:v"),
            ("models/m", "/models/m:v"),
            ("tunedModels/t-1", "/tunedModels/t-1:v"),
            ("a/b:c?d#e%2f", "/models/a%2Fb%3Ac%3Fd%23e%252f:v"),
            ("..", "/models/..:v"),
            ("\u{e9} ", "/models/%C3%A9%20:v"),
        ] {
            assert_eq!(gemini_path(model, "v"), path);
        }
    }
}
