//! Sessions: which requests of a client belong together, so that they go to the target whose prompt cache
//! is warm for them.
//!
//! What names a session, the first that is there:
//!
//! ```text
//! x-session-id               the client says so, or a person; anything but a plain id is refused
//! x-claude-code-session-id   Claude Code
//! session-id, session_id     Codex
//! x-session-affinity         opencode, pi
//! session_id                 in the body: OpenRouter's clients
//! prompt_cache_key           in the body: OpenAI's clients
//! metadata.user_id           in the body: older versions of Claude Code
//! the beginning              of the conversation, under `router.affinity.prefix`
//! ```
//!
//! A hint that is no plain id is no hint. Only requests that generate have a session; it is remembered by
//! the model string that they ask for.

use std::time::Instant;

use super::call::Call;
use super::gateway::Gateway;
use super::prepared::{Payload, Prepared};
use super::tongue;
use crate::codec::conversation;
use crate::health::TargetId;

/// Longest id.
const LONGEST: usize = 256;

/// What a header says of the session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// The id.
    pub id: Box<str>,
    /// Its place in the order of names: 0 is `x-session-id`, the others are hints.
    pub rank: u8,
}

/// Whether `text` can be the id of a session.
pub fn is_id(text: &str) -> bool {
    (1..=LONGEST).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// The session that headers and body name.
pub(super) fn named(call: &Call, told: Option<Told>, payload: &Payload) -> Option<Box<str>> {
    if !call.endpoint.generates() {
        return None;
    }
    told.map(|told| told.id).or_else(|| match payload {
        Payload::Json(body) => {
            let id = conversation::session_id(call.endpoint.dialect, body)?;
            is_id(&id).then(|| id.into_boxed_str())
        }
        Payload::Form { .. } => None,
    })
}

/// Who served the session of `prepared` last. A request that names none gets the name of its beginning, if
/// that is wanted.
pub fn last(gateway: &Gateway, call: &Call, prepared: &mut Prepared) -> Option<TargetId> {
    if prepared.session.is_none() && gateway.config().router.affinity.prefix {
        prepared.session = begun(call, prepared);
    }
    let id = prepared.session.as_deref()?;
    let model = prepared.head.model.as_deref()?;
    let now = Instant::now();
    gateway.sessions().get(&call.client, id, model, now)
}

fn begun(call: &Call, prepared: &Prepared) -> Option<Box<str>> {
    let endpoint = call.endpoint;
    let Payload::Json(body) = &prepared.payload else {
        return None;
    };
    if !endpoint.generates() || !tongue::holds_a_conversation(endpoint) {
        return None;
    }
    let name = conversation::beginning(endpoint.dialect, body)?;
    Some(name.into_boxed_str())
}

/// `target` has begun to answer: the session of `prepared`, if it has one, stays with it.
pub fn served(gateway: &Gateway, call: &Call, prepared: &Prepared, target: &TargetId) {
    if let (Some(id), Some(model)) = (&prepared.session, &prepared.head.model) {
        let now = Instant::now();
        let sessions = gateway.sessions();
        sessions.put(&call.client, id, model, target, now);
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::{HeaderMap, HeaderName, HeaderValue};

    use super::*;
    use crate::proxy::call::Endpoint;

    fn session(path: &str, headers: &[(&'static str, &'static str)], body: &'static str) -> String {
        let headers = headers.iter().map(|(name, value)| {
            (
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            )
        });
        let call = Call {
            endpoint: Endpoint::called(path).expect("an endpoint"),
            spoken: None,
            client: "me".into(),
            headers: headers.collect::<HeaderMap>(),
            body: Bytes::from_static(body.as_bytes()),
            scope: None,
            promise_after: None,
        };
        let prepared = Prepared::read(&call).expect("a good request");
        prepared.session.map_or_else(String::new, String::from)
    }

    #[test]
    fn the_surest_name_of_a_session_counts() {
        const CHAT: &str = "/chat/completions";
        let body = r#"{"model":"m","messages":[],"prompt_cache_key":"key","session_id":"body"}"#;
        let odd = r#"{"model":"m","messages":[],"prompt_cache_key":"not an id"}"#;
        let own = ("x-session-id", "own");
        let claude = ("x-claude-code-session-id", "claude");
        let codex = ("session_id", "codex");
        let opencode = ("x-session-affinity", "opencode");
        let broken = ("x-claude-code-session-id", "not an id");
        for (headers, body, expected) in [
            (&[opencode, codex, claude, own][..], body, "own"),
            (&[own, claude, codex, opencode], body, "own"),
            (&[opencode, codex, claude], body, "claude"),
            (&[opencode, codex], body, "codex"),
            (&[codex, broken], body, "codex"),
            (&[opencode], body, "opencode"),
            (&[("x-session-id", " ")], body, "body"),
            (&[], body, "body"),
            (&[], odd, ""),
        ] {
            assert_eq!(session(CHAT, headers, body), expected, "{headers:?}");
        }
    }

    #[test]
    fn only_what_generates_has_a_session() {
        let own = [("x-session-id", "own")];
        let body = r#"{"model":"m","input":"x","messages":[],"prompt":"x","prompt_cache_key":"k"}"#;
        for (path, expected) in [
            ("/chat/completions", "own"),
            ("/completions", "own"),
            ("/responses", "own"),
            ("/messages", "own"),
            ("/messages/count_tokens", ""),
            ("/responses/input_tokens", ""),
            ("/embeddings", ""),
            ("/rerank", ""),
        ] {
            assert_eq!(session(path, &own, body), expected, "{path}");
        }
    }

    #[test]
    fn an_id_is_short_and_visible() {
        let longest = "x".repeat(LONGEST);
        for (text, expected) in [
            ("0199-a_b:c/d~", true),
            (&longest, true),
            ("", false),
            ("a b", false),
            ("a\tb", false),
            ("ä", false),
            (&format!("{longest}x"), false),
        ] {
            assert_eq!(is_id(text), expected, "{text}");
        }
    }
}
