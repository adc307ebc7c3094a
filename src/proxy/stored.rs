//! Stored answers of the Responses API: read and deleted by their id.
//!
//! What was translated is stored here. Other ids are asked for where the API is spoken natively, in the
//! order of the configuration: whoever stored the answer knows it, the others say 404.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use super::Reply;
use super::body::Body;
use super::gateway::{Gateway, Memory};
use super::problem::Problem;
use super::receive::{read_error, read_whole};
use super::record::Record;
use super::upstream::{Outgoing, Pieces};
use crate::chat::Dialect;

/// The path below which they are, as far as logs are concerned.
pub const PATH: &str = "/responses/{id}";

/// Most upstream requests that one look-up may cost.
const MAX_ASKED: usize = 8;

/// How long one of them may take.
const WITHIN: Duration = Duration::from_secs(30);

/// Longest id that is asked for upstream.
const MAX_ID: usize = 256;

/// Items of a page, as OpenAI pages by default, and at most.
const PAGE: usize = 20;
const MAX_PAGE: usize = 100;

/// What is asked of a stored answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    id: String,
    wants_items: bool,
}

impl Stored {
    /// What is at `path`, if it is that of a stored answer.
    pub fn at(path: &str) -> Option<Self> {
        let path = path.strip_prefix("/openai").unwrap_or(path);
        let path = path.strip_prefix("/v1").unwrap_or(path);
        let rest = path.strip_prefix("/responses/")?;
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (id, wants_items) = match rest.strip_suffix("/input_items") {
            Some(id) => (id, true),
            None => (rest, false),
        };
        let id = percent_decode_str(id).decode_utf8().ok()?.into_owned();
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
        let is_id = !id.is_empty() && id.len() <= MAX_ID && id.chars().all(is_plain);
        is_id.then_some(Self { id, wants_items })
    }
}

/// Who asks, and how.
#[derive(Debug, Clone, Copy)]
pub struct Asking<'a> {
    /// GET or DELETE.
    pub method: &'a Method,
    /// The query: how the items are paged.
    pub query: Option<&'a str>,
    /// Whether all that providers hold exists for whoever asks.
    pub sees_all: bool,
}

/// Answers a look-up of `stored`.
pub async fn answer(
    gateway: &Gateway,
    stored: &Stored,
    asking: Asking<'_>,
    mut record: Record,
) -> Result<Reply, Problem> {
    let client = record.client().clone();
    let own = gateway
        .memory()
        .and_then(|memory| ours(memory, &client, stored, asking));
    let found = match own {
        Some(found) => Some(reply(Bytes::from(found.to_string()))),
        None if asking.sees_all => elsewhere(gateway, stored, asking).await,
        None => None,
    };
    if let Some(reply) = found {
        record.answered(reply.status.as_u16());
        record.complete();
        return Ok(reply);
    }
    let problem = Problem::no_such_response(&stored.id);
    record.failed(problem.status.as_u16());
    Err(problem)
}

/// What is stored here.
fn ours(memory: &Memory, client: &Arc<str>, stored: &Stored, asking: Asking<'_>) -> Option<Value> {
    let id = &stored.id;
    let known = memory.responses.get(client, id, Instant::now())?;
    if asking.method == Method::DELETE {
        memory.responses.forget(client, id);
        return Some(json!({ "id": id, "object": "response", "deleted": true }));
    }
    if !stored.wants_items {
        return Some(known.answer.clone());
    }
    let before = known.previous.as_deref();
    let before = before.and_then(|id| memory.responses.history(client, id, Instant::now()));
    let mut items = before.unwrap_or_default();
    items.extend(known.input.iter().cloned());
    Some(page(items, asking.query))
}

/// A page of input items, the last said first unless asked otherwise.
fn page(items: Vec<Value>, query: Option<&str>) -> Value {
    let mut items: Vec<Value> = items.into_iter().enumerate().map(named).collect();
    let pairs: Vec<_> = url::form_urlencoded::parse(query.unwrap_or_default().as_bytes()).collect();
    let asked = |name: &str| {
        pairs
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| &**value)
    };
    if asked("order") != Some("asc") {
        items.reverse();
    }
    if let Some(after) = asked("after") {
        let place = items.iter().position(|item| item["id"] == after);
        items.drain(..place.map_or(0, |place| place + 1));
    }
    let limit = asked("limit").and_then(|limit| limit.parse().ok());
    let limit = limit.unwrap_or(PAGE).clamp(1, MAX_PAGE);
    let has_more = items.len() > limit;
    items.truncate(limit);
    let id_of = |item: Option<&Value>| item.map_or(Value::Null, |item| item["id"].clone());
    json!({
        "object": "list",
        "first_id": id_of(items.first()),
        "last_id": id_of(items.last()),
        "has_more": has_more,
        "data": items,
    })
}

/// Items of a list have ids; those that the client sent without one get their place.
fn named((place, mut item): (usize, Value)) -> Value {
    if let Some(map) = item.as_object_mut()
        && !map.get("id").is_some_and(Value::is_string)
    {
        map.insert("id".to_owned(), format!("item_{place}").into());
    }
    item
}

/// What a provider of the API has stored.
async fn elsewhere(gateway: &Gateway, stored: &Stored, asking: Asking<'_>) -> Option<Reply> {
    let rings = gateway.keyrings().iter().enumerate();
    let speaks = rings.filter(|(_, ring)| {
        let dialects = &ring.provider.preset.dialects;
        dialects.contains(&Dialect::OpenAiResponses)
    });
    let places = speaks.flat_map(|(place, ring)| {
        let keys = ring.provider.keys.len();
        let keyed = (0..keys).map(Some).chain((keys == 0).then_some(None));
        keyed.map(move |key| (place, key))
    });
    for (place, key) in places.take(MAX_ASKED) {
        if let Some(reply) = ask(gateway, place, key, stored, asking).await {
            return Some(reply);
        }
    }
    None
}

async fn ask(
    gateway: &Gateway,
    place: usize,
    key: Option<usize>,
    stored: &Stored,
    asking: Asking<'_>,
) -> Option<Reply> {
    let items = if stored.wants_items {
        "/input_items"
    } else {
        ""
    };
    let query = asking.query.filter(|_| stored.wants_items);
    let query = query.map_or(String::new(), |query| format!("?{}", paging(query)));
    let path = format!("/responses/{}{items}{query}", stored.id);
    let by = tokio::time::Instant::now() + WITHIN;
    let outgoing = Outgoing {
        method: asking.method.clone(),
        path: &path,
        key,
        headers: &HeaderMap::new(),
        body: Pieces::new(Vec::new()),
        connect_by: by,
        answer_by: by,
        may_repeat: true,
    };
    let answer = gateway.upstream_at(place).send(outgoing).await.ok()?;
    if !answer.status.is_success() {
        // Read to its end, so that the connection serves the next one.
        read_error(answer.body).await;
        return None;
    }
    let body = tokio::time::timeout_at(by, read_whole(answer.body)).await;
    Some(reply(body.ok()?.ok()?))
}

/// The paging of a client's query, and nothing else of it: a key may stand there.
fn paging(query: &str) -> String {
    let pairs = url::form_urlencoded::parse(query.as_bytes());
    let known = pairs.filter(|(name, _)| matches!(&**name, "after" | "limit" | "order"));
    let mut written = url::form_urlencoded::Serializer::new(String::new());
    written.extend_pairs(known);
    written.finish()
}

fn reply(body: Bytes) -> Reply {
    let mut headers = HeaderMap::with_capacity(8);
    let json = HeaderValue::from_static("application/json");
    headers.insert(header::CONTENT_TYPE, json);
    Reply {
        status: StatusCode::OK,
        headers,
        body: Body::Full(body),
    }
}

impl Problem {
    /// 404: no answer of that id is stored.
    fn no_such_response(id: &str) -> Self {
        let message = format!(
            "no response with the id `{id}` is stored here, or by a provider of the Responses API"
        );
        Self::new(
            StatusCode::NOT_FOUND,
            "invalid_request_error",
            Some("response_not_found"),
            message,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_plain_id_is_one() {
        let at = |path: &str| Stored::at(path).map(|stored| (stored.id, stored.wants_items));
        let resp = |items| Some(("resp_1".to_owned(), items));
        assert_eq!(at("/v1/responses/resp_1"), resp(false));
        assert_eq!(at("/responses/resp_1/"), resp(false));
        assert_eq!(at("/openai/v1/responses/resp_1/input_items"), resp(true));
        for path in [
            "/v1/responses",
            "/v1/responses/",
            "/v1/responses/a/b",
            "/v1/responses/..%2Fmodels",
            "/v1/responses/a%3Fb",
            "/v1/other/resp_1",
        ] {
            assert_eq!(at(path), None, "{path}");
        }
    }

    #[test]
    fn items_are_paged_as_openai_pages_them() {
        let items = || {
            (0..5)
                .map(|n| json!({ "role": "user", "content": n }))
                .collect()
        };
        let contents = |query| {
            let page = page(items(), query);
            let said = page["data"].as_array().expect("a list").iter();
            let said = said.map(|item| item["content"].to_string());
            (said.collect::<Vec<_>>().concat(), page["has_more"].clone())
        };
        assert_eq!(contents(None), ("43210".to_owned(), false.into()));
        assert_eq!(
            contents(Some("order=asc&limit=2")),
            ("01".to_owned(), true.into())
        );
        assert_eq!(
            contents(Some("order=asc&after=item_2")),
            ("34".to_owned(), false.into())
        );
    }

    #[test]
    fn no_key_of_a_query_goes_on() {
        assert_eq!(paging("key=secret&limit=3&x=1"), "limit=3");
    }
}
