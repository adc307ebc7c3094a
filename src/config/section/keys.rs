//! `providers[].api_key`: a string, a list, a map of aliases, or null.

use serde_json::json;

use crate::config::environment::Environment;
use crate::config::node::Value;
use crate::config::read::{At, Object, Read};
use crate::config::report::{Place, Report};
use crate::config::scalar::fits_a_header;
use crate::provider::{ApiKey, Preset, Secret};

/// What the file says about keys.
#[derive(Debug, Default)]
pub(super) enum KeysFile {
    /// Nothing: the preset's variables are looked at.
    #[default]
    Absent,
    /// These; none if it says null.
    Given(Vec<ApiKey>),
}

/// Takes `api_key`.
pub(super) fn take_keys(object: &mut Object<'_>, report: &mut Report) -> KeysFile {
    let Some(at) = object.find("api_key", schema()) else {
        return KeysFile::Absent;
    };
    let keys = match &at.node.value {
        Value::Null | Value::Broken => Vec::new(),
        Value::Text(_) => key(&at, None, report).into_iter().collect(),
        Value::List(_) => list(&at, report),
        Value::Object(_) => aliases(&at, report),
        _ => {
            at.expected(
                "a key, a list of keys, a map of aliases to keys, or null",
                report,
            );
            Vec::new()
        }
    };
    KeysFile::Given(without_duplicates(keys, &at.place(), report))
}

fn schema() -> serde_json::Value {
    json!({ "anyOf": [
        { "type": ["string", "null"] },
        { "type": "array", "items": { "type": "string" } },
        { "type": "object", "additionalProperties": { "type": "string" } },
    ] })
}

fn list(at: &At<'_>, report: &mut Report) -> Vec<ApiKey> {
    let items = at.items("a list", report).unwrap_or_default();
    if items.is_empty() {
        report.warning(
            &at.place(),
            "the list of keys is empty: no key will be sent",
        );
    }
    items
        .iter()
        .filter_map(|item| key(item, None, report))
        .collect()
}

fn aliases(at: &At<'_>, report: &mut Report) -> Vec<ApiKey> {
    let items = at.entries("a map", report).unwrap_or_default();
    if items.is_empty() {
        report.warning(&at.place(), "the map of keys is empty: no key will be sent");
    }
    let mut keys = Vec::new();
    for item in items {
        if item.key.trim().is_empty() {
            report.error(&item.key_place, "an alias must not be empty");
        }
        keys.extend(key(&item.value, Some(item.key), report));
    }
    keys
}

/// One key. A variable that turned out empty means that there is none, which is worth a word.
fn key(at: &At<'_>, alias: Option<&str>, report: &mut Report) -> Option<ApiKey> {
    if let Value::Text(text) = &at.node.value
        && text.expanded
        && text.text.trim().is_empty()
    {
        report.warning(&at.place(), "the variable is empty: this key is left out");
        return None;
    }
    Some(ApiKey {
        alias: alias.map(str::to_owned),
        secret: Secret::read(at, report)?,
    })
}

fn without_duplicates(keys: Vec<ApiKey>, place: &Place, report: &mut Report) -> Vec<ApiKey> {
    let mut kept: Vec<ApiKey> = Vec::with_capacity(keys.len());
    for key in keys {
        // Two aliases may name one key; in a list the second is of no use.
        if key.alias.is_none() && kept.iter().any(|other| other.secret == key.secret) {
            report.warning(place, "the same key is listed twice");
        } else {
            kept.push(key);
        }
    }
    kept
}

impl KeysFile {
    /// The keys, taken from the preset's variables when the file says nothing.
    pub(super) fn resolve(
        self,
        preset: &Preset,
        place: &Place,
        env: &Environment,
        report: &mut Report,
    ) -> Vec<ApiKey> {
        if let KeysFile::Given(keys) = self {
            return keys;
        }
        let Some((name, text)) = variable_of(preset, env) else {
            if preset.needs_key() {
                let names = preset.key_variables.join(" or ");
                report
                    .warning(place, format!("no api_key, and {names} is not set"))
                    .hint("requests go without a key; `\"api_key\": null` says that this is meant");
            }
            return Vec::new();
        };
        if !fits_a_header(text) {
            let message = format!("{name} holds characters that no header can carry");
            report.error(place, message);
        }
        vec![ApiKey {
            alias: None,
            secret: Secret::new(text),
        }]
    }
}

/// The first variable of `preset` that is filled: its name and the key in it.
pub(in crate::config) fn variable_of<'a>(
    preset: &'a Preset,
    env: &'a Environment,
) -> Option<(&'a str, &'a str)> {
    let mut names = preset.key_variables.iter();
    names.find_map(|name| Some((name.as_str(), env.filled(name)?)))
}
