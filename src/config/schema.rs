//! The JSON schema of the configuration, for editors: made by the readers themselves.

use serde_json::{Value, json};

use super::read::Read;
use super::section::root::File;

/// The schema, as written to `assets/config.schema.json`.
pub fn schema() -> Value {
    let mut schema = File::schema();
    schema["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    schema["title"] = json!("autogw configuration");
    schema["required"] = json!(["providers"]);
    schema
}
