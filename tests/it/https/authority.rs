//! Certificates that exist for one test: an authority, and what it signs.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use serde_json::{Value, json};

use crate::support::Client;
use crate::support::client::{Endpoint, Secure};

/// The versions that are spoken, the newest first.
pub(super) static VERSIONS: [&SupportedProtocolVersion; 2] =
    [&rustls::version::TLS13, &rustls::version::TLS12];

/// Signs certificates.
pub(super) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    root: CertificateDer<'static>,
    pub(super) pem: String,
}

/// A certificate and its key.
pub(super) struct Issued {
    pub(super) cert: String,
    pub(super) key: KeyPair,
    pub(super) der: CertificateDer<'static>,
}

impl Authority {
    pub(super) fn new() -> Self {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::default();
        // A name of its own: what is signed by its own name counts as signed by itself.
        let name = "the root of a test";
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let root = params.self_signed(&key).expect("a root");
        Self {
            pem: root.pem(),
            root: root.der().clone(),
            issuer: Issuer::new(params, key),
        }
    }

    /// A certificate for `names`.
    pub(super) fn issue(&self, names: &[&str]) -> Issued {
        self.issue_as(names, |_| ())
    }

    /// The same after `change`.
    pub(super) fn issue_as(
        &self,
        names: &[&str],
        change: impl FnOnce(&mut CertificateParams),
    ) -> Issued {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let mut params = CertificateParams::new(names).expect("names");
        change(&mut params);
        let key = KeyPair::generate().expect("a key");
        let cert = params.signed_by(&key, &self.issuer).expect("signed");
        Issued {
            cert: cert.pem() + &self.pem,
            der: cert.der().clone(),
            key,
        }
    }

    /// A client that trusts this authority and nobody else, and would speak HTTP/2 as well.
    pub(super) fn secure(
        &self,
        name: &str,
        versions: &[&'static SupportedProtocolVersion],
    ) -> Secure {
        let mut roots = RootCertStore::empty();
        roots.add(self.root.clone()).expect("a root");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider);
        let config = config.with_protocol_versions(versions).expect("versions");
        let config = config.with_root_certificates(roots);
        let mut config = config.with_no_client_auth();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Secure {
            config: Arc::new(config),
            name: name.to_owned(),
        }
    }

    /// A client of the gateway at `address`, which it calls `localhost`.
    pub(super) fn client(&self, address: SocketAddr) -> Client {
        let secure = self.secure("localhost", &VERSIONS);
        Client::new(Endpoint::Tls(address, secure))
    }
}

impl Issued {
    /// Writes both into `directory`, and returns what `server.tls` says of them.
    pub(super) fn write(&self, directory: &Path) -> Value {
        put(directory, "cert.pem", &self.cert);
        put(directory, "key.pem", &self.key.serialize_pem());
        settings(directory)
    }
}

/// What `server.tls` says of the files in `directory`.
pub(super) fn settings(directory: &Path) -> Value {
    json!({"cert": directory.join("cert.pem"), "key": directory.join("key.pem")})
}

/// Writes a file that only its owner can read.
pub(super) fn put(directory: &Path, name: &str, text: &str) {
    let path = directory.join(name);
    fs::write(&path, text).expect("written");
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).expect("its owner's");
}
