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

/// Foreign text that is looked at; a token is shorter.
const READ: usize = 4096;

/// Foreign text that is shown: some sentences.
const SHOWN: usize = 240;

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
            trouble: trouble(message, hint),
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
        Self::passing(message, Some(FIREWALL))
    }

    /// An URL that nobody can use.
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

/// A trouble without a code.
pub(super) fn trouble(message: impl Into<String>, hint: Option<&str>) -> Trouble {
    Trouble {
        code: None,
        message: message.into(),
        hint: hint.map(str::to_owned),
    }
}

fn refused(plan: &Plan, code: Option<&str>, words: &str) -> Failure {
    let words = plan.foreign(first_sentence(words));
    let code = code.filter(|code| codes::number(code).is_some());
    let Some(code) = code else {
        return Failure::passing(sentence("ngrok refused", None, &words), None);
    };
    let row = codes::row(code);
    let (what, why) = row.map_or(("ngrok refused", None), |row| (row.what, row.why));
    Failure {
        trouble: Trouble {
            code: Some(code.to_owned()),
            message: sentence(what, Some(code), why.unwrap_or(&words)),
            hint: Some(hint(plan, row, code)),
        },
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
        return Failure::passing(message, Some(plan.address_hint().unwrap_or(OFFLINE)));
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

/// Foreign text that can be shown: one line, no control characters, not too long.
pub(super) fn cleaned(text: &str, redact: impl FnOnce(&str) -> String) -> String {
    let read: String = text.chars().take(READ).collect();
    let plain = read.replace(|c: char| c.is_control(), " ");
    let words: Vec<&str> = plain.split_whitespace().collect();
    let clean = redact(&words.join(" "));
    let clean = clean.trim_end_matches([' ', '.']);
    match clean.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &clean[..end]),
        None => clean.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_becomes_one_short_plain_line() {
        let same = |text: &str| text.to_owned();
        assert_eq!(cleaned("a\r\n\u{1b}[31mb\t c.", same), "a [31mb c");
        let long = cleaned(&"x".repeat(100_000), same);
        assert_eq!(long.chars().count(), SHOWN + 1);
        assert_eq!(cleaned(&"é".repeat(SHOWN), same), "é".repeat(SHOWN));
    }
}
