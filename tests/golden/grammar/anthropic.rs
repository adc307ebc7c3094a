//! Anthropic: a start, blocks one after the other, how it ended, a stop.

use serde_json::Value;

use super::{End, Fault, Written, at, count, list, must, only, text};

/// Why an answer may end.
const STOPS: [&str; 7] = [
    "end_turn",
    "max_tokens",
    "stop_sequence",
    "tool_use",
    "pause_turn",
    "refusal",
    "model_context_window_exceeded",
];

#[derive(Debug, Default)]
struct State {
    has_started: bool,
    blocks: u64,
    open: Option<Block>,
    calls: Vec<String>,
    stop: Option<String>,
    has_stopped: bool,
}

#[derive(Debug, Default)]
struct Block {
    kind: String,
    said: String,
    signatures: usize,
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
        must(!state.has_stopped, || format!("behind the stop: {data}"))?;
        if kind == "error" {
            must(place + 1 == events.len(), || {
                "the error is not the last".to_owned()
            })?;
            error(data)?;
            return Ok(End::Failed);
        }
        let is_first = kind == "message_start";
        must(kind == "ping" || is_first != state.has_started, || {
            format!("the start, once and first: {data}")
        })?;
        state.take(kind, data)?;
    }
    must(state.has_stopped, || "no message_stop".to_owned())?;
    Ok(End::Finished)
}

impl State {
    fn take(&mut self, kind: &str, data: &Value) -> Result<(), Fault> {
        match kind {
            "ping" => only(data, &["type"]),
            "message_start" => {
                self.has_started = true;
                start(at(data, "/message")?)
            }
            "content_block_start" => {
                must(self.open.is_none() && self.stop.is_none(), || {
                    format!("too early or late: {data}")
                })?;
                must(count(data, "/index")? == self.blocks, || {
                    format!("its number: {data}")
                })?;
                self.blocks += 1;
                self.open = Some(self.block(at(data, "/content_block")?)?);
                Ok(())
            }
            "content_block_delta" => {
                must(count(data, "/index")? + 1 == self.blocks, || {
                    format!("its number: {data}")
                })?;
                let open = self
                    .open
                    .as_mut()
                    .ok_or_else(|| format!("nothing is open: {data}"))?;
                open.take(at(data, "/delta")?)
            }
            "content_block_stop" => {
                must(count(data, "/index")? + 1 == self.blocks, || {
                    format!("its number: {data}")
                })?;
                let open = self
                    .open
                    .take()
                    .ok_or_else(|| format!("nothing is open: {data}"))?;
                open.close()
            }
            "message_delta" => self.delta(data),
            "message_stop" => {
                only(data, &["type"])?;
                self.has_stopped = true;
                must(self.stop.is_some(), || {
                    "stopped without a reason".to_owned()
                })
            }
            _ => Err(format!("no such event: {data}")),
        }
    }

    fn block(&mut self, block: &Value) -> Result<Block, Fault> {
        let kind = text(block, "/type")?.to_owned();
        match kind.as_str() {
            "text" => {
                must(text(block, "/text")?.is_empty(), || {
                    format!("not empty: {block}")
                })?;
            }
            "thinking" => {
                must(text(block, "/thinking")?.is_empty(), || {
                    format!("not empty: {block}")
                })?;
                must(text(block, "/signature")?.is_empty(), || {
                    format!("not empty: {block}")
                })?;
            }
            "redacted_thinking" => {
                must(!text(block, "/data")?.is_empty(), || {
                    format!("empty: {block}")
                })?;
            }
            "tool_use" => {
                only(block, &["type", "id", "name", "input"])?;
                let id = text(block, "/id")?;
                must(
                    is_id(id) && !self.calls.iter().any(|known| known == id),
                    || format!("a bad id: {block}"),
                )?;
                must(!text(block, "/name")?.is_empty(), || {
                    format!("no name: {block}")
                })?;
                must(block["input"] == serde_json::json!({}), || {
                    format!("not empty: {block}")
                })?;
                self.calls.push(id.to_owned());
            }
            _ => {}
        }
        Ok(Block {
            kind,
            ..Block::default()
        })
    }

    fn delta(&mut self, data: &Value) -> Result<(), Fault> {
        must(self.open.is_none() && self.stop.is_none(), || {
            format!("too early, or twice: {data}")
        })?;
        let reason = text(data, "/delta/stop_reason")?;
        must(STOPS.contains(&reason), || format!("no reason: {data}"))?;
        must(reason != "tool_use" || !self.calls.is_empty(), || {
            "stopped for no call".to_owned()
        })?;
        must(reason != "end_turn" || self.calls.is_empty(), || {
            "ended its turn with calls".to_owned()
        })?;
        let sequence = at(data, "/delta/stop_sequence")?;
        must(sequence.is_null() != (reason == "stop_sequence"), || {
            format!("the sequence: {data}")
        })?;
        usage(at(data, "/usage")?)?;
        self.stop = Some(reason.to_owned());
        Ok(())
    }
}

impl Block {
    fn take(&mut self, delta: &Value) -> Result<(), Fault> {
        let kind = text(delta, "/type")?;
        let (of, said) = match kind {
            "text_delta" => ("text", text(delta, "/text")?),
            "citations_delta" => {
                text(delta, "/citation/type")?;
                ("text", "")
            }
            "thinking_delta" => ("thinking", text(delta, "/thinking")?),
            "signature_delta" => {
                self.signatures += 1;
                must(self.signatures == 1, || format!("signed twice: {delta}"))?;
                ("thinking", text(delta, "/signature")?)
            }
            "input_json_delta" if self.kind == "server_tool_use" => {
                ("server_tool_use", text(delta, "/partial_json")?)
            }
            "input_json_delta" => ("tool_use", text(delta, "/partial_json")?),
            _ => return Err(format!("no such delta: {delta}")),
        };
        must(self.kind == of, || format!("within {}: {delta}", self.kind))?;
        let is_signed = self.signatures > 0 && kind != "signature_delta";
        must(!is_signed, || format!("behind the signature: {delta}"))?;
        self.said.push_str(said);
        Ok(())
    }

    fn close(&self) -> Result<(), Fault> {
        match self.kind.as_str() {
            "text" => must(!self.said.is_empty(), || {
                "an empty text, which no request may bring back".to_owned()
            }),
            // What a model writes wrongly as arguments is passed on before that can be known.
            "thinking" => must(self.signatures == 1, || "unsigned".to_owned()),
            _ => Ok(()),
        }
    }
}

fn is_id(id: &str) -> bool {
    !id.is_empty()
        && id
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
}

fn start(message: &Value) -> Result<(), Fault> {
    only(
        message,
        &[
            "id",
            "type",
            "role",
            "model",
            "content",
            "stop_reason",
            "stop_sequence",
            "usage",
        ],
    )?;
    must(!text(message, "/id")?.is_empty(), || {
        format!("no id: {message}")
    })?;
    must(text(message, "/type")? == "message", || {
        format!("no message: {message}")
    })?;
    must(text(message, "/role")? == "assistant", || {
        format!("no role: {message}")
    })?;
    must(!text(message, "/model")?.is_empty(), || {
        format!("no model: {message}")
    })?;
    must(list(message, "/content")?.is_empty(), || {
        format!("not empty: {message}")
    })?;
    must(at(message, "/stop_reason")?.is_null(), || {
        format!("stopped: {message}")
    })?;
    must(at(message, "/stop_sequence")?.is_null(), || {
        format!("stopped: {message}")
    })?;
    usage(at(message, "/usage")?)
}

fn usage(usage: &Value) -> Result<(), Fault> {
    for key in [
        "/input_tokens",
        "/output_tokens",
        "/cache_read_input_tokens",
        "/cache_creation_input_tokens",
    ] {
        count(usage, key)?;
    }
    Ok(())
}

fn error(data: &Value) -> Result<(), Fault> {
    only(data, &["type", "error", "request_id"])?;
    text(data, "/error/type")?;
    text(data, "/error/message")?;
    text(data, "/request_id").map(drop)
}

/// Checks a complete answer.
pub(super) fn document(body: &Value) -> Result<(), Fault> {
    must(!text(body, "/id")?.is_empty(), || "no id".to_owned())?;
    must(text(body, "/type")? == "message", || {
        "no message".to_owned()
    })?;
    must(text(body, "/role")? == "assistant", || "no role".to_owned())?;
    text(body, "/model")?;
    let mut state = State::default();
    for block in list(body, "/content")? {
        state.whole(block)?;
    }
    let delta = serde_json::json!({"delta": body, "usage": body["usage"]});
    state.delta(&delta)
}

impl State {
    fn whole(&mut self, block: &Value) -> Result<(), Fault> {
        match text(block, "/type")? {
            "text" => must(!text(block, "/text")?.is_empty(), || {
                "an empty text".to_owned()
            }),
            "thinking" => {
                text(block, "/thinking")?;
                text(block, "/signature").map(drop)
            }
            "tool_use" => {
                must(at(block, "/input")?.is_object(), || {
                    format!("no object: {block}")
                })?;
                let mut start = block.clone();
                start["input"] = serde_json::json!({});
                self.block(&start).map(drop)
            }
            _ => self.block(block).map(drop),
        }
    }
}
