//! The certificate of a run: read before anything is opened, and put in front of the configured listener.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::config::Server;
use crate::server::address::Address;
use crate::server::listen::Listener;
use crate::server::tls::{self, Identity, Tls, TlsError};

/// How often the dates of the certificate are looked at: often enough that a day of the log says it.
const LOOK_EVERY: Duration = Duration::from_hours(24);

/// What a listener is behind, if anything.
#[derive(Debug)]
pub(super) struct Secured {
    pub(super) tls: Option<Arc<Tls>>,
    /// What a person should be told of it.
    pub(super) notes: Vec<String>,
}

/// What `server` asks for.
///
/// # Errors
/// It asks for a certificate that cannot be served with.
pub(super) fn open(server: &Server) -> Result<Secured, TlsError> {
    let Some(files) = tls::files(server) else {
        let notes = tls::unused(server).map(str::to_owned);
        let notes = notes.into_iter().collect();
        return Ok(Secured { tls: None, notes });
    };
    let identity = Identity::load(files, SystemTime::now())?;
    let notes = identity.certificate().warnings.clone();
    for note in &notes {
        tracing::warn!(target: "autogw::server", "{note}");
    }
    Ok(Secured {
        tls: Some(Arc::new(Tls::new(identity))),
        notes,
    })
}

/// Says each day that the certificate ends soon, or has: who should have renewed it may have failed to.
pub(super) async fn watch(tls: Arc<Tls>) {
    loop {
        // The start has looked already.
        tokio::time::sleep(LOOK_EVERY).await;
        if let Some(trouble) = tls.identity().certificate().trouble(SystemTime::now()) {
            tracing::warn!(target: "autogw::server", "{trouble}");
        }
    }
}

impl Secured {
    /// The listener and its address behind it.
    pub(super) fn cover(&self, (listener, address): (Listener, Address)) -> (Listener, Address) {
        match &self.tls {
            Some(tls) => listener.behind(address, tls.clone()),
            None => (listener, address),
        }
    }
}

/// Host names that a listener at `address` answers to beside its own. Where any would do, none is added: it would
/// be the only one.
pub(super) fn hosts(server: &Server, address: &Address, tls: Option<&Tls>) -> Vec<String> {
    let mut hosts = server.allowed_hosts.clone();
    if let Some(tls) = tls
        && (address.is_loopback() || !hosts.is_empty())
    {
        let identity = tls.identity();
        hosts.extend(identity.certificate().hosts().map(str::to_owned));
    }
    hosts
}
