//! Whom a request is written for, and whom an answer comes from.

use super::tool_map::ToolMap;
use crate::chat::{Opaque, OpaqueKind};
use crate::provider::Quirk;
use crate::provider::knowledge::{self, Knowledge, Off, Thinking};

/// The target of a request, as far as an encoder must know it.
#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    /// Name of the provider: opaque reasoning goes back only to where it came from.
    pub provider: &'a str,
    /// Its deviations from its dialect.
    pub quirks: &'a [Quirk],
    /// The model, as the provider calls it.
    pub model: &'a str,
    /// What is known of the model.
    pub knowledge: &'a Knowledge,
    /// Whether a stream is asked for.
    pub streams: bool,
    /// What the tools are called there.
    pub tools: &'a ToolMap,
}

impl Target<'_> {
    /// Whether the provider deviates in this way.
    pub fn has(&self, quirk: Quirk) -> bool {
        self.quirks.contains(&quirk)
    }

    /// Whether an opaque token may be given to this target in the slot of `kind`: it must be of that
    /// kind, and of this provider and this family of models, as far as its origin is known. Some Claude
    /// models bind it to themselves.
    pub fn may_have(&self, opaque: &Opaque, kind: OpaqueKind) -> bool {
        let is_own = |provider: &String| provider == self.provider;
        opaque.kind == kind
            && opaque.provider.as_ref().is_none_or(is_own)
            && opaque
                .model
                .as_deref()
                .is_none_or(|model| self.reads_thoughts_of(model))
    }

    fn reads_thoughts_of(&self, model: &str) -> bool {
        let binds = matches!(
            self.knowledge.thinking,
            Thinking::ClaudeAdaptive {
                off: Off::No | Off::BetweenTools,
                ..
            }
        );
        model == self.model || (!binds && knowledge::of(model).family == self.knowledge.family)
    }
}

/// A request that a target would refuse, or that would mean something else there: a 400 before it is sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// The field of the client's request.
    pub field: String,
    /// What is wrong with it, for the person who wrote the request.
    pub message: String,
}

impl Refusal {
    /// A refusal of `field`.
    pub fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            message: message.into(),
        }
    }
}

/// Who serves an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// Name of the provider.
    pub provider: String,
    /// The model, as the provider calls it.
    pub model: String,
}

impl Origin {
    /// A token of this origin.
    pub fn opaque(&self, kind: OpaqueKind, payload: impl Into<String>) -> Opaque {
        Opaque {
            provider: Some(self.provider.clone()),
            model: Some(self.model.clone()),
            ..Opaque::unsealed(kind, payload)
        }
    }
}

/// What an answer's encoder must know beside the answer.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// The model's name in the answer.
    pub model: String,
    /// When it is answered, in seconds since 1970.
    pub created: u64,
    /// Sets the ids that are made for this answer apart from all others.
    pub seed: u64,
    /// Whether a Chat client asked for the usage chunk.
    pub include_usage: bool,
    /// Tokens of the request by our own estimate, for what is told before the upstream counts.
    pub estimated_input: u64,
    /// Responses: the fields of the request that each answer repeats (`instructions`, `tools`, …).
    pub echo: serde_json::Map<String, serde_json::Value>,
    /// Chat: whether the client still calls tools functions (`functions`, `function_call`).
    pub legacy_functions: bool,
}
