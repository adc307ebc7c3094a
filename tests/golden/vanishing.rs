//! L2: every leaf of a request that has everything is in what the upstream gets, or named as lost,
//! changed or refused. Nothing vanishes.
//!
//! Each leaf is given another value, and taken out: if neither changes what is sent or reported, it had
//! vanished.

use autogw::chat::{Dialect, Report};
use autogw::codec::dispatch::decode_request;
use serde_json::{Map, Value};

use crate::corpus::{Kind, case, others};
use crate::layout::gaps;
use crate::place::{Place, Written, places};
use crate::tree::{Path, Step, are_akin, node, paths, spelled, with, without};

/// Leaves that are not looked for, of one dialect or all, and why.
const SPARED: [(Option<Dialect>, &str, &str); 39] = [
    (
        None,
        "model",
        "the target's own name of its model is written",
    ),
    (
        None,
        "stream",
        "how the answer travels is decided by the gateway",
    ),
    (None, "stream_options", "the same"),
    (
        Some(Dialect::OpenAiChat),
        "functions",
        "the deprecated name of `tools`, empty here",
    ),
    (
        Some(Dialect::OpenAiChat),
        "messages[].tool_calls[].type",
        "said by what else is in the call",
    ),
    (
        Some(Dialect::OpenAiChat),
        "tool_choice.allowed_tools.mode",
        "`auto` is what an unknown mode is taken for",
    ),
    (
        Some(Dialect::OpenAiChat),
        "tools[].custom.format.type",
        "`text` is no constraint",
    ),
    (
        Some(Dialect::OpenAiChat),
        "tools[].function.parameters.type",
        "an object without fields is left out for Gemini",
    ),
    (
        Some(Dialect::OpenAiChat),
        "top_logprobs",
        "asks for nothing once `logprobs` is refused",
    ),
    (
        Some(Dialect::OpenAiChat),
        "safety_identifier",
        "the newer name of `user`, which is told",
    ),
    (
        Some(Dialect::OpenAiResponses),
        "top_logprobs",
        "the same, in `include`",
    ),
    (
        Some(Dialect::OpenAiResponses),
        "user",
        "the older name of `safety_identifier`",
    ),
    (
        Some(Dialect::OpenAiResponses),
        "safety_identifier",
        "the newer name of `user`, which is told",
    ),
    (
        Some(Dialect::OpenAiResponses),
        "input[].id",
        "an item's own id means nothing elsewhere",
    ),
    (
        Some(Dialect::OpenAiResponses),
        "input[].status",
        "what comes back is always complete",
    ),
    (
        Some(Dialect::OpenAiResponses),
        "input[].output[].type",
        "said by what else is in the part",
    ),
    (
        Some(Dialect::OpenAiResponses),
        "input[].content[].prompt_cache_breakpoint.mode",
        "there is but one mode",
    ),
    (
        Some(Dialect::OpenAiResponses),
        "tools[].format",
        "free text is emulated by a function, whose description tells of it",
    ),
    (
        Some(Dialect::OpenAiResponses),
        "tools[].user_location.type",
        "there is but one type",
    ),
    (
        Some(Dialect::OpenAiResponses),
        "tools[].tools[].strict",
        "told as `tools[].strict`",
    ),
    (
        Some(Dialect::OpenAiResponses),
        "tools[].parameters.additionalProperties",
        "Gemini's older schema has no word for a closed object",
    ),
    (
        Some(Dialect::OpenAiResponses),
        "tools[].tools[].parameters.additionalProperties",
        "the same",
    ),
    (
        Some(Dialect::Anthropic),
        "system[].type",
        "there is but one type of instructions",
    ),
    (
        Some(Dialect::Anthropic),
        "messages[].content[].cache_control.type",
        "there is but one type of marks",
    ),
    (
        Some(Dialect::Anthropic),
        "system[].cache_control.type",
        "the same",
    ),
    (
        Some(Dialect::Anthropic),
        "messages[].content[].content[].type",
        "said by what else is in the part",
    ),
    (
        Some(Dialect::Anthropic),
        "tools[].input_schema.type",
        "an object without fields is left out for Gemini",
    ),
    (
        Some(Dialect::Anthropic),
        "output_config.format.schema",
        "Gemini's older schema has no word for a closed object",
    ),
    (
        Some(Dialect::Anthropic),
        "thinking.budget_tokens",
        "an effort is named beside it, and counts",
    ),
    (
        Some(Dialect::Gemini),
        "systemInstruction.role",
        "there is but one role of instructions",
    ),
    (
        Some(Dialect::Gemini),
        "generationConfig.logprobs",
        "asks for nothing once `responseLogprobs` is refused",
    ),
    (
        Some(Dialect::Gemini),
        "generationConfig.thinkingConfig.thinkingBudget",
        "a level is named beside it, and counts",
    ),
    (
        Some(Dialect::OpenAiChat),
        "web_search_options",
        "not among the allowed tools, so told as a change of `tools`",
    ),
    (
        Some(Dialect::OpenAiResponses),
        "text.format.strict",
        "Anthropic's are always to the letter",
    ),
    (
        Some(Dialect::Gemini),
        "contents[].parts[].functionResponse.id",
        "results belong to their calls, by id or in their order",
    ),
    (
        Some(Dialect::Gemini),
        "contents[].parts[].functionResponse.name",
        "the same",
    ),
    (
        Some(Dialect::Gemini),
        "contents[].parts[].functionResponse.parts[].inlineData.mimeType",
        "what the bytes say counts",
    ),
    (
        Some(Dialect::Gemini),
        "contents[].parts[].text",
        "of a thought, told as `contents[].thought`",
    ),
    (
        Some(Dialect::Gemini),
        "contents[].parts[].thoughtSignature",
        "the same",
    ),
];

#[test]
fn nothing_of_a_full_request_vanishes() {
    let mut faults = Vec::new();
    for dialect in Dialect::ALL {
        let full = case(dialect, Kind::Request, "full").json();
        for place in others(dialect).flat_map(places) {
            let accepted = accepted(dialect, &full, place, &mut faults);
            search(dialect, &accepted, place, &mut faults);
        }
    }
    assert!(faults.is_empty(), "{}", gaps(faults));
}

fn write(dialect: Dialect, body: &Value, place: Place) -> Option<Written> {
    let map: Map<String, Value> = body.as_object().expect("an object").clone();
    let request = decode_request(dialect, map).ok()?;
    Some(place.write(&request))
}

/// The request without the nodes that are refused; each of them must be named by its refusal.
fn accepted(
    dialect: Dialect,
    full: &Value,
    place: Place,
    faults: &mut Vec<(String, Dialect, Dialect)>,
) -> Value {
    let mut body = full.clone();
    for _ in 0..100 {
        let Some(Written::Refused(refusal)) = write(dialect, &body, place) else {
            return body;
        };
        let leads_out = |path: &Path| {
            let rest = write(dialect, &without(&body, path), place);
            rest.is_some_and(|rest| rest != Written::Refused(refusal.clone()))
        };
        let named = |path: &Path| {
            !path.is_empty() && are_akin(&short(&spelled(path)), &short(&refusal.field))
        };
        let (mut named, other): (Vec<Path>, Vec<Path>) =
            paths(&body, |_| true).into_iter().partition(named);
        named.sort_by_key(|path| (matches!(path.last(), Some(Step::Place(_))), path.len()));
        // Elements of lists come last, the deepest at the very end: a part rather than its message.
        let is_out = |path: &&Path| !path.is_empty() && leads_out(path);
        let found = named.iter().rfind(is_out);
        let Some(path) = found.or_else(|| other.iter().rfind(is_out)) else {
            faults.push((
                format!("refused as {}", refusal.field),
                dialect,
                place.dialect,
            ));
            return body;
        };
        // Where two fields demand the same, leaving out the one that is named is not enough.
        if named.is_empty() {
            let way = format!("{} refused as {}", spelled(path), refusal.field);
            faults.push((way, dialect, place.dialect));
        }
        body = without(&body, path);
    }
    panic!("{dialect} for {}: refused for ever", place.model)
}

fn search(
    dialect: Dialect,
    body: &Value,
    place: Place,
    faults: &mut Vec<(String, Dialect, Dialect)>,
) {
    let Some(Written::Body(sent, report)) = write(dialect, body, place) else {
        panic!("{dialect} for {}: it was accepted", place.model);
    };
    let leaves = paths(body, |node| {
        !node.is_object() && !node.is_array() && !node.is_null()
    });
    for (number, path) in leaves.into_iter().enumerate() {
        let way = spelled(&path);
        let is_spared = SPARED.iter().any(|(whose, spared, _)| {
            whose.is_none_or(|whose| whose == dialect) && are_akin(&way, spared)
        });
        if is_spared || is_named(&report, &names(body, &path)) {
            continue;
        }
        let known = Some(Written::Body(sent.clone(), report.clone()));
        let is_read = |other: Value| write(dialect, &other, place) != known;
        let leaf = node(body, &path).expect("it was found");
        let is_found =
            is_read(with(body, &path, another(leaf, number))) || is_read(without(body, &path));
        if !is_found {
            faults.push((way, dialect, place.dialect));
        }
    }
}

/// What a report may call a leaf: it or anything around it by its path or, in a list of parts, by its type.
fn names(body: &Value, path: &Path) -> Vec<String> {
    let mut names = Vec::new();
    for length in 1..=path.len() {
        let way = spelled(&path[..length]);
        let kind = node(body, &path[..length]).and_then(|node| node.get("type")?.as_str());
        names.extend(kind.map(|kind| short(&format!("{way}.{kind}"))));
        // Of a kind with a date or a version the report may name the kind alone.
        let kind = kind.filter(|kind| kind.starts_with("web_search"));
        names.extend(kind.map(|_| short(&format!("{way}.web_search"))));
        names.push(short(&way));
    }
    names
}

/// A path without what some reports leave out: the lists of parts, and Gemini's object of settings.
fn short(way: &str) -> String {
    let way = way.replace(".content[]", "").replace(".parts[]", "");
    way.replace("generationConfig.", "")
}

fn is_named(report: &Report, names: &[String]) -> bool {
    let lost = report.losses().iter().map(|loss| &*loss.field);
    let changed = report.adjustments().iter();
    let mut told = lost
        .chain(changed.map(|adjustment| &*adjustment.field))
        .map(short);
    told.any(|field| {
        let is_near = names.last().is_some_and(|leaf| are_akin(&field, leaf));
        is_near || names.contains(&field)
    })
}

/// Another value of the same kind, that is nowhere else.
fn another(leaf: &Value, number: usize) -> Value {
    match leaf {
        Value::Bool(is_so) => (!is_so).into(),
        Value::Number(_) => (70_000 + number).into(),
        _ => format!("mark{number}mark").into(),
    }
}
