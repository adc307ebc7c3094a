//! Base URLs as people write them, made into the one form the rest of the program uses.
//!
//! `https://host/v1/`, `https://host/v1/v1` and `https://host/v1/chat/completions` all mean
//! `https://host/v1`.

use std::net::IpAddr;

use rustls::pki_types::ServerName;
use thiserror::Error;
use url::{Host, Url};

/// Why a text is not a base URL.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum BaseUrlError {
    /// Not `http://…` or `https://…` with a host.
    #[error("not an http:// or https:// address")]
    NotAnAddress,
    /// User name or password in it.
    #[error("a base URL holds no user name or password")]
    Credentials,
    /// A host that TLS cannot be spoken to.
    #[error("its host is no name that a certificate can carry")]
    Host,
    /// A query or fragment after the path.
    #[error("a base URL ends with its path: no query, no fragment")]
    Query,
}

/// Endpoints that get pasted along with the base they belong to.
const ENDPOINTS: [&str; 4] = [
    "/chat/completions",
    "/completions",
    "/embeddings",
    "/models",
];

/// The base URL that `text` means, without trailing slash.
pub fn normalise(text: &str) -> Result<Url, BaseUrlError> {
    let mut url = Url::parse(text.trim()).map_err(|_| BaseUrlError::NotAnAddress)?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(BaseUrlError::NotAnAddress);
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(BaseUrlError::Credentials);
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(BaseUrlError::Query);
    }
    if url.scheme() == "https" && !is_certifiable(&url) {
        return Err(BaseUrlError::Host);
    }
    let path = normal_path(url.path());
    url.set_path(&path);
    Ok(url)
}

fn is_certifiable(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    ServerName::try_from(host.trim_matches(['[', ']'])).is_ok()
}

/// `url` with `path` where it has none: people leave out the `/v1` of a local server.
pub fn with_default_path(mut url: Url, path: Option<&str>) -> Url {
    if let ("/", Some(path)) = (url.path(), path) {
        url.set_path(path);
    }
    url
}

fn normal_path(path: &str) -> String {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let mut path = parts
        .iter()
        .fold(String::new(), |path, part| path + "/" + part);
    if let Some(base) = ENDPOINTS.iter().find_map(|end| path.strip_suffix(end)) {
        path = base.to_owned();
    }
    while let Some(shorter) = path.strip_suffix("/v1").filter(|p| p.ends_with("/v1")) {
        path = shorter.to_owned();
    }
    path
}

/// Whether plain HTTP to `url` stays on this machine or its own network, as far as the name tells.
pub fn is_private(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(ip)) => is_private_ip(IpAddr::V4(ip)),
        Some(Host::Ipv6(ip)) => is_private_ip(IpAddr::V6(ip)),
        Some(Host::Domain(name)) => {
            let name = name.trim_end_matches('.');
            // A name without a dot only resolves inside: a container, a machine of the house.
            !name.contains('.')
                || [".localhost", ".local", ".internal", ".lan", ".home.arpa"]
                    .iter()
                    .any(|end| name.ends_with(end))
        }
        None => false,
    }
}

fn is_private_ip(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_loopback() || ip.is_private() || ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local(),
    }
}

/// Whether `url` leads to this machine.
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback() || ip.is_unspecified(),
        Some(Host::Ipv6(ip)) => ip.is_loopback() || ip.is_unspecified(),
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn normal(text: &str) -> String {
        normalise(text).map_or_else(|error| error.to_string(), |url| url.to_string())
    }

    #[test]
    fn slashes_doubled_versions_and_endpoints_are_tolerated() {
        let base = "https://api.example.com/v1";
        for text in [
            "https://api.example.com/v1",
            " https://api.example.com/v1/ ",
            "https://api.example.com/v1/v1/",
            "https://api.example.com//v1//",
            "https://api.example.com/v1/chat/completions",
        ] {
            assert_eq!(normal(text), base, "{text}");
        }
        assert_eq!(normal("http://localhost:11434"), "http://localhost:11434/");
        assert_eq!(normal("https://h/openai/v1"), "https://h/openai/v1");
    }

    #[test]
    fn what_is_no_base_url_is_refused() {
        assert_eq!(
            normalise("api.example.com/v1"),
            Err(BaseUrlError::NotAnAddress)
        );
        assert_eq!(
            normalise("ftp://example.com"),
            Err(BaseUrlError::NotAnAddress)
        );
        assert_eq!(
            normalise("https://u:p@example.com"),
            Err(BaseUrlError::Credentials)
        );
        assert_eq!(
            normalise("https://example.com/?a=b"),
            Err(BaseUrlError::Query)
        );
        assert_eq!(normalise("https://-/v1"), Err(BaseUrlError::Host));
        assert!(normalise("https://[::1]:8443/v1").is_ok());
    }

    #[test]
    fn private_hosts_are_told_from_public_ones() {
        let private = |text: &str| is_private(&Url::parse(text).expect("a test address"));
        for host in [
            "http://127.0.0.1",
            "http://10.1.2.3",
            "http://[::1]",
            "http://[fd00::1]",
            "http://localhost",
            "http://ollama:11434",
            "http://nas.local",
            "http://vm.internal",
        ] {
            assert!(private(host), "{host}");
        }
        for host in [
            "http://8.8.8.8",
            "http://api.example.com",
            "http://[2001:db8::1]",
        ] {
            assert!(!private(host), "{host}");
        }
    }
}
