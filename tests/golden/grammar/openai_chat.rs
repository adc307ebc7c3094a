//! Chat: chunks without names, one id throughout, a role first, a finish once, `[DONE]` last.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{End, Fault, Written, at, count, list, must, only, text};

/// Why an answer may end.
const FINISHES: [&str; 5] = [
    "stop",
    "length",
    "tool_calls",
    "content_filter",
    "function_call",
];

#[derive(Debug, Default)]
struct Choice {
    has_role: bool,
    is_finished: bool,
    ids: Vec<String>,
    has_arguments: Vec<bool>,
}

/// Checks a whole stream.
pub(super) fn stream(events: &[Written]) -> Result<End, Fault> {
    let (mut choices, mut head, mut is_counted) = (BTreeMap::new(), None, false);
    let (last, chunks) = events.split_last().ok_or("nothing was said")?;
    for event in chunks {
        let chunk = chunk(event, &mut head)?;
        must(!is_counted, || format!("behind the counts: {chunk}"))?;
        let answers = list(chunk, "/choices")?;
        if answers.is_empty() {
            usage(at(chunk, "/usage")?)?;
            let all_done = choices.values().all(|choice: &Choice| choice.is_finished);
            must(all_done, || "counted before it was finished".to_owned())?;
            is_counted = true;
        } else {
            must(at(chunk, "/usage")?.is_null(), || {
                format!("counts too early: {chunk}")
            })?;
        }
        for answer in answers {
            self::answer(answer, choices.entry(count(answer, "/index")?).or_default())?;
        }
    }
    if last.raw == "[DONE]" {
        must(last.name.is_none(), || "[DONE] has a name".to_owned())?;
        must(!choices.is_empty(), || "no answer".to_owned())?;
        let indices = choices.keys().copied().eq(0..choices.len() as u64);
        must(indices, || "answers are numbered with gaps".to_owned())?;
        let open = choices.values().find(|choice| !choice.is_finished);
        return open.map_or(Ok(End::Finished), |open| {
            Err(format!("unfinished: {open:?}"))
        });
    }
    must(last.name.is_none(), || "an error with a name".to_owned())?;
    error(last.json.as_ref().ok_or("the end is no JSON")?)?;
    Ok(End::Failed)
}

fn chunk<'e>(event: &'e Written, head: &mut Option<[Value; 4]>) -> Result<&'e Value, Fault> {
    must(event.name.is_none(), || {
        format!("a chunk with a name: {event:?}")
    })?;
    let chunk = event
        .json
        .as_ref()
        .ok_or_else(|| format!("no JSON: {}", event.raw))?;
    only(
        chunk,
        &["id", "object", "created", "model", "choices", "usage"],
    )?;
    must(text(chunk, "/object")? == "chat.completion.chunk", || {
        format!("no chunk: {chunk}")
    })?;
    must(!text(chunk, "/id")?.is_empty(), || {
        format!("no id: {chunk}")
    })?;
    must(!text(chunk, "/model")?.is_empty(), || {
        format!("no model: {chunk}")
    })?;
    count(chunk, "/created")?;
    let own = ["id", "object", "created", "model"].map(|key| chunk[key].clone());
    let known = head.get_or_insert_with(|| own.clone());
    must(*known == own, || format!("another head: {chunk}"))?;
    Ok(chunk)
}

fn answer(answer: &Value, choice: &mut Choice) -> Result<(), Fault> {
    must(!choice.is_finished, || {
        format!("behind its finish: {answer}")
    })?;
    only(
        answer,
        &[
            "index",
            "delta",
            "logprobs",
            "finish_reason",
            "native_finish_reason",
        ],
    )?;
    let delta = at(answer, "/delta")?;
    at(answer, "/logprobs")?;
    let has_role = delta.get("role") == Some(&Value::from("assistant"));
    must(has_role != choice.has_role, || {
        format!("the role, once and first: {answer}")
    })?;
    choice.has_role = true;
    let known = [
        "role",
        "content",
        "refusal",
        "reasoning_content",
        "reasoning_details",
        "tool_calls",
        "function_call",
        "annotations",
        "images",
        "audio",
        "extra_content",
    ];
    only(delta, &known)?;
    for key in ["content", "refusal", "reasoning_content"] {
        let is_measured = !answer["logprobs"].is_null();
        let said = delta.get(key).filter(|_| !has_role && !is_measured);
        let is_empty = said.is_some_and(|said| said.as_str().is_none_or(str::is_empty));
        must(!is_empty, || format!("empty {key}: {answer}"))?;
    }
    for call in delta
        .get("tool_calls")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        self::call(call, choice)?;
    }
    match at(answer, "/finish_reason")? {
        Value::Null => Ok(()),
        finish => self::finish(finish, choice),
    }
}

fn call(call: &Value, choice: &mut Choice) -> Result<(), Fault> {
    only(
        call,
        &["index", "id", "type", "function", "custom", "extra_content"],
    )?;
    let index = usize::try_from(count(call, "/index")?).map_err(|_| "too many calls")?;
    let is_new = index == choice.ids.len();
    must(index <= choice.ids.len(), || {
        format!("a gap between calls: {call}")
    })?;
    must(is_new == call.get("id").is_some(), || {
        format!("the id, on the first only: {call}")
    })?;
    let inner = call.get("function").or(call.get("custom"));
    let is_named = inner.is_some_and(|inner| inner.get("name").is_some());
    must(is_new == is_named, || {
        format!("the name, on the first only: {call}")
    })?;
    if is_new {
        let id = text(call, "/id")?.to_owned();
        must(!id.is_empty() && !choice.ids.contains(&id), || {
            format!("a bad id: {call}")
        })?;
        text(call, &format!("/{}/name", text(call, "/type")?))?;
        choice.ids.push(id);
        choice.has_arguments.push(false);
    }
    let key = if call.get("custom").is_some() {
        "input"
    } else {
        "arguments"
    };
    if let Some(arguments) = inner.and_then(|inner| inner.get(key)) {
        let fragment = arguments
            .as_str()
            .ok_or_else(|| format!("no text: {call}"))?;
        choice.has_arguments[index] |= !fragment.is_empty() || key == "input";
    }
    Ok(())
}

fn finish(finish: &Value, choice: &mut Choice) -> Result<(), Fault> {
    let word = finish.as_str().unwrap_or_default();
    must(FINISHES.contains(&word), || format!("no finish: {finish}"))?;
    let calls = word == "tool_calls";
    must(!calls || !choice.ids.is_empty(), || {
        "finished for calls it has not".to_owned()
    })?;
    must(word != "stop" || choice.ids.is_empty(), || {
        "stopped with calls".to_owned()
    })?;
    let has_all = choice.has_arguments.iter().all(|has| *has);
    must(!calls || has_all, || "a call without arguments".to_owned())?;
    choice.is_finished = true;
    Ok(())
}

fn usage(usage: &Value) -> Result<(), Fault> {
    let (input, output) = (
        count(usage, "/prompt_tokens")?,
        count(usage, "/completion_tokens")?,
    );
    let total = count(usage, "/total_tokens")?;
    must(total == input.saturating_add(output), || {
        format!("no sum: {usage}")
    })?;
    let cached = count(usage, "/prompt_tokens_details/cached_tokens")?;
    let reasoning = count(usage, "/completion_tokens_details/reasoning_tokens")?;
    must(cached <= input && reasoning <= output, || {
        format!("more than all: {usage}")
    })
}

/// All four keys, and nothing beside the error.
pub(super) fn error(value: &Value) -> Result<(), Fault> {
    only(value, &["error"])?;
    text(value, "/error/message")?;
    text(value, "/error/type")?;
    at(value, "/error/param")?;
    at(value, "/error/code")?;
    Ok(())
}

/// Checks a complete answer.
pub(super) fn document(body: &Value) -> Result<(), Fault> {
    must(text(body, "/object")? == "chat.completion", || {
        "no completion".to_owned()
    })?;
    must(!text(body, "/id")?.is_empty(), || "no id".to_owned())?;
    text(body, "/model")?;
    count(body, "/created")?;
    body.get("usage").map_or(Ok(()), usage)?;
    let choices = list(body, "/choices")?;
    must(!choices.is_empty(), || "no answer".to_owned())?;
    for (index, choice) in choices.iter().enumerate() {
        must(count(choice, "/index")? == index as u64, || {
            format!("its place: {choice}")
        })?;
        at(choice, "/logprobs")?;
        let message = at(choice, "/message")?;
        must(text(message, "/role")? == "assistant", || {
            format!("no role: {message}")
        })?;
        at(message, "/refusal")?;
        let content = at(message, "/content")?;
        must(content.is_null() || content.is_string(), || {
            format!("content: {message}")
        })?;
        let mut state = Choice {
            has_role: true,
            ..Choice::default()
        };
        let calls = message.get("tool_calls").and_then(Value::as_array);
        for (index, own) in calls.into_iter().flatten().enumerate() {
            must(own.get("index").is_none(), || {
                format!("a place in a document: {own}")
            })?;
            let mut own = own.clone();
            own["index"] = index.into();
            call(&own, &mut state)?;
        }
        must(calls.is_none_or(|calls| !calls.is_empty()), || {
            format!("no calls: {message}")
        })?;
        finish(at(choice, "/finish_reason")?, &mut state)?;
    }
    Ok(())
}
