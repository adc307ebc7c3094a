//! The tunnel through ngrok in the whole gateway: from a client of the public URL to the provider and back.

mod breaks;
mod door;
mod handle;
mod place;
mod quiet;
mod refused;
mod traffic;

use std::fs;
use std::path::Path;

use autogw::app::Options;
use autogw::config::{self, Tunnel};
use autogw::telemetry::tunnel::{Check, Status, Streams};
use serde_json::{Value, json};

use super::house::{TOKEN, client};
use crate::support::ngrok_edge::Edge;
use crate::support::{Binary, Client, Config, Gateway, Reply, Upstream, chat, patiently};

/// `server.tunnel` for `edge`.
fn to(edge: &Edge) -> Value {
    json!({
        "type": "ngrok", "token": TOKEN,
        "server_addr": edge.address(), "ca_file": Edge::ca_file(),
    })
}

/// A provider that answers every chat request.
async fn answering() -> Upstream {
    Upstream::always(Reply::json(200, chat::answer("A"))).await
}

/// The key made for the run whose files are in `home`.
fn made_key(home: &Path) -> String {
    let text = fs::read_to_string(home.join("run/client.key")).expect("a key was made");
    text.trim().to_owned()
}

fn with_key(client: Client, key: &str) -> Client {
    client.with("authorization", &format!("Bearer {key}"))
}

fn has_passed(status: &Status) -> bool {
    let streams = Streams::Live;
    status.check == Check::Passed { streams }
}

/// Whether a tunnel, as programs are told of it, was seen through its public URL.
fn was_seen(tunnel: &Value) -> bool {
    tunnel["state"] == "online" && tunnel["check"]["state"] == "passed"
}

/// A gateway in this process with a tunnel to an edge beside it.
struct Open {
    edge: Edge,
    gateway: Gateway,
}

impl Open {
    /// A gateway in front of `upstream` whose tunnel is up.
    async fn before(upstream: &Upstream) -> Self {
        Self::with(Config::over([upstream])).await
    }

    /// The same with another configuration.
    async fn with(config: Config) -> Self {
        Self::start_as(config, |_, _| ()).await
    }

    /// The same after `change`, which does what flags do.
    async fn start_as(
        config: Config,
        change: impl FnOnce(&mut config::Config, &mut Options),
    ) -> Self {
        let edge = Edge::start(TOKEN).await;
        let config = config.server("tunnel", to(&edge)).text();
        let gateway = Gateway::start_as(&config, change).await;
        let open = Self { edge, gateway };
        open.until("the tunnel to be up", Status::is_up).await;
        open
    }

    /// How the tunnel is, as soon as it is as wanted.
    async fn until(&self, what: &str, is: impl Fn(&Status) -> bool) -> Status {
        until(&self.gateway, what, is).await
    }

    /// Whoever comes through the public URL, without a key.
    fn stranger(&self) -> Client {
        client(&self.edge)
    }

    /// The same with the key made for this run.
    fn owner(&self) -> Client {
        with_key(self.stranger(), &made_key(self.gateway.home()))
    }
}

/// How the tunnel of `gateway` is, as soon as it is as wanted.
async fn until(gateway: &Gateway, what: &str, is: impl Fn(&Status) -> bool) -> Status {
    let mut board = gateway.tunnels().board().subscribe();
    let reached = board.wait_for(|all| all.get(&Tunnel::Ngrok).is_some_and(&is));
    let all = patiently(what, reached).await;
    all.expect("the gateway holds its board")[&Tunnel::Ngrok].clone()
}

/// The program with a tunnel to an edge in this process.
struct Process {
    edge: Edge,
    binary: Binary,
    /// Whoever comes to the configured listener, without a key.
    local: Client,
}

impl Process {
    /// The program in front of `upstream`, seen through its public URL.
    async fn before(upstream: &Upstream) -> Self {
        Self::with(Config::over([upstream]), &[]).await
    }

    /// The same with another configuration and more arguments.
    async fn with(config: Config, args: &[&str]) -> Self {
        let edge = Edge::start(TOKEN).await;
        let config = config.server("tunnel", to(&edge)).text();
        let args = [&["start", "--json", "--tunnel", "ngrok"], args].concat();
        let binary = Binary::launch(&config, &args);
        let local = binary.client().await;
        binary
            .tunnel("a tunnel that was seen to work", was_seen)
            .await;
        Self {
            edge,
            binary,
            local,
        }
    }

    /// Whoever comes through the public URL, without a key.
    fn stranger(&self) -> Client {
        client(&self.edge)
    }

    /// The same with the key made for this run.
    fn owner(&self) -> Client {
        with_key(self.stranger(), &self.key())
    }

    fn key(&self) -> String {
        made_key(self.binary.home())
    }

    /// What `/health` tells its neighbours of the tunnel.
    async fn health(&self) -> Value {
        let health = self.local.get("/health").send().await.expect_status(200);
        health.json()["tunnels"][0].clone()
    }
}
