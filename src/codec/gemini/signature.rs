//! `thoughtSignature`: the state that comes back with a part. The slot is bytes, written in base64.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::chat::signature::{SEAL, SEAL_IN_BASE64};
use crate::chat::{Opaque, OpaqueKind};
use crate::codec::media;

/// Stands where a call must be signed and no signature is at hand: Google skips its check. It is valid
/// base64 as it is, and Google's own CLI sends it so.
pub const SENTINEL: &str = "skip_thought_signature_validator";

/// The same as the Go SDK sends it: in base64.
const SENTINEL_IN_BASE64: &str = "c2tpcF90aG91Z2h0X3NpZ25hdHVyZV92YWxpZGF0b3I=";

/// How ids begin that a decoder made up for calls without one. They are for the other dialects; Gemini
/// never hears of them.
pub const MADE_ID: &str = "call_agw_";

/// What a client's slot holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Slot {
    /// A token, sealed or Gemini's own.
    Token(Opaque),
    /// Nothing but the wish to skip the check.
    Skip,
    /// A seal that was tampered with.
    Broken,
}

/// Reads a client's slot.
pub fn read(slot: &str) -> Slot {
    if slot == SENTINEL || slot == SENTINEL_IN_BASE64 {
        return Slot::Skip;
    }
    let token = if slot.starts_with(SEAL_IN_BASE64) {
        unwrap(slot).map(|sealed| Opaque::open(&sealed, OpaqueKind::Thought))
    } else {
        Some(Opaque::open(slot, OpaqueKind::Thought))
    };
    match token {
        Some(Some(token)) => Slot::Token(token),
        Some(None) => Slot::Broken,
        // It only begins like a seal: three bytes may do that by chance.
        None => Slot::Token(Opaque::unsealed(OpaqueKind::Thought, slot)),
    }
}

/// What a client's slot is given: the sealed token in base64.
pub fn write(token: &Opaque) -> String {
    STANDARD.encode(token.seal())
}

fn unwrap(slot: &str) -> Option<String> {
    let base64 = media::normal_base64(slot)?;
    let bytes = STANDARD.decode(base64.as_bytes()).ok()?;
    String::from_utf8(bytes)
        .ok()
        .filter(|sealed| sealed.starts_with(SEAL))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealed() -> Opaque {
        Opaque {
            provider: Some("claude".into()),
            model: Some("opus".into()),
            text: Some("Hm".into()),
            ..Opaque::unsealed(OpaqueKind::Signature, "sig==")
        }
    }

    #[test]
    fn a_sealed_token_comes_back_from_every_spelling() {
        let standard = write(&sealed());
        let url_safe = standard.replace('+', "-").replace('/', "_");
        for slot in [standard.as_str(), url_safe.as_str(), &sealed().seal()] {
            assert_eq!(read(slot), Slot::Token(sealed()), "{slot}");
        }
    }

    #[test]
    fn what_is_not_sealed_is_geminis_own() {
        for own in ["c2lnbmVk", "YWd3MSAx", "YWd3MS", "not base64 at all"] {
            let token = Opaque::unsealed(OpaqueKind::Thought, own);
            assert_eq!(read(own), Slot::Token(token), "{own}");
        }
    }

    #[test]
    fn the_sentinel_is_no_token_and_a_broken_seal_neither() {
        assert_eq!(read(SENTINEL), Slot::Skip);
        assert_eq!(read(&STANDARD.encode(SENTINEL)), Slot::Skip);
        assert_eq!(read(&STANDARD.encode("agw1.e30")), Slot::Broken);
        assert_eq!(read("agw1.***"), Slot::Broken);
    }
}
