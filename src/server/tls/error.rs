//! Why a certificate and a key cannot be served with.

use std::path::PathBuf;

/// See the module's head. Each names the setting and the file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("{setting}: cannot read {path}: {reason}")]
    Unreadable {
        /// `server.tls.cert` or `server.tls.key`.
        setting: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A file is not what PEM files look like.
    #[error("{setting}: {path} is no PEM file that can be read: {reason}")]
    Malformed {
        /// `server.tls.cert` or `server.tls.key`.
        setting: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// There is no certificate in the file.
    #[error("server.tls.cert: there is no certificate in {path}")]
    NoCertificate {
        /// The file.
        path: PathBuf,
    },
    /// The first certificate cannot be used.
    #[error("server.tls.cert: the certificate in {path} cannot be used: {reason}")]
    BadCertificate {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// There is no private key in the file.
    #[error("server.tls.key: there is no private key in {path}")]
    NoKey {
        /// The file.
        path: PathBuf,
    },
    /// The private key asks for a passphrase.
    #[error("server.tls.key: the private key in {path} is encrypted")]
    EncryptedKey {
        /// The file.
        path: PathBuf,
    },
    /// The private key cannot be used.
    #[error("server.tls.key: the private key in {path} cannot be used: {reason}")]
    BadKey {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The private key is that of another certificate.
    #[error("server.tls: the key in {key} does not belong to the certificate in {cert}")]
    Mismatch {
        /// The file of the certificate.
        cert: PathBuf,
        /// The file of the key.
        key: PathBuf,
    },
}

impl TlsError {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            TlsError::Unreadable { .. } => {
                "name PEM files that the user of autogw can read in `server.tls`"
            }
            TlsError::Malformed { .. } => {
                "write the file anew: the lines `-----BEGIN …-----` and `-----END …-----` belong to it"
            }
            TlsError::NoCertificate { .. } => {
                "`cert` is the chain in PEM: the certificate, then those of its issuers (certbot's fullchain.pem)"
            }
            TlsError::BadCertificate { .. } => "have it issued anew, as X.509 version 3",
            TlsError::NoKey { .. } => {
                "`key` is the private key in PEM: PKCS#8, PKCS#1 or SEC1 (certbot's privkey.pem)"
            }
            TlsError::EncryptedKey { .. } => {
                "take the passphrase off, and let nobody else read the file: openssl pkey -in FILE -out NEW"
            }
            TlsError::BadKey { .. } => {
                "use an RSA key of 2048 to 8192 bits, P-256, P-384 or Ed25519"
            }
            TlsError::Mismatch { .. } => {
                "name the key that the certificate was made with; in a chain that certificate comes first"
            }
        }
    }
}
