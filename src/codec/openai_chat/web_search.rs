//! Searches of the web by the provider: `web_search_options`, and the tools other vendors have for it.

use serde_json::{Map, Value, json};

use super::spelling::{self, Spelling};
use crate::chat::Leftovers;
use crate::chat::request::WebSearch;
use crate::json::fields::{BadField, Fields};

/// The kind of Chat's own, which is no tool but a parameter.
const OPTIONS: &str = "web_search_options";

/// Reads `web_search_options`.
pub(super) fn read_options(
    mut options: Fields,
    leftovers: &mut Leftovers,
) -> Result<WebSearch, BadField> {
    let context_size = options.text("search_context_size")?;
    let location = options.take("user_location").map(flat_location);
    let mut allowed_domains = Vec::new();
    if let Some(mut filters) = options.object("filters")? {
        allowed_domains = domains(filters.take("allowed_domains").as_ref());
        leftovers.collect(filters);
    }
    Ok(WebSearch {
        kind: OPTIONS.to_owned(),
        allowed_domains,
        location,
        context_size,
        extra: leftovers.collect(options),
        ..WebSearch::default()
    })
}

/// Reads a tool of another vendor's shape; `None` if it does not search the web.
pub(super) fn read_tool(kind: Option<&str>, tool: &Value) -> Option<WebSearch> {
    let google = ["googleSearch", "google_search", "googleSearchRetrieval"];
    let google = google.into_iter().find(|key| tool.get(key).is_some());
    let kind = kind
        .filter(|kind| kind.starts_with("web_search"))
        .or(google)?;
    let mut search = WebSearch {
        kind: kind.to_owned(),
        allowed_domains: domains(tool.get("allowed_domains")),
        blocked_domains: domains(tool.get("blocked_domains")),
        location: tool.get("user_location").cloned().map(flat_location),
        max_uses: tool.get("max_uses").and_then(Value::as_u64),
        context_size: tool["search_context_size"].as_str().map(str::to_owned),
        ..WebSearch::default()
    };
    if search.allowed_domains.is_empty() {
        search.allowed_domains = domains(tool["filters"].get("allowed_domains"));
    }
    let mut spelling = Spelling::default();
    spelling.note("tool", tool.clone());
    spelling.keep(&mut search.extra);
    Some(search)
}

/// The tool as the client of this dialect wrote it, if it was one.
pub(super) fn spelled(search: &WebSearch) -> Option<&Value> {
    spelling::of(&search.extra, "tool")
}

fn domains(list: Option<&Value>) -> Vec<String> {
    let list = list.and_then(Value::as_array).into_iter().flatten();
    list.filter_map(|domain| domain.as_str().map(str::to_owned))
        .collect()
}

/// Chat nests a location in an object named like its type.
fn flat_location(mut location: Value) -> Value {
    let Some(Value::Object(inner)) = location.get_mut("approximate").map(Value::take) else {
        return location;
    };
    let mut flat = Map::new();
    flat.insert("type".to_owned(), json!("approximate"));
    flat.extend(inner);
    Value::Object(flat)
}

/// Writes `web_search_options`; what it has no word for is the caller's to report.
pub(super) fn write_options(search: &WebSearch) -> Map<String, Value> {
    let mut options = Map::new();
    if let Some(size) = &search.context_size {
        options.insert("search_context_size".to_owned(), json!(size));
    }
    if let Some(Value::Object(flat)) = &search.location {
        let inner: Map<_, _> = flat
            .iter()
            .filter(|(key, value)| *key != "type" && !value.is_null())
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        options.insert(
            "user_location".to_owned(),
            json!({"type": "approximate", "approximate": inner}),
        );
    }
    if !search.allowed_domains.is_empty() {
        let filters = json!({"allowed_domains": search.allowed_domains});
        options.insert("filters".to_owned(), filters);
    }
    options
}
