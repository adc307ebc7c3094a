//! A question of `POST /routing/decide`: a request as a client would send it, and what is to be supposed
//! beside it.
//!
//! It comes in two forms. Either the request itself, in any dialect, with our fields among its own; the
//! dialect is told by its shape:
//!
//! ```json
//! { "model": "smart", "messages": [], "strategy": "adaptive", "exclude_providers": ["a"] }
//! ```
//!
//! or the request within, where shape does not tell (`input` may be text to embed) or must not be touched:
//!
//! ```json
//! { "endpoint": "/v1/embeddings", "request": { "model": "m", "input": "x" }, "preferred_region": "eu" }
//! ```
//!
//! A `model` and nothing to say to it stands for the smallest chat.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use memchr::memmem;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::call::{Call, Endpoint};
use super::ingress::Ingress;
use super::problem::Problem;
use crate::chat::{Dialect, Operation};
use crate::config::Strategy;
use crate::json::raw::RawObject;
use crate::json::scan;
use crate::route::Scope;

/// Fields that stand beside a request and are no part of it.
const BESIDE: [&str; 7] = [
    "request",
    "preferred_region",
    "exclude_providers",
    "strategy",
    "session",
    "endpoint",
    "dialect",
];

/// Fields of a request that may stand beside one that is given within.
const LENT: [&str; 4] = ["model", "provider", "alias", "strict_alias"];

/// Where each shape of request is sent; the first whose field is there.
const SHAPES: [(&str, Shape); 6] = [
    ("contents", Shape::Gemini("generateContent")),
    ("messages", Shape::Messages),
    ("input", Shape::Path("/responses")),
    ("prompt", Shape::Path("/completions")),
    ("requests", Shape::Gemini("batchEmbedContents")),
    ("content", Shape::Gemini("embedContent")),
];

/// Fields by which Anthropic's requests are told from OpenAI's.
const ANTHROPICS: [&str; 4] = [
    "system",
    "stop_sequences",
    "anthropic_version",
    "mcp_servers",
];

/// The session that a request belongs to.
static SESSION: HeaderName = HeaderName::from_static("x-session-id");

/// See the module's head.
#[derive(Debug)]
pub struct Question {
    /// The request.
    pub call: Call,
    /// Providers that are left out.
    pub excluded: Vec<String>,
    /// Where it should run, if there is a choice.
    pub region: Option<String>,
    /// The order of the candidates, if not the configured one.
    pub strategy: Option<Strategy>,
}

/// What a field of a request tells of its endpoint.
#[derive(Debug, Clone, Copy)]
enum Shape {
    Path(&'static str),
    /// OpenAI's or Anthropic's.
    Messages,
    /// With this verb.
    Gemini(&'static str),
}

impl Question {
    /// Reads `body`, which `client` has sent with `headers`.
    ///
    /// # Errors
    /// 400 naming the field that makes no sense.
    pub fn read(
        body: Bytes,
        mut headers: HeaderMap,
        client: Arc<str>,
        scope: Option<Arc<Scope>>,
    ) -> Result<Self, Problem> {
        let object = RawObject::parse(body)?;
        if let Some(twice) = object.duplicate(&BESIDE) {
            return Err(Problem::bad_field(
                twice,
                format!("`{twice}` is there twice"),
            ));
        }
        let request = request(&object)?;
        let ingress = ingress(&object, &request, &headers)?;
        let request = match &ingress.spoken {
            // They stand in the path.
            Some(_) => without(&request, &["model", "stream"])?,
            None => request,
        };
        if let Some(session) = text(&object, "session")? {
            let session = HeaderValue::from_str(&session);
            let session = session.map_err(|_| wrong("session", "a text that a header can hold"))?;
            headers.insert(&SESSION, session);
        }
        // Those of the question's own body.
        headers.remove(header::CONTENT_TYPE);
        headers.remove(header::CONTENT_LENGTH);
        Ok(Self {
            excluded: excluded(&object)?,
            region: text(&object, "preferred_region")?,
            strategy: strategy(&object)?,
            call: Call {
                endpoint: ingress.endpoint,
                spoken: ingress.spoken,
                client,
                headers,
                body: request.text().clone(),
                scope,
                promise_after: None,
            },
        })
    }
}

/// The request alone.
fn request(object: &RawObject) -> Result<RawObject, Problem> {
    let Some(within) = object.get("request") else {
        let request = without(object, &BESIDE)?;
        let says_nothing = SHAPES.iter().all(|(field, _)| request.get(field).is_none());
        let is_said = |field: &str| object.get(field).is_some();
        if says_nothing && !is_said("endpoint") && !is_said("dialect") {
            return with(&request, "messages", br#"[{"role":"user","content":"?"}]"#);
        }
        return Ok(request);
    };
    if !within.starts_with(b"{") {
        return Err(wrong("request", "an object"));
    }
    let request = RawObject::parse(object.text().slice_ref(within))?;
    LENT.iter().try_fold(request, |request, field| {
        match object.get(field).filter(|_| request.get(field).is_none()) {
            Some(value) => with(&request, field, value),
            None => Ok(request),
        }
    })
}

/// Where `request` is sent.
fn ingress(
    object: &RawObject,
    request: &RawObject,
    headers: &HeaderMap,
) -> Result<Ingress, Problem> {
    if let Some(path) = text(object, "endpoint")? {
        let (path, query) = match path.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (&*path, None),
        };
        let path = format!("/{}", path.trim_start_matches('/'));
        return Ingress::at(&path, query).ok_or_else(|| {
            wrong(
                "endpoint",
                "a path that requests are posted to, as /v1/chat/completions",
            )
        });
    }
    let shape = match text(object, "dialect")? {
        Some(name) => spoken(&name)?,
        None => shape(request, headers),
    };
    match shape {
        Shape::Path(path) => at(path),
        Shape::Messages => at(if is_anthropics(request, headers) {
            "/messages"
        } else {
            "/chat/completions"
        }),
        Shape::Gemini(verb) => gemini(request, verb),
    }
}

fn shape(request: &RawObject, headers: &HeaderMap) -> Shape {
    let found = SHAPES
        .iter()
        .find(|(field, _)| request.get(field).is_some());
    match found {
        Some((_, shape)) => *shape,
        None if headers.contains_key("anthropic-version") => Shape::Path("/messages"),
        None => Shape::Path("/chat/completions"),
    }
}

/// What is generated in a dialect.
fn spoken(name: &str) -> Result<Shape, Problem> {
    let dialect = Dialect::ALL
        .into_iter()
        .find(|dialect| dialect.name() == name)
        .ok_or_else(|| {
            wrong(
                "dialect",
                "openai_chat, openai_responses, anthropic or gemini",
            )
        })?;
    Ok(match Endpoint::of(dialect, Operation::Generate) {
        Some(endpoint) if dialect != Dialect::Gemini => Shape::Path(endpoint.path),
        _ => Shape::Gemini("generateContent"),
    })
}

fn is_anthropics(request: &RawObject, headers: &HeaderMap) -> bool {
    let has_schema = |tools: &[u8]| memmem::find(tools, b"\"input_schema\"").is_some();
    headers.contains_key("anthropic-version")
        || ANTHROPICS.iter().any(|field| request.get(field).is_some())
        || request.get("tools").is_some_and(has_schema)
}

fn at(path: &str) -> Result<Ingress, Problem> {
    Ingress::at(path, None).ok_or_else(Problem::internal)
}

/// Google's model and verb stand in the path.
fn gemini(request: &RawObject, verb: &str) -> Result<Ingress, Problem> {
    let model = text(request, "model")?;
    let model = model.ok_or_else(|| {
        Problem::bad_field(
            "model",
            "`model` is required: it stands in the path of such a request, so here it is a field",
        )
    })?;
    let streams = verb == "generateContent" && request.get("stream") == Some(b"true");
    let verb = if streams {
        "streamGenerateContent"
    } else {
        verb
    };
    let name = utf8_percent_encode(&model, NON_ALPHANUMERIC);
    let path = format!("/v1beta/models/{name}:{verb}");
    Ingress::at(&path, Some("alt=sse")).ok_or_else(Problem::internal)
}

fn strategy(object: &RawObject) -> Result<Option<Strategy>, Problem> {
    use Strategy::{Adaptive, Bandit, Sequential, Weighted};
    let Some(name) = text(object, "strategy")? else {
        return Ok(None);
    };
    let known = [Sequential, Adaptive, Bandit, Weighted];
    let found = known.into_iter().find(|strategy| strategy.name() == name);
    let expected = "sequential, adaptive, bandit or weighted";
    found.map(Some).ok_or_else(|| wrong("strategy", expected))
}

/// A list of names, or one.
fn excluded(object: &RawObject) -> Result<Vec<String>, Problem> {
    let expected = || wrong("exclude_providers", "a list of names of providers");
    match object.get("exclude_providers") {
        None | Some(b"null") => Ok(Vec::new()),
        Some(one) if one.starts_with(b"\"") => {
            Ok(vec![scan::string(one).ok_or_else(expected)?.into_owned()])
        }
        Some(list) => serde_json::from_slice(list).map_err(|_| expected()),
    }
}

fn text(object: &RawObject, field: &'static str) -> Result<Option<String>, Problem> {
    match object.get(field) {
        None | Some(b"null") => Ok(None),
        Some(value) => match scan::string(value) {
            Some(text) if !text.trim().is_empty() => Ok(Some(text.into_owned())),
            _ => Err(wrong(field, "a non-empty string")),
        },
    }
}

fn without(object: &RawObject, fields: &[&str]) -> Result<RawObject, Problem> {
    let mut edit = object.edit();
    for field in fields {
        edit.remove(field);
    }
    Ok(RawObject::parse(edit.finish().concat().into())?)
}

fn with(object: &RawObject, field: &str, value: &[u8]) -> Result<RawObject, Problem> {
    let mut edit = object.edit();
    edit.set(field, Bytes::copy_from_slice(value));
    Ok(RawObject::parse(edit.finish().concat().into())?)
}

fn wrong(field: &str, expected: &str) -> Problem {
    Problem::bad_field(field, format!("`{field}` must be {expected}"))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(body: &Value) -> Result<Question, Problem> {
        let body = Bytes::from(body.to_string());
        Question::read(body, HeaderMap::new(), "me".into(), None)
    }

    fn good(body: &Value) -> Question {
        read(body).unwrap_or_else(|problem| panic!("{body}: {}", problem.body.message))
    }

    #[test]
    fn the_shape_of_a_request_tells_where_it_is_sent() {
        for (body, path) in [
            (json!({"messages": []}), "/chat/completions"),
            (json!({"messages": [], "system": "s"}), "/messages"),
            (
                json!({"messages": [], "tools": [{"input_schema": {}}]}),
                "/messages",
            ),
            (json!({"input": "x"}), "/responses"),
            (json!({"prompt": "x"}), "/completions"),
            (json!({"contents": []}), "/models:generateContent"),
            (json!({"content": {}}), "/models:embedContent"),
            (json!({}), "/chat/completions"),
            (json!({"dialect": "anthropic", "messages": []}), "/messages"),
            (json!({"dialect": "gemini"}), "/models:generateContent"),
            (
                json!({"endpoint": "/v1/embeddings", "input": "x"}),
                "/embeddings",
            ),
            (
                json!({"endpoint": "messages?beta=true", "request": {}}),
                "/messages",
            ),
        ] {
            let mut body = body;
            body["model"] = json!("m");
            assert_eq!(good(&body).call.endpoint.path, path, "{body}");
        }
    }

    #[test]
    fn a_request_is_what_a_client_would_have_sent() {
        let beside = json!({
            "model": "m", "messages": [], "strategy": "weighted", "preferred_region": "eu",
            "exclude_providers": ["a", "b"], "session": "s", "endpoint": null, "dialect": null
        });
        let question = good(&beside);
        assert_eq!(&question.call.body[..], br#"{"model":"m","messages":[]}"#);
        assert_eq!(question.strategy, Some(Strategy::Weighted));
        assert_eq!(question.region.as_deref(), Some("eu"));
        assert_eq!(question.excluded, ["a", "b"]);
        assert_eq!(question.call.header("x-session-id"), Some("s"));

        let within = good(&json!({
            "request": {"messages": [], "strategy": "its own"}, "model": "m", "provider": "p"
        }));
        let body: Value = serde_json::from_slice(&within.call.body).expect("JSON");
        let expected =
            json!({"messages": [], "strategy": "its own", "model": "m", "provider": "p"});
        assert_eq!(body, expected);

        let alone = good(&json!({"model": "m"}));
        let body: Value = serde_json::from_slice(&alone.call.body).expect("JSON");
        assert_eq!(body["messages"][0]["role"], "user");
    }

    #[test]
    fn googles_model_is_taken_for_that_of_the_path() {
        let question = good(&json!({"model": "models/a/b:c", "contents": [], "stream": true}));
        let spoken = question.call.spoken.expect("a path");
        assert_eq!(spoken.model, "a/b:c");
        assert!(spoken.streams);
        assert_eq!(&question.call.body[..], br#"{"contents":[]}"#);
    }

    #[test]
    fn what_makes_no_sense_is_named() {
        for (body, field) in [
            (json!({"strategy": "fastest"}), "strategy"),
            (json!({"strategy": 7}), "strategy"),
            (json!({"dialect": "klingon"}), "dialect"),
            (json!({"endpoint": "/v1/models"}), "endpoint"),
            (json!({"exclude_providers": 7}), "exclude_providers"),
            (json!({"exclude_providers": [7]}), "exclude_providers"),
            (json!({"preferred_region": ""}), "preferred_region"),
            (json!({"session": "a\nb"}), "session"),
            (json!({"request": "x"}), "request"),
            (json!({"contents": []}), "model"),
        ] {
            let problem = read(&body).expect_err("a mistake");
            assert_eq!(problem.body.param.as_deref(), Some(field), "{body}");
            assert_eq!(problem.status, 400, "{body}");
        }
    }
}
