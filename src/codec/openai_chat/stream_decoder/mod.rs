//! Reads the stream of a Chat upstream.
//!
//! Events are scanned as slices: what a delta holds is copied once, into the neutral event. Whatever is
//! odd about a chunk costs that field and no more; a finish is held back until nothing can follow it.

mod calls;
mod choice;

use choice::ChoiceState;

use super::{counts, decode_response, error};
use crate::chat::{ErrorBody, StreamEvent};
use crate::codec::stream::{StreamDecoder, without_object};
use crate::codec::target::Origin;
use crate::json::mend::mended;
use crate::json::scan;
use crate::sse::Event;

/// Most answers that are read of one stream.
const MAX_CHOICES: usize = 128;

/// Most bytes that are held back: a state to be sent back, or text behind calls.
const MAX_HELD: usize = 8 * 1024 * 1024;

/// See the module's head.
#[derive(Debug)]
pub struct Decoder {
    origin: Origin,
    has_started: bool,
    is_done: bool,
    choices: Vec<ChoiceState>,
}

impl Decoder {
    /// A decoder for the stream of `origin`.
    pub fn new(origin: Origin) -> Self {
        Self {
            origin,
            has_started: false,
            is_done: false,
            choices: Vec::new(),
        }
    }

    fn chunk(&mut self, data: &[u8], out: &mut Vec<StreamEvent>) -> Result<(), ErrorBody> {
        let mut chunk = Chunk::default();
        for member in scan::members(data) {
            let Ok(member) = member else {
                return without_object(data);
            };
            chunk.take(
                &data[member.key..member.key_end],
                &data[member.value..member.end],
            );
        }
        if chunk.is_error {
            return Err(error::read(data));
        }
        let counted = chunk
            .usage
            .and_then(|usage| counts::read(&decode_response::value(usage)));
        let choices = chunk.choices.unwrap_or(b"[]");
        if scan::is_blank(choices) {
            // Azure's first chunk has neither answers nor an id.
            if counted.is_some() {
                self.finish(out)?;
            }
        } else {
            self.start(&chunk, out);
            for (order, choice) in scan::elements(choices).map_while(Result::ok).enumerate() {
                self.choice(order, choice, out)?;
            }
        }
        if let Some(usage) = counted {
            self.start(&chunk, out);
            out.push(StreamEvent::Usage(usage));
        }
        Ok(())
    }

    fn start(&mut self, chunk: &Chunk<'_>, out: &mut Vec<StreamEvent>) {
        if !std::mem::replace(&mut self.has_started, true) {
            out.push(StreamEvent::Start {
                id: text(chunk.id),
                model: text(chunk.model),
                created: chunk.created.and_then(number),
            });
        }
    }

    fn choice(
        &mut self,
        order: usize,
        choice: &[u8],
        out: &mut Vec<StreamEvent>,
    ) -> Result<(), ErrorBody> {
        let mut fields = choice::Fields::default();
        for member in scan::members(choice).map_while(Result::ok) {
            fields.take(
                &choice[member.key..member.key_end],
                &choice[member.value..member.end],
            );
        }
        let index = fields.index.and_then(number);
        let index = index
            .and_then(|index| usize::try_from(index).ok())
            .unwrap_or(order);
        if index >= MAX_CHOICES {
            return Ok(());
        }
        while self.choices.len() <= index {
            let number = u32::try_from(self.choices.len()).unwrap_or(u32::MAX);
            self.choices.push(ChoiceState::new(number));
        }
        self.choices[index].read(&fields, &self.origin, out)
    }

    /// Tells the finishes that were held back.
    fn finish(&mut self, out: &mut Vec<StreamEvent>) -> Result<(), ErrorBody> {
        for choice in &mut self.choices {
            if self.is_done || choice.has_finish() {
                choice.finish(&self.origin, out)?;
            }
        }
        Ok(())
    }
}

impl StreamDecoder for Decoder {
    fn decode(&mut self, event: &Event<'_>, out: &mut Vec<StreamEvent>) -> Result<(), ErrorBody> {
        let Some(data) = &event.data else {
            return Ok(());
        };
        let data = data.trim_ascii();
        if event.name == Some(b"error") {
            return Err(error::read(data));
        }
        match data {
            b"" => Ok(()),
            b"[DONE]" => {
                self.is_done = true;
                self.finish(out)
            }
            _ if self.is_done => Ok(()),
            _ => self.chunk(&mended(data), out),
        }
    }

    fn is_done(&self) -> bool {
        self.is_done
    }

    fn end(&mut self, out: &mut Vec<StreamEvent>) -> bool {
        let has_all = !self.choices.is_empty() && self.choices.iter().all(ChoiceState::has_finish);
        let is_complete = self.is_done || has_all;
        is_complete && self.finish(out).is_ok()
    }
}

/// The members of a chunk that matter.
#[derive(Default)]
struct Chunk<'a> {
    is_error: bool,
    id: Option<&'a [u8]>,
    model: Option<&'a [u8]>,
    created: Option<&'a [u8]>,
    choices: Option<&'a [u8]>,
    usage: Option<&'a [u8]>,
}

impl<'a> Chunk<'a> {
    fn take(&mut self, key: &[u8], value: &'a [u8]) {
        match key {
            b"error" => self.is_error |= error::is_reported(value),
            // vLLM's way to break off.
            b"object" => self.is_error |= value == b"\"error\"",
            b"id" => self.id = Some(value),
            b"model" => self.model = Some(value),
            b"created" => self.created = Some(value),
            b"choices" => self.choices = Some(value),
            b"usage" if value.starts_with(b"{") => self.usage = Some(value),
            // Groq counts in an object of its own.
            b"x_groq" => {
                let counts = member(value, b"usage").filter(|counts| counts.starts_with(b"{"));
                self.usage = self.usage.or(counts);
            }
            _ => {}
        }
    }
}

/// The value of the member called `key`.
fn member<'a>(object: &'a [u8], key: &[u8]) -> Option<&'a [u8]> {
    let mut members = scan::members(object).map_while(Result::ok);
    let found = members.find(|member| &object[member.key..member.key_end] == key)?;
    Some(&object[found.value..found.end])
}

/// A string that says something.
fn text(value: Option<&[u8]>) -> Option<String> {
    let text = scan::string(value?)?;
    (!text.is_empty()).then(|| text.into_owned())
}

fn number(value: &[u8]) -> Option<u64> {
    std::str::from_utf8(value).ok()?.parse().ok()
}

fn too_much(what: &str) -> ErrorBody {
    ErrorBody {
        message: format!("the upstream sent more {what} than can be held"),
        kind: Some("server_error".to_owned()),
        ..ErrorBody::default()
    }
}
