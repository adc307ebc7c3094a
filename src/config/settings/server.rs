//! `server`.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::Tunnel;
use crate::provider::Secret;

/// `server.*`
#[derive(Debug, Clone)]
pub struct Server {
    /// Where it listens.
    pub listen: Listen,
    /// Keys that clients may present; empty = none configured.
    pub api_keys: Vec<Secret>,
    /// Whether a key may also be presented base64-encoded.
    pub accept_base64_keys: bool,
    /// The public door that was asked for.
    pub tunnel: Option<Tunnel>,
    /// Origins that browsers may call from.
    pub cors: Vec<String>,
    /// Largest accepted request body in bytes.
    pub max_body: usize,
    /// How long a stop waits for running requests.
    pub drain: Duration,
    /// `Host` names accepted beside loopback ones.
    pub allowed_hosts: Vec<String>,
    /// Certificate and key of the TLS listener.
    pub tls: Option<Tls>,
    /// Where the admin API answers; `None` is nowhere.
    pub admin: Option<Admin>,
}

/// Where the gateway listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listen {
    /// A TCP socket.
    Tcp {
        /// Host name or address to bind.
        host: String,
        /// Port; 0 = any free one.
        port: u16,
        /// Whether somebody chose the port (file, flag or `PORT`); if not, a taken one is stepped over in zero-config.
        port_is_chosen: bool,
    },
    /// A Unix socket at this path.
    Unix(PathBuf),
}

impl Listen {
    /// Whether only this machine can reach it. A host name other than `localhost` counts as reachable.
    pub fn is_local(&self) -> bool {
        match self {
            Listen::Unix(_) => true,
            Listen::Tcp { host, .. } => {
                host.eq_ignore_ascii_case("localhost")
                    || host
                        .trim_matches(['[', ']'])
                        .parse::<IpAddr>()
                        .is_ok_and(|ip| ip.is_loopback())
            }
        }
    }
}

/// `server.tls`
#[derive(Debug, Clone)]
pub struct Tls {
    /// PEM file with the certificate chain.
    pub cert: PathBuf,
    /// PEM file with the private key.
    pub key: PathBuf,
}

/// `server.admin`
#[derive(Debug, Clone)]
pub struct Admin {
    /// Its Unix socket; `None` is none.
    pub socket: Option<AdminSocket>,
    /// Its loopback address, beside the socket.
    pub listen: Option<Listen>,
    /// The token that is asked for at that address; one is made for the run if there is none.
    pub token: Option<Secret>,
}

/// Where the admin socket is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AdminSocket {
    /// Among the other files of the run.
    Usual,
    /// At this path.
    At(PathBuf),
}

impl Default for Admin {
    fn default() -> Self {
        Self {
            socket: Some(AdminSocket::Usual),
            listen: None,
            token: None,
        }
    }
}
