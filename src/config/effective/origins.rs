//! Where each setting comes from: a line of the file, a variable, a flag, a preset, or nowhere but the
//! program.
//!
//! Lines are noted while the file is read, as paths; the rest is noted by who decides it. Nothing here is a
//! value, so nothing of it has to be hidden.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use crate::config::Config;
use crate::config::environment::Environment;
use crate::config::node::{Node, Value, child};
use crate::config::section::keys::variable_of;
use crate::config::variables;
use crate::provider::Provider;

/// Where the settings of a configuration come from.
#[derive(Clone, Default)]
pub struct Origins {
    file: String,
    lines: BTreeMap<String, String>,
    noted: BTreeMap<String, String>,
}

impl fmt::Debug for Origins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Origins").finish_non_exhaustive()
    }
}

impl Origins {
    /// Notes that the setting at `path` was decided by `source`, whatever the file says.
    pub fn note(&mut self, path: impl Into<String>, source: impl Into<String>) {
        self.noted.insert(path.into(), source.into());
    }

    /// The file, as it was named; empty without one.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// Whether anybody has said something about the setting at `path`.
    pub(super) fn knows(&self, path: &str) -> bool {
        self.noted.contains_key(path) || self.lines.contains_key(path)
    }

    /// Where the setting at `path` comes from.
    pub(super) fn of(&self, path: &str) -> Option<&str> {
        let said = self.noted.get(path).or_else(|| self.lines.get(path));
        said.map(String::as_str)
    }

    /// Takes the lines of a tree before its variables are expanded.
    pub(in crate::config) fn of_tree(
        file: &str,
        text: &str,
        root: &Node,
        env: &Environment,
    ) -> Self {
        let name = Path::new(file).file_name();
        let name = name.map_or_else(|| file.to_owned(), |name| name.to_string_lossy().into());
        let ends = text.match_indices('\n').map(|(at, _)| at).collect();
        let mut origins = Self {
            file: file.to_owned(),
            ..Self::default()
        };
        let reader = Reader { name, ends, env };
        reader.read(root, "", &mut origins.lines);
        origins
    }

    /// Notes what the file has left to the environment and to presets.
    pub(in crate::config) fn fill(&mut self, config: &Config, env: &Environment) {
        self.note_port(env);
        self.note_authtoken(config, env);
        for (index, provider) in config.providers.iter().enumerate() {
            self.note_provider(index, provider, env);
        }
    }

    /// Notes what a provider that was found in the environment was found by.
    pub(in crate::config) fn found(&mut self, index: usize, by: &str, env: &Environment) {
        let source = match env.get(by) {
            Some(_) => of_variable(by, env),
            None => format!("found at {by}"),
        };
        self.note(format!("providers[{index}].type"), source);
    }

    fn note_port(&mut self, env: &Environment) {
        if !self.knows("server.port") && env.filled("PORT").is_some() {
            self.note("server.port", of_variable("PORT", env));
        }
    }

    fn note_authtoken(&mut self, config: &Config, env: &Environment) {
        let Some(token) = &config.tunnels.ngrok.authtoken else {
            return;
        };
        let source = match (self.lines.get(&token.origin), env.get(&token.origin)) {
            (Some(line), _) => line.clone(),
            (None, Some(_)) => of_variable(&token.origin, env),
            (None, None) => token.origin.clone(),
        };
        self.note("extra.tunnels.ngrok_authtoken", source);
    }

    fn note_provider(&mut self, index: usize, provider: &Provider, env: &Environment) {
        let preset = provider.preset;
        let of_preset = format!("preset {}", preset.kind);
        let at = |key: &str| format!("providers[{index}].{key}");
        if !self.knows(&at("base_url")) && provider.base_url.is_some() {
            let variable = preset.base_url_variable.as_deref();
            let source = match variable.filter(|_| preset.base_url.is_none()) {
                Some(name) => of_variable(name, env),
                None => of_preset.clone(),
            };
            self.note(at("base_url"), source);
        }
        if !self.knows(&at("api_key"))
            && !provider.keys.is_empty()
            && let Some((name, _)) = variable_of(preset, env)
        {
            self.note(at("api_key"), of_variable(name, env));
        }
        if !self.knows(&at("models")) && preset.is_simulated() {
            self.note(at("models"), of_preset);
        }
    }
}

/// A variable as a source.
fn of_variable(name: &str, env: &Environment) -> String {
    if env.is_of_file(name) {
        format!(".env file {name}")
    } else {
        format!("environment {name}")
    }
}

/// Reads lines out of a tree.
struct Reader<'a> {
    name: String,
    ends: Vec<usize>,
    env: &'a Environment,
}

impl Reader<'_> {
    fn read(&self, node: &Node, path: &str, lines: &mut BTreeMap<String, String>) {
        match &node.value {
            Value::Object(entries) => {
                for entry in entries {
                    let path = child(path, &entry.key);
                    lines.insert(path.clone(), self.line(entry.key_span.start, &entry.value));
                    self.read(&entry.value, &path, lines);
                }
            }
            Value::List(items) => {
                for (index, item) in items.iter().enumerate() {
                    let path = format!("{path}[{index}]");
                    lines.insert(path.clone(), self.line(item.span.start, item));
                    self.read(item, &path, lines);
                }
            }
            _ => {}
        }
    }

    fn line(&self, start: usize, node: &Node) -> String {
        let line = self.ends.partition_point(|end| *end < start) + 1;
        let mut variables = Vec::new();
        self.variables(node, &mut variables);
        if variables.is_empty() {
            format!("{}:{line}", self.name)
        } else {
            format!("{}:{line} ({})", self.name, variables.join(", "))
        }
    }

    /// The variables of a text, or of the texts in a list or a map of texts: how keys are written.
    fn variables(&self, node: &Node, variables: &mut Vec<String>) {
        match &node.value {
            Value::Text(text) => {
                let names = variables::names_in(&text.text);
                variables.extend(names.into_iter().map(|name| self.variable(&name)));
            }
            Value::List(items) => {
                let texts = items.iter().filter(|item| is_text(item));
                texts.for_each(|item| self.variables(item, variables));
            }
            Value::Object(entries) if entries.iter().all(|entry| is_text(&entry.value)) => {
                let values = entries.iter().map(|entry| &entry.value);
                values.for_each(|value| self.variables(value, variables));
            }
            _ => {}
        }
    }

    fn variable(&self, name: &str) -> String {
        if self.env.is_of_file(name) {
            format!("${{{name}}} of the .env file")
        } else {
            format!("${{{name}}}")
        }
    }
}

fn is_text(node: &Node) -> bool {
    matches!(node.value, Value::Text(_))
}
