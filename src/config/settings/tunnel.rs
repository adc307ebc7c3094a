//! Tunnels: which public doors there are, how each is opened, and who may do what behind it.

use std::path::PathBuf;

use crate::provider::Secret;

/// A kind of public door.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tunnel {
    /// Through ngrok.
    Ngrok,
    /// Through cloudflared.
    Cloudflared,
}

impl Tunnel {
    /// The name used in configuration.
    pub fn name(self) -> &'static str {
        match self {
            Tunnel::Ngrok => "ngrok",
            Tunnel::Cloudflared => "cloudflared",
        }
    }
}

/// `server.tunnel` as an object, and `extra.tunnels`. Both kinds have their settings whichever of them
/// is asked for: a door can be opened later.
#[derive(Debug, Clone, Default)]
pub struct Tunnels {
    /// How ngrok's is opened.
    pub ngrok: Ngrok,
    /// How cloudflared's is opened.
    pub cloudflared: Cloudflared,
    /// What holds behind either.
    pub door: PublicDoor,
}

/// How a tunnel through ngrok is opened.
#[derive(Debug, Clone, Default)]
pub struct Ngrok {
    /// Token of the account.
    pub authtoken: Option<Authtoken>,
    /// Reserved domain; `None` = the one ngrok assigns.
    pub domain: Option<String>,
    /// `us`, `eu`, …; `None` = the nearest.
    pub region: Option<String>,
    /// `host:port` of the ingress, in place of ngrok's own.
    pub server_addr: Option<String>,
    /// PEM file of the authority that vouches for it.
    pub ca_file: Option<PathBuf>,
}

/// A token, and where it was found: a wrong one is easier to replace when that is said.
#[derive(Debug, Clone)]
pub struct Authtoken {
    /// The token.
    pub secret: Secret,
    /// Where it was found, for people: `NGROK_AUTHTOKEN`, `extra.tunnels.ngrok_authtoken`, a path.
    pub origin: String,
}

/// How a tunnel through cloudflared is opened.
#[derive(Debug, Clone, Default)]
pub struct Cloudflared {
    /// Name or path of the program; `None` = `cloudflared`.
    pub binary: Option<String>,
    /// Token of a named tunnel.
    pub token: Option<Secret>,
    /// Public host name, or base URL, of a named tunnel.
    pub domain: Option<String>,
    /// `us`; `None` = anywhere.
    pub region: Option<String>,
    /// More arguments for `cloudflared tunnel`.
    pub args: Vec<String>,
}

impl Cloudflared {
    /// The subcommand for a tunnel that has a name at Cloudflare.
    pub const RUN: &str = "run";

    /// Whether the tunnel has a name at Cloudflare: by its token, or by arguments that run one. Any other
    /// is a quick tunnel.
    pub fn is_named(&self) -> bool {
        self.token.is_some() || self.runs_by_args()
    }

    /// Whether the arguments hold the subcommand.
    pub fn runs_by_args(&self) -> bool {
        self.args.iter().any(|arg| arg == Self::RUN)
    }
}

/// What a public door lets in, beside asking for a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicDoor {
    /// Requests a minute with a good key, by all of them together; `None` = any number.
    pub max_rpm: Option<u32>,
    /// Routes and models that exist behind it, `*` at the end standing for any rest; `None` = all.
    pub models: Option<Vec<String>>,
    /// Whether it is open to everybody: `--i-know-this-is-public`.
    pub needs_no_key: bool,
}

impl Default for PublicDoor {
    /// Ten requests a second is more than a team of agents makes, and less than a bill to regret.
    fn default() -> Self {
        Self {
            max_rpm: Some(600),
            models: None,
            needs_no_key: false,
        }
    }
}
