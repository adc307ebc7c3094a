//! The variables by which clients in this shell are told where to ask: one that leads to a gateway that does
//! not run breaks every program that is started here.

use std::time::Duration;

use futures_util::future::join_all;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use url::Url;

use super::finding::Finding;
use super::patient::Patient;
use crate::clients::ledger::Record;
use crate::clients::recipe::Recipe;
use crate::config::{Environment, base_url};

/// What OpenAI's, Anthropic's and Google's clients read.
const VARIABLES: [&str; 4] = [
    "ANTHROPIC_BASE_URL",
    "OPENAI_BASE_URL",
    "OPENAI_API_BASE",
    "GOOGLE_GEMINI_BASE_URL",
];

/// Who is on this machine answers at once.
const PATIENCE: Duration = Duration::from_secs(2);

/// Most bytes that are read of an answer.
const MAX_ANSWER: u64 = 64 << 10;

/// What is found.
pub(super) async fn check(patient: &Patient) -> Vec<Finding> {
    let set = VARIABLES
        .iter()
        .filter_map(|name| Some((*name, patient.env.filled(name)?)));
    let asked = set.map(|(name, value)| of_variable(name, value));
    join_all(asked).await.into_iter().flatten().collect()
}

/// A variable of this shell that leads a connected client somewhere else than its file does.
pub(super) fn other(env: &Environment, record: &Record) -> Option<Finding> {
    let connected = Url::parse(&record.origin).ok()?;
    let variables = Recipe::of(&record.client)?.variables.iter();
    let mut addresses = variables.filter(|variable| leads(&variable.value));
    addresses.find_map(|variable| {
        let set = Url::parse(env.filled(&variable.name)?).ok();
        let set = set.filter(|set| set.has_host() && !is_same(set, &connected))?;
        let message = format!(
            "{} is set in this shell and leads to {}: it may go before the file, which leads to {}",
            variable.name,
            set.origin().ascii_serialization(),
            record.origin
        );
        let fix = format!("`unset {}`", variable.name);
        Some(Finding::note(&*record.client, message).fix(fix))
    })
}

/// Whether a template holds the gateway's address.
fn leads(template: &str) -> bool {
    ["{origin}", "{v1}", "{v1beta}"]
        .iter()
        .any(|address| template.contains(address))
}

/// This machine has more than one name for itself.
fn is_same(one: &Url, other: &Url) -> bool {
    let is_here = base_url::is_loopback(one) && base_url::is_loopback(other);
    let ports = one.port_or_known_default() == other.port_or_known_default();
    one.origin() == other.origin() || is_here && ports && one.scheme() == other.scheme()
}

async fn of_variable(name: &str, value: &str) -> Option<Finding> {
    let url = Url::parse(value).ok().filter(Url::has_host)?;
    if !base_url::is_loopback(&url) || url.scheme() != "http" {
        return None;
    }
    let origin = url.origin().ascii_serialization();
    if autogw_at(&origin).await {
        return Some(Finding::ok(
            name,
            format!("leads to the gateway at {origin}"),
        ));
    }
    let (host, port) = (url.host_str()?, url.port_or_known_default()?);
    let host = host.trim_matches(['[', ']']);
    let connected = timeout(PATIENCE, TcpStream::connect((host, port))).await;
    if matches!(connected, Ok(Ok(_))) {
        return None;
    }
    let message = format!("it leads to {origin}, where nobody answers: clients started here fail");
    Some(Finding::warning(name, message).fix(format!("`unset {name}`, or start what it leads to")))
}

/// Whether whoever answers at `origin`, on this machine, calls itself autogw.
pub(super) async fn autogw_at(origin: &str) -> bool {
    timeout(PATIENCE, is_autogw(origin))
        .await
        .ok()
        .flatten()
        .unwrap_or(false)
}

async fn is_autogw(origin: &str) -> Option<bool> {
    let authority = origin.strip_prefix("http://")?;
    let url = Url::parse(origin).ok()?;
    let (host, port) = (url.host_str()?, url.port_or_known_default()?);
    let mut stream = TcpStream::connect((host.trim_matches(['[', ']']), port))
        .await
        .ok()?;
    let request = format!("GET /health HTTP/1.1\r\nhost: {authority}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut answer = Vec::new();
    stream
        .take(MAX_ANSWER)
        .read_to_end(&mut answer)
        .await
        .ok()?;
    Some(String::from_utf8_lossy(&answer).contains(r#""name":"autogw""#))
}
