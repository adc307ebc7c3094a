//! TLS in front of the configured listener: certificates from files, renewed while connections go on.
//!
//! ```text
//! server.tls ─ load ─ certificate (names, dates) ─ Tls ─ greet: a handshake, in the connection's own task
//!                                                   └─ renewed by a reload: connections from then on get the new one
//! ```
//!
//! Only the configured TCP listener has it: a Unix socket, a tunnel's door and the admin API are plain inside.

mod certificate;
mod error;
mod greet;
mod load;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::server::TlsStream;

use super::address::Address;
use crate::config::{self, Listen, Server};

pub use certificate::Certificate;
pub use error::TlsError;
pub use load::Identity;

/// What is known of the certificate and the key that `tls` names.
///
/// # Errors
/// They cannot be served with: a file cannot be read, is no such file, or the key is another certificate's.
pub fn inspect(tls: &config::Tls, now: SystemTime) -> Result<Certificate, TlsError> {
    Identity::load(tls, now).map(|identity| identity.certificate)
}

/// The files of the certificate that `server` is served with; `None` where it is plain, as a Unix socket always is.
pub fn files(server: &Server) -> Option<&config::Tls> {
    match server.listen {
        Listen::Tcp { .. } => server.tls.as_ref(),
        Listen::Unix(_) => None,
    }
}

/// What is to be said of a `server.tls` that does nothing.
pub fn unused(server: &Server) -> Option<&'static str> {
    let is_unused = server.tls.is_some() && files(server).is_none();
    is_unused.then_some("server.tls has no effect on a Unix socket, which stays plain")
}

/// The certificate in force. Connections take the one that is there when they begin.
#[derive(Debug)]
pub struct Tls(ArcSwap<Identity>);

impl Tls {
    /// Serves with `identity`.
    pub fn new(identity: Identity) -> Self {
        Self(ArcSwap::from_pointee(identity))
    }

    /// What is served with now.
    pub fn identity(&self) -> Arc<Identity> {
        self.0.load_full()
    }

    /// Whether that is `other`, byte by byte.
    pub fn is(&self, other: &Identity) -> bool {
        self.0.load().digest == other.digest
    }

    /// Serves with `identity` from now on. Connections that are open go on.
    pub fn renew(&self, identity: Identity) {
        self.0.store(Arc::new(identity));
    }

    /// How a listener at `address` is called behind this.
    pub fn address(&self, address: SocketAddr) -> Address {
        Address::Tls(address, self.0.load().certificate.host(address.ip()))
    }

    /// Shakes hands within `patience`; `None` for a connection that was over before there was TLS.
    ///
    /// # Errors
    /// The handshake fails, or takes too long.
    ///
    /// # Cancel safety
    /// Dropping it closes the connection.
    pub async fn greet(
        &self,
        stream: TcpStream,
        patience: Duration,
    ) -> io::Result<Option<TlsStream<TcpStream>>> {
        let config = self.0.load().config.clone();
        let greeted = timeout(patience, greet::greet(config, stream)).await;
        greeted.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }
}
