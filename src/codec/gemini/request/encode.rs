//! The neutral form to `generateContent`.

use serde_json::{Map, Value};

use super::contents::Writer;
use super::{config, offer};
use crate::chat::{Dialect, Report, Request};
use crate::codec::field_names::Field;
use crate::codec::gemini::wire;
use crate::codec::target::{Refusal, Target};

/// Writes the body of `generateContent`. The model and whether to stream stand in the URL.
///
/// # Errors
/// The request holds what this API cannot do at all.
pub fn encode_request(
    request: &Request,
    target: &Target<'_>,
    report: &mut Report,
) -> Result<Map<String, Value>, Refusal> {
    let Request {
        dialect,
        instructions: _,
        messages: _,
        tools: _,
        tool_choice: _,
        parallel_tool_calls,
        max_tokens: _,
        sampling: _,
        candidates: _,
        logprobs: _,
        format: _,
        thinking: _,
        verbosity,
        user,
        metadata,
        service_tier,
        store,
        cache_key,
        cache,
        extra,
        // The caller tells what another dialect left over.
        leftovers: _,
    } = request;
    let is_own = *dialect == Dialect::Gemini;
    let mut body = Map::new();

    let mut writer = Writer::new(request, target, report);
    let (instructions, contents) = writer.conversation()?;
    body.insert("contents".to_owned(), contents.into());
    if let Some(instructions) = instructions {
        body.insert("systemInstruction".to_owned(), instructions);
    }
    let list = offer::encode(request, target, report)?;
    if !list.is_empty() {
        body.insert("tools".to_owned(), list.into());
    }
    if let Some(config) = offer::encode_config(request, target, report) {
        body.insert("toolConfig".to_owned(), config);
    }
    let config = config::encode(request, target, report);
    if !config.is_empty() {
        body.insert("generationConfig".to_owned(), config.into());
    }

    if *parallel_tool_calls == Some(false) {
        report.drop(Field::ParallelToolCalls.name(*dialect));
    }
    if verbosity.is_some() {
        report.drop(Field::Verbosity.name(*dialect));
    }
    let idle = [
        (user.is_some(), Field::User),
        (cache_key.is_some(), Field::CacheKey),
        (cache.is_some(), Field::CacheMarks),
        (metadata.is_some() && !is_own, Field::Metadata),
    ];
    for (_, field) in idle.into_iter().filter(|(is_there, _)| *is_there) {
        report.note(field.name(*dialect));
    }
    if is_own {
        own(metadata.as_ref(), *store, &mut body);
        let mut over = Map::new();
        extra.merge_into(&mut over);
        wire::overlay(&mut body, over);
    } else {
        if *store == Some(true) {
            report.drop(Field::Store.name(*dialect));
        }
        if let Some(tier) = service_tier {
            write_tier(tier, *dialect, report, &mut body);
        }
    }
    Ok(body)
}

/// Fields that only Gemini's own clients may hand on.
fn own(metadata: Option<&Map<String, Value>>, store: Option<bool>, body: &mut Map<String, Value>) {
    if let Some(labels) = metadata {
        body.insert("labels".to_owned(), labels.clone().into());
    }
    if let Some(store) = store {
        body.insert("store".to_owned(), store.into());
    }
}

fn write_tier(tier: &str, dialect: Dialect, report: &mut Report, body: &mut Map<String, Value>) {
    let given = match tier {
        "auto" => return,
        "default" | "standard" | "standard_only" => "standard",
        "flex" => "flex",
        "priority" => "priority",
        _ => {
            report.drop(Field::ServiceTier.name(dialect));
            return;
        }
    };
    body.insert("serviceTier".to_owned(), given.into());
}
