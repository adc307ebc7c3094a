//! The list of models, as each dialect writes it.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::chat::Dialect;

/// A model or route, with who offers it first.
pub type Entry = (Arc<str>, Arc<str>);

/// Most entries of one page, as Anthropic and Google have it.
const LARGEST_PAGE: usize = 1000;

/// Entries of a page whose size nobody asked for.
const ANTHROPICS_PAGE: usize = 20;
const GOOGLES_PAGE: usize = 50;

/// The page of `entries` that `query` asks for.
pub fn list(dialect: Dialect, entries: &[Entry], query: &str) -> Value {
    match dialect {
        Dialect::OpenAiChat | Dialect::OpenAiResponses => openais(entries),
        Dialect::Anthropic => anthropics(entries, query),
        Dialect::Gemini => googles(entries, query),
    }
}

/// One entry alone.
pub fn one(dialect: Dialect, (name, owner): &Entry) -> Value {
    let (name, owner) = (&**name, &**owner);
    match dialect {
        // Nobody tells us when a model was made; clients want a number, or a date.
        Dialect::OpenAiChat | Dialect::OpenAiResponses => {
            json!({ "id": name, "object": "model", "created": 0, "owned_by": owner })
        }
        Dialect::Anthropic => json!({
            "type": "model",
            "id": name,
            "display_name": name,
            "created_at": "1970-01-01T00:00:00Z",
        }),
        Dialect::Gemini => json!({
            "name": format!("models/{name}"),
            "version": "1",
            "displayName": name,
            "description": format!("{name} at {owner}"),
            "supportedGenerationMethods":
                ["generateContent", "streamGenerateContent", "countTokens", "embedContent"],
        }),
    }
}

fn openais(entries: &[Entry]) -> Value {
    let data = entries.iter().map(|entry| one(Dialect::OpenAiChat, entry));
    json!({ "object": "list", "data": data.collect::<Vec<_>>() })
}

/// Pages go forward behind `after_id`, or back before `before_id`.
fn anthropics(entries: &[Entry], query: &str) -> Value {
    let limit = size(query, "limit", ANTHROPICS_PAGE);
    let place = |id: &str| entries.iter().position(|(name, _)| **name == *id);
    let (page, has_more) = if let Some(before) = value(query, "before_id") {
        let end = place(&before).unwrap_or(0);
        let start = end.saturating_sub(limit);
        (&entries[start..end], start > 0)
    } else {
        let after =
            value(query, "after_id").map(|id| place(&id).map_or(entries.len(), |at| at + 1));
        let start = after.unwrap_or(0);
        let end = entries.len().min(start.saturating_add(limit));
        (&entries[start..end], end < entries.len())
    };
    let data = page.iter().map(|entry| one(Dialect::Anthropic, entry));
    json!({
        "data": data.collect::<Vec<_>>(),
        "has_more": has_more,
        "first_id": page.first().map(|(name, _)| &**name),
        "last_id": page.last().map(|(name, _)| &**name),
    })
}

/// A page's token is the place of its first entry.
fn googles(entries: &[Entry], query: &str) -> Value {
    let limit = size(query, "pageSize", GOOGLES_PAGE);
    let token = value(query, "pageToken").and_then(|token| token.parse().ok());
    let start = entries.len().min(token.unwrap_or(0));
    let end = entries.len().min(start.saturating_add(limit));
    let models = entries[start..end]
        .iter()
        .map(|entry| one(Dialect::Gemini, entry));
    let mut listing = json!({ "models": models.collect::<Vec<_>>() });
    if end < entries.len() {
        listing["nextPageToken"] = json!(end.to_string());
    }
    listing
}

fn size(query: &str, name: &str, usual: usize) -> usize {
    let asked = value(query, name).and_then(|text| text.parse().ok());
    asked
        .filter(|size| *size > 0)
        .unwrap_or(usual)
        .min(LARGEST_PAGE)
}

fn value(query: &str, name: &str) -> Option<String> {
    let mut pairs = url::form_urlencoded::parse(query.as_bytes());
    pairs.find_map(|(key, value)| (key == name).then(|| value.into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries() -> Vec<Entry> {
        ["a", "b/c", "d"]
            .map(|name| (name.into(), "p".into()))
            .to_vec()
    }

    fn names(listing: &Value, field: &str, name: &str) -> Vec<String> {
        let models = listing[field].as_array().expect("a list").iter();
        models
            .map(|model| model[name].as_str().unwrap_or_default().to_owned())
            .collect()
    }

    #[test]
    fn anthropics_pages_go_both_ways() {
        for (query, expected, has_more) in [
            ("", vec!["a", "b/c", "d"], false),
            ("limit=2", vec!["a", "b/c"], true),
            ("limit=2&after_id=b%2Fc", vec!["d"], false),
            ("limit=1&before_id=d", vec!["b/c"], true),
            ("after_id=d", vec![], false),
            ("after_id=unknown", vec![], false),
            ("limit=0", vec!["a", "b/c", "d"], false),
            ("limit=99999999999999999999", vec!["a", "b/c", "d"], false),
        ] {
            let listing = list(Dialect::Anthropic, &entries(), query);
            assert_eq!(names(&listing, "data", "id"), expected, "{query}");
            assert_eq!(listing["has_more"], has_more, "{query}");
            assert_eq!(
                listing["last_id"].as_str(),
                expected.last().copied(),
                "{query}"
            );
        }
    }

    #[test]
    fn googles_pages_follow_their_token() {
        let listing = list(Dialect::Gemini, &entries(), "pageSize=2");
        assert_eq!(
            names(&listing, "models", "name"),
            ["models/a", "models/b/c"]
        );
        let token = listing["nextPageToken"].as_str().expect("a token");
        let listing = list(
            Dialect::Gemini,
            &entries(),
            &format!("pageSize=2&pageToken={token}"),
        );
        assert_eq!(names(&listing, "models", "name"), ["models/d"]);
        assert_eq!(listing.get("nextPageToken"), None);
        for odd in ["pageToken=77", "pageToken=x", "pageToken=-1"] {
            list(Dialect::Gemini, &entries(), odd);
        }
    }
}
