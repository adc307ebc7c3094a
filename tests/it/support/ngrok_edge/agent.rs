//! The edge's side of one session with an agent.

use std::sync::Arc;

use muxado::SessionBuilder;
use muxado::heartbeat::{Heartbeat, HeartbeatConfig, HeartbeatCtl};
use muxado::typed::{
    StreamType, Typed, TypedAccept as _, TypedOpenClose, TypedSession as _, TypedStream,
};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::wire::{Tap, cable};
use super::{Edge, Event, Shared, lock};

/// The id of every endpoint: there is one at a time.
pub(super) const ENDPOINT: &str = "tn_1";

/// More than an agent can take, so that tests find out what it does then.
const STREAMS: usize = 4096;

/// Bytes under way inside the edge.
const CABLE: usize = 64 * 1024;

/// A connection from the public side to the agent.
pub(crate) type Visit = TypedStream;

/// What is to become of a connection.
#[derive(Debug, Clone, Default)]
pub(super) struct Fate {
    pub(super) cut: CancellationToken,
    pub(super) freeze: CancellationToken,
}

/// A session, for opening streams in it.
#[derive(Clone)]
pub(super) struct Agent {
    open: Arc<Mutex<Box<dyn TypedOpenClose + Send>>>,
    heartbeats: Arc<HeartbeatCtl>,
}

impl Agent {
    pub(super) async fn visit(&self, client: &str) -> Visit {
        let header = json!({
            "Id": ENDPOINT, "ClientAddr": client, "Proto": "https", "EdgeType": "0", "PassthroughTLS": false,
        });
        let header = header.to_string();
        let length = i64::try_from(header.len()).expect("a short header");
        let mut stream = self.stream(3).await;
        let header = [&length.to_le_bytes()[..], header.as_bytes()].concat();
        let written = stream.write_all(&header).await;
        written.expect("an open session");
        stream
    }

    pub(super) async fn call(&self, kind: u32, body: &Value) -> Value {
        let mut stream = self.stream(kind).await;
        let text = body.to_string();
        stream
            .write_all(text.as_bytes())
            .await
            .expect("an open session");
        read_json(&mut stream).await.expect("an answer")
    }

    pub(super) async fn tell(&self, kind: u32, body: &Value) {
        let mut stream = self.stream(kind).await;
        let text = body.to_string();
        stream
            .write_all(text.as_bytes())
            .await
            .expect("an open session");
    }

    pub(super) async fn heartbeat(&self) {
        self.heartbeats.beat().await.expect("an open session");
    }

    async fn stream(&self, kind: u32) -> TypedStream {
        let mut open = self.open.lock().await;
        let stream = open.open_typed(StreamType::clamp(kind)).await;
        stream.expect("an open session")
    }
}

/// Takes agents for as long as it is polled; their sessions end with it.
pub(super) async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let acceptor = acceptor();
    while let Ok((socket, _)) = listener.accept().await {
        tokio::spawn(serve(socket, acceptor.clone(), shared.clone()));
    }
}

fn acceptor() -> TlsAcceptor {
    let folder = Edge::ca_file().with_file_name("");
    let chain = CertificateDer::pem_file_iter(folder.join("server.pem")).expect("a certificate");
    let chain = chain.collect::<Result<_, _>>().expect("certificates");
    let key = PrivateKeyDer::from_pem_file(folder.join("server.key")).expect("a key");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder =
        ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.expect("versions").with_no_client_auth();
    let config = builder.with_single_cert(chain, key);
    TlsAcceptor::from(Arc::new(config.expect("a key for the certificate")))
}

async fn serve(socket: TcpStream, acceptor: TlsAcceptor, shared: Arc<Shared>) {
    socket.set_nodelay(true).expect("an accepted socket");
    let fate = Fate::default();
    lock(&shared.fates).push(fate.clone());
    let (near, far) = tokio::io::duplex(CABLE);
    let mut tasks = JoinSet::new();
    tasks.spawn(cable(socket, far, fate));
    // An agent that does not trust the certificate ends the handshake.
    if let Ok(stream) = acceptor.accept(near).await {
        shared.note(Event::Connected);
        let goodbye = shared.clone();
        let tap = Tap::new(stream, move || goodbye.note(Event::Goodbye));
        converse(tap, &shared).await;
        shared.note(Event::Ended);
    }
}

/// Answers the calls of one agent until its session ends.
async fn converse<S>(stream: S, shared: &Arc<Shared>)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + 'static,
{
    let session = SessionBuilder::new(stream)
        .server()
        .stream_limit(STREAMS)
        .start();
    let started = Heartbeat::start(Typed::new(session), HeartbeatConfig::default()).await;
    let Ok((session, heartbeats)) = started else {
        return;
    };
    let (open, mut accept) = session.split_typed();
    let agent = Agent {
        open: Arc::new(Mutex::new(Box::new(open))),
        heartbeats: Arc::new(heartbeats),
    };
    let mut unanswered = Vec::new();
    while let Ok(mut stream) = accept.accept_typed().await {
        let Some(call) = read_json(&mut stream).await else {
            continue;
        };
        let kind = *stream.typ();
        lock(&shared.calls).push((kind, call.clone()));
        if kind == 1 && is_ignored(shared) {
            unanswered.push(stream);
            continue;
        }
        if kind == 2 {
            leave(shared).await;
        }
        let answer = answer(kind, &call, shared, &agent).to_string();
        // An agent that has left needs no answer.
        let _ = stream.write_all(answer.as_bytes()).await;
        let _ = stream.shutdown().await;
    }
    forget(shared, &agent);
}

/// An agent gives its endpoint back; they do so once more when they drop what they have closed.
async fn leave(shared: &Shared) {
    if shared.bound.borrow().is_some() {
        shared.note(Event::Leaving);
    }
    let way_out = lock(&shared.rules).way_out.clone();
    way_out.passed().await;
}

fn forget(shared: &Shared, agent: &Agent) {
    shared.bound.send_if_modified(|bound| {
        let is_its = bound
            .as_ref()
            .is_some_and(|its| Arc::ptr_eq(&its.open, &agent.open));
        bound.take_if(|_| is_its).is_some()
    });
}

fn is_ignored(shared: &Shared) -> bool {
    let left = &mut lock(&shared.rules).ignored_endpoints;
    let is_ignored = *left > 0;
    *left = left.saturating_sub(1);
    is_ignored
}

fn answer(kind: u32, call: &Value, shared: &Shared, agent: &Agent) -> Value {
    match kind {
        0 => greet(call, shared),
        1 => bind(call, shared, agent),
        2 => {
            let was_bound = shared.bound.borrow().is_some();
            forget(shared, agent);
            // Agents drop an endpoint after they have closed it, which makes them say so twice.
            if was_bound {
                shared.note(Event::Unbound);
            }
            json!({})
        }
        other => panic!("an agent made a call of type {other}: {call}"),
    }
}

fn greet(call: &Value, shared: &Shared) -> Value {
    let mut rules = lock(&shared.rules);
    if let Some(words) = rules.refused_greetings.pop() {
        return json!({ "Error": words });
    }
    let token = call["Extra"]["AuthToken"].as_str().unwrap_or_default();
    if token != rules.token {
        // The real edge quotes the token, too.
        let words =
            "The authtoken you specified does not look like a proper ngrok tunnel authtoken.";
        return json!({ "Error": format!("{words}\nYour authtoken: {token}\r\n\r\nERR_NGROK_105\r\n") });
    }
    shared.note(Event::Admitted);
    json!({"Version": "3", "ClientId": "s1", "Extra": {
        "Version": "prod", "Region": "us", "Cookie": "ck", "AccountName": "F", "SessionDuration": 0,
        "PlanName": "Free",
    }})
}

fn bind(call: &Value, shared: &Shared, agent: &Agent) -> Value {
    let mut rules = lock(&shared.rules);
    if let Some(words) = rules.refused_endpoints.pop() {
        return json!({ "Error": words });
    }
    shared.bound.send_replace(Some(agent.clone()));
    shared.note(Event::Bound);
    json!({"Id": ENDPOINT, "URL": rules.url, "Proto": call["Proto"], "Opts": call["Opts"],
        "Extra": {"Token": "t"}})
}

/// One JSON object: peers do not say where it ends.
async fn read_json(stream: &mut TypedStream) -> Option<Value> {
    let mut bytes = Vec::new();
    loop {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
        if let Ok(value) = serde_json::from_slice(&bytes) {
            return Some(value);
        }
    }
}
