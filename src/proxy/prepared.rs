//! Prepared: a request that has been read, and can be written for any target.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header};

use super::call::{Call, Endpoint};
use super::control::Control;
use super::problem::Problem;
use super::upstream::Pieces;
use crate::codec::multipart::Multipart;
use crate::codec::openai_chat::request::{
    Head, PROTECTED, check_model, check_types, extra_needs, has_effect, needs,
};
use crate::codec::openai_chat::strip::{TOOL_FIELDS, strip};
use crate::config::ConflictResolution;
use crate::json::raw::{Edit, RawObject};
use crate::provider::{Feature, Features, Provider, Quirk};
use crate::route::plan::missing;
use crate::route::{Offer, Scope, plan};

/// Fields that are ours, not the upstream's.
const CONTROL: [&str; 4] = ["provider", "alias", "strict_alias", "extra_body"];

/// OpenRouter's list of models to fall back to.
const FALLBACKS: &str = "models";

/// The endpoint whose models can do nothing else.
const EMBEDDINGS: &str = "/embeddings";

/// Client headers that every provider may see. Everything else stays here: credentials, cookies,
/// addresses, and whatever else a client's surroundings add.
const FORWARDED: [&str; 1] = ["openai-beta"];

/// A request ready to be planned and sent.
#[derive(Debug)]
pub struct Prepared {
    endpoint: &'static Endpoint,
    payload: Payload,
    /// Its head, with what headers say filled in.
    pub head: Head,
    /// Whether the client wants a stream.
    pub streams: bool,
    /// The client's own limit for the whole request.
    pub timeout: Option<Duration>,
}

#[derive(Debug)]
enum Payload {
    Json(RawObject),
    Form {
        form: Multipart,
        content_type: HeaderValue,
    },
}

/// A request written for one target.
#[derive(Debug)]
pub struct Written {
    /// The body.
    pub body: Pieces,
    /// Headers that go with it.
    pub headers: HeaderMap,
    /// Whether the usage chunk was asked for by us and is to be taken out again.
    pub strips_usage: bool,
    /// What was removed from the request.
    pub dropped: Vec<String>,
}

impl Prepared {
    /// Reads a call.
    pub fn read(call: &Call) -> Result<Self, Problem> {
        let content_type = call.headers.get(header::CONTENT_TYPE);
        let is_form =
            content_type.is_some_and(|value| value.as_bytes().starts_with(b"multipart/form-data"));
        let (payload, mut head) = match content_type {
            Some(content_type) if is_form && call.endpoint.forms => {
                read_form(content_type, call.body.clone())?
            }
            _ => {
                let object = RawObject::parse(call.body.clone())?;
                let head = Head::peek(&object)?;
                if call.endpoint.generates {
                    check_types(&object)?;
                }
                (Payload::Json(object), head)
            }
        };
        if let Some(scope) = &call.scope {
            check_fallbacks(&payload, &head, scope)?;
        }
        let control = Control::read(&call.headers)?;
        head.provider = head.provider.or(control.provider);
        head.alias = head.alias.or(control.alias);
        head.strict_alias = head.strict_alias.or(control.strict_alias);
        let streams = head
            .stream
            .unwrap_or(control.accepts_events && call.endpoint.generates);
        Ok(Self {
            endpoint: call.endpoint,
            payload,
            head,
            streams,
            timeout: control.timeout,
        })
    }

    /// The capabilities the request needs.
    pub fn needs(&self) -> Features {
        match &self.payload {
            Payload::Json(_) if self.endpoint.path == EMBEDDINGS => {
                Features::NONE.with(Feature::Embeddings)
            }
            Payload::Json(object) => self.all_needs(object),
            Payload::Form { .. } => Features::NONE,
        }
    }

    fn all_needs(&self, object: &RawObject) -> Features {
        let extra = extra_needs(object, &self.head.extra_body);
        extra.iter().fold(needs(object), Features::with)
    }

    /// Whether repeating the request after it went to `provider` might have effects beyond its cost:
    /// its own, or those of a field that the provider's `extra_body` adds.
    pub fn has_effects_at(&self, provider: &Provider) -> bool {
        let Payload::Json(object) = &self.payload else {
            return self.head.has_effects;
        };
        let is_own = |field: &str| object.get(field).is_some() || self.has_extra(field);
        let mut added = provider.extra_body.iter();
        self.head.has_effects
            || added
                .any(|(field, value)| has_effect(field, value.get().as_bytes()) && !is_own(field))
    }

    /// What routing is asked, for the model string `model`.
    pub fn ask<'a>(&'a self, call: &'a Call, model: &'a str, may_strip: bool) -> plan::Ask<'a> {
        plan::Ask {
            endpoint: call.endpoint.path,
            model,
            provider: self.head.provider.as_deref(),
            alias: self.head.alias.as_deref(),
            strict_alias: self.head.strict_alias.unwrap_or(true),
            may_strip,
            scope: call.scope.as_deref(),
        }
    }

    /// Writes the request for `offer` at `provider`.
    pub fn write(
        &self,
        call: &Call,
        offer: &Offer,
        provider: &Provider,
        needs: Features,
    ) -> Written {
        let mut headers = forwarded(call, provider);
        match &self.payload {
            Payload::Json(object) => {
                if self.streams {
                    let events = HeaderValue::from_static("text/event-stream");
                    headers.insert(header::ACCEPT, events);
                }
                self.write_json(object, call, offer, provider, needs, headers)
            }
            Payload::Form { form, content_type } => {
                headers.insert(header::CONTENT_TYPE, content_type.clone());
                let model =
                    serde_json::from_slice::<String>(&offer.upstream_json).unwrap_or_default();
                let body = Pieces::new(form.with("model", &model, &CONTROL));
                Written {
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
        call: &Call,
        offer: &Offer,
        provider: &Provider,
        needs: Features,
        headers: HeaderMap,
    ) -> Written {
        let mut edit = object.edit();
        if object.get("model") != Some(&offer.upstream_json) {
            edit.set("model", offer.upstream_json.clone());
        }
        self.remove_control_fields(&mut edit);
        if self.streams && self.head.stream.is_none() {
            edit.set("stream", "true");
        }
        let mut dropped = self.strip_missing(object, missing(needs, offer.features), &mut edit);
        dropped.extend(self.resolve_conflict(object, offer, &mut edit));
        let mut strips_usage = false;
        if self.streams && call.endpoint.generates {
            if provider.preset.quirks.contains(&Quirk::NoStreamOptions) {
                if object.get("stream_options").is_some() {
                    edit.remove("stream_options");
                    dropped.push("stream_options".to_owned());
                }
            } else if !self.head.include_usage {
                edit.set(
                    "stream_options",
                    asking_for_usage(object.get("stream_options")),
                );
                strips_usage = true;
            }
        }
        self.merge_extras(&mut edit, provider, &dropped);
        Written {
            body: Pieces::new(edit.finish()),
            headers,
            strips_usage,
            dropped,
        }
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

    fn has_extra(&self, field: &str) -> bool {
        self.head.extra_body.iter().any(|(name, _)| name == field)
    }
}

/// Checks the models that a request names beside the one that is routed: some providers fall back to
/// them by themselves.
///
/// # Errors
/// 400 if one of them does not exist for whoever asks.
fn check_fallbacks(payload: &Payload, head: &Head, scope: &Scope) -> Result<(), Problem> {
    let Payload::Json(object) = payload else {
        return Ok(());
    };
    let extras = head.extra_body.iter();
    let extra = extras.filter(|(name, _)| name == FALLBACKS);
    let lists = object.get(FALLBACKS).into_iter();
    let mut lists = lists.chain(extra.map(|(_, value)| &value[..]));
    let exist = |list: &[u8]| {
        serde_json::from_slice::<Vec<String>>(list)
            .is_ok_and(|names| names.iter().all(|name| scope.allows(name)))
    };
    if lists.all(exist) && object.duplicate(&[FALLBACKS]).is_none() {
        return Ok(());
    }
    let message = "`models` may only name models that GET /v1/models lists";
    Err(Problem::bad_field(FALLBACKS, message))
}

fn read_form(content_type: &HeaderValue, body: Bytes) -> Result<(Payload, Head), Problem> {
    let text = content_type
        .to_str()
        .map_err(|_| Problem::bad_request("the content type is not text"))?;
    let form = Multipart::parse(text, body)?;
    let model = form.text("model")?;
    model.as_deref().map(check_model).transpose()?;
    let head = Head {
        model,
        stream: form.text("stream")?.map(|stream| stream == "true"),
        provider: form.text("provider")?,
        alias: form.text("alias")?,
        strict_alias: form.text("strict_alias")?.map(|strict| strict != "false"),
        ..Head::default()
    };
    Ok((
        Payload::Form {
            form,
            content_type: content_type.clone(),
        },
        head,
    ))
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

fn forwarded(call: &Call, provider: &Provider) -> HeaderMap {
    let own = &provider.preset.forward_headers;
    let is_forwarded = |name: &str| FORWARDED.contains(&name) || own.iter().any(|own| own == name);
    let mut headers = HeaderMap::new();
    for (name, value) in &call.headers {
        if is_forwarded(name.as_str()) {
            headers.insert(name, value.clone());
        }
    }
    headers
}

#[cfg(test)]
mod tests {
    use serde_json::value::RawValue;

    use super::*;
    use crate::provider::preset;

    fn chat(body: &'static str) -> Prepared {
        let call = Call {
            endpoint: Endpoint::at("/v1/chat/completions").expect("an endpoint"),
            headers: HeaderMap::new(),
            body: Bytes::from_static(body.as_bytes()),
            scope: None,
            promise_after: None,
        };
        Prepared::read(&call).expect("a good request")
    }

    fn adding(field: &str, json: &str) -> Provider {
        let kind = preset::find("openai_compatible").expect("a preset");
        let mut provider = Provider::new("p", kind, None);
        let value = RawValue::from_string(json.to_owned()).expect("valid JSON");
        provider.extra_body.push((field.to_owned(), value));
        provider
    }

    #[test]
    fn effects_are_those_of_the_body_that_the_provider_gets() {
        let plain = r#"{"model":"m","messages":[]}"#;
        let own_store = r#"{"model":"m","messages":[],"store":false}"#;
        let extra_store = r#"{"model":"m","messages":[],"extra_body":{"store":false}}"#;
        let storing = r#"{"model":"m","messages":[],"extra_body":{"store":true}}"#;
        for (body, provider, expected) in [
            (plain, adding("store", "true"), true),
            (plain, adding("store", "false"), false),
            (plain, adding("top_k", "1"), false),
            (own_store, adding("store", "true"), false),
            (extra_store, adding("store", "true"), false),
            (storing, adding("top_k", "1"), true),
        ] {
            let seen = chat(body).has_effects_at(&provider);
            assert_eq!(seen, expected, "{body} {:?}", provider.extra_body);
        }
    }
}
