//! The settings of a tunnel, read once and found usable.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ngrok::Session;
use ngrok::session::SessionBuilder;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

use crate::config::{Authtoken, Ngrok};
use crate::provider::Redactor;
use crate::telemetry::foreign::{self, LONGEST_QUOTE};
use crate::telemetry::tunnel::Trouble;

/// Where agents connect that name no region: ngrok's DNS leads to the nearest.
const NEAREST: &str = "connect.ngrok-agent.com:443";

/// Longest name of a region, with room to grow (`us-cal-1`).
const LONGEST_REGION: usize = 24;

const REGIONS: &str = "us, us-cal-1, eu, ap, au, sa, jp and in; leave it out for the nearest";

const DASHBOARD: &str = "https://dashboard.ngrok.com/get-started/your-authtoken";

const NO_TOKEN: &str = "set NGROK_AUTHTOKEN or `extra.tunnels.ngrok_authtoken`, or run `ngrok config add-authtoken …`; \
    yours is at https://dashboard.ngrok.com/get-started/your-authtoken";

/// How a tunnel is opened.
pub(super) struct Plan {
    builder: SessionBuilder,
    token: Authtoken,
    domain: Option<String>,
    place: String,
    has_own_address: bool,
    region: Option<String>,
    ca_file: Option<PathBuf>,
    redactor: Redactor,
}

impl Plan {
    /// A plan from `settings`, or what is wrong with them.
    pub(super) fn new(settings: &Ngrok) -> Result<Self, Trouble> {
        let token = token(settings)?;
        let place = place(settings)?;
        let mut builder = Session::builder();
        builder.authtoken(token.secret.expose().trim());
        builder.client_info("autogw", env!("CARGO_PKG_VERSION"), None::<String>);
        if builder.server_addr(&place).is_err() {
            let message = format!("`{place}` is no address where ngrok could be");
            return Err(Trouble::new(message).with_hint("write it as `host:port`"));
        }
        if let Some(file) = &settings.ca_file {
            builder.tls_config(trusting(file)?);
        }
        Ok(Self {
            builder,
            domain: domain(settings)?,
            place,
            has_own_address: settings.server_addr.is_some(),
            region: settings.region.clone(),
            ca_file: settings.ca_file.clone(),
            redactor: Redactor::new([&token.secret]),
            token,
        })
    }

    /// What a session is built with.
    pub(super) fn builder(&self) -> SessionBuilder {
        self.builder.clone()
    }

    /// Whether the ingress is not ngrok's own.
    pub(super) fn has_own_address(&self) -> bool {
        self.has_own_address
    }

    /// The domain that is asked for.
    pub(super) fn domain(&self) -> Option<&str> {
        self.domain.as_deref()
    }

    /// `host:port` of ngrok.
    pub(super) fn place(&self) -> &str {
        &self.place
    }

    /// Foreign text that can be shown.
    pub(super) fn foreign(&self, text: &str) -> String {
        foreign::shown(text, &self.redactor, LONGEST_QUOTE)
    }

    /// Which token was used, without showing it, and where the right one is.
    pub(super) fn token_hint(&self) -> String {
        let (origin, length) = (
            &self.token.origin,
            self.token.secret.expose().chars().count(),
        );
        format!("it came from {origin} ({length} characters); yours is at {DASHBOARD}")
    }

    /// What to check when an address that was configured leads nowhere.
    pub(super) fn address_hint(&self) -> Option<&'static str> {
        self.has_own_address
            .then_some("check `server_addr` of the tunnel")
    }

    /// What to check when the name of that place is not known.
    pub(super) fn name_hint(&self) -> Option<String> {
        let region = || {
            let region = self.region.as_deref()?.trim();
            Some(format!(
                "check `region` of the tunnel, `{region}`: ngrok has {REGIONS}"
            ))
        };
        self.address_hint().map(str::to_owned).or_else(region)
    }

    /// What to check when ngrok's certificate is not trusted.
    pub(super) fn authority_hint(&self) -> &'static str {
        if self.ca_file.is_some() {
            "check that the tunnel's `ca_file` holds the authority that signed it"
        } else {
            "something on the way replaces certificates: name its authority as the tunnel's `ca_file`"
        }
    }
}

fn token(settings: &Ngrok) -> Result<Authtoken, Trouble> {
    let token = settings.authtoken.clone();
    let token = token.filter(|token| !token.secret.expose().trim().is_empty());
    token.ok_or_else(|| Trouble::new("ngrok needs an authtoken").with_hint(NO_TOKEN))
}

fn place(settings: &Ngrok) -> Result<String, Trouble> {
    if let Some(address) = &settings.server_addr {
        return Ok(bare(address).to_owned());
    }
    let Some(region) = &settings.region else {
        return Ok(NEAREST.to_owned());
    };
    let region = region.trim().to_ascii_lowercase();
    let is_name = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    if region.is_empty() || region.len() > LONGEST_REGION || !region.bytes().all(is_name) {
        let trouble = Trouble::new("the tunnel's `region` is none of ngrok's");
        return Err(trouble.with_hint(format!("ngrok has {REGIONS}")));
    }
    Ok(format!("connect.{region}.ngrok-agent.com:443"))
}

fn domain(settings: &Ngrok) -> Result<Option<String>, Trouble> {
    let Some(domain) = &settings.domain else {
        return Ok(None);
    };
    let bare = bare(domain);
    let is_odd = |c: char| c.is_whitespace() || c.is_control() || "/@?#\\".contains(c);
    if bare.is_empty() || bare.contains(is_odd) {
        let message = format!("`{}` is no domain", domain.escape_debug());
        return Err(Trouble::new(message).with_hint("write it as `example.ngrok.app`"));
    }
    Ok(Some(bare.to_owned()))
}

/// Without what people copy along with a name from their browser.
fn bare(text: &str) -> &str {
    let text = text.trim();
    let text = text.strip_prefix("https://").unwrap_or(text);
    text.strip_prefix("http://")
        .unwrap_or(text)
        .trim_end_matches('/')
}

/// Trusts the authorities in `file`, and nobody else.
fn trusting(file: &Path) -> Result<ClientConfig, Trouble> {
    let problem =
        |why: String| Trouble::new(format!("the tunnel's ca_file {} {why}", file.display()));
    let bad = |why| problem(why).with_hint("it must hold certificates in PEM format");
    let pem = std::fs::read(file).map_err(|error| {
        problem(format!("cannot be read: {error}")).with_hint("correct `ca_file` of the tunnel")
    })?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let added = certificate.map_err(|error| bad(format!("is no PEM file: {error}")));
        let added = roots.add(added?);
        added.map_err(|error| bad(format!("holds a bad certificate: {error}")))?;
    }
    if roots.is_empty() {
        return Err(bad("holds no certificate".to_owned()));
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.map_err(|error| bad(format!("cannot be used: {error}")))?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::Secret;

    fn settings() -> Ngrok {
        Ngrok {
            authtoken: Some(Authtoken {
                secret: Secret::new("a-token"),
                origin: "NGROK_AUTHTOKEN".to_owned(),
            }),
            ..Ngrok::default()
        }
    }

    #[track_caller]
    fn message(settings: &Ngrok) -> String {
        let plan = Plan::new(settings).map(|_| ());
        plan.expect_err("not a plan").message
    }

    #[test]
    fn a_tunnel_needs_a_token() {
        assert_eq!(message(&Ngrok::default()), "ngrok needs an authtoken");
        let mut empty = settings();
        empty.authtoken.as_mut().expect("set above").secret = Secret::new(" ");
        assert_eq!(message(&empty), "ngrok needs an authtoken");
    }

    #[test]
    fn a_region_becomes_its_ingress() {
        let mut settings = settings();
        let place = |settings: &Ngrok| Plan::new(settings).expect("a plan").place;
        assert_eq!(place(&settings), NEAREST);
        settings.region = Some("EU ".to_owned());
        assert_eq!(place(&settings), "connect.eu.ngrok-agent.com:443");
        settings.server_addr = Some("https://tunnels.example.com:8443/".to_owned());
        assert_eq!(place(&settings), "tunnels.example.com:8443");
        settings.server_addr = None;
        for region in ["", "e.vil", "eu/../x"] {
            settings.region = Some(region.to_owned());
            assert!(message(&settings).contains("region"), "{region}");
        }
    }

    #[test]
    fn where_a_name_is_not_known_what_was_configured_is_named() {
        let mut settings = settings();
        let hint = |settings: &Ngrok| Plan::new(settings).expect("a plan").name_hint();
        assert_eq!(hint(&settings), None);
        settings.region = Some("uk".to_owned());
        let region = hint(&settings).expect("a hint");
        assert!(
            region.starts_with("check `region` of the tunnel, `uk`"),
            "{region}"
        );
        settings.region = None;
        settings.server_addr = Some("tunnels.example.com:8443".to_owned());
        let address = hint(&settings).expect("a hint");
        assert_eq!(address, "check `server_addr` of the tunnel");
    }

    #[test]
    fn a_domain_is_taken_as_people_paste_it() {
        let mut settings = settings();
        settings.domain = Some(" https://a.ngrok.app/ ".to_owned());
        let plan = Plan::new(&settings).expect("a plan");
        assert_eq!(plan.domain(), Some("a.ngrok.app"));
        for domain in ["", "https://", "a.app/path", "a b", "a\u{1b}b"] {
            settings.domain = Some(domain.to_owned());
            assert!(message(&settings).ends_with("is no domain"), "{domain}");
        }
    }

    #[test]
    fn an_address_must_be_one() {
        let mut settings = settings();
        for address in ["", "[::1]:443", "a b:1", "host:port"] {
            settings.server_addr = Some(address.to_owned());
            assert!(message(&settings).contains("is no address"), "{address}");
        }
    }
}
