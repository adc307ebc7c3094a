//! Zero-config: which providers the environment offers when there is no file.
//!
//! Pure: variables in, providers out, together with the questions (probes) that only a connection can
//! answer. What is found is written as the object that a file would hold and read by the same reader,
//! so the rules are the file's rules.

use super::diagnostic::{ConfigError, Diagnostic, Severity};
use super::environment::Environment;
use super::nearest::nearest;
use super::node::{Entry, Node, Text, Value};
use super::read::{At, Read};
use super::report::Report;
use super::section::keys::variable_of;
use super::section::provider::ProviderFile;
use super::section::root::standard_server_and_router;
use super::{Config, TunnelSettings, base_url};
use crate::provider::{Preset, Provider, preset};

/// A provider, and what it was found by.
#[derive(Debug, Clone)]
pub struct Found {
    /// The provider, as a file would have made it.
    pub provider: Provider,
    /// The variable or address it was found by, e.g. `OPENAI_API_KEY` or `127.0.0.1:11434`.
    pub origin: String,
    /// The variable that holds its key, if it has one.
    pub key_variable: Option<String>,
}

/// A question that only a connection can answer.
#[derive(Debug, Clone)]
pub enum Probe {
    /// Whether a model server answers on this port of loopback, and which of these kinds it is.
    Port {
        /// The port.
        port: u16,
        /// The kinds that use it, the usual one first.
        kinds: Vec<&'static Preset>,
    },
    /// Whether this address of a variable, on loopback, is a gateway like this one and so no provider.
    NotAutogw {
        /// The provider, if it is none.
        found: Box<Found>,
        /// How many of the providers that need no question come before it.
        after: usize,
    },
}

/// What the environment offers.
#[derive(Debug, Clone, Default)]
pub struct Discovery {
    /// Providers that need no further question, in the order in which they are tried.
    pub found: Vec<Found>,
    /// Questions still open.
    pub probes: Vec<Probe>,
    /// What was found and cannot be used.
    pub warnings: Vec<Diagnostic>,
}

/// Looks through `env`: `LLM_PROVIDERS` first, then well-known variables; local servers become probes.
pub fn discover(env: &Environment) -> Result<Discovery, ConfigError> {
    let mut discovery = Discovery::default();
    let mut errors = Vec::new();
    let candidates = listed(env).into_iter().chain(well_known(env));
    for mut candidate in candidates {
        let known = discovery.names().any(|name| name == candidate.name);
        if known {
            continue;
        }
        if let Some(lack) = candidate.lack.take() {
            errors.push(lack);
            continue;
        }
        let is_explicit = candidate.is_explicit;
        match candidate.read(env) {
            Ok((found, warnings)) => discovery.add(found, warnings),
            Err(faults) if is_explicit => errors.extend(faults),
            Err(faults) => discovery.pass_over(faults),
        }
    }
    if !errors.is_empty() {
        return Err(ConfigError {
            diagnostics: errors,
        });
    }
    let ports = discovery.free_ports();
    discovery.probes.extend(ports);
    Ok(discovery)
}

/// The configuration of `found`; `None` of them is an error that names the ways on.
pub fn zero_config(found: Vec<Found>, env: &Environment) -> Result<Config, ConfigError> {
    if found.is_empty() {
        return Err(nothing_found());
    }
    let mut report = Report::default();
    let (server, router) = standard_server_and_router(env, &mut report);
    if report.has_errors() {
        return Err(ConfigError {
            diagnostics: report.finish("", ""),
        });
    }
    Ok(Config {
        server,
        router,
        providers: found.into_iter().map(|found| found.provider).collect(),
        routes: Vec::new(),
        tunnels: TunnelSettings::default(),
    })
}

/// There is nobody to ask, and three ways on.
pub fn nothing_found() -> ConfigError {
    Diagnostic::error("no configuration file, and no provider was found")
        .with_hint(
            "run `autogw init`, set a variable such as OPENAI_API_KEY, or try `autogw start --demo`"
                .to_owned(),
        )
        .into()
}

/// The same, where a local server is installed that `command` would start.
pub fn nothing_found_awake(command: &str) -> ConfigError {
    Diagnostic::error("no configuration file, and no provider was found")
        .with_hint(format!(
            "a local server is installed but does not answer: run `{command}`; or run `autogw init`, \
             set a variable such as OPENAI_API_KEY, or try `autogw start --demo`"
        ))
        .into()
}

impl Discovery {
    /// Names of the providers so far, those of open questions included.
    fn names(&self) -> impl Iterator<Item = &str> {
        self.found
            .iter()
            .chain(self.open())
            .map(|found| &*found.provider.name)
    }

    /// What was only come across must not stop a start: its faults become warnings.
    fn pass_over(&mut self, faults: Vec<Diagnostic>) {
        let warning = |fault: Diagnostic| Diagnostic::warning(fault.message).with_hint(fault.hint);
        self.warnings.extend(faults.into_iter().map(warning));
    }

    fn add(&mut self, found: Found, warnings: Vec<Diagnostic>) {
        let preset = found.provider.preset;
        if !preset.is_available() {
            let message = format!(
                "{} (from {}) is not available yet",
                preset.kind, found.origin
            );
            self.warnings.push(Diagnostic::warning(message));
            return;
        }
        self.warnings.extend(warnings);
        let is_local = found
            .provider
            .base_url
            .as_ref()
            .is_some_and(base_url::is_loopback);
        if is_local {
            self.probes.push(Probe::NotAutogw {
                found: Box::new(found),
                after: self.found.len(),
            });
        } else {
            self.found.push(found);
        }
    }

    /// The ports to look at: those of the catalogue that no variable already leads to.
    fn free_ports(&self) -> Vec<Probe> {
        let taken: Vec<u16> = self
            .open()
            .filter_map(|found| found.provider.base_url.as_ref()?.port_or_known_default())
            .collect();
        let mut ports: Vec<u16> = Vec::new();
        for port in preset::PRESETS
            .iter()
            .flat_map(|preset| &preset.local_ports)
        {
            if !ports.contains(port) && !taken.contains(port) {
                ports.push(*port);
            }
        }
        let probe = |port| Probe::Port {
            port,
            kinds: kinds_on(port),
        };
        ports.into_iter().map(probe).collect()
    }

    /// Providers that wait for an answer.
    fn open(&self) -> impl Iterator<Item = &Found> {
        self.probes.iter().filter_map(|probe| match probe {
            Probe::NotAutogw { found, .. } => Some(&**found),
            Probe::Port { .. } => None,
        })
    }
}

/// The kinds of server that use `port`; whose first choice it is, comes first.
fn kinds_on(port: u16) -> Vec<&'static Preset> {
    let rank = |preset: &Preset| preset.local_ports.iter().position(|own| *own == port);
    let mut kinds: Vec<&'static Preset> = preset::PRESETS
        .iter()
        .filter(|preset| rank(preset).is_some())
        .collect();
    kinds.sort_by_key(|preset| rank(preset));
    kinds
}

/// The provider of a local server of kind `preset` that answered on `port`.
pub fn local_server(preset: &'static Preset, port: u16) -> Option<Found> {
    let origin = format!("127.0.0.1:{port}");
    let url = base_url::normalise(&format!("http://{origin}")).ok()?;
    let url = base_url::with_default_path(url, preset.default_path.as_deref());
    Some(Found {
        provider: Provider::new(&preset.kind, preset, Some(url)),
        origin,
        key_variable: None,
    })
}

/// A provider as the environment describes it: the fields of a file's object, and whence they come.
struct Candidate {
    name: String,
    origin: String,
    key_variable: Option<String>,
    /// Whether somebody listed it, so that its faults are theirs to mend.
    is_explicit: bool,
    /// What it cannot do without, where that is known before it is read.
    lack: Option<Diagnostic>,
    fields: Vec<(&'static str, Value)>,
    /// The variable behind a field, for faults.
    variable: Box<dyn Fn(&str) -> String>,
}

impl Candidate {
    fn read(self, env: &Environment) -> Result<(Found, Vec<Diagnostic>), Vec<Diagnostic>> {
        let mut report = Report::default();
        let node = object(self.fields);
        let at = At {
            node: &node,
            path: String::new(),
        };
        let provider = ProviderFile::read(&at, &mut report)
            .and_then(|provider| provider.resolve(env, &mut report));
        let is_valid = !report.has_errors();
        let said: Vec<Diagnostic> = report
            .finish("", "")
            .into_iter()
            .map(|said| in_terms_of_variables(&said, &self.variable))
            .collect();
        match provider {
            Some(provider) if is_valid => Ok((
                Found {
                    provider,
                    origin: self.origin,
                    key_variable: self.key_variable,
                },
                said,
            )),
            _ => Err(said),
        }
    }
}

fn in_terms_of_variables(said: &Diagnostic, variable: &dyn Fn(&str) -> String) -> Diagnostic {
    let message = match said.path.split(['.', '[']).next() {
        None | Some("") => said.message.clone(),
        Some(field) => format!("environment variable {}: {}", variable(field), said.message),
    };
    let translated = match said.severity {
        Severity::Error => Diagnostic::error(message),
        Severity::Warning => Diagnostic::warning(message),
    };
    translated.with_hint(said.hint.clone())
}

fn object(fields: Vec<(&'static str, Value)>) -> Node {
    let entry = |(key, value): (&str, Value)| Entry {
        key: key.to_owned(),
        key_span: 0..0,
        value: Node { value, span: 0..0 },
    };
    Node {
        value: Value::Object(fields.into_iter().map(entry).collect()),
        span: 0..0,
    }
}

/// Text that came out of a variable.
fn text(value: &str) -> Value {
    Value::Text(Text {
        text: value.to_owned(),
        expanded: true,
    })
}

/// `LLM_PROVIDERS=a,b` and `LLM_PROVIDER_{id}_…`, the id as written or in capitals.
fn listed(env: &Environment) -> Vec<Candidate> {
    let ids = env
        .filled("LLM_PROVIDERS")
        .unwrap_or_default()
        .split(',')
        .map(str::trim);
    ids.filter(|id| !id.is_empty())
        .map(|id| listed_one(id, env))
        .collect()
}

/// The fields that have a variable of their own.
const LISTED_FIELDS: [(&str, &str); 6] = [
    ("BASE_URL", "base_url"),
    ("API_KEY", "api_key"),
    ("MODELS_PATH", "models_path"),
    ("WEIGHT", "weight"),
    ("REGION", "region"),
    ("RETRYABLE_STATUS_CODES", "retryable_status_codes"),
];

fn listed_one(id: &str, env: &Environment) -> Candidate {
    let capitals = id.to_ascii_uppercase().replace('-', "_");
    let variable = |suffix: &str| {
        let names = [
            format!("LLM_PROVIDER_{id}_{suffix}"),
            format!("LLM_PROVIDER_{capitals}_{suffix}"),
        ];
        names.into_iter().find(|name| env.filled(name).is_some())
    };
    let get = |suffix: &str| variable(suffix).and_then(|name| env.filled(&name));
    let preset = preset::find(&id.to_ascii_lowercase()).filter(|preset| !preset.is_simulated());
    let kind = preset.map_or("openai_compatible", |preset| preset.kind.as_str());
    let name = get("NAME").unwrap_or(id).to_owned();
    let mut fields = vec![("type", text(kind)), ("name", text(&name))];
    for (suffix, field) in LISTED_FIELDS {
        fields.extend(get(suffix).map(|value| (field, text(value))));
    }
    fields.extend(get("MAX_QPS").map(|value| ("max_rpm", per_minute(value))));
    let owner = id.to_owned();
    Candidate {
        name,
        origin: "LLM_PROVIDERS".to_owned(),
        key_variable: variable("API_KEY").or_else(|| key_variable(preset?, env)),
        is_explicit: true,
        lack: lack_of_address(id, preset, get("BASE_URL"), env),
        fields,
        variable: Box::new(move |field| match field {
            "max_rpm" => format!("LLM_PROVIDER_{owner}_MAX_QPS"),
            field => format!("LLM_PROVIDER_{owner}_{}", field.to_ascii_uppercase()),
        }),
    }
}

/// Somebody listed `id`, and no variable says where it is.
fn lack_of_address(
    id: &str,
    preset: Option<&Preset>,
    address: Option<&str>,
    env: &Environment,
) -> Option<Diagnostic> {
    let variable = preset.and_then(|preset| preset.base_url_variable.as_deref());
    let is_known = preset.is_some_and(|preset| preset.base_url.is_some())
        || variable.is_some_and(|name| env.filled(name).is_some());
    if is_known || address.is_some() {
        return None;
    }
    let own = format!("LLM_PROVIDER_{id}_BASE_URL");
    let message = format!("LLM_PROVIDERS lists `{id}`, but {own} is not set");
    let kinds = preset::PRESETS.iter().map(|preset| preset.kind.as_str());
    let hint = match (variable, nearest(id, kinds)) {
        (Some(variable), _) => format!("set {own} or {variable} to its address"),
        (None, Some(near)) => format!("set it to its address; or did you mean `{near}`?"),
        (None, None) => "set it to its address, such as https://example.com/v1".to_owned(),
    };
    Some(Diagnostic::error(message).with_hint(hint))
}

fn key_variable(preset: &Preset, env: &Environment) -> Option<String> {
    variable_of(preset, env).map(|(name, _)| name.to_owned())
}

/// A rate per second as one per minute; what is no number is left for the reader to refuse.
fn per_minute(value: &str) -> Value {
    value.parse::<f64>().map_or_else(
        |_| text(value),
        |per_second| text(&format!("{:.0}", per_second * 60.0)),
    )
}

/// Presets whose key or address a variable holds.
fn well_known(env: &Environment) -> Vec<Candidate> {
    preset::PRESETS
        .iter()
        .filter_map(|preset| well_known_one(preset, env))
        .collect()
}

fn well_known_one(preset: &'static Preset, env: &Environment) -> Option<Candidate> {
    let address_variable = preset.base_url_variable.as_deref();
    let address = address_variable.filter(|name| env.filled(name).is_some());
    let key = key_variable(preset, env);
    let origin = key.clone().or_else(|| address.map(str::to_owned))?;
    if preset.base_url.is_none() && address.is_none() {
        return None;
    }
    let mut fields = vec![("type", text(&preset.kind))];
    fields.extend(address.and_then(|name| Some(("base_url", text(env.filled(name)?)))));
    if key.is_none() {
        fields.push(("api_key", Value::Null));
    }
    let variable = address_variable.unwrap_or_default().to_owned();
    Some(Candidate {
        name: preset.kind.clone(),
        origin,
        key_variable: key,
        is_explicit: false,
        lack: None,
        fields,
        variable: Box::new(move |_| variable.clone()),
    })
}
