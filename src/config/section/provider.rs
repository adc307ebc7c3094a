//! `providers[]`: one upstream as written, and as resolved against its preset and the environment.

use http::HeaderValue;
use serde_json::json;
use url::Url;

use super::keys::{KeysFile, take_keys};
use super::merge::{ExtraBody, ExtraHeaders, header_value};
use crate::config::base_url;
use crate::config::demo::demo_models;
use crate::config::environment::Environment;
use crate::config::nearest::nearest;
use crate::config::read::{At, Object, Read, Section, Written};
use crate::config::report::{Place, Report};
use crate::config::scalar::{Amount, Whole, address};
use crate::config::units::Span;
use crate::provider::{DemoProfile, Models, Preset, Provider, Secret, StatusSet, preset};

/// A provider as written.
#[derive(Debug)]
pub(in crate::config) struct ProviderFile {
    place: Place,
    kind: Option<(Kind, Place)>,
    name: Written<Placed<Name>>,
    base_url: Written<BaseUrl>,
    keys: KeysFile,
    models: Option<Models>,
    extra_body: Option<ExtraBody>,
    extra_headers: Option<ExtraHeaders>,
    weight: Option<Amount>,
    region: Option<String>,
    timeout: Option<Span>,
    max_concurrency: Option<Whole<1, 1_000_000>>,
    max_rpm: Option<Whole<1, 1_000_000>>,
    retryable_status_codes: Option<StatusSet>,
    models_path: Option<ModelsPath>,
    proxy: Option<Proxy>,
    user_agent: Option<UserAgent>,
    demo: Option<(DemoProfile, Place)>,
}

impl Section for ProviderFile {
    const WHAT: &'static str = "a provider (an object)";

    fn fields(object: &mut Object<'_>, report: &mut Report) -> Option<Self> {
        let kind = object.required::<Placed<Kind>>("type", report);
        Some(Self {
            place: object.place(),
            kind: kind.map(|placed| (placed.value, placed.place)),
            name: object.written("name", report),
            base_url: object.written("base_url", report),
            keys: take_keys(object, report),
            models: object.take("models", report),
            extra_body: object.take("extra_body", report),
            extra_headers: object.take("extra_headers", report),
            weight: object.take("weight", report),
            region: object.take("region", report),
            timeout: object.take("timeout", report),
            max_concurrency: object.take("max_concurrency", report),
            max_rpm: object.take("max_rpm", report),
            retryable_status_codes: object.take("retryable_status_codes", report),
            models_path: object.take("models_path", report),
            proxy: object.take("proxy", report),
            user_agent: object.take("user_agent", report),
            demo: object.take_at("demo", report),
        })
    }
}

impl ProviderFile {
    /// Its routing id and where that is said, known as soon as it has a name or a type.
    pub(super) fn id(&self) -> Option<(String, Place)> {
        match &self.name {
            Written::Given(name) => Some((name.value.0.clone(), name.place.clone())),
            Written::Faulty => None,
            Written::Absent => {
                let (kind, place) = self.kind.as_ref()?;
                kind.names_itself()
                    .then(|| (kind.0.kind.clone(), place.clone()))
            }
        }
    }

    /// The provider with its preset's defaults. `None` after reporting what it lacks.
    pub(in crate::config) fn resolve(
        self,
        env: &Environment,
        report: &mut Report,
    ) -> Option<Provider> {
        let id = self.id();
        let (kind, _) = self.kind?;
        let preset = kind.0;
        if id.is_none() && matches!(self.name, Written::Absent) {
            report.error(&self.place, "`name` is missing");
        }
        let base_url = resolve_base_url(self.base_url, preset, env).unwrap_or_else(|| {
            report.error(&self.place, missing_base_url(preset, env));
            None
        });
        let (name, _) = id?;
        let standard = Provider::new(&name, preset, base_url);
        Some(Provider {
            keys: self.keys.resolve(preset, &self.place, env, report),
            models: self.models.unwrap_or_else(|| standard_models(preset)),
            extra_body: self.extra_body.unwrap_or_default().0,
            extra_headers: self.extra_headers.unwrap_or_default().0,
            weight: self.weight.map_or(standard.weight, |weight| weight.0),
            region: self.region,
            timeout: self.timeout.map(|span| span.0),
            max_concurrency: self.max_concurrency.map(|limit| limit.0),
            max_rpm: self.max_rpm.map(|limit| limit.0),
            retryable_status_codes: self.retryable_status_codes,
            models_path: self.models_path.map_or(standard.models_path, |path| path.0),
            proxy: self.proxy.map(|proxy| proxy.0),
            user_agent: self.user_agent.map(|agent| agent.0),
            demo: resolve_demo(self.demo, preset, report),
            ..standard
        })
    }
}

fn standard_models(preset: &Preset) -> Models {
    if preset.is_simulated() {
        Models::Listed(demo_models())
    } else {
        Models::Everything
    }
}

fn resolve_demo(
    written: Option<(DemoProfile, Place)>,
    preset: &Preset,
    report: &mut Report,
) -> Option<DemoProfile> {
    if preset.is_simulated() {
        return Some(written.map_or_else(DemoProfile::default, |(profile, _)| profile));
    }
    if let Some((_, place)) = written {
        report.error(&place, "only a provider of type demo is simulated");
    }
    None
}

/// The address; the outer `None` if there should be one and is none.
#[expect(
    clippy::option_option,
    reason = "having no address and lacking one are two things"
)]
fn resolve_base_url(
    written: Written<BaseUrl>,
    preset: &Preset,
    env: &Environment,
) -> Option<Option<Url>> {
    let url = match written {
        Written::Faulty => return Some(None),
        Written::Given(url) => Some(url.0),
        Written::Absent => default_base_url(preset, env),
    };
    let url = url.map(|url| base_url::with_default_path(url, preset.default_path.as_deref()));
    (url.is_some() || preset.is_simulated()).then_some(url)
}

/// The preset's base URL. Its variable counts only where the preset has none of its own: `OPENAI_BASE_URL`
/// often points programs at this very gateway, which must not become its own upstream.
fn default_base_url(preset: &Preset, env: &Environment) -> Option<Url> {
    let own = preset.base_url.as_deref();
    let variable = || env.filled(preset.base_url_variable.as_deref()?);
    base_url::normalise(own.or_else(variable)?).ok()
}

fn missing_base_url(preset: &Preset, env: &Environment) -> String {
    match &preset.base_url_variable {
        Some(name) if env.filled(name).is_none() => {
            format!("`base_url` is missing, and {name} is not set")
        }
        Some(name) => format!("`base_url` is missing, and {name} is not a usable address"),
        None => "`base_url` is missing".to_owned(),
    }
}

/// A value with its place.
#[derive(Debug)]
struct Placed<T> {
    value: T,
    place: Place,
}

impl<T: Read> Read for Placed<T> {
    fn read(at: &At<'_>, report: &mut Report) -> Option<Self> {
        Some(Self {
            value: T::read(at, report)?,
            place: at.place(),
        })
    }

    fn schema() -> serde_json::Value {
        T::schema()
    }
}

/// The row of the catalogue that `type` names.
#[derive(Debug, Clone, Copy)]
struct Kind(&'static Preset);

impl Kind {
    /// Whether the type says enough to be a name: a generic one does not.
    fn names_itself(self) -> bool {
        self.0.kind != "openai_compatible"
    }
}

impl Read for Kind {
    fn read(at: &At<'_>, report: &mut Report) -> Option<Self> {
        let text = String::read(at, report)?;
        if let Some(preset) = preset::find(&text) {
            return Some(Self(preset));
        }
        let kinds = || preset::PRESETS.iter().map(|preset| preset.kind.as_str());
        let hint = match nearest(&text, kinds()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("known types: {}", kinds().collect::<Vec<_>>().join(", ")),
        };
        let message = format!("{} is not a known provider type", at.quoted());
        report.error(&at.place(), message).hint(hint);
        None
    }

    fn schema() -> serde_json::Value {
        let kinds: Vec<&str> = preset::PRESETS.iter().map(|p| p.kind.as_str()).collect();
        json!({ "enum": kinds })
    }
}

/// A routing id: it goes into a header, and before the `/` of a model.
#[derive(Debug)]
struct Name(String);

impl Read for Name {
    fn read(at: &At<'_>, report: &mut Report) -> Option<Self> {
        let name = String::read(at, report)?.trim().to_owned();
        if !name
            .bytes()
            .all(|byte| byte.is_ascii_graphic() || byte == b' ')
        {
            report.error(&at.place(), "a provider's name is plain ASCII text");
            return None;
        }
        if name.contains(['/', ',']) {
            let message = "with `/` or `,` in its name it cannot be asked for as provider/model";
            report.warning(&at.place(), message);
        }
        Some(Self(name))
    }

    fn schema() -> serde_json::Value {
        String::schema()
    }
}

#[derive(Debug)]
struct BaseUrl(Url);

impl Read for BaseUrl {
    fn read(at: &At<'_>, report: &mut Report) -> Option<Self> {
        let text = String::read(at, report)?;
        match base_url::normalise(&text) {
            Ok(url) => {
                if url.scheme() == "http" && !base_url::is_private(&url) {
                    report
                        .warning(
                            &at.place(),
                            "plain http to a public host: keys and prompts can be read on the way",
                        )
                        .hint("use https://");
                }
                Some(Self(url))
            }
            Err(error) => {
                report.error(&at.place(), error.to_string());
                None
            }
        }
    }

    fn schema() -> serde_json::Value {
        String::schema()
    }
}

/// A path under the base URL; the leading slash may be left out.
#[derive(Debug)]
struct ModelsPath(String);

impl Read for ModelsPath {
    fn read(at: &At<'_>, report: &mut Report) -> Option<Self> {
        let text = String::read(at, report)?;
        let path = text.trim();
        if path.contains("://") || path.contains(char::is_whitespace) {
            report
                .error(
                    &at.place(),
                    format!("{} is not a path under base_url", at.quoted()),
                )
                .hint("for example /models");
            return None;
        }
        Some(Self(format!("/{}", path.trim_start_matches('/'))))
    }

    fn schema() -> serde_json::Value {
        String::schema()
    }
}

/// Where a SOCKS proxy listens when nothing else is said (RFC 1928).
const SOCKS_PORT: u16 = 1080;

/// An address that connections can be opened through: user name and password may be in it.
#[derive(Debug)]
struct Proxy(Url);

impl Read for Proxy {
    fn read(at: &At<'_>, report: &mut Report) -> Option<Self> {
        let mut url = address(at, &["http", "socks5", "socks5h"], report)?;
        if let Some(password) = url.password() {
            at.note_secret(&Secret::new(password), report);
        }
        if url.port().is_none() && url.scheme() != "http" {
            // The scheme has no default of its own, and 80 would be taken. Cannot fail: there is a host.
            let _ = url.set_port(Some(SOCKS_PORT));
        }
        Some(Self(url))
    }

    fn schema() -> serde_json::Value {
        String::schema()
    }
}

#[derive(Debug)]
struct UserAgent(HeaderValue);

impl Read for UserAgent {
    fn read(at: &At<'_>, report: &mut Report) -> Option<Self> {
        header_value(at, report).map(Self)
    }

    fn schema() -> serde_json::Value {
        String::schema()
    }
}
