//! The way to ngrok: TCP, then TLS.
//!
//! In place of the crate's own way, which tries addresses one after the other (so that a broken IPv6
//! route would use up all the time there is) and lets small writes wait for acknowledgements, which is
//! what the events of a stream are.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use hyper_util::client::legacy::connect::HttpConnector;
use ngrok::session::ConnectError;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tower_service::Service as _;

/// Silence after which the system asks whether the peer is there: a second net under the heartbeats.
const KEEPALIVE: Duration = Duration::from_secs(30);

/// Connects to `host`. The caller bounds the time.
pub(super) async fn dial(
    host: String,
    port: u16,
    tls: Arc<ClientConfig>,
) -> Result<TlsStream<TcpStream>, ConnectError> {
    let tcp = tcp(&host, port).await.map_err(ConnectError::Tcp)?;
    let name = ServerName::try_from(host).map_err(io::Error::other);
    let name = name.map_err(ConnectError::Tls)?;
    let connecting = TlsConnector::from(tls).connect(name, tcp);
    connecting.await.map_err(ConnectError::Tls)
}

async fn tcp(host: &str, port: u16) -> io::Result<TcpStream> {
    let mut connector = HttpConnector::new();
    connector.enforce_http(false);
    connector.set_nodelay(true);
    connector.set_keepalive(Some(KEEPALIVE));
    let target = format!("tcp://{host}:{port}");
    let target = target.parse().map_err(io::Error::other)?;
    let connected = connector.call(target).await;
    Ok(connected.map_err(io::Error::other)?.into_inner())
}
