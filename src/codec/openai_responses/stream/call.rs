//! A call of a client's tool, as an encoder keeps it. Calls may interleave in the neutral form; here one
//! follows the other, so those behind the open one wait.

use super::write::Object;
use crate::chat::Opaque;
use crate::chat::part::ToolKind;
use crate::json::scan;

/// A call that is open or waits.
#[derive(Debug)]
pub(super) struct Call {
    /// Its number in the answer.
    pub(super) number: u32,
    /// The id of the item; empty while it waits.
    pub(super) item: String,
    pub(super) id: String,
    pub(super) name: String,
    pub(super) namespace: Option<String>,
    pub(super) kind: ToolKind,
    pub(super) arguments: String,
    pub(super) signature: Option<Opaque>,
    pub(super) is_complete: bool,
}

impl Call {
    /// Whether its arguments need no more: another call has begun, and these are an object.
    pub(super) fn looks_complete(&self) -> bool {
        self.kind == ToolKind::Function
            && self.arguments.trim_start().starts_with('{')
            && scan::validate(self.arguments.as_bytes()).is_ok()
    }

    /// The event of a piece of its arguments.
    pub(super) fn delta_event(&self) -> &'static str {
        match self.kind {
            ToolKind::Function => "response.function_call_arguments.delta",
            ToolKind::Freeform => "response.custom_tool_call_input.delta",
        }
    }

    /// The event of its whole arguments.
    pub(super) fn done_event(&self) -> &'static str {
        match self.kind {
            ToolKind::Function => "response.function_call_arguments.done",
            ToolKind::Freeform => "response.custom_tool_call_input.done",
        }
    }

    /// What its arguments are called.
    pub(super) fn arguments_key(&self) -> &'static str {
        match self.kind {
            ToolKind::Function => "arguments",
            ToolKind::Freeform => "input",
        }
    }

    /// Writes the item.
    pub(super) fn write(&self, status: &str, out: &mut Vec<u8>) {
        let kind = match self.kind {
            ToolKind::Function => "function_call",
            ToolKind::Freeform => "custom_tool_call",
        };
        let object = Object::typed(out, kind)
            .text("id", &self.item)
            .text("status", status)
            .text("call_id", &self.id)
            .text("name", &self.name);
        let object = match &self.namespace {
            Some(namespace) => object.text("namespace", namespace),
            None => object,
        };
        object.text(self.arguments_key(), &self.arguments).end();
    }
}
