//! Requests as OpenTelemetry spans: a span for each, and one below it for each attempt.
//!
//! This writes the JSON of OTLP and sends nothing. Names are those of the conventions for generative AI
//! (<https://github.com/open-telemetry/semantic-conventions-genai>), which are still in development, so all
//! of them are in `names`. Ids are hexadecimal, times and whole numbers are texts, and kinds are numbers, as the
//! JSON of OTLP wants it (<https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding>). There is no word of
//! a prompt in any of it.

mod names;
mod parent;

#[cfg(test)]
mod tests;

use std::fmt::Display;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use super::trace::{Trace, Try, Verdict};

pub use parent::Parent;

/// Kinds of spans and states, by their numbers.
const SERVER: u8 = 2;
const CLIENT: u8 = 3;
const UNSET: u8 = 0;
const ERROR: u8 = 2;

/// What is asked of whoever has spans written.
pub trait Scribe {
    /// A number that nobody can foretell, and not zero.
    fn id(&mut self) -> u64;

    /// The kind of a provider, by its name in the configuration.
    fn kind(&self, provider: &str) -> Option<String>;

    /// A text without secrets.
    fn clean(&self, text: &str) -> String;
}

/// The spans of a request. None if its client has said that its trace is not recorded.
pub fn spans(trace: &Trace, scribe: &mut impl Scribe) -> Vec<Value> {
    let parent = trace.parent.as_ref().and_then(|value| value.to_str().ok());
    let parent = parent.and_then(Parent::read);
    if parent.as_ref().is_some_and(|parent| !parent.is_sampled) {
        return Vec::new();
    }
    let writer = Writer {
        trace_id: match &parent {
            Some(parent) => parent.trace_id.clone(),
            None => format!("{:016x}{:016x}", scribe.id(), scribe.id()),
        },
        root: format!("{:016x}", scribe.id()),
        began: trace.arrival(),
        trace,
    };
    let mut spans = vec![writer.request(parent.map(|parent| parent.span_id), scribe)];
    for tried in trace.tries.iter().filter(|tried| was_made(tried)) {
        spans.push(writer.attempt(tried, scribe));
    }
    spans
}

/// The request that exports `spans` of the service of that name.
pub fn export(service: &str, instance: &str, spans: &[Value]) -> Value {
    let version = env!("CARGO_PKG_VERSION");
    let resource = Attributes::default()
        .text("service.name", service)
        .text("service.version", version)
        .text("service.instance.id", instance);
    json!({ "resourceSpans": [{
        "resource": { "attributes": resource.0 },
        "scopeSpans": [{
            "scope": { "name": "autogw", "version": version },
            "spans": spans,
        }],
    }] })
}

/// Whether somebody was asked; else it is an event of the request.
fn was_made(tried: &Try) -> bool {
    !matches!(
        tried.verdict,
        Verdict::LeftOut | Verdict::CircuitOpen | Verdict::Resting | Verdict::Full
    )
}

struct Writer<'a> {
    trace: &'a Trace,
    trace_id: String,
    root: String,
    began: SystemTime,
}

impl Writer<'_> {
    fn request(&self, parent: Option<String>, scribe: &impl Scribe) -> Value {
        let trace = self.trace;
        let served = trace
            .tries
            .iter()
            .rev()
            .find(|tried| tried.verdict == Verdict::Served);
        let asked = scribe.clean(&trace.asked);
        let attributes = Attributes::default()
            .text(names::OPERATION, names::operation(trace.endpoint))
            .text(names::REQUEST_MODEL, &asked)
            .maybe(names::PROVIDER, served.map(|tried| provider(tried, scribe)))
            .maybe(names::RESPONSE_MODEL, served.map(|tried| &tried.model))
            .whole(names::INPUT_TOKENS, trace.input_tokens)
            .whole(names::OUTPUT_TOKENS, trace.output_tokens)
            .seconds(names::FIRST_CHUNK, trace.first_token)
            .whole(names::STATUS, Some(u64::from(trace.status)))
            .maybe(names::ERROR_TYPE, self.error())
            .text("http.request.method", "POST")
            .text("http.route", trace.endpoint)
            .text("autogw.request_id", trace.id())
            .text("autogw.client", &scribe.clean(&trace.client))
            .maybe("autogw.tunnel", trace.door)
            .text("autogw.strategy", trace.strategy)
            .text("autogw.outcome", trace.outcome);
        let status = if trace.status >= 500 { ERROR } else { UNSET };
        let mut span = self.span(
            &self.root,
            (Duration::ZERO, trace.total),
            status,
            &attributes,
        );
        span["name"] = json!(names::span(trace.endpoint, &asked));
        span["kind"] = json!(SERVER);
        if let Some(parent) = parent {
            span["parentSpanId"] = json!(parent);
        }
        let skipped = trace.tries.iter().filter(|tried| !was_made(tried));
        span["events"] = skipped.map(|tried| self.skipped(tried, scribe)).collect();
        span
    }

    fn attempt(&self, tried: &Try, scribe: &mut impl Scribe) -> Value {
        let id = format!("{:016x}", scribe.id());
        let failed = match tried.verdict {
            Verdict::Failed(_) | Verdict::Filtered => Some(tried.verdict.name()),
            _ => None,
        };
        let attributes = Attributes::default()
            .text(names::OPERATION, names::operation(self.trace.endpoint))
            .text(names::PROVIDER, &provider(tried, scribe))
            .text(names::REQUEST_MODEL, &tried.model)
            .whole(names::STATUS, tried.status.map(u64::from))
            .maybe(names::ERROR_TYPE, failed)
            .text("autogw.provider", &tried.provider)
            .whole("autogw.key", tried.key.map(|key| key as u64))
            .text("autogw.cause", names::cause(tried.cause))
            .text("autogw.verdict", tried.verdict.name())
            .seconds("autogw.rests", tried.rests);
        let elapsed = tried
            .elapsed
            .unwrap_or(self.trace.total.saturating_sub(tried.began));
        let times = (tried.began, tried.began.saturating_add(elapsed));
        let status = if failed.is_some() { ERROR } else { UNSET };
        let mut span = self.span(&id, times, status, &attributes);
        span["name"] = json!(names::span(self.trace.endpoint, &tried.model));
        span["kind"] = json!(CLIENT);
        span["parentSpanId"] = json!(self.root);
        span
    }

    /// Somebody who would have been asked.
    fn skipped(&self, tried: &Try, scribe: &impl Scribe) -> Value {
        let attributes = Attributes::default()
            .text(names::PROVIDER, &provider(tried, scribe))
            .text(names::REQUEST_MODEL, &tried.model)
            .text("autogw.provider", &tried.provider);
        json!({
            "name": format!("autogw.{}", tried.verdict.name()),
            "timeUnixNano": self.nanos(tried.began),
            "attributes": attributes.0,
        })
    }

    /// What the client was told went wrong: the class of the last failure, or the status.
    fn error(&self) -> Option<String> {
        if self.trace.outcome != "failed" {
            return None;
        }
        let failed = self
            .trace
            .tries
            .iter()
            .rev()
            .find_map(|tried| match tried.verdict {
                Verdict::Failed(class) => Some(class.name().to_owned()),
                _ => None,
            });
        failed.or_else(|| Some(self.trace.status.to_string()))
    }

    fn span(
        &self,
        id: &str,
        (began, ended): (Duration, Duration),
        status: u8,
        attributes: &Attributes,
    ) -> Value {
        json!({
            "traceId": self.trace_id,
            "spanId": id,
            "startTimeUnixNano": self.nanos(began),
            "endTimeUnixNano": self.nanos(ended.max(began)),
            "attributes": attributes.0,
            "status": { "code": status },
        })
    }

    /// The moment so long after the request arrived.
    fn nanos(&self, since: Duration) -> String {
        let at = self.began.checked_add(since).unwrap_or(self.began);
        let since = at.duration_since(SystemTime::UNIX_EPOCH);
        since.unwrap_or_default().as_nanos().to_string()
    }
}

fn provider(tried: &Try, scribe: &impl Scribe) -> String {
    match scribe.kind(&tried.provider) {
        Some(kind) => names::provider(&kind).to_owned(),
        None => tried.provider.to_string(),
    }
}

/// Keys with their values.
#[derive(Default)]
struct Attributes(Vec<Value>);

impl Attributes {
    fn add(mut self, key: &str, value: Option<Value>) -> Self {
        if let Some(value) = value {
            self.0.push(json!({ "key": key, "value": value }));
        }
        self
    }

    fn maybe(self, key: &str, value: Option<impl Display>) -> Self {
        let value = value.map(|value| json!({ "stringValue": value.to_string() }));
        self.add(key, value)
    }

    fn text(self, key: &str, value: &str) -> Self {
        self.maybe(key, Some(value))
    }

    fn whole(self, key: &str, value: Option<u64>) -> Self {
        let value = value.map(|value| json!({ "intValue": value.to_string() }));
        self.add(key, value)
    }

    fn seconds(self, key: &str, value: Option<Duration>) -> Self {
        let value = value.map(|value| json!({ "doubleValue": value.as_secs_f64() }));
        self.add(key, value)
    }
}
