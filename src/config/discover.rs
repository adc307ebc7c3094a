//! Zero-config: which providers the environment offers when there is no file.
//!
//! Variables in, providers out, together with the questions (probes) that only a connection can
//! answer. What is found is written as the object that a file would hold and read by the same reader,
//! so the rules are the file's rules.

mod candidate;

use super::diagnostic::{ConfigError, Diagnostic};
use super::environment::Environment;
use super::report::Report;
use super::section::root::standard_server_and_router;
use super::{Config, Ngrok, Origins, Tunnels, authtoken, base_url};
use crate::provider::{Preset, Provider, preset};
use candidate::{listed, well_known};

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
    let mut origins = Origins::default();
    for (index, one) in found.iter().enumerate() {
        origins.found(index, &one.origin, env);
    }
    let mut config = Config {
        server,
        router,
        providers: found.into_iter().map(|found| found.provider).collect(),
        routes: Vec::new(),
        tunnels: Tunnels {
            ngrok: Ngrok {
                authtoken: authtoken::find(None, env),
                ..Ngrok::default()
            },
            ..Tunnels::default()
        },
        origins: Box::default(),
    };
    origins.fill(&config, env);
    config.origins = Box::new(origins);
    Ok(config)
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
