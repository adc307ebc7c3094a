//! The headers of an answer: what clients may see of the upstream's, and what is told of the way it took.

use http::{HeaderMap, HeaderName, HeaderValue, header};

use super::attempt::Told;
use crate::provider::Redactor;
use crate::route::Target;
use crate::route::plan::Keyring;
use crate::sse;

/// Upstream headers that clients may see.
static PASSED_BACK: [HeaderName; 5] = [
    header::CONTENT_TYPE,
    header::CONTENT_DISPOSITION,
    header::CONTENT_LANGUAGE,
    header::CACHE_CONTROL,
    HeaderName::from_static("openai-processing-ms"),
];

/// Beginnings of the headers in which upstreams tell their rate limits.
const LIMITS: [&str; 2] = ["x-ratelimit-", "anthropic-ratelimit-"];

/// Bytes of a list in a header behind which nothing is added: some clients refuse answers with more than
/// 8 KiB of headers.
const LONGEST_LIST: usize = 2048;

/// Characters of one word of it.
const LONGEST_WORD: usize = 256;

pub(super) fn json_headers() -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(12);
    let json = HeaderValue::from_static("application/json");
    headers.insert(header::CONTENT_TYPE, json);
    headers
}

pub(super) fn passed_back(upstream: &HeaderMap, redactor: &Redactor) -> HeaderMap {
    let mut headers = json_headers();
    for (name, value) in upstream {
        if PASSED_BACK.contains(name) && is_clean(value, redactor) {
            headers.insert(name, value.clone());
        }
    }
    headers
}

pub(super) fn pass_limits(upstream: &HeaderMap, redactor: &Redactor, headers: &mut HeaderMap) {
    for (name, value) in upstream {
        let name_is_theirs = LIMITS.iter().any(|start| name.as_str().starts_with(start));
        if name_is_theirs && is_clean(value, redactor) {
            headers.insert(name.clone(), value.clone());
        }
    }
}

/// Upstreams have been seen to quote keys in odd places.
fn is_clean(value: &HeaderValue, redactor: &Redactor) -> bool {
    // What nearly every answer says needs no search.
    value == "application/json" || value.to_str().is_ok_and(|text| !redactor.suspects(text))
}

/// Headers without which something on the way would buffer the stream.
pub(super) fn stream_headers(headers: &mut HeaderMap) {
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static(sse::CONTENT_TYPE),
    );
    headers.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("no-cache, no-transform"),
    );
    headers.insert(
        HeaderName::from_static("x-accel-buffering"),
        HeaderValue::from_static("no"),
    );
}

/// Says who answered.
pub(super) fn describe(
    headers: &mut HeaderMap,
    ring: &Keyring,
    target: &Target,
    attempts: u32,
    told: &Told,
) {
    let mut set = |name: &'static str, value: Option<HeaderValue>| {
        if let Some(value) = value {
            headers.insert(HeaderName::from_static(name), value);
        }
    };
    set("x-autogw-provider", ring.name_header.clone());
    set("x-autogw-model", target.offer.name_header.clone());
    set("x-autogw-attempts", Some(attempts.into()));
    set("x-autogw-dropped", list(&told.dropped));
    set("x-autogw-adjusted", list(&told.adjusted));
    let stop = told.native_stop.as_deref().filter(|stop| is_word(stop));
    set(
        "x-autogw-native-stop",
        stop.and_then(|stop| HeaderValue::from_str(stop).ok()),
    );
}

/// Whether the upstream's word for an end is one, and not a text that might quote anything.
fn is_word(stop: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    stop.len() <= 64 && stop.chars().all(is_plain)
}

/// `words` as the value of a header. They may be anybody's: what cannot stand there is replaced, and where
/// they are too many the end is left out.
fn list(words: &[String]) -> Option<HeaderValue> {
    let mut joined = String::new();
    for word in words {
        if !joined.is_empty() {
            joined.push(',');
        }
        if joined.len() > LONGEST_LIST {
            joined.push_str("...");
            break;
        }
        let plain = |c: char| (c == ' ' || c.is_ascii_graphic()) && c != ',';
        let word = word.chars().take(LONGEST_WORD);
        joined.extend(word.map(|c| if plain(c) { c } else { '_' }));
    }
    let header = HeaderValue::from_str(&joined);
    header.ok().filter(|_| !joined.is_empty())
}
