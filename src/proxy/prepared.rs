//! A call, read: what it asks for and what it needs.

use std::sync::{LazyLock, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, header};
use memchr::memmem::Finder;

use super::call::{Call, Endpoint};
use super::control::Control;
use super::fallbacks;
use super::gateway::Gateway;
use super::problem::Problem;
use super::session;
use super::state;
use super::tongue;
use super::translate::{Neutral, Storing};
use crate::chat::signature::{SEALED, SEALED_IN_BASE64};
use crate::chat::{Dialect, Operation};
use crate::codec::head::{
    Head, check_model, check_types, extra_needs, has_effect, needs, stores_by_default,
};
use crate::codec::multipart::Multipart;
use crate::codec::openai_chat::odd::is_odd;
use crate::config::Fidelity;
use crate::json::raw::RawObject;
use crate::provider::{Feature, Features, Provider};
use crate::route::choice::Policy;
use crate::route::{Fluency, Offer, plan};

/// A request ready to be planned and sent.
#[derive(Debug)]
pub struct Prepared {
    pub(super) endpoint: &'static Endpoint,
    pub(super) payload: Payload,
    /// Its head, with what headers and path say filled in.
    pub head: Head,
    /// Whether the client wants a stream.
    pub streams: bool,
    /// The client's own limit for the whole request.
    pub timeout: Option<Duration>,
    /// What a loss in translation leads to, if the client says.
    pub fidelity: Option<Fidelity>,
    /// The same request in neutral form, read when a translation first asks for it. Boxed: what is prepared
    /// is moved from future to future, whether or not it is translated.
    pub(super) neutral: OnceLock<Box<Result<Neutral, Problem>>>,
    /// The stored conversation that it goes on with.
    pub(super) resumed: Option<Storing>,
    /// The session it belongs to.
    pub session: Option<Box<str>>,
}

/// Whether a body holds thoughts that were sealed here for a foreign slot. It is searched for what the slots of
/// its dialect hold and no more: of a long conversation each search is a few percent of all that is done.
fn holds_seals(dialect: Dialect, body: &[u8]) -> bool {
    static SEALS: LazyLock<[Finder<'static>; 2]> =
        LazyLock::new(|| [Finder::new(SEALED), Finder::new(SEALED_IN_BASE64)]);
    let [plain, in_base64] = &*SEALS;
    plain.find(body).is_some() || (dialect == Dialect::Gemini && in_base64.find(body).is_some())
}

/// What a request carries.
#[derive(Debug)]
pub(super) enum Payload {
    /// A JSON object.
    Json(RawObject),
    /// A form with files.
    Form {
        form: Multipart,
        content_type: HeaderValue,
    },
}

impl Prepared {
    /// Reads a call.
    pub fn read(call: &Call) -> Result<Self, Problem> {
        let endpoint = call.endpoint;
        let content_type = call.headers.get(header::CONTENT_TYPE);
        let is_form =
            content_type.is_some_and(|value| value.as_bytes().starts_with(b"multipart/form-data"));
        let (payload, mut head) = match content_type {
            Some(content_type) if is_form && endpoint.forms => {
                read_form(content_type, call.body.clone())?
            }
            _ => {
                let object = RawObject::parse(call.body.clone())?;
                let head = Head::peek(endpoint.dialect, &object)?;
                if endpoint.generates() {
                    check_types(endpoint.dialect, &object)?;
                }
                (Payload::Json(object), head)
            }
        };
        if let Some(scope) = &call.scope {
            fallbacks::check(&payload, &head, scope)?;
        }
        let control = Control::read(&call.headers)?;
        head.provider = head.provider.or(control.provider);
        head.alias = head.alias.or(control.alias);
        head.strict_alias = head.strict_alias.or(control.strict_alias);
        let session = session::named(call, control.session, &payload);
        let asked_by_header = control.accepts_events && endpoint.generates();
        let mut streams = head.stream.unwrap_or(asked_by_header);
        if let Some(spoken) = &call.spoken {
            check_model(&spoken.model)?;
            head.model = Some(spoken.model.clone());
            streams = spoken.streams;
        }
        Ok(Self {
            endpoint,
            payload,
            head,
            streams,
            timeout: control.timeout,
            fidelity: control.fidelity,
            neutral: OnceLock::new(),
            resumed: None,
            session,
        })
    }

    /// The capabilities the request needs.
    pub fn needs(&self) -> Features {
        match &self.payload {
            Payload::Json(_) if self.endpoint.operation == Operation::Embed => {
                Features::NONE.with(Feature::Embeddings)
            }
            Payload::Json(object) => self.all_needs(object),
            Payload::Form { .. } => Features::NONE,
        }
    }

    pub(super) fn all_needs(&self, object: &RawObject) -> Features {
        let dialect = self.endpoint.dialect;
        let extra = extra_needs(dialect, object, &self.head.extra_body);
        extra.iter().fold(needs(dialect, object), Features::with)
    }

    /// Whether repeating the request after it went to `provider` might have effects beyond its cost:
    /// its own, or those of a field that the provider's `extra_body` adds.
    pub fn has_effects_at(&self, provider: &Provider) -> bool {
        if self.endpoint.operation == Operation::CountTokens {
            return false;
        }
        let Payload::Json(object) = &self.payload else {
            return self.head.has_effects;
        };
        let dialect = self.endpoint.dialect;
        let is_own = |field: &str| object.get(field).is_some() || self.has_extra(field);
        let mut added = provider.extra_body.iter();
        self.head.has_effects
            // Where it is translated, answers are stored here and not there.
            || (stores_by_default(dialect)
                && provider.preset.dialects.contains(&dialect)
                && !self.says_not_to_store(object, provider))
            || added.any(|(field, value)| {
                has_effect(dialect, field, value.get().as_bytes()) && !is_own(field)
            })
    }

    /// Whether the body that `provider` gets has a `store` that says no.
    fn says_not_to_store(&self, object: &RawObject, provider: &Provider) -> bool {
        let is_store = |name: &str| name == "store";
        let extras = self.head.extra_body.iter();
        let extra = || extras.into_iter().find(|(name, _)| is_store(name));
        let added = || provider.extra_body.iter().find(|(name, _)| is_store(name));
        let said = object
            .get("store")
            .or_else(|| Some(&extra()?.1[..]))
            .or_else(|| Some(added()?.1.get().as_bytes()));
        said == Some(b"false")
    }

    /// What routing is asked, for the model string `model`.
    pub fn ask<'a>(
        &'a self,
        call: &'a Call,
        model: &'a str,
        may_strip: bool,
        fluency: &'a dyn Fn(usize) -> Option<Fluency>,
        policy: Policy<'a>,
    ) -> plan::Ask<'a> {
        plan::Ask {
            service: call.endpoint.service(),
            model,
            provider: self.head.provider.as_deref(),
            alias: self.head.alias.as_deref(),
            strict_alias: self.head.strict_alias.unwrap_or(true),
            // Only a conversation's parts are known well enough to be taken out.
            may_strip: may_strip && tongue::holds_a_conversation(call.endpoint),
            scope: call.scope.as_deref(),
            fluency,
            policy,
            session: None,
            rehearses: false,
            excluded: &[],
            region: None,
            body_len: self.json().map_or(0, <[u8]>::len),
            prompt_tokens: None,
            steer: None,
            noted: 0,
        }
    }

    /// The body, if it is JSON.
    pub(super) fn json(&self) -> Option<&[u8]> {
        match &self.payload {
            Payload::Json(object) => Some(object.text()),
            Payload::Form { .. } => None,
        }
    }

    /// The request in neutral form.
    ///
    /// # Errors
    /// 400 naming the field that makes no sense.
    pub(super) fn neutral(&self, gateway: &Gateway, call: &Call) -> Result<&Neutral, Problem> {
        let read = || match &self.payload {
            Payload::Json(object) => Neutral::read(gateway, call, object.text()),
            Payload::Form { .. } => Err(Problem::bad_request("a form cannot be translated")),
        };
        let neutral = self.neutral.get_or_init(|| Box::new(read()));
        Result::as_ref(neutral).map_err(Problem::clone)
    }

    /// What a loss in translation leads to: as the client says, or the route, or the configuration.
    pub(super) fn fidelity(&self, gateway: &Gateway, offer: &Offer) -> Fidelity {
        let of_route = offer.rules.as_ref().and_then(|rules| rules.fidelity);
        let own = self.fidelity.or(of_route);
        own.unwrap_or(gateway.config().router.fidelity)
    }

    /// Whether its bytes would be refused even by an upstream of its own dialect: it holds sealed thoughts
    /// of other models, or has the shape of another dialect.
    pub(super) fn is_foreign(&self) -> bool {
        let Payload::Json(object) = &self.payload else {
            return false;
        };
        let dialect = self.endpoint.dialect;
        let is_chat = dialect == Dialect::OpenAiChat;
        tongue::holds_a_conversation(self.endpoint)
            && ((is_chat && is_odd(object)) || holds_seals(dialect, object.text()))
    }

    /// How an answer to it is stored.
    pub(super) fn storing(&self) -> Storing {
        match (&self.resumed, &self.payload) {
            (Some(resumed), _) => resumed.clone(),
            (None, Payload::Json(object)) => Storing {
                previous: None,
                input: state::items(object.get("input")),
            },
            (None, Payload::Form { .. }) => Storing {
                previous: None,
                input: Vec::new(),
            },
        }
    }

    /// Whether tools are offered.
    pub(super) fn has_tools(&self) -> bool {
        self.needs().has(Feature::ToolCalls)
    }

    /// Whether the model may reason: it does unless it was told not to.
    pub(super) fn may_reason(&self) -> bool {
        match &self.payload {
            Payload::Json(object) => object.get("reasoning_effort") != Some(b"\"none\""),
            Payload::Form { .. } => false,
        }
    }

    pub(super) fn has_extra(&self, field: &str) -> bool {
        self.head.extra_body.iter().any(|(name, _)| name == field)
    }
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

#[cfg(test)]
mod tests {
    use http::HeaderMap;
    use serde_json::value::RawValue;

    use super::*;
    use crate::provider::preset;

    fn chat(body: &'static str) -> Prepared {
        let call = Call {
            endpoint: Endpoint::called("/chat/completions").expect("an endpoint"),
            spoken: None,
            client: "me".into(),
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
