//! A gateway in this process: started from the text of a configuration, on a free port.

use std::path::Path;
use std::sync::Arc;

use autogw::app::{Options, Tunnels};
use autogw::config::Config;
use autogw::proxy::gateway::Gateway as Facts;
use autogw::server::Limits;
use autogw::telemetry::act::{Act, Refused, Told};
use autogw::telemetry::snapshot::{Captured, Reloaded};
use autogw::telemetry::trace::Trace;
use serde_json::Value;

use super::client::{Answer, Call, Client, Endpoint};
use super::http::Payload;
use super::{chat, patiently, shim};

/// A running gateway; it ends with the test's runtime, or when it is stopped.
pub(crate) struct Gateway {
    running: shim::Running,
    client: Client,
}

impl Gateway {
    /// Starts a gateway from the JSON text of its configuration.
    pub(crate) async fn start(config: &str) -> Self {
        Self::start_as(config, |_, _| ()).await
    }

    /// The same with other limits for clients.
    pub(crate) async fn start_with(config: &str, limits: Limits) -> Self {
        Self::start_as(config, |_, options| options.limits = limits).await
    }

    /// The same after `change`, which does what flags do.
    pub(crate) async fn start_as(
        config: &str,
        change: impl FnOnce(&mut Config, &mut Options),
    ) -> Self {
        let starting = shim::start(config, change);
        // Boxed: it is large, and every test holds one.
        let running = Box::pin(patiently("the gateway to start", starting)).await;
        let client = Client::new(running.endpoint());
        Self { running, client }
    }

    /// A client of it.
    pub(crate) fn client(&self) -> Client {
        self.client.clone()
    }

    /// A chat request for model `m`, answered whole.
    pub(crate) async fn ask(&self) -> Answer {
        self.client.chat(chat::ask("m")).send().await
    }

    /// A streamed chat request for model `m`, answered whole.
    pub(crate) async fn ask_stream(&self) -> Answer {
        self.client.chat(chat::ask_stream("m")).send().await
    }

    /// A chat request with this body.
    pub(crate) fn chat(&self, body: impl Into<Payload>) -> Call {
        self.client.chat(body)
    }

    /// The answer to a GET, as JSON.
    pub(crate) async fn get(&self, target: &str) -> Value {
        self.client
            .get(target)
            .send()
            .await
            .expect_status(200)
            .json()
    }

    /// The port that it listens on.
    pub(crate) fn port(&self) -> Option<u16> {
        match self.running.endpoint() {
            Endpoint::Tcp(address) | Endpoint::Tls(address, _) => Some(address.port()),
            Endpoint::Unix(_) => None,
        }
    }

    /// Does something while it runs, which it has to be able to.
    pub(crate) async fn act(&self, act: Act) -> Told {
        let told = self.running.act(act.clone()).await;
        told.unwrap_or_else(|refused| panic!("{act:?}: {refused:?}"))
    }

    /// Why it does not do something.
    pub(crate) async fn refuses(&self, act: Act) -> Refused {
        let told = self.running.act(act).await;
        told.expect_err("a refusal")
    }

    /// What it has counted and remembers.
    pub(crate) fn facts(&self) -> Arc<Facts> {
        self.running.facts()
    }

    /// Its tunnels.
    pub(crate) fn tunnels(&self) -> Tunnels {
        self.running.tunnels().clone()
    }

    /// How many second requests it has sent against slow targets, and how many of them were faster.
    pub(crate) fn hedges(&self) -> (u64, u64) {
        let facts = self.running.facts();
        let hedges = facts.hedges();
        (hedges.started(), hedges.won())
    }

    /// The request of that id, when it is over, as it is remembered.
    pub(crate) async fn trace(&self, id: &str) -> Trace {
        let facts = self.running.facts();
        let traces = facts.traces();
        let remembered = async {
            loop {
                match traces.find(id, |_| true) {
                    Some(trace) => return trace,
                    // Its book is closed by another task, right behind its last byte.
                    None => tokio::task::yield_now().await,
                }
            }
        };
        patiently("a trace", remembered).await
    }

    /// What is captured of the request of that id.
    pub(crate) fn captured(&self, id: &str) -> Option<Captured> {
        self.running.facts().capture().get(id)
    }

    /// Whether the request of that id is remembered.
    pub(crate) fn remembers(&self, id: &str) -> bool {
        self.running.facts().traces().find(id, |_| true).is_some()
    }

    /// Reads its configuration anew; says what came of it.
    pub(crate) async fn reload(&self) -> Reloaded {
        patiently("a reload", self.running.reload()).await
    }

    /// `text` without its secrets.
    pub(crate) fn redact(&self, text: &str) -> String {
        self.running.redactor().redact(text).into_owned()
    }

    /// The directory of its files.
    pub(crate) fn home(&self) -> &Path {
        self.running.home()
    }

    /// Stops it in good order.
    pub(crate) async fn stop(self) {
        patiently("the gateway to stop", self.running.stop()).await;
    }
}
