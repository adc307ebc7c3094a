//! A stream, as no vendor tells it.
//!
//! The grammar, per choice: parts one after the other, each as its deltas and then its end; only calls of
//! tools may interleave, told apart by their number. `Start` comes first, `Finish` once per choice after
//! its last delta, `Usage` anywhere (counts are absolute: the last one holds), `Ping` anywhere.

use serde_json::Value;

use super::part::{Citation, Part, ToolKind};
use super::response::Finish;
use super::signature::Opaque;
use super::usage::Usage;

/// One event.
#[derive(Debug, Clone, PartialEq)]
pub enum StreamEvent {
    /// The answer begins.
    Start {
        /// Its id, as the upstream gave it.
        id: Option<String>,
        /// The model, as the upstream called it.
        model: Option<String>,
        /// Seconds since 1970, where the upstream said.
        created: Option<u64>,
    },
    /// A piece of it.
    Delta {
        /// Which answer, if several were asked for.
        choice: u32,
        /// The piece.
        delta: Delta,
    },
    /// An answer is complete.
    Finish {
        /// Which one.
        choice: u32,
        /// How it ended.
        finish: Finish,
    },
    /// Token counts so far.
    Usage(Usage),
    /// A sign of life.
    Ping,
}

/// A piece of an answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Delta {
    /// More text; opens a text unless one is open.
    Text(String),
    /// More of a refusal.
    Refusal(String),
    /// More of a thought.
    Reasoning(String),
    /// The open text, refusal or thought is complete; a different kind of delta ends it as well. With
    /// nothing open and a signature it is a thought of which nothing may be read.
    PartEnd {
        /// The state that has to come back with it.
        signature: Option<Opaque>,
    },
    /// Where the open text was taken from.
    Citation(Citation),
    /// Log probabilities of the text just told, in OpenAI's shape (a list of tokens).
    Logprobs(Value),
    /// A call begins.
    ToolCall {
        /// Its number within the choice.
        call: u32,
        /// Its id; may be empty where the upstream has none.
        id: String,
        /// Name of the tool, as the upstream knows it.
        name: String,
        /// The group of tools it belongs to.
        namespace: Option<String>,
        /// What kind of tool.
        kind: ToolKind,
    },
    /// More of its arguments.
    ToolArguments {
        /// Which call.
        call: u32,
        /// The piece.
        fragment: String,
    },
    /// Its arguments are complete.
    ToolEnd {
        /// Which call.
        call: u32,
        /// The state that has to come back with it.
        signature: Option<Opaque>,
    },
    /// A part that comes in one piece: a picture, a block of the upstream's own.
    Whole(Box<Part>),
}
