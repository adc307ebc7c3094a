//! Client keys: where a request may carry one, and whether it is one of ours.
//!
//! Keys are kept as digests and compared in constant time, every one of them, so that neither the time
//! nor a memory dump tells anything about them.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::request::Parts;
use http::{HeaderMap, Uri, header};
use ring::digest::{SHA256, digest};
use subtle::{Choice, ConstantTimeEq as _};

use crate::provider::Secret;

/// Headers that carry a bare key, in the spelling of one SDK or another.
const KEY_HEADERS: [&str; 3] = ["x-api-key", "api-key", "x-goog-api-key"];

type Digest = [u8; 32];

/// The keys that clients may present; none means that the door is open.
#[derive(Debug)]
pub struct ClientKeys {
    digests: Vec<Digest>,
    accepts_base64: bool,
}

impl ClientKeys {
    /// Takes in the configured keys.
    pub fn new(keys: &[Secret], accepts_base64: bool) -> Self {
        Self {
            digests: keys
                .iter()
                .map(|key| sha256(key.expose().as_bytes()))
                .collect(),
            accepts_base64,
        }
    }

    /// Whether a request needs no key.
    pub fn is_open(&self) -> bool {
        self.digests.is_empty()
    }

    /// Whether `presented` is one of the keys.
    pub fn accept(&self, presented: &str) -> bool {
        let plain = self.knows(presented.as_bytes());
        let decoded = || {
            STANDARD
                .decode(presented)
                .or_else(|_| URL_SAFE_NO_PAD.decode(presented))
        };
        plain
            || (self.accepts_base64 && decoded().is_ok_and(|bytes| self.knows(bytes.trim_ascii())))
    }

    fn knows(&self, key: &[u8]) -> bool {
        let presented = sha256(key);
        let found = self.digests.iter().fold(Choice::from(0), |found, known| {
            found | known.ct_eq(&presented)
        });
        found.into()
    }
}

fn sha256(bytes: &[u8]) -> Digest {
    let mut digest_bytes = Digest::default();
    digest_bytes.copy_from_slice(digest(&SHA256, bytes).as_ref());
    digest_bytes
}

/// The key a request presents, from whichever place it uses.
pub fn presented(request: &Parts) -> Option<Cow<'_, str>> {
    bearer(&request.headers)
        .or_else(|| {
            KEY_HEADERS
                .iter()
                .find_map(|name| request.headers.get(*name)?.to_str().ok())
        })
        .map(|key| Cow::Borrowed(key.trim()))
        .or_else(|| in_query(&request.uri).map(Cow::Owned))
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?.trim();
    let (scheme, key) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(key)
}

/// `?key=`, as Google's SDKs send it.
fn in_query(uri: &Uri) -> Option<String> {
    let query = uri.query()?;
    let mut pairs = url::form_urlencoded::parse(query.as_bytes());
    pairs.find_map(|(name, value)| (name == "key").then(|| value.into_owned()))
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn key_of(request: http::request::Builder) -> Option<String> {
        let (parts, ()) = request.body(()).expect("valid").into_parts();
        presented(&parts).map(Cow::into_owned)
    }

    #[test]
    fn finds_the_key_in_every_place() {
        let get = |name: &str, value: &str| {
            key_of(Request::builder().uri("/v1/models").header(name, value))
        };
        assert_eq!(get("authorization", "Bearer k").as_deref(), Some("k"));
        assert_eq!(get("Authorization", "bearer  k").as_deref(), Some("k"));
        for name in KEY_HEADERS {
            assert_eq!(get(name, "k").as_deref(), Some("k"), "{name}");
        }
        assert_eq!(
            key_of(Request::builder().uri("/x?a=1&key=a%2Bb")).as_deref(),
            Some("a+b")
        );
        assert_eq!(get("authorization", "Basic abc"), None);
    }

    #[test]
    fn accepts_exactly_the_configured_keys() {
        let keys = ClientKeys::new(&[Secret::new("one"), Secret::new("two")], false);
        assert!(keys.accept("one") && keys.accept("two"));
        assert!(!keys.accept("") && !keys.accept("on") && !keys.accept("b25l"));
        assert!(!keys.is_open() && ClientKeys::new(&[], false).is_open());
    }

    #[test]
    fn base64_is_accepted_only_if_configured() {
        assert!(ClientKeys::new(&[Secret::new("one")], true).accept("b25l"));
    }
}
