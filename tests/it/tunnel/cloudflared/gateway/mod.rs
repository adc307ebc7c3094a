//! All of it together: the built binary with `server.tunnel`, the stand-in that it starts, and the public
//! at the far end.

mod end;
mod keys;
mod news;
mod places;
mod refused;
mod seen;
mod traffic;

use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{URL, script};
use crate::support::standin::{self, Standin, Started};
use crate::support::{Binary, Client, Config, Upstream};

/// The client key of these gateways.
const KEY: &str = "agw-key-of-these-tests";

/// A start that is being prepared: `start --json`, a quick tunnel, and [`KEY`] configured.
struct Start {
    config: Config,
    standin: Standin,
    /// `server.tunnel`.
    tunnel: Value,
    args: Vec<String>,
    variables: Vec<(String, String)>,
    home: Arc<TempDir>,
    is_typed: bool,
    nowhere: Upstream,
}

impl Start {
    /// Of a gateway with the configuration `config`.
    async fn of(config: Config) -> Self {
        let standin = Standin::listen().await;
        // A port where nobody listens: no public name is looked up, unless a test says where.
        let nowhere = Upstream::refusing();
        let proxy = format!("http://{}", nowhere.address());
        Self {
            config: config.server("api_key", KEY),
            tunnel: json!({
                "type": "cloudflared",
                "binary": standin::program().to_string_lossy(),
                "args": standin.args(),
            }),
            standin,
            args: ["start", "--json"].map(str::to_owned).into(),
            variables: vec![("https_proxy".to_owned(), proxy)],
            home: Arc::new(tempfile::tempdir().expect("a temporary directory")),
            is_typed: false,
            nowhere,
        }
    }

    /// Of a gateway that answers for `upstream`.
    async fn over(upstream: &Upstream) -> Self {
        Self::of(Config::over([upstream])).await
    }

    /// With `server.<path>`.
    fn server(mut self, path: &str, value: impl Into<Value>) -> Self {
        self.config = self.config.server(path, value);
        self
    }

    /// With a field of `server.tunnel`.
    fn tunnel(mut self, field: &str, value: impl Into<Value>) -> Self {
        self.tunnel[field] = value.into();
        self
    }

    /// Without a client key.
    fn without_key(self) -> Self {
        self.server("api_key", Value::Null)
    }

    /// For a person, who reads stderr.
    fn for_a_person(mut self) -> Self {
        self.args.retain(|arg| arg != "--json");
        self
    }

    /// As at a terminal, in a process group of its own.
    fn typed(mut self) -> Self {
        self.is_typed = true;
        self
    }

    /// With one more variable, or another value of one.
    fn variable(mut self, name: &str, value: impl Into<String>) -> Self {
        self.variables.retain(|(known, _)| known != name);
        self.variables.push((name.to_owned(), value.into()));
        self
    }

    /// With this home directory.
    fn home(mut self, home: &Arc<TempDir>) -> Self {
        self.home = home.clone();
        self
    }

    /// Runs it.
    fn run(self) -> Gateway {
        let config = self.config.server("tunnel", self.tunnel);
        // Two gateways of one home have a configuration each.
        let file = tempfile::Builder::new()
            .suffix(".json")
            .tempfile_in(self.home.path());
        let (_, file) = file.expect("a file").keep().expect("a file that stays");
        std::fs::write(&file, config.text()).expect("a writable file");
        let file = file.to_string_lossy();
        let args = self.args.iter().map(String::as_str);
        let args = args.chain(["--config", &*file]);
        let variables = self.variables.iter();
        let variables = variables.map(|(name, value)| (name.as_str(), value.as_str()));
        let binary = if self.is_typed {
            Binary::run_as_typed(self.home, args, variables)
        } else {
            Binary::run(self.home, args, variables)
        };
        Gateway {
            binary,
            standin: self.standin,
            _nowhere: self.nowhere,
        }
    }

    /// Runs it, and brings its tunnel up.
    async fn up(self) -> (Gateway, Started) {
        let gateway = self.run();
        let run = gateway.next_run().await;
        gateway.tunnel("it is online", is("online")).await;
        (gateway, run)
    }
}

/// A gateway that runs, with the stand-in in cloudflared's place.
struct Gateway {
    binary: Binary,
    standin: Standin,
    _nowhere: Upstream,
}

impl Gateway {
    /// The next program that it starts, when it has come up.
    async fn next_run(&self) -> Started {
        let mut run = self.standin.started().await;
        run.come_up().await;
        run
    }

    /// The first line about the tunnel that is as wanted.
    async fn tunnel(&self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let what = format!("the line that {what}");
        self.binary.tunnel(&what, wanted).await
    }

    /// A client on this machine, with the key.
    async fn local(&self) -> Client {
        with_key(self.binary.client().await)
    }

    /// The tunnel by /health.
    async fn health(&self) -> Value {
        let health = self.local().await.get("/health").send().await;
        health.expect_status(200).json()["tunnels"][0].clone()
    }

    /// The names of what is in `run/` for the tunnel.
    fn files(&self) -> Vec<String> {
        files(self.binary.home())
    }
}

/// A client on the public side, with the key.
fn public(run: &Started) -> Client {
    with_key(run.client())
}

fn with_key(client: Client) -> Client {
    client.with("authorization", &format!("Bearer {KEY}"))
}

/// Whether a tunnel is in this state.
fn is(state: &str) -> impl Fn(&Value) -> bool {
    move |tunnel| tunnel["state"] == state
}

/// The names of what is in `run/` below `home` for tunnels, in their order.
fn files(home: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(home.join("run"));
    let entries = entries.into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let mut names: Vec<_> = names
        .filter(|name| name.starts_with("cloudflared"))
        .collect();
    names.sort();
    names
}
