//! What a provider serves, asked of itself: its listing of models, page by page.

use std::time::Duration;

use reqwest::Client;
use serde_json::Value;

use crate::chat::{Blame, Dialect, FailureClass};
use crate::codec::openai_chat::error;
use crate::health::Finding;
use crate::provider::classify::{self, Asked};
use crate::provider::{ApiKey, Provider, auth};
use crate::proxy::upstream::Tls;
use crate::proxy::written::{DEFAULT_VERSION, VERSION};

/// How long a page of a listing may take.
const WITHIN: Duration = Duration::from_secs(15);

/// Largest page that is read.
const MAX_PAGE: usize = 8 * 1024 * 1024;

/// Largest error that is read.
const MAX_ERROR: usize = 64 * 1024;

/// Most pages that are read: with the largest that vendors give, more models than anybody has.
const MAX_PAGES: usize = 20;

/// Verbs of Google's models that are spoken here. Others draw, or film.
const VERBS: [&str; 2] = ["generateContent", "embedContent"];

pub(super) async fn client(provider: &Provider) -> reqwest::Result<Client> {
    let tls = (*Tls::default().client_config().await).clone();
    let builder = Client::builder()
        .tls_backend_preconfigured(tls)
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .user_agent(concat!("autogw/", env!("CARGO_PKG_VERSION")))
        .timeout(WITHIN);
    match &provider.proxy {
        Some(proxy) => builder.proxy(reqwest::Proxy::all(proxy.as_str())?).build(),
        None => builder.no_proxy().build(),
    }
}

/// The names of all models that `provider` lists.
pub(super) async fn fetch(client: &Client, provider: &Provider) -> anyhow::Result<Vec<String>> {
    let dialect = spoken(provider);
    let mut all = Vec::new();
    let mut next = None;
    for _ in 0..MAX_PAGES {
        let query = query(dialect, next.as_deref());
        let listing = page(client, provider, &query).await?;
        let names = names(&listing).ok_or_else(|| anyhow::anyhow!("the listing has no models"))?;
        all.extend(names);
        next = next_page(&listing);
        if next.is_none() {
            break;
        }
    }
    Ok(all)
}

/// The dialect in which it lists: OpenAI's is what everybody speaks who speaks it at all.
fn spoken(provider: &Provider) -> Dialect {
    let dialects = &provider.preset.dialects;
    let best = dialects.first().copied();
    best.filter(|_| !dialects.contains(&Dialect::OpenAiChat))
        .unwrap_or(Dialect::OpenAiChat)
}

/// Asks for the largest pages, from `next` on.
fn query(dialect: Dialect, next: Option<&str>) -> String {
    let (size, name) = match dialect {
        Dialect::OpenAiChat | Dialect::OpenAiResponses => return String::new(),
        Dialect::Anthropic => ("limit=1000", "after_id"),
        Dialect::Gemini => ("pageSize=1000", "pageToken"),
    };
    let mut query = url::form_urlencoded::Serializer::new(format!("?{size}"));
    if let Some(next) = next {
        query.append_pair(name, next);
    }
    query.finish()
}

/// Asks whether it is there and takes `key`: the smallest page, of which nothing is kept.
pub(super) async fn probe(client: &Client, provider: &Provider, key: Option<&ApiKey>) -> Finding {
    let query = match spoken(provider) {
        Dialect::OpenAiChat | Dialect::OpenAiResponses => "",
        Dialect::Anthropic => "?limit=1",
        Dialect::Gemini => "?pageSize=1",
    };
    match ask(client, provider, key, query).send().await {
        Ok(response) if response.status().is_success() => Finding::Well,
        Ok(response) => judge(response).await,
        Err(error) if error.is_timeout() => Finding::Silent,
        Err(error) if error.is_builder() => Finding::Reached,
        Err(_) => Finding::Unreachable,
    }
}

/// An error may be about the key, as it would be judged in the answer to a request.
async fn judge(mut response: reqwest::Response) -> Finding {
    let (status, headers) = (response.status(), response.headers().clone());
    let mut body = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        if body.len() + chunk.len() > MAX_ERROR {
            break;
        }
        body.extend_from_slice(&chunk);
    }
    let asked = Asked {
        model: "",
        upstream: "",
        retryable: None,
    };
    let failure = classify::answer(status, &headers, error::read(&body), asked);
    if failure.class == FailureClass::Auth && failure.blame == Blame::Key {
        Finding::Refused
    } else {
        Finding::Reached
    }
}

fn ask(
    client: &Client,
    provider: &Provider,
    key: Option<&ApiKey>,
    query: &str,
) -> reqwest::RequestBuilder {
    let base = provider.base_url.as_ref().map_or("", |url| url.as_str());
    let base = base.trim_end_matches('/');
    let mut request = client.get(format!("{base}{}{query}", provider.models_path));
    if spoken(provider) == Dialect::Anthropic {
        request = request.header(&VERSION, DEFAULT_VERSION);
    }
    for (name, value) in &provider.extra_headers {
        request = request.header(name, value);
    }
    let header = key.and_then(|key| auth::header(provider.preset.auth, &key.secret));
    if let Some((name, value)) = header {
        request = request.header(name, value);
    }
    request
}

async fn page(client: &Client, provider: &Provider, query: &str) -> anyhow::Result<Value> {
    let request = ask(client, provider, provider.keys.first(), query);
    let mut response = request.send().await.map_err(reqwest::Error::without_url)?;
    let status = response.status();
    anyhow::ensure!(status.is_success(), "the listing answered {status}");
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        anyhow::ensure!(
            body.len() + chunk.len() <= MAX_PAGE,
            "the listing is larger than 8 MiB"
        );
        body.extend_from_slice(&chunk);
    }
    Ok(serde_json::from_slice(&body)?)
}

/// Names of `{"data": [{"id"}]}`, of a bare list, as Together answers, or of Google's
/// `{"models": [{"name": "models/…"}]}`.
fn names(listing: &Value) -> Option<Vec<String>> {
    if let Some(models) = listing.get("models") {
        let spoken = models.as_array()?.iter().filter(|model| is_spoken(model));
        let names = spoken.filter_map(|model| model["name"].as_str());
        let bare = names.map(|name| name.strip_prefix("models/").unwrap_or(name));
        return Some(bare.map(str::to_owned).collect());
    }
    let entries = listing.get("data").unwrap_or(listing).as_array()?;
    let ids = entries.iter().filter_map(|entry| entry["id"].as_str());
    Some(ids.map(str::to_owned).collect())
}

fn is_spoken(model: &Value) -> bool {
    let verbs = model["supportedGenerationMethods"].as_array();
    verbs.is_none_or(|verbs| verbs.iter().any(|verb| VERBS.iter().any(|own| verb == own)))
}

/// Where the next page begins, if there is one.
fn next_page(listing: &Value) -> Option<String> {
    let token = match listing["has_more"] {
        Value::Bool(true) => &listing["last_id"],
        _ => &listing["nextPageToken"],
    };
    let token = token.as_str().filter(|token| !token.is_empty())?;
    Some(token.to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn reads_listings_of_every_shape() {
        let expected = Some(vec!["a".to_owned(), "b".to_owned()]);
        for listing in [
            json!({"object": "list", "data": [{"id": "a"}, {"id": "b"}]}),
            json!([{"id": "a"}, {"id": "b"}, {"name": "c"}]),
            json!({"models": [{"name": "models/a"}, {"name": "b", "supportedGenerationMethods": ["generateContent"]},
                {"name": "models/c", "supportedGenerationMethods": ["predict"]}]}),
        ] {
            assert_eq!(names(&listing), expected, "{listing}");
        }
        assert_eq!(names(&json!({"error": "no"})), None);
    }

    #[test]
    fn pages_follow_each_other() {
        let next = |listing: Value| next_page(&listing);
        assert_eq!(
            next(json!({"has_more": true, "last_id": "x"})).as_deref(),
            Some("x")
        );
        assert_eq!(next(json!({"has_more": false, "last_id": "x"})), None);
        assert_eq!(
            next(json!({"nextPageToken": "a b"})).as_deref(),
            Some("a b")
        );
        assert_eq!(next(json!({"nextPageToken": ""})), None);
        assert_eq!(
            query(Dialect::Gemini, Some("a b")),
            "?pageSize=1000&pageToken=a+b"
        );
        assert_eq!(query(Dialect::Anthropic, None), "?limit=1000");
        assert_eq!(query(Dialect::OpenAiChat, None), "");
    }
}
