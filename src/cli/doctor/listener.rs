//! The certificate with which the listener speaks TLS: whether it can be read, goes with its key and is valid.

use std::time::SystemTime;

use super::finding::Finding;
use super::patient::Patient;
use crate::config;
use crate::server::tls::{self, Certificate};

/// What is found.
pub(super) fn check(patient: &Patient) -> Vec<Finding> {
    let Some(config) = patient.config() else {
        return Vec::new();
    };
    if let Some(message) = tls::unused(&config.server) {
        let finding = Finding::warning("server.tls", message);
        return vec![finding.fix("leave it out, or set server.host and server.port")];
    }
    let files = tls::files(&config.server);
    files.map(of_files).unwrap_or_default()
}

fn of_files(files: &config::Tls) -> Vec<Finding> {
    let now = SystemTime::now();
    match tls::inspect(files, now) {
        Err(error) => vec![Finding::error("", error.to_string()).fix(error.hint())],
        Ok(certificate) if certificate.warnings.is_empty() => vec![good(&certificate)],
        Ok(certificate) => {
            let warnings = certificate.warnings.iter();
            warnings
                .map(|warning| told(&certificate, warning, now))
                .collect()
        }
    }
}

fn good(certificate: &Certificate) -> Finding {
    let message = format!(
        "the certificate is for {} and valid until {}",
        certificate.names_told(),
        certificate.last_day()
    );
    Finding::ok("server.tls", message)
}

fn told(certificate: &Certificate, warning: &str, now: SystemTime) -> Finding {
    let is_valid = certificate.not_before <= now && now <= certificate.not_after;
    let finding = if is_valid {
        Finding::warning("server.tls", warning)
    } else {
        Finding::error("server.tls", warning)
    };
    if now < certificate.not_before {
        return finding.fix("wait, or set the clock: `sudo timedatectl set-ntp true`");
    }
    finding.fix("renew the certificate (`certbot renew`, or whoever made it), or change server.tls")
}
