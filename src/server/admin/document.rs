//! The `OpenAPI` document: made of the table of endpoints and of the types that are sent and read, and held against
//! the asset that is served.

use schemars::{JsonSchema, SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use super::endpoint::{Page, Takes};
use super::failed::Failure;
use super::pages::{DOCUMENT, Lines, Requests};
use crate::telemetry::act::{Act, Told};
use crate::telemetry::event::{Event, Hello};
use crate::telemetry::snapshot::{ProviderDetail, RequestDetail, Snapshot, VERSION};

/// Where schemas lie in a document.
const SCHEMAS: &str = "/components/schemas";

/// What is said of an endpoint beside its address.
struct Text {
    summary: &'static str,
    description: &'static str,
}

fn text(page: Page) -> Text {
    let (summary, description) = match page {
        Page::Snapshot => ("Everything, as of now.", ""),
        Page::Events => (
            "What changes, as a stream of server-sent events.",
            "`hello` with the version, then a `snapshot`, then changes in absolute values; every event has a number as its \
             `id`, and its `data` is the whole event. A comment every ten seconds keeps it alive. Who reads too slowly is \
             sent a new snapshot, whose `lost.events` counts what was passed over.",
        ),
        Page::Requests => (
            "The last requests and those under way, the latest first.",
            "",
        ),
        Page::Request => ("A request, by its id or its number.", ""),
        Page::Provider => ("A provider, with its keys, targets and failures.", ""),
        Page::Config => (
            "The effective configuration, without secrets, with the source of each value.",
            "",
        ),
        Page::Decide => (
            "What would become of a request.",
            "The body is a request as a client would send it, or `{endpoint, request}` with what is to be supposed beside \
             it. Nothing is sent, and nothing changes by asking.",
        ),
        Page::Acts => (
            "Has the gateway do something.",
            "Nothing of it outlives the run.",
        ),
        Page::Reload => ("Has the gateway read its configuration anew.", ""),
        Page::Logs => ("The end of the log, the oldest line first.", ""),
        Page::Document => ("This document.", ""),
    };
    Text {
        summary,
        description,
    }
}

fn parameter(name: &str) -> Value {
    let (description, schema) = match name {
        "only" => (
            "The kinds of changes that are told, with commas between them.",
            json!({ "type": "string" }),
        ),
        "limit" => (
            "Most of them; 100 if it is not given.",
            json!({ "type": "integer", "minimum": 0 }),
        ),
        "after" => (
            "Only lines with a larger number.",
            json!({ "type": "integer", "minimum": 0 }),
        ),
        "level" => (
            "Lines of this level and worse.",
            json!({ "enum": ["error", "warn", "info", "debug", "trace"] }),
        ),
        "state" => (
            "Requests in this state.",
            json!({ "enum": ["live", "queued", "waiting", "streaming", "over", "failed"] }),
        ),
        "provider" => (
            "Requests that it was asked for.",
            json!({ "type": "string" }),
        ),
        "model" => (
            "Requests for this model, or served by it.",
            json!({ "type": "string" }),
        ),
        "client" => ("Requests with its key.", json!({ "type": "string" })),
        other => panic!("nothing is said of `{other}`"),
    };
    json!({ "name": name, "in": "query", "description": description, "schema": schema })
}

/// The schemas of a document under construction.
struct Schemas(SchemaGenerator);

impl Schemas {
    fn of<T: JsonSchema>(&mut self) -> Value {
        self.0.subschema_for::<T>().to_value()
    }

    fn answer(&mut self, page: Page) -> Value {
        let object = || json!({ "type": "object" });
        let schema = match page {
            Page::Snapshot => self.of::<Snapshot>(),
            Page::Events => self.of::<Event>(),
            Page::Requests => self.of::<Requests>(),
            Page::Request => self.of::<RequestDetail>(),
            Page::Provider => self.of::<ProviderDetail>(),
            Page::Acts | Page::Reload => self.of::<Told>(),
            Page::Logs => self.of::<Lines>(),
            Page::Config | Page::Decide | Page::Document => object(),
        };
        let kind = match page {
            Page::Events => "text/event-stream",
            _ => "application/json",
        };
        json!({ "description": "The answer.", "content": { kind: { "schema": schema } } })
    }

    fn body(&mut self, page: Page) -> Option<Value> {
        let schema = match (page.takes(), page) {
            (Takes::Nothing, _) => return None,
            (Takes::Json, Page::Acts) => self.of::<Act>(),
            (Takes::Json, _) => json!({ "type": "object" }),
        };
        let content = json!({ "application/json": { "schema": schema } });
        Some(json!({ "required": true, "content": content }))
    }

    fn endpoint(&mut self, page: Page) -> Value {
        let Text {
            summary,
            description,
        } = text(page);
        let query = page.parameters().iter().map(|name| parameter(name));
        let parameters: Vec<Value> = in_path(page).into_iter().chain(query).collect();
        let failure = self.of::<Failure>();
        let mut told = json!({ "operationId": page.path(), "summary": summary });
        if !description.is_empty() {
            told["description"] = description.into();
        }
        if !parameters.is_empty() {
            told["parameters"] = parameters.into();
        }
        if let Some(body) = self.body(page) {
            told["requestBody"] = body;
        }
        let content = json!({ "application/json": { "schema": failure } });
        told["responses"] = json!({
            "200": self.answer(page),
            "default": { "description": "What went wrong.", "content": content },
        });
        told
    }
}

fn in_path(page: Page) -> Option<Value> {
    let name = page.path().split_once('{')?.1.trim_end_matches('}');
    Some(json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } }))
}

fn document() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.definitions_path = SCHEMAS.into();
    });
    let mut schemas = Schemas(settings.into_generator());
    let mut paths = Map::new();
    for page in Page::ALL {
        let method = page.method().as_str().to_ascii_lowercase();
        let endpoint = schemas.endpoint(page);
        paths.insert(page.path().to_owned(), json!({ method: endpoint }));
    }
    schemas.of::<Hello>();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "autogw admin API",
            "version": VERSION.to_string(),
            "description": "How a running gateway stands, and what its owner has it do. It answers on its own Unix \
                socket, which only its owner opens, and on a loopback address with a token where one is configured.",
        },
        "paths": paths,
        "components": {
            "schemas": schemas.0.take_definitions(true),
            "securitySchemes": { "token": { "type": "http", "scheme": "bearer" } },
        },
    })
}

#[test]
fn the_document_in_the_assets_is_current() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/admin.openapi.json");
    let mut text = serde_json::to_string_pretty(&document()).expect("plain data");
    text.push('\n');
    if std::env::var_os("UPDATE_ASSETS").is_some() {
        std::fs::write(path, &text).expect("the asset is written");
        return;
    }
    assert!(DOCUMENT == text, "run this test with UPDATE_ASSETS=1");
}

#[test]
fn every_schema_that_is_named_is_there() {
    fn look(value: &Value, document: &Value, seen: &mut usize) {
        match value {
            Value::Object(fields) => {
                if let Some(Value::String(name)) = fields.get("$ref") {
                    let place = name.trim_start_matches('#');
                    assert!(document.pointer(place).is_some(), "{name}");
                    *seen += 1;
                }
                fields
                    .values()
                    .for_each(|value| look(value, document, seen));
            }
            Value::Array(items) => items.iter().for_each(|value| look(value, document, seen)),
            _ => {}
        }
    }
    let (document, mut seen) = (document(), 0);
    look(&document, &document, &mut seen);
    assert!(seen > 20, "{seen}");
}
