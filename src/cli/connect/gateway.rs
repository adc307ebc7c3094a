//! Where the gateway is, as the client will see it: the one that is named, the one that runs, else the one that
//! the configuration describes.

use std::net::IpAddr;
use std::path::Path;

use url::{Host, Url};

use super::ConnectArgs;
use super::fault::Fault;
use super::{key, model};
use crate::attach::{Client, Door};
use crate::cli::console::Console;
use crate::cli::reach::reachable;
use crate::cli::table::plain;
use crate::clients::endpoint::Endpoint;
use crate::clients::recipe::Recipe;
use crate::config::{self, AdminSocket, Config, Diagnostic, Environment, Home, Listen, Source};
use crate::telemetry::snapshot::Snapshot;

/// Where gateways listen that nobody has told otherwise.
const USUAL_PORT: u16 = 8000;

/// A gateway that a client can be pointed at.
#[derive(Debug)]
pub(super) struct Found {
    /// What the client is told.
    pub(super) endpoint: Endpoint,
    /// Whether somebody is there who can be asked: it runs, or it was named.
    pub(super) can_be_asked: bool,
    /// A model that may be asked for, where the client is told none.
    pub(super) example: String,
    /// What is to be said about it.
    pub(super) warnings: Vec<Diagnostic>,
}

/// What is known of our own gateway.
#[derive(Debug)]
pub(super) struct Known<'a> {
    pub(super) args: &'a ConnectArgs,
    pub(super) recipe: &'static Recipe,
    pub(super) home: &'a Home,
    pub(super) env: &'a Environment,
    pub(super) config: Option<Config>,
    pub(super) snapshot: Option<Snapshot>,
}

impl Found {
    /// Says what is to be said.
    pub(super) fn warn(&self, console: &mut Console<'_>) {
        console.diagnostics(&self.warnings);
    }
}

/// Finds it.
pub(super) async fn find(
    args: &ConnectArgs,
    recipe: &'static Recipe,
    home: &Home,
    env: &Environment,
) -> Result<Found, Fault> {
    let config = configuration(args, env);
    let door = door(args, home, config.as_ref().ok().and_then(Option::as_ref));
    let snapshot = Client::new(door).get("/v1/snapshot").await.ok();
    let config = match config {
        // Who is there knows better, and a file that is named on purpose has to be one.
        Err(_) if snapshot.is_some() || args.url.is_some() => None,
        config => config?,
    };
    let known = Known {
        args,
        recipe,
        home,
        env,
        config,
        snapshot,
    };
    known.found().await
}

/// The configuration file that is meant; `None` if there is none.
fn configuration(args: &ConnectArgs, env: &Environment) -> Result<Option<Config>, Fault> {
    match args.source.locate(env)? {
        Source::File(path) => Ok(Some(config::load(&path, env)?.config)),
        Source::Environment => Ok(None),
    }
}

/// The admin door of the gateway that is meant.
fn door(args: &ConnectArgs, home: &Home, config: Option<&Config>) -> Door {
    let admin = config.and_then(|config| config.server.admin.as_ref());
    match admin.and_then(|admin| admin.socket.as_ref()) {
        Some(AdminSocket::At(path)) => Door::Unix(path.clone()),
        _ => Door::of(home, args.source.name.as_ref()),
    }
}

impl Known<'_> {
    async fn found(self) -> Result<Found, Fault> {
        let origin = self.origin()?;
        let mut warnings = Vec::new();
        if self.snapshot.is_none() && self.args.url.is_none() {
            let warning = Diagnostic::warning(format!("no gateway answers at {origin} yet"));
            let hint = "start it: `autogw start`".to_owned();
            warnings.push(warning.with_hint(hint));
        }
        let key = key::find(&self, &origin, &mut warnings).await?;
        warnings.extend(in_the_clear(&origin));
        let chosen = model::choose(&self)?;
        Ok(Found {
            can_be_asked: self.snapshot.is_some() || self.args.url.is_some(),
            endpoint: Endpoint {
                origin,
                key,
                model: chosen.model,
                models: chosen.models,
            },
            example: chosen.example,
            warnings,
        })
    }

    fn origin(&self) -> Result<String, Fault> {
        if let Some(url) = &self.args.url {
            return origin_of(url);
        }
        if self.recipe.needs_public {
            return self.public();
        }
        let origin = self.own_origin()?;
        match origin.strip_prefix("unix:") {
            Some(path) => Err(self.behind_a_socket(Path::new(path))),
            None => Ok(origin),
        }
    }

    /// Where the gateway of this machine listens, or will.
    pub(super) fn own_origin(&self) -> Result<String, Fault> {
        let origin = match (&self.snapshot, &self.config) {
            (Some(snapshot), _) => snapshot.about.url.clone(),
            (None, Some(config)) => configured(config)?,
            (None, None) => format!("http://127.0.0.1:{}", self.usual_port()?),
        };
        Ok(origin.trim_end_matches('/').to_owned())
    }

    fn usual_port(&self) -> Result<u16, Fault> {
        let Some(port) = self.env.filled("PORT") else {
            return Ok(USUAL_PORT);
        };
        let port = port.parse().ok().filter(|port| *port > 0);
        port.ok_or_else(|| Fault::usage("the environment variable PORT is no port"))
    }

    fn behind_a_socket(&self, path: &Path) -> Fault {
        let message = format!(
            "the gateway listens on the Unix socket {}, which {} cannot ask",
            path.display(),
            self.recipe.title
        );
        Fault::failed(message).hint(
            "start it on a port: `autogw start --port 8000`, or say where else it is with --url",
        )
    }

    /// The public URL.
    fn public(&self) -> Result<String, Fault> {
        let title = &self.recipe.title;
        let tunnels = self.snapshot.iter().flat_map(|snapshot| &snapshot.tunnels);
        let mut urls = tunnels.filter_map(|tunnel| tunnel.url.as_deref());
        if let Some(url) = urls.next() {
            return Ok(url.trim_end_matches('/').to_owned());
        }
        let message = format!(
            "{title} asks from its vendor's servers, and no tunnel of this gateway is open"
        );
        Err(Fault::failed(message).hint(
            "start it with `autogw start --tunnel cloudflared`, or say with --url where it is public",
        ))
    }
}

/// Scheme, host, port and path of what somebody has written, who may have copied the base URL of an SDK.
fn origin_of(text: &str) -> Result<String, Fault> {
    let with_scheme = if text.contains("://") {
        text.to_owned()
    } else {
        format!("http://{text}")
    };
    let url = Url::parse(&with_scheme).ok();
    let is_good = |url: &Url| {
        matches!(url.scheme(), "http" | "https")
            && url.has_host()
            && url.username().is_empty()
            && url.password().is_none()
    };
    let url = url.filter(is_good).ok_or_else(|| {
        Fault::usage("--url is not an http:// or https:// address without a password")
    })?;
    let path = url.path().trim_end_matches('/');
    let path = path.strip_suffix("/v1").unwrap_or(path);
    let path = path.strip_suffix("/v1beta").unwrap_or(path);
    Ok(format!("{}{path}", url.origin().ascii_serialization()))
}

/// Where `config` will listen.
fn configured(config: &Config) -> Result<String, Fault> {
    let server = &config.server;
    let scheme = if server.tls.is_some() {
        "https"
    } else {
        "http"
    };
    match &server.listen {
        Listen::Unix(path) => Ok(format!("unix:{}", path.display())),
        Listen::Tcp { port: 0, .. } => Err(Fault::failed(
            "server.port is 0, and no gateway runs that has taken a port",
        )
        .hint("start it first, or say with --url where it will be")),
        Listen::Tcp { host, port, .. } => Ok(format!("{scheme}://{}:{port}", reachable(host))),
    }
}

/// What is to be said of an address where others could read along.
fn in_the_clear(origin: &str) -> Option<Diagnostic> {
    (origin.starts_with("http://") && !is_loopback(origin)).then(|| {
        let message = format!(
            "{} is plain http on another host: keys and prompts travel in the clear",
            plain(origin)
        );
        Diagnostic::warning(message).with_hint("use an https:// address".to_owned())
    })
}

/// Whether `origin` is on this machine.
pub(super) fn is_loopback(origin: &str) -> bool {
    let url = Url::parse(origin).ok();
    match url.as_ref().and_then(Url::host) {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(ip)) => IpAddr::from(ip).is_loopback(),
        Some(Host::Ipv6(ip)) => IpAddr::from(ip).is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_taken_as_people_write_it() {
        for (text, origin) in [
            ("http://h:1", "http://h:1"),
            ("127.0.0.1:8000", "http://127.0.0.1:8000"),
            ("https://ai.example.com/", "https://ai.example.com"),
            ("https://ai.example.com/v1/", "https://ai.example.com"),
            ("https://h/gw/v1", "https://h/gw"),
            ("http://[::1]:8000/v1beta", "http://[::1]:8000"),
        ] {
            assert_eq!(origin_of(text).ok().as_deref(), Some(origin), "{text}");
        }
        for wrong in ["", "ftp://h", "http://", "http://user:pass@h"] {
            assert!(origin_of(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn only_another_host_over_plain_http_can_be_overheard() {
        for (origin, is_told) in [
            ("http://127.0.0.1:8000", false),
            ("http://[::1]:8000", false),
            ("http://localhost:1", false),
            ("https://ai.example.com", false),
            ("http://192.168.0.7:8000", true),
            ("http://ai.example.com", true),
        ] {
            assert_eq!(in_the_clear(origin).is_some(), is_told, "{origin}");
        }
    }
}
