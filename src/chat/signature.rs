//! Opaque reasoning tokens: what a model must get back unchanged to go on from its own thoughts.
//!
//! Through a foreign dialect they travel sealed, in the slot that the client's dialect has for its own:
//! `agw1.` and the token with its origin in base64. They are not secret and not ours to check; the seal
//! only says whose they are, so that they are given back to nobody else.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

/// How a sealed token begins.
pub const SEAL: &str = "agw1.";

/// How a seal begins in base64, as far as it does not depend on what follows: Gemini's slot takes bytes.
pub const SEAL_IN_BASE64: &str = "YWd3MS";

/// How a string of JSON begins that holds one: what is sealed is an object. Somebody who only speaks of
/// seals writes no such thing.
pub const SEALED: &str = "\"agw1.eyJ";

/// The same in base64.
pub const SEALED_IN_BASE64: &str = "\"YWd3MS5leU";

/// An opaque token with its origin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opaque {
    /// What it is.
    #[serde(rename = "k")]
    pub kind: OpaqueKind,
    /// The provider that made it; `None` if the client brought it unsealed.
    #[serde(rename = "p", default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// The model that made it.
    #[serde(rename = "m", default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The readable thought it was made for, where the carrier may lose that.
    #[serde(rename = "t", default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The token as it came.
    #[serde(rename = "d")]
    pub payload: String,
}

/// Whose slot a token came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OpaqueKind {
    /// `signature` of Anthropic's thinking.
    Signature,
    /// `data` of Anthropic's redacted thinking.
    Redacted,
    /// `encrypted_content` of a Responses reasoning item.
    Encrypted,
    /// Gemini's `thoughtSignature`.
    Thought,
    /// Nothing but the readable thought, which some Chat providers want back (DeepSeek).
    Plain,
    /// `reasoning_details` of a Chat provider (OpenRouter): the list as it came, as JSON.
    Details,
}

impl Opaque {
    /// A token that the client brought as it is.
    pub fn unsealed(kind: OpaqueKind, payload: impl Into<String>) -> Self {
        Self {
            kind,
            provider: None,
            model: None,
            text: None,
            payload: payload.into(),
        }
    }

    /// The token for a foreign slot.
    pub fn seal(&self) -> String {
        let json = serde_json::to_vec(self).expect("text and names are always JSON");
        format!("{SEAL}{}", URL_SAFE_NO_PAD.encode(json))
    }

    /// A token from a client's slot: opened if it is sealed, else as the slot's own `kind`. A seal that
    /// was tampered with gives `None`.
    pub fn open(slot: &str, kind: OpaqueKind) -> Option<Self> {
        match slot.strip_prefix(SEAL) {
            None => Some(Self::unsealed(kind, slot)),
            Some(sealed) => {
                let json = URL_SAFE_NO_PAD.decode(sealed).ok()?;
                serde_json::from_slice(&json).ok()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_token_opens_to_itself() {
        let token = Opaque {
            kind: OpaqueKind::Signature,
            provider: Some("claude".into()),
            model: Some("claude-opus-5".into()),
            text: None,
            payload: "EqQBCgIYAhIM+/=".into(),
        };
        let sealed = token.seal();
        assert!(sealed.starts_with(SEAL));
        assert_eq!(Opaque::open(&sealed, OpaqueKind::Encrypted), Some(token));
        let base64 = base64::engine::general_purpose::STANDARD.encode(&sealed);
        assert!(format!("\"{sealed}").starts_with(SEALED));
        assert!(format!("\"{base64}").starts_with(SEALED_IN_BASE64));
    }

    #[test]
    fn what_is_not_sealed_is_the_slots_own() {
        let own = Opaque::open("gAAAA", OpaqueKind::Encrypted);
        assert_eq!(own, Some(Opaque::unsealed(OpaqueKind::Encrypted, "gAAAA")));
        for broken in ["agw1.", "agw1.***", "agw1.e30"] {
            assert_eq!(
                Opaque::open(broken, OpaqueKind::Encrypted),
                None,
                "{broken}"
            );
        }
    }
}
