//! Calls of one answer, whichever way their pieces are labelled.
//!
//! A piece belongs to a call by its index; hosts leave that out, repeat it for several calls, send the id
//! with every piece, or split the name. A call is announced once its name is complete: when its arguments
//! begin, when another call does, or at the end.

use serde_json::Value;

use super::{member, number, text, too_much};
use crate::chat::part::ToolKind;
use crate::chat::{Delta, ErrorBody, Opaque, StreamEvent};
use crate::codec::openai_chat::decode_response::{self, arguments, value};
use crate::codec::target::Origin;
use crate::json::scan;

/// Most calls of one answer.
const MAX_CALLS: usize = 1024;

/// Longest name or id that is put together.
const MAX_NAME: usize = 4096;

/// The calls of one answer.
#[derive(Debug, Default)]
pub(super) struct Calls(Vec<Call>);

#[derive(Debug, Default)]
struct Call {
    index: Option<u64>,
    id: String,
    name: String,
    kind: ToolKind,
    signature: Option<Opaque>,
    is_announced: bool,
}

/// One piece of a call.
#[derive(Default)]
struct Piece {
    index: Option<u64>,
    id: Option<String>,
    name: Option<String>,
    arguments: String,
    kind: ToolKind,
    signature: Option<Opaque>,
}

impl Calls {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Reads an element of `tool_calls`.
    pub(super) fn read(
        &mut self,
        slice: &[u8],
        choice: u32,
        origin: &Origin,
        out: &mut Vec<StreamEvent>,
    ) -> Result<(), ErrorBody> {
        self.add(Piece::read(slice, origin), choice, out)
    }

    /// Reads a legacy `function_call`, of which there is only one.
    pub(super) fn legacy(
        &mut self,
        slice: &[u8],
        choice: u32,
        out: &mut Vec<StreamEvent>,
    ) -> Result<(), ErrorBody> {
        let mut piece = Piece {
            index: Some(0),
            ..Piece::default()
        };
        piece.function(slice, b"arguments");
        self.add(piece, choice, out)
    }

    fn add(
        &mut self,
        piece: Piece,
        choice: u32,
        out: &mut Vec<StreamEvent>,
    ) -> Result<(), ErrorBody> {
        let Some(place) = self.place(&piece) else {
            // A piece of nothing.
            return Ok(());
        };
        if place == self.0.len() {
            if place == MAX_CALLS {
                return Err(too_much("calls"));
            }
            // The next call begins: the names of those before are complete.
            self.announce(choice, out);
            self.0.push(Call::default());
        }
        let call = &mut self.0[place];
        call.take(&piece);
        if !piece.arguments.is_empty() {
            let number = u32::try_from(place).unwrap_or(u32::MAX);
            call.announce(number, choice, out);
            let delta = Delta::ToolArguments {
                call: number,
                fragment: piece.arguments,
            };
            out.push(StreamEvent::Delta { choice, delta });
        }
        Ok(())
    }

    /// Where the call of a piece is; one behind the last for a new one.
    fn place(&self, piece: &Piece) -> Option<usize> {
        let next = self.0.len();
        let begins = piece.id.is_some() || piece.name.is_some();
        let found = match piece.index {
            Some(index) => self.0.iter().rposition(|call| call.index == Some(index)),
            None => self.without_index(piece),
        };
        match found {
            Some(place) if !self.0[place].is_another(piece) => Some(place),
            // An index that is new, or one that another call has: a call that says who it is.
            _ if begins || piece.index.is_some() => Some(next),
            _ => next.checked_sub(1),
        }
    }

    fn without_index(&self, piece: &Piece) -> Option<usize> {
        match (&piece.id, &piece.name) {
            (Some(id), _) => self.0.iter().rposition(|call| call.id == *id),
            (None, Some(_)) => None,
            (None, None) => self.0.len().checked_sub(1),
        }
    }

    fn announce(&mut self, choice: u32, out: &mut Vec<StreamEvent>) {
        for (number, call) in (0..).zip(&mut self.0) {
            call.announce(number, choice, out);
        }
    }

    /// All calls are complete.
    pub(super) fn end(&mut self, choice: u32, out: &mut Vec<StreamEvent>) {
        self.announce(choice, out);
        for (call, state) in (0..).zip(&mut self.0) {
            let signature = state.signature.take();
            let delta = Delta::ToolEnd { call, signature };
            out.push(StreamEvent::Delta { choice, delta });
        }
    }
}

impl Call {
    /// Whether a piece under this call's index is of another call: it names itself, and otherwise.
    fn is_another(&self, piece: &Piece) -> bool {
        let has_other_id = piece
            .id
            .as_ref()
            .is_some_and(|id| !self.id.is_empty() && *id != self.id);
        has_other_id && piece.name.is_some()
    }

    fn take(&mut self, piece: &Piece) {
        self.index = self.index.or(piece.index);
        if let Some(id) = piece
            .id
            .as_ref()
            .filter(|id| self.id.is_empty() && id.len() <= MAX_NAME)
        {
            self.id.clone_from(id);
        }
        if let Some(name) = &piece.name {
            let is_repeated = self.is_announced || *name == self.name;
            if !is_repeated && self.name.len() + name.len() <= MAX_NAME {
                self.name.push_str(name);
            }
        }
        if piece.kind == ToolKind::Freeform {
            self.kind = ToolKind::Freeform;
        }
        if piece.signature.is_some() {
            self.signature.clone_from(&piece.signature);
        }
    }

    fn announce(&mut self, call: u32, choice: u32, out: &mut Vec<StreamEvent>) {
        if !std::mem::replace(&mut self.is_announced, true) {
            let delta = Delta::ToolCall {
                call,
                id: self.id.clone(),
                name: self.name.clone(),
                namespace: None,
                kind: self.kind,
            };
            out.push(StreamEvent::Delta { choice, delta });
        }
    }
}

impl Piece {
    fn read(call: &[u8], origin: &Origin) -> Self {
        let mut piece = Piece::default();
        for found in scan::members(call).map_while(Result::ok) {
            let slice = &call[found.value..found.end];
            match &call[found.key..found.key_end] {
                b"index" => piece.index = number(slice),
                b"id" => piece.id = text(Some(slice)),
                b"function" => piece.function(slice, b"arguments"),
                b"custom" if slice.starts_with(b"{") => {
                    piece.kind = ToolKind::Freeform;
                    piece.function(slice, b"input");
                }
                b"extra_content" => {
                    if let Value::Object(call) = value(call) {
                        piece.signature = decode_response::signature(&call, origin);
                    }
                }
                _ => {}
            }
        }
        piece
    }

    fn function(&mut self, function: &[u8], key: &[u8]) {
        self.name = text(member(function, b"name"));
        if let Some(slice) = member(function, key) {
            self.arguments = match text(Some(slice)) {
                Some(text) => text,
                // An object where text should be; an empty one says nothing yet.
                None => arguments(&value(slice)),
            };
        }
    }
}
