//! `extra`: the old tool's free room, where unknown keys only warn. Tunnel settings live here.

use crate::config::read::{Object, Section};
use crate::config::report::Report;
use crate::config::{Authtoken, Cloudflared, Ngrok, Tunnels};
use crate::provider::Secret;

/// `extra` as written.
#[derive(Debug, Default)]
pub(super) struct ExtraFile {
    tunnels: Option<TunnelsFile>,
    cloudflared_binary: Option<String>,
}

impl Section for ExtraFile {
    fn fields(object: &mut Object<'_>, report: &mut Report) -> Option<Self> {
        object.allow_unknown();
        Some(Self {
            tunnels: object.take("tunnels", report),
            cloudflared_binary: object.take("cloudflared_binary", report),
        })
    }
}

#[derive(Debug, Default)]
struct TunnelsFile {
    ngrok_authtoken: Option<Secret>,
    ngrok_domain: Option<String>,
    cloudflared_binary: Option<String>,
}

impl Section for TunnelsFile {
    fn fields(object: &mut Object<'_>, report: &mut Report) -> Option<Self> {
        object.allow_unknown();
        Some(Self {
            ngrok_authtoken: object.take("ngrok_authtoken", report),
            ngrok_domain: object.take("ngrok_domain", report),
            cloudflared_binary: object.take("cloudflared_binary", report),
        })
    }
}

impl ExtraFile {
    /// The tunnel settings; `tunnels.cloudflared_binary` wins over the older place.
    pub(super) fn resolve(self) -> Tunnels {
        let tunnels = self.tunnels.unwrap_or_default();
        Tunnels {
            ngrok: Ngrok {
                authtoken: tunnels.ngrok_authtoken.map(|secret| Authtoken {
                    secret,
                    origin: "extra.tunnels.ngrok_authtoken".to_owned(),
                }),
                domain: tunnels.ngrok_domain,
                ..Ngrok::default()
            },
            cloudflared: Cloudflared {
                binary: tunnels.cloudflared_binary.or(self.cloudflared_binary),
                ..Cloudflared::default()
            },
            ..Tunnels::default()
        }
    }
}
