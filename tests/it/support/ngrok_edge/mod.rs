//! ngrok's edge on loopback: what its agents connect to, and the public URL that it announces.
//!
//! It speaks the real protocol (TLS, muxado, one JSON object per call) and can do what networks and
//! people do to a tunnel. What happened is a log behind a watch channel: tests await it.

mod agent;
mod public;
mod wire;

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::{Gate, patiently};

pub(crate) use agent::Visit;
use agent::{Agent, Fate};

/// What an agent did, and what became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    /// It connected, and TLS stands.
    Connected,
    /// Its token was the right one.
    Admitted,
    /// It got an endpoint.
    Bound,
    /// It wants to give the endpoint back.
    Leaving,
    /// It gave the endpoint back.
    Unbound,
    /// It closed its connection in good order (TLS's `close_notify`).
    Goodbye,
    /// Its connection is gone.
    Ended,
}

/// How the edge answers.
struct Rules {
    token: String,
    /// Answers to the next greetings and to the next endpoints, in place of yes.
    refused_greetings: Vec<String>,
    refused_endpoints: Vec<String>,
    /// How many of the next endpoints get no answer.
    ignored_endpoints: usize,
    /// What endpoints that are given back wait for.
    way_out: Gate,
    url: String,
    client: String,
}

struct Shared {
    rules: Mutex<Rules>,
    log: watch::Sender<Vec<Event>>,
    calls: Mutex<Vec<(u32, Value)>>,
    /// The agent that has the endpoint.
    bound: watch::Sender<Option<Agent>>,
    fates: Mutex<Vec<Fate>>,
}

/// An edge; it ends when it is dropped.
pub(crate) struct Edge {
    shared: Arc<Shared>,
    address: SocketAddr,
    public: SocketAddr,
    accepting: Mutex<JoinHandle<()>>,
    /// Holds the port while nobody listens on it, so that nobody else gets it.
    held: Mutex<Option<TcpSocket>>,
    serving: JoinHandle<()>,
}

impl Edge {
    /// An edge that admits `token`.
    pub(crate) async fn start(token: &str) -> Self {
        let public = TcpListener::bind(any_port()).await.expect("a free port");
        let public_address = public.local_addr().expect("a bound listener");
        let way_out = Gate::new();
        way_out.open();
        let shared = Arc::new(Shared {
            rules: Mutex::new(Rules {
                token: token.to_owned(),
                refused_greetings: Vec::new(),
                refused_endpoints: Vec::new(),
                ignored_endpoints: 0,
                way_out,
                url: format!("http://{public_address}/"),
                client: "203.0.113.7:4711".to_owned(),
            }),
            log: watch::Sender::default(),
            calls: Mutex::default(),
            bound: watch::Sender::default(),
            fates: Mutex::default(),
        });
        let listener = TcpListener::bind(any_port()).await.expect("a free port");
        let address = listener.local_addr().expect("a bound listener");
        let accepting = tokio::spawn(agent::accept(listener, shared.clone()));
        Self {
            address,
            public: public_address,
            accepting: Mutex::new(accepting),
            held: Mutex::default(),
            serving: tokio::spawn(public::serve(public, shared.clone())),
            shared,
        }
    }

    /// Where agents connect, as a certificate names it.
    pub(crate) fn address(&self) -> String {
        format!("localhost:{}", self.address.port())
    }

    /// The authority that vouches for it.
    pub(crate) fn ca_file() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/tls/ca.pem")
    }

    /// Where the public URL leads.
    pub(crate) fn public(&self) -> SocketAddr {
        self.public
    }

    /// The URL announced to whom it binds from now on.
    pub(crate) fn announce(&self, url: &str) {
        url.clone_into(&mut self.rules().url);
    }

    /// Refuses as many of the next greetings, with these words.
    pub(crate) fn refuse_greetings(&self, count: usize, words: &str) {
        self.rules().refused_greetings = vec![words.to_owned(); count];
    }

    /// Refuses as many of the next endpoints, with these words.
    pub(crate) fn refuse_endpoints(&self, count: usize, words: &str) {
        self.rules().refused_endpoints = vec![words.to_owned(); count];
    }

    /// Does not answer as many of the next calls for an endpoint.
    pub(crate) fn ignore_endpoints(&self, count: usize) {
        self.rules().ignored_endpoints = count;
    }

    /// From now on an endpoint that is given back stays until the gate is opened.
    pub(crate) fn hold_endpoints(&self) -> Gate {
        let gate = Gate::new();
        self.rules().way_out = gate.clone();
        gate
    }

    /// What has happened so far.
    pub(crate) fn events(&self) -> Vec<Event> {
        self.shared.log.borrow().clone()
    }

    /// How often it has happened so far.
    pub(crate) fn count(&self, event: Event) -> usize {
        count(&self.shared.log.borrow(), event)
    }

    /// Waits until it has happened `times` times.
    pub(crate) async fn saw(&self, event: Event, times: usize) {
        let mut log = self.shared.log.subscribe();
        let seen = log.wait_for(|log| count(log, event) >= times);
        let what = format!("{event:?} for the {times}. time");
        patiently(&what, seen).await.expect("the log is held here");
    }

    /// The calls of type `kind` that agents made.
    pub(crate) fn calls(&self, kind: u32) -> Vec<Value> {
        let calls = lock(&self.shared.calls);
        let calls = calls.iter().filter(|(its, _)| *its == kind);
        calls.map(|(_, call)| call.clone()).collect()
    }

    /// Breaks all connections to agents.
    pub(crate) fn cut(&self) {
        for fate in lock(&self.shared.fates).drain(..) {
            fate.cut.cancel();
        }
    }

    /// From now on nothing goes to or comes from the agents that are connected, and nobody is told.
    pub(crate) fn freeze(&self) {
        for fate in lock(&self.shared.fates).iter() {
            fate.freeze.cancel();
        }
    }

    /// Refuses connections of agents from now on.
    pub(crate) async fn close_port(&self) {
        let stopped = std::mem::replace(&mut *lock(&self.accepting), tokio::spawn(async {}));
        stopped.abort();
        // An error says that it was aborted, which drops its listener.
        let _ = stopped.await;
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.set_reuseaddr(true).expect("a socket of ours");
        socket.bind(self.address).expect("a port of ours");
        *lock(&self.held) = Some(socket);
    }

    /// Takes connections of agents again.
    pub(crate) fn open_port(&self) {
        let socket = lock(&self.held).take().expect("a closed port");
        let listener = socket.listen(64).expect("a port of ours");
        *lock(&self.accepting) = tokio::spawn(agent::accept(listener, self.shared.clone()));
    }

    /// Orders the agent that has the endpoint to stop, restart or update; returns its answer.
    pub(crate) async fn order(&self, kind: u32, body: Value) -> Value {
        let agent = self.agent();
        patiently("an answer to an order", agent.call(kind, &body)).await
    }

    /// Tells the agent that has the endpoint that it has it no more.
    pub(crate) async fn stop_endpoint(&self, message: &str, code: Option<&str>) {
        let body = json!({"Id": agent::ENDPOINT, "Message": message, "ErrorCode": code});
        self.agent().tell(9, &body).await;
    }

    /// Asks the agent for a heartbeat.
    pub(crate) async fn heartbeat(&self) {
        let agent = self.agent();
        patiently("a heartbeat", agent.heartbeat()).await;
    }

    /// Opens a connection to the agent that no socket stands behind.
    pub(crate) async fn visit(&self) -> Visit {
        let agent = self.agent();
        let client = self.rules().client.clone();
        patiently("a stream", agent.visit(&client)).await
    }

    fn agent(&self) -> Agent {
        let bound = self.shared.bound.borrow().clone();
        bound.expect("an agent has the endpoint")
    }

    fn rules(&self) -> MutexGuard<'_, Rules> {
        lock(&self.shared.rules)
    }
}

impl Drop for Edge {
    fn drop(&mut self) {
        self.cut();
        self.serving.abort();
        lock(&self.accepting).abort();
    }
}

impl Shared {
    fn note(&self, event: Event) {
        self.log.send_modify(|log| log.push(event));
    }
}

/// A port of the system's choice on loopback.
fn any_port() -> SocketAddr {
    SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0))
}

fn count(log: &[Event], event: Event) -> usize {
    log.iter().filter(|its| **its == event).count()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("nobody panics while holding it")
}
