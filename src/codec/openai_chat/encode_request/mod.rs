//! Writes a neutral request for a Chat upstream.
//!
//! A request of this dialect leaves as it came (law L1), unless the model or the host is known to refuse
//! it; one of another dialect is said in Chat's words, and what has none is reported or refused.

mod conversation;
mod messages;
mod parts;
mod quirks;
mod settings;
mod thinking;
mod thoughts;
mod tools;

use serde_json::{Map, Value, json};

use super::spelling;
use crate::chat::{Dialect, Report, Request};
use crate::codec::field_names::Field;
use crate::codec::target::{Refusal, Target};
use crate::provider::Quirk;

/// Writes the body of a request for `target`.
///
/// # Errors
/// The request means something that cannot be said in Chat.
pub fn encode_request(
    request: &Request,
    target: &Target<'_>,
    report: &mut Report,
) -> Result<Map<String, Value>, Refusal> {
    let mut writer = Writer {
        request,
        target,
        report,
        out: Map::new(),
        notes: Vec::new(),
    };
    writer.put("model", target.model);
    writer.request()?;
    quirks::apply(&mut writer.out, request, target, writer.report)?;
    Ok(writer.out)
}

/// A body in the making.
struct Writer<'a, 'r> {
    request: &'a Request,
    target: &'a Target<'a>,
    report: &'r mut Report,
    out: Map<String, Value>,
    /// Instructions of autogw's own: what the target cannot be told in any other way.
    notes: Vec<String>,
}

impl Writer<'_, '_> {
    fn request(&mut self) -> Result<(), Refusal> {
        // Nothing may be forgotten: a new field of the neutral form does not compile here.
        let Request {
            dialect: _,
            instructions: _,
            messages: _,
            tools,
            tool_choice,
            parallel_tool_calls,
            max_tokens,
            sampling,
            candidates,
            logprobs,
            format,
            thinking,
            verbosity,
            user,
            metadata,
            service_tier,
            store,
            cache_key,
            cache,
            extra,
            leftovers: _,
        } = self.request;
        self.out.insert("messages".to_owned(), Value::Null);
        if self.target.streams {
            self.put("stream", true);
            if !self.target.has(Quirk::NoStreamOptions) {
                // Otherwise a stream says nothing of its cost.
                self.put("stream_options", json!({ "include_usage": true }));
            }
        }
        self.tools(tools)?;
        self.tool_choice(tool_choice.as_ref());
        self.parallel(*parallel_tool_calls);
        self.max_tokens(*max_tokens);
        self.thinking(thinking.as_ref());
        self.sampling(sampling);
        self.logprobs(*logprobs);
        self.format(format.as_ref());
        self.option("n", *candidates);
        self.accounts(user.as_deref(), metadata.as_ref(), *store);
        self.service(service_tier.as_deref(), verbosity.as_deref());
        self.cache(cache_key.as_deref(), cache.as_ref());
        let messages = self.conversation()?;
        self.out.insert("messages".to_owned(), messages.into());
        if self.is_own() {
            spelling::restore(extra, &mut self.out);
        }
        Ok(())
    }

    /// Whether the client speaks this dialect too.
    fn is_own(&self) -> bool {
        self.request.dialect == Dialect::OpenAiChat
    }

    /// Whether the target takes what only OpenAI itself has; a client of this dialect knows what it asks.
    fn takes_all(&self) -> bool {
        self.is_own() || self.target.has(Quirk::OpenAiHost)
    }

    fn put(&mut self, key: &str, value: impl Into<Value>) {
        self.out.insert(key.to_owned(), value.into());
    }

    fn option(&mut self, key: &str, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.put(key, value);
        }
    }

    /// Writes a field as the client of this dialect spelled it; false if there is nothing to go by.
    fn spelled(&mut self, canonical: &str) -> bool {
        let spelled = spelling::of(&self.request.extra, canonical).and_then(Value::as_object);
        match spelled.filter(|_| self.is_own()) {
            Some(fields) => {
                self.out.extend(fields.clone());
                true
            }
            None => false,
        }
    }

    /// What the client calls a field.
    fn name(&self, field: Field) -> &'static str {
        field.name(self.request.dialect)
    }

    fn drop(&mut self, field: Field) {
        self.report.drop(field.name(self.request.dialect));
    }

    fn note(&mut self, field: Field) {
        self.report.note(field.name(self.request.dialect));
    }

    fn adjust(&mut self, field: Field, value: impl std::fmt::Display) {
        self.report.adjust(field.name(self.request.dialect), value);
    }
}
