//! Blocks that wait for their turn: a client of this dialect hears them one after the other, while
//! upstreams may tell several calls at once.

use std::collections::VecDeque;

use serde_json::{Value, json};

use super::write;
use crate::chat::Opaque;
use crate::codec::anthropic::thought;
use crate::codec::held::{self, MAX_HELD};

/// The most blocks that wait.
const MAX_BLOCKS: usize = 1024;

/// The blocks of an answer that are not closed; the first is the one that is being told.
#[derive(Debug, Default)]
pub(super) struct Queue {
    blocks: VecDeque<Block>,
    /// The number of the first of them.
    index: u32,
    /// Bytes that wait, about.
    bytes: usize,
}

/// One block.
#[derive(Debug)]
pub(super) struct Block {
    /// What it is.
    pub(super) kind: Kind,
    /// What of it is still to be told.
    held: String,
    /// Citations that are still to be told.
    citations: Vec<Value>,
    /// Bytes of what is still to be told, about.
    weight: usize,
    /// The state of a thought, or of a call.
    signature: Option<Opaque>,
    /// How far its arguments are.
    scan: Scan,
    is_open: bool,
    is_ended: bool,
}

/// What a block is.
#[derive(Debug, PartialEq)]
pub(super) enum Kind {
    /// A text.
    Text,
    /// A thought.
    Thinking,
    /// A call.
    Tool {
        /// Its number.
        call: u32,
        /// Its id.
        id: String,
        /// The tool's name.
        name: String,
        /// Whether its input is free text, and is to be made an object of once it is whole.
        is_freeform: bool,
    },
    /// One that is told in one piece.
    Whole(Value),
}

impl Block {
    /// A block of nothing so far.
    pub(super) fn new(kind: Kind) -> Self {
        Self {
            is_ended: matches!(kind, Kind::Whole(_)),
            weight: kind.weight(),
            kind,
            held: String::new(),
            citations: Vec::new(),
            signature: None,
            scan: Scan::default(),
            is_open: false,
        }
    }
}

impl Kind {
    fn weight(&self) -> usize {
        match self {
            Self::Text | Self::Thinking => 0,
            Self::Tool { id, name, .. } => id.len() + name.len(),
            Self::Whole(value) => held::value(value),
        }
    }
}

/// There is no more room.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Full;

impl Queue {
    /// The last block, if it is still being filled and is no call.
    pub(super) fn last_open(&self) -> Option<&Kind> {
        let last = self.blocks.back()?;
        let is_call = matches!(last.kind, Kind::Tool { .. });
        (!last.is_ended && !is_call).then_some(&last.kind)
    }

    /// Adds a block. A text or a thought before it ends there.
    pub(super) fn push(&mut self, block: Block) -> Result<(), Full> {
        if self.blocks.len() >= MAX_BLOCKS {
            return Err(Full);
        }
        self.end_last(None);
        self.bytes = self.bytes.saturating_add(block.weight);
        self.blocks.push_back(block);
        self.make_way();
        self.room()
    }

    /// More of the last block. Where it is being told already, the text goes out as it is.
    pub(super) fn fill_last(&mut self, text: &str, out: &mut Vec<u8>) -> Result<(), Full> {
        let last = self.blocks.len().wrapping_sub(1);
        self.fill(last, text, out)
    }

    /// More of the arguments of a call; false if there is no such call.
    pub(super) fn fill_call(
        &mut self,
        call: u32,
        text: &str,
        out: &mut Vec<u8>,
    ) -> Result<bool, Full> {
        let Some(place) = self.place_of(call) else {
            return Ok(false);
        };
        if place > 0 {
            self.make_way();
        }
        self.blocks[place].scan.feed(text.as_bytes());
        self.fill(place, text, out)?;
        Ok(true)
    }

    fn fill(&mut self, place: usize, text: &str, out: &mut Vec<u8>) -> Result<(), Full> {
        let Some(block) = self.blocks.get_mut(place) else {
            return Ok(());
        };
        if place == 0
            && block.is_open
            && let Some(kind) = block.told_in_pieces()
        {
            write::delta(self.index, kind, text, out);
            return Ok(());
        }
        block.held.push_str(text);
        block.weight += text.len();
        self.bytes += text.len();
        self.room()
    }

    /// Whether more may wait.
    fn room(&self) -> Result<(), Full> {
        (self.bytes <= MAX_HELD).then_some(()).ok_or(Full)
    }

    /// A citation of the last block.
    pub(super) fn cite(&mut self, citation: Value) -> Result<(), Full> {
        if let Some(last) = self.blocks.back_mut() {
            let weight = held::value(&citation);
            last.citations.push(citation);
            last.weight += weight;
            self.bytes += weight;
        }
        self.room()
    }

    /// The last text or thought is complete; false if none is open.
    pub(super) fn end_last(&mut self, signature: Option<Opaque>) -> bool {
        let is_open = self.last_open().is_some();
        if let Some(last) = self.blocks.back_mut().filter(|_| is_open) {
            let weight = signature.as_ref().map_or(0, held::opaque);
            last.weight += weight;
            self.bytes += weight;
            last.is_ended = true;
            last.signature = signature;
        }
        is_open
    }

    /// A call is complete.
    pub(super) fn end_call(&mut self, call: u32, signature: Option<Opaque>) {
        if let Some(place) = self.place_of(call) {
            let block = &mut self.blocks[place];
            let weight = signature.as_ref().map_or(0, held::opaque);
            block.weight += weight;
            self.bytes += weight;
            block.is_ended = true;
            block.signature = signature;
        }
    }

    /// Everything is complete.
    pub(super) fn end_all(&mut self) {
        for block in &mut self.blocks {
            block.is_ended = true;
        }
    }

    fn place_of(&self, wanted: u32) -> Option<usize> {
        self.blocks.iter().position(
            |block| matches!(block.kind, Kind::Tool { call, .. } if call == wanted && !block.is_ended),
        )
    }

    /// Another block has something to say: the first is closed if it can have nothing to add.
    fn make_way(&mut self) {
        if self.blocks.len() > 1
            && let Some(first) = self.blocks.front_mut()
        {
            first.is_ended |= first.scan.is_complete();
        }
    }

    /// Tells what can be told.
    pub(super) fn settle(&mut self, out: &mut Vec<u8>) {
        while let Some(first) = self.blocks.front_mut() {
            if !first.is_ended && first.is_better_held() {
                return;
            }
            self.bytes = self.bytes.saturating_sub(std::mem::take(&mut first.weight));
            if !first.is_open {
                self.index += first.begin(self.index, out);
            }
            first.tell(self.index, out);
            if !first.is_ended {
                return;
            }
            first.close(self.index, out);
            self.index += 1;
            self.blocks.pop_front();
            self.make_way();
        }
    }
}

impl Block {
    /// How it is told; `None` for what is told whole.
    fn told_in_pieces(&self) -> Option<write::Kind> {
        match self.kind {
            Kind::Text => Some(write::TEXT),
            Kind::Thinking => Some(write::THINKING),
            Kind::Tool { is_freeform, .. } => (!is_freeform).then_some(write::INPUT),
            Kind::Whole(_) => None,
        }
    }

    /// Whether to wait for its next piece. The state of a call has to go before it, so that a call which
    /// comes at once is not begun until it is known to have none.
    fn is_better_held(&self) -> bool {
        match self.kind {
            Kind::Tool { is_freeform, .. } => {
                is_freeform || !self.is_open && (self.held.is_empty() || self.scan.is_complete())
            }
            _ => false,
        }
    }

    /// Opens it, behind the state of a call; how many blocks that took.
    fn begin(&mut self, index: u32, out: &mut Vec<u8>) -> u32 {
        self.is_open = true;
        let mut before = 0;
        if let Kind::Tool { .. } = self.kind
            && let Some(state) = self.signature.take()
        {
            whole(index, &thought::unread(&state), out);
            before = 1;
        }
        let start = match &self.kind {
            Kind::Text => json!({"type": "text", "text": ""}),
            Kind::Thinking => json!({"type": "thinking", "thinking": "", "signature": ""}),
            Kind::Tool { id, name, .. } => {
                json!({"type": "tool_use", "id": id, "name": name, "input": {}})
            }
            Kind::Whole(value) => beginning(value),
        };
        write::open(index + before, &start, out);
        before
    }

    /// Tells what was held back.
    fn tell(&mut self, index: u32, out: &mut Vec<u8>) {
        let held = std::mem::take(&mut self.held);
        match (self.told_in_pieces(), &self.kind) {
            (Some(_), _) if held.is_empty() => {}
            (Some(kind), _) => write::delta(index, kind, &held, out),
            (None, Kind::Whole(value)) => rest(value, index, out),
            (None, _) => {
                let input = json!({"input": held}).to_string();
                write::delta(index, write::INPUT, &input, out);
            }
        }
        for citation in std::mem::take(&mut self.citations) {
            write::citation(index, &citation, out);
        }
    }

    fn close(&mut self, index: u32, out: &mut Vec<u8>) {
        if self.kind == Kind::Thinking {
            let signature = thought::signature(self.signature.as_ref());
            write::delta(index, write::SIGNATURE, &signature, out);
        }
        write::close(index, out);
    }
}

/// Tells a block in one go.
fn whole(index: u32, block: &Value, out: &mut Vec<u8>) {
    write::open(index, &beginning(block), out);
    rest(block, index, out);
    write::close(index, out);
}

/// A block as it is opened: a thought is signed by a delta, and a call gets its input by one.
fn beginning(block: &Value) -> Value {
    let mut start = block.clone();
    if block["type"] == "thinking" {
        start["signature"] = "".into();
    }
    if block["type"] == "server_tool_use" {
        start["input"] = json!({});
    }
    start
}

/// What its deltas say.
fn rest(block: &Value, index: u32, out: &mut Vec<u8>) {
    if let Some(signature) = block["signature"].as_str() {
        write::delta(index, write::SIGNATURE, signature, out);
    }
    if block["type"] == "server_tool_use" {
        write::delta(index, write::INPUT, &block["input"].to_string(), out);
    }
}

/// Follows JSON text as far as it must be to know when an object is whole.
#[derive(Debug, Default)]
struct Scan {
    depth: usize,
    is_begun: bool,
    is_in_text: bool,
    is_escaped: bool,
}

impl Scan {
    fn feed(&mut self, bytes: &[u8]) {
        for byte in bytes {
            match byte {
                _ if self.is_escaped => self.is_escaped = false,
                b'\\' if self.is_in_text => self.is_escaped = true,
                b'"' => self.is_in_text = !self.is_in_text,
                _ if self.is_in_text => {}
                b'{' | b'[' => {
                    self.depth += 1;
                    self.is_begun = true;
                }
                b'}' | b']' => self.depth = self.depth.saturating_sub(1),
                _ => {}
            }
        }
    }

    fn is_complete(&self) -> bool {
        self.is_begun && self.depth == 0 && !self.is_in_text
    }
}

#[cfg(test)]
mod tests {
    use super::Scan;

    #[test]
    fn an_object_is_whole_at_its_last_brace() {
        let text = r#"{"a":"}\"{","b":[1,{"c":2}]}"#;
        let mut scan = Scan::default();
        for (at, byte) in text.bytes().enumerate() {
            assert!(!scan.is_complete(), "{at}");
            scan.feed(&[byte]);
        }
        assert!(scan.is_complete());
    }
}
