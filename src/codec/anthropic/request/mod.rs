//! Requests: read into the neutral form, written out of it.
//!
//! A request that goes back to its own dialect is written as it was read, leftovers included; one of
//! another dialect is brought into the form that this one's servers accept.

mod block;
mod choice;
mod conversation;
mod decode;
mod limits;
mod media;
mod node;
mod own;
mod own_block;
mod settings;
mod spoken;
mod thinking;
mod tool;
mod translate;
mod written_tool;

#[cfg(test)]
mod tests;

pub use decode::decode_request;

use serde_json::{Map, Value};

use crate::chat::{Dialect, Report, Request};
use crate::codec::target::{Refusal, Target};

/// The body of `request` for a target that speaks this dialect.
///
/// # Errors
/// The request asks for what no server of this dialect has.
pub fn encode_request(
    request: &Request,
    target: &Target<'_>,
    report: &mut Report,
) -> Result<Map<String, Value>, Refusal> {
    match request.dialect {
        Dialect::Anthropic => Ok(own::encode(request, target, report)),
        _ => translate::encode(request, target, report),
    }
}
