//! A request, read: every field is taken, kept for its own dialect, or left over with its path.

use serde_json::{Map, Value, json};

use super::super::node::{AS_TEXT, INPUT, Kept, TOOLS};
use super::{items, tools};
use crate::chat::request::{Format, Message, Role, Thinking};
use crate::chat::{Dialect, Effort, Part, Request};
use crate::json::fields::{BadField, Fields};

/// The entry of `include` that asks for log probabilities.
const LOGPROBS: &str = "message.output_text.logprobs";

/// The entry of `include` that asks for what we always give.
const ENCRYPTED: &str = "reasoning.encrypted_content";

/// Reads a request's body.
///
/// # Errors
/// A field that is not what it must be.
pub fn decode_request(body: Map<String, Value>) -> Result<Request, BadField> {
    let mut fields = Fields::new(body, "");
    let mut kept = Kept::default();
    let mut request = Request::new(Dialect::OpenAiResponses);
    transport(&mut fields);
    read_tools(&mut fields, &mut kept, &mut request)?;
    read_input(&mut fields, &mut kept, &mut request)?;
    scalars(&mut fields, &mut request)?;
    read_user(&mut fields, &mut kept, &mut request)?;
    read_logprobs(&mut fields, &mut kept, &mut request)?;
    read_text(&mut fields, &mut kept, &mut request)?;
    read_reasoning(&mut fields, &mut request)?;
    defaults(&mut fields, &mut kept);
    request.extra = kept.with(fields, &mut request.leftovers);
    Ok(request)
}

/// What is the transport's, or meant for the gateway itself.
fn transport(fields: &mut Fields) {
    for key in [
        "model",
        "stream",
        "stream_options",
        "alias",
        "strict_alias",
        "extra_body",
    ] {
        fields.take(key);
    }
    if fields.peek_text("provider").is_some() {
        fields.take("provider");
    }
}

fn read_tools(fields: &mut Fields, kept: &mut Kept, request: &mut Request) -> Result<(), BadField> {
    let mut aside = Vec::new();
    for (place, tool) in fields.list("tools")?.into_iter().flatten().enumerate() {
        if let Some(tool) = tools::read(tool, &mut request.tools, &mut request.leftovers)? {
            aside.push(json!([place, tool]));
        }
    }
    if !aside.is_empty() {
        kept.mark(TOOLS, aside);
    }
    if let Some(choice) = fields.take("tool_choice") {
        request.tool_choice = Some(tools::read_choice(choice)?);
    }
    Ok(())
}

fn read_input(fields: &mut Fields, kept: &mut Kept, request: &mut Request) -> Result<(), BadField> {
    if let Some(text) = fields.text("instructions")? {
        request.instructions.push(Part::text(text));
    }
    match fields.take("input") {
        None => {}
        Some(Value::String(text)) => {
            kept.mark(INPUT, AS_TEXT);
            let message = Message::new(Role::User, vec![Part::text(text)]);
            request.messages.push(message);
        }
        Some(Value::Array(list)) => {
            for item in list {
                items::read(item, request)?;
            }
        }
        Some(_) => return Err(fields.bad("input", "a string or an array")),
    }
    Ok(())
}

fn scalars(fields: &mut Fields, request: &mut Request) -> Result<(), BadField> {
    request.parallel_tool_calls = fields.boolean("parallel_tool_calls")?;
    request.max_tokens = fields.count("max_output_tokens")?;
    request.sampling.temperature = fields.number("temperature")?;
    request.sampling.top_p = fields.number("top_p")?;
    request.metadata = fields.object("metadata")?.map(Fields::into_rest);
    request.service_tier = fields.text("service_tier")?;
    request.store = fields.boolean("store")?;
    request.cache_key = fields.text("prompt_cache_key")?;
    Ok(())
}

/// The user goes by two names; both are kept as they were.
fn read_user(fields: &mut Fields, kept: &mut Kept, request: &mut Request) -> Result<(), BadField> {
    for key in ["safety_identifier", "user"] {
        if let Some(user) = fields.text(key)? {
            kept.mark(key, user.as_str());
            request.user = request.user.take().or(Some(user));
        }
    }
    Ok(())
}

/// Log probabilities are asked for in `include`, and only how many there are elsewhere.
fn read_logprobs(
    fields: &mut Fields,
    kept: &mut Kept,
    request: &mut Request,
) -> Result<(), BadField> {
    let alternatives = fields.count("top_logprobs")?;
    let include = fields.list("include")?.unwrap_or_default();
    if include.iter().any(|entry| entry == LOGPROBS) {
        request.logprobs = Some(alternatives.unwrap_or(0));
    }
    if include
        .iter()
        .any(|entry| entry != LOGPROBS && entry != ENCRYPTED)
    {
        request.leftovers.note("include".to_owned());
    }
    if !include.is_empty() {
        kept.mark("include", include);
    }
    if let Some(alternatives) = alternatives {
        kept.mark("top_logprobs", alternatives);
    }
    Ok(())
}

fn read_text(fields: &mut Fields, kept: &mut Kept, request: &mut Request) -> Result<(), BadField> {
    let Some(mut text) = fields.object("text")? else {
        return Ok(());
    };
    request.verbosity = text.text("verbosity")?;
    let mut rest = Kept::default();
    if let Some(format) = text.object("format")? {
        request.format = read_format(format, &mut rest, request)?;
    }
    let rest = rest.with(text, &mut request.leftovers);
    if !rest.is_empty() {
        let mut map = Map::new();
        rest.merge_into(&mut map);
        kept.mark("text", map);
    }
    Ok(())
}

/// A form that nobody knows is kept whole, as is one with more to it than we have words for.
fn read_format(
    mut format: Fields,
    rest: &mut Kept,
    request: &mut Request,
) -> Result<Option<Format>, BadField> {
    let whole = format.clone().into_rest();
    let kind = format.text("type")?.unwrap_or_default();
    let read = match kind.as_str() {
        "text" => Some(Format::Text),
        "json_object" => Some(Format::Json),
        "json_schema" => Some(Format::Schema {
            name: format.text("name")?,
            description: format.text("description")?,
            schema: format
                .take("schema")
                .filter(Value::is_object)
                .ok_or_else(|| format.bad("schema", "an object"))?,
            strict: format.boolean("strict")?,
        }),
        _ => None,
    };
    if read.is_none() {
        request.leftovers.note(format.path().to_owned());
        rest.mark("format", whole);
    } else if !format.is_empty() {
        request.leftovers.collect(format);
        rest.mark("format", whole);
    }
    Ok(read)
}

fn read_reasoning(fields: &mut Fields, request: &mut Request) -> Result<(), BadField> {
    let Some(mut reasoning) = fields.object("reasoning")? else {
        return Ok(());
    };
    let effort = reasoning.peek_text("effort").and_then(Effort::parse);
    let mut kept = Kept::default();
    match effort {
        Some(effort) if reasoning.peek_text("effort") == Some(effort.name()) => {
            reasoning.take("effort");
        }
        Some(_) => kept.keep(&mut reasoning, "effort"),
        None => {}
    }
    let summary = reasoning.text("summary")?;
    request.thinking = Some(Thinking {
        effort,
        is_shown: summary.is_some().then_some(true),
        summary,
        extra: kept.with(reasoning, &mut request.leftovers),
        ..Thinking::default()
    });
    Ok(())
}

/// What says only what holds anyway is no loss elsewhere.
fn defaults(fields: &mut Fields, kept: &mut Kept) {
    if fields.peek("background") == Some(&Value::Bool(false)) {
        kept.keep(fields, "background");
    }
    if fields.peek_text("truncation") == Some("disabled") {
        kept.keep(fields, "truncation");
    }
}
