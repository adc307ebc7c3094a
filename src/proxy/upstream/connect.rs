//! Opens connections to one provider, and only there: its host and port are fixed when it is configured.
//!
//! No environment variable changes the way (`HTTP_PROXY` is ignored); a proxy is what the provider's
//! configuration names.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::{SocksV5, Tunnel};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tower_service::Service;
use url::Url;

use super::tls::Tls;
use super::wire::Wire;
use crate::demo::Demo;

/// A connection that could not be opened, in words.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct ConnectError {
    message: String,
    /// Whether this process, and not the way to the provider, is at its end.
    is_local: bool,
}

/// Knows how to reach one provider.
#[derive(Debug)]
pub(super) enum Connector {
    /// Over the network.
    Remote(Box<Remote>),
    /// In this process.
    Demo(Demo),
}

/// A provider's address.
#[derive(Debug)]
pub(super) struct Remote {
    destination: http::Uri,
    tls: Option<(Arc<Tls>, ServerName<'static>)>,
    proxy: Option<Url>,
    tcp: HttpConnector,
}

impl Remote {
    /// The way to `base_url`, through `proxy` if there is one.
    pub(super) fn new(
        base_url: &Url,
        proxy: Option<Url>,
        tls: Arc<Tls>,
    ) -> Result<Self, ConnectError> {
        let bad = |what: &str| ConnectError::new(format!("the base URL {base_url} {what}"));
        let host = base_url.host_str().ok_or_else(|| bad("has no host"))?;
        let port = base_url
            .port_or_known_default()
            .ok_or_else(|| bad("has no port"))?;
        let destination = format!("{}://{host}:{port}", base_url.scheme())
            .parse()
            .map_err(|_| bad("is not a web address"))?;
        let tls = match base_url.scheme() {
            "https" => {
                let name = ServerName::try_from(host.trim_matches(['[', ']']).to_owned());
                Some((
                    tls,
                    name.map_err(|_| bad("has a host that no certificate can name"))?,
                ))
            }
            _ => None,
        };
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_keepalive(Some(Duration::from_secs(30)));
        Ok(Self {
            destination,
            tls,
            proxy,
            tcp,
        })
    }

    async fn tcp(&self) -> Result<TcpStream, ConnectError> {
        let target = self.destination.clone();
        let Some(proxy) = &self.proxy else {
            return call(self.tcp.clone(), target).await;
        };
        let way: http::Uri = proxy
            .as_str()
            .parse()
            .map_err(|_| ConnectError::new("the proxy URL is malformed".to_owned()))?;
        let user = percent_decoded(proxy.username());
        let password = percent_decoded(proxy.password().unwrap_or_default());
        if proxy.scheme().starts_with("socks5") {
            let socks = SocksV5::new(way, self.tcp.clone()).local_dns(proxy.scheme() == "socks5");
            return if user.is_empty() {
                call(socks, target).await
            } else {
                call(socks.with_auth(user, password), target).await
            };
        }
        let tunnel = Tunnel::new(way, self.tcp.clone());
        match basic_auth(&user, &password) {
            None => call(tunnel, target).await,
            Some(auth) => call(tunnel.with_auth(auth), target).await,
        }
    }

    async fn open(&self) -> Result<Wire, ConnectError> {
        let tcp = self.tcp().await?;
        let Some((tls, name)) = &self.tls else {
            return Ok(Wire::Plain(tcp));
        };
        let connector = TlsConnector::from(tls.client_config().await);
        let stream = connector.connect(name.clone(), tcp).await;
        stream
            .map(|stream| Wire::Tls(Box::new(stream)))
            .map_err(|error| ConnectError::new(format!("TLS: {error}")))
    }
}

impl Connector {
    /// Opens a connection. The caller bounds the time.
    pub(super) async fn connect(&self) -> Result<Wire, ConnectError> {
        match self {
            Connector::Remote(remote) => remote.open().await,
            Connector::Demo(demo) => Ok(Wire::Demo(demo.connect())),
        }
    }

    /// Makes ready what the first request would otherwise wait for.
    pub(super) async fn warm_up(&self) {
        if let Connector::Remote(remote) = self
            && let Some((tls, _)) = &remote.tls
        {
            tls.client_config().await;
        }
    }
}

async fn call<S>(mut connector: S, target: http::Uri) -> Result<TcpStream, ConnectError>
where
    S: Service<http::Uri, Response = TokioIo<TcpStream>>,
    S::Error: std::error::Error + 'static,
{
    let ready = std::future::poll_fn(|cx| connector.poll_ready(cx)).await;
    let stream = match ready {
        Ok(()) => connector.call(target).await,
        Err(error) => Err(error),
    };
    stream
        .map(TokioIo::into_inner)
        .map_err(|error| ConnectError::of(&error))
}

fn is_out_of_files(error: &std::io::Error) -> bool {
    use rustix::io::Errno;
    let is = |errno: Errno| error.raw_os_error() == Some(errno.raw_os_error());
    is(Errno::MFILE) || is(Errno::NFILE)
}

/// User and password stand percent-encoded in a URL.
fn percent_decoded(text: &str) -> String {
    percent_encoding::percent_decode_str(text)
        .decode_utf8_lossy()
        .into_owned()
}

fn basic_auth(user: &str, password: &str) -> Option<http::HeaderValue> {
    if user.is_empty() {
        return None;
    }
    let encoded = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
    let mut value = http::HeaderValue::try_from(format!("Basic {encoded}")).ok()?;
    value.set_sensitive(true);
    Some(value)
}

impl ConnectError {
    fn new(message: String) -> Self {
        Self {
            message,
            is_local: false,
        }
    }

    /// In the error's own words and those of its last cause: the chain between them repeats itself.
    fn of(error: &(dyn std::error::Error + 'static)) -> Self {
        let chain = || std::iter::successors(Some(error), |error| error.source());
        let cause = chain().last().map(ToString::to_string).unwrap_or_default();
        let outer = error.to_string();
        let message = if outer.contains(&cause) {
            outer
        } else {
            format!("{outer}: {cause}")
        };
        let is_local = chain()
            .filter_map(|error| error.downcast_ref::<std::io::Error>())
            .any(is_out_of_files);
        Self { message, is_local }
    }

    /// Whether this process is at its end, and not the provider.
    pub(super) fn is_local(&self) -> bool {
        self.is_local
    }

    /// A provider without a base URL.
    pub(super) fn without_address(provider: &str) -> Self {
        Self::new(format!("provider `{provider}` has no base_url"))
    }

    /// A base URL whose path cannot stand in a request.
    pub(super) fn unusable_path(provider: &str) -> Self {
        Self::new(format!(
            "the path of provider `{provider}`'s base_url cannot be sent"
        ))
    }

    /// A key that cannot stand in a header.
    pub(super) fn unsendable_key(provider: &str) -> Self {
        Self::new(format!(
            "a key of provider `{provider}` has characters that cannot be sent in a header"
        ))
    }
}
