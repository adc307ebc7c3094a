//! A request, written: whatever the target's dialect cannot say is reported or refused.

use serde_json::{Map, Number, Value, json};

use super::super::node::{INPUT, Node, TOOLS};
use super::write_items::Items;
use super::{write_parts, write_tools};
use crate::chat::request::{Format, Sampling, Thinking, ThinkingMode};
use crate::chat::{Dialect, Effort, Report, Request};
use crate::codec::field_names::Field;
use crate::codec::fingerprint;
use crate::codec::schema::fits_openai_strict;
use crate::codec::target::{Refusal, Target};
use crate::provider::knowledge::{self, Family};

/// Fewest tokens of an answer that OpenAI lets one ask for.
const LEAST_TOKENS: u64 = 16;

/// Longest name of a user or a cache key.
const LONGEST_KEY: usize = 64;

/// What is told to a model that is to answer in JSON of no schema: OpenAI refuses it otherwise.
const SAY_JSON: &str = "Answer in JSON.";

/// What every writer of a part of the request knows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Context<'a> {
    pub(super) request: &'a Request,
    pub(super) target: &'a Target<'a>,
    /// Whether the request came in this dialect: then it is written as it came.
    pub(super) is_own: bool,
}

impl Context<'_> {
    /// What the field is called in the client's dialect.
    pub(super) fn name(&self, field: Field) -> &'static str {
        field.name(self.request.dialect)
    }

    /// Whether the target takes marks of what is to be cached: OpenAI's models do since writing to the
    /// cache has a price.
    pub(super) fn takes_marks(&self) -> bool {
        let knowledge = self.target.knowledge;
        knowledge.family == Family::Gpt && knowledge.cache_write_price.is_some()
    }
}

/// Writes a request for `target`.
///
/// # Errors
/// What the dialect cannot say, and what must not be left out.
pub fn encode_request(
    request: &Request,
    target: &Target<'_>,
    report: &mut Report,
) -> Result<Map<String, Value>, Refusal> {
    let is_own = request.dialect == Dialect::OpenAiResponses;
    let cx = Context {
        request,
        target,
        is_own,
    };
    let Request {
        dialect: _,
        instructions: _,
        messages: _,
        tools: _,
        tool_choice: _,
        parallel_tool_calls: _,
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
    } = request;
    let mut node = Node::default();
    node.put("model", target.model);
    node.put("stream", target.streams);
    let kept = Node::new(is_own.then_some(extra), &[INPUT, TOOLS, "text"]);
    for (key, value) in kept.into_map() {
        node.put(&key, value);
    }
    let items = Items::write(&cx, report)?;
    node = node.maybe("instructions", items.instructions);
    if let Some(input) = items.input {
        node.put("input", input);
    }
    write_tools::write(&cx, &mut node, report)?;
    node = node.maybe(
        "max_output_tokens",
        max_tokens.map(|most| tokens(&cx, most, report)),
    );
    write_sampling(&cx, sampling, &mut node, report);
    refuse_candidates(&cx, *candidates)?;
    write_text(&cx, format.as_ref(), verbosity.as_deref(), &mut node);
    write_thinking(&cx, thinking.as_ref(), &mut node, report);
    write_include(&cx, *logprobs, &mut node, report);
    if !is_own {
        node = node.maybe("safety_identifier", user.as_deref().map(short));
    }
    node = node
        .maybe("metadata", metadata.clone())
        .maybe("service_tier", service_tier.as_deref())
        .maybe("store", store.or((!is_own).then_some(false)))
        .maybe("prompt_cache_key", cache_key.as_deref().map(short));
    if cache.is_some() || items.lost_marks {
        report.note(cx.name(Field::CacheMarks));
        node = node.maybe("prompt_cache_key", (!is_own).then(|| prefix_key(request)));
    }
    Ok(node.into_map())
}

/// A text that is used as a key: one that is too long is known by its fingerprint.
fn short(text: &str) -> String {
    if text.len() <= LONGEST_KEY {
        text.to_owned()
    } else {
        fingerprint::hex(text, LONGEST_KEY)
    }
}

/// Equal for conversations that begin alike: with the same instructions and tools.
fn prefix_key(request: &Request) -> String {
    let (instructions, _) = request.split_instructions();
    let mut prefix = String::new();
    for part in instructions {
        prefix.push_str(write_parts::text_of(part));
        prefix.push('\n');
    }
    for tool in &request.tools {
        prefix.push_str(write_tools::name(tool));
        prefix.push('\n');
    }
    fingerprint::hex(&prefix, 32)
}

fn tokens(cx: &Context<'_>, asked: u64, report: &mut Report) -> u64 {
    if cx.is_own {
        return asked;
    }
    let most = cx.target.knowledge.max_output.unwrap_or(u64::MAX);
    let given = asked.clamp(LEAST_TOKENS, most.max(LEAST_TOKENS));
    if given != asked {
        report.adjust(cx.name(Field::MaxTokens), given);
    }
    given
}

/// Whether the target will think over this request.
fn thinks(cx: &Context<'_>) -> bool {
    let asked = cx.request.thinking.as_ref().and_then(Thinking::level);
    cx.target.knowledge.thinking.thinks(asked)
}

fn write_sampling(cx: &Context<'_>, sampling: &Sampling, node: &mut Node, report: &mut Report) {
    let Sampling {
        temperature,
        top_p,
        top_k,
        seed,
        frequency_penalty,
        presence_penalty,
        stop,
    } = sampling;
    let is_taken = cx.is_own || cx.target.knowledge.sampling.when(thinks(cx));
    for (key, value, field) in [
        ("temperature", temperature, Field::Temperature),
        ("top_p", top_p, Field::TopP),
    ] {
        match value {
            Some(value) if is_taken => node.put(key, value.clone()),
            Some(_) => report.drop(cx.name(field)),
            None => {}
        }
    }
    let lost: [(Option<&Number>, Field); 4] = [
        (top_k.as_ref(), Field::TopK),
        (seed.as_ref(), Field::Seed),
        (frequency_penalty.as_ref(), Field::FrequencyPenalty),
        (presence_penalty.as_ref(), Field::PresencePenalty),
    ];
    for (_, field) in lost.iter().filter(|(value, _)| value.is_some()) {
        report.drop(cx.name(*field));
    }
    if !stop.is_empty() {
        report.drop(cx.name(Field::Stop));
    }
}

fn refuse_candidates(cx: &Context<'_>, candidates: Option<u64>) -> Result<(), Refusal> {
    if candidates.is_none_or(|count| count <= 1) {
        return Ok(());
    }
    let field = cx.name(Field::Candidates);
    let message = format!("`{field}`: the Responses API gives one answer at a time");
    Err(Refusal::new(field, message))
}

/// The form of the answer and how long it is to be.
fn write_text(cx: &Context<'_>, format: Option<&Format>, verbosity: Option<&str>, node: &mut Node) {
    let kept = cx.request.extra.get("text").and_then(Value::as_object);
    let kept = kept.filter(|_| cx.is_own).cloned().unwrap_or_default();
    let mut text = Node::default();
    for (key, value) in kept {
        text.put(&key, value);
    }
    if let Some(format) = format {
        text.put("format", write_format(cx, format));
    }
    let text = text.maybe("verbosity", verbosity).into_map();
    if !text.is_empty() {
        node.put("text", text);
    }
}

fn write_format(cx: &Context<'_>, format: &Format) -> Node {
    match format {
        Format::Text => Node::typed("text"),
        Format::Json => Node::typed("json_object"),
        Format::Schema {
            name,
            description,
            schema,
            strict,
        } => {
            // Anthropic and Gemini hold to every schema: the nearest is strict, where OpenAI can.
            let is_held = matches!(cx.request.dialect, Dialect::Anthropic | Dialect::Gemini);
            let strict = strict.or(is_held.then(|| fits_openai_strict(schema)));
            let name = if cx.is_own {
                name.clone()
            } else {
                Some(format_name(name.as_deref()))
            };
            Node::typed("json_schema")
                .maybe("name", name)
                .maybe("description", description.as_deref())
                .with("schema", schema.clone())
                .maybe("strict", strict)
        }
    }
}

/// A name that OpenAI takes.
fn format_name(name: Option<&str>) -> String {
    let is_plain = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    let plain: String = name.unwrap_or_default().chars().filter(is_plain).collect();
    let plain: String = plain.chars().take(LONGEST_KEY).collect();
    if plain.is_empty() {
        "response".to_owned()
    } else {
        plain
    }
}

fn write_thinking(
    cx: &Context<'_>,
    thinking: Option<&Thinking>,
    node: &mut Node,
    report: &mut Report,
) {
    let Some(thinking) = thinking else { return };
    let Thinking {
        effort,
        budget: _,
        mode,
        is_shown,
        summary,
        extra,
    } = thinking;
    if cx.is_own {
        let reasoning = Node::new(Some(extra), &[])
            .maybe("effort", effort.map(Effort::name))
            .maybe("summary", summary.as_deref());
        node.put("reasoning", reasoning);
        return;
    }
    let asked = thinking.level();
    if matches!(cx.target.knowledge.thinking, knowledge::Thinking::None) {
        if asked.is_some_and(|effort| effort != Effort::None) {
            report.drop(cx.name(Field::Thinking));
        }
        return;
    }
    let level = asked.and_then(|asked| cx.target.knowledge.thinking.level(asked));
    if let Some(level) = level.filter(|level| Some(*level) != asked) {
        report.adjust(cx.name(Field::Thinking), level.name());
    }
    // Who switches thinking on by Anthropic's switch reads it, unless it says not to.
    let is_on = matches!(mode, Some(ThinkingMode::Enabled | ThinkingMode::Adaptive));
    let wants = is_shown.unwrap_or(is_on);
    let shown = summary.as_deref().or(wants.then_some("auto"));
    let reasoning = Node::default()
        .maybe("effort", level.map(Effort::name))
        .maybe("summary", shown)
        .into_map();
    if !reasoning.is_empty() {
        node.put("reasoning", reasoning);
    }
}

/// What is wanted beside the answer. Models that do not think refuse to be asked for their thoughts.
fn write_include(cx: &Context<'_>, logprobs: Option<u64>, node: &mut Node, report: &mut Report) {
    if cx.is_own {
        return;
    }
    let mut include = Vec::new();
    if !matches!(cx.target.knowledge.thinking, knowledge::Thinking::None) {
        include.push("reasoning.encrypted_content");
    }
    if let Some(alternatives) = logprobs {
        if cx.target.knowledge.sampling.when(thinks(cx)) {
            include.push("message.output_text.logprobs");
            node.put("top_logprobs", alternatives);
        } else {
            report.drop(cx.name(Field::Logprobs));
        }
    }
    if !include.is_empty() {
        node.put("include", json!(include));
    }
}

/// The line that asks for JSON, where nothing else says so.
pub(super) fn say_json(cx: &Context<'_>, instructions: &str) -> Option<&'static str> {
    let is_asked = cx.request.format == Some(Format::Json) && cx.request.dialect == Dialect::Gemini;
    (is_asked && !instructions.to_ascii_lowercase().contains("json")).then_some(SAY_JSON)
}
