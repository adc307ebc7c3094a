//! In which dialect somebody is answered who asks for what is answered here, or is refused.
//!
//! The path says it where it belongs to one dialect alone, else the headers that only the SDKs of one send.

use http::{HeaderMap, Uri};

use crate::chat::Dialect;
use crate::proxy::ingress::{Ingress, Tongue};

/// How whoever sent a request with this target and these headers is spoken to.
pub fn of(uri: &Uri, headers: &HeaderMap) -> Tongue {
    let path = uri.path();
    match Ingress::at(path, uri.query()) {
        Some(ingress) => ingress.tongue(),
        None => Tongue::of(by_path(path).unwrap_or_else(|| by_headers(uri, headers))),
    }
}

fn by_path(path: &str) -> Option<Dialect> {
    let below = |start: &str| {
        path.strip_prefix(start)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    match () {
        () if below("/v1beta") || below("/gemini") => Some(Dialect::Gemini),
        () if below("/anthropic") || below("/v1/messages") => Some(Dialect::Anthropic),
        () if below("/v1/responses") => Some(Dialect::OpenAiResponses),
        () if below("/openai") => Some(Dialect::OpenAiChat),
        () => None,
    }
}

fn by_headers(uri: &Uri, headers: &HeaderMap) -> Dialect {
    let has = |name: &str| headers.contains_key(name);
    if has("anthropic-version") {
        Dialect::Anthropic
    } else if has("x-goog-api-key") || has("x-goog-api-client") || has_key(uri) {
        Dialect::Gemini
    } else {
        Dialect::OpenAiChat
    }
}

/// Whether there is a `?key=`, which only Google's clients send.
fn has_key(uri: &Uri) -> bool {
    let mut pairs = url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
    pairs.any(|(name, _)| name == "key")
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn dialect(target: &str, header: Option<&str>) -> Dialect {
        let mut request = Request::builder().uri(target);
        if let Some(name) = header {
            request = request.header(name, "x");
        }
        let (head, ()) = request.body(()).expect("valid").into_parts();
        of(&head.uri, &head.headers).dialect
    }

    #[test]
    fn the_path_says_it_before_the_headers() {
        use Dialect::{Anthropic, Gemini, OpenAiChat, OpenAiResponses};
        for (target, header, expected) in [
            ("/v1/models", None, OpenAiChat),
            ("/v1/models", Some("anthropic-version"), Anthropic),
            ("/v1/models", Some("x-goog-api-key"), Gemini),
            ("/v1/models?pageSize=3", Some("x-goog-api-client"), Gemini),
            ("/v1/models?key=k", None, Gemini),
            ("/v1beta/models", Some("anthropic-version"), Gemini),
            ("/v1/messages", Some("x-goog-api-key"), Anthropic),
            ("/v1/messages/batches", None, Anthropic),
            ("/v1/responses/r", None, OpenAiResponses),
            ("/openai/v1/models", Some("anthropic-version"), OpenAiChat),
            ("/v1/models/m:generateContent", None, Gemini),
            ("/nowhere", Some("anthropic-version"), Anthropic),
        ] {
            assert_eq!(dialect(target, header), expected, "{target} {header:?}");
        }
    }
}
