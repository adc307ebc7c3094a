//! An upstream's stream, read.
//!
//! Deltas are told as they come. Upstreams that leave out deltas, ends of parts or whole events are
//! understood: each later event repeats what the earlier ones said, and what is new in it is told then.

use serde_json::Value;

use super::super::annotation;
use super::super::response;
use super::glance::Glance;
use super::item::{Item, Kind, Section};
use crate::chat::part::ToolKind;
use crate::chat::{Delta, ErrorBody, StreamEvent};
use crate::codec::stream::{StreamDecoder, without_object};
use crate::codec::target::Origin;
use crate::json::mend::mended;
use crate::sse::Event;

/// More items than any answer has open at once; they come one after the other.
const MAX_OPEN: usize = 1024;

/// See the module's head.
#[derive(Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own about the stream so far"
)]
pub struct Decoder {
    origin: Origin,
    items: Vec<Item>,
    deltas: Vec<Delta>,
    has_begun: bool,
    /// Whether anything was told of the answer.
    has_told: bool,
    has_called: bool,
    is_done: bool,
}

impl Decoder {
    /// A decoder for an answer of `origin`.
    pub fn new(origin: Origin) -> Self {
        Self {
            origin,
            items: Vec::new(),
            deltas: Vec::new(),
            has_begun: false,
            has_told: false,
            has_called: false,
            is_done: false,
        }
    }

    /// The frequent events, told from a glance; false for any other.
    fn take_delta(&mut self, kind: &[u8], glance: &Glance<'_>) -> Result<bool, ErrorBody> {
        let part = glance.part.unwrap_or(0);
        let (item, section) = match kind {
            b"response.output_text.delta" | b"response.refusal.delta" => {
                (Kind::Message, Section::Content)
            }
            b"response.reasoning_summary_text.delta" => (Kind::Reasoning, Section::Summary),
            b"response.reasoning_text.delta" => (Kind::Reasoning, Section::Content),
            b"response.function_call_arguments.delta" => {
                (Kind::Call(ToolKind::Function), Section::Content)
            }
            b"response.custom_tool_call_input.delta" => {
                (Kind::Call(ToolKind::Freeform), Section::Content)
            }
            _ => return Ok(false),
        };
        let Some(text) = glance.delta() else {
            return Ok(true);
        };
        let text = text.into_owned();
        let place = (section, part);
        let Some(at) = self.item(glance.item(), item)? else {
            return Ok(true);
        };
        let (item, out) = (&mut self.items[at], &mut self.deltas);
        match (kind, item.kind) {
            (b"response.output_text.delta", Kind::Message) => {
                item.text(place, Delta::Text(text), out);
                if let Some(logprobs) = glance.logprobs() {
                    item.logprobs(logprobs, out);
                }
            }
            (b"response.refusal.delta", Kind::Message) => {
                item.text(place, Delta::Refusal(text), out);
            }
            (_, Kind::Reasoning) => item.thought(place, text, out),
            (_, Kind::Call(_)) => item.arguments(text, out),
            _ => {}
        }
        Ok(true)
    }

    /// Where the item is kept that stands at `index` of the output. One that nobody announced is begun as
    /// of this kind, but for a call: without its name nothing can be told of it before its end.
    fn item(&mut self, index: Option<u64>, kind: Kind) -> Result<Option<usize>, ErrorBody> {
        let last = self.items.last().map_or(0, |item| item.index);
        let index = index.unwrap_or(last);
        if let Some(at) = self.items.iter().rposition(|item| item.index == index) {
            return Ok(Some(at));
        }
        if matches!(kind, Kind::Call(_)) {
            return Ok(None);
        }
        self.push(index, kind).map(Some)
    }

    fn push(&mut self, index: u64, kind: Kind) -> Result<usize, ErrorBody> {
        if self.items.len() >= MAX_OPEN {
            return Err(ErrorBody {
                message: "the upstream's answer has too many open items".to_owned(),
                ..ErrorBody::default()
            });
        }
        self.items.push(Item::new(index, kind));
        Ok(self.items.len() - 1)
    }

    fn take(
        &mut self,
        kind: &[u8],
        mut data: Value,
        out: &mut Vec<StreamEvent>,
    ) -> Result<(), ErrorBody> {
        let index = data.get("output_index").and_then(Value::as_u64);
        match kind {
            b"response.created" | b"response.in_progress" | b"response.queued" => {
                self.begin(data.get("response"), out);
            }
            b"response.output_item.added" => self.add(index, &data["item"])?,
            b"response.output_item.done" => self.done(index, data["item"].take())?,
            b"response.completed" | b"response.incomplete" => {
                return self.terminal(kind, data["response"].take(), out);
            }
            b"response.failed" | b"response.cancelled" => {
                let failed = response::read_failure(&data["response"]);
                return Err(failed.unwrap_or_else(|| response::read_error(&data)));
            }
            b"error" => return Err(response::read_error(&data)),
            b"keepalive" => out.push(StreamEvent::Ping),
            _ => self.take_part(kind, index, data)?,
        }
        Ok(())
    }

    /// Events about a part of an item; all others say nothing that is not said at the item's end.
    fn take_part(
        &mut self,
        kind: &[u8],
        index: Option<u64>,
        mut data: Value,
    ) -> Result<(), ErrorBody> {
        let number = |key: &str| data.get(key).and_then(Value::as_u64);
        let summary = (Section::Summary, number("summary_index").unwrap_or(0));
        let content = (Section::Content, number("content_index").unwrap_or(0));
        let text = |data: &mut Value, key: &str| match data[key].take() {
            Value::String(text) => text,
            _ => String::new(),
        };
        let item = match kind {
            b"response.content_part.added"
            | b"response.content_part.done"
            | b"response.output_text.annotation.added" => Kind::Message,
            b"response.reasoning_summary_text.done" | b"response.reasoning_text.done" => {
                Kind::Reasoning
            }
            b"response.function_call_arguments.done" => Kind::Call(ToolKind::Function),
            b"response.custom_tool_call_input.done" => Kind::Call(ToolKind::Freeform),
            _ => return Ok(()),
        };
        let Some(at) = self.item(index, item)? else {
            return Ok(());
        };
        let (item, out) = (&mut self.items[at], &mut self.deltas);
        match (kind, item.kind) {
            (b"response.content_part.added", Kind::Message) => {
                begin_part(item, content, &data["part"], out);
            }
            (b"response.content_part.done", Kind::Message) => {
                item.finish(content, response::part(data["part"].take()), out);
            }
            (b"response.output_text.annotation.added", Kind::Message) => {
                let citation = annotation::read(data["annotation"].take());
                item.cite(Delta::Citation(citation), out);
            }
            (b"response.reasoning_summary_text.done", Kind::Reasoning) => {
                item.thought_done(summary, text(&mut data, "text"), out);
            }
            (b"response.reasoning_text.done", Kind::Reasoning) => {
                item.thought_done(content, text(&mut data, "text"), out);
            }
            (b"response.function_call_arguments.done", Kind::Call(_)) => {
                item.arguments_done(&text(&mut data, "arguments"), out);
            }
            (b"response.custom_tool_call_input.done", Kind::Call(_)) => {
                item.arguments_done(&text(&mut data, "input"), out);
            }
            _ => {}
        }
        Ok(())
    }

    fn begin(&mut self, response: Option<&Value>, out: &mut Vec<StreamEvent>) {
        if std::mem::replace(&mut self.has_begun, true) {
            return;
        }
        let field = |key: &str| response.and_then(|response| response.get(key));
        let text = |key: &str| field(key).and_then(Value::as_str).map(str::to_owned);
        let created = field("created_at").and_then(Value::as_f64);
        out.push(StreamEvent::Start {
            id: text("id"),
            model: text("model"),
            created: created.and_then(|seconds| format!("{seconds:.0}").parse().ok()),
        });
    }

    fn add(&mut self, index: Option<u64>, item: &Value) -> Result<(), ErrorBody> {
        let kind = Kind::of(item);
        // Without a number, it is one more.
        let index = index.unwrap_or_else(|| self.items.last().map_or(0, |item| item.index + 1));
        if !item.is_object() || self.items.iter().any(|item| item.index == index) {
            return Ok(());
        }
        let at = self.push(index, kind)?;
        if let Kind::Call(kind) = kind {
            self.items[at].begin_call(item, kind, &mut self.deltas);
        }
        Ok(())
    }

    fn done(&mut self, index: Option<u64>, item: Value) -> Result<(), ErrorBody> {
        let last = self.items.last().map(|item| item.index);
        let Some(index) = index.or(last) else {
            return Ok(());
        };
        if !self.items.iter().any(|item| item.index == index) {
            self.add(Some(index), &item)?;
        }
        let at = self.items.iter().rposition(|item| item.index == index);
        if let Some(at) = at {
            let state = self.items.remove(at);
            self.has_called |= matches!(state.kind, Kind::Call(_));
            self.has_told = true;
            state.end(item, &self.origin, &mut self.deltas);
        }
        Ok(())
    }

    /// The last event: everything once more, for upstreams that said nothing before.
    fn terminal(
        &mut self,
        kind: &[u8],
        mut response: Value,
        out: &mut Vec<StreamEvent>,
    ) -> Result<(), ErrorBody> {
        if let Some(error) = response::read_failure(&response).filter(|_| response.is_object()) {
            return Err(error);
        }
        self.begin(Some(&response), out);
        if !self.has_told && self.items.is_empty() {
            let items = match response.get_mut("output").map(Value::take) {
                Some(Value::Array(items)) => items,
                _ => Vec::new(),
            };
            for (index, item) in (0..).zip(items) {
                self.done(Some(index), item)?;
            }
        }
        self.flush_items();
        self.tell(out);
        let said = response.get("status").and_then(Value::as_str);
        let status = match kind {
            b"response.incomplete" => Some("incomplete"),
            _ => said.or(Some("completed")),
        };
        let details = response.get("incomplete_details");
        let finish = response::finish(status, details, self.has_called);
        out.extend(
            response
                .get("usage")
                .and_then(response::read_usage)
                .map(StreamEvent::Usage),
        );
        out.push(StreamEvent::Finish { choice: 0, finish });
        self.is_done = true;
        Ok(())
    }

    fn flush_items(&mut self) {
        for mut item in std::mem::take(&mut self.items) {
            self.has_called |= matches!(item.kind, Kind::Call(_));
            item.abandon(&mut self.deltas);
        }
    }

    fn tell(&mut self, out: &mut Vec<StreamEvent>) {
        let deltas = self.deltas.drain(..);
        out.extend(deltas.map(|delta| StreamEvent::Delta { choice: 0, delta }));
    }
}

/// A part of a message begins; one that stays empty is still a part.
fn begin_part(item: &mut Item, place: (Section, u64), part: &Value, out: &mut Vec<Delta>) {
    match part.get("type").and_then(Value::as_str) {
        Some("output_text") => {
            item.open(place, out);
            out.push(Delta::Text(String::new()));
        }
        Some("refusal") => {
            item.open(place, out);
            out.push(Delta::Refusal(String::new()));
        }
        _ => {}
    }
}

impl StreamDecoder for Decoder {
    fn decode(&mut self, event: &Event<'_>, out: &mut Vec<StreamEvent>) -> Result<(), ErrorBody> {
        let Some(data) = event.data.as_deref().map(<[u8]>::trim_ascii) else {
            return Ok(());
        };
        if self.is_done {
            return Ok(());
        }
        let data = &*mended(data);
        let Some(glance) = Glance::at(data) else {
            return without_object(data);
        };
        let kind = match glance.kind() {
            b"" => event.name.unwrap_or_default(),
            kind => kind,
        };
        let result = match self.take_delta(kind, &glance) {
            Ok(false) => match serde_json::from_slice(data) {
                Ok(value) => self.take(kind, value, out),
                Err(_) => without_object(data),
            },
            known => known.map(|_| ()),
        };
        self.tell(out);
        result
    }

    fn is_done(&self) -> bool {
        self.is_done
    }

    fn end(&mut self, _: &mut Vec<StreamEvent>) -> bool {
        self.is_done
    }
}
