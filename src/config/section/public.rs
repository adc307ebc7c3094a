//! Names and addresses that tunnels have on the public network.

use url::{Host, Url};

use crate::config::read::{At, Read};
use crate::config::report::{Place, Report};

/// The name under which the world reaches a tunnel.
#[derive(Debug)]
pub(super) enum PublicName {
    /// A host name, in lower case.
    Host(String),
    /// A base URL, when scheme, port or path are not the usual ones. Without a slash at the end.
    Base(Url),
}

impl PublicName {
    /// The host name, if that says all of it.
    pub(super) fn as_host(&self) -> Option<&str> {
        match self {
            PublicName::Host(host) => Some(host),
            PublicName::Base(_) => None,
        }
    }

    /// As it is kept: the host name, or the base URL without a slash at the end.
    pub(super) fn to_text(&self) -> String {
        match self {
            PublicName::Host(host) => host.clone(),
            PublicName::Base(url) => url.as_str().trim_end_matches('/').to_owned(),
        }
    }

    fn parse(text: &str) -> Option<Self> {
        if !text.contains("://") {
            return host(text.trim_end_matches('/')).map(PublicName::Host);
        }
        let url = Url::parse(text).ok()?;
        let name = host(url.host_str()?)?;
        let is_base = matches!(url.scheme(), "http" | "https")
            && url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none();
        let is_usual = url.scheme() == "https" && url.port().is_none() && url.path() == "/";
        match (is_base, is_usual) {
            (false, _) => None,
            (true, true) => Some(PublicName::Host(name)),
            (true, false) => Some(PublicName::Base(url)),
        }
    }
}

impl Read for PublicName {
    fn read(at: &At<'_>, report: &mut Report) -> Option<Self> {
        let text = String::read(at, report)?;
        let name = Self::parse(text.trim());
        if name.is_none() {
            let message = format!("{} is not a host name such as gw.example.com", at.quoted());
            report.error(&at.place(), message);
        }
        name
    }

    fn schema() -> serde_json::Value {
        String::schema()
    }
}

/// A host name, and nothing more: what ngrok takes.
#[derive(Debug)]
pub(super) struct HostName(pub(super) String);

impl Read for HostName {
    fn read(at: &At<'_>, report: &mut Report) -> Option<Self> {
        match PublicName::read(at, report)? {
            PublicName::Host(host) => Some(Self(host)),
            PublicName::Base(_) => {
                not_a_host(&at.place(), report);
                None
            }
        }
    }

    fn schema() -> serde_json::Value {
        String::schema()
    }
}

/// Reports an address where ngrok wants a name.
pub(super) fn not_a_host(place: &Place, report: &mut Report) {
    report
        .error(place, "ngrok takes a host name, not an address")
        .hint("write it without scheme, port and path, such as gw.example.com");
}

/// `text` as the name or the address of a host, if it is one.
fn host(text: &str) -> Option<String> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    match Host::parse(text).ok()? {
        Host::Domain(name) => {
            (name.bytes().all(is_plain) && !name.starts_with(['-', '.'])).then_some(name)
        }
        Host::Ipv4(address) => Some(address.to_string()),
        Host::Ipv6(address) => Some(format!("[{address}]")),
    }
}

/// `host:port`.
#[derive(Debug)]
pub(super) struct HostPort(pub(super) String);

impl Read for HostPort {
    fn read(at: &At<'_>, report: &mut Report) -> Option<Self> {
        let text = String::read(at, report)?;
        let parts = text.trim().rsplit_once(':');
        let good = parts.and_then(|(name, port)| {
            let port: u16 = port.parse().ok().filter(|port| *port != 0)?;
            // The client takes such an address apart at its first colon.
            let name = host(name).filter(|name| !name.starts_with('['))?;
            Some(Self(format!("{name}:{port}")))
        });
        if good.is_none() {
            report
                .error(
                    &at.place(),
                    format!("{} is not a host name and a port", at.quoted()),
                )
                .hint("write it as in tunnel.example.com:443; an IPv6 address cannot be used");
        }
        good
    }

    fn schema() -> serde_json::Value {
        String::schema()
    }
}

/// A word that can be part of a host name, such as a region.
#[derive(Debug)]
pub(super) struct Label(pub(super) String);

/// Longest label of a host name.
const MAX_LABEL: usize = 63;

impl Read for Label {
    fn read(at: &At<'_>, report: &mut Report) -> Option<Self> {
        let text = String::read(at, report)?.trim().to_ascii_lowercase();
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        let is_good = text.len() <= MAX_LABEL
            && text.bytes().all(is_plain)
            && !text.starts_with('-')
            && !text.ends_with('-');
        if !is_good {
            let message = format!("{} is not a region such as eu", at.quoted());
            report.error(&at.place(), message);
        }
        is_good.then_some(Self(text))
    }

    fn schema() -> serde_json::Value {
        String::schema()
    }
}
