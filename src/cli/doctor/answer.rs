//! What a provider answers to doctor: a status, and JSON if there is any. Nothing else of it is kept.

use http::header;
use reqwest::{Response, StatusCode};
use serde_json::Value;
use url::Url;

use super::listing::names;

/// What came back.
pub(super) enum Answer {
    /// A status, and the body if that is JSON.
    Came(StatusCode, Option<Value>),
    /// Another address, if that can be read.
    Moved(StatusCode, Option<Url>),
    /// Nothing in time.
    Late,
    /// The connection broke.
    Broken,
}

impl Answer {
    /// The status, if an answer came.
    pub(super) fn status(&self) -> Option<StatusCode> {
        match self {
            Answer::Came(status, _) | Answer::Moved(status, _) => Some(*status),
            Answer::Late | Answer::Broken => None,
        }
    }

    /// Whether it is a success of an API: a web page is none.
    pub(super) fn is_good(&self) -> bool {
        matches!(self, Answer::Came(status, Some(_)) if status.is_success())
    }

    /// The models that it lists, if it is a listing.
    pub(super) fn names(&self) -> Option<Vec<String>> {
        match self {
            Answer::Came(status, Some(body)) if status.is_success() => names(body),
            _ => None,
        }
    }
}

/// Where a redirect leads.
pub(super) fn goal(response: &Response) -> Option<Url> {
    let to = response.headers().get(header::LOCATION)?.to_str().ok()?;
    response.url().join(to).ok().filter(Url::has_host)
}

/// Whether the listing comes with a key as without.
pub(super) fn open_to_all(with_key: &Answer, without: &Answer) -> bool {
    with_key.is_good() && without.is_good()
}
