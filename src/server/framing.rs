//! Requests that can be read in two ways are not read at all.
//!
//! Where somebody in front of us decides by one header and we by another, a request can be smuggled past
//! them, so what is ambiguous ends its connection. hyper refuses contradicting lengths itself. Of a
//! length beside chunks it hides the length, takes the chunks and closes after the answer (RFC 9112 §6.3), so
//! nothing that follows is taken for a request.

use http::request::Parts;
use http::uri::Authority;
use http::{HeaderMap, HeaderValue, header};

use crate::proxy::problem::Problem;

/// Checks the head of a request.
///
/// # Errors
/// 400 for a transfer coding beside `chunked`, and for two hosts that may differ.
pub fn check(request: &Parts) -> Result<(), Problem> {
    if has_other_coding(&request.headers) {
        let message = "the only transfer coding understood here is `chunked`";
        return Err(Problem::bad_request(message));
    }
    let mut hosts = request.headers.get_all(header::HOST).iter();
    let host = hosts.next();
    if hosts.next().is_some() {
        return Err(Problem::bad_request(
            "the request has more than one `host` header",
        ));
    }
    let target = request.uri.authority().map(Authority::as_str);
    let differs = |target: &str| {
        host.is_some_and(|host| !host.as_bytes().eq_ignore_ascii_case(target.as_bytes()))
    };
    if target.is_some_and(differs) {
        return Err(Problem::bad_request(
            "the request's target and its `host` header name different hosts",
        ));
    }
    Ok(())
}

/// hyper lets other codings through if `chunked` is the last, and would hand on what it did not decode.
fn has_other_coding(headers: &HeaderMap) -> bool {
    let mut codings = headers.get_all(header::TRANSFER_ENCODING).iter();
    let is_chunked = |coding: &HeaderValue| coding.as_bytes().eq_ignore_ascii_case(b"chunked");
    codings.next().is_some_and(|first| !is_chunked(first)) || codings.next().is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_clear(target: &str, headers: &[(&str, &str)]) -> bool {
        let request = http::Request::builder().uri(target);
        let request = headers.iter().fold(request, |request, (name, value)| {
            request.header(*name, *value)
        });
        let (parts, ()) = request.body(()).expect("valid").into_parts();
        check(&parts).is_ok()
    }

    #[test]
    fn chunked_is_the_only_coding() {
        let coding = |value: &str| is_clear("/", &[("transfer-encoding", value)]);
        assert!(coding("chunked") && coding("Chunked"));
        for other in ["gzip, chunked", "chunked, chunked", "identity", ""] {
            assert!(!coding(other), "{other}");
        }
        let twice = [("transfer-encoding", "chunked"); 2];
        assert!(!is_clear("/", &twice));
    }

    #[test]
    fn there_is_one_host() {
        assert!(is_clear("/", &[("host", "a")]));
        assert!(is_clear("http://a:1/", &[("host", "A:1")]));
        assert!(!is_clear("/", &[("host", "a"), ("host", "a")]));
        for target in ["http://b/", "http://a:2/", "http://b@a/"] {
            assert!(!is_clear(target, &[("host", "a")]), "{target}");
        }
    }
}
