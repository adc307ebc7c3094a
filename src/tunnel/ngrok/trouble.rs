//! Failures in words: what failed, why, and what to do.
//!
//! What ngrok says is foreign text. It may quote the token back (codes 105 to 107 do), carry control
//! characters or have no end, so it is shown without any of the three.

use std::error::Error as StdError;
use std::io;
use std::time::Duration;

use ngrok::prelude::Error as _;
use ngrok::session::{ConnectError, RpcError};

use super::codes::{self, Advice, Remedy, Row};
use super::plan::Plan;
use crate::telemetry::tunnel::Trouble;

/// A failure, and what helps against it.
#[derive(Debug)]
pub(super) struct Failure {
    /// What happened.
    pub(super) trouble: Trouble,
    /// What helps.
    pub(super) remedy: Remedy,
}

impl Failure {
    /// What time may mend.
    pub(super) fn passing(message: impl Into<String>, hint: Option<&str>) -> Self {
        Self {
            trouble: Trouble {
                hint: hint.map(str::to_owned),
                ..Trouble::new(message)
            },
            remedy: Remedy::Time,
        }
    }

    /// A session that was up has ended.
    pub(super) fn lost() -> Self {
        Self::passing("the connection to ngrok was lost", None)
    }

    /// A session that was up has fallen silent.
    pub(super) fn silent(time: Duration) -> Self {
        let time = humantime::format_duration(time);
        Self::passing(format!("ngrok has not been heard for {time}"), None)
    }

    /// Nothing came in time.
    pub(super) fn late(plan: &Plan, limit: Duration) -> Self {
        let (place, limit) = (plan.place(), humantime::format_duration(limit));
        let message = format!("ngrok at {place} did not answer within {limit}");
        Self::passing(message, Some(plan.address_hint().unwrap_or(FIREWALL)))
    }

    /// A URL that nobody can use.
    pub(super) fn no_url(plan: &Plan, url: &str) -> Self {
        let url = plan.foreign(url);
        Self::passing(format!("ngrok announced `{url}`, which is no URL"), None)
    }

    /// No session came to be.
    pub(super) fn connecting(plan: &Plan, error: &ConnectError) -> Self {
        match error {
            ConnectError::Tcp(error) => unreachable_by(plan, error),
            ConnectError::Tls(error) => untrusted(plan, error),
            ConnectError::Auth(error) => Self::calling(plan, error),
            _ => Self::lost(),
        }
    }

    /// ngrok refused what it was asked for, or was lost meanwhile.
    pub(super) fn calling(plan: &Plan, error: &RpcError) -> Self {
        match error {
            RpcError::Response(_) => refused(plan, error.error_code(), &error.msg()),
            _ => Self::lost(),
        }
    }
}

const FIREWALL: &str = "a firewall may be in the way: ngrok needs outgoing TCP to port 443";
const OFFLINE: &str = "is this machine online? If it is, its DNS may block ngrok";

fn refused(plan: &Plan, code: Option<&str>, words: &str) -> Failure {
    let words = plan.foreign(first_sentence(words));
    let code = code.filter(|code| codes::number(code).is_some());
    let Some(code) = code else {
        return Failure::passing(sentence("ngrok refused", None, &words), None);
    };
    let row = codes::row(code);
    let (what, why) = row.map_or(("ngrok refused", None), |row| (row.what, row.why));
    Failure {
        trouble: Trouble::new(sentence(what, Some(code), why.unwrap_or(&words)))
            .with_code(code)
            .with_hint(hint(plan, row, code)),
        remedy: row.map_or(Remedy::Time, |row| row.remedy),
    }
}

/// What is the matter. What follows are instructions for ngrok's own program.
fn first_sentence(words: &str) -> &str {
    let line = words.lines().next().unwrap_or_default();
    line.split(". ").next().unwrap_or_default()
}

fn sentence(what: &str, code: Option<&str>, why: &str) -> String {
    let code = code.map(|code| format!(" ({code})")).unwrap_or_default();
    let colon = if why.is_empty() { "" } else { ": " };
    format!("{what}{code}{colon}{why}")
}

fn hint(plan: &Plan, row: Option<&Row>, code: &str) -> String {
    match row.map(|row| row.advice) {
        Some(Advice::Token) => plan.token_hint(),
        Some(Advice::Say(hint)) => hint.to_owned(),
        None => {
            let page = code.to_ascii_lowercase();
            format!("see https://ngrok.com/docs/errors/{page}")
        }
    }
}

/// `error` and its causes.
fn chain<'e>(
    error: &'e (dyn StdError + 'static),
) -> impl Iterator<Item = &'e (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |error| (*error).source())
}

fn unreachable_by(plan: &Plan, error: &io::Error) -> Failure {
    let place = plan.place();
    let chain = || chain(error);
    let kind = chain()
        .filter_map(|error| error.downcast_ref::<io::Error>())
        .map(io::Error::kind)
        .last();
    let cause = chain().last().map(ToString::to_string).unwrap_or_default();
    if kind == Some(io::ErrorKind::ConnectionRefused) {
        let message = format!("ngrok at {place} refused the connection");
        return Failure::passing(message, Some(plan.address_hint().unwrap_or(FIREWALL)));
    }
    if chain().any(|error| error.to_string().contains("dns error")) {
        let message = format!("cannot find ngrok at {place}: {}", plan.foreign(&cause));
        let hint = plan.name_hint();
        return Failure::passing(message, Some(hint.as_deref().unwrap_or(OFFLINE)));
    }
    let message = format!("cannot reach ngrok at {place}: {}", plan.foreign(&cause));
    Failure::passing(message, Some(OFFLINE))
}

/// TLS failed. Time may mend it: a hotel's network shows certificates of its own until one has paid.
fn untrusted(plan: &Plan, error: &io::Error) -> Failure {
    let cause = plan.foreign(&error.to_string());
    let message = format!("no secure connection to ngrok at {}: {cause}", plan.place());
    let inner = error
        .get_ref()
        .and_then(|e| e.downcast_ref::<rustls::Error>());
    let is_certificate = matches!(inner, Some(rustls::Error::InvalidCertificate(_)));
    Failure::passing(message, is_certificate.then(|| plan.authority_hint()))
}
