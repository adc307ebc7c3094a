//! The way to a provider, step by step: its name, a connection, the handshake. The first that fails is told.

use std::io;
use std::net::{IpAddr, SocketAddr};
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

/// What mends a machine that knows no names.
pub(super) const ASK_THE_NAME_SERVERS: &str =
    "check the network, and the name servers in /etc/resolv.conf";

/// Letters that are quoted of a name in a certificate.
const LONGEST_NAME: usize = 120;

/// What the way to `provider` showed.
pub(super) struct Way {
    /// What was found on it.
    pub(super) findings: Vec<Finding>,
    /// Whether requests come through.
    pub(super) is_open: bool,
    /// What became of the name.
    pub(super) lookup: Lookup,
}

/// What the name servers said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Lookup {
    /// Nobody had to ask them.
    NotNeeded,
    /// They know the name.
    Known,
    /// They do not know this name, or do not answer.
    Unknown(String),
}

impl Way {
    fn closed(finding: Finding) -> Self {
        Self {
            is_open: false,
            ..Self::open(vec![finding])
        }
    }

    fn open(findings: Vec<Finding>) -> Self {
        Self {
            findings,
            is_open: true,
            lookup: Lookup::Known,
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
    let addresses = match step.look_up().await {
        Ok(addresses) => addresses,
        Err(finding) => {
            return Way {
                findings: vec![*finding],
                is_open: false,
                lookup: Lookup::Unknown(step.host.to_owned()),
            };
        }
    };
    let way = step.walk(&addresses, url).await;
    if step.has_a_name() {
        return way;
    }
    Way {
        lookup: Lookup::NotNeeded,
        ..way
    }
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

    /// Whether name servers are asked for it.
    fn has_a_name(&self) -> bool {
        self.host != "localhost" && self.host.parse::<IpAddr>().is_err()
    }

    async fn look_up(&self) -> Result<Vec<SocketAddr>, Box<Finding>> {
        match timeout(self.limit, lookup_host((self.host, self.port))).await {
            Ok(Ok(addresses)) => Ok(addresses.collect()),
            Ok(Err(_)) => Err(Box::new(self.unknown_host())),
            Err(_) => {
                let message = format!("nobody says within {:?} where {} is", self.limit, self.host);
                Err(Box::new(self.error(message).fix(ASK_THE_NAME_SERVERS)))
            }
        }
    }

    /// The steps after the name.
    async fn walk(&self, addresses: &[SocketAddr], url: &Url) -> Way {
        let tcp = match timeout(self.limit, TcpStream::connect(addresses)).await {
            Ok(Ok(tcp)) => tcp,
            Ok(Err(error)) => return Way::closed(self.unreachable(&error)),
            Err(_) => return Way::closed(self.no_connection()),
        };
        // What a proxy's tunnel leads to is seen by the requests.
        if self.provider.proxy.is_some() || url.scheme() != "https" {
            return Way::open(Vec::new());
        }
        self.shake_hands(tcp).await
    }

    fn unknown_host(&self) -> Finding {
        let finding = self.error(format!("there is no host {}", self.host));
        if let Some(proxy) = unobeyed_proxy(self.patient, self.provider) {
            return finding.fix(proxy);
        }
        if self.is_usual() {
            return finding.fix(ASK_THE_NAME_SERVERS);
        }
        let setting = self.setting();
        let fix = "of the provider; if it is right, check the network and DNS";
        finding.fix(format!("correct {setting} {fix}"))
    }

    /// Whether it is the vendor's own host, which nobody has misspelt.
    fn is_usual(&self) -> bool {
        let usual = self.provider.preset.base_url.as_deref();
        let usual = usual.and_then(|text| Url::parse(text).ok());
        usual.is_some_and(|usual| usual.host_str() == Some(self.host))
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
        unobeyed_proxy(self.patient, self.provider)
            .unwrap_or_else(|| format!("check the network, and {} of the provider", self.setting()))
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
        if let Some(Error::InvalidMessage(_)) = cause {
            let message = format!("{}:{} does not speak TLS", self.host, self.port);
            let fix = "write http:// in base_url, or the port of its TLS";
            return self.error(message).fix(fix);
        }
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

/// How `provider` is led through the proxy that a variable names, if it is not yet.
pub(super) fn unobeyed_proxy(patient: &Patient, provider: &Provider) -> Option<String> {
    let mut names = PROXIES.iter();
    let name = names.find(|name| patient.env.filled(name).is_some())?;
    let fix =
        format!("set proxy of the provider to \"${{{name}}}\": the variable alone is not obeyed");
    provider.proxy.is_none().then_some(fix)
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
