//! The place where clients come in: whether it is free, and who is there if not.

use std::io;
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::path::Path;

use tokio::net::{TcpSocket, lookup_host};
use tokio::time::timeout;

use super::finding::{Finding, Verdict};
use super::holder::{self, Holder};
use super::patient::Patient;
use super::running;
use super::variables::autogw_at;
use crate::cli::door::is_public;
use crate::cli::service;
use crate::config::{Config, Listen};

/// What is found.
pub(super) async fn check(patient: &Patient) -> Vec<Finding> {
    let Some(config) = patient.config() else {
        return Vec::new();
    };
    let mut findings = match &config.server.listen {
        Listen::Unix(path) => vec![of_socket(path)],
        Listen::Tcp {
            host,
            port,
            port_is_chosen,
        } => {
            let place = Place {
                host,
                port: *port,
                is_chosen: *port_is_chosen,
            };
            vec![place.check(patient).await]
        }
    };
    findings.extend(in_a_container(patient, config));
    findings.extend(without_key(config));
    findings
}

fn of_socket(path: &Path) -> Finding {
    let shown = path.display().to_string();
    let directory = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    if directory.is_some_and(|directory| !directory.is_dir()) {
        let finding = Finding::error(shown, "there is no such directory for the socket");
        return finding.fix("make it, or change server.socket_path");
    }
    if UnixStream::connect(path).is_ok() {
        return Finding::note(shown, "somebody listens on this socket already");
    }
    Finding::ok(shown, "free")
}

/// A host and port to listen on.
struct Place<'a> {
    host: &'a str,
    port: u16,
    is_chosen: bool,
}

impl Place<'_> {
    async fn check(&self, patient: &Patient) -> Finding {
        let host = self.host.trim_matches(['[', ']']);
        let shown = format!("{}:{}", self.host, self.port);
        let found = timeout(patient.share(0.3), lookup_host((host, self.port))).await;
        let Ok(Ok(addresses)) = found else {
            let finding = Finding::error(shown, "this host has no address");
            return finding.fix("set server.host to 127.0.0.1, or to 0.0.0.0 for every interface");
        };
        let mut last = Finding::error(&*shown, "this host has no address");
        for address in addresses {
            match bind(address) {
                Ok(()) if self.port == 0 => return Finding::ok(shown, "any free port will do"),
                Ok(()) => return Finding::ok(shown, "free"),
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                    return self.taken(&shown, address, patient).await;
                }
                Err(error) => last = refused(&shown, &error),
            }
        }
        last
    }

    async fn taken(&self, shown: &str, address: SocketAddr, patient: &Patient) -> Finding {
        if let Some(about) = running::about(patient).await
            && about.url.ends_with(&format!(":{}", self.port))
        {
            let message = format!("the running gateway listens here (pid {})", about.pid);
            return Finding::ok(shown, message);
        }
        let holder = holder::of(address);
        let origin = format!("http://{}", reached(address));
        let is_autogw = autogw_at(&origin).await;
        if let Some(unit) = of_service(patient, holder.as_ref(), is_autogw).await {
            return Finding::ok(shown, format!("the gateway of {unit} listens here"));
        }
        let who = match (is_autogw, &holder) {
            (true, Some(Holder { pid, .. })) => format!("another autogw (pid {pid})"),
            (true, None) => "another autogw".to_owned(),
            (false, Some(holder)) => holder.to_string(),
            (false, None) => "another process".to_owned(),
        };
        let message = format!("the port is taken by {who}");
        let other = "another port with server.port, --port or PORT";
        let finding = match (self.is_chosen, holder) {
            (true, Some(Holder { pid, .. })) => Finding::error(shown, message)
                .fix(format!("stop it (`kill {pid}`), or choose {other}")),
            (true, None) => Finding::error(shown, message).fix(format!(
                "stop it (`ss -ltnp` as root shows what it is), or choose {other}"
            )),
            (false, _) => {
                let message = format!("{message}; the next free one is used");
                Finding::note(shown, message).fix(format!("to know which it is, choose {other}"))
            }
        };
        match patient.env.filled("PORT") {
            Some(port) if port == self.port.to_string() => {
                finding.detail("the port comes from the variable PORT, or from the file")
            }
            _ => finding,
        }
    }
}

/// The unit of the service whose port it is, most often under a home of its own.
async fn of_service(patient: &Patient, holder: Option<&Holder>, is_autogw: bool) -> Option<String> {
    let asked = service::state(&patient.env, patient.name.as_ref());
    let state = timeout(patient.share(0.3), asked).await.ok()??;
    let is_its = match holder {
        Some(holder) => state.pid == Some(holder.pid),
        // Whose process it is may not be known to this user.
        None => is_autogw,
    };
    (state.active && is_its).then_some(state.unit)
}

/// Whether `address` could be listened on; nobody can connect to it meanwhile.
fn bind(address: SocketAddr) -> io::Result<()> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    socket.set_reuseaddr(true)?;
    socket.bind(address)
}

/// Where this machine reaches a listener at `address`.
fn reached(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(match address {
            SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
        });
    }
    address
}

fn refused(shown: &str, error: &io::Error) -> Finding {
    let (message, fix) = match error.kind() {
        io::ErrorKind::PermissionDenied => (
            "ports below 1024 need privileges".to_owned(),
            "choose a higher one with server.port; a service gets it by `AmbientCapabilities=CAP_NET_BIND_SERVICE`",
        ),
        io::ErrorKind::AddrNotAvailable => (
            "this machine has no such address".to_owned(),
            "set server.host to 127.0.0.1, or to 0.0.0.0 for every interface (`ip -brief address` shows those there are)",
        ),
        _ => (
            format!("it cannot be listened on: {error}"),
            "check server.host and server.port",
        ),
    };
    Finding::error(shown, message).fix(fix)
}

/// Loopback inside of a container is reached by nobody outside of it.
fn in_a_container(patient: &Patient, config: &Config) -> Option<Finding> {
    let is_inside = patient.env.filled("KUBERNETES_SERVICE_HOST").is_some()
        || Path::new("/.dockerenv").exists()
        || Path::new("/run/.containerenv").exists();
    let is_loopback =
        matches!(config.server.listen, Listen::Tcp { .. }) && config.server.listen.is_local();
    (is_inside && is_loopback && config.server.tunnel.is_none()).then(|| {
        let message = "this is a container, and only what runs in it reaches a loopback address";
        Finding::new(Verdict::Note, "server.host", message)
            .fix("set server.host to 0.0.0.0, and server.api_key")
    })
}

/// A key that is made for each run is another one after each restart.
fn without_key(config: &Config) -> Option<Finding> {
    let is_made =
        is_public(config) && config.server.api_keys.is_empty() && !config.tunnels.door.needs_no_key;
    is_made.then(|| {
        let message =
            "others can reach this gateway, and no key is configured: one is made at each start";
        Finding::note("server.api_key", message)
            .fix("to keep one, make it with `openssl rand -hex 24` and set server.api_key")
    })
}
