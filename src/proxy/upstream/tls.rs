//! The TLS settings of all upstream connections, made when first needed.
//!
//! Reading the machine's certificates takes milliseconds, so a start does not wait for it. The bundled
//! roots stand beside the machine's own: an empty container has none, a company has one more.

use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore};
use tokio::sync::OnceCell;

/// Shared TLS settings; verification cannot be turned off.
#[derive(Debug, Default)]
pub struct Tls {
    config: OnceCell<Arc<ClientConfig>>,
}

impl Tls {
    /// The settings, made on first use.
    pub async fn client_config(&self) -> Arc<ClientConfig> {
        let make = || async {
            let made = tokio::task::spawn_blocking(client_config).await;
            Arc::new(made.unwrap_or_else(|_| client_config()))
        };
        self.config.get_or_init(make).await.clone()
    }

    /// Who is trusted to vouch for an upstream. Reads files.
    pub fn roots() -> RootCertStore {
        let mut roots: RootCertStore = webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect();
        let native = rustls_native_certs::load_native_certs();
        roots.add_parsable_certificates(native.certs);
        roots
    }
}

fn client_config() -> ClientConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring speaks TLS 1.2 and 1.3");
    let mut config = builder
        .with_root_certificates(Tls::roots())
        .with_no_client_auth();
    // The request path speaks HTTP/1.1: one stream per connection, so none waits behind another's loss.
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config
}
