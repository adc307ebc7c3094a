//! What is called how in a configuration file, for whoever types a command.
//!
//! The file is only parsed: no variable is expanded, nothing is checked, no secret is looked at. A name that
//! comes out of a variable is left out, and so is everything behind a fault.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use super::environment::Environment;
use super::format::Format;
use super::locate::{Choice, Source, locate};
use super::node::{Node, Value};

/// Largest file that is read: somebody waits for the next letter.
const MAX_FILE: u64 = 1 << 20;

/// The names of a configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Names {
    /// Providers in the order of the file, each with the models that are written down for it.
    pub providers: Vec<(String, Vec<String>)>,
    /// Routes in the order of the file.
    pub routes: Vec<String>,
    /// Regions of providers, each once.
    pub regions: Vec<String>,
}

impl Names {
    /// The names in the configuration that `choice` means; without a file, the providers that variables offer.
    pub fn of(choice: &Choice, env: &Environment) -> Self {
        match locate(choice, env) {
            Ok(Source::File(path)) => Self::in_file(&path).unwrap_or_default(),
            Ok(Source::Environment) => Self::of_environment(env),
            Err(_) => Self::default(),
        }
    }

    fn of_environment(env: &Environment) -> Self {
        let found = super::discover(env).unwrap_or_default().found;
        let providers = found.iter().map(|found| found.provider.name.to_string());
        Self {
            providers: providers.map(|name| (name, Vec::new())).collect(),
            ..Self::default()
        }
    }

    fn in_file(path: &Path) -> Option<Self> {
        // A pipe would be waited for, and can be read only once.
        if !path.is_file() {
            return None;
        }
        let mut text = String::new();
        let file = File::open(path).ok()?;
        file.take(MAX_FILE).read_to_string(&mut text).ok()?;
        Self::in_text(&text, Format::of(path))
    }

    fn in_text(text: &str, format: Format) -> Option<Self> {
        let root = format.parse(text.trim_start_matches('\u{feff}')).ok()?;
        let providers = items(&root, "providers");
        let mut regions: Vec<String> = providers
            .clone()
            .filter_map(|one| name(one, "region"))
            .collect();
        regions.sort();
        regions.dedup();
        Some(Self {
            providers: providers.filter_map(provider).collect(),
            routes: items(&root, "routes")
                .filter_map(|route| name(route, "name"))
                .collect(),
            regions,
        })
    }
}

/// A provider is called by its name; one without a name by its type.
fn provider(node: &Node) -> Option<(String, Vec<String>)> {
    let said = if field(node, "name").is_some() {
        "name"
    } else {
        "type"
    };
    let name = name(node, said)?;
    Some((name, field(node, "models").map(models).unwrap_or_default()))
}

fn models(node: &Node) -> Vec<String> {
    match &node.value {
        Value::List(items) => items.iter().filter_map(text).collect(),
        Value::Object(entries) => entries
            .iter()
            .filter_map(|entry| plain(&entry.key))
            .collect(),
        _ => Vec::new(),
    }
}

fn field<'a>(node: &'a Node, key: &str) -> Option<&'a Node> {
    let Value::Object(entries) = &node.value else {
        return None;
    };
    let entry = entries.iter().find(|entry| entry.key == key)?;
    Some(&entry.value)
}

fn items<'a>(node: &'a Node, key: &str) -> impl Iterator<Item = &'a Node> + Clone {
    let items = match field(node, key).map(|list| &list.value) {
        Some(Value::List(items)) => items.as_slice(),
        _ => &[],
    };
    items.iter()
}

fn name(node: &Node, key: &str) -> Option<String> {
    text(field(node, key)?)
}

fn text(node: &Node) -> Option<String> {
    match &node.value {
        Value::Text(text) => plain(&text.text),
        _ => None,
    }
}

/// What is a name as it stands.
fn plain(text: &str) -> Option<String> {
    let text = text.trim();
    (!text.is_empty() && text != "*" && !text.contains('$')).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const JSON: &str = r#"{
        "providers": [
            { "type": "openai", "api_key": "${NOBODY_SET_THIS}", "models": ["gpt-5.1", "${MODEL}"] },
            { "type": "groq", "name": "fast", "region": "eu", "models": { "llama": {}, "*": null } },
            { "type": "ollama", "models": "*", "region": "eu" },
            { "type": "demo", "name": "${WHO}" },
            "odd", null, { "name": 7 },
        ],
        "routes": [{ "name": "smart", "steps": [] }, {}],
    }"#;

    #[test]
    fn names_are_found_in_every_format_and_variables_stay_what_they_are() {
        let names = Names::in_text(JSON, Format::Json).expect("JSON");
        let models = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let expected: Vec<(String, Vec<String>)> = vec![
            ("openai".into(), models(&["gpt-5.1"])),
            ("fast".into(), models(&["llama"])),
            ("ollama".into(), models(&[])),
        ];
        assert_eq!(names.providers, expected);
        assert_eq!(names.routes, ["smart"]);
        assert_eq!(names.regions, ["eu"]);
        let yaml = "providers:\n- type: openai\n  models: [gpt-5.1]\nroutes:\n- name: smart\n";
        let toml = "[[providers]]\ntype = \"openai\"\nmodels = [\"gpt-5.1\"]\n[[routes]]\nname = \"smart\"\n";
        for (text, format) in [(yaml, Format::Yaml), (toml, Format::Toml)] {
            let names = Names::in_text(text, format).expect("well-formed");
            assert_eq!(names.providers, expected[..1], "{text}");
            assert_eq!(names.routes, ["smart"], "{text}");
        }
    }

    #[test]
    fn what_cannot_be_read_has_no_names() {
        for text in ["", "{", "[]", "7", "{\"providers\": 7, \"routes\": {}}"] {
            let names = Names::in_text(text, Format::Json).unwrap_or_default();
            assert_eq!(names, Names::default(), "{text}");
        }
    }
}
