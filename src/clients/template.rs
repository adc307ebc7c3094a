//! Templates filled in: what a recipe says, with the gateway's own address, key and models.

use serde_json::{Map, Value};

use super::edit::Change;
use super::endpoint::Endpoint;
use super::recipe::{File, Recipe, Template};

/// The one key of an object, or of an item, that stands for an entry per model.
pub(super) const MODELS: &str = "{models}";

/// What stands for the name of a model below [`MODELS`].
pub(super) const EACH: &str = "{each}";

/// `text` filled in; `None` where it names a model and the client keeps its own.
pub fn text(text: &str, endpoint: &Endpoint) -> Option<String> {
    filled(text, endpoint, None)
}

/// The variables of `recipe`, as name and value.
pub fn variables(recipe: &Recipe, endpoint: &Endpoint) -> Vec<(String, String)> {
    let variables = recipe.variables.iter();
    variables
        .filter_map(|variable| {
            Some((
                variable.name.clone(),
                variable_of(&variable.value, endpoint)?,
            ))
        })
        .collect()
}

/// A variable may hold a whole file of JSON: what is filled in stays within its string.
fn variable_of(template: &str, endpoint: &Endpoint) -> Option<String> {
    match serde_json::from_str(template) {
        Ok(json @ Value::Object(_)) => Some(value(&json, endpoint, None)?.to_string()),
        _ => text(template, endpoint),
    }
}

/// The arguments of `recipe`.
pub fn arguments(recipe: &Recipe, endpoint: &Endpoint) -> Vec<String> {
    let endpoint = &in_quotes(endpoint);
    let arguments = recipe.arguments.iter();
    arguments
        .filter_map(|argument| text(argument, endpoint))
        .collect()
}

/// What is filled into arguments stands in double quotes, of TOML or JSON. Keys are in none: others can see
/// arguments.
fn in_quotes(endpoint: &Endpoint) -> Endpoint {
    let escaped = |text: &str| {
        let quoted = Value::from(text).to_string();
        // TOML, unlike JSON, knows no DEL in a string.
        let inner = quoted.get(1..quoted.len() - 1).unwrap_or_default();
        inner.replace('\u{7f}', "\\u007f")
    };
    Endpoint {
        origin: escaped(&endpoint.origin),
        model: endpoint.model.as_deref().map(escaped),
        key: None,
        models: Vec::new(),
    }
}

/// What is to be otherwise in `file`.
pub fn changes(file: &File, endpoint: &Endpoint) -> Vec<Change> {
    let changes = file.changes.iter();
    changes.flat_map(|one| change(one, endpoint)).collect()
}

/// Whether the key that is presented stands in `file`.
pub(super) fn presents_key(file: &File) -> bool {
    let mut changes = file.changes.iter();
    changes.any(|template| template.to.to_string().contains("{key}"))
}

/// What is to be otherwise at one place: of a list, it may be an item for each model; nothing, if nobody asks
/// for a model that it names.
fn change(template: &Template, endpoint: &Endpoint) -> Vec<Change> {
    let keys = template.at.iter();
    let at: Option<Vec<String>> = keys.map(|key| text(key, endpoint)).collect();
    let Some(at) = at else {
        return Vec::new();
    };
    let values = match &template.by {
        None => value(&template.to, endpoint, None).into_iter().collect(),
        Some(_) => list(&template.to, endpoint, None),
    };
    let change = |value| match &template.by {
        None => Change::Set {
            at: at.clone(),
            value,
        },
        Some(by) => Change::Item {
            at: at.clone(),
            by: by.clone(),
            value,
        },
    };
    values.into_iter().map(change).collect()
}

/// `template` filled in; what names a model that nobody asks for is left out, and with it what it stands in:
/// an entry of an object, an item of a list.
fn value(template: &Value, endpoint: &Endpoint, each: Option<&str>) -> Option<Value> {
    Some(match template {
        Value::String(text) => Value::String(filled(text, endpoint, each)?),
        Value::Array(items) => {
            let items = items.iter();
            Value::Array(items.flat_map(|item| list(item, endpoint, each)).collect())
        }
        Value::Object(fields) => match per_model(fields) {
            Some(entry) => {
                let models = endpoint.models.iter();
                let entry = |model: &String| {
                    let value = value(entry, endpoint, Some(model))?;
                    Some((model.clone(), value))
                };
                Value::Object(models.filter_map(entry).collect())
            }
            None => object(fields, endpoint, each),
        },
        plain => plain.clone(),
    })
}

/// The items that an item of a list stands for.
fn list(item: &Value, endpoint: &Endpoint, each: Option<&str>) -> Vec<Value> {
    match item.as_object().and_then(per_model) {
        Some(item) => {
            let models = endpoint.models.iter();
            models
                .filter_map(|model| value(item, endpoint, Some(model)))
                .collect()
        }
        None => value(item, endpoint, each).into_iter().collect(),
    }
}

fn object(fields: &Map<String, Value>, endpoint: &Endpoint, each: Option<&str>) -> Value {
    let fields = fields.iter();
    let fields = fields.filter_map(|(name, field)| {
        let name = filled(name, endpoint, each)?;
        Some((name, value(field, endpoint, each)?))
    });
    Value::Object(fields.collect())
}

/// What stands for each model, if `fields` is such a stand-in.
fn per_model(fields: &Map<String, Value>) -> Option<&Value> {
    (fields.len() == 1).then(|| fields.get(MODELS)).flatten()
}

/// Fills in what stands in braces. It is read once: what is filled in may hold braces of its own.
fn filled(text: &str, endpoint: &Endpoint, each: Option<&str>) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(open) = rest.find('{') {
        let (before, from) = rest.split_at(open);
        out.push_str(before);
        let end = from.find('}').map_or(from.len(), |end| end + 1);
        let (word, after) = from.split_at(end);
        match word {
            "{origin}" => out.push_str(&endpoint.origin),
            "{v1}" => out.extend([&endpoint.origin, "/v1"]),
            "{v1beta}" => out.extend([&endpoint.origin, "/v1beta"]),
            "{key}" => out.push_str(endpoint.presented()),
            "{model}" => out.push_str(endpoint.model.as_deref()?),
            EACH if each.is_some() => out.push_str(each.unwrap_or_default()),
            _ => {
                out.push('{');
                rest = &from[1..];
                continue;
            }
        }
        rest = after;
    }
    out.push_str(rest);
    Some(out)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::provider::Secret;

    fn endpoint(model: Option<&str>) -> Endpoint {
        Endpoint {
            origin: "http://h:1".to_owned(),
            key: Some(Secret::new("k{model}")),
            model: model.map(str::to_owned),
            models: vec!["a".to_owned(), "b/c".to_owned()],
        }
    }

    #[test]
    fn what_stands_in_braces_is_filled_in_once() {
        for (template, expected) in [
            ("{origin}", "http://h:1"),
            ("{v1}/x", "http://h:1/v1/x"),
            ("{v1beta}", "http://h:1/v1beta"),
            ("a {key} b", "a k{model} b"),
            ("openai/{model}", "openai/m"),
            ("{unknown} { {{key}}", "{unknown} { {k{model}}"),
            ("{each}", "{each}"),
            ("", ""),
        ] {
            let filled = text(template, &endpoint(Some("m")));
            assert_eq!(filled.as_deref(), Some(expected), "{template}");
        }
    }

    #[test]
    fn without_a_model_what_names_one_is_left_out() {
        let template = json!({
            "model": "x/{model}", "{model}": 1, "list": ["{model}", "{origin}"], "n": 1, "no": null,
        });
        let with = value(&template, &endpoint(Some("m")), None).expect("a value");
        assert_eq!(
            with,
            json!({ "model": "x/m", "m": 1, "list": ["m", "http://h:1"], "n": 1, "no": null })
        );
        let without = value(&template, &endpoint(None), None).expect("a value");
        assert_eq!(
            without,
            json!({ "list": ["http://h:1"], "n": 1, "no": null })
        );
        assert_eq!(value(&json!("{model}"), &endpoint(None), None), None);
    }

    #[test]
    fn a_value_cannot_leave_the_json_that_it_stands_in() {
        let recipe = Recipe::of("opencode").expect("a recipe");
        let odd = r#"x":{}}}},"mcp":{"y":{"type":"local","command":["sh"]}},"z":{"a":{"b":{"c"#;
        let endpoint = Endpoint {
            key: Some(Secret::new(r#"k"\ey"#)),
            ..endpoint(Some(odd))
        };
        let variables = variables(recipe, &endpoint);
        let (name, value) = &variables[0];
        assert_eq!(name, "OPENCODE_CONFIG_CONTENT");
        let value: Value = serde_json::from_str(value).expect("JSON");
        assert_eq!(value["model"], format!("autogw/{odd}"));
        assert_eq!(value["provider"]["autogw"]["options"]["apiKey"], r#"k"\ey"#);
        assert!(value.get("mcp").is_none(), "{value}");
    }

    #[test]
    fn a_value_cannot_leave_the_quotes_of_an_argument() {
        let recipe = Recipe::of("codex").expect("a recipe");
        let odd = "x\"\nmodel_providers.autogw.base_url=\"http://evil";
        let arguments = arguments(recipe, &endpoint(Some(odd)));
        let toml = arguments[0].trim_start_matches("--config=");
        let table: toml_edit::DocumentMut = toml.parse().expect("TOML");
        assert_eq!(table["model"].as_str(), Some(odd));
    }

    #[test]
    fn each_model_has_its_entry() {
        let template = json!({
            "models": { "{models}": { "name": "{each} here" } },
            "list": ["first", { "{models}": { "id": "{each}", "url": "{v1}" } }],
        });
        let filled = value(&template, &endpoint(None), None).expect("a value");
        assert_eq!(
            filled,
            json!({
                "models": { "a": { "name": "a here" }, "b/c": { "name": "b/c here" } },
                "list": ["first", { "id": "a", "url": "http://h:1/v1" },
                    { "id": "b/c", "url": "http://h:1/v1" }],
            })
        );
    }

    #[test]
    fn a_place_that_nobody_asks_for_is_no_change() {
        let template = |text: &str| -> Template { serde_json::from_str(text).expect("a template") };
        let set = template(r#"{ "at": ["a", "{model}"], "to": "{origin}" }"#);
        assert_eq!(change(&set, &endpoint(None)), []);
        let set = change(&set, &endpoint(Some("m.n")));
        let [Change::Set { at, .. }] = &set[..] else {
            panic!("{set:?}");
        };
        assert_eq!(at[..], ["a", "m.n"]);
    }

    #[test]
    fn a_list_of_the_clients_own_gets_an_item_per_model() {
        let text = r#"{ "at": [], "to": { "{models}": { "id": "x/{each}" } }, "by": "id" }"#;
        let template: Template = serde_json::from_str(text).expect("a template");
        let items = change(&template, &endpoint(None));
        let ids = items.iter().map(|item| match item {
            Change::Item { value, .. } => value["id"].clone(),
            other => panic!("{other:?}"),
        });
        assert_eq!(ids.collect::<Vec<_>>(), ["x/a", "x/b/c"]);
    }
}
