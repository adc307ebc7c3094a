//! The way to a provider, step by step: its name, a connection, the handshake. The first that fails is told.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustls::pki_types::ServerName;
use rustls::{CertificateError, Error};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use url::Url;

use super::certificate::{Age, Facts, day};
use super::finding::Finding;
use super::patient::Patient;
use super::trust::Witness;
use crate::config::base_url;
use crate::provider::Provider;
use crate::telemetry::foreign;

/// Variables by which other programs choose a proxy.
pub(super) const PROXIES: [&str; 4] = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];

/// Letters that are quoted of a name in a certificate.
const LONGEST_NAME: usize = 120;

/// What the way to `provider` showed.
pub(super) struct Way {
    /// What was found on it.
    pub(super) findings: Vec<Finding>,
    /// Whether requests come through.
    pub(super) is_open: bool,
}

impl Way {
    fn closed(finding: Finding) -> Self {
        Self {
            findings: vec![finding],
            is_open: false,
        }
    }

    fn open(findings: Vec<Finding>) -> Self {
        Self {
            findings,
            is_open: true,
        }
    }
}

/// Goes the way to `url` of `provider`, or to its proxy.
pub(super) async fn go(patient: &Patient, provider: &Provider, url: &Url) -> Way {
    let goal = provider.proxy.as_ref().unwrap_or(url);
    let (Some(host), Some(port)) = (goal.host_str(), goal.port_or_known_default()) else {
        return Way::open(Vec::new());
    };
    let step = Step {
        patient,
        provider,
        goal,
        host: host.trim_matches(['[', ']']),
        port,
        limit: patient.share(0.25),
    };
    let tcp = match step.connect().await {
        Ok(tcp) => tcp,
        Err(finding) => return Way::closed(*finding),
    };
    // What a proxy's tunnel leads to is seen by the requests.
    if provider.proxy.is_some() || url.scheme() != "https" {
        return Way::open(Vec::new());
    }
    step.shake_hands(tcp).await
}

struct Step<'a> {
    patient: &'a Patient,
    provider: &'a Provider,
    goal: &'a Url,
    host: &'a str,
    port: u16,
    limit: Duration,
}

impl Step<'_> {
    fn error(&self, message: impl Into<String>) -> Finding {
        let finding = Finding::error(&*self.provider.name, message);
        finding.detail(format!(
            "{} is {}",
            self.setting(),
            self.goal.origin().ascii_serialization()
        ))
    }

    fn setting(&self) -> &'static str {
        match self.provider.proxy {
            Some(_) => "proxy",
            None => "base_url",
        }
    }

    async fn connect(&self) -> Result<TcpStream, Box<Finding>> {
        let addresses = match timeout(self.limit, lookup_host((self.host, self.port))).await {
            Ok(Ok(addresses)) => addresses.collect::<Vec<SocketAddr>>(),
            Ok(Err(_)) => return Err(Box::new(self.unknown_host())),
            Err(_) => {
                let message = format!("nobody says within {:?} where {} is", self.limit, self.host);
                let fix = "check the network and the name servers in /etc/resolv.conf";
                return Err(Box::new(self.error(message).fix(fix)));
            }
        };
        match timeout(self.limit, TcpStream::connect(&*addresses)).await {
            Ok(Ok(stream)) => Ok(stream),
            Ok(Err(error)) => Err(Box::new(self.unreachable(&error))),
            Err(_) => Err(Box::new(self.no_connection())),
        }
    }

    fn unknown_host(&self) -> Finding {
        let setting = self.setting();
        let message = format!("there is no host {}", self.host);
        let fix =
            format!("correct {setting} of the provider; if it is right, check the network and DNS");
        self.error(message).fix(fix)
    }

    fn unreachable(&self, error: &io::Error) -> Finding {
        let place = format!("{}:{}", self.host, self.port);
        if error.kind() != io::ErrorKind::ConnectionRefused {
            let finding = self.error(format!("{place} cannot be reached: {error}"));
            return finding.fix(self.way_out());
        }
        let finding = self.error(format!(
            "nobody listens at {place}: the connection is refused"
        ));
        match wake(&self.provider.preset.kind) {
            Some(command) => finding.fix(format!("start the server: `{command}`")),
            None if base_url::is_loopback(self.goal) => finding.fix(format!(
                "start the server, or correct {} of the provider",
                self.setting()
            )),
            None => finding.fix(self.way_out()),
        }
    }

    fn no_connection(&self) -> Finding {
        let message = format!(
            "no connection to {}:{} within {:?}: a firewall, or a network that leads nowhere",
            self.host, self.port, self.limit
        );
        self.error(message).fix(self.way_out())
    }

    /// Where a company has a proxy, that is most often it.
    fn way_out(&self) -> String {
        let is_set = |name: &&str| self.patient.env.filled(name).is_some();
        match PROXIES.iter().find(|name| is_set(name)) {
            Some(name) if self.provider.proxy.is_none() => format!(
                "set proxy of the provider to \"${{{name}}}\": the variable alone is not obeyed"
            ),
            _ => format!("check the network, and {} of the provider", self.setting()),
        }
    }

    async fn shake_hands(&self, tcp: TcpStream) -> Way {
        let witness = Witness::new().await;
        let config = witness.as_ref().and_then(Witness::config);
        let name = ServerName::try_from(self.host.to_owned());
        let (Some(witness), Some(config), Ok(name)) = (witness, config, name) else {
            return Way::open(Vec::new());
        };
        let shaking = TlsConnector::from(Arc::new(config)).connect(name, tcp);
        let facts = || witness.seen().and_then(|der| Facts::read(&der));
        match timeout(self.limit, shaking).await {
            Ok(Ok(_)) => Way::open(
                facts()
                    .and_then(|facts| self.ends_soon(&facts))
                    .into_iter()
                    .collect(),
            ),
            Ok(Err(error)) => Way::closed(self.mistrust(&error, facts())),
            Err(_) => {
                let message = format!(
                    "{} does not answer the TLS handshake within {:?}",
                    self.host, self.limit
                );
                Way::closed(self.error(message).fix(self.way_out()))
            }
        }
    }

    fn ends_soon(&self, facts: &Facts) -> Option<Finding> {
        let Age::Soon(days) = facts.age(SystemTime::now()) else {
            return None;
        };
        let message = format!(
            "its TLS certificate ends in {days} days, on {}",
            facts.end()
        );
        let finding = Finding::warning(&*self.provider.name, message);
        Some(finding.fix(format!("tell who runs {}", self.host)))
    }

    fn mistrust(&self, error: &io::Error, facts: Option<Facts>) -> Finding {
        let cause = error
            .get_ref()
            .and_then(|error| error.downcast_ref::<Error>());
        let Some(Error::InvalidCertificate(cause)) = cause else {
            let finding = self.error(format!("the TLS handshake fails: {error}"));
            return finding.fix("does this server speak TLS? If not, write http:// in base_url");
        };
        let finding = match cause {
            CertificateError::NotValidForNameContext { presented, .. } => {
                let names = presented
                    .iter()
                    .take(5)
                    .map(|name| self.quoted(name))
                    .collect::<Vec<_>>()
                    .join(", ");
                let message = format!(
                    "its TLS certificate is not for {}, but for {names}",
                    self.host
                );
                self.error(message)
                    .fix("write one of these names in base_url")
            }
            CertificateError::NotValidForName => self
                .error(format!("its TLS certificate is not for {}", self.host))
                .fix("write the name of its certificate in base_url"),
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                self.expired(facts.as_ref())
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => self
                .error("its TLS certificate is not valid yet")
                .fix("set the clock of this machine: `sudo timedatectl set-ntp true`"),
            CertificateError::UnknownIssuer | CertificateError::BadSignature => {
                self.stranger(facts.as_ref())
            }
            other => self
                .error(format!("its TLS certificate is refused: {other}"))
                .fix(format!("tell who runs {}", self.host)),
        };
        match facts {
            Some(facts) => finding.detail(format!("issued by {}", self.quoted(&facts.issuer))),
            None => finding,
        }
    }

    fn quoted(&self, text: &str) -> String {
        foreign::shown(text, &self.patient.redactor(), LONGEST_NAME)
    }

    fn expired(&self, facts: Option<&Facts>) -> Finding {
        let on = facts.map_or_else(String::new, |facts| format!(" on {}", facts.end()));
        let message = format!("its TLS certificate expired{on}");
        self.error(message).fix(format!(
            "tell who runs {}; or is this machine's clock wrong? It shows {}",
            self.host,
            day(SystemTime::now())
        ))
    }

    fn stranger(&self, facts: Option<&Facts>) -> Finding {
        let message = if facts.is_some_and(|facts| facts.is_self_signed) {
            "its TLS certificate is self-signed: nobody vouches for it"
        } else {
            "its TLS certificate is of an issuer that this machine does not know: a proxy of your company, \
             perhaps"
        };
        self.error(message).fix(
            "get the issuer's root certificate, and install it on this machine or \
             `export SSL_CERT_FILE=ROOTS.pem`",
        )
    }
}

/// What starts a local server of this kind.
fn wake(kind: &str) -> Option<&'static str> {
    Some(match kind {
        "ollama" => "ollama serve",
        "lmstudio" => "lms server start",
        "llamacpp" => "llama-server -m MODEL.gguf",
        "vllm" => "vllm serve MODEL",
        _ => return None,
    })
}
