//! The headers of an answer: what clients may see of the upstream's, and what is told of the way it took.

use http::{HeaderMap, HeaderName, HeaderValue, header};

use super::attempt::Told;
use super::record::Record;
use crate::provider::Redactor;
use crate::route::Target;
use crate::route::plan::Keyring;
use crate::sse;
use crate::telemetry::trace::{Try, Verdict};

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

/// What stands for the rest of a list.
const ELLIPSIS: &str = "...";

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
    record: &Record,
    told: &Told,
) {
    let mut set = |name: &'static str, value: Option<HeaderValue>| {
        if let Some(value) = value {
            headers.insert(HeaderName::from_static(name), value);
        }
    };
    set("x-autogw-provider", ring.name_header.clone());
    set("x-autogw-model", target.offer.name_header.clone());
    set("x-autogw-attempts", Some(record.attempts().into()));
    set("x-autogw-route", route_header(target, record.tries()));
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
            joined.push_str(ELLIPSIS);
            break;
        }
        push_plain(&mut joined, word);
    }
    let header = HeaderValue::from_str(&joined);
    header.ok().filter(|_| !joined.is_empty())
}

/// The way that an answer took. Most take the shortest, whose text is made once.
fn route_header(target: &Target, tries: &[Try]) -> Option<HeaderValue> {
    let written = || HeaderValue::try_from(route(tries)?).ok();
    match tries {
        [only] if only.verdict == Verdict::Served => {
            target.offer.served_header.get_or_init(written).clone()
        }
        _ => written(),
    }
}

/// What was tried and how that went, as `provider/model=verdict, …`; `None` if nothing was.
pub(super) fn route(tries: &[Try]) -> Option<String> {
    // Exactly as long as it will be, where names are plain: a header of its own length is not copied again.
    let own = |tried: &Try| tried.provider.len() + tried.model.len() + tried.verdict.name().len();
    let length: usize = tries.iter().map(|tried| own(tried) + 4).sum();
    let mut joined =
        String::with_capacity(length.saturating_sub(2).min(LONGEST_LIST + LONGEST_WORD));
    for tried in tries {
        let before = joined.len();
        if before > 0 {
            joined.push_str(", ");
        }
        push_plain(&mut joined, &tried.provider);
        joined.push('/');
        push_plain(&mut joined, &tried.model);
        joined.push('=');
        joined.push_str(tried.verdict.name());
        if joined.len() > LONGEST_LIST - ELLIPSIS.len() {
            joined.truncate(before);
            joined.push_str(ELLIPSIS);
            break;
        }
    }
    (!joined.is_empty()).then_some(joined)
}

/// Adds a word of a list; what cannot stand there is replaced.
fn push_plain(joined: &mut String, word: &str) {
    let is_plain = |byte: u8| matches!(byte, b' '..=b'~') && byte != b',';
    if word.len() <= LONGEST_WORD && word.bytes().all(is_plain) {
        joined.push_str(word);
        return;
    }
    let plain = |c: char| u8::try_from(c).is_ok_and(is_plain);
    let word = word.chars().take(LONGEST_WORD);
    joined.extend(word.map(|c| if plain(c) { c } else { '_' }));
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::chat::FailureClass;
    use crate::telemetry::trace::{Cause, Verdict};

    fn tried(model: &str, verdict: Verdict) -> Try {
        Try {
            provider: "p".into(),
            model: model.into(),
            key: None,
            cause: Cause::First,
            began: Duration::ZERO,
            elapsed: None,
            verdict,
            status: None,
            first_token: None,
            rests: None,
            is_injected: false,
        }
    }

    #[test]
    fn a_route_is_told_in_the_order_in_which_it_was_taken() {
        let tries = [
            tried("a", Verdict::Failed(FailureClass::RateLimit)),
            tried("\u{e9},\n", Verdict::CircuitOpen),
            tried("b", Verdict::Served),
        ];
        let expected = "p/a=rate_limit, p/___=circuit_open, p/b=ok";
        assert_eq!(route(&tries).as_deref(), Some(expected));
        assert_eq!(route(&[]), None);
    }

    #[test]
    fn a_long_route_is_cut_between_two_words() {
        let name = "m".repeat(200);
        let tries = vec![tried(&name, Verdict::LeftOut); 40];
        let route = route(&tries).expect("a route");
        assert!(route.len() <= LONGEST_LIST && route.len() > LONGEST_LIST - 250);
        assert!(route.ends_with("=left_out..."), "{route}");
    }
}
