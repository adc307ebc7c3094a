//! `server`, and the tunnel settings beside it.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

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
    pub tunnel: Tunnel,
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
    /// The admin listener.
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
    /// Unix socket of the admin API.
    pub socket: Option<PathBuf>,
    /// Loopback address of the admin API.
    pub listen: Option<String>,
    /// Token it asks for.
    pub token: Option<Secret>,
}

/// `server.tunnel`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tunnel {
    /// No public door.
    #[default]
    None,
    /// Through ngrok.
    Ngrok,
    /// Through cloudflared.
    Cloudflared,
}

impl Tunnel {
    /// The name used in configuration.
    pub fn name(self) -> &'static str {
        match self {
            Tunnel::None => "none",
            Tunnel::Ngrok => "ngrok",
            Tunnel::Cloudflared => "cloudflared",
        }
    }
}

/// `extra.tunnels`
#[derive(Debug, Clone, Default)]
pub struct TunnelSettings {
    /// Token of the ngrok account.
    pub ngrok_authtoken: Option<Secret>,
    /// Reserved domain.
    pub ngrok_domain: Option<String>,
    /// Name or path of the cloudflared program.
    pub cloudflared_binary: Option<String>,
}
