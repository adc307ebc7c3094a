//! Calls of the client's tools, one after the other.

use super::super::call::Call;
use super::super::write::event;
use super::{Encoder, Open};
use crate::chat::Opaque;
use crate::chat::part::ToolKind;
use crate::codec::{call_id, held};

/// More calls than any model makes at once.
const MAX_WAITING: usize = 1024;

impl Encoder {
    pub(super) fn begin_call(
        &mut self,
        number: u32,
        id: String,
        name: String,
        namespace: Option<String>,
        kind: ToolKind,
        out: &mut Vec<u8>,
    ) {
        self.hold(id.len() + name.len() + namespace.as_ref().map_or(0, String::len));
        let call = Call {
            number,
            item: String::new(),
            id,
            name,
            namespace,
            kind,
            arguments: String::new(),
            signature: None,
            is_complete: false,
        };
        if matches!(&self.open, Open::Call(open) if open.looks_complete()) {
            self.close_call("completed", out);
            self.next_calls(out);
        }
        match self.open {
            Open::Call(_) if self.waiting.len() >= MAX_WAITING => {
                self.report.drop("tool_calls");
                self.held = usize::MAX;
            }
            Open::Call(_) => self.waiting.push_back(call),
            _ => self.open_call(call, out),
        }
    }

    pub(super) fn open_call(&mut self, mut call: Call, out: &mut Vec<u8>) {
        if !matches!(self.open, Open::Nothing) {
            self.close_item("completed", out);
        }
        call.item = self.next_id(match call.kind {
            ToolKind::Function => "fc_",
            ToolKind::Freeform => "ctc_",
        });
        if call.id.is_empty() {
            let number = usize::try_from(self.complete).unwrap_or(usize::MAX);
            call.id = call_id::made(self.exchange.seed, number.saturating_add(1), "call_");
        }
        let waited = std::mem::take(&mut call.arguments);
        self.added(|item| call.write("in_progress", item), out);
        self.open = Open::Call(call);
        self.fragment(&waited, out);
    }

    pub(super) fn arguments(&mut self, number: u32, fragment: &str, out: &mut Vec<u8>) {
        if matches!(&self.open, Open::Call(call) if call.number == number) {
            self.hold(held::text(fragment));
            return self.fragment(fragment, out);
        }
        let call = self.waiting.iter_mut().find(|call| call.number == number);
        match call {
            Some(call) => {
                call.arguments.push_str(fragment);
                self.hold(held::text(fragment));
            }
            None if fragment.is_empty() => {}
            None => self.report.drop("tool_calls"),
        }
    }

    /// More of the arguments of the open call.
    pub(super) fn fragment(&mut self, fragment: &str, out: &mut Vec<u8>) {
        let Open::Call(call) = &mut self.open else {
            return;
        };
        if fragment.is_empty() {
            return;
        }
        self.written = self.written.saturating_add(fragment.len() as u64);
        call.arguments.push_str(fragment);
        let index = self.complete;
        event(out, &mut self.sequence, call.delta_event(), |fields| {
            fields
                .text("item_id", &call.item)
                .number("output_index", index)
                .text("delta", fragment)
                .end();
        });
    }

    pub(super) fn end_call(&mut self, number: u32, signature: Option<Opaque>, out: &mut Vec<u8>) {
        match &mut self.open {
            Open::Call(call) if call.number == number => {
                call.signature = signature;
                self.close_call("completed", out);
                self.next_calls(out);
            }
            _ => {
                let token = signature.as_ref().map_or(0, held::opaque);
                let call = self.waiting.iter_mut().find(|call| call.number == number);
                if let Some(call) = call {
                    call.is_complete = true;
                    call.signature = signature;
                    self.hold(token);
                }
            }
        }
    }

    /// The open call is complete: a function without arguments was called with none.
    pub(super) fn close_call(&mut self, status: &str, out: &mut Vec<u8>) {
        if matches!(&self.open, Open::Call(call) if call.kind == ToolKind::Function && call.arguments.is_empty())
        {
            self.fragment("{}", out);
        }
        let Open::Call(mut call) = std::mem::replace(&mut self.open, Open::Nothing) else {
            return;
        };
        let index = self.complete;
        event(out, &mut self.sequence, call.done_event(), |fields| {
            let fields = fields
                .text("item_id", &call.item)
                .number("output_index", index);
            let fields = match call.kind {
                ToolKind::Function => fields.text("name", &call.name),
                ToolKind::Freeform => fields,
            };
            fields.text(call.arguments_key(), &call.arguments).end();
        });
        let signature = call.signature.take();
        self.done(|item| call.write(status, item), out);
        self.carry(signature, out);
    }

    /// Opens the calls that waited, up to the first that is not complete.
    pub(super) fn next_calls(&mut self, out: &mut Vec<u8>) {
        while let Some(call) = self.waiting.pop_front() {
            let is_complete = call.is_complete;
            self.open_call(call, out);
            if !is_complete {
                return;
            }
            self.close_call("completed", out);
        }
    }
}
