//! Writes a request for an upstream of another dialect.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use serde_json::{Map, Value};

use super::keep::Storing;
use super::{Crossing, Neutral};
use crate::chat::request::Tool;
use crate::chat::{Blame, Next, Stage};
use crate::chat::{Dialect, Failure, FailureClass, Operation, Report, Request};
use crate::codec::field_names::Field;
use crate::codec::head::{PROTECTED, has_effect};
use crate::codec::losses::{refuse_leftovers, report_leftovers};
use crate::codec::target::{Exchange, Origin, Refusal, Target};
use crate::codec::tool_map::ToolMap;
use crate::codec::without::without;
use crate::codec::{dispatch, gemini, openai_responses, schema};
use crate::config::{ConflictResolution, Fidelity};
use crate::provider::Features;
use crate::provider::refused::is_same_name;
use crate::proxy::call::Call;
use crate::proxy::gateway::Gateway;
use crate::proxy::prepared::Prepared;
use crate::proxy::problem::Problem;
use crate::proxy::written::Reader;

/// What the counters of Anthropic take of a request.
const COUNTED: [&str; 9] = [
    "model",
    "messages",
    "system",
    "tools",
    "tool_choice",
    "thinking",
    "output_config",
    "cache_control",
    "context_management",
];

/// What OpenAI's counter takes.
const COUNTED_RESPONSES: [&str; 10] = [
    "model",
    "input",
    "instructions",
    "tools",
    "tool_choice",
    "text",
    "reasoning",
    "truncation",
    "parallel_tool_calls",
    "previous_response_id",
];

/// Stands among refused parameters for the thoughts in the conversation, whose state a target did not
/// accept.
pub const THOUGHTS: &str = "(thoughts)";

/// Why a request cannot be written for a target.
#[derive(Debug)]
pub enum Refused {
    /// The request itself is wrong.
    Wrong(Problem),
    /// The target would refuse it, or it would mean something else there.
    Here(Refusal),
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self::Here(refusal)
    }
}

impl Refused {
    /// The same as the failure of an attempt that was not made.
    pub fn failure(self) -> Failure {
        let (field, message, next) = match self {
            Refused::Wrong(problem) => (problem.body.param, problem.body.message, Next::Return),
            Refused::Here(refusal) => (Some(refusal.field), refusal.message, Next::Provider),
        };
        Failure {
            class: match next {
                Next::Return => FailureClass::Request,
                _ => FailureClass::Capability,
            },
            stage: Stage::Connect,
            next,
            blame: Blame::Nobody,
            status: Some(400),
            message,
            kind: Some("invalid_request_error".to_owned()),
            code: (next == Next::Provider).then(|| "unsupported_parameter".to_owned()),
            param: field,
            retry_after: None,
        }
    }
}

/// A request in the upstream's dialect.
#[derive(Debug)]
pub struct Outgoing {
    /// The body.
    pub body: Bytes,
    /// What became of what did not fit.
    pub report: Report,
    /// What the answer must know.
    pub crossing: Arc<Crossing>,
    /// Whether a second run would have effects beyond its cost.
    pub has_effects: bool,
}

/// Writes the request of `prepared` for `reader`, without the fields that it did not take the last time.
pub fn write(
    gateway: &Gateway,
    call: &Call,
    prepared: &Prepared,
    reader: Reader<'_>,
    missing: Features,
) -> Result<Outgoing, Refused> {
    let neutral = prepared.neutral(gateway, call).map_err(Refused::Wrong)?;
    let upstream = reader.endpoint.dialect;
    let mut report = Report::default();
    schema::weigh(&neutral.request).map_err(wrong)?;
    check_state(&neutral.request, upstream)?;
    let request = resolved(&neutral.request, reader, missing, &mut report);
    let model = &*reader.offer.upstream;
    let knowledge = reader.offer.knowledge();
    let tools = ToolMap::new(&request, upstream);
    let target = Target {
        provider: &reader.provider.name,
        quirks: &reader.provider.preset.quirks,
        model,
        knowledge,
        streams: prepared.streams,
        tools: &tools,
    };
    let mut body = dispatch::encode_request(upstream, &request, &target, &mut report)?;
    if upstream != request.dialect {
        refuse_leftovers(&request)?;
        report_leftovers(&request, &mut report);
    }
    for field in reader.refused {
        if remove(&mut body, field) {
            report.drop(field.to_string());
        }
    }
    strictly(prepared.fidelity(gateway, reader.offer), &report)?;
    if reader.endpoint.operation == Operation::CountTokens {
        body = counted(upstream, body, model);
    }
    merge_extras(&mut body, prepared, reader, &report);
    let storing = storing(gateway, prepared, neutral);
    let origin = Origin {
        provider: reader.provider.name.to_string(),
        model: model.to_owned(),
    };
    let crossing = Crossing {
        client: call.endpoint.dialect,
        upstream,
        exchange: Arc::new(Exchange {
            echo: echo(neutral, storing.as_ref()),
            ..exchange(gateway, prepared, neutral, reader)
        }),
        origin,
        tools,
        storing,
    };
    Ok(Outgoing {
        body: serde_json::to_vec(&body)
            .map_err(|error| unwritable(&error))?
            .into(),
        report,
        crossing: Arc::new(crossing),
        has_effects: has_effects(&request, upstream, prepared, reader),
    })
}

/// What no other target would take either.
fn wrong(refusal: Refusal) -> Refused {
    Refused::Wrong(Problem::bad_field(&refusal.field, refusal.message))
}

fn unwritable(error: &serde_json::Error) -> Refused {
    Refused::Wrong(Problem::bad_request(format!(
        "the request cannot be written: {error}"
    )))
}

/// The request as this target is to get it: without what it lacks, and without what it was seen to refuse.
fn resolved<'r>(
    request: &'r Request,
    reader: Reader<'_>,
    missing: Features,
    report: &mut Report,
) -> Cow<'r, Request> {
    let mut resolved = one_of_both(request, reader, report);
    if !missing.is_empty() {
        resolved = Cow::Owned(without(&resolved, missing, report));
    }
    if reader.refused.iter().any(|refused| **refused == *THOUGHTS) {
        report.drop(Field::Reasoning.name(request.dialect));
        resolved.to_mut().forget_thoughts();
    }
    resolved
}

/// A step of a route may say which of tools and form of the answer stays when a request has both.
fn one_of_both<'r>(
    request: &'r Request,
    reader: Reader<'_>,
    report: &mut Report,
) -> Cow<'r, Request> {
    let keep = reader.offer.rules.as_ref().and_then(|rules| rules.keep);
    let has_both = !request.tools.is_empty() && request.format.is_some();
    match keep.filter(|_| has_both) {
        None => Cow::Borrowed(request),
        Some(ConflictResolution::Tools) => {
            report.drop(Field::Format.name(request.dialect));
            Cow::Owned(Request {
                format: None,
                ..request.clone()
            })
        }
        Some(ConflictResolution::Format) => {
            report.drop(Field::Tools.name(request.dialect));
            Cow::Owned(Request {
                tools: Vec::new(),
                tool_choice: None,
                ..request.clone()
            })
        }
    }
}

/// Whoever goes on with a conversation by its id means one that is stored somewhere else.
fn check_state(request: &Request, upstream: Dialect) -> Result<(), Refusal> {
    let is_at_home = request.dialect == upstream;
    match openai_responses::stateful_fields(request).next() {
        Some(field) if !is_at_home => {
            let message = format!(
                "`{field}` refers to what only a provider of the Responses API holds, and this model's does not speak it"
            );
            Err(Refusal::new(field, message))
        }
        _ => Ok(()),
    }
}

/// Whether repeating the request might do something: hosted tools, or what the extras ask for in the
/// upstream's own words.
fn has_effects(
    request: &Request,
    upstream: Dialect,
    prepared: &Prepared,
    reader: Reader<'_>,
) -> bool {
    let is_hosted = |tool: &Tool| matches!(tool, Tool::WebSearch(_) | Tool::Foreign { .. });
    let own = prepared.head.extra_body.iter();
    let mut own = own.map(|(field, value)| (field, &value[..]));
    let configured = reader.provider.extra_body.iter();
    let mut configured = configured.map(|(field, value)| (field, value.get().as_bytes()));
    request.tools.iter().any(is_hosted)
        || own.any(|(field, value)| has_effect(upstream, field, value))
        || configured.any(|(field, value)| has_effect(upstream, field, value))
}

/// Under `strict` a loss is a refusal that names everything that would be lost.
pub(in crate::proxy) fn strictly(fidelity: Fidelity, report: &Report) -> Result<(), Refusal> {
    let mut lost = report.dropped().peekable();
    let Some(first) = lost
        .peek()
        .copied()
        .filter(|_| fidelity == Fidelity::Strict)
    else {
        return Ok(());
    };
    let names: Vec<_> = lost.map(|field| format!("`{field}`")).collect();
    let message = format!(
        "this model's provider cannot take {}; leave it out, or allow losses with `x-autogw-fidelity: warn`",
        names.join(", ")
    );
    Err(Refusal::new(first, message))
}

/// Removes the field at the dotted `path`, however its parts are spelled; true if it was there.
pub(in crate::proxy) fn remove(map: &mut Map<String, Value>, path: &str) -> bool {
    let (name, rest) = path.split_once('.').unwrap_or((path, ""));
    let found = map.keys().find(|key| is_same_name(key, name)).cloned();
    let Some(key) = found else { return false };
    if rest.is_empty() {
        return map.shift_remove(&key).is_some();
    }
    match map.get_mut(&key) {
        Some(Value::Object(inner)) => remove(inner, rest),
        _ => false,
    }
}

fn counted(upstream: Dialect, mut body: Map<String, Value>, model: &str) -> Map<String, Value> {
    match upstream {
        Dialect::Anthropic => body.retain(|field, _| COUNTED.contains(&field.as_str())),
        Dialect::OpenAiResponses => {
            body.retain(|field, _| COUNTED_RESPONSES.contains(&field.as_str()));
        }
        Dialect::Gemini => return gemini::count::count_request(body, model),
        Dialect::OpenAiChat => {}
    }
    body
}

/// The translated field wins over the client's `extra_body`, and that over the provider's; what was taken
/// out does not come back.
fn merge_extras(
    body: &mut Map<String, Value>,
    prepared: &Prepared,
    reader: Reader<'_>,
    report: &Report,
) {
    let own = prepared.head.extra_body.iter();
    let own = own.map(|(field, value)| (field, &value[..]));
    let configured = reader.provider.extra_body.iter();
    let configured = configured.map(|(field, value)| (field, value.get().as_bytes()));
    for (field, value) in own.chain(configured) {
        let is_ours = PROTECTED.contains(&field.as_str());
        if is_ours || body.contains_key(field) || report.dropped().any(|dropped| dropped == field) {
            continue;
        }
        if let Ok(value) = serde_json::from_slice(value) {
            body.insert(field.clone(), value);
        }
    }
}

fn exchange(
    gateway: &Gateway,
    prepared: &Prepared,
    neutral: &Neutral,
    reader: Reader<'_>,
) -> Exchange {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    // The others are told of no counts but the upstream's.
    let is_told = matches!(
        neutral.request.dialect,
        Dialect::Anthropic | Dialect::OpenAiResponses
    );
    Exchange {
        model: reader.offer.name.to_string(),
        created: now.map_or(0, |since| since.as_secs()),
        seed: gateway.next_seed(),
        include_usage: prepared.head.include_usage,
        estimated_input: if prepared.streams && is_told {
            neutral.rough_input_tokens()
        } else {
            0
        },
        echo: Map::new(),
        legacy_functions: neutral.legacy_functions,
    }
}

/// What the answer repeats of the request, and whether it is stored, behind which other one.
fn echo(neutral: &Neutral, storing: Option<&Storing>) -> Map<String, Value> {
    let mut echo = neutral.echo.clone();
    echo.insert("store".to_owned(), storing.is_some().into());
    if let Some(previous) = storing.and_then(|storing| storing.previous.clone()) {
        echo.insert("previous_response_id".to_owned(), previous.into());
    }
    echo
}

/// How the answer is to be stored: by the client's wish, which is yes unless it says no.
fn storing(gateway: &Gateway, prepared: &Prepared, neutral: &Neutral) -> Option<Storing> {
    let is_wanted = neutral.request.store != Some(false)
        && neutral.request.dialect == Dialect::OpenAiResponses
        && prepared.endpoint.operation == Operation::Generate;
    // What goes on from an answer that the upstream holds is of no use without that.
    let is_whole = openai_responses::stateful_fields(&neutral.request)
        .next()
        .is_none();
    gateway.memory().filter(|_| is_wanted && is_whole)?;
    Some(prepared.storing())
}
