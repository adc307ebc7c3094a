//! `extra`: the old tool's free room, where unknown keys only warn. Tunnel settings live here.

use super::public::HostName;
use super::tunnel::{Arguments, program};
use crate::config::environment::Environment;
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

/// `extra.tunnels` as written.
#[derive(Debug, Default)]
struct TunnelsFile {
    ngrok_authtoken: Option<Secret>,
    ngrok_domain: Option<HostName>,
    cloudflared_binary: Option<String>,
    cloudflared_args: Option<Arguments>,
}

impl Section for TunnelsFile {
    fn fields(object: &mut Object<'_>, report: &mut Report) -> Option<Self> {
        object.allow_unknown();
        Some(Self {
            ngrok_authtoken: object.take("ngrok_authtoken", report),
            ngrok_domain: object.take("ngrok_domain", report),
            cloudflared_binary: object.take("cloudflared_binary", report),
            cloudflared_args: object.take("cloudflared_args", report),
        })
    }
}

impl ExtraFile {
    /// The tunnel settings; `tunnels.cloudflared_binary` wins over the older place.
    pub(super) fn resolve(self, env: &Environment) -> Tunnels {
        let tunnels = self.tunnels.unwrap_or_default();
        let binary = tunnels.cloudflared_binary.or(self.cloudflared_binary);
        Tunnels {
            ngrok: Ngrok {
                authtoken: tunnels.ngrok_authtoken.map(|secret| Authtoken {
                    secret,
                    origin: "extra.tunnels.ngrok_authtoken".to_owned(),
                }),
                domain: tunnels.ngrok_domain.map(|domain| domain.0),
                ..Ngrok::default()
            },
            cloudflared: Cloudflared {
                binary: binary.map(|binary| program(&binary, env)),
                args: tunnels
                    .cloudflared_args
                    .map_or_else(Vec::new, |args| args.0),
                ..Cloudflared::default()
            },
            ..Tunnels::default()
        }
    }
}
