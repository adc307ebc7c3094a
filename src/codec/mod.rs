//! Dialects: plain functions and state machines over bytes. No socket, no clock, no chance; what they need
//! of those is an argument.
//!
//! Native traffic is never re-encoded here: a request's head is peeked at ([`head`]), an answer is checked
//! ([`answer`]), a stream is watched ([`observe`]), and the bytes themselves go on as they came.
//!
//! Everything else goes through one neutral form, [`crate::chat`]: a dialect is a folder that reads and
//! writes requests, answers, streams and errors, and [`dispatch`] chooses it. No dialect knows of another.
//!
//! ```text
//! request   client's decoder ─> Request ────────────> upstream's encoder ─> body, Report
//! answer    upstream's decoder ─> Response ─[restore]─> client's encoder
//! stream    upstream's decoder ─> StreamEvent … ─[restore]─> client's encoder
//! ```
//!
//! What a decoder does not take of a node is kept with it: written back as it came for the same dialect,
//! listed as lost for another ([`losses`]). What several dialects need alike stands beside them: schemas
//! ([`schema`]), names of tools ([`tool_names`], [`restore`]), ids of calls ([`call_id`]), order of turns ([`turns`]).

pub mod answer;
pub mod answer_id;
pub mod anthropic;
pub mod call_id;
pub mod conversation;
pub mod dispatch;
pub mod embeddings;
pub mod error;
pub mod estimate;
pub mod field_names;
pub mod fingerprint;
pub mod gemini;
pub mod head;
pub mod held;
pub mod losses;
pub mod media;
pub mod multipart;
pub mod observe;
pub mod openai_chat;
pub mod openai_responses;
pub mod restore;
pub mod schema;
pub mod stream;
pub mod target;
pub mod tokens;
pub mod tool_map;
pub mod tool_names;
pub mod turns;
pub mod without;

use crate::chat::Dialect;
use crate::sse;

/// What keeps a silent stream of this dialect alive, if its clients survive anything: Google's Python SDK
/// fails on comments and on events that are not answers.
pub fn keep_alive(dialect: Dialect) -> Option<&'static [u8]> {
    match dialect {
        Dialect::OpenAiChat | Dialect::OpenAiResponses => Some(sse::KEEP_ALIVE),
        Dialect::Anthropic => Some(anthropic::PING),
        Dialect::Gemini => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use observe::{Observer, Sight};

    #[test]
    fn a_sign_of_life_is_preamble_to_those_who_get_it() {
        for dialect in Dialect::ALL {
            let sign = keep_alive(dialect);
            assert_eq!(sign.is_none(), dialect == Dialect::Gemini);
            let sight = Observer::new(dialect).observe(sign.unwrap_or_default());
            assert_eq!(sight, Sight::Preamble, "{dialect}");
        }
    }
}
