//! The effective configuration: every setting as it holds, and where it comes from; no secret in it.
//!
//! Values are written out of the resolved [`Config`], so what is shown is what acts; only where they come
//! from was noted while it was read. Keys are counted and called by their names, headers and arguments that may
//! hold one are only said to be there, addresses lose user name, password and query, and what is left goes
//! through the redactor.

mod origins;
mod provider;
mod router;
mod server;
mod sheet;

#[cfg(test)]
mod tests;

use serde_json::{Value, json};

use super::Config;
use sheet::Sheet;

pub use origins::Origins;

impl Config {
    /// Every setting in the order of the schema: `{"file": …, "values": [{"path", "value", "source"}]}`.
    pub fn effective(&self) -> Value {
        let mut sheet = Sheet::new(&self.origins, self.redactor());
        server::server(self, &mut sheet);
        router::router(self, &mut sheet);
        for (index, one) in self.providers.iter().enumerate() {
            provider::provider(index, one, &mut sheet);
        }
        for (index, one) in self.routes.iter().enumerate() {
            router::route(index, one, &mut sheet);
        }
        server::extra(self, &mut sheet);
        let file = Some(self.origins.file()).filter(|file| !file.is_empty());
        json!({ "file": file, "values": sheet.finish() })
    }
}
