//! `server`: the listener and its guards.

use std::time::Duration;

use super::tunnel::TunnelChoice;
use crate::config::environment::Environment;
use crate::config::read::{At, Object, Read, Section};
use crate::config::report::{Place, Report};
use crate::config::scalar::{OneOrMany, Switch, Whole, address};
use crate::config::units::Size;
use crate::config::{Admin, AdminSocket, Listen, Server, Tls, Tunnel};
use crate::provider::Secret;

/// Longest path that fits into a socket address on Linux, its terminator left out.
const MAX_SOCKET_PATH: usize = 107;

/// `server` as written.
#[derive(Debug, Default)]
pub(super) struct ServerFile {
    host: Option<String>,
    port: Option<Whole<0, 65535>>,
    socket_path: Option<(String, Place)>,
    api_key: Option<OneOrMany<Secret>>,
    accept_base64_keys: Option<bool>,
    tunnel: Option<TunnelChoice>,
    cors: Option<Switch<OneOrMany<Origin>>>,
    max_body: Option<Size>,
    drain: Option<Duration>,
    allowed_hosts: Option<Switch<OneOrMany<String>>>,
    tls: Option<Switch<TlsFile>>,
    admin: Option<Switch<AdminFile>>,
}

impl Section for ServerFile {
    fn fields(object: &mut Object<'_>, report: &mut Report) -> Option<Self> {
        Some(Self {
            host: object.take("host", report),
            port: object.take("port", report),
            socket_path: object.take_at("socket_path", report),
            api_key: object.take("api_key", report),
            accept_base64_keys: object.take("accept_base64_keys", report),
            tunnel: object.take("tunnel", report),
            cors: object.take("cors", report),
            max_body: object.take("max_body", report),
            drain: object.take("drain", report),
            allowed_hosts: object.take("allowed_hosts", report),
            tls: object.take("tls", report),
            admin: object.take("admin", report),
        })
    }
}

impl ServerFile {
    /// What is written about tunnels, which is to be resolved together with `extra`.
    pub(super) fn take_tunnel(&mut self) -> Option<TunnelChoice> {
        self.tunnel.take()
    }

    /// The server with its defaults; `PORT` counts where the file does not set a port.
    pub(super) fn resolve(
        self,
        tunnel: Option<Tunnel>,
        env: &Environment,
        report: &mut Report,
    ) -> Server {
        Server {
            listen: listen(self.host, self.port, self.socket_path, env, report),
            api_keys: self.api_key.map_or_else(Vec::new, |keys| keys.0),
            accept_base64_keys: self.accept_base64_keys.unwrap_or(false),
            tunnel,
            cors: many(self.cors).into_iter().map(|origin| origin.0).collect(),
            max_body: self.max_body.map_or(32 << 20, |size| size.0),
            drain: self.drain.unwrap_or(Duration::from_secs(30)),
            allowed_hosts: many(self.allowed_hosts),
            tls: on(self.tls).map(|tls| tls.resolve(env)),
            admin: match self.admin {
                Some(Switch::Off) => None,
                Some(Switch::On(admin)) => Some(admin.resolve(env)),
                None => Some(Admin::default()),
            },
        }
    }
}

fn on<T>(switch: Option<Switch<T>>) -> Option<T> {
    match switch {
        Some(Switch::On(value)) => Some(value),
        _ => None,
    }
}

fn many<T>(switch: Option<Switch<OneOrMany<T>>>) -> Vec<T> {
    on(switch).map_or_else(Vec::new, |many| many.0)
}

fn listen(
    host: Option<String>,
    port: Option<Whole<0, 65535>>,
    socket_path: Option<(String, Place)>,
    env: &Environment,
    report: &mut Report,
) -> Listen {
    if let Some((path, place)) = socket_path {
        let path = env.expand_home(&path);
        if path.as_os_str().len() > MAX_SOCKET_PATH {
            let message = format!("a socket path has at most {MAX_SOCKET_PATH} bytes");
            report.error(&place, message);
        }
        return Listen::Unix(path);
    }
    let chosen = port
        .and_then(|port| u16::try_from(port.0).ok())
        .or_else(|| port_of(env, report));
    Listen::Tcp {
        host: host.unwrap_or_else(|| "127.0.0.1".to_owned()),
        port: chosen.unwrap_or(8000),
        port_is_chosen: chosen.is_some(),
    }
}

fn port_of(env: &Environment, report: &mut Report) -> Option<u16> {
    let text = env.filled("PORT")?;
    let port = text.parse().ok();
    if port.is_none() {
        report
            .error_elsewhere("environment variable PORT is not a port (0 to 65535)")
            .hint("set server.port in the file, or unset PORT");
    }
    port
}

/// An origin as browsers send it, or `*`.
#[derive(Debug)]
struct Origin(String);

impl Read for Origin {
    fn read(at: &At<'_>, report: &mut Report) -> Option<Self> {
        let text = String::read(at, report)?;
        if text == "*" {
            return Some(Self(text));
        }
        let url = address(at, &["http", "https"], report)?;
        let origin = url.origin().ascii_serialization();
        if text.trim_end_matches('/') != origin {
            report
                .error(&at.place(), format!("{} is not an origin", at.quoted()))
                .hint(format!("did you mean `{origin}`?"));
            return None;
        }
        Some(Self(origin))
    }

    fn schema() -> serde_json::Value {
        String::schema()
    }
}

#[derive(Debug)]
struct TlsFile {
    cert: String,
    key: String,
}

impl Section for TlsFile {
    fn fields(object: &mut Object<'_>, report: &mut Report) -> Option<Self> {
        let cert = object.required("cert", report);
        let key = object.required("key", report);
        Some(Self {
            cert: cert?,
            key: key?,
        })
    }
}

impl TlsFile {
    fn resolve(self, env: &Environment) -> Tls {
        Tls {
            cert: env.expand_home(&self.cert),
            key: env.expand_home(&self.key),
        }
    }
}

#[derive(Debug)]
struct AdminFile {
    socket: Option<Switch<SocketPath>>,
    listen: Option<Switch<Loopback>>,
    token: Option<Secret>,
}

impl Section for AdminFile {
    fn fields(object: &mut Object<'_>, report: &mut Report) -> Option<Self> {
        Some(Self {
            socket: object.take("socket", report),
            listen: object.take("listen", report),
            token: object.take("token", report),
        })
    }
}

impl AdminFile {
    fn resolve(self, env: &Environment) -> Admin {
        Admin {
            socket: match self.socket {
                None => Some(AdminSocket::Usual),
                Some(Switch::Off) => None,
                Some(Switch::On(path)) => Some(AdminSocket::At(env.expand_home(&path.0))),
            },
            listen: on(self.listen).map(|address| address.0),
            token: self.token,
        }
    }
}

/// A path that a socket can have.
#[derive(Debug)]
struct SocketPath(String);

impl Read for SocketPath {
    fn read(at: &At<'_>, report: &mut Report) -> Option<Self> {
        let path = String::read(at, report)?;
        if path.len() > MAX_SOCKET_PATH {
            let message = format!("a socket path has at most {MAX_SOCKET_PATH} bytes");
            report.error(&at.place(), message);
            return None;
        }
        Some(Self(path))
    }

    fn schema() -> serde_json::Value {
        String::schema()
    }
}

/// An address that only this machine can reach: the admin API has no other.
#[derive(Debug)]
struct Loopback(Listen);

impl Read for Loopback {
    fn read(at: &At<'_>, report: &mut Report) -> Option<Self> {
        let text = String::read(at, report)?;
        let parts = text.trim().rsplit_once(':');
        let parts = parts.and_then(|(host, port)| Some((host, port.parse::<u16>().ok()?)));
        let Some((host, port)) = parts.filter(|(host, _)| !host.is_empty()) else {
            report
                .error(
                    &at.place(),
                    format!("{} is no address with a port", at.quoted()),
                )
                .hint("write it as `127.0.0.1:8001`");
            return None;
        };
        let listen = Listen::Tcp {
            host: host.to_owned(),
            port,
            port_is_chosen: true,
        };
        if !listen.is_local() {
            report
                .error(&at.place(), format!("{} is not a loopback address", at.quoted()))
                .hint("the admin API answers on this machine only: use `127.0.0.1:8001`, and ssh from elsewhere");
            return None;
        }
        Some(Self(listen))
    }

    fn schema() -> serde_json::Value {
        String::schema()
    }
}
