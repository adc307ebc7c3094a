//! Responses: numbered events, items one after the other, an end that repeats them all.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{End, Fault, Written, at, count, list, must, text};

/// What an answer must hold, be it null.
const ENVELOPE: [&str; 20] = [
    "id",
    "object",
    "created_at",
    "status",
    "error",
    "incomplete_details",
    "instructions",
    "metadata",
    "model",
    "output",
    "parallel_tool_calls",
    "temperature",
    "tool_choice",
    "tools",
    "top_p",
    "usage",
    "text",
    "reasoning",
    "truncation",
    "max_output_tokens",
];

#[derive(Debug, Default)]
struct State {
    id: Option<String>,
    is_in_progress: bool,
    added: u64,
    open: Option<Item>,
    done: Vec<Value>,
    ids: Vec<String>,
}

/// An item under way.
#[derive(Debug, Default)]
struct Item {
    id: String,
    kind: String,
    head: Value,
    /// Parts of a message or a thought: begun, and as they ended.
    parts: BTreeMap<u64, Part>,
    arguments: String,
    has_arguments: bool,
}

#[derive(Debug, Default)]
struct Part {
    kind: String,
    said: String,
    annotations: Vec<Value>,
    is_text_done: bool,
    done: Option<Value>,
}

/// Checks a whole stream.
pub(super) fn stream(events: &[Written]) -> Result<End, Fault> {
    let mut state = State::default();
    for (place, event) in events.iter().enumerate() {
        let data = event
            .json
            .as_ref()
            .ok_or_else(|| format!("no JSON: {}", event.raw))?;
        let kind = text(data, "/type")?;
        must(event.name.as_deref() == Some(kind), || {
            format!("a wrong name: {event:?}")
        })?;
        must(count(data, "/sequence_number")? == place as u64, || {
            format!("its number: {data}")
        })?;
        if let Some(end) = state.end(kind, data)? {
            must(place + 1 == events.len(), || {
                "the end is not the last".to_owned()
            })?;
            return Ok(end);
        }
        state
            .take(kind, data)
            .map_err(|fault| format!("{fault}\n in {data}"))?;
    }
    Err("no terminal event".to_owned())
}

impl State {
    fn end(&mut self, kind: &str, data: &Value) -> Result<Option<End>, Fault> {
        match kind {
            "error" => {
                text(data, "/message")?;
                at(data, "/code")?;
                at(data, "/param")?;
                Ok(Some(End::Failed))
            }
            "response.failed" => {
                let response = at(data, "/response")?;
                self.envelope(response, "failed")?;
                text(response, "/error/code")?;
                text(response, "/error/message")?;
                Ok(Some(End::Failed))
            }
            "response.completed" | "response.incomplete" => {
                let response = at(data, "/response")?;
                let status = kind.strip_prefix("response.").unwrap_or_default();
                self.envelope(response, status)?;
                must(self.open.is_none(), || {
                    format!("an item is open: {:?}", self.open)
                })?;
                complete(response)?;
                let output = list(response, "/output")?;
                must(output == self.done, || {
                    format!("not what was told: {output:?}\n{:?}", self.done)
                })?;
                Ok(Some(End::Finished))
            }
            _ => Ok(None),
        }
    }

    fn envelope(&mut self, response: &Value, status: &str) -> Result<(), Fault> {
        for key in ENVELOPE {
            must(response.get(key).is_some(), || {
                format!("no {key} in {response}")
            })?;
        }
        must(text(response, "/object")? == "response", || {
            format!("no response: {response}")
        })?;
        must(text(response, "/status")? == status, || {
            format!("not {status}: {response}")
        })?;
        let id = text(response, "/id")?;
        must(id.starts_with("resp_"), || format!("no id: {id}"))?;
        let known = self.id.get_or_insert_with(|| id.to_owned());
        must(known == id, || format!("another id: {id}"))
    }

    fn take(&mut self, kind: &str, data: &Value) -> Result<(), Fault> {
        match kind {
            "response.created" => {
                must(self.id.is_none(), || "created twice".to_owned())?;
                return self.envelope(at(data, "/response")?, "in_progress");
            }
            "response.in_progress" => {
                must(self.id.is_some() && !self.is_in_progress, || {
                    "not now".to_owned()
                })?;
                self.is_in_progress = true;
                return self.envelope(at(data, "/response")?, "in_progress");
            }
            _ => must(self.is_in_progress, || {
                "before response.in_progress".to_owned()
            })?,
        }
        if kind == "response.output_item.added" {
            return self.add(data);
        }
        let number = self.added.checked_sub(1).ok_or("no item yet")?;
        must(count(data, "/output_index")? == number, || {
            "not the open item".to_owned()
        })?;
        if kind == "response.output_item.done" {
            let open = self.open.take().ok_or("no item is open")?;
            let item = at(data, "/item")?;
            open.close(item)?;
            self.done.push(item.clone());
            return Ok(());
        }
        let open = self.open.as_mut().ok_or("no item is open")?;
        must(text(data, "/item_id")? == open.id, || {
            "another item's id".to_owned()
        })?;
        open.take(kind, data)
    }

    fn add(&mut self, data: &Value) -> Result<(), Fault> {
        must(self.open.is_none(), || "an item is open".to_owned())?;
        must(count(data, "/output_index")? == self.added, || {
            "its number".to_owned()
        })?;
        self.added += 1;
        let item = at(data, "/item")?;
        let (id, kind) = (
            text(item, "/id")?.to_owned(),
            text(item, "/type")?.to_owned(),
        );
        must(!id.is_empty() && !self.ids.contains(&id), || {
            "an id twice".to_owned()
        })?;
        let empty = match kind.as_str() {
            "message" => list(item, "/content")?.is_empty() && text(item, "/role")? == "assistant",
            "reasoning" => list(item, "/summary")?.is_empty(),
            "function_call" => {
                text(item, "/arguments")?.is_empty()
                    && !text(item, "/call_id")?.is_empty()
                    && !text(item, "/name")?.is_empty()
            }
            "custom_tool_call" => {
                text(item, "/input")?.is_empty() && !text(item, "/call_id")?.is_empty()
            }
            _ => true,
        };
        must(empty, || "begun with something in it".to_owned())?;
        if kind != "reasoning" {
            text(item, "/status")?;
        }
        self.ids.push(id.clone());
        self.open = Some(Item {
            id,
            kind,
            head: item.clone(),
            ..Item::default()
        });
        Ok(())
    }
}

impl Item {
    fn take(&mut self, kind: &str, data: &Value) -> Result<(), Fault> {
        let (step, of) = match kind {
            "response.content_part.added" => ("added", "/content_index"),
            "response.reasoning_summary_part.added" => ("added", "/summary_index"),
            "response.content_part.done" => ("done", "/content_index"),
            "response.reasoning_summary_part.done" => ("done", "/summary_index"),
            "response.output_text.delta"
            | "response.refusal.delta"
            | "response.reasoning_text.delta" => ("delta", "/content_index"),
            "response.reasoning_summary_text.delta" => ("delta", "/summary_index"),
            "response.output_text.done"
            | "response.refusal.done"
            | "response.reasoning_text.done" => ("said", "/content_index"),
            "response.reasoning_summary_text.done" => ("said", "/summary_index"),
            "response.output_text.annotation.added" => ("annotation", "/content_index"),
            _ => return self.argue(kind, data),
        };
        let is_summary = of == "/summary_index";
        must(is_summary == (self.kind == "reasoning"), || {
            format!("within {}", self.kind)
        })?;
        let index = count(data, of)?;
        if step == "added" {
            let open = self.parts.values().any(|part| part.done.is_none());
            must(!open && index == self.parts.len() as u64, || {
                "its number".to_owned()
            })?;
            let kind = text(data, "/part/type")?.to_owned();
            self.parts.insert(
                index,
                Part {
                    kind,
                    ..Part::default()
                },
            );
            return Ok(());
        }
        let part = self
            .parts
            .get_mut(&index)
            .filter(|part| part.done.is_none());
        part.ok_or("no such part is open")?.take(step, kind, data)
    }

    fn argue(&mut self, kind: &str, data: &Value) -> Result<(), Fault> {
        let (of, key) = match kind {
            "response.function_call_arguments.delta" => ("function_call", None),
            "response.function_call_arguments.done" => ("function_call", Some("/arguments")),
            "response.custom_tool_call_input.delta" => ("custom_tool_call", None),
            "response.custom_tool_call_input.done" => ("custom_tool_call", Some("/input")),
            "response.web_search_call.in_progress"
            | "response.web_search_call.searching"
            | "response.web_search_call.completed" => return Ok(()),
            _ => return Err(format!("no such event: {kind}")),
        };
        must(self.kind == of && !self.has_arguments, || {
            "not now".to_owned()
        })?;
        match key {
            None => self.arguments.push_str(text(data, "/delta")?),
            Some(key) => {
                must(text(data, key)? == self.arguments, || {
                    "not what was told".to_owned()
                })?;
                if of == "function_call" {
                    must(data.get("name") == self.head.get("name"), || {
                        "another name".to_owned()
                    })?;
                }
                self.has_arguments = true;
            }
        }
        Ok(())
    }

    fn close(&self, item: &Value) -> Result<(), Fault> {
        must(
            text(item, "/id")? == self.id && text(item, "/type")? == self.kind,
            || format!("another item: {item}"),
        )?;
        let open = self.parts.values().any(|part| part.done.is_none());
        must(!open, || format!("a part is open: {self:?}"))?;
        let parts: Vec<&Value> = self
            .parts
            .values()
            .filter_map(|part| part.done.as_ref())
            .collect();
        match self.kind.as_str() {
            "message" => {
                must(
                    list(item, "/content")?.iter().collect::<Vec<_>>() == parts,
                    || format!("not what was told: {item}"),
                )?;
                must(!parts.is_empty(), || "an empty message".to_owned())
            }
            "reasoning" => must(
                list(item, "/summary")?.iter().collect::<Vec<_>>() == parts,
                || format!("not what was told: {item}"),
            ),
            "function_call" => {
                must(
                    self.has_arguments && text(item, "/arguments")? == self.arguments,
                    || format!("not what was told: {item}"),
                )?;
                for key in ["call_id", "name"] {
                    must(item.get(key) == self.head.get(key), || {
                        format!("another {key}: {item}")
                    })?;
                }
                must(text(item, "/status")? != "in_progress", || {
                    format!("still in progress: {item}")
                })
            }
            "custom_tool_call" => must(
                self.has_arguments && text(item, "/input")? == self.arguments,
                || format!("not what was told: {item}"),
            ),
            _ => Ok(()),
        }
    }
}

impl Part {
    fn take(&mut self, step: &str, kind: &str, data: &Value) -> Result<(), Fault> {
        match step {
            "delta" => {
                must(!self.is_text_done, || "behind its end".to_owned())?;
                if kind == "response.output_text.delta" {
                    list(data, "/logprobs")?;
                }
                self.said.push_str(text(data, "/delta")?);
            }
            "said" => {
                let key = if kind == "response.refusal.done" {
                    "/refusal"
                } else {
                    "/text"
                };
                must(text(data, key)? == self.said, || {
                    "not what was told".to_owned()
                })?;
                if kind == "response.output_text.done" {
                    list(data, "/logprobs")?;
                }
                self.is_text_done = true;
            }
            "annotation" => {
                must(
                    count(data, "/annotation_index")? == self.annotations.len() as u64,
                    || "its number".to_owned(),
                )?;
                self.annotations.push(at(data, "/annotation")?.clone());
            }
            _ => {
                let part = at(data, "/part")?;
                must(self.is_text_done, || "its text is not done".to_owned())?;
                must(text(part, "/type")? == self.kind, || {
                    "another type".to_owned()
                })?;
                let key = if self.kind == "refusal" {
                    "/refusal"
                } else {
                    "/text"
                };
                must(text(part, key)? == self.said, || {
                    "not what was told".to_owned()
                })?;
                if self.kind == "output_text" {
                    must(list(part, "/annotations")? == self.annotations, || {
                        "not what was told".to_owned()
                    })?;
                }
                self.done = Some(part.clone());
            }
        }
        Ok(())
    }
}

/// Checks what only a finished answer has.
fn complete(response: &Value) -> Result<(), Fault> {
    let usage = at(response, "/usage")?;
    let (input, output) = (
        count(usage, "/input_tokens")?,
        count(usage, "/output_tokens")?,
    );
    count(usage, "/input_tokens_details/cached_tokens")?;
    count(usage, "/output_tokens_details/reasoning_tokens")?;
    must(
        count(usage, "/total_tokens")? == input.saturating_add(output),
        || format!("no sum: {usage}"),
    )?;
    must(at(response, "/error")?.is_null(), || {
        "an error that is none".to_owned()
    })?;
    let is_incomplete = text(response, "/status")? == "incomplete";
    let reason = at(response, "/incomplete_details")?
        .get("reason")
        .and_then(Value::as_str);
    let is_known = matches!(reason, Some("max_output_tokens" | "content_filter"));
    must(is_incomplete == is_known, || {
        format!("incomplete without a reason: {response}")
    })
}

/// Checks a complete answer.
pub(super) fn document(body: &Value) -> Result<(), Fault> {
    let status = text(body, "/status")?;
    must(status == "completed" || status == "incomplete", || {
        format!("not complete: {body}")
    })?;
    State::default().envelope(body, status)?;
    complete(body)?;
    for item in list(body, "/output")? {
        must(!text(item, "/id")?.is_empty(), || format!("no id: {item}"))?;
        match text(item, "/type")? {
            "message" => {
                must(!list(item, "/content")?.is_empty(), || {
                    format!("empty: {item}")
                })?;
                for part in list(item, "/content")? {
                    if text(part, "/type")? == "output_text" {
                        list(part, "/annotations")?;
                    }
                }
                text(item, "/status").map(drop)?;
            }
            "function_call" => {
                for key in ["/call_id", "/name", "/arguments", "/status"] {
                    text(item, key)?;
                }
            }
            "reasoning" => list(item, "/summary").map(drop)?,
            _ => {}
        }
    }
    Ok(())
}
