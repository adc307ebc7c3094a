//! Client keys: where a request may carry one, and whether it is one of ours.
//!
//! Every key is compared to its end, every time, so that the time an answer takes tells nothing about
//! them but, at most, how long they are.

use std::borrow::Cow;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::request::Parts;
use http::{HeaderMap, Uri, header};
use subtle::{Choice, ConditionallySelectable as _, ConstantTimeEq as _};

use crate::provider::Secret;

/// Headers that carry a bare key, in the spelling of one SDK or another.
const KEY_HEADERS: [&str; 3] = ["x-api-key", "api-key", "x-goog-api-key"];

/// Characters of a key that nobody finds by trying, if it was not made up by a person.
pub const LONG_ENOUGH: usize = 20;

/// The keys that clients may present; none means that the door is open.
#[derive(Debug, Clone)]
pub struct ClientKeys {
    keys: Vec<Secret>,
    /// How each key's holder is called in logs.
    names: Vec<Arc<str>>,
    /// How everybody is called where there are no keys.
    anybody: Arc<str>,
    accepts_base64: bool,
}

impl ClientKeys {
    /// Takes in the configured keys.
    pub fn new(keys: &[Secret], accepts_base64: bool) -> Self {
        let names = (1..=keys.len()).map(|place| format!("key {place}").into());
        Self::named(keys, names, accepts_base64)
    }

    /// The same with names for the holders of the keys, in their order.
    pub fn named(
        keys: &[Secret],
        names: impl IntoIterator<Item = Arc<str>>,
        accepts_base64: bool,
    ) -> Self {
        let names: Vec<_> = names.into_iter().collect();
        debug_assert_eq!(names.len(), keys.len());
        Self {
            keys: keys.to_vec(),
            names,
            anybody: "open".into(),
            accepts_base64,
        }
    }

    /// Whether one of them is so short that it can be tried out by somebody with time.
    pub fn has_short(&self) -> bool {
        self.keys.iter().any(|key| key.expose().len() < LONG_ENOUGH)
    }

    /// The name of everybody, if a request needs no key.
    pub fn open(&self) -> Option<Arc<str>> {
        self.keys.is_empty().then(|| self.anybody.clone())
    }

    /// The name of the holder of `presented`, if it is one of the keys.
    pub fn recognise(&self, presented: &str) -> Option<Arc<str>> {
        let plain = self.place(presented.as_bytes());
        let place =
            plain.or_else(|| self.place(decode(presented, self.accepts_base64)?.trim_ascii()));
        place.map(|place| self.names[place].clone())
    }

    /// Compares with every key, and picks the place without a branch that depends on it.
    fn place(&self, key: &[u8]) -> Option<usize> {
        let mut found = 0u64;
        for (known, number) in self.keys.iter().zip(1..) {
            found.conditional_assign(&number, is_same(key, known.expose().as_bytes()));
        }
        usize::try_from(found).ok()?.checked_sub(1)
    }
}

fn decode(presented: &str, accepts_base64: bool) -> Option<Vec<u8>> {
    let decode = || {
        STANDARD
            .decode(presented)
            .or_else(|_| URL_SAFE_NO_PAD.decode(presented))
    };
    if accepts_base64 { decode().ok() } else { None }
}

/// Compares over the whole of `presented`, wherever the first difference is.
fn is_same(presented: &[u8], known: &[u8]) -> Choice {
    let pairs = presented.iter().zip(known.iter().cycle());
    let difference = pairs.fold(0, |difference, (a, b)| difference | (a ^ b));
    difference.ct_eq(&0u8) & presented.len().ct_eq(&known.len())
}

/// The keys a request presents, one from each place: SDKs that fill several of them, with a placeholder
/// in one, are let in by the other.
pub fn presented(request: &Parts) -> impl Iterator<Item = Cow<'_, str>> {
    let headers = &request.headers;
    let named = KEY_HEADERS
        .iter()
        .filter_map(|name| headers.get(*name)?.to_str().ok());
    let in_headers = bearer(headers).into_iter().chain(named);
    in_headers
        .map(|key| Cow::Borrowed(key.trim()))
        .chain(in_query(&request.uri).map(Cow::Owned))
        .filter(|key| !key.is_empty())
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

    fn keys_of(request: http::request::Builder) -> Vec<String> {
        let (parts, ()) = request.body(()).expect("valid").into_parts();
        presented(&parts).map(Cow::into_owned).collect()
    }

    #[test]
    fn finds_the_key_in_every_place() {
        let get = |name: &str, value: &str| {
            keys_of(Request::builder().uri("/v1/models").header(name, value))
        };
        assert_eq!(get("authorization", "Bearer k"), ["k"]);
        assert_eq!(get("Authorization", "bearer  k"), ["k"]);
        for name in KEY_HEADERS {
            assert_eq!(get(name, "k"), ["k"], "{name}");
        }
        assert_eq!(keys_of(Request::builder().uri("/x?a=1&key=a%2Bb")), ["a+b"]);
        for nothing in ["Basic abc", "Bearer ", ""] {
            assert!(get("authorization", nothing).is_empty(), "{nothing}");
        }
    }

    #[test]
    fn finds_the_keys_in_all_places_at_once() {
        let request = Request::builder()
            .uri("/?key=three")
            .header("authorization", "Bearer one")
            .header("x-api-key", "two");
        assert_eq!(keys_of(request), ["one", "two", "three"]);
    }

    #[test]
    fn recognises_exactly_the_configured_keys() {
        let keys = ClientKeys::new(&[Secret::new("one"), Secret::new("two")], false);
        assert_eq!(keys.recognise("one").as_deref(), Some("key 1"));
        assert_eq!(keys.recognise("two").as_deref(), Some("key 2"));
        for wrong in ["", "on", "b25l", "ONE"] {
            assert_eq!(keys.recognise(wrong), None, "{wrong:?}");
        }
        assert_eq!(keys.open(), None);
        assert_eq!(ClientKeys::new(&[], false).open().as_deref(), Some("open"));
    }

    #[test]
    fn base64_is_accepted_only_if_configured() {
        let keys = ClientKeys::new(&[Secret::new("one")], true);
        assert_eq!(keys.recognise("b25l").as_deref(), Some("key 1"));
    }
}
