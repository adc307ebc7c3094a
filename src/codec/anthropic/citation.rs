//! Citations: pages of the web have a neutral form, places in documents are this dialect's own.

use serde_json::{Map, Value, json};

use crate::chat::Dialect;
use crate::chat::part::Citation;

const WEB: &str = "web_search_result_location";

/// A citation of a text with `length` characters. The dialect does not say which words it covers: all.
pub fn read(value: Value, length: Option<u64>) -> Citation {
    match value {
        Value::Object(map) if map.get("type").is_some_and(|kind| kind == WEB) => web(map, length),
        value => Citation::Foreign {
            dialect: Dialect::Anthropic,
            value,
        },
    }
}

fn web(mut map: Map<String, Value>, length: Option<u64>) -> Citation {
    let mut text = |key: &str| match map.get(key) {
        Some(Value::String(_)) => match map.shift_remove(key) {
            Some(Value::String(text)) => Some(text),
            _ => None,
        },
        _ => None,
    };
    Citation::Web {
        url: text("url").unwrap_or_default(),
        title: text("title"),
        cited: text("cited_text"),
        start: length.map(|_| 0),
        end: length,
        extra: {
            map.shift_remove("type");
            map.into()
        },
    }
}

/// The citation as this dialect writes it; `None` if it is another dialect's own.
pub fn write(citation: &Citation) -> Option<Value> {
    match citation {
        Citation::Web {
            url,
            title,
            cited,
            start: _,
            end: _,
            extra,
        } => {
            let mut value = json!({
                "type": WEB,
                "url": url,
                "title": title,
                "cited_text": cited.as_deref().unwrap_or_default(),
            });
            if let Value::Object(map) = &mut value {
                extra.merge_into(map);
                // What the search tool would have given; clients' types ask for it.
                map.entry("encrypted_index").or_insert_with(|| "".into());
            }
            Some(value)
        }
        Citation::Foreign { dialect, value } => {
            (*dialect == Dialect::Anthropic).then(|| value.clone())
        }
    }
}
