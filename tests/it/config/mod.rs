//! Configuration: what loads, with which warnings, and how everything wrong is told at once.

mod anything;
mod authtoken;
mod broken;
mod discovery;
mod files;
mod providers;
mod routing;
mod rules;
mod sources;
mod tunnels;

use autogw::config::{self, ConfigError, Environment, Format, Loaded, Severity};
use autogw::provider::Provider;

/// The text of a fixture under `tests/fixtures/config`.
pub(crate) fn fixture(name: &str) -> String {
    let path = format!(
        "{}/tests/fixtures/config/{name}",
        env!("CARGO_MANIFEST_DIR")
    );
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn read(text: &str) -> Result<Loaded, ConfigError> {
    config::from_text("config.json", text, Format::Json, &Environment::empty())
}

fn load(text: &str) -> Loaded {
    read(text).unwrap_or_else(|error| panic!("{error}"))
}

/// A file whose `server` is this, beside one provider.
fn with_server(server: &str) -> String {
    format!(r#"{{ "server": {server}, "providers": [{{ "type": "demo" }}] }}"#)
}

/// A file whose `router` is this, beside one provider.
fn with_router(router: &str) -> String {
    format!(r#"{{ "router": {router}, "providers": [{{ "type": "demo" }}] }}"#)
}

/// A file with this one provider of type `openai_compatible`; `fields` come after type, name and address.
fn with_provider(fields: &str) -> String {
    format!(
        r#"{{ "providers": [{{ "type": "openai_compatible", "name": "p", "base_url": "https://h/v1", {fields} }}] }}"#
    )
}

fn provider(fields: &str) -> Provider {
    load(&with_provider(fields)).config.providers.remove(0)
}

/// Path and message of each warning.
fn warnings(text: &str) -> Vec<String> {
    load(text)
        .warnings
        .iter()
        .map(config::Diagnostic::headline)
        .collect()
}

/// Path and message of each error.
fn errors(text: &str) -> Vec<String> {
    let error = read(text).expect_err("a faulty file");
    let errors = error
        .diagnostics
        .iter()
        .filter(|d| d.severity == Severity::Error);
    errors.map(config::Diagnostic::headline).collect()
}
