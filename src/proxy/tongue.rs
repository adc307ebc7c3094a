//! Which dialect a provider is spoken to in.

use super::call::Endpoint;
use super::prepared::Prepared;
use crate::chat::{Dialect, Operation};
use crate::provider::Provider;
use crate::provider::knowledge::Thinking;
use crate::route::{Fluency, Offer};

/// How well `provider` can be spoken to in the client's words: natively, by translation, or not at all.
pub fn fluency(asked: &'static Endpoint, provider: &Provider) -> Option<Fluency> {
    let dialects = &provider.preset.dialects;
    if dialects.contains(&asked.dialect) {
        return Some(Fluency::Native);
    }
    let is_translated = match asked.operation {
        // Tokens that the upstream cannot count are estimated here.
        Operation::Generate | Operation::CountTokens => holds_a_conversation(asked),
        Operation::Embed => {
            let embeds = |dialect: &Dialect| Endpoint::of(*dialect, Operation::Embed).is_some();
            dialects.iter().any(embeds)
        }
        Operation::Other => false,
    };
    (is_translated && !dialects.is_empty()).then_some(Fluency::Translated)
}

/// Whether its requests hold a conversation, which can be translated: `/completions` generates text, too,
/// but from nothing but text.
pub fn holds_a_conversation(asked: &'static Endpoint) -> bool {
    let is_first = || {
        let first = Endpoint::of(asked.dialect, asked.operation);
        first.is_some_and(|first| first.path == asked.path)
    };
    matches!(
        asked.operation,
        Operation::Generate | Operation::CountTokens
    ) && is_first()
}

/// The endpoint of `provider` that serves what `prepared` asks for of `offer`; `None` if it has none.
pub fn endpoint(
    prepared: &Prepared,
    offer: &Offer,
    provider: &Provider,
) -> Option<&'static Endpoint> {
    let asked = prepared.endpoint;
    match dialect(prepared, offer, provider) {
        dialect if dialect == asked.dialect => Some(asked),
        dialect => Endpoint::of(dialect, asked.operation),
    }
}

/// The client's own dialect if it will do, else the best of the provider's.
fn dialect(prepared: &Prepared, offer: &Offer, provider: &Provider) -> Dialect {
    let asked = prepared.endpoint;
    let dialects = &provider.preset.dialects;
    let speaks = |dialect: Dialect| dialects.contains(&dialect);
    let has_responses = speaks(Dialect::OpenAiResponses);
    let first = dialects.first().copied().unwrap_or(asked.dialect);
    match asked.dialect {
        Dialect::OpenAiChat if has_responses && holds_a_conversation(asked) => {
            if needs_responses(prepared, offer) {
                Dialect::OpenAiResponses
            } else {
                Dialect::OpenAiChat
            }
        }
        own if speaks(own) => own,
        // Thoughts and their state come through Responses only.
        _ if has_responses && (thinks(offer) || needs_responses(prepared, offer)) => {
            Dialect::OpenAiResponses
        }
        _ => first,
    }
}

/// OpenAI's newer models take tools and reasoning together in the Responses API only, and some models
/// are served nowhere else.
fn needs_responses(prepared: &Prepared, offer: &Offer) -> bool {
    let knowledge = offer.knowledge();
    knowledge.responses_only
        || (knowledge.tools_need_responses && prepared.has_tools() && prepared.may_reason())
}

fn thinks(offer: &Offer) -> bool {
    matches!(offer.knowledge().thinking, Thinking::Effort { .. })
}
