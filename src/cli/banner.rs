//! What `start` says when the gateway is up: where it is, what it serves, and what to type next.
//!
//! A [`Banner`] is plain data; [`Banner::render`] draws it for a person, [`Banner::to_json`] for a
//! program. No key appears in either, except the one made for this run, once, on a terminal.

mod text;

use std::path::PathBuf;

use serde_json::json;

use crate::app::{Address, MadeKey};
use crate::config::{Config, Diagnostic, Tunnel};
use crate::provider::{Models, Provider};
use crate::telemetry::tunnel::Status;

/// What there is to say about a gateway that just started.
#[derive(Debug, Clone)]
pub struct Banner {
    /// Where clients reach it.
    pub address: Address,
    /// A certificate that nobody trusts who is not told to.
    pub self_signed: Option<PathBuf>,
    /// What clients have to present.
    pub client_key: ClientKey,
    /// Upstreams in config order.
    pub providers: Vec<ProviderLine>,
    /// In which order they are tried.
    pub strategy: &'static str,
    /// The public door that is being opened.
    pub tunnel: Option<(Tunnel, Status)>,
    /// Where the configuration came from.
    pub origin: Origin,
    /// The log file of today.
    pub log_file: Option<PathBuf>,
    /// What deserves a look.
    pub warnings: Vec<Diagnostic>,
    /// The model of the example.
    pub example_model: String,
}

/// What a client has to present.
#[derive(Debug, Clone)]
pub enum ClientKey {
    /// Nothing: only this machine can reach the gateway.
    Open,
    /// Nothing, and others can reach it.
    Public,
    /// One of the keys of `server.api_key`.
    Configured,
    /// A key made for this run.
    Made(MadeKey),
}

/// Where a configuration came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// This file.
    File(PathBuf),
    /// Zero-config: what was found, e.g. `OPENAI_API_KEY` or `Ollama on port 11434`.
    Found(Vec<String>),
    /// The built-in simulation.
    Demo,
}

/// A provider in one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderLine {
    /// Its routing id.
    pub name: String,
    /// Its `type`.
    pub kind: String,
    /// How many keys it has.
    pub keys: usize,
    /// Model names; `None` = whatever the upstream lists.
    pub models: Option<Vec<String>>,
}

impl From<&Provider> for ProviderLine {
    fn from(provider: &Provider) -> Self {
        Self {
            name: provider.name.to_string(),
            kind: provider.preset.kind.clone(),
            keys: provider.keys.len(),
            models: match &provider.models {
                Models::Everything => None,
                Models::Listed(models) => Some(models.iter().map(|m| m.name.clone()).collect()),
            },
        }
    }
}

/// What a banner needs beside the configuration.
#[derive(Debug, Clone)]
pub struct Circumstances {
    /// Where clients reach the gateway.
    pub address: Address,
    /// A certificate that nobody trusts who is not told to.
    pub self_signed: Option<PathBuf>,
    /// What clients have to present.
    pub client_key: ClientKey,
    /// The public door that is being opened.
    pub tunnel: Option<(Tunnel, Status)>,
    /// Where the configuration came from.
    pub origin: Origin,
    /// The log file of today.
    pub log_file: Option<PathBuf>,
    /// What deserves a look.
    pub warnings: Vec<Diagnostic>,
}

impl Banner {
    /// The banner of a gateway that runs `config`.
    pub fn new(config: &Config, circumstances: Circumstances) -> Self {
        let providers: Vec<ProviderLine> = config.providers.iter().map(Into::into).collect();
        let default_model = config.router.default_model.clone();
        let first_listed = || {
            providers
                .iter()
                .find_map(|p| p.models.as_ref()?.first().cloned())
        };
        Self {
            address: circumstances.address,
            self_signed: circumstances.self_signed,
            client_key: circumstances.client_key,
            strategy: config.router.strategy.name(),
            tunnel: circumstances.tunnel,
            origin: circumstances.origin,
            log_file: circumstances.log_file,
            warnings: circumstances.warnings,
            example_model: default_model
                .or_else(first_listed)
                .unwrap_or_else(|| "auto".to_owned()),
            providers,
        }
    }

    /// The banner for programs. `url` is null on a Unix socket.
    pub fn to_json(&self) -> serde_json::Value {
        let socket = match &self.address {
            Address::Tcp(_) | Address::Tls(..) => None,
            Address::Unix(path) => Some(path),
        };
        let (state, file) = match &self.client_key {
            ClientKey::Open => ("open", None),
            ClientKey::Public => ("public", None),
            ClientKey::Configured => ("configured", None),
            ClientKey::Made(MadeKey::Shown(_)) => ("made", None),
            ClientKey::Made(MadeKey::Kept(path)) => ("made", Some(path)),
        };
        json!({
            "version": env!("CARGO_PKG_VERSION"),
            "url": self.address.url(),
            "socket": socket,
            "client_key": { "state": state, "file": file },
            "providers": self.providers.iter().map(provider_json).collect::<Vec<_>>(),
            "strategy": self.strategy,
            "tunnel": self.tunnel.as_ref().map(|(tunnel, status)| status.to_json(*tunnel)),
            "config": origin_json(&self.origin),
            "log_file": self.log_file,
            "warnings": self.warnings,
        })
    }
}

fn provider_json(provider: &ProviderLine) -> serde_json::Value {
    json!({
        "name": provider.name,
        "type": provider.kind,
        "keys": provider.keys,
        "models": provider.models.as_ref().map_or_else(|| json!("*"), |models| json!(models)),
    })
}

fn origin_json(origin: &Origin) -> serde_json::Value {
    match origin {
        Origin::File(path) => json!({ "source": "file", "path": path }),
        Origin::Found(found) => json!({ "source": "environment", "found": found }),
        Origin::Demo => json!({ "source": "demo" }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::Secret;
    use crate::telemetry::tunnel::Board;

    fn provider(name: &str, kind: &str, keys: usize, models: Option<&[&str]>) -> ProviderLine {
        ProviderLine {
            name: name.to_owned(),
            kind: kind.to_owned(),
            keys,
            models: models.map(|names| names.iter().map(|&n| n.to_owned()).collect()),
        }
    }

    fn plain(banner: &Banner, width: usize) -> String {
        anstream::adapter::strip_str(&banner.render(width)).to_string()
    }

    fn banner() -> Banner {
        Banner {
            address: Address::Tcp("127.0.0.1:8000".parse().expect("an address")),
            self_signed: None,
            client_key: ClientKey::Open,
            providers: vec![
                provider(
                    "openai",
                    "openai",
                    2,
                    Some(&["gpt-4o", "gpt-4o-mini", "o4-mini", "text-embedding-3-small"]),
                ),
                provider("groq", "groq", 1, None),
                provider("local", "openai_compatible", 0, Some(&[])),
            ],
            strategy: "sequential",
            tunnel: None,
            origin: Origin::File(PathBuf::from("/home/ada/.auto-gateway/config.json")),
            log_file: Some(PathBuf::from(
                "/home/ada/.auto-gateway/logs/autogw.2026-11-21.log",
            )),
            warnings: vec![Diagnostic::warning("router.capture is not available yet")],
            example_model: "gpt-4o".to_owned(),
        }
    }

    #[test]
    fn fits_eighty_columns() {
        insta::assert_snapshot!(plain(&banner(), 80));
    }

    #[test]
    fn fits_sixty_columns() {
        let banner = Banner {
            warnings: vec![
                Diagnostic::warning("2 inline secrets: server.api_key, providers[0].api_key.work")
                    .with_hint("keep keys in variables, and write ${NAME} here".to_owned()),
            ],
            ..banner()
        };
        let text = plain(&banner, 60);
        let widest = text.lines().map(|line| line.chars().count()).max();
        assert!(widest <= Some(60), "{text}");
        insta::assert_snapshot!(text);
    }

    #[test]
    fn shows_a_made_key_once_and_uses_it_in_the_command() {
        let banner = Banner {
            client_key: ClientKey::Made(MadeKey::Shown(Secret::new("agw-canary"))),
            origin: Origin::Found(vec![
                "OPENAI_API_KEY".to_owned(),
                "Ollama on port 11434".to_owned(),
            ]),
            ..banner()
        };
        let text = plain(&banner, 80);
        assert_eq!(text.matches("agw-canary").count(), 1);
        insta::assert_snapshot!(text);
    }

    #[test]
    fn a_socket_gets_a_command_for_a_socket() {
        let banner = Banner {
            address: Address::Unix(PathBuf::from("/run/user/1000/my gateway.sock")),
            client_key: ClientKey::Made(MadeKey::Kept(PathBuf::from(
                "/home/ada/.auto-gateway/run/client.key",
            ))),
            origin: Origin::Demo,
            example_model: "it's".to_owned(),
            warnings: Vec::new(),
            ..banner()
        };
        insta::assert_snapshot!(plain(&banner, 80));
    }

    #[test]
    fn the_command_names_a_certificate_that_is_signed_by_nobody_else() {
        let address = "127.0.0.1:8443".parse().expect("an address");
        let banner = Banner {
            address: Address::Tls(address, "localhost".to_owned()),
            self_signed: Some(PathBuf::from("/etc/auto-gateway/my cert.pem")),
            ..banner()
        };
        let text = plain(&banner, 80);
        for words in [
            r"curl --cacert '/etc/auto-gateway/my cert.pem' \",
            r"https://localhost:8443/v1/chat/completions \",
        ] {
            assert!(text.contains(words), "{words}: {text}");
        }
    }

    fn opening(kind: Tunnel) -> (Tunnel, Status) {
        (kind, Board::default().open(kind).status())
    }

    #[test]
    fn a_door_that_is_open_to_all_is_said_where_the_key_would_be() {
        let warning = "the public door is open to everybody: whoever finds it uses your providers, at your expense";
        let banner = Banner {
            client_key: ClientKey::Public,
            tunnel: Some(opening(Tunnel::Cloudflared)),
            warnings: vec![Diagnostic::warning(warning)],
            ..banner()
        };
        let text = plain(&banner, 60);
        let widest = text.lines().map(|line| line.chars().count()).max();
        assert!(widest <= Some(60), "{text}");
        insta::assert_snapshot!(text);
    }

    #[test]
    fn tells_programs_the_same_without_the_key() {
        let banner = Banner {
            client_key: ClientKey::Made(MadeKey::Shown(Secret::new("agw-canary"))),
            tunnel: Some(opening(Tunnel::Ngrok)),
            ..banner()
        };
        let text = serde_json::to_string_pretty(&banner.to_json()).expect("it is JSON");
        assert!(!text.contains("agw-canary"));
        insta::assert_snapshot!(text);
    }

    #[test]
    fn without_a_tunnel_programs_are_told_none() {
        assert_eq!(banner().to_json()["tunnel"], serde_json::Value::Null);
    }

    #[test]
    fn colours_are_only_decoration() {
        let colourful = banner().render(80);
        assert_ne!(colourful, plain(&banner(), 80));
        assert!(colourful.contains("http://127.0.0.1:8000/v1"));
    }
}
