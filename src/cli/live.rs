//! `check --live`: one tiny request to every target, to see whether key, model and network work.
//!
//! A target is provider × key × model. Where the models are not listed, the listing itself is asked for.
//! Nothing of an upstream's answer is shown but its status: error texts can hold parts of keys.

mod question;

use std::fmt;
use std::time::{Duration, Instant};

use futures_util::{StreamExt as _, stream};
use reqwest::{Client, RequestBuilder, StatusCode};
use serde::Serialize;

use super::caller::caller;
use crate::config::Config;
use crate::provider::{ApiKey, Auth, Model, Models, Provider};
use crate::proxy::written::{DEFAULT_VERSION, VERSION};
use question::is_anthropics;
pub(super) use question::question;

/// How long a target has: a cold local model takes its time to load.
const PATIENCE: Duration = Duration::from_mins(1);

/// Requests under way at once, so that a long configuration does not look like an attack.
const AT_ONCE: usize = 8;

/// What became of one target.
#[derive(Debug, Clone, Serialize)]
pub struct Outcome {
    /// Name of the provider.
    pub provider: String,
    /// The model that was asked, or `*` for the listing.
    pub model: String,
    /// The key's alias, or its position from 1; absent without keys.
    pub key: Option<String>,
    /// Whether it answered well.
    pub ok: bool,
    /// Time to the whole answer in milliseconds.
    pub ms: u64,
    /// Why it is not well.
    pub error: Option<String>,
}

impl fmt::Display for Outcome {
    /// One line: `- groq/llama-3.1 [key 1]: ok, 210 ms`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "- {}/{}", self.provider, self.model)?;
        if let Some(key) = &self.key {
            write!(f, " [{key}]")?;
        }
        match &self.error {
            None => write!(f, ": ok, {} ms", self.ms),
            Some(error) => write!(f, ": failed, {} ms: {error}", self.ms),
        }
    }
}

/// Asks every target; the outcomes are in config order.
///
/// # Cancel safety
/// Dropping the future ends the requests under way.
pub async fn ask_all(config: &Config) -> Vec<Outcome> {
    let targets: Vec<Target<'_>> = config.providers.iter().flat_map(targets_of).collect();
    stream::iter(targets.into_iter().map(Target::ask))
        .buffered(AT_ONCE)
        .collect()
        .await
}

struct Target<'a> {
    provider: &'a Provider,
    key: Option<&'a ApiKey>,
    key_name: Option<String>,
    model: Option<&'a Model>,
}

fn targets_of(provider: &Provider) -> Vec<Target<'_>> {
    let mut keys: Vec<Option<&ApiKey>> = provider.keys.iter().map(Some).collect();
    if keys.is_empty() {
        keys.push(None);
    }
    let models: Vec<Option<&Model>> = match &provider.models {
        Models::Everything => vec![None],
        Models::Listed(models) => models.iter().map(Some).collect(),
    };
    let mut targets = Vec::new();
    for (index, key) in keys.into_iter().enumerate() {
        targets.extend(models.iter().map(|model| Target {
            provider,
            key,
            key_name: key.map(|key| name_of(key, index)),
            model: *model,
        }));
    }
    targets
}

/// How a key is called: by its alias, else by its place.
pub(super) fn name_of(key: &ApiKey, index: usize) -> String {
    let position = || format!("key {}", index + 1);
    key.alias.clone().unwrap_or_else(position)
}

impl Target<'_> {
    async fn ask(self) -> Outcome {
        let started = Instant::now();
        let result = match &self.provider.base_url {
            // The simulation is part of this program: there is nothing to reach.
            None => Ok(()),
            Some(url) => self.send(url.as_str().trim_end_matches('/')).await,
        };
        let ms = started.elapsed().as_millis();
        Outcome {
            provider: self.provider.name.to_string(),
            model: self
                .model
                .map_or_else(|| "*".to_owned(), |model| model.name.clone()),
            key: self.key_name,
            ok: result.is_ok(),
            ms: u64::try_from(ms).unwrap_or(u64::MAX),
            error: result.err(),
        }
    }

    async fn send(&self, base: &str) -> Result<(), String> {
        let client = client(self.provider).await;
        let client = client.map_err(|_| "cannot make a client".to_owned())?;
        let request = match self.model {
            None => client.get(format!("{base}{}", self.provider.models_path)),
            Some(model) => {
                let (path, body) = question(self.provider, model);
                client.post(format!("{base}{path}")).json(&body)
            }
        };
        let response = with_headers(request, self.provider, self.key)
            .send()
            .await
            .map_err(|e| reason(&e))?;
        let status = response.status();
        // The whole answer counts: a connection that dies half-way is not well.
        response.bytes().await.map_err(|e| reason(&e))?;
        if status.is_success() {
            Ok(())
        } else {
            Err(meaning(status))
        }
    }
}

/// The headers of a request to `provider` with `key`.
pub(super) fn with_headers(
    mut request: RequestBuilder,
    provider: &Provider,
    key: Option<&ApiKey>,
) -> RequestBuilder {
    if let Some(key) = key {
        let key = key.secret.expose();
        request = match provider.preset.auth {
            Auth::Bearer => request.bearer_auth(key),
            Auth::XApiKey => request.header("x-api-key", key),
            Auth::ApiKey => request.header("api-key", key),
            Auth::XGoogApiKey => request.header("x-goog-api-key", key),
        };
    }
    if is_anthropics(provider) {
        request = request.header(&VERSION, DEFAULT_VERSION);
    }
    if let Some(agent) = &provider.user_agent {
        request = request.header(http::header::USER_AGENT, agent);
    }
    for (name, value) in &provider.extra_headers {
        request = request.header(name, value);
    }
    request
}

async fn client(provider: &Provider) -> reqwest::Result<Client> {
    let mut builder = caller(PATIENCE).await.no_proxy();
    if let Some(proxy) = &provider.proxy {
        builder = builder.proxy(reqwest::Proxy::all(proxy.as_str())?);
    }
    builder.build()
}

fn reason(error: &reqwest::Error) -> String {
    let what = if error.is_timeout() {
        "no answer in time"
    } else if error.is_connect() {
        "cannot connect"
    } else {
        "the connection broke"
    };
    what.to_owned()
}

/// What a status says to who asked for a listing or a few words.
pub(super) fn meaning(status: StatusCode) -> String {
    let meaning = match status.as_u16() {
        401 => "the key was refused",
        402 => "the account has no credit",
        403 => "the key may not do this",
        404 => "model or address not found",
        429 => "rate limit or quota reached",
        400 | 422 => "the request was refused",
        500..=599 => "the provider failed",
        300..=399 => "it redirects: check base_url",
        _ => "not a good answer",
    };
    format!("HTTP {}: {meaning}", status.as_u16())
}
