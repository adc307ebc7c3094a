//! What a certificate says, as far as it matters to whoever serves with it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::parse_x509_certificate;
use x509_parser::time::ASN1Time;

use super::error::TlsError;

/// A certificate ends soon when so little is left: who renews by a timer has done so long before.
const SOON: Duration = Duration::from_hours(14 * 24);

/// Or this part of its life, for those that live a few days only.
const SOON_PART: u32 = 3;

/// The last second of the year 9999, by which certificates say that they never end.
const LAST_SECOND: u64 = 253_402_300_799;

/// What is known of a certificate and its key, which belong together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// The file that it was read from.
    pub path: PathBuf,
    /// Host names, in lower case, and addresses that it is for. A wildcard keeps its star.
    pub names: Vec<String>,
    /// It counts from then on.
    pub not_before: SystemTime,
    /// It counts until then.
    pub not_after: SystemTime,
    /// Whether nobody else has signed it: clients have to be told to trust it.
    pub is_self_signed: bool,
    /// What deserves a look, a sentence each: its dates, its names, who can read the key.
    pub warnings: Vec<String>,
}

impl Certificate {
    /// Reads `der`, which was found in the file at `path`.
    pub(super) fn read(der: &[u8], path: &Path, now: SystemTime) -> Result<Self, TlsError> {
        let (_, parsed) =
            parse_x509_certificate(der).map_err(|error| TlsError::BadCertificate {
                path: path.to_owned(),
                reason: error.to_string(),
            })?;
        let mut certificate = Self {
            path: path.to_owned(),
            names: names(&parsed),
            not_before: time(parsed.validity().not_before),
            not_after: time(parsed.validity().not_after),
            is_self_signed: parsed.subject().as_raw() == parsed.issuer().as_raw(),
            warnings: Vec::new(),
        };
        certificate.warnings.extend(certificate.trouble(now));
        if certificate.names.is_empty() {
            certificate.warnings.push(format!(
                "the certificate in {} is for no host: clients refuse it (it needs a subjectAltName)",
                path.display()
            ));
        }
        Ok(certificate)
    }

    /// What is to be said of its dates.
    pub fn trouble(&self, now: SystemTime) -> Option<String> {
        let path = self.path.display();
        let renewed = "a renewed one is taken up without a restart";
        if now < self.not_before {
            let from = date(self.not_before);
            return Some(format!(
                "the certificate in {path} is not valid before {from}: clients refuse it until then"
            ));
        }
        let Ok(left) = self.not_after.duration_since(now) else {
            let day = date(self.not_after);
            return Some(format!(
                "the certificate in {path} has expired on {day}: clients refuse it; {renewed}"
            ));
        };
        let life = self.not_after.duration_since(self.not_before);
        let soon = SOON.min(life.unwrap_or(SOON) / SOON_PART);
        let day = date(self.not_after);
        (left < soon)
            .then(|| format!("the certificate in {path} expires soon, on {day}; {renewed}"))
    }

    /// The day on which it ends, e.g. `2027-02-01`.
    pub fn last_day(&self) -> String {
        date(self.not_after)
    }

    /// Its names in one line.
    pub fn names_told(&self) -> String {
        if self.names.is_empty() {
            return "no host".to_owned();
        }
        self.names.join(", ")
    }

    /// Names that a request may give as its host because of it.
    ///
    /// Who rebinds a name of their own to this machine has no certificate for it, and a browser does not get as
    /// far as a request. A wildcard does not count: below it may be names that are somebody else's.
    pub fn hosts(&self) -> impl Iterator<Item = &str> {
        let names = self.names.iter().map(String::as_str);
        names.filter(|name| !name.contains('*'))
    }

    /// How a client on this machine calls a listener at `ip`, as it stands in a URL: so that the certificate is
    /// for it, where there is such a way.
    pub(super) fn host(&self, ip: IpAddr) -> String {
        let near = match ip {
            IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
            IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
            ip => ip,
        };
        let has = |name: &str| self.names.iter().any(|known| known == name);
        if !has(&near.to_string()) {
            if near.is_loopback() && has("localhost") {
                return "localhost".to_owned();
            }
            let mut hosts = self.hosts().filter(|name| name.parse::<IpAddr>().is_err());
            if let Some(name) = hosts.next() {
                return name.to_owned();
            }
        }
        match near {
            IpAddr::V4(ip) => ip.to_string(),
            IpAddr::V6(ip) => format!("[{ip}]"),
        }
    }
}

fn names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let Ok(Some(found)) = certificate.subject_alternative_name() else {
        return Vec::new();
    };
    let names = found.value.general_names.iter();
    names.filter_map(name).collect()
}

fn name(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some(name.to_ascii_lowercase()),
        GeneralName::IPAddress(bytes) => address(bytes).map(|ip| ip.to_string()),
        _ => None,
    }
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    v4.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from))
        .ok()
}

/// A time that can be written down: what lies before 1970 or behind 9999 is as good as these.
fn time(time: ASN1Time) -> SystemTime {
    let seconds = u64::try_from(time.timestamp()).unwrap_or(0);
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds.min(LAST_SECOND))
}

fn date(time: SystemTime) -> String {
    let text = humantime::format_rfc3339_seconds(time).to_string();
    text.split('T').next().unwrap_or_default().to_owned()
}
