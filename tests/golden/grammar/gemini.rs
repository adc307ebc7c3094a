//! Gemini: whole answers one after the other, a finish once, counts (if there are any) in the last.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{End, Fault, Written, at, count, list, must, only, text};

/// Why an answer may end.
const FINISHES: [&str; 8] = [
    "STOP",
    "MAX_TOKENS",
    "SAFETY",
    "RECITATION",
    "MALFORMED_FUNCTION_CALL",
    "OTHER",
    "PROHIBITED_CONTENT",
    "BLOCKLIST",
];

/// Checks a whole stream.
pub(super) fn stream(events: &[Written]) -> Result<End, Fault> {
    let (mut finished, mut head, mut is_counted) = (BTreeMap::new(), None, false);
    for (place, event) in events.iter().enumerate() {
        must(event.name.is_none(), || format!("a name: {event:?}"))?;
        let chunk = event
            .json
            .as_ref()
            .ok_or_else(|| format!("no JSON: {}", event.raw))?;
        if chunk.get("error").is_some() {
            must(place + 1 == events.len(), || {
                "the error is not the last".to_owned()
            })?;
            error(chunk)?;
            return Ok(End::Failed);
        }
        let own = [text(chunk, "/responseId")?, text(chunk, "/modelVersion")?];
        must(!own.contains(&""), || format!("nameless: {chunk}"))?;
        let known = *head.get_or_insert(own);
        must(known == own, || format!("another head: {chunk}"))?;
        must(!is_counted, || format!("behind the counts: {chunk}"))?;
        is_counted = whole(chunk, &mut finished)?;
    }
    must(!finished.is_empty(), || "no answer".to_owned())?;
    must(finished.values().all(|done| *done), || {
        "unfinished".to_owned()
    })?;
    Ok(End::Finished)
}

/// Checks a chunk; true if it counts.
fn whole(chunk: &Value, finished: &mut BTreeMap<u64, bool>) -> Result<bool, Fault> {
    only(
        chunk,
        &[
            "candidates",
            "usageMetadata",
            "modelVersion",
            "responseId",
            "promptFeedback",
        ],
    )?;
    for candidate in list(chunk, "/candidates")? {
        let known = [
            "content",
            "finishReason",
            "finishMessage",
            "index",
            "groundingMetadata",
            "citationMetadata",
            "logprobsResult",
            "avgLogprobs",
            "safetyRatings",
            "tokenCount",
            "urlContextMetadata",
        ];
        only(candidate, &known)?;
        let done = finished.entry(count(candidate, "/index")?).or_default();
        must(!*done, || format!("behind its finish: {candidate}"))?;
        must(text(candidate, "/content/role")? == "model", || {
            format!("no role: {candidate}")
        })?;
        for part in list(candidate, "/content/parts")? {
            self::part(part)?;
        }
        if let Some(reason) = candidate.get("finishReason") {
            let is_known = reason
                .as_str()
                .is_some_and(|reason| FINISHES.contains(&reason));
            must(is_known, || format!("no finish: {candidate}"))?;
            *done = true;
        }
    }
    match chunk.get("usageMetadata") {
        None => Ok(false),
        Some(counts) => usage(counts).map(|()| true),
    }
}

fn part(part: &Value) -> Result<(), Fault> {
    let map = part.as_object().ok_or_else(|| format!("no part: {part}"))?;
    let beside = [
        "thought",
        "thoughtSignature",
        "partMetadata",
        "videoMetadata",
    ];
    let data: Vec<_> = map
        .keys()
        .filter(|key| !beside.contains(&key.as_str()))
        .collect();
    must(data.len() == 1, || format!("not one thing: {part}"))?;
    match data[0].as_str() {
        "text" => text(part, "/text").map(drop),
        "functionCall" => {
            only(&part["functionCall"], &["id", "name", "args"])?;
            must(!text(part, "/functionCall/name")?.is_empty(), || {
                format!("no name: {part}")
            })?;
            must(at(part, "/functionCall/args")?.is_object(), || {
                format!("no object: {part}")
            })
        }
        "inlineData" | "fileData" | "executableCode" | "codeExecutionResult" => Ok(()),
        _ => Err(format!("no such part: {part}")),
    }
}

fn usage(counts: &Value) -> Result<(), Fault> {
    let optional = |key: &str| {
        counts
            .get(key)
            .map_or(Ok(0), |_| count(counts, &format!("/{key}")))
    };
    let prompt = count(counts, "/promptTokenCount")?;
    let output = optional("candidatesTokenCount")?.saturating_add(optional("thoughtsTokenCount")?);
    let tools = optional("toolUsePromptTokenCount")?;
    let total = prompt.saturating_add(output).saturating_add(tools);
    must(count(counts, "/totalTokenCount")? == total, || {
        format!("no sum: {counts}")
    })
}

fn error(value: &Value) -> Result<(), Fault> {
    only(value, &["error"])?;
    only(&value["error"], &["code", "message", "status", "details"])?;
    must(count(value, "/error/code")? >= 400, || {
        format!("no error: {value}")
    })?;
    text(value, "/error/message")?;
    text(value, "/error/status").map(drop)
}

/// Checks a complete answer.
pub(super) fn document(body: &Value) -> Result<(), Fault> {
    text(body, "/responseId")?;
    text(body, "/modelVersion")?;
    let mut finished = BTreeMap::new();
    whole(body, &mut finished)?;
    must(
        !finished.is_empty() && finished.values().all(|done| *done),
        || "unfinished".to_owned(),
    )
}
