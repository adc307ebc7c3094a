//! The certificate with which the listener speaks TLS: whether it can be read, goes with its key and is valid.

use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

use super::certificate::{Age, Facts};
use super::finding::Finding;
use super::patient::Patient;
use crate::config::Tls;

/// What is found.
pub(super) fn check(patient: &Patient) -> Vec<Finding> {
    let config = patient.config();
    let tls = config.and_then(|config| config.server.tls.as_ref());
    tls.map(of_tls).into_iter().collect()
}

fn of_tls(tls: &Tls) -> Finding {
    match read(tls) {
        Err(fault) => *fault,
        Ok(facts) => age(&tls.cert, &facts),
    }
}

/// What the certificate says, if the pair can be used.
fn read(tls: &Tls) -> Result<Facts, Box<Finding>> {
    let fault = |path: &Path, message: String, fix: &str| {
        Box::new(Finding::error(path.display().to_string(), message).fix(fix))
    };
    let unreadable = |error| {
        fault(
            &tls.cert,
            format!("no certificate can be read: {error}"),
            "set server.tls.cert to a PEM file",
        )
    };
    let chain = CertificateDer::pem_file_iter(&tls.cert).map_err(unreadable)?;
    let chain: Vec<_> = chain.collect::<Result<_, _>>().map_err(unreadable)?;
    let key = PrivateKeyDer::from_pem_file(&tls.key).map_err(|error| {
        fault(
            &tls.key,
            format!("no private key can be read: {error}"),
            "set server.tls.key to a PEM file",
        )
    })?;
    let facts = chain.first().and_then(|first| Facts::read(first));
    let facts = facts.ok_or_else(|| {
        fault(
            &tls.cert,
            "there is no certificate in it".to_owned(),
            "set server.tls.cert to a PEM file",
        )
    })?;
    let provider = rustls::crypto::ring::default_provider();
    let signer = provider
        .key_provider
        .load_private_key(key)
        .map_err(|error| {
            fault(
                &tls.key,
                format!("the private key cannot be used: {error}"),
                "make a key of the kind RSA, ECDSA or Ed25519",
            )
        })?;
    let pair = CertifiedKey::new(chain, Arc::clone(&signer));
    match pair.keys_match() {
        Err(rustls::Error::InconsistentKeys(_)) => Err(fault(
            &tls.key,
            format!(
                "it is not the key of the certificate in {}",
                tls.cert.display()
            ),
            "set server.tls.cert and server.tls.key to a pair",
        )),
        _ => Ok(facts),
    }
}

fn age(path: &Path, facts: &Facts) -> Finding {
    const RENEW: &str = "renew it (`certbot renew`, or whoever made it), then `autogw reload`";
    let shown = path.display().to_string();
    match facts.age(SystemTime::now()) {
        Age::Over(_) => {
            let message = format!(
                "the TLS certificate expired on {}: no client comes in",
                facts.end()
            );
            Finding::error(shown, message).fix(RENEW)
        }
        Age::Early => Finding::error(shown, "the TLS certificate is not valid yet")
            .fix("set the clock of this machine: `sudo timedatectl set-ntp true`"),
        Age::Soon(days) => {
            let message = format!(
                "the TLS certificate ends in {days} days, on {}",
                facts.end()
            );
            Finding::warning(shown, message).fix(RENEW)
        }
        Age::Good => Finding::ok(
            shown,
            format!("the TLS certificate is valid until {}", facts.end()),
        ),
    }
}
