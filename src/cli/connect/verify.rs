//! One request as the client would send it: whether address, key and model are right shows in its answer.

use std::error::Error as _;
use std::fmt;
use std::iter;
use std::time::{Duration, Instant};

use reqwest::{Response, StatusCode};
use serde_json::Value;

use super::gateway::is_loopback;
use crate::chat::Dialect;
use crate::cli::caller::caller;
use crate::cli::question::smallest;
use crate::cli::table::plain;
use crate::clients::endpoint::Endpoint;
use crate::provider::Redactor;
use crate::proxy::written::{DEFAULT_VERSION, VERSION};

/// How long an answer may take: a cold local model takes its time to load.
const PATIENCE: Duration = Duration::from_mins(1);

/// Most bytes of an answer that are read, and most of them that are a message.
const MOST_BYTES: usize = 1 << 20;

/// Most characters of somebody else's message that are shown.
const LONGEST_MESSAGE: usize = 300;

/// Who answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answered {
    /// The provider, as the gateway calls it.
    pub(super) provider: Option<String>,
    /// The model.
    pub(super) model: Option<String>,
    /// Time to the whole answer.
    pub(super) ms: u128,
}

/// Why there is no good answer, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Silent {
    pub(super) message: String,
    pub(super) hint: Option<String>,
}

impl fmt::Display for Answered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let provider = self.provider.as_deref().unwrap_or("somebody");
        write!(f, "it works: {provider} answered")?;
        if let Some(model) = &self.model {
            write!(f, " with {model}")?;
        }
        write!(f, " in {} ms", self.ms)
    }
}

fn silent(message: String, hint: &str) -> Silent {
    let hint = Some(hint.to_owned());
    Silent { message, hint }
}

/// Asks the gateway at `endpoint` for a few words of `model`.
///
/// # Cancel safety
/// Dropping the future closes the connection.
pub(super) async fn ask(
    dialect: Dialect,
    endpoint: &Endpoint,
    model: &str,
) -> Result<Answered, Silent> {
    let started = Instant::now();
    let origin = plain(&endpoint.origin);
    let broken = |error: reqwest::Error| failed(&error, &origin);
    let response = send(dialect, endpoint, model).await.map_err(broken)?;
    let status = response.status();
    let header = |name: &str| {
        let value = response.headers().get(name)?.to_str().ok()?;
        Some(plain(value))
    };
    let (provider, served) = (header("x-autogw-provider"), header("x-autogw-model"));
    let is_ours = provider.is_some() || header("x-request-id").is_some();
    let body = whole(response).await.map_err(broken)?;
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    if !is_ours && !body.is_object() {
        let message = format!("what answers at {origin} is no gateway (HTTP {status})");
        return Err(silent(
            message,
            "see whether the address is right, or say another with --url",
        ));
    }
    if status.is_success() {
        return Ok(Answered {
            provider,
            model: served,
            ms: started.elapsed().as_millis(),
        });
    }
    Err(refused(status, &body, endpoint, model))
}

async fn send(dialect: Dialect, endpoint: &Endpoint, model: &str) -> reqwest::Result<Response> {
    let origin = &endpoint.origin;
    let mut client = caller(PATIENCE).await;
    if is_loopback(origin) {
        client = client.no_proxy();
    }
    let version = match dialect {
        Dialect::Gemini => "v1beta",
        Dialect::OpenAiChat | Dialect::OpenAiResponses | Dialect::Anthropic => "v1",
    };
    let (path, body) = smallest(dialect, model);
    let request = client.build()?.post(format!("{origin}/{version}{path}"));
    let key = endpoint.presented();
    let request = match dialect {
        Dialect::Gemini => request.header("x-goog-api-key", key),
        Dialect::Anthropic => request
            .header("x-api-key", key)
            .header(&VERSION, DEFAULT_VERSION),
        Dialect::OpenAiChat | Dialect::OpenAiResponses => request.bearer_auth(key),
    };
    request.json(&body).send().await
}

async fn whole(mut response: Response) -> reqwest::Result<Vec<u8>> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        body.extend_from_slice(&chunk);
        if body.len() > MOST_BYTES {
            break;
        }
    }
    Ok(body)
}

fn failed(error: &reqwest::Error, origin: &str) -> Silent {
    if error.is_timeout() {
        let message = format!("the gateway at {origin} did not answer within {PATIENCE:?}");
        return silent(message, "`autogw status` says which provider is slow");
    }
    if is_certificate(error) {
        let message =
            format!("the TLS certificate of {origin} is not one that this machine trusts");
        let hint = "say with --url a name that the certificate is for, and make its issuer known to this \
                    machine: the client looks at it, too";
        return silent(message, hint);
    }
    if error.is_connect() {
        let message = format!("no gateway answers at {origin}");
        let hint = if is_loopback(origin) {
            "start it: `autogw start`"
        } else {
            "see whether it runs and that name leads to it, or say another with --url"
        };
        return silent(message, hint);
    }
    let message = format!("the gateway at {origin} broke off its answer");
    silent(message, "`autogw logs` may say why")
}

/// Whether somebody is there, but cannot show who it is.
fn is_certificate(error: &reqwest::Error) -> bool {
    let causes = iter::successors(error.source(), |&cause| cause.source());
    causes
        .map(ToString::to_string)
        .any(|cause| cause.contains("certificate"))
}

fn refused(status: StatusCode, body: &Value, endpoint: &Endpoint, model: &str) -> Silent {
    let said = body["error"]["message"].as_str().unwrap_or_default();
    let said: String = plain(said).chars().take(LONGEST_MESSAGE).collect();
    let said = match &endpoint.key {
        Some(key) => Redactor::new([key]).redact(&said).into_owned(),
        None => Redactor::default().redact(&said).into_owned(),
    };
    let code = status.as_u16();
    let said = match said.as_str() {
        "" => format!("HTTP {code}"),
        said => format!("HTTP {code}: {said}"),
    };
    let model = plain(model);
    match (code, &endpoint.key) {
        (401 | 403, Some(_)) => silent(
            format!("the gateway refuses the client key ({said})"),
            "give one of its server.api_key with --key-file or in AUTOGW_KEY, and connect again",
        ),
        (401 | 403, None) => silent(
            format!("the gateway asks for a client key ({said})"),
            "give one of its server.api_key with --key-file or in AUTOGW_KEY, and connect again",
        ),
        (404, _) => silent(
            format!("the gateway has no model `{model}` ({said})"),
            "say another with --model; `autogw status --json | jq .about.offers` lists them",
        ),
        (300..=399, _) => silent(
            format!("what answers there redirects ({said})"),
            "say with --url where it leads",
        ),
        _ => silent(
            format!("`{model}` did not answer ({said})"),
            "`autogw check --live` asks every provider",
        ),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::provider::Secret;

    #[test]
    fn each_refusal_says_what_to_do_and_never_the_key() {
        let endpoint = Endpoint {
            origin: "http://127.0.0.1:1".to_owned(),
            key: Some(Secret::new("canary-canary")),
            model: None,
            models: Vec::new(),
        };
        let body = json!({ "error": { "message": "no canary-canary\u{1b}[0m" } });
        for (code, word) in [
            (401, "refuses the client key"),
            (404, "no model `m`"),
            (302, "redirects"),
            (503, "did not answer"),
        ] {
            let status = StatusCode::from_u16(code).expect("a status");
            let silent = refused(status, &body, &endpoint, "m");
            assert!(silent.message.contains(word), "{silent:?}");
            assert!(silent.hint.is_some(), "{silent:?}");
            let shown = format!("{silent:?}");
            assert!(
                !shown.contains("canary") && !shown.contains('\u{1b}'),
                "{shown}"
            );
        }
    }
}
