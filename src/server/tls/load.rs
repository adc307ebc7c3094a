//! From two PEM files to what a handshake needs.

use std::io::{self, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use ring::digest::{Context, SHA256};
use rustls::ServerConfig;
use rustls::crypto::ring::{Ticketer, default_provider};
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{Error, InconsistentKeys};

use super::certificate::Certificate;
use super::error::TlsError;
use crate::config::{Tls, open_regular};

/// Chains have some kilobytes; what is larger is no PEM file of ours.
const MOST_BYTES: u64 = 1 << 20;

/// What HTTP is spoken over TLS here. A client that knows others takes it as well.
const PROTOCOL: &[u8] = b"http/1.1";

const CERT: &str = "server.tls.cert";
const KEY: &str = "server.tls.key";

/// A certificate with its key, ready to be served with.
#[derive(Debug)]
pub struct Identity {
    pub(super) config: Arc<ServerConfig>,
    pub(super) certificate: Certificate,
    /// Of both files.
    pub(super) digest: Vec<u8>,
}

impl Identity {
    /// Reads the files that `tls` names. `now` is for what is said of the dates.
    ///
    /// # Errors
    /// A handshake with them would never succeed. One that has expired is a warning: clients may accept it.
    pub fn load(tls: &Tls, now: SystemTime) -> Result<Self, TlsError> {
        let cert = read(CERT, &tls.cert)?;
        let key = read(KEY, &tls.key)?;
        let (leaf, chain) = chain(&cert.bytes, &tls.cert)?;
        let mut certificate = Certificate::read(&leaf, &tls.cert, now)?;
        certificate.warnings.extend(open_to_others(&key, &tls.key));
        let mut context = Context::new(&SHA256);
        context.update(&cert.bytes);
        context.update(&key.bytes);
        let private = private_key(&key.bytes, &tls.key)?;
        Ok(Self {
            config: Arc::new(server_config(chain, private).map_err(|error| refusal(error, tls))?),
            certificate,
            digest: context.finish().as_ref().to_vec(),
        })
    }

    /// What is known of the certificate.
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }
}

/// A file as it was read.
struct File {
    bytes: Vec<u8>,
    mode: u32,
}

fn read(setting: &'static str, path: &Path) -> Result<File, TlsError> {
    let failed = |error: io::Error| TlsError::Unreadable {
        setting,
        path: path.to_owned(),
        reason: match error.kind() {
            io::ErrorKind::NotFound => "there is no such file".to_owned(),
            io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
            _ => error.to_string(),
        },
    };
    read_file(path).map_err(failed)
}

fn read_file(path: &Path) -> io::Result<File> {
    let (file, found) = open_regular(path)?;
    let mut bytes = Vec::new();
    file.take(MOST_BYTES + 1).read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > MOST_BYTES {
        return Err(io::Error::other("it is larger than a megabyte"));
    }
    Ok(File {
        bytes,
        mode: found.permissions().mode(),
    })
}

/// The certificate in the file at `path`, without those of its issuers.
pub(super) fn leaf(path: &Path) -> Result<CertificateDer<'static>, TlsError> {
    let cert = read(CERT, path)?;
    chain(&cert.bytes, path).map(|(leaf, _)| leaf)
}

type Chain = Vec<CertificateDer<'static>>;

/// The first certificate in `bytes`, and all of them.
fn chain(bytes: &[u8], path: &Path) -> Result<(CertificateDer<'static>, Chain), TlsError> {
    let chain = CertificateDer::pem_slice_iter(bytes).collect::<Result<Chain, _>>();
    let chain = chain.map_err(|error| malformed(CERT, path, &error))?;
    let path = path.to_owned();
    let leaf = chain.first().ok_or(TlsError::NoCertificate { path })?;
    Ok((leaf.clone(), chain))
}

fn private_key(bytes: &[u8], path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    let path = || path.to_owned();
    match PrivateKeyDer::from_pem_slice(bytes) {
        Ok(key) => Ok(key),
        Err(_) if is_encrypted(bytes) => Err(TlsError::EncryptedKey { path: path() }),
        Err(pem::Error::NoItemsFound) => Err(TlsError::NoKey { path: path() }),
        Err(error) => Err(malformed(KEY, &path(), &error)),
    }
}

/// PKCS#8 says it in its first line, the older forms in one of their headers.
fn is_encrypted(bytes: &[u8]) -> bool {
    let marks: [&[u8]; 2] = [b"BEGIN ENCRYPTED PRIVATE KEY", b"Proc-Type: 4,ENCRYPTED"];
    let mut marks = marks.iter();
    marks.any(|mark| memchr::memmem::find(bytes, mark).is_some())
}

fn malformed(setting: &'static str, path: &Path, error: &pem::Error) -> TlsError {
    let reason = match error {
        pem::Error::MissingSectionEnd { .. } => "the end of a section is missing",
        pem::Error::IllegalSectionStart { .. } => "the first line of a section is broken",
        pem::Error::Base64Decode(_) => "what is inside is not base64",
        // The bytes of a key are shown to nobody.
        _ => "it is not PEM",
    };
    TlsError::Malformed {
        setting,
        path: path.to_owned(),
        reason: reason.to_owned(),
    }
}

fn open_to_others(key: &File, path: &Path) -> Option<String> {
    let mode = key.mode & 0o777;
    let path = path.display();
    (mode & 0o077 != 0).then(|| {
        format!(
            "others than its owner can read the private key in {path} (mode {mode:o}): chmod 600 it"
        )
    })
}

fn server_config(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<ServerConfig, Error> {
    let builder = ServerConfig::builder_with_provider(Arc::new(default_provider()));
    let builder = builder.with_safe_default_protocol_versions()?;
    let mut config = builder.with_no_client_auth().with_single_cert(chain, key)?;
    config.alpn_protocols = vec![PROTOCOL.to_vec()];
    // New keys with every certificate, so that whoever comes back is shown the one in force.
    config.ticketer = Ticketer::new()?;
    Ok(config)
}

fn refusal(error: Error, tls: &Tls) -> TlsError {
    match error {
        Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => TlsError::Mismatch {
            cert: tls.cert.clone(),
            key: tls.key.clone(),
        },
        Error::InvalidCertificate(reason) => TlsError::BadCertificate {
            path: tls.cert.clone(),
            reason: format!("{reason:?}"),
        },
        Error::General(reason) => TlsError::BadKey {
            path: tls.key.clone(),
            reason,
        },
        error => TlsError::BadKey {
            path: tls.key.clone(),
            reason: error.to_string(),
        },
    }
}
