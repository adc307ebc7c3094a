//! Where a listener answers, for people and for tests.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

/// The address of a listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// TCP.
    Tcp(SocketAddr),
    /// TCP behind TLS, and the host for which the certificate is, as it stands in a URL.
    Tls(SocketAddr, String),
    /// A Unix socket.
    Unix(PathBuf),
}

impl Address {
    /// The base URL a client on this machine would use; `None` for a Unix socket.
    pub fn url(&self) -> Option<String> {
        let address = match self {
            Address::Tcp(address) => address,
            Address::Tls(address, host) => {
                return Some(format!("https://{host}:{}", address.port()));
            }
            Address::Unix(_) => return None,
        };
        let ip = match address.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
            IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
            ip => ip,
        };
        Some(format!("http://{}", SocketAddr::new(ip, address.port())))
    }

    /// Whether only this machine can reach it over TCP.
    pub fn is_loopback(&self) -> bool {
        self.tcp().is_some_and(|address| address.ip().is_loopback())
    }

    /// Address and port; `None` for a Unix socket.
    pub fn tcp(&self) -> Option<SocketAddr> {
        match self {
            Address::Tcp(address) | Address::Tls(address, _) => Some(*address),
            Address::Unix(_) => None,
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Tcp(address) | Address::Tls(address, _) => write!(f, "{address}"),
            Address::Unix(path) => write!(f, "{}", path.display()),
        }
    }
}
