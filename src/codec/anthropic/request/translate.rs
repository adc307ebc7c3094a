//! A request of another dialect, written for this one's servers.

use std::collections::HashSet;

use serde_json::{Map, Value, json};

use super::conversation::{self, Conversation};
use super::spoken::Writer;
use super::{limits, thinking, written_tool};
use crate::chat::request::Format;
use crate::chat::{Report, Request};
use crate::codec::anthropic::cache;
use crate::codec::field_names::Field;
use crate::codec::fingerprint;
use crate::codec::schema::for_anthropic_strict;
use crate::codec::target::{Refusal, Target};
use crate::provider::knowledge::{Accepts, Thinking};

/// The most breakpoints a request may have.
const BREAKPOINTS: usize = 4;

/// The body, for the target.
pub(super) fn encode(
    request: &Request,
    target: &Target<'_>,
    report: &mut Report,
) -> Result<Map<String, Value>, Refusal> {
    let mut writer = Writer {
        source: request.dialect,
        target,
        report,
        ids: HashSet::new(),
    };
    refuse(request, &writer)?;
    let tools = written_tool::tools(request, &mut writer)?;
    let mut talk = conversation::write(request, &mut writer)?;
    let must_not = must_not_think(request, &talk, &writer);
    let mut plan = thinking::plan(request, must_not, &mut writer);
    let max_tokens = limits::max_tokens(request, &mut plan, &mut writer);
    let mut lines = Vec::new();
    let mut body = Map::new();
    body.insert("model".to_owned(), target.model.into());
    body.insert("max_tokens".to_owned(), max_tokens.into());
    body.insert("stream".to_owned(), target.streams.into());
    let choice = if tools.is_empty() {
        written_tool::no_choice(request, &mut writer)
    } else {
        written_tool::choice(request, plan.thinks, &mut writer, &mut lines)
    };
    let mut config = format(request, &mut writer, &mut lines);
    if let Some(effort) = plan.effort {
        config.insert("effort".to_owned(), effort.name().into());
    }
    settle_prefill(&mut talk, plan.thinks, &mut writer);
    talk.instruct(&lines);
    let Conversation { system, messages } = talk;
    let mut put = |key: &str, value: Option<Value>| {
        body.extend(value.map(|value| (key.to_owned(), value)));
    };
    put("tools", (!tools.is_empty()).then(|| tools.into()));
    put("tool_choice", choice);
    put("system", (!system.is_empty()).then(|| system.into()));
    put("messages", Some(messages.into()));
    put("thinking", plan.config());
    put(
        "output_config",
        (!config.is_empty()).then_some(Value::Object(config)),
    );
    limits::sampling(request, plan.thinks, &mut writer, &mut body);
    rest(request, &mut writer, &mut body);
    thin_out(&mut body, &mut writer);
    Ok(body)
}

/// What a client asks for because it needs it, and no server of this dialect has.
fn refuse(request: &Request, writer: &Writer<'_, '_>) -> Result<(), Refusal> {
    let field = match request {
        Request {
            candidates: Some(2..),
            ..
        } => Field::Candidates,
        Request {
            logprobs: Some(_), ..
        } => Field::Logprobs,
        _ => return Ok(()),
    };
    let name = writer.name(field);
    let model = writer.target.model;
    let message = match field {
        Field::Candidates => format!("`{model}` gives one answer at a time; `{name}` must be 1"),
        _ => format!("`{model}` gives no log probabilities; leave `{name}` out"),
    };
    Err(Refusal::new(name, message))
}

/// Why this request cannot be thought about, if so.
fn must_not_think<'r>(
    request: &Request,
    talk: &Conversation,
    writer: &Writer<'_, '_>,
) -> Option<&'r str> {
    let knowledge = writer.target.knowledge;
    let is_forced = written_tool::is_forced(request) && !request.tools.is_empty();
    if is_forced && knowledge.forced_tool_choice == Accepts::WhileNotThinking {
        return Some("a tool is forced");
    }
    let needs_thoughts = knowledge.thinking == Thinking::ClaudeBudget;
    (needs_thoughts && talk.lacks_a_thought()).then_some("a loop of tools began without a thought")
}

/// Last words of the model: to be gone on from, where it can.
fn settle_prefill(talk: &mut Conversation, thinks: bool, writer: &mut Writer<'_, '_>) {
    let Some(prefill) = talk.prefill() else {
        return;
    };
    if writer.target.knowledge.prefill && !thinks {
        talk.trim_prefill();
        return;
    }
    talk.ask_for(&prefill);
    let field = format!("{}[].prefill", writer.name(Field::Messages));
    writer.report.drop(field.clone());
    writer.report.adjust(field, "instruction");
}

/// `output_config`, as far as it is about the form of the answer.
fn format(
    request: &Request,
    writer: &mut Writer<'_, '_>,
    lines: &mut Vec<String>,
) -> Map<String, Value> {
    let mut config = Map::new();
    match &request.format {
        None | Some(Format::Text) => {}
        Some(Format::Json) => {
            lines.push("Answer with one valid JSON object and nothing else.".to_owned());
            writer.emulate(Field::Format, "instruction");
        }
        Some(Format::Schema {
            name,
            description,
            schema,
            strict: _,
        }) if writer.target.knowledge.structured_output => {
            // The model is shown the schema alone.
            for (key, text) in [("name", name), ("description", description)] {
                if text.is_some() {
                    let field = format!("{}.{key}", writer.name(Field::Format));
                    writer.report.note(field);
                }
            }
            let schema = writer.rewritten(for_anthropic_strict(schema), Field::Format);
            let format = json!({"type": "json_schema", "schema": schema});
            config.insert("format".to_owned(), format);
        }
        Some(Format::Schema { schema, .. }) => {
            lines.push(format!(
                "Answer with one JSON value that follows this JSON Schema, and nothing else:\n{schema}"
            ));
            writer.emulate(Field::Format, "instruction");
        }
    }
    config
}

impl Writer<'_, '_> {
    /// A field is stood in for by words, which bind the model less: told in both ways, so that who is
    /// strict about losses hears of it.
    pub(super) fn emulate(&mut self, field: Field, by: &str) {
        self.lose(field);
        self.report.adjust(self.name(field), by);
    }
}

/// Fields without much to say.
fn rest(request: &Request, writer: &mut Writer<'_, '_>, body: &mut Map<String, Value>) {
    let Request {
        verbosity,
        user,
        metadata,
        service_tier,
        store,
        cache_key,
        cache,
        // Written above.
        dialect: _,
        instructions: _,
        messages: _,
        tools: _,
        tool_choice: _,
        parallel_tool_calls: _,
        max_tokens: _,
        sampling: _,
        candidates: _,
        logprobs: _,
        format: _,
        thinking: _,
        // The caller reports what is left over.
        extra: _,
        leftovers: _,
    } = request;
    if verbosity.is_some() {
        writer.lose(Field::Verbosity);
    }
    if metadata.as_ref().is_some_and(|labels| !labels.is_empty()) {
        writer.report.note(writer.name(Field::Metadata));
    }
    if store.is_some() {
        writer.report.note(writer.name(Field::Store));
    }
    if cache_key.is_some() {
        writer.report.note(writer.name(Field::CacheKey));
    }
    if let Some(user) = user.as_deref().filter(|user| !user.is_empty()) {
        let id = opaque_user(user);
        body.insert("metadata".to_owned(), json!({"user_id": id}));
    }
    match service_tier.as_deref() {
        None => {}
        Some("auto") => drop(body.insert("service_tier".to_owned(), "auto".into())),
        Some("default") => drop(body.insert("service_tier".to_owned(), "standard_only".into())),
        Some(_) => writer.lose(Field::ServiceTier),
    }
    if let Some(mark) = cache {
        body.insert(cache::FIELD.to_owned(), cache::translated(mark));
    }
}

/// Digits of the shortest text that is taken for a hash.
const HASH: usize = 32;

/// The user as an id that says nothing of them: the dialect asks for that.
fn opaque_user(user: &str) -> String {
    let is_hash_like = |c: char| c.is_ascii_hexdigit() || c == '-';
    if user.len() >= HASH && user.chars().all(is_hash_like) {
        return user.to_owned();
    }
    fingerprint::hex(user, 64)
}

/// Leaves the last breakpoints: the longest beginnings are worth the most.
fn thin_out(body: &mut Map<String, Value>, writer: &mut Writer<'_, '_>) {
    let room = BREAKPOINTS - usize::from(body.contains_key(cache::FIELD));
    let marks = each_block(body)
        .filter(|block| block.contains_key(cache::FIELD))
        .count();
    if marks <= room {
        return;
    }
    let marked = each_block(body).filter(|block| block.contains_key(cache::FIELD));
    for block in marked.take(marks - room) {
        block.shift_remove(cache::FIELD);
    }
    writer.report.adjust(writer.name(Field::CacheMarks), room);
}

/// Everything that may be marked, in the order in which the prompt is made of it.
fn each_block(body: &mut Map<String, Value>) -> impl Iterator<Item = &mut Map<String, Value>> {
    let (mut tools, mut system, mut messages) = (None, None, None);
    for (key, value) in body {
        match key.as_str() {
            "tools" => tools = value.as_array_mut(),
            "system" => system = value.as_array_mut(),
            "messages" => messages = value.as_array_mut(),
            _ => {}
        }
    }
    let contents = messages.into_iter().flatten().filter_map(|message| {
        let content = message.get_mut("content")?;
        content.as_array_mut()
    });
    let own = tools.into_iter().chain(system);
    own.chain(contents)
        .flatten()
        .filter_map(Value::as_object_mut)
}
