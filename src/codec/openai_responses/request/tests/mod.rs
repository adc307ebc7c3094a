//! Requests: the identity, the tables of the reference, and hostile input.

mod read;
mod written;

use crate::chat::{Opaque, OpaqueKind};

pub(super) const MODEL: &str = "gpt-5.6-sol";

pub(super) fn sealed(kind: OpaqueKind, provider: &str, text: Option<&str>) -> Opaque {
    Opaque {
        provider: Some(provider.to_owned()),
        model: Some(MODEL.to_owned()),
        text: text.map(str::to_owned),
        ..Opaque::unsealed(kind, "payload")
    }
}
