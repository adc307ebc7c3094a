//! `autogw check`: validates a configuration and says what it amounts to.

use std::path::PathBuf;
use std::time::SystemTime;

use clap::Args;
use serde::Serialize;
use serde_json::json;

use super::console::Console;
use super::exit::Exit;
use super::live::{self, Outcome};
use super::local;
use super::source::SourceArgs;
use crate::config::{
    self, Config, ConfigError, Diagnostic, Environment, Loaded, Source, Tunnel, discover,
    zero_config,
};
use crate::provider::{Models, Provider};
use crate::server::tls::{self, Certificate, TlsError};

/// Validate a configuration and say what it amounts to
#[derive(Debug, Clone, Default, Args)]
#[command(after_help = "\
Examples:
  autogw check                      the configuration that `autogw start` would use
  autogw check ./config.json        this file
  autogw check --name work --live   config.work.json, asking every key for every model
  autogw check --json | jq .ok      for scripts

Exit status: 0 valid, 1 a key or model failed (--live), 2 invalid.")]
pub struct CheckArgs {
    /// Check this file
    #[arg(value_name = "FILE", conflicts_with_all = ["config", "name"])]
    pub file: Option<PathBuf>,

    #[command(flatten)]
    #[expect(
        missing_docs,
        reason = "a doc comment here would replace the help of the verb"
    )]
    pub source: SourceArgs,

    /// Send one tiny request for every key and model of every provider; report latency and errors
    #[arg(long)]
    pub live: bool,

    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Runs the verb.
pub async fn run(args: &CheckArgs, env: Environment, console: &mut Console<'_>) -> Exit {
    let checked = match read(args, env).await {
        Ok(mut loaded) => certificate(&mut loaded).map(|certificate| (loaded, certificate)),
        Err(error) => Err(error),
    };
    let (loaded, certificate) = match checked {
        Ok(checked) => checked,
        Err(error) => {
            report_invalid(args, &error, console);
            return Exit::Usage;
        }
    };
    if !args.json {
        console.diagnostics(&loaded.warnings);
        for line in describe(&loaded.config) {
            console.data(line);
        }
        if let Some(certificate) = &certificate {
            console.data(describe_certificate(certificate));
        }
    }
    let outcomes = if args.live {
        Some(live::ask_all(&loaded.config).await)
    } else {
        None
    };
    if args.json {
        let certificate = certificate.as_ref();
        console.json(&Summary::new(&loaded, certificate, outcomes.as_deref()));
    } else {
        for outcome in outcomes.iter().flatten() {
            console.data(outcome);
        }
    }
    if outcomes.iter().flatten().all(|outcome| outcome.ok) {
        Exit::Done
    } else {
        Exit::Failed
    }
}

async fn read(args: &CheckArgs, env: Environment) -> Result<Loaded, ConfigError> {
    let env = args.source.environment(env)?;
    let mut source = args.source.clone();
    source.config = args.file.clone().or(source.config);
    match source.locate(&env)? {
        Source::File(path) => {
            let mut loaded = config::load(&path, &env)?;
            if loaded.config.server.tunnel == Some(Tunnel::Ngrok) {
                let fault = config::authtoken_fault(&loaded.config, &env);
                loaded.warnings.extend(fault);
            }
            Ok(loaded)
        }
        Source::Environment => {
            let mut discovery = discover(&env)?;
            let warnings = std::mem::take(&mut discovery.warnings);
            let found = local::confirm(discovery).await;
            let config = zero_config(found, &env);
            Ok(Loaded {
                config: config.map_err(|error| error.after(warnings.clone()))?,
                warnings,
                path: None,
            })
        }
    }
}

/// The certificate that the start would serve with, if any. What there is to say of it is added to `loaded`.
fn certificate(loaded: &mut Loaded) -> Result<Option<Certificate>, ConfigError> {
    let server = &loaded.config.server;
    let unused = tls::unused(server).map(Diagnostic::warning);
    let inspected = tls::files(server).map(|files| tls::inspect(files, SystemTime::now()));
    loaded.warnings.extend(unused);
    let bad = |error: TlsError| {
        let error_of_it = Diagnostic::error(error.to_string()).with_hint(error.hint().to_owned());
        ConfigError::from(error_of_it).after(loaded.warnings.clone())
    };
    let certificate = inspected.transpose().map_err(bad)?;
    if let Some(certificate) = &certificate {
        let warnings = certificate.warnings.iter().map(Diagnostic::warning);
        loaded.warnings.extend(warnings);
    }
    Ok(certificate)
}

fn describe_certificate(certificate: &Certificate) -> String {
    let signed = if certificate.is_self_signed {
        ", self-signed"
    } else {
        ""
    };
    let (names, day) = (certificate.names_told(), certificate.last_day());
    format!("- tls: names=[{names}], until={day}{signed}")
}

fn report_invalid(args: &CheckArgs, error: &ConfigError, console: &mut Console<'_>) {
    if args.json {
        console.json(&json!({ "ok": false, "diagnostics": error.diagnostics }));
    } else {
        console.config_error(error);
    }
}

/// The lines that `check` prints: the totals, then one line for each provider.
pub fn describe(config: &Config) -> Vec<String> {
    let mut lines = vec![format!(
        "OK: providers={} strategy={} tunnel={}",
        config.providers.len(),
        config.router.strategy.name(),
        config.server.tunnel.map_or("none", Tunnel::name),
    )];
    lines.extend(config.providers.iter().map(describe_provider));
    lines
}

fn describe_provider(provider: &Provider) -> String {
    let models: Vec<String> = model_names(provider)
        .iter()
        .map(|name| quoted(name))
        .collect();
    format!(
        "- {}: type={}, models=[{}]",
        provider.name,
        provider.preset.kind,
        models.join(", ")
    )
}

fn model_names(provider: &Provider) -> Vec<&str> {
    match &provider.models {
        Models::Everything => vec!["*"],
        Models::Listed(models) => models.iter().map(|model| model.name.as_str()).collect(),
    }
}

/// A name as the old tool printed it: in single quotes, in double ones if it has a single one itself.
fn quoted(name: &str) -> String {
    if name.contains('\'') && !name.contains('"') {
        format!("\"{name}\"")
    } else {
        format!("'{}'", name.replace('\\', "\\\\").replace('\'', "\\'"))
    }
}

/// What `--json` prints. Stable: fields are added, never changed.
#[derive(Serialize)]
struct Summary<'a> {
    ok: bool,
    file: Option<String>,
    strategy: &'static str,
    tunnel: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    tls: Option<TlsSummary<'a>>,
    providers: Vec<ProviderSummary<'a>>,
    diagnostics: &'a [Diagnostic],
    #[serde(skip_serializing_if = "Option::is_none")]
    live: Option<&'a [Outcome]>,
}

#[derive(Serialize)]
struct ProviderSummary<'a> {
    name: &'a str,
    #[serde(rename = "type")]
    kind: &'a str,
    base_url: Option<&'a str>,
    keys: usize,
    models: Vec<&'a str>,
}

#[derive(Serialize)]
struct TlsSummary<'a> {
    names: &'a [String],
    not_after: String,
    self_signed: bool,
}

impl<'a> Summary<'a> {
    fn new(
        loaded: &'a Loaded,
        certificate: Option<&'a Certificate>,
        live: Option<&'a [Outcome]>,
    ) -> Self {
        let config = &loaded.config;
        Self {
            ok: live.is_none_or(|outcomes| outcomes.iter().all(|outcome| outcome.ok)),
            file: loaded.path.as_ref().map(|path| path.display().to_string()),
            strategy: config.router.strategy.name(),
            tunnel: config.server.tunnel.map_or("none", Tunnel::name),
            tls: certificate.map(|certificate| TlsSummary {
                names: &certificate.names,
                not_after: humantime::format_rfc3339_seconds(certificate.not_after).to_string(),
                self_signed: certificate.is_self_signed,
            }),
            providers: config.providers.iter().map(ProviderSummary::new).collect(),
            diagnostics: &loaded.warnings,
            live,
        }
    }
}

impl<'a> ProviderSummary<'a> {
    fn new(provider: &'a Provider) -> Self {
        Self {
            name: &provider.name,
            kind: &provider.preset.kind,
            base_url: provider.base_url.as_ref().map(url::Url::as_str),
            keys: provider.keys.len(),
            models: model_names(provider),
        }
    }
}
