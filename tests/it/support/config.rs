//! A configuration for one test: the smallest that works, and what the test changes in it.

use serde_json::{Value, json};

use super::{Gateway, Upstream};

/// A configuration being put together as JSON.
#[derive(Debug, Clone)]
pub(crate) struct Config(Value);

impl Config {
    /// A free port, no repeats at one target, and rests so short that one failure does not decide
    /// the next request; tests about rests set their own.
    pub(crate) fn new() -> Self {
        let rest = json!({"first": 0.001, "factor": 1, "max": 0.001});
        Self(json!({
            "server": {"host": "127.0.0.1", "port": 0},
            "router": {
                "retries": 0,
                "persistence_path": null,
                "backoff": {
                    "rate_limit": rest, "auth": rest, "quota": rest,
                    "timeout": rest, "network": rest, "server": rest
                }
            },
            "providers": []
        }))
    }

    /// Providers `a`, `b`, … in this order, each with key `key-a`, … and the model `m`.
    pub(crate) fn over<'a>(upstreams: impl IntoIterator<Item = &'a Upstream>) -> Self {
        let names = ["a", "b", "c", "d"].into_iter();
        let pairs = names.zip(upstreams);
        pairs.fold(Self::new(), |config, (name, upstream)| {
            config.provider(name, upstream, json!({}))
        })
    }

    /// One more provider with key `key-<name>` and the model `m`, unless `fields` says otherwise.
    pub(crate) fn provider(mut self, name: &str, upstream: &Upstream, fields: Value) -> Self {
        let mut provider = json!({
            "type": "openai_compatible", "name": name, "base_url": upstream.base_url(),
            "api_key": format!("key-{name}"), "models": ["m"]
        });
        let Value::Object(fields) = fields else {
            panic!("the fields of a provider are an object");
        };
        for (key, value) in fields {
            provider[key] = value;
        }
        let providers = self.0["providers"].as_array_mut();
        providers.expect("providers are a list").push(provider);
        self
    }

    /// Sets `router.<path>`, e.g. `timeouts.idle`.
    pub(crate) fn router(self, path: &str, value: impl Into<Value>) -> Self {
        self.set(&format!("router.{path}"), value)
    }

    /// Sets `server.<path>`.
    pub(crate) fn server(self, path: &str, value: impl Into<Value>) -> Self {
        self.set(&format!("server.{path}"), value)
    }

    /// Sets the value at a dotted path of object keys.
    pub(crate) fn set(mut self, path: &str, value: impl Into<Value>) -> Self {
        let place = path.split('.').fold(&mut self.0, |at, key| &mut at[key]);
        *place = value.into();
        self
    }

    /// Without a port: nobody chose one.
    pub(crate) fn without_port(mut self) -> Self {
        let server = self.0["server"].as_object_mut();
        server.expect("server is an object").remove("port");
        self
    }

    /// The default rests of the product instead of the tests' short ones.
    pub(crate) fn real_rests(mut self) -> Self {
        self.0["router"]
            .as_object_mut()
            .expect("router is an object")
            .remove("backoff");
        self
    }

    /// The text of the file.
    pub(crate) fn text(&self) -> String {
        self.0.to_string()
    }

    /// A gateway with this configuration.
    pub(crate) async fn start(self) -> Gateway {
        Gateway::start(&self.text()).await
    }
}
