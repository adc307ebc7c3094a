//! The text of a first configuration.

use std::fmt::Write as _;

use serde_json::Value;

use crate::config::Found;

/// A provider to be written down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Routing id.
    pub name: String,
    /// The `type`.
    pub kind: String,
    /// Address, where it differs from the preset's.
    pub base_url: Option<String>,
    /// The variable that holds its key.
    pub key_variable: Option<String>,
    /// What it was found by.
    pub origin: Option<String>,
}

impl From<&Found> for Entry {
    fn from(found: &Found) -> Self {
        let provider = &found.provider;
        let address = provider
            .base_url
            .as_ref()
            .map(|url| url.as_str().to_owned());
        Self {
            name: provider.name.to_string(),
            kind: provider.preset.kind.clone(),
            base_url: address.filter(|own| Some(own) != provider.preset.base_url.as_ref()),
            key_variable: found.key_variable.clone(),
            origin: Some(found.origin.clone()),
        }
    }
}

/// The file, with comments for what a newcomer may want next.
pub fn render(entries: &[Entry]) -> String {
    let providers: String = entries.iter().map(render_entry).collect();
    format!("{HEAD}{providers}{TAIL}")
}

const HEAD: &str = r#"// Configuration of autogw. Comments and trailing commas are fine; ${NAME} is read from the environment.
// `autogw check` says whether it is right, and where it is not.
{
  "server": {
    "host": "127.0.0.1",
    "port": 8000,
    // What clients have to present. Without one, every program on this machine may ask.
    // "api_key": "${AUTOGW_CLIENT_KEY}",
  },

  // Providers are asked in this order; when one fails, the next one answers.
  "providers": [
"#;

const TAIL: &str = r#"  ],

  "router": {
    // Extra tries of one provider, and of one request in all.
    "retries": 1,
    "max_attempts": 6,
    // "timeouts": { "connect": "5s", "first_token": "2m", "idle": "2m", "response": "5m", "total": "10m" },
  },
}
"#;

fn render_entry(entry: &Entry) -> String {
    let mut fields = vec![("type", entry.kind.clone())];
    if entry.name != entry.kind || entry.kind == "openai_compatible" {
        fields.push(("name", entry.name.clone()));
    }
    fields.extend(entry.base_url.clone().map(|url| ("base_url", url)));
    fields.extend(
        entry
            .key_variable
            .as_ref()
            .map(|name| ("api_key", format!("${{{name}}}"))),
    );
    let mut text = String::new();
    if let Some(origin) = &entry.origin {
        _ = writeln!(text, "    // found by {origin}");
    }
    let fields: Vec<String> = fields
        .into_iter()
        .map(|(key, value)| format!("\"{key}\": {}", Value::from(value)))
        .collect();
    _ = writeln!(text, "    {{ {} }},", fields.join(", "));
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Environment, Format, from_text};

    #[test]
    fn what_is_written_loads_without_a_word() {
        let entry = |name: &str, kind: &str, url: Option<&str>, key: Option<&str>| Entry {
            name: name.into(),
            kind: kind.into(),
            base_url: url.map(str::to_owned),
            key_variable: key.map(str::to_owned),
            origin: key.map(str::to_owned),
        };
        let text = render(&[
            entry("groq", "groq", None, Some("GROQ_API_KEY")),
            entry(
                "odd \"name\"",
                "openai_compatible",
                Some("http://127.0.0.1:9/v1"),
                None,
            ),
        ]);
        let env = Environment::empty().with("GROQ_API_KEY", "k");
        let loaded = from_text("config.json", &text, Format::Json, &env).expect("valid");
        assert_eq!(loaded.warnings.len(), 0, "{:?}", loaded.warnings);
        assert_eq!(&*loaded.config.providers[1].name, "odd \"name\"");
        assert_eq!(loaded.config.providers[0].keys[0].secret.expose(), "k");
    }
}
