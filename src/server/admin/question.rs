//! Reading a question: its query, and its body within size and time. Strict: a parameter that nobody knows is an
//! error and not a silence.

use std::time::Duration;

use axum::body::Body;
use http::request::Parts;
use http::{StatusCode, header};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde::de::DeserializeOwned;

use super::endpoint::Page;
use super::failed::Failed;

/// Largest body: acts have some lines, and a rehearsed request some thousand words.
const MOST_BYTES: usize = 64 * 1024;

/// How long a body may take to come.
const PATIENCE: Duration = Duration::from_secs(10);

/// Its parameters, each at most once.
#[derive(Debug, Default)]
pub struct Query(Vec<(String, String)>);

impl Query {
    /// Reads the query of a question for `page`.
    pub fn read(head: &Parts, page: Page) -> Result<Self, Failed> {
        let text = head.uri.query().unwrap_or_default();
        let mut read: Vec<(String, String)> = Vec::new();
        for (name, value) in url::form_urlencoded::parse(text.as_bytes()) {
            if !page.parameters().contains(&&*name) {
                return Err(unknown(page));
            }
            if read.iter().any(|(known, _)| *known == name) {
                return Err(Failed::bad(format!("`{name}` is there twice")));
            }
            read.push((name.into_owned(), value.into_owned()));
        }
        Ok(Self(read))
    }

    /// The parameter of that name.
    pub fn get(&self, name: &str) -> Option<&str> {
        let mut all = self.0.iter();
        all.find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    /// The same as a whole number.
    pub fn number(&self, name: &str) -> Result<Option<u64>, Failed> {
        let number = self.get(name).map(str::parse).transpose();
        number.map_err(|_| Failed::bad(format!("`{name}` is not a whole number")))
    }
}

fn unknown(page: Page) -> Failed {
    let known = page.parameters();
    let hint = match known {
        [] => "it takes none".to_owned(),
        known => format!("known are {}", known.join(", ")),
    };
    Failed::bad("the query has an unknown parameter").with_hint(hint)
}

/// Reads the body of a question as JSON.
pub async fn json<T: DeserializeOwned>(head: &Parts, body: Body) -> Result<T, Failed> {
    if !is_json(head) {
        let failed = Failed::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "the body is not JSON");
        return Err(failed.with_hint("send it with `content-type: application/json`"));
    }
    let whole = Limited::new(body, MOST_BYTES).collect();
    let Ok(whole) = tokio::time::timeout(PATIENCE, whole).await else {
        return Err(Failed::new(
            StatusCode::REQUEST_TIMEOUT,
            "the body takes too long",
        ));
    };
    let bytes = whole
        .map_err(|error| match error.downcast_ref::<LengthLimitError>() {
            Some(_) => Failed::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                format!("a body has at most {MOST_BYTES} bytes here"),
            ),
            None => Failed::bad("the body broke off"),
        })?
        .to_bytes();
    serde_json::from_slice(&bytes)
        .map_err(|error| Failed::bad(format!("the body cannot be read: {error}")))
}

fn is_json(head: &Parts) -> bool {
    let kind = head.headers.get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let name = kind.split(';').next().unwrap_or_default().trim();
    name.eq_ignore_ascii_case("application/json")
}
