//! Host and origin: who may reach a gateway that only this machine should reach.
//!
//! A web page can make a browser send requests to loopback, and by rebinding its own name to 127.0.0.1
//! even read the answers. So a loopback listener answers only to loopback names (421 otherwise), and
//! no listener answers a page whose origin is not allowed (403 otherwise).

use std::borrow::Cow;

use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};

use super::address::Address;
use crate::proxy::problem::Problem;

/// Longest list of headers that a browser is allowed to send; SDKs ask for some twenty.
const MAX_HEADER_LIST: usize = 2048;

/// Our headers that a page may read.
const EXPOSED_HEADERS: &str = "x-request-id, x-autogw-provider, x-autogw-model, x-autogw-attempts, x-autogw-route, x-autogw-dropped, retry-after";

/// The rules of one listener.
#[derive(Debug)]
pub struct Guard {
    /// Host names answered to, lower case; `None` = any.
    hosts: Option<Vec<String>>,
    origins: Vec<String>,
    is_loopback: bool,
}

impl Guard {
    /// Rules for a listener at `address`.
    pub fn new(address: &Address, allowed_hosts: &[String], origins: &[String]) -> Self {
        let named = allowed_hosts.iter().map(|host| host.to_ascii_lowercase());
        let hosts = if address.is_loopback() {
            Some(["localhost".to_owned()].into_iter().chain(named).collect())
        } else if address.tcp().is_some() && !allowed_hosts.is_empty() {
            Some(named.collect())
        } else {
            None
        };
        let origins = known(origins);
        Self {
            hosts,
            origins,
            is_loopback: address.is_loopback(),
        }
    }

    /// Rules for a public door: its tunnel has looked at the host already, and by any name it is no
    /// more than a public door.
    pub fn public(origins: &[String]) -> Self {
        Self {
            hosts: None,
            origins: known(origins),
            is_loopback: false,
        }
    }

    /// Whether only this machine can reach the listener.
    pub fn is_loopback(&self) -> bool {
        self.is_loopback
    }

    /// Checks a request.
    pub fn check(&self, request: &Parts) -> Result<(), Problem> {
        if let Some(known) = &self.hosts
            && let Some(host) = hosts(request).find(|host| !is_known_host(host, known))
        {
            return Err(Problem::foreign_host(&host));
        }
        match origin(&request.headers) {
            Some(origin) if !self.allows(&origin) => Err(Problem::foreign_origin(&origin)),
            _ => Ok(()),
        }
    }

    fn allows(&self, origin: &str) -> bool {
        self.origins
            .iter()
            .any(|known| known == origin || known == "*")
    }

    /// The origin of a page that may call, to be told so in the answer.
    pub fn permitted(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        let is_allowed = origin(headers).is_some_and(|origin| self.allows(&origin));
        headers.get(header::ORIGIN).filter(|_| is_allowed).cloned()
    }

    /// Whether this is a browser's question whether it may call; it never reaches a handler.
    pub fn is_preflight(request: &Parts) -> bool {
        request.method == Method::OPTIONS
            && request.headers.contains_key(header::ORIGIN)
            && request
                .headers
                .contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
    }

    /// What a preflight is told.
    ///
    /// An allowed page may send the headers it asks for: SDKs add their own with every version, and
    /// which of them go on to a provider is decided elsewhere.
    pub fn permissions(request: &Parts) -> HeaderMap {
        let mut told = HeaderMap::new();
        let methods = HeaderValue::from_static("GET, POST, OPTIONS");
        told.insert(header::ACCESS_CONTROL_ALLOW_METHODS, methods);
        let asked = request.headers.get(header::ACCESS_CONTROL_REQUEST_HEADERS);
        if let Some(asked) = asked.filter(|asked| is_header_list(asked)) {
            told.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, asked.clone());
        }
        let minutes = HeaderValue::from_static("600");
        told.insert(header::ACCESS_CONTROL_MAX_AGE, minutes);
        let vary = HeaderValue::from_static("access-control-request-headers");
        told.insert(header::VARY, vary);
        told
    }

    /// Lets the page read the answer: its own origin is named, never a wildcard.
    pub fn permit(origin: &HeaderValue, headers: &mut HeaderMap) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        headers.insert(
            header::ACCESS_CONTROL_EXPOSE_HEADERS,
            HeaderValue::from_static(EXPOSED_HEADERS),
        );
        headers.append(header::VARY, HeaderValue::from_static("origin"));
    }
}

/// Origins in the form in which they are compared.
fn known(origins: &[String]) -> Vec<String> {
    let plain = |origin: &String| origin.trim_end_matches('/').to_ascii_lowercase();
    origins.iter().map(plain).collect()
}

fn is_header_list(list: &HeaderValue) -> bool {
    list.len() <= MAX_HEADER_LIST
        && list.to_str().is_ok_and(|list| {
            list.split(',')
                .all(|name| HeaderName::from_bytes(name.trim().as_bytes()).is_ok())
        })
}

fn origin(headers: &HeaderMap) -> Option<String> {
    let origin = headers.get(header::ORIGIN)?;
    Some(String::from_utf8_lossy(origin.as_bytes()).to_ascii_lowercase())
}

/// Every host a request names: all `Host` headers, one empty name if there is none, and that of an
/// absolute target. All have to be ours, so that it does not matter which one somebody else goes by.
fn hosts(request: &Parts) -> impl Iterator<Item = Cow<'_, str>> {
    let headers = request.headers.get_all(header::HOST).iter();
    let headers = headers.map(|host| String::from_utf8_lossy(host.as_bytes()));
    let none = (!request.headers.contains_key(header::HOST)).then_some(Cow::Borrowed(""));
    let target = request.uri.authority().map(|host| host.as_str().into());
    headers.chain(none).chain(target)
}

/// Whether `host` (with or without a port) is a loopback address or one of `known`.
fn is_known_host(host: &str, known: &[String]) -> bool {
    let end = host.find(']').map_or(0, |bracket| bracket + 1);
    let (name, port) = match host[end..].find(':') {
        Some(colon) => host.split_at(end + colon),
        None => (host, ":"),
    };
    if !port[1..].bytes().all(|digit| digit.is_ascii_digit()) {
        return false;
    }
    let name = match name.strip_prefix('[') {
        Some(rest) => rest.strip_suffix(']').unwrap_or(name),
        None => name,
    };
    let name = name.to_ascii_lowercase();
    let is_loopback = name
        .parse::<std::net::IpAddr>()
        .is_ok_and(|ip| ip.is_loopback());
    is_loopback
        || known
            .iter()
            .any(|known| *known == name || *known == host.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard(address: &str, hosts: &[&str], origins: &[&str]) -> Guard {
        let strings = |list: &[&str]| list.iter().map(|&text| text.to_owned()).collect::<Vec<_>>();
        Guard::new(
            &Address::Tcp(address.parse().expect("address")),
            &strings(hosts),
            &strings(origins),
        )
    }

    fn status(guard: &Guard, headers: &[(&str, &str)]) -> u16 {
        let request = headers
            .iter()
            .fold(http::Request::builder(), |request, (name, value)| {
                request.header(*name, *value)
            });
        let (parts, ()) = request.body(()).expect("valid").into_parts();
        guard
            .check(&parts)
            .map_or_else(|problem| problem.status.as_u16(), |()| 200)
    }

    #[test]
    fn a_loopback_listener_answers_to_loopback_names_only() {
        let guard = guard("127.0.0.1:8000", &["gw.internal"], &[]);
        for host in [
            "localhost",
            "LOCALHOST:8000",
            "127.0.0.1:1",
            "[::1]:8000",
            "127.8.8.8",
            "gw.internal:80",
        ] {
            assert_eq!(status(&guard, &[("host", host)]), 200, "{host}");
        }
        for host in [
            "evil.example",
            "evil.example:8000",
            "localhost.evil.example",
            "10.0.0.1",
            "",
            "127.0.0.1.evil.example",
            "[::1]evil",
            "[::1]:8000evil",
            "[::1",
            "[localhost]evil",
            "localhost:evil",
            "evil@localhost",
        ] {
            assert_eq!(status(&guard, &[("host", host)]), 421, "{host}");
        }
    }

    #[test]
    fn an_open_listener_answers_to_any_name_unless_told_which() {
        assert_eq!(
            status(&guard("0.0.0.0:1", &[], &[]), &[("host", "anything")]),
            200
        );
        assert_eq!(
            status(&guard("0.0.0.0:1", &["a"], &[]), &[("host", "b")]),
            421
        );
    }

    #[test]
    fn only_allowed_origins_may_call() {
        let guard = guard("127.0.0.1:1", &[], &["https://app.example/"]);
        let with = |origin: &str| status(&guard, &[("host", "localhost"), ("origin", origin)]);
        assert_eq!(with("https://app.example"), 200);
        for origin in [
            "https://app.example.evil",
            "http://app.example",
            "null",
            "http://localhost",
        ] {
            assert_eq!(with(origin), 403, "{origin}");
        }
    }
}
