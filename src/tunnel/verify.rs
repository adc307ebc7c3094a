//! Seeing a tunnel work: a request to its public URL, which must come back from this very gateway.
//!
//! What is asked for, and what proves the answer, comes from the door's probe; nothing here knows a
//! client key. The way out may lead through a proxy of the environment, as any client's would.

use std::time::{Duration, Instant};

use reqwest::{Response, StatusCode};

use super::ngrok;
use crate::telemetry::tunnel::Streams;

/// How long a round trip may take, the probe's own patience included.
const WITHIN: Duration = Duration::from_secs(20);

/// Most bytes of an answer that are looked at.
const MAX_ANSWER: usize = 4096;

/// ngrok's free domains show browsers a page of warning first, unless this is there.
const SKIP_WARNING: (&str, &str) = ("ngrok-skip-browser-warning", "autogw");

/// Where ngrok says why it answers itself.
const ERROR_CODE: &str = "ngrok-error-code";

/// What is asked, and what proves the answer.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// Where it is asked: an absolute path.
    pub path: &'a str,
    /// What every event of the answer carries.
    pub proof: &'a str,
}

/// A tunnel that was seen to work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// From the request to the first event.
    pub latency: Duration,
    /// How streams come through.
    pub streams: Streams,
}

/// Why a tunnel was not seen to work, to be said behind "not reachable through the public URL".
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unseen {
    /// No answer.
    #[error("{0}")]
    Unreachable(String),
    /// Somebody else answered.
    #[error("it leads somewhere else: HTTP {}{}", .status.as_u16(), in_brackets(.code.as_deref()))]
    Elsewhere {
        /// With what status.
        status: StatusCode,
        /// With what code of ngrok's, e.g. `ERR_NGROK_3200`.
        code: Option<String>,
    },
    /// The answer broke off.
    #[error("the answer broke off")]
    Broken,
    /// It took too long.
    #[error("no answer within {} seconds", WITHIN.as_secs())]
    Late,
}

/// Asks `question` through `base`, the public URL. `saw_first` is called when the first event is here.
pub async fn verify(
    client: &reqwest::Client,
    base: &str,
    question: Question<'_>,
    saw_first: impl Fn(),
) -> Result<Seen, Unseen> {
    let asking = ask(client, base, question, saw_first);
    tokio::time::timeout(WITHIN, asking)
        .await
        .unwrap_or(Err(Unseen::Late))
}

async fn ask(
    client: &reqwest::Client,
    base: &str,
    question: Question<'_>,
    saw_first: impl Fn(),
) -> Result<Seen, Unseen> {
    let began = Instant::now();
    let url = format!("{base}{}", question.path);
    let request = client.post(url).header(SKIP_WARNING.0, SKIP_WARNING.1);
    let mut response = request.send().await.map_err(|error| unreachable(&error))?;
    let elsewhere = elsewhere(&response);
    let (mut text, mut latency) = (Vec::new(), None);
    while let Some(chunk) = response.chunk().await.map_err(|_| Unseen::Broken)? {
        text.extend_from_slice(&chunk);
        if text.len() > MAX_ANSWER {
            return Err(elsewhere);
        }
        if latency.is_none() && contains(&text, &format!("{} first\n", question.proof)) {
            latency = Some(began.elapsed());
            saw_first();
        }
    }
    let latency = latency.ok_or(elsewhere)?;
    let streams = if contains(&text, &format!("{} live\n", question.proof)) {
        Streams::Live
    } else if contains(&text, &format!("{} held\n", question.proof)) {
        Streams::Buffered
    } else {
        return Err(Unseen::Broken);
    };
    Ok(Seen { latency, streams })
}

/// Whoever `response` is from, in case that it is not from this gateway.
fn elsewhere(response: &Response) -> Unseen {
    let code = response.headers().get(ERROR_CODE);
    let code = code.and_then(|code| code.to_str().ok());
    Unseen::Elsewhere {
        status: response.status(),
        code: code.filter(|code| ngrok::is_code(code)).map(str::to_owned),
    }
}

fn in_brackets(code: Option<&str>) -> String {
    code.map_or_else(String::new, |code| format!(" ({code})"))
}

fn contains(text: &[u8], part: &str) -> bool {
    memchr::memmem::find(text, part.as_bytes()).is_some()
}

/// The innermost cause, which is the one that says something; never the URL, whose path is a secret.
fn unreachable(error: &reqwest::Error) -> Unseen {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    let what = if error.is_connect() {
        "cannot connect"
    } else {
        "no answer"
    };
    Unseen::Unreachable(format!("{what}: {cause}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen_of(status: u16, code: &str) -> Unseen {
        let answer = http::Response::builder().status(status);
        let answer = answer.header(ERROR_CODE, code).body("");
        elsewhere(&answer.expect("a response").into())
    }

    #[test]
    fn a_foreign_answer_is_told_with_ngroks_code_if_it_is_one() {
        let text = |status, code: &str| seen_of(status, code).to_string();
        assert_eq!(
            text(404, "ERR_NGROK_3200"),
            "it leads somewhere else: HTTP 404 (ERR_NGROK_3200)"
        );
        for foreign in [
            "",
            "come to evil.example",
            "ERR_NGROK_1234567",
            "ERR_NGROK_\t5",
        ] {
            assert_eq!(text(404, foreign), "it leads somewhere else: HTTP 404");
        }
    }
}
